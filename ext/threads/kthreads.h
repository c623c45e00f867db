// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Kernel threads: fork and join, and nothing else. The kernel schedules them, the oldest first. The
// extension that includes this has them to itself.
//
// A thread that nobody will join says so when it is forked; a joiner gets what its function
// returned. Errors are those of abi/ext/strand.h.

#ifndef EXT_THREADS_KTHREADS_H
#define EXT_THREADS_KTHREADS_H

#include "abi/ext/strand.h"

#define KTHREAD STRAND

typedef u64 kthread;

static inline i64 kthread_fork(u64 (*function)(u64), u64 argument, kthread *thread) {
    i64 id = strand_fork(function, argument);
    if (id < 0)
        return id;
    *thread = (u64)id;
    return 0;
}

static inline i64 kthread_join(kthread thread, u64 *result) {
    return strand_join(thread, result);
}

// Until the time-stamp counter says so.
static inline void kthread_sleep_until(u64 ticks) {
    while (clock_ticks() < ticks)
        strand_block(ticks);
}

#endif
