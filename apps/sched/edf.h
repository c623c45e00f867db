// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Earliest deadline first (Liu and Layland, 1973), one instance per processor. A task is a client
// that does a job of at most `cost` every `period`; the job must be done before the next is
// released. The scheduler regains the processor when a job is done or a slice ends, so a release
// waits for at most one slice: that is the blocking term of the admission test
//
//     for every task i:  sum over tasks j with period <= period(i) of cost(j) / period(j)
//                        + slice / period(i)  <=  EDF_BOUND
//
// (Baker's test). The bound leaves the rest for the scheduler itself.

#ifndef APPS_SCHED_EDF_H
#define APPS_SCHED_EDF_H

#include "apps/sched/sched.h"

#define EDF_TASKS 16
#define EDF_BOUND 970u // thousandths

struct edf_task {
    env_id env;
    u64 cost, period;  // time-stamp ticks
    u64 release;       // of the next job
    u64 deadline;      // of the present one
    volatile u32 busy; // the task clears it when the job is done
    u64 jobs, missed;
};

struct edf {
    u32 count;
    u64 start;
    struct edf_task task[EDF_TASKS];
};

// Adds a task, and returns it; null if the test says that deadlines could be missed.
struct edf_task *edf_admit(struct edf *edf, u64 cost, u64 period);
// The same without the test.
struct edf_task *edf_add(struct edf *edf, u64 cost, u64 period);
env_id edf_next(void *edf, u32 cpu, u64 *until); // a sched_policy
// The task says that its job is done, and gives the processor back to its scheduler until the next.
void edf_done(struct edf_task *task, env_id scheduler);

#endif
