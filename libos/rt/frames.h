// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Choosing frames by their numbers, from the exposed table: runs of them, and by colour. Between
// looking and taking somebody else may be quicker; the kernel says so, and the search goes on.

#ifndef RT_FRAMES_H
#define RT_FRAMES_H

#include "abi/types.h"

// Takes 2^order free frames that follow each other, the first aligned to their number; order at
// most 9. The first, or an error of frame_alloc; -E_NOMEM: there are none.
i64 rt_frame_run(u64 cap, account_id account, u32 order, u64 flags);

// Takes a free frame of a colour: its number is that modulo colours. As above.
i64 rt_frame_colour(u64 cap, account_id account, u64 colour, u64 colours, u64 flags);

#endif
