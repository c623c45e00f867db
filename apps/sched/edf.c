// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See edf.h.

#include "apps/sched/edf.h"

static u64 thousandths(u64 part, u64 whole) {
    return (part * 1000 + whole - 1) / whole;
}

// Whether task i is in time whatever the others do.
static int is_safe(const struct edf *edf, u32 i) {
    u64 period = edf->task[i].period;
    u64 load = thousandths(sched_slice(), period);
    for (u32 j = 0; j < edf->count; j++)
        if (edf->task[j].period <= period)
            load += thousandths(edf->task[j].cost, edf->task[j].period);
    return load <= EDF_BOUND;
}

struct edf_task *edf_add(struct edf *edf, u64 cost, u64 period) {
    if (edf->count == EDF_TASKS || !period)
        return 0;
    struct edf_task *task = &edf->task[edf->count++];
    *task = (struct edf_task){.cost = cost, .period = period};
    return task;
}

struct edf_task *edf_admit(struct edf *edf, u64 cost, u64 period) {
    struct edf_task *task = edf_add(edf, cost, period);
    for (u32 i = 0; task && i < edf->count; i++)
        if (!is_safe(edf, i)) {
            edf->count--;
            return 0;
        }
    return task;
}

// Begins the jobs whose time has come. A job that is still running then has missed its deadline;
// the new one is dropped.
static void release(struct edf_task *task, u64 now) {
    while (task->release <= now) {
        task->deadline = task->release + task->period;
        task->jobs++;
        if (task->busy)
            task->missed++;
        task->busy = 1;
        task->release = task->deadline;
    }
}

env_id edf_next(void *self, u32 cpu, u64 *until) {
    struct edf *edf = self;
    struct edf_task *best = 0;
    (void)cpu;
    u64 now = sched_now();
    if (!edf->start) {
        edf->start = now;
        for (u32 i = 0; i < edf->count; i++)
            edf->task[i].release = now; // all at once: the worst case
    }
    *until = ABI_ANY;
    for (u32 i = 0; i < edf->count; i++) {
        struct edf_task *task = &edf->task[i];
        release(task, now);
        if (task->busy && (!best || task->deadline < best->deadline))
            best = task;
        if (task->release < *until)
            *until = task->release;
    }
    return best ? best->env : 0;
}

void edf_done(struct edf_task *task, env_id scheduler) {
    task->busy = 0;
    while (!task->busy)
        sys_env_run(CAP_SLOT_ACCOUNT, scheduler);
}
