// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See frames.h.

#include "libos/rt/frames.h"

#include "abi/errors.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"

// The last of count frames from first that is not free, or 0 if all are.
static pfn_t taken_of(pfn_t first, u64 count) {
    for (pfn_t pfn = first + count; pfn-- > first;)
        if (((const volatile struct abi_frame *)abi_row(ABI_TABLE_FRAMES, pfn))->kind != FRAME_FREE)
            return pfn;
    return 0;
}

// Tries first, first + step, ... : count frames each.
static i64 take_some(u64 cap, account_id account, pfn_t first, u64 step, u64 count, u64 flags) {
    for (; first + count <= ABI_INFO->frames; first += step) {
        if (!first || taken_of(first, count))
            continue;
        i64 taken = sys_frame_alloc(cap, account, first, count, flags);
        if (taken != -E_BUSY)
            return taken;
    }
    return -E_NOMEM;
}

i64 rt_frame_run(u64 cap, account_id account, u32 order, u64 flags) {
    u64 count = 1ul << order;
    return order > 9 ? -E_RANGE : take_some(cap, account, 0, count, count, flags);
}

i64 rt_frame_colour(u64 cap, account_id account, u64 colour, u64 colours, u64 flags) {
    if (!colours || colour >= colours)
        return -E_RANGE;
    return take_some(cap, account, colour, colours, 1, flags);
}
