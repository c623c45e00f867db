// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// An event that several processors raise at once, and what is counted of it. SLOW is work of some
// thousand instructions; SEEN notes how many processors are in the same function at a time.

#ifndef TESTS_GUEST_EXT_BUSY_H
#define TESTS_GUEST_EXT_BUSY_H

#include "abi/ext/extension.h"

extern u64 busy(u64 kind);

static inline void busy_work(u32 turns) {
    u64 x = turns;
    for (u32 i = 0; i < turns; i++)
        __asm__ volatile("%0 += 3" : "+r"(x));
}

struct seen {
    u64 inside, most, calls;
};

static inline void seen_enter(struct seen *seen) {
    u64 now = __atomic_fetch_add(&seen->inside, 1, __ATOMIC_SEQ_CST) + 1, most = seen->most;
    __atomic_fetch_add(&seen->calls, 1, __ATOMIC_SEQ_CST);
    if (now > most) // not exact, and never too high
        __sync_val_compare_and_swap(&seen->most, most, now);
}

static inline void seen_leave(struct seen *seen) {
    __atomic_fetch_add(&seen->inside, -1, __ATOMIC_SEQ_CST);
}

#endif
