// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The service page_protect. Handlers of faults do it all the time, so this file is compiled for
// speed (kernel/room.mk).

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/spin/service/act.h"

__attribute__((noinline)) static u64 protect_fully(u64 slot, space_id id, u64 va, u64 clear,
                                                   u64 set, struct engine_run *run) {
    i64 result;
    ACT(run, result, sys_space_protect(slot, id, va, 1, clear, set));
    return (u64)result;
}

// More is allowed than before for one page, by a capability for the space or its account: here.
// Nothing is to be flushed: a processor that has an old translation faults and looks again.
// Everything else, and every error, is for the full way.
static u64 page_protect(u64 slot, space_id id, u64 va, u64 clear, u64 set, struct engine_run *run) {
    const u64 must = ABI_PTE_P | (set & ABI_PTE_W ? ABI_PTE_MAY_W : 0);
    const struct env *env = service_owner(run)->env;
    const struct abi_space *space;
    u64 end, *entry, old;
    if (clear & ~ABI_PTE_SOFT || set & ~(ABI_PTE_SOFT | ABI_PTE_W | ABI_PTE_U) || !env ||
        !(space = cap_space_in(env->caps, slot, id, CAP_RIGHT_MAP, va)) ||
        !(entry = space_walk(space, va, &end)) || ((old = *entry) & must) != must ||
        !__atomic_compare_exchange_n(entry, &old, (old & ~clear) | set, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return protect_fully(slot, id, va, clear, set, run);
    return 1;
}

SERVICE(page_protect) = {
    {.name = "page_protect",
     .function = page_protect,
     .result = SERVICE_NUMBER,
     .arguments = {SERVICE_NUMBER, SERVICE_NUMBER, SERVICE_NUMBER, SERVICE_NUMBER, SERVICE_NUMBER},
     .argument_count = 5,
     .prototype = "s64(u64,u64,u64,u64,u64)"},
    SERVICE_OWNER};
