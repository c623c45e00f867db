// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Reverse maps: from a frame to the page-table entries that name it (docs/decisions/005).
//
// Nothing is allocated, and mapping costs a few instructions. A frame's row remembers an entry that
// named it once, and in `where` a superset of the places of all mappings: which 2 MiB of a space,
// by 32 bits, and which spaces, by 32 marks; tables that spaces share are always looked at. If the
// remembered entry is the only one, that is the answer; otherwise the leaf tables that `where`
// allows are searched, some at a time.
//
// Invariants: while maps is not 0, `where` has the bits of every mapping; a frame whose search was
// left unfinished is FRAME_LOST, and no new mapping of it is made until the search ends.

#ifndef KERNEL_AEGIS_RMAP_H
#define KERNEL_AEGIS_RMAP_H

#include "kernel/aegis/frame.h"
#include "kernel/aegis/space.h"

extern u32 rmap_lost; // how many frames are FRAME_LOST

// The bits of a mapping at va.
static inline u64 rmap_place(const struct abi_space *space, u64 va) {
    return space->mark | 1u << (va >> 21 & 31);
}

// An entry, at a place, names the frame from now on. Returns 0 if there can't be so many.
static inline int rmap_add_at(struct abi_frame *row, const u64 *entry, u64 place) {
    row->where |= place;
    row->entry = (u64)entry;
    if (__builtin_expect(++row->maps != 0, 1))
        return 1;
    row->maps--;
    return 0;
}

static inline int rmap_add(struct abi_frame *row, const u64 *entry, const struct abi_space *space,
                           u64 va) {
    return rmap_add_at(row, entry, rmap_place(space, va));
}

// The entry that maps a frame, if it is known and the only one; otherwise null.
u64 *rmap_only(pfn_t pfn);

// Removes all mappings of a program's frame, and the upcall stacks there with their envs stopped,
// as much of it as *work allows, which it lessens; the frame is not freed. Returns 0 if something
// is left: then it is FRAME_LOST and the caller asks again. Pins by frame_pin stay.
int rmap_break(pfn_t pfn, i64 *work);
#define RMAP_WORK 640 // for one call; units of some twenty instructions

// A FRAME_LOST frame is one no more.
void rmap_forget(pfn_t pfn);

#endif
