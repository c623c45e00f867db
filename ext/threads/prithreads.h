// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Threads with priorities: of those that may run, one with the highest runs. Whoever holds a lock
// that a thread of higher priority waits for has that priority until it gives the lock back
// (inheritance, Sha, Rajkumar and Lehoczky 1990), through chains of locks too.
//
// The package is the scheduler of its threads (abi/ext/strand.h). Its tables are indexed by seats
// and change in kernel context alone: in the handlers, and in critical sections.
//
// Invariants: thread[s].effective is the maximum of its own priority and of the effective ones of
// all who wait for locks that it holds; a lock's owner is seat + 1, 0 if it is free; a waiter's
// waits is its lock's number + 1.

#ifndef EXT_THREADS_PRITHREADS_H
#define EXT_THREADS_PRITHREADS_H

#include "abi/ext/strand.h"

#define PRITHREAD       STRAND
#define PRITHREADS      32 // threads at one time
#define PRITHREAD_LOCKS 16

struct prithread {
    u64 id; // 0: free
    u32 priority, effective;
    u32 ready;
    u32 waits; // for a lock: number + 1
    u32 granted;
};

static struct prithread prithread_table[PRITHREADS];
static u32 prithread_owner[PRITHREAD_LOCKS]; // index + 1
static struct {
    u64 id;
    u32 priority;
} prithread_wanted[STRANDS_MAX]; // by seat: whom it wants to be known

static inline struct prithread *prithread_at(u32 i) {
    return &prithread_table[i & (PRITHREADS - 1)];
}

// Its index, PRITHREADS if it has none.
static inline u32 prithread_find(u64 id) {
    u32 found = PRITHREADS;
    for (u32 i = 0; i < PRITHREADS; i++)
        if (prithread_table[i].id == id)
            found = i;
    return found;
}

// --- the scheduler -------------------------------------------------------------------------------

HANDLER(Strand_Unblock, u64, prithread_unblocked, (u64 id)) {
    u32 i = prithread_find(id);
    if (i < PRITHREADS)
        prithread_at(i)->ready = 1;
    return 0;
}

HANDLER(Strand_Checkpoint, u64, prithread_preempted, (u64 id)) {
    return prithread_unblocked(id);
}

HANDLER(Strand_Block, u64, prithread_blocked, (u64 id)) {
    u32 i = prithread_find(id);
    if (i < PRITHREADS)
        prithread_at(i)->ready = 0;
    return 0;
}

HANDLER(Strand_Resume, u64, prithread_choose, (u64 oldest)) {
    u64 best = oldest;
    u32 highest = 0, at = PRITHREADS;
    for (u32 i = 0; i < PRITHREADS; i++) {
        const struct prithread *t = &prithread_table[i];
        if (t->id && t->ready && (at == PRITHREADS || t->effective > highest)) {
            highest = t->effective;
            best = t->id;
            at = i;
        }
    }
    if (at < PRITHREADS)
        prithread_at(at)->ready = 0; // it runs
    return best;
}

// --- critical sections ---------------------------------------------------------------------------

// Makes a thread known; its index. It may be known already: thread and parent both see to it.
STRAND(prithread_enter, (u64 seat)) {
    u64 id = prithread_wanted[seat & (STRANDS_MAX - 1)].id;
    u32 priority = prithread_wanted[seat & (STRANDS_MAX - 1)].priority, i = prithread_find(id);
    if (i < PRITHREADS)
        return i;
    i = prithread_find(0);
    if (i < PRITHREADS)
        *prithread_at(i) = (struct prithread){
            .id = id, .priority = priority, .effective = priority, .ready = id != strand_self()};
    return i;
}

STRAND(prithread_leave, (u64 index)) {
    if (index < PRITHREADS)
        prithread_at((u32)index)->id = 0;
    return 0;
}

// The owner of a lock, and whoever holds what that one waits for, get at least this priority.
static inline void prithread_raise(u32 lock, u32 priority) {
    for (u32 depth = 0; depth < PRITHREAD_LOCKS; depth++) {
        u32 owner = prithread_owner[lock & (PRITHREAD_LOCKS - 1)];
        if (!owner)
            return;
        struct prithread *t = prithread_at(owner - 1);
        if (t->effective >= priority)
            return;
        t->effective = priority;
        if (!t->waits)
            return;
        lock = t->waits - 1;
    }
}

// What it has from itself and from those who wait for its locks.
static inline u32 prithread_inherited(u32 index) {
    u32 priority = prithread_at(index)->priority;
    for (u32 i = 0; i < PRITHREADS; i++) {
        const struct prithread *t = &prithread_table[i];
        if (t->id && t->waits &&
            prithread_owner[(t->waits - 1) & (PRITHREAD_LOCKS - 1)] == index + 1 &&
            t->effective > priority)
            priority = t->effective;
    }
    return priority;
}

// Returns 1 if the caller has the lock now.
STRAND(prithread_lock_take, (u64 lock)) {
    u32 n = (u32)lock & (PRITHREAD_LOCKS - 1), me = prithread_find(strand_self());
    if (me == PRITHREADS)
        return 1;
    if (prithread_owner[n] == 0) {
        prithread_owner[n] = me + 1;
        return 1;
    }
    prithread_at(me)->waits = n + 1;
    prithread_at(me)->granted = 0;
    prithread_raise(n, prithread_at(me)->effective);
    return 0;
}

// The waiter of highest priority gets it.
STRAND(prithread_lock_give, (u64 lock)) {
    u32 n = (u32)lock & (PRITHREAD_LOCKS - 1), heir = PRITHREADS, me = prithread_owner[n] - 1;
    for (u32 i = 0; i < PRITHREADS; i++) {
        const struct prithread *t = &prithread_table[i];
        if (t->id && t->waits == n + 1 &&
            (heir == PRITHREADS || t->effective > prithread_at(heir)->effective))
            heir = i;
    }
    if (me != prithread_find(strand_self()))
        return 0;
    prithread_owner[n] = heir == PRITHREADS ? 0 : heir + 1;
    if (heir < PRITHREADS) {
        prithread_at(heir)->waits = 0;
        prithread_at(heir)->granted = 1;
        prithread_at(heir)->effective = prithread_inherited(heir);
        strand_unblock(prithread_at(heir)->id);
    }
    prithread_at(me)->effective = prithread_inherited(me);
    return prithread_at(me)->effective;
}

STRAND(prithread_effective_of, (u64 index)) {
    return prithread_at((u32)index)->effective;
}

// --- for threads ---------------------------------------------------------------------------------

static inline u64 prithread_know(u64 id, u32 priority) {
    u64 seat = strand_seat() & (STRANDS_MAX - 1);
    prithread_wanted[seat].id = id;
    prithread_wanted[seat].priority = priority;
    return strand_critical(prithread_enter, seat);
}

// First thing that a thread does; its index, PRITHREADS if there are too many: then it has the
// lowest priority, and must take no lock.
static inline u64 prithread_begin(u32 priority) {
    return prithread_know(strand_self(), priority);
}

// From a thread. Its name, or an error.
static inline i64 prithread_fork(u64 (*function)(u64), u64 argument, u32 priority) {
    i64 id = strand_fork(function, argument);
    if (id > 0)
        prithread_know((u64)id, priority);
    return id;
}

// Last thing.
static inline void prithread_end(u64 index) {
    strand_critical(prithread_leave, index);
}

static inline void prithread_lock(u32 lock) {
    if (strand_critical(prithread_lock_take, lock))
        return;
    u32 me = prithread_find(strand_self());
    volatile u32 *granted = &prithread_at(me)->granted;
    while (!*granted)
        strand_block(~0ul);
}

// Who has waited with a higher priority runs at once.
static inline void prithread_unlock(u32 lock) {
    strand_critical(prithread_lock_give, lock);
    strand_yield();
}

#endif
