// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What an env that sleeps for a predicate costs whenever the kernel chooses what runs: the
// difference that one makes to yielding to nobody. The predicate has two terms, and does not hold.

#include "abi/predicate.h"
#include "bench/native/native.h"

#define YIELDS 1000ul

static struct predicate predicate;
static u8 stack[4096] __attribute__((aligned(16)));
static env_id sleeper;
static u64 alone; // ticks of YIELDS

static inline u64 ticks(void) {
    u32 lo, hi;
    __asm__ volatile("lfence\n rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (u64)hi << 32 | lo;
}

static u64 yields(void) {
    u64 from = ticks();
    for (u64 i = 0; i < YIELDS; i++)
        sys_env_yield(0, 0);
    return ticks() - from;
}

static void sleeper_main(void) {
    for (;;)
        (void)sys_env_sleep_until(0, (u64)&predicate, 0, ABI_ANY);
}

static void prepare(void) {
    const volatile struct abi_env *row = abi_row(ABI_TABLE_ENVS, ABI_INDEX(my_env));
    predicate.terms = 2;
    predicate.term[0] =
        (struct predicate_term){(u64)&row->wakes, ~0ul, 0, 8, PREDICATE_NOT_BELOW, 0};
    predicate.term[1] = (struct predicate_term){(u64)&row->wakes, ~0ul, ~0ul, 8, PREDICATE_EQ, 1};
    alone = yields();
    struct env_setup setup = {
        .rip = (u64)sleeper_main, .rsp = (u64)stack + sizeof stack - 8, .flags = ENV_START};
    i64 env = sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SPACE), my_account, my_space,
                             (u64)&setup, ABI_ANY);
    if (env <= 0)
        fail("env_create", env);
    sleeper = (env_id)env;
    must(sys_env_yield(CAP_SLOT_ACCOUNT, sleeper), 0, "env_yield");
    row = abi_row(ABI_TABLE_ENVS, ABI_INDEX(sleeper));
    must(row->state, ENV_WAITING, "state of the sleeper");
}

static u64 sample(void) {
    u64 both = yields();
    return both > alone ? (both - alone) / YIELDS : 0;
}

static void finish(void) {
    must(sys_env_destroy(CAP_SLOT_ACCOUNT, sleeper), 0, "env_destroy");
}

ROW_SAMPLED(predicate_look, prepare, sample, finish);
