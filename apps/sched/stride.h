// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Stride scheduling (Waldspurger and Weihl, 1995; the example of the Aegis paper): each client has
// tickets; its pass advances by what it used, divided by its tickets; the client with the smallest
// pass runs. Shares follow tickets to within a slice. One instance may serve several processors: a
// client then has an env for each.

#ifndef APPS_SCHED_STRIDE_H
#define APPS_SCHED_STRIDE_H

#include "apps/sched/sched.h"

#define STRIDE_CLIENTS 16

struct stride;

struct stride_client {
    env_id env[SCHED_CPUS]; // the one that runs on that processor
    u64 seen[SCHED_CPUS];   // its time when last looked at
    // If env is itself a scheduler: what it schedules. The time of those clients counts.
    const struct stride *group;
    u64 tickets;
    u64 pass; // time-stamp ticks * STRIDE_ONE / tickets
    u64 used; // time-stamp ticks
};

struct stride {
    struct sched_lock lock;
    u32 count;
    struct stride_client client[STRIDE_CLIENTS];
    struct stride_client *ran[SCHED_CPUS]; // chosen last on that processor
};

// Adds a client of which nothing has run yet. Returns its index.
u32 stride_add(struct stride *stride, u64 tickets);
env_id stride_next(void *stride, u32 cpu, u64 *until); // a sched_policy
// Brings `used` of all clients up to date.
void stride_account(struct stride *stride);

#endif
