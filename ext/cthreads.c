// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// C threads at work: producers and consumers at a buffer of four places.

#include "ext/threads/cthreads.h"

#define PLACES 4

static struct mutex mutex;
static struct condition not_full, not_empty;
static u64 buffer[PLACES];
static u32 head, filled;
static u64 produced, consumed, total, ended;
static u64 inside, collisions; // is somebody else where only one may be?

static void enter_check(void) {
    collisions += inside;
    inside = 1;
}

static void leave_check(void) {
    inside = 0;
}

CTHREAD(produce, (u64 count)) {
    for (u64 i = 1; i <= count; i++) {
        mutex_lock(&mutex);
        while (filled == PLACES)
            condition_wait(&not_full, &mutex);
        enter_check();
        buffer[(head + filled) % PLACES] = i;
        filled++;
        produced++;
        leave_check();
        condition_signal(&not_empty);
        mutex_unlock(&mutex);
    }
    return count;
}

CTHREAD(consume, (u64 count)) {
    u64 sum = 0;
    for (u64 i = 0; i < count; i++) {
        mutex_lock(&mutex);
        while (!filled)
            condition_wait(&not_empty, &mutex);
        enter_check();
        sum += buffer[head % PLACES];
        head = (head + 1) % PLACES;
        filled--;
        consumed++;
        leave_check();
        condition_signal(&not_full);
        mutex_unlock(&mutex);
    }
    return sum;
}

CTHREAD(conduct, (u64 count)) {
    cthread thread[4];
    u64 result, sum = 0;
    if (cthread_fork(produce, count, &thread[0]) || cthread_fork(produce, count, &thread[1]) ||
        cthread_fork(consume, count, &thread[2]) || cthread_fork(consume, count, &thread[3]))
        return ~0ul;
    for (u32 i = 0; i < 4; i++) {
        cthread_join(thread[i], &result);
        sum += i >= 2 ? result : 0;
    }
    total = sum;
    ended = 1;
    return sum;
}

ENTRY(i64, start, (u64 count)) {
    cthread thread;
    ended = 0;
    return cthread_fork(conduct, count, &thread);
}

// ~0 until it is done.
ENTRY(u64, result, (void)) {
    return ended ? total : ~0ul;
}

ENTRY(u64, collided, (void)) {
    return collisions;
}
