// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Figures about machine and pod, see system.h.

#include "libos/exos/fs/system.h"

#include "abi/tables.h"
#include "base/string.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/time.h"

struct system_memory system_memory(void) {
    u64 spare = pod_pages_free();
    return (struct system_memory){
        .total = ABI_INFO->frames << ABI_PAGE_SHIFT,
        .free = (ABI_INFO->free_frames + spare) << ABI_PAGE_SHIFT,
        .files = (pod_pages_total() - spare) << ABI_PAGE_SHIFT,
    };
}

u64 system_cpu_idle_ns(u32 cpu) {
    const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, cpu);
    return time_from_tsc_delta(row->idle);
}

extern char exos_hostname[65]; // sethostname's

const struct linux_utsname *system_name(void) {
    static struct linux_utsname name = {.sysname = "Linux",
                                        .release = "6.1.0-tricolor",
                                        .version = "#1 SMP Tricolor ExOS",
                                        .machine = "x86_64",
                                        .domainname = "(none)"};
    string_copy(name.nodename, exos_hostname, sizeof(name.nodename));
    return &name;
}
