// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Threads of control in kernel mode, each on a stack of its own. A strand that does not run is a
// stack pointer: there lie its callee-saved registers and where it goes on.
//
// Rules. All are called with the kernel lock held and interrupts off. Whoever goes on does so with
// the lock held too: it was handed over. A stack pointer is 16-aligned after what is pushed here.

#ifndef KERNEL_SAL_X86_64_STRAND_H
#define KERNEL_SAL_X86_64_STRAND_H

#include "kernel/sal/x86_64/context.h"

// Leaves this stack, its pointer kept in *from, and goes on at `to`. Returns when somebody goes on
// here.
void sal_strand_switch(u64 *from, u64 to);

// Abandons the processor's stack and goes on at `to`.
__attribute__((noreturn)) void sal_strand_enter(u64 to);

// Leaves this stack as sal_strand_switch does, for the processor's own, and calls then(argument)
// there, which does not return.
void sal_strand_leave(u64 *from, void (*then)(void *argument), void *argument);

// The stack pointer of a strand that is to begin with main(argument), which does not return. What
// lies there is kept by it: another one can begin so on this stack, when that has ended.
u64 sal_strand_begin(u64 stack_top, void (*main)(void *argument), void *argument);

// The stack pointer of the strand that an interrupt took the processor from; lock released when it
// goes on (aegis_strand_resumed).
u64 sal_strand_interrupted(struct sal_regs *regs);

// What the layer above provides: a strand goes on after an interrupt.
void aegis_strand_resumed(void);

#endif
