// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Stacks of strands: slots of SLOT_PAGES in the SAL_STRANDS window, the upper STRAND_STACK_PAGES of
// which are mapped while the slot is taken; below lies nothing, for what overflows.
//
// A slot that is given back is not flushed from the processors' TLBs: nothing uses its addresses
// until it is taken again, and then each processor flushes it before it runs there for the first
// time (strand->flushed). So taking and giving needs no interrupt between processors.

#include "abi/pte.h"
#include "base/string.h"
#include "kernel/aegis/frame.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/strand_priv.h"

#define SLOT_PAGES 8ul
#define STRUCTURE  ((sizeof(struct strand) + 63) & ~63ul)
_Static_assert(STRUCTURE <= ABI_PAGE / 2, "most of the stack is for the stack");

static u64 *entries;   // of the window
static u32 *slot_next; // free slots: slot + 1
static u32 slot_free;

u32 stack_init(void) {
    u64 count = sal_machine.frames / 64;
    count = count < 64 ? 64 : count > 4096 ? 4096 : count;
    entries = sal_window_reserve(SAL_STRANDS, count * SLOT_PAGES);
    u64 bytes = count * sizeof *slot_next;
    slot_next = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    for (u32 i = 0; i < count; i++)
        slot_next[i] = i + 1 < count ? i + 2 : 0;
    slot_free = 1;
    return (u32)count + 1;
}

static u64 slot_va(u32 slot) {
    return SAL_STRANDS + slot * SLOT_PAGES * ABI_PAGE;
}

static u64 *slot_entries(u32 slot) {
    return entries + slot * SLOT_PAGES + (SLOT_PAGES - STRAND_STACK_PAGES);
}

u64 stack_top(const struct strand *strand) {
    return slot_va(strand->slot + 1) - STRUCTURE;
}

u64 stack_low(const struct strand *strand) {
    return slot_va(strand->slot + 1) - STRAND_STACK_PAGES * ABI_PAGE;
}

static void frames_give(const u64 *entry, u64 count) {
    for (u64 i = 0; i < count; i++)
        frame_give(ABI_PTE_FRAME(entry[i]));
}

i64 stack_take(account_id account, struct strand **strand) {
    const u64 bits = ABI_PTE_P | ABI_PTE_W | ABI_PTE_A | ABI_PTE_D | ABI_PTE_NX;
    u64 made[STRAND_STACK_PAGES];
    pfn_t pfn;
    if (!slot_free)
        return -E_FULL;
    for (u64 i = 0; i < STRAND_STACK_PAGES; i++) {
        i64 error = frame_take(account, FRAME_EXT, 0, 1, &pfn);
        if (error) {
            frames_give(made, i);
            return error;
        }
        made[i] = pfn << ABI_PAGE_SHIFT | bits;
    }
    u32 slot = slot_free - 1;
    slot_free = slot_next[slot];
    memcpy(slot_entries(slot), made, sizeof made);
    *strand = (struct strand *)((u8 *)sal_frame(pfn) + ABI_PAGE - STRUCTURE);
    memset(*strand, 0, sizeof **strand);
    (*strand)->slot = slot;
    return 0;
}

void stack_give(struct strand *strand) {
    u32 slot = strand->slot;
    u64 *entry = slot_entries(slot);
    frames_give(entry, STRAND_STACK_PAGES);
    memset(entry, 0, STRAND_STACK_PAGES * sizeof *entry);
    slot_next[slot] = slot_free;
    slot_free = slot + 1;
}

void stack_flush_slowly(struct strand *strand) {
    for (u64 at = stack_low(strand); at < slot_va(strand->slot + 1); at += ABI_PAGE)
        sal_tlb_flush_page(at);
    strand->flushed |= 1ul << cpu_this()->number;
}
