// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Long work for an env inside of the kernel. The kernel's own calls are short, with interrupts off
// and the kernel lock held. Work that is not (loading an extension) runs on a stack of its own,
// paid by whoever asked for it, with interrupts on and without the lock; it is preempted, moved
// between processors and charged like the env's own program, whose registers are lost as by a call
// that switches.
//
// Rules for such work: it takes the lock by inside_lock for each step that touches the kernel's
// tables, and keeps such steps short; what the env owns may change whenever it does not hold the
// lock. It holds nothing that would be missed: when the env dies, or inside_recall, it simply never
// goes on; whoever gave it memory takes that back.

#ifndef KERNEL_AEGIS_INSIDE_H
#define KERNEL_AEGIS_INSIDE_H

#include "kernel/aegis/env.h"

// From a call of the running env, with the lock: runs work(argument) on the stack that ends at top,
// then done(argument, its result) with the lock, on another stack; what that returns is the call's
// result.
struct inside {
    u64 top;
    i64 (*work)(void *argument);
    i64 (*done)(void *argument, i64 result);
    void *argument;
};
__attribute__((noreturn)) void inside_start(const struct inside *inside);

void inside_lock(void);
void inside_unlock(void);

// Ends the work of an env: its call returns -E_DEAD. 0 if it is over now; E_AGAIN while a processor
// has still to be told. done is not called.
i64 inside_recall(struct env *env);
// For the scheduler: the work of an env that does not run is dropped.
void inside_abandon(struct env *env);

#endif
