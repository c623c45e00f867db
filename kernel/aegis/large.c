// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Large mappings. See large.h.

#include "kernel/aegis/large.h"

#include "kernel/aegis/rmap.h"
#include "kernel/aegis/space_priv.h"

u64 *large_entry(const struct abi_space *space, u64 va, u64 *bytes) {
    u64 *table = sal_frame(space->root);
    for (u32 shift = SLOT_SHIFT; shift >= 21; shift -= 9) {
        u64 *entry = &table[va >> shift & 511];
        if (!(*entry & ABI_PTE_P))
            return 0;
        if (*entry & ABI_PTE_PS) {
            *bytes = 1ul << shift;
            return entry;
        }
        table = sal_virt(*entry & ABI_PTE_FRAME_MASK);
    }
    return 0;
}

u64 *large_entry_small(const struct abi_space *space, u64 va) {
    u64 bytes, *entry = large_entry(space, va, &bytes);
    if (!entry || bytes == LARGE_BYTES)
        return entry;
    large_split_giga(entry);
    return large_entry(space, va, &bytes);
}

static struct abi_frame *row_of_table(const u64 *entry) {
    return frame_row(sal_phys(entry) >> ABI_PAGE_SHIFT);
}

void large_keep(const u64 *entry, pfn_t table) {
    struct abi_frame *above = row_of_table(entry);
    frame_row(table)->entry = above->entry;
    above->entry = table;
}

// Takes the table for an address out of the list.
static pfn_t kept_take(struct abi_frame *above, u64 va) {
    struct abi_frame *before = above;
    pfn_t table;
    for (; (table = before->entry) && frame_row(table)->where != va; before = frame_row(table))
        ;
    ASSERT(table);
    before->entry = frame_row(table)->entry;
    frame_row(table)->entry = 0;
    return table;
}

// A and D that a processor sets until the entry changes go to all 512.
void large_split_giga(u64 *entry) {
    struct abi_frame *above = row_of_table(entry);
    u64 index = (u64)entry >> 3 & 511, link = ABI_PTE_P | ABI_PTE_W | ABI_PTE_U, late;
    pfn_t table = kept_take(above, above->where + index * GIGA_BYTES);
    u64 *small = sal_frame(table), old = *entry;
    for (u64 i = 0; i < 512; i++)
        small[i] = old + i * LARGE_BYTES;
    late = __atomic_exchange_n(entry, table << ABI_PAGE_SHIFT | link, __ATOMIC_SEQ_CST) & ~old;
    for (u64 i = 0; late && i < 512; i++)
        __atomic_fetch_or(&small[i], late, __ATOMIC_SEQ_CST);
}

i64 large_map(struct abi_space *space, u64 va, pfn_t first, u64 bits) {
    u64 *entry;
    i64 error = space_upper_make(space, va, &entry);
    if (error)
        return error;
    if (*entry & ABI_PTE_P)
        return -E_EXIST;
    struct abi_frame *rows = frame_row(first);
    for (u64 i = 0; i < LARGE_PAGES; i++)
        if (rows[i].maps == ~0u)
            return -E_LIMIT;
    for (u64 i = 0; i < LARGE_PAGES; i++)
        (void)rmap_add(&rows[i], entry, space, va);
    u32 index = (u64)entry >> 3 & 511;
    table_note(entry - index, index, index);
    __atomic_store_n(entry, first << ABI_PAGE_SHIFT | bits | ABI_PTE_PS, __ATOMIC_RELEASE);
    return 0;
}

// How many frames from one on, of one account, are mapped by nothing else and go with it.
static u64 going(pfn_t first, u64 count) {
    const struct abi_frame *row = frame_row(first);
    const account_id owner = row->owner;
    u64 i = 0;
    for (; i < count && frame_is_plain(row, 1) && row->flags == FRAME_AUTO && row->owner == owner;
         i++)
        row++;
    return i;
}

void large_unmap(u64 entry) {
    pfn_t first = ABI_PTE_FRAME(entry);
    for (u64 i = 0; i < LARGE_PAGES;) {
        u64 count = going(first + i, LARGE_PAGES - i);
        if (count)
            frame_give_run(first + i, count);
        else
            frame_unmap(first + i);
        i += count ? count : 1;
    }
}
