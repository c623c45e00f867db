// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Large mappings. See large.h.

#include "kernel/aegis/large.h"

#include "kernel/aegis/rmap.h"
#include "kernel/aegis/space_priv.h"

u64 *large_entry(const struct abi_space *space, u64 va) {
    u64 *table = sal_frame(space->root);
    for (u32 shift = SLOT_SHIFT; shift >= 21; shift -= 9) {
        u64 *entry = &table[va >> shift & 511];
        if (!(*entry & ABI_PTE_P))
            return 0;
        if (*entry & ABI_PTE_PS)
            return entry;
        table = sal_virt(*entry & ABI_PTE_FRAME_MASK);
    }
    return 0;
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

void large_unmap(u64 entry) {
    pfn_t first = ABI_PTE_FRAME(entry);
    for (u64 i = 0; i < LARGE_PAGES; i++)
        frame_unmap(first + i);
}
