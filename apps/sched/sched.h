// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What schedulers written as programs share. The kernel knows positions and directed yields; all
// policy is here, in an unprivileged program:
//
//  * A *scheduler* is an env with a position on one processor, or one that another scheduler runs.
//  Whenever it gets the processor it asks its policy whom to run, and yields to that env by name.
//  * A *client* is an env without a position: it runs only for what is left of a scheduler's slice.
//  When the slice ends, the kernel takes the processor by force and the next position is the
//  scheduler's again. A client that has nothing to do yields back, or sleeps.
//  * What a client used is read in the exposed table of envs; reading costs no call.
//
// Policies: stride.h, edf.h. A scheduler is itself an env, so it may be another one's client.

#ifndef APPS_SCHED_SCHED_H
#define APPS_SCHED_SCHED_H

#include "abi/caps.h"
#include "abi/env.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"

#define SCHED_CPUS 8

// Says which env runs next on a processor, or 0: none before the time-stamp counter reaches *until.
typedef env_id sched_policy(void *self, u32 cpu, u64 *until);

struct scheduler {
    sched_policy *policy;
    void *self;
    u32 cpu;
    volatile u64 *left; // slices still to give away, shared by all that stop together
    env_id env;
};

// An env in this space that runs run(argument) as a client.
env_id sched_client(void (*run)(void *), void *argument);
// Start a scheduler: with a position on a processor; or as the client of another. It runs until no
// slices are left; sched_ended counts those that have ended.
void sched_on(u32 cpu, struct scheduler *scheduler);
void sched_under(struct scheduler *scheduler);
extern volatile u32 sched_ended;
void sched_free_all(void); // destroys all that were made here

static inline u64 sched_now(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}
static inline u64 sched_slice(void) { // in time-stamp ticks
    return ABI_INFO->tsc_hz / 1000000 * ABI_INFO->slice_ns / 1000;
}
static inline const volatile struct abi_env *sched_row(env_id env) {
    return abi_row(ABI_TABLE_ENVS, ABI_INDEX(env));
}

// A lock between schedulers of one space on several processors. It is held for a few instructions
// at the beginning of a slice.
struct sched_lock {
    u32 held;
};
static inline void sched_lock(struct sched_lock *lock) {
    while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
        __builtin_ia32_pause();
}
static inline void sched_unlock(struct sched_lock *lock) {
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

#endif
