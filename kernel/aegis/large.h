// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Large mappings: 2 MiB by one entry of a table of the second level, with ABI_PTE_PS. Each of its
// 512 frames counts it in maps; so all rules about frames hold without exception, and making or
// removing one takes some thousand instructions.
//
// Invariant: an entry with PS is found at that level only; walks to single pages end there as at a
// hole.

#ifndef KERNEL_AEGIS_LARGE_H
#define KERNEL_AEGIS_LARGE_H

#include "kernel/aegis/space.h"

#define LARGE_PAGES 512ul
#define LARGE_BYTES (LARGE_PAGES << ABI_PAGE_SHIFT)

// The entry of the large mapping that va lies in, or null.
u64 *large_entry(const struct abi_space *space, u64 va);
// Maps 512 frames, all of which may be mapped so, at a place without a table; bits but for PS.
// E_EXIST, E_NOMEM, E_LIMIT.
i64 large_map(struct abi_space *space, u64 va, pfn_t first, u64 bits);
// One entry less names 512 frames; the translations are flushed already.
void large_unmap(u64 entry);

#endif
