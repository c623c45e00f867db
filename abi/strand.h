// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands as programs and extensions see them: their names, and states in the table STRANDS.

#ifndef ABI_STRAND_H
#define ABI_STRAND_H

#include "abi/types.h"

typedef u64 strand_id;

enum strand_state {
    STRAND_FREE = 0,
    STRAND_READY = 1,    // waits for a slice of its owner
    STRAND_RUNNING = 2,  // on the processor that its row names
    STRAND_BLOCKED = 3,  // until unblocked
    STRAND_SLEEPING = 4, // until unblocked, or its deadline
    STRAND_DEAD = 5,     // ended; waits to be joined
};

#endif
