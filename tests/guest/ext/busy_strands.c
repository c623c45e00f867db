// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the event from strands.

#include "abi/ext/strand.h"
#include "tests/guest/ext/busy.h"

CONCURRENT

static u64 stop, number, raised, ended, sum;

STRAND(raiser, (u64 times)) {
    u64 mine = 0;
    while (!__atomic_fetch_add(&stop, 0, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_add(&number, 1,
                           __ATOMIC_SEQ_CST); // odd, of one strand: a raise is under way
        mine += busy(times);
        __atomic_fetch_add(&number, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&raised, 1, __ATOMIC_SEQ_CST);
        if (times && !--times)
            break;
    }
    __atomic_fetch_add(&sum, mine, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&ended, 1, __ATOMIC_SEQ_CST);
    return 0;
}

// So many raises; 0: until it is told to stop.
ENTRY(i64, strand_raises, (u64 times)) {
    return strand_fork(raiser, times);
}

ENTRY(u64, strands_stop, (void)) {
    return stop = 1;
}

ENTRY(u64, strands_number, (void)) {
    return number;
}

ENTRY(u64, strands_raised, (void)) {
    return raised;
}

ENTRY(u64, strands_ended, (void)) {
    return ended;
}
