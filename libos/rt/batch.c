// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Resuming batches and ranges, see batch.h.

#include "libos/rt/batch.h"
#include "abi/errors.h"
#include "abi/layout.h"
#include "gen/syscalls_batch.h"
#include "gen/syscalls_user.h"
#include <stdbool.h>

// Which argument of a call on a range of pages is its count; 0: the call has no range and is whole
// when it succeeds.
static unsigned range_count_argument(u32 call) {
    switch (call) {
    case SYS_space_map:
        return 4;
    case SYS_space_unmap:
    case SYS_space_protect:
    case SYS_space_copy:
        return 3;
    default:
        return 0;
    }
}

// Takes the pages off that the kernel has done; true if nothing is left.
static bool op_advance(struct batch_op *op) {
    unsigned at = range_count_argument(op->call);
    if (!at)
        return true;
    u64 done = (u64)op->result;
    if (done >= op->args[at])
        return true;
    op->args[at] -= done;
    op->args[2] += done << ABI_PAGE_SHIFT;
    if (op->call == SYS_space_map && op->args[3] != ABI_ANY)
        op->args[3] += done;
    return false;
}

i64 rt_batch_run(struct batch_op *ops, u64 count, u64 *done) {
    u64 at = 0;
    i64 error = 0;
    while (at < count && !error) {
        u64 turn = count - at < ABI_BATCH_MAX ? count - at : ABI_BATCH_MAX;
        for (u64 i = at; i < at + turn; i++)
            ops[i].result = 0;
        i64 n = sys_batch((u64)&ops[at], turn);
        if (n < 0) {
            error = n;
            break;
        }
        at += (u64)n;
        if ((u64)n == turn || at == count)
            continue;
        // Stopped before its end: at a failure, in the middle of a range, or before the next one
        // began (result 0 then).
        if (ops[at].result < 0 && ops[at].result != -E_AGAIN)
            error = ops[at].result;
        else if (ops[at].result > 0 && op_advance(&ops[at]))
            at++;
    }
    if (done)
        *done = at;
    return error;
}

i64 rt_space_map(u64 caps, space_id space, u64 va, pfn_t first, u64 count, u64 flags) {
    while (count) {
        i64 n = sys_space_map(caps, space, va, first, count, flags);
        if (n < 0)
            return n;
        va += (u64)n << ABI_PAGE_SHIFT;
        count -= (u64)n;
        if (first != ABI_ANY)
            first += (u64)n;
    }
    return 0;
}

i64 rt_space_unmap(u64 cap, space_id space, u64 va, u64 count) {
    while (count) {
        i64 n = sys_space_unmap(cap, space, va, count);
        if (n < 0)
            return n;
        va += (u64)n << ABI_PAGE_SHIFT;
        count -= (u64)n;
    }
    return 0;
}
