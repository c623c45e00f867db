// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs for schedulers and their clients, and the loop that every scheduler is. See sched.h.

#include "apps/sched/sched.h"

#include "abi/errors.h"
#include "apps/sched/report.h"

#define ENVS        96
#define STACK_BYTES 8192

static u8 stacks[ENVS][STACK_BYTES] __attribute__((aligned(64)));
static env_id envs[ENVS];
static u32 count;
volatile u32 sched_ended;

static env_id make(void (*run)(void *), void *argument, u64 slice) {
    const volatile struct abi_slice *first = abi_row(ABI_TABLE_SLICES, 0);
    const volatile struct abi_env *self = sched_row(first->env);
    struct env_setup setup = {
        .rip = (u64)run, .rsp = (u64)stacks[count] + STACK_BYTES - 8, .arg = (u64)argument};
    if (count == ENVS)
        report_fail("too many envs", ENVS);
    i64 env = sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SPACE), self->account, self->space,
                             (u64)&setup, slice);
    if (env < 0)
        report_fail("env_create", env);
    return envs[count++] = (env_id)env;
}

static void sched_run(void *argument) {
    struct scheduler *s = argument;
    while (*s->left) {
        u64 until = ABI_ANY;
        env_id next = s->policy(s->self, s->cpu, &until);
        if (!next) {
            sys_env_sleep(sched_row(s->env)->wakes, until);
            continue;
        }
        if (sys_env_run(CAP_SLOT_ACCOUNT, next) == 0 && *s->left)
            __atomic_fetch_sub(s->left, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&sched_ended, 1, __ATOMIC_SEQ_CST);
    const volatile struct abi_slice *first = abi_row(ABI_TABLE_SLICES, 0);
    for (;;) {
        sys_env_wake(CAP_SLOT_ACCOUNT, first->env);
        sys_env_sleep(sched_row(s->env)->wakes, ABI_ANY);
    }
}

env_id sched_client(void (*run)(void *), void *argument) {
    env_id env = make(run, argument, ABI_ANY);
    sys_env_start(CAP_SLOT_ACCOUNT, env);
    return env;
}

static void scheduler_start(struct scheduler *s, u64 slice) {
    s->env = make(sched_run, s, slice); // it knows its name before it runs
    sys_env_start(CAP_SLOT_ACCOUNT, s->env);
}

void sched_under(struct scheduler *scheduler) {
    scheduler_start(scheduler, ABI_ANY);
}

void sched_on(u32 cpu, struct scheduler *scheduler) {
    const volatile struct abi_slice *first = abi_row(ABI_TABLE_SLICES, 0);
    for (u64 i = cpu * (u64)ABI_SLICES; i < (cpu + 1) * (u64)ABI_SLICES; i++) {
        const volatile struct abi_slice *slice = abi_row(ABI_TABLE_SLICES, i);
        if (slice->owner)
            continue;
        i64 error = sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT),
                                    sched_row(first->env)->account, i, 1);
        if (error)
            report_fail("slice_alloc", error);
        scheduler_start(scheduler, i);
        return;
    }
    report_fail("no free position", cpu);
}

void sched_free_all(void) {
    while (count) {
        while (sys_env_destroy(CAP_SLOT_ACCOUNT, envs[count - 1]) == -E_AGAIN)
            ;
        count--;
    }
    for (u64 i = 1; i < ABI_INFO->table[ABI_TABLE_SLICES].count; i++) {
        const volatile struct abi_slice *slice = abi_row(ABI_TABLE_SLICES, i);
        if (slice->owner && !slice->env)
            sys_slice_free(CAP_SLOT_ACCOUNT, i, 1);
    }
    sched_ended = 0;
}
