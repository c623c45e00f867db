// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs that wait for a word of memory to change (env_wait, word_wake).
//
// An env that waits is in the list of the frame that the word is in: a ring, whose first env's row
// number stands in the frame's row. It is there only while it is SLEEPING or ACCEPTING in env_wait;
// whatever ends that takes it out. The list is not longer than WORD_WAITERS, so that what walks it
// is short.

#ifndef KERNEL_AEGIS_WORD_H
#define KERNEL_AEGIS_WORD_H

#include "kernel/aegis/env.h"

#define WORD_WAITERS 64

void word_take_out(struct env *env);
static inline void word_leave(struct env *env) {
    if (env->word_frame)
        word_take_out(env);
}

// The frame is lost to who maps it, or freed: its waiters wake.
void word_lost(pfn_t pfn);

#endif
