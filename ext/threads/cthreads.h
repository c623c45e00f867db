// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Threads with mutexes and conditions, as Mach's C Threads had them. The kernel schedules them.
//
// A mutex that is free costs one atomic instruction to take, and one to give back. Whoever must
// wait stands in a line, kept by the numbers of strands (seats); the mutex is handed to the first
// of the line, so nobody starves. Lines change in critical sections only.
//
// Invariants: mutex->word is 0 when it is free, 1 when it is held and the line is empty, 2 when it
// is held and somebody waits; line entries are seats + 1, 0 ends a line; waiting[seat].granted is
// set before the waiter is unblocked, and a waiter goes on only when it is.
//
// Mutexes and conditions are global variables that begin as zeros.

#ifndef EXT_THREADS_CTHREADS_H
#define EXT_THREADS_CTHREADS_H

#include "abi/ext/strand.h"

#define CTHREAD STRAND

typedef u64 cthread;

struct cthread_line {
    u32 first, last;
};

struct mutex {
    u32 word;
    struct cthread_line line;
};

struct condition {
    struct cthread_line line;
};

static struct {
    u64 id;
    u32 next;
    u32 granted;
} cthread_waiting[STRANDS_MAX];

static inline i64 cthread_fork(u64 (*function)(u64), u64 argument, cthread *thread) {
    i64 id = strand_fork(function, argument);
    if (id < 0)
        return id;
    *thread = (u64)id;
    return 0;
}

static inline i64 cthread_join(cthread thread, u64 *result) {
    return strand_join(thread, result);
}

static inline void cthread_yield(void) {
    strand_yield();
}

// --- lines, in critical sections -----------------------------------------------------------------

static inline u32 cthread_me(void) {
    return (u32)strand_seat() & (STRANDS_MAX - 1);
}

static inline void cthread_line_put(struct cthread_line *line, u32 me) {
    cthread_waiting[me].id = strand_self();
    cthread_waiting[me].next = 0;
    cthread_waiting[me].granted = 0;
    if (line->first)
        cthread_waiting[(line->last - 1) & (STRANDS_MAX - 1)].next = me + 1;
    else
        line->first = me + 1;
    line->last = me + 1;
}

// Lets the first of a line go on; 0 if there is none.
static inline int cthread_line_grant(struct cthread_line *line) {
    if (!line->first)
        return 0;
    u32 seat = (line->first - 1) & (STRANDS_MAX - 1);
    line->first = cthread_waiting[seat].next;
    *(volatile u32 *)&cthread_waiting[seat].granted = 1;
    strand_unblock(cthread_waiting[seat].id);
    return 1;
}

static inline void cthread_wait(u32 me) {
    volatile u32 *granted = &cthread_waiting[me].granted;
    while (!*granted)
        strand_block(~0ul);
}

// --- mutexes -------------------------------------------------------------------------------------

// Returns 1 if it was free after all.
STRAND(cthread_mutex_queue, (u64 at)) {
    struct mutex *m = (struct mutex *)at;
    if (!__atomic_exchange_n(&m->word, 2, __ATOMIC_ACQUIRE)) {
        *(volatile u32 *)&m->word = m->line.first ? 2 : 1;
        return 1;
    }
    cthread_line_put(&m->line, cthread_me());
    return 0;
}

STRAND(cthread_mutex_hand, (u64 at)) {
    struct mutex *m = (struct mutex *)at;
    u32 word = m->line.first != 0;
    if (word && m->line.first != m->line.last)
        word = 2;
    *(volatile u32 *)&m->word = word;
    cthread_line_grant(&m->line);
    return 0;
}

static inline int mutex_try_lock(struct mutex *m) {
    return __sync_val_compare_and_swap(&m->word, 0, 1) == 0;
}

static inline void mutex_lock(struct mutex *m) {
    if (!mutex_try_lock(m) && !strand_critical(cthread_mutex_queue, (u64)m))
        cthread_wait(cthread_me());
}

static inline void mutex_unlock(struct mutex *m) {
    if (__sync_val_compare_and_swap(&m->word, 1, 0) != 1)
        strand_critical(cthread_mutex_hand, (u64)m);
}

// --- conditions ----------------------------------------------------------------------------------

STRAND(cthread_condition_queue, (u64 at)) {
    cthread_line_put(&((struct condition *)at)->line, cthread_me());
    return 0;
}

STRAND(cthread_condition_grant, (u64 at)) {
    return (u64)cthread_line_grant(&((struct condition *)at)->line);
}

// Gives the mutex back while it waits.
static inline void condition_wait(struct condition *c, struct mutex *m) {
    strand_critical(cthread_condition_queue, (u64)c);
    mutex_unlock(m);
    cthread_wait(cthread_me());
    mutex_lock(m);
}

static inline void condition_signal(struct condition *c) {
    strand_critical(cthread_condition_grant, (u64)c);
}

// Those who wait now, at least.
static inline void condition_broadcast(struct condition *c) {
    for (u32 i = 0; i < STRANDS_MAX && strand_critical(cthread_condition_grant, (u64)c); i++)
        ;
}

#endif
