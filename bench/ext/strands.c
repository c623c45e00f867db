// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands: fork and join of one that does nothing; two that wake each other in turn.

#include "abi/ext/strand.h"

static u64 ticks, checked;

STRAND(nothing, (u64 n)) {
    return n;
}

STRAND(fork_join, (u64 rounds)) {
    u64 sum = 0, from = clock_ticks();
    for (u64 i = 0; i < rounds; i++) {
        u64 result = 0;
        i64 id = strand_fork(nothing, 1);
        if (id > 0)
            strand_join((u64)id, &result);
        sum += result;
    }
    ticks = clock_ticks() - from;
    checked = sum;
    return 0;
}

static u64 first, turns;

STRAND(partner, (u64 rounds)) {
    strand_block(~0ul);
    for (u64 i = 0; i < rounds; i++) {
        turns++;
        strand_pass(first);
    }
    return 0;
}

STRAND(ping_pong, (u64 rounds)) {
    u64 result, other, from;
    first = strand_self();
    turns = 0;
    other = (u64)strand_fork(partner, rounds);
    strand_yield(); // it waits now
    from = clock_ticks();
    for (u64 i = 0; i < rounds; i++)
        strand_pass(other);
    ticks = clock_ticks() - from;
    strand_unblock(other);
    strand_join(other, &result);
    checked = turns;
    return 0;
}

ENTRY(i64, begin_fork_join, (u64 rounds)) {
    checked = 0;
    return strand_fork(fork_join, rounds) < 0;
}

ENTRY(i64, begin_ping_pong, (u64 rounds)) {
    checked = 0;
    return strand_fork(ping_pong, rounds) < 0;
}

// How many rounds were made, 0 until then; and what they took.
ENTRY(u64, rounds_made, (void)) {
    return checked;
}

ENTRY(u64, ticks_taken, (void)) {
    return ticks;
}
