// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Calls on slices. A slice is free (owner 0) or owned by an account, which says what env runs in
// it.

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/sched_priv.h"

i64 sys_slice_alloc(u64 caps, account_id id, u64 first, u64 count) {
    struct abi_account *account;
    i64 error = cap_check_kind((u32)caps, CAP_SLICES, 0);
    if (!error)
        error = cap_check_slices((u32)caps, first, count, CAP_RIGHT_ALLOC);
    if (!error)
        error = cap_check_account(caps >> 32, id, CAP_RIGHT_ALLOC, &account);
    if (error)
        return error;
    for (u64 i = 0; i < count; i++)
        if (sched_slices()[first + i].owner)
            return -E_BUSY;
    for (u64 i = 0; i < count; i++)
        sched_slice_own(first + i, id);
    return 0;
}

i64 sys_slice_free(u64 cap, u64 first, u64 count) {
    i64 error = cap_check_slices(cap, first, count, CAP_RIGHT_DESTROY);
    if (error)
        return error;
    for (u64 i = 0; i < count; i++)
        sched_slice_own(first + i, 0);
    return 0;
}

i64 sys_slice_assign(u64 caps, u64 slice, env_id id) {
    struct env *env = 0;
    i64 error = cap_check_slices((u32)caps, slice, 1, CAP_RIGHT_CONTROL);
    if (!error && id)
        error = cap_check_env(caps >> 32, id, CAP_RIGHT_CONTROL, &env);
    return error ? error : sched_assign(slice, env);
}
