// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the files of spaces share.

#ifndef KERNEL_AEGIS_SPACE_PRIV_H
#define KERNEL_AEGIS_SPACE_PRIV_H

#include "abi/pte.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"

// In an entry of the top-level table: the table below is shared with other spaces (space_share).
// Its row's maps counts the spaces that have it; it and tables below it are not counted in
// space->tables. Shared or not, the row's cursor counts them.
#define SLOT_SHARED ABI_PTE_S0
#define SLOT_SHIFT  39
static inline u64 *space_slot(const struct abi_space *space, u64 va) {
    u64 *root = sal_frame(space->root);
    return &root[va >> SLOT_SHIFT];
}

// The entry for a user address, its tables made and paid for as needed. E_NOMEM.
i64 space_entry_make(struct abi_space *space, u64 va, u64 **entry);
// The same of the level above: the entry for the 2 MiB that it lies in.
i64 space_upper_make(struct abi_space *space, u64 va, u64 **entry);
// Makes the frame, which is zero, a table of the space for what va lies in at a level; not yet
// entered there.
void space_table_begin(struct abi_space *space, pfn_t pfn, u64 va, u32 shift);
// The opposite, of a table that is entered nowhere any more, flushed, and zero.
void space_table_end(struct abi_space *space, pfn_t pfn, u64 va);
// The entry for a user address, or null if its tables are missing or it is mapped large. *end: the
// first address that the leaf table, or the part of the tree that is missing, does not cover.
static inline u64 *space_walk(const struct abi_space *space, u64 va, u64 *end) {
    u64 *table = sal_frame(space->root);
    for (u32 shift = SLOT_SHIFT; shift > ABI_PAGE_SHIFT; shift -= 9) {
        u64 entry = table[va >> shift & 511], wrong = ~entry & ABI_PTE_P;
        if (shift < SLOT_SHIFT) {
            entry ^= ABI_PTE_P;
            __asm__("" : "+r"(entry)); // one test for both bits; the compiler would take it apart
            wrong = entry & (ABI_PTE_P | ABI_PTE_PS); // large mappings: large.h
        }
        if (wrong) {
            *end = ((va >> shift) + 1) << shift;
            return 0;
        }
        table = sal_virt(entry & ABI_PTE_FRAME_MASK);
    }
    *end = ((va >> 21) + 1) << 21;
    table += va >> ABI_PAGE_SHIFT & 511;
    if (!table)
        __builtin_unreachable();
    return table;
}
// The entry, for 2^shift bytes, that va lies in, whatever it is; null if a table above is missing.
static inline u64 *space_above(const struct abi_space *space, u64 va, u32 shift) {
    u64 *table = sal_frame(space->root);
    for (u32 at = SLOT_SHIFT; at > shift; at -= 9) {
        u64 entry = table[va >> at & 511];
        if ((entry & ABI_PTE_P) == 0 || entry & ABI_PTE_PS)
            return 0;
        table = sal_virt(entry & ABI_PTE_FRAME_MASK);
    }
    return &table[va >> shift & 511];
}
// A table remembers in its frame's row (next, unused while the frame is owned) which of its entries
// were ever written, so that tearing it down need not look at the others: the bound above in the
// low half, 512 less the lowest in the high half.
__attribute__((always_inline)) static inline void table_note(u64 *table, u32 low, u32 high) {
    struct abi_frame *row = frame_row(((u64)table - (u64)sal_virt(0)) >> ABI_PAGE_SHIFT);
    u32 from = 512 - low, to = high + 1, seen = row->next;
    if (from <= seen >> 16 && to <= (seen & 0xffff))
        return;
    if (from > seen >> 16)
        seen = from << 16 | (seen & 0xffff);
    if (to > (seen & 0xffff))
        seen = (seen & 0xffff0000) | to;
    row->next = seen;
}
// The same of one entry.
static inline void table_note_one(const u64 *entry) {
    u32 index = (u64)entry >> 3 & 511, seen = frame_row(sal_phys(entry) >> ABI_PAGE_SHIFT)->next;
    if (__builtin_expect(index + (seen >> 16) < 512 || index >= (seen & 0xffff), 0))
        table_note((u64 *)entry - index, index, index);
}
// The entries of a table that may be present.
struct used {
    u32 at, end;
};
static inline struct used table_used(pfn_t pfn) {
    u32 seen = frame_row(pfn)->next;
    return (struct used){512 - (seen >> 16), seen & 0xffff};
}
// From i on, the first entry that is present, or n. Tables are sparse: four are looked at at once.
static inline u64 table_next(const u64 *table, u64 i, u64 n) {
    while (i + 4 <= n && !((table[i] | table[i + 1] | table[i + 2] | table[i + 3]) & ABI_PTE_P))
        i += 4;
    while (i < n && !(table[i] & ABI_PTE_P))
        i++;
    return i;
}
// space_entry_make, quick where the tables are there.
static inline i64 space_entry_find(struct abi_space *space, u64 va, u64 **entry) {
    u64 end;
    u32 index = va >> ABI_PAGE_SHIFT & 511;
    *entry = space_walk(space, va, &end);
    if (!*entry)
        return space_entry_make(space, va, entry);
    table_note(*entry - index, index, index);
    return 0;
}
// The first leaf table that maps anything at or after *va; *va becomes its first address, or stays
// inside it. 0: there is none, and *va is ABI_USER_END, or none was found yet, and *va is where to
// go on.
pfn_t space_leaf_after(const struct abi_space *space, u64 *va);
// E_ALIGN, E_RANGE.
i64 space_check_range(u64 va, u64 pages);
// One entry less names the frame; the translations are flushed already.
void frame_unmap(pfn_t pfn);

#endif
