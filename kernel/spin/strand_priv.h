// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Stacks of strands (strand_stack.c). The structure lies at the top of its stack, and is reached
// through the direct map. With the kernel lock.

#ifndef KERNEL_SPIN_STRAND_PRIV_H
#define KERNEL_SPIN_STRAND_PRIV_H

#include "kernel/spin/strand.h"

// Boot: room for stacks. Returns how many strands there can be, and one more.
u32 stack_init(void);

// A strand on a new stack, charged to an account; all but its stack is zero. E_NOMEM, E_FULL.
i64 stack_take(account_id account, struct strand **strand);
void stack_give(struct strand *strand);

u64 stack_top(const struct strand *strand);
u64 stack_low(const struct strand *strand);

// Frees this processor of what it remembers of an earlier stack at the same place.
void stack_flush_slowly(struct strand *strand);
static inline void stack_flush(struct strand *strand) {
    if (!(strand->flushed >> cpu_this()->number & 1))
        stack_flush_slowly(strand);
}

#endif
