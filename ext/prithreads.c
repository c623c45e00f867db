// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Threads with priorities at work: the classical inversion. A thread of low priority holds a lock
// that one of high priority wants, while one of middle priority computes. With inheritance the low
// one goes on first, and the high one does not wait for the middle one.

#include "ext/threads/prithreads.h"

#define LOCK 3

static u64 order; // of their ends, a digit each
static u64 inherited, ended;
static u64 spun;

static void note(u64 who) {
    u64 seen = order;
    for (u64 old; (old = __sync_val_compare_and_swap(&order, seen, seen * 10 + who)) != seen;)
        seen = old;
}

PRITHREAD(high, (u64 unused)) {
    u64 me = prithread_begin(3);
    prithread_lock(LOCK);
    prithread_unlock(LOCK);
    note(3);
    prithread_end(me);
    return unused;
}

PRITHREAD(middle, (u64 turns)) {
    u64 me = prithread_begin(2);
    for (u64 i = 0; i < turns; i++)
        __atomic_fetch_add(&spun, 1, __ATOMIC_RELAXED);
    note(2);
    prithread_end(me);
    return 0;
}

PRITHREAD(low, (u64 turns)) {
    u64 me = prithread_begin(1), id_high, id_middle, result;
    prithread_lock(LOCK);
    id_high = (u64)prithread_fork(high, 0, 3);
    strand_yield(); // it runs, and waits for the lock
    id_middle = (u64)prithread_fork(middle, turns, 2);
    strand_yield(); // it would run, if this one had not inherited
    inherited = strand_critical(prithread_effective_of, me);
    prithread_unlock(LOCK);
    strand_join(id_high, &result);
    strand_join(id_middle, &result);
    note(1);
    prithread_end(me);
    ended = 1;
    return 0;
}

ENTRY(i64, start, (u64 turns)) {
    ended = 0;
    return strand_fork(low, turns) < 0;
}

ENTRY(u64, result, (void)) {
    return ended ? order : ~0ul;
}

ENTRY(u64, inherited_priority, (void)) {
    return inherited;
}
