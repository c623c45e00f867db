// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Frames: physical pages, by number. The table of struct abi_frame is the truth and is exposed.
//
// A frame is FREE (in the free list, which runs through next and maps), or owned by an account that
// pays for it. It becomes free again only when nothing maps or pins it and every processor has
// forgotten its translations.

#ifndef KERNEL_AEGIS_FRAME_H
#define KERNEL_AEGIS_FRAME_H

#include "kernel/aegis/object.h"

// Boot: the table; then, when nothing more is taken by sal_boot_alloc, the free list.
void frame_init(void);
void frame_init_free(void);

static inline struct abi_frame *frame_row(pfn_t pfn) {
    extern struct abi_frame *frame_rows;
    return frame_rows + pfn;
}
extern u64 frame_count;

// Whether it is a program's: not the kernel's, a page table's or an env's.
// That frame_free gives back at a time, and frame_unpin; beyond them they give CALL_AGAIN.
#define FRAMES_PER_PIECE 128u

struct cap;
// Whether a capability covers each frame of a range, FRAME_LOST ones too. E_STALE, E_RIGHTS.
i64 frame_check_covered(const struct cap *cap, pfn_t first, u64 count);

static inline int frame_is_program(const struct abi_frame *row) {
    return row->kind == FRAME_USER || row->kind == FRAME_MODULE || row->kind == FRAME_LOST;
}

// Takes any free frame and charges it; zeroed unless dirty and this account had it last. E_NOMEM.
i64 frame_take(account_id account, enum frame_kind kind, u32 flags, int dirty, pfn_t *pfn);
// The same for an account that is known; 0: none is free, or no quota.
pfn_t frame_take_for(struct abi_account *account, enum frame_kind kind, u32 flags, int dirty);
// Takes a particular one. E_BUSY, E_NOMEM.
i64 frame_take_named(account_id account, pfn_t pfn, u32 flags, int dirty);
// Gives a frame back and refunds its owner. Not mapped, not pinned.
void frame_give(pfn_t pfn);
// The same of a frame that holds nothing but zeros.
void frame_give_zero(pfn_t pfn);
// The same as frame_give of frames of programs, all of one account, that are not FRAME_LOST.
void frame_give_plain(const pfn_t *pfn, u32 count);
// The same of frames that follow each other.
void frame_give_run(pfn_t first, u64 count);
// A program's frame that is not pinned, and mapped so often.
static inline int frame_is_plain(const struct abi_frame *row, u32 maps) {
    return row->maps == maps && row->kind + ((u32)row->pins << 16) == FRAME_USER;
}
// Gives back all of an account's; those that others map go to its parent, to be freed with the last
// mapping. E_AGAIN.
i64 frame_give_all(account_id account);

// Copies the contents.
void frame_copy(pfn_t to, pfn_t from);
// E_RANGE: no such frames, or too many for one call.
i64 frame_check_range(pfn_t first, u64 count);
// Where a search through all frames goes on.
pfn_t *frame_sweep(void);

#define FRAME_PINS_MAX 0xff00 // nobody pins a frame more often

// The present count of allocations: capabilities minted now hold frames taken up to now.
u64 frame_epoch(void);

#endif
