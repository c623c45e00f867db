// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Batches that go to their end: the kernel may stop one at a preemption point; rt_batch_run resumes
// it.

#ifndef RT_BATCH_H
#define RT_BATCH_H

#include "abi/calls.h"

// Carries out count calls in order. 0, or the error of the first that failed; *done, if not NULL,
// gets how many were whole.
i64 rt_batch_run(struct batch_op *ops, u64 count, u64 *done);

// space_map, space_unmap, space_protect and space_copy until all pages are done. 0 or the error.
i64 rt_space_map(u64 caps, space_id space, u64 va, pfn_t first, u64 count, u64 flags);
i64 rt_space_unmap(u64 cap, space_id space, u64 va, u64 count);

#endif
