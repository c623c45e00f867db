// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Joining 512 neighbouring mappings to one that is 512 times as large, and splitting it again: 4
// KiB and 2 MiB, 2 MiB and 1 GiB. What is mapped does not change, nor do the frames' counts; only A
// and D become those of the whole.
//
// While an entry changes other processors may use the old translations or the new ones, which say
// the same; the old ones are gone before the table that they came from is anything else.

#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/large.h"
#include "kernel/aegis/range_priv.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/sal/sal.h"

#define LINK (ABI_PTE_P | ABI_PTE_W | ABI_PTE_U)
#define USED (ABI_PTE_A | ABI_PTE_D)

// What the entry for all of a table's entries would be, but for A and D; 0 if they are not of one
// kind, or their frames do not follow each other from an aligned one on. They stand for 2^shift
// bytes each.
static u64 joined(const u64 *table, u32 shift) {
    u64 kind = shift == ABI_PAGE_SHIFT ? 0 : ABI_PTE_PS, first = table[0] & ~USED;
    if ((first & (ABI_PTE_P | ABI_PTE_PS)) != (ABI_PTE_P | kind) ||
        first & ABI_PTE_FRAME_MASK & ((512ul << shift) - 1))
        return 0;
    for (u64 i = 1; i < 512; i++)
        if ((table[i] & ~USED) != first + (i << shift))
            return 0;
    return first | ABI_PTE_PS;
}

static i64 join(struct abi_space *space, u64 va, u32 shift) {
    u64 *entry = space_above(space, va, shift + 9), used = 0;
    if (!entry || (*entry & (ABI_PTE_P | ABI_PTE_PS)) != ABI_PTE_P)
        return -E_INVAL;
    pfn_t pfn = ABI_PTE_FRAME(*entry);
    u64 *table = sal_frame(pfn), whole = joined(table, shift);
    if (!whole)
        return -E_INVAL;
    __atomic_store_n(entry, whole, __ATOMIC_SEQ_CST);
    tlb_flush_tables(space, va, 1);
    for (u64 i = 0; i < 512; i++) // nobody sets them any more
        used |= table[i] & USED;
    __atomic_fetch_or(entry, used, __ATOMIC_SEQ_CST);
    if (shift == ABI_PAGE_SHIFT) {
        sal_page_clear(table);
        space_table_end(space, pfn, va);
    } else {
        large_keep(entry, pfn);
    }
    return 0;
}

static i64 split(struct abi_space *space, u64 va, u64 *entry) {
    pfn_t pfn;
    i64 error = frame_take(space->account, FRAME_TABLE, 0, 0, &pfn);
    if (error)
        return error;
    u64 *table = sal_frame(pfn), old = *entry, late;
    for (u64 i = 0; i < 512; i++)
        table[i] = (old & ~ABI_PTE_PS) + (i << ABI_PAGE_SHIFT);
    space_table_begin(space, pfn, va, 21);
    table_note(table, 0, 511);
    late = __atomic_exchange_n(entry, pfn << ABI_PAGE_SHIFT | LINK, __ATOMIC_SEQ_CST) & ~old;
    for (u64 i = 0; late && i < 512; i++)
        __atomic_fetch_or(&table[i], late, __ATOMIC_SEQ_CST);
    return 0;
}

// The level that is meant: log2 of the bytes of each of the 512.
static i64 join_check(u64 cap, space_id id, u64 va, u64 count, struct abi_space **space,
                      u32 *shift) {
    i64 error = range_space(cap, id, va, space);
    if (!error)
        error = space_check_range(va, count);
    if (error)
        return error;
    if (count != LARGE_PAGES && count != GIGA_PAGES)
        return -E_INVAL;
    *shift = count == LARGE_PAGES ? ABI_PAGE_SHIFT : 21;
    return va & ((512ul << *shift) - 1) ? -E_ALIGN : 0;
}

i64 sys_space_join(u64 cap, space_id id, u64 va, u64 count) {
    struct abi_space *space;
    u32 shift;
    i64 error = join_check(cap, id, va, count, &space, &shift);
    if (!error && count == GIGA_PAGES && !(sal_machine.features & ABI_FEATURE_GIGA))
        error = -E_INVAL;
    return error ? error : join(space, va, shift);
}

i64 sys_space_split(u64 cap, space_id id, u64 va, u64 count) {
    struct abi_space *space;
    u32 shift;
    u64 bytes, *entry;
    i64 error = join_check(cap, id, va, count, &space, &shift);
    if (error)
        return error;
    entry = large_entry(space, va, &bytes);
    if (!entry || bytes != count << ABI_PAGE_SHIFT)
        return -E_INVAL;
    if (count == LARGE_PAGES)
        return split(space, va, entry);
    large_split_giga(entry);
    return 0;
}
