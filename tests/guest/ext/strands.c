// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands that do what they shouldn't.

#include "abi/ext/strand.h"

static u64 turns, in_critical = ~0ul;

STRAND(spinner, (u64 unused)) {
    for (;;)
        __atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
    return unused;
}

STRAND(blocked, (u64 unused)) {
    for (;;)
        strand_block(~0ul);
    return unused;
}

STRAND(nothing, (u64 argument)) {
    return argument;
}

// Forks and joins for ever.
STRAND(churn, (u64 unused)) {
    for (u64 i = 0;; i++) {
        u64 result;
        i64 id = strand_fork(nothing, i);
        if (id > 0)
            strand_join((u64)id, &result);
        strand_yield();
    }
    return unused;
}

STRAND(tries_to_block, (u64 unused)) {
    (void)unused;
    return (u64)strand_block(~0ul);
}

STRAND(critical, (u64 unused)) {
    in_critical = strand_critical(tries_to_block, unused);
    return 0;
}

STRAND(endless, (u64 unused)) {
    for (;;)
        __atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
    return unused;
}

ENTRY(i64, fork_spinner, (void)) {
    return strand_fork(spinner, 0);
}

ENTRY(i64, fork_blocked, (void)) {
    return strand_fork(blocked, 0);
}

ENTRY(i64, fork_churn, (void)) {
    return strand_fork(churn, 0);
}

ENTRY(u64, spins, (void)) {
    return turns;
}

ENTRY(i64, block_here, (void)) {
    return strand_block(~0ul);
}

ENTRY(i64, block_in_critical, (void)) {
    return strand_fork(critical, 0) < 0;
}

ENTRY(u64, blocked_in_critical, (void)) {
    return in_critical;
}

ENTRY(u64, endless_critical, (void)) {
    return strand_critical(endless, 0);
}

ENTRY(i64, stale, (void)) {
    return strand_unblock(0x7700000001ul);
}

// What is a function of the extension, and no strand.
static u64 plain(u64 argument) {
    return argument + turns;
}

ENTRY(i64, no_strand, (void)) {
    return strand_fork(plain, 0);
}

// Passes to one that ends, to its name, and to who comes after it on the same stack.
static u64 passer, passed = ~0ul;

STRAND(passes_back, (u64 times)) {
    strand_block(~0ul);
    for (u64 i = 0; i < times; i++)
        strand_pass(passer);
    strand_unblock(passer);
    return times;
}

static u64 pass_round(u64 times, u64 before) {
    u64 result = 0, id = (u64)strand_fork(passes_back, times);
    strand_yield(); // on several processors it may not have blocked yet: then passing unblocks it
    if (strand_pass(before) != -5)
        return 0;
    for (u64 i = 0; i < times + 1; i++)
        strand_pass(id);
    strand_join(id, &result);
    return result == times && strand_pass(id) == -5 ? id : 0;
}

STRAND(passes, (u64 rounds)) {
    u64 wrong = 0, before = 0;
    passer = strand_self();
    for (u64 i = 0; i < rounds; i++) {
        u64 id = pass_round(i & 3, before);
        wrong += !id || id == before || strand_pass(0) != -5;
        before = id;
    }
    passed = wrong;
    return 0;
}

ENTRY(i64, begin_passes, (u64 rounds)) {
    return strand_fork(passes, rounds) < 0;
}

ENTRY(u64, passes_done, (void)) {
    return passed;
}

ENTRY(u64, fork_many, (void)) {
    u64 count = 0;
    for (u32 i = 0; i < 300; i++)
        count += strand_fork(blocked, i) > 0;
    return count;
}
