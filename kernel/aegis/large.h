// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Large mappings: 2 MiB by one entry of a table of the second level, 1 GiB by one of the third,
// with ABI_PTE_PS. Each of their frames counts them in maps; so all rules about frames hold without
// exception, and making or removing 2 MiB takes some thousand instructions.
//
// 1 GiB is never made at once: 512 mappings of 2 MiB are joined, and the counts stay as they are.
// The table that named them is kept, paid as before, in a list that begins at the row of the table
// above
// (`entry`, which rows of tables don't use otherwise); so splitting it again cannot fail, and who
// touches a part of it splits it first.
//
// Invariants: an entry with PS is found at these levels only; walks to single pages end there as at
// a hole. For each entry of 1 GiB there is one table in the list whose `where` is the address.

#ifndef KERNEL_AEGIS_LARGE_H
#define KERNEL_AEGIS_LARGE_H

#include "kernel/aegis/space.h"

#define LARGE_PAGES 512ul
#define LARGE_BYTES (LARGE_PAGES << ABI_PAGE_SHIFT)
#define GIGA_PAGES  (512 * LARGE_PAGES)
#define GIGA_BYTES  (GIGA_PAGES << ABI_PAGE_SHIFT)

// The entry of the large mapping that va lies in, and how much it maps; or null.
u64 *large_entry(const struct abi_space *space, u64 va, u64 *bytes);
// The same; if it is 1 GiB it is split first.
u64 *large_entry_small(const struct abi_space *space, u64 va);
// Maps 512 frames, all of which may be mapped so, at a place without a table; bits but for PS.
// E_EXIST, E_NOMEM, E_LIMIT.
i64 large_map(struct abi_space *space, u64 va, pfn_t first, u64 bits);
// One entry less names 512 frames; the translations are flushed already.
void large_unmap(u64 entry);
// An entry for 1 GiB names a table of 512 entries for 2 MiB again.
void large_split_giga(u64 *entry);
// The table that was named by an entry, which is for 1 GiB now, is kept.
void large_keep(const u64 *entry, pfn_t table);

#endif
