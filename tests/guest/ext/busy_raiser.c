// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the event for programs, on any number of processors.

#include "tests/guest/ext/busy.h"

CONCURRENT

static u64 turns, number;
static struct seen seen;

ENTRY(u64, raise_many, (u64 times)) {
    u64 sum = 0;
    __atomic_fetch_add(&number, 1, __ATOMIC_SEQ_CST); // odd, of one: raises are under way
    seen_enter(&seen);
    for (u64 i = 0; i < times; i++) {
        sum += busy(i);
        __atomic_fetch_add(&turns, 1, __ATOMIC_SEQ_CST);
    }
    seen_leave(&seen);
    __atomic_fetch_add(&number, 1, __ATOMIC_SEQ_CST);
    return sum;
}

ENTRY(u64, busy_number, (void)) {
    return number;
}

ENTRY(u64, busy_turns, (void)) {
    return turns;
}

ENTRY(u64, raisers_most, (void)) {
    return seen.most;
}
