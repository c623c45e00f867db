// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the files of spaces share.

#ifndef KERNEL_AEGIS_SPACE_PRIV_H
#define KERNEL_AEGIS_SPACE_PRIV_H

#include "kernel/aegis/space.h"

// The entry for a user address, its tables made and paid for as needed. E_NOMEM.
i64 space_entry_make(struct abi_space *space, u64 va, u64 **entry);
// va, if it has a leaf table; otherwise the first address behind the part of the tree that is
// missing.
u64 space_hole(const struct abi_space *space, u64 va);
// E_ALIGN, E_RANGE.
i64 space_check_range(u64 va, u64 pages);
// One entry less names the frame; the translations are flushed already.
void frame_unmap(pfn_t pfn);

#endif
