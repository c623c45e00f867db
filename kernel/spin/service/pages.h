// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What services that name pages by numbers and those that do by references share: copies between
// memory of extensions and pages, within one page, with the capabilities of the running env
// (act.h).

#ifndef KERNEL_SPIN_SERVICE_PAGES_H
#define KERNEL_SPIN_SERVICE_PAGES_H

#include "abi/types.h"

i64 pages_frame_bytes(u64 slot, pfn_t pfn, u64 offset, u8 *buffer, u64 bytes, int write);
i64 pages_space_bytes(u64 slot, space_id id, u64 va, u8 *buffer, u64 bytes, int write);

#endif
