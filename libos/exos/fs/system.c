// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Figures about machine and pod, see system.h.

#include "libos/exos/fs/system.h"

#include "abi/tables.h"
#include "base/string.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/time.h"

struct system_memory system_memory(void) {
    u64 spare = pod_pages_free();
    return (struct system_memory){
        .total = ABI_INFO->frames << ABI_PAGE_SHIFT,
        .free = (ABI_INFO->free_frames + spare) << ABI_PAGE_SHIFT,
        .files = memfile_pages << ABI_PAGE_SHIFT,
    };
}

// The kernel adds to a processor's idle time when the idling ends. So that neither idle nor busy
// time ever goes back, what an idling processor has spent since the last look counts as idle at
// once (`ahead`), and is taken off what the kernel adds later.
u64 system_cpu_idle_ns(u32 cpu) {
    static struct { u64 seen_at, row, idle, ahead; } cpus[ABI_CPUS_MAX];
    const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, cpu);
    u64 now = time_monotonic(), total = time_from_tsc_delta(row->idle);
    u64 passed = now - cpus[cpu].seen_at, added = total - cpus[cpu].row;
    u64 idle = added > cpus[cpu].ahead ? added - cpus[cpu].ahead : 0;
    cpus[cpu].ahead -= added < cpus[cpu].ahead ? added : cpus[cpu].ahead;
    if (!row->env && passed > idle) {
        cpus[cpu].ahead += passed - idle;
        idle = passed;
    }
    cpus[cpu].idle += idle < passed ? idle : passed;
    cpus[cpu].seen_at = now;
    cpus[cpu].row = total;
    return cpus[cpu].idle;
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
