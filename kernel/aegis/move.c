// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Moving mappings within a space. A frame has as many mappings after it as before; the one flush,
// of the range that was left, comes at the end, with the kernel lock held all the time: until then
// a processor may still use the frame by its old address, whose owner is the same.

#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/range_priv.h"
#include "kernel/aegis/rmap.h"
#include "kernel/aegis/space_priv.h"

#define MOVES_PER_CALL 256

// The place that an entry leaves is not forgotten: `where` is a superset.
static i64 move_one(struct abi_space *space, u64 *source, u64 va) {
    u64 *target;
    struct abi_frame *row = frame_row(ABI_PTE_FRAME(*source));
    if (row->kind == FRAME_LOST)
        return -E_BUSY;
    i64 error = space_entry_find(space, va, &target);
    if (error)
        return error;
    if (*target & ABI_PTE_P)
        return -E_EXIST;
    row->where |= rmap_place(space, va);
    row->entry = (u64)target;
    // Another processor may set A and D up to the moment in which the entry is gone.
    *target = __atomic_exchange_n(source, 0, __ATOMIC_SEQ_CST);
    return 0;
}

// A large mapping, all of it, to a place aligned alike.
static i64 move_large(struct abi_space *space, u64 *source, u64 va) {
    struct abi_frame *rows = frame_row(ABI_PTE_FRAME(*source));
    u64 *target, place = rmap_place(space, va);
    if (va & (LARGE_BYTES - 1))
        return -E_ALIGN;
    for (u64 i = 0; i < LARGE_PAGES; i++)
        if (rows[i].kind == FRAME_LOST)
            return -E_BUSY;
    i64 error = space_upper_make(space, va, &target);
    if (error)
        return error;
    if (*target & ABI_PTE_P)
        return -E_EXIST;
    for (u64 i = 0; i < LARGE_PAGES; i++)
        rows[i].where |= place;
    u32 index = (u64)target >> 3 & 511;
    table_note(target - index, index, index);
    *target = __atomic_exchange_n(source, 0, __ATOMIC_SEQ_CST);
    return 0;
}

i64 sys_space_move(u64 cap, space_id id, u64 from, u64 to, u64 count) {
    struct abi_space *space;
    i64 error = cap_check_space(cap, id, CAP_RIGHT_MAP, &space);
    if (!error)
        error = space_check_range(from, count);
    if (!error)
        error = space_check_range(to, count);
    if (error)
        return error;
    u64 bytes = count << ABI_PAGE_SHIFT, done = 0, end;
    if (from < to + bytes && to < from + bytes)
        return -E_INVAL;
    for (u64 work = 0; done < count && work < MOVES_PER_CALL && !error; work++) {
        u64 at = done << ABI_PAGE_SHIFT, *source = space_walk(space, from + at, &end), *large;
        if (!source) {
            u64 hole = (end - from - at) >> ABI_PAGE_SHIFT;
            error = large_whole(space, from + at, count - done, &large);
            if (!error && large)
                error = move_large(space, large, to + at);
            if (error)
                break;
            if (large) {
                done += LARGE_PAGES;
                work += MOVES_PER_CALL / 2;
                continue;
            }
            done += hole < count - done ? hole : count - done;
            continue;
        }
        error = *source & ABI_PTE_P ? move_one(space, source, to + at) : 0;
        done += !error;
    }
    if (done)
        tlb_flush(space, from, done);
    return error ? error : (i64)done;
}
