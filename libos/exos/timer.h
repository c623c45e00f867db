// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Timers of the pod: something to be done at a time, whether or not anybody sleeps till then.
// Process 1 sleeps until the first of them is due, and does it; threads whose slice ends look too.
// Pod lock held.

#ifndef EXOS_TIMER_H
#define EXOS_TIMER_H

#include "abi/types.h"
#include <stdbool.h>

// Zero is a timer that is off. It must be off when its memory is freed.
struct pod_timer {
    u64 at; // nanoseconds of time_monotonic; 0: off
    void (*fire)(struct pod_timer *timer);
    struct pod_timer *left, *right, **link; // timer.c
};

// Sets the time, 0 for off. fire is called once, with the timer off; it may set it again.
void pod_timer_set(struct pod_timer *timer, u64 at);
// When the first is due; WAIT_FOREVER: there is none.
u64 pod_timer_first(void);
// Fires what is due.
void pod_timer_run(void);
// Process 1 is about to sleep until pod_timer_first (true), or is up (false).
void pod_timer_watched(bool asleep);

#endif
