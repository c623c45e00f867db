// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The frames from which strand_switch.S goes on.

#include "kernel/sal/x86_64/strand.h"

// As KEEP pushes them, and where to go.
struct kept {
    u64 r15, r14, r13, r12, rbx, rbp, rip;
};

extern const char sal_strand_first[], sal_strand_again[];

u64 sal_strand_begin(u64 stack_top, void (*main)(void *argument), void *argument) {
    struct kept *kept = (struct kept *)(stack_top - 16) - 1; // 16-aligned after the return
    *kept = (struct kept){.r12 = (u64)main, .r13 = (u64)argument, .rip = (u64)sal_strand_first};
    return (u64)kept;
}

u64 sal_strand_interrupted(struct sal_regs *regs) {
    struct kept *kept = (struct kept *)regs - 1;
    *kept = (struct kept){.rbp = regs->rbp, .rip = (u64)sal_strand_again};
    return (u64)kept;
}
