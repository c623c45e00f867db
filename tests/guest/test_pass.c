// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// env_pass: sleeping in favour of another env.

#include "tests/guest/guest.h"

static volatile u32 turn;
static volatile u64 shared;

static void sleeper(void *argument) {
    (void)argument;
    for (;;)
        sys_env_sleep(env_row(self())->wakes, ABI_ANY);
}

static void spin_after_sleep(void *argument) {
    (void)argument;
    sys_env_sleep(env_row(self())->wakes, ABI_ANY);
    for (;;)
        ;
}

#define RING 4
static volatile env_id ring[RING];
static volatile u32 ring_size, ring_rounds;

// Waits for the token and passes it on, once asleep and woken by the same call.
static void ring_pass(void *argument) {
    u32 me = (u32)(u64)argument;
    while (!ring[ring_size - 1])
        sys_env_yield(0, 0);
    env_id next = ring[(me + 1) % ring_size];
    u64 seen = env_row(ring[me])->wakes;
    for (u32 i = 0; i < ring_rounds; i++) {
        while (turn % ring_size != me) {
            sys_env_sleep(seen, ABI_ANY);
            seen = env_row(ring[me])->wakes;
        }
        seen = env_row(ring[me])->wakes;
        turn++;
        CHECK_EQ(sys_env_pass(CAP_SLOT_ACCOUNT, next, seen, ABI_ANY), 0);
        seen = env_row(ring[me])->wakes;
    }
    sys_env_wake(CAP_SLOT_ACCOUNT, next);
}

static void ring_run(u32 size, const u32 *cpu, u32 rounds) {
    turn = 0;
    ring_size = size;
    ring_rounds = rounds;
    for (u32 i = 0; i < RING; i++)
        ring[i] = 0;
    env_id made[RING];
    for (u32 i = 0; i < size; i++) {
        made[i] = worker_start(cpu[i], ring_pass, (void *)(u64)i);
        ring[i] = made[i];
    }
    for (u32 i = 0; i < size; i++)
        worker_wait(made[i]);
    CHECK_EQ(turn, size * rounds);
}

// No wake-up is lost, wherever the two run.
TEST(pass_ping_pong) {
    for (u32 other = 0; other < cpus(); other++)
        ring_run(2, (u32[]){0, other}, 500);
}
TEST(pass_round_a_ring) {
    ring_run(RING, (u32[]){0, 0, 0, 0}, 300);
    ring_run(RING, (u32[]){0, 1 % cpus(), 2 % cpus(), 3 % cpus()}, 300);
    ring_run(RING, (u32[]){0, 0, 1 % cpus(), 1 % cpus()}, 300);
}

TEST(pass_returns_when_there_is_no_reason_to_sleep) {
    env_id worker = worker_start(cpus() - 1, sleeper, 0);
    worker_wait_state(worker, ENV_SLEEPING);
    u64 wakes = env_row(worker)->wakes, seen = env_row(my_env())->wakes;
    CHECK_EQ(sys_env_pass(CAP_SLOT_ACCOUNT, worker, seen + 1, ABI_ANY), 0);
    CHECK_EQ(env_row(worker)->wakes, wakes + 1);
    worker_wait_state(worker, ENV_SLEEPING);
    CHECK_EQ(sys_env_pass(CAP_SLOT_ACCOUNT, worker, seen, 0), 0);
    CHECK_EQ(env_row(worker)->wakes, wakes + 2);
    CHECK_EQ(sys_env_pass(CAP_SLOT_ACCOUNT, my_env(), seen, ABI_ANY), 0); // wakes itself
    CHECK_EQ(sys_env_pass(CAP_SLOT_CONSOLE, worker, seen, ABI_ANY), -E_TYPE);
    CHECK_EQ(env_row(worker)->wakes, wakes + 2);
    i64 weak =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_WAKE, 0, 0);
    CHECK(weak > 0);
    CHECK_EQ(sys_env_pass((u64)weak, worker, seen, ABI_ANY), -E_RIGHTS); // it may not yield to it
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    worker_destroy(worker);
    CHECK_EQ(sys_env_pass(CAP_SLOT_ACCOUNT, worker, seen, ABI_ANY), -E_STALE);
}

// The deadline holds although the other one never gives the processor up.
TEST(pass_wakes_at_its_deadline) {
    env_id worker = worker_start(0, spin_after_sleep, 0);
    worker_wait_state(worker, ENV_SLEEPING);
    u64 from = tsc(), seen = env_row(my_env())->wakes;
    CHECK_EQ(sys_env_pass(CAP_SLOT_ACCOUNT, worker, seen, from + ms(5)), 0);
    CHECK(tsc() - from >= ms(5) || env_row(my_env())->wakes != seen);
    CHECK(tsc() - from < ms(2000));
    CHECK_EQ(env_row(worker)->state, ENV_READY);
    worker_destroy(worker);
}

u64 pass_and_look(u64 cap, env_id env, u64 seen, u64 deadline); // entry.S, like yield_and_look

// The short way is without a deadline.
static u64 leak_deadline(u32 i) {
    return i % 4 ? ABI_ANY : tsc() + ms(10);
}

static void pass_and_leak(void *argument) {
    while (!ring[1])
        sys_env_yield(0, 0);
    for (u32 i = 0; i < 50; i++) {
        u64 seen = env_row(ring[0])->wakes;
        __asm__ volatile("movq %0, %%xmm3\n wrfsbase %0\n wrgsbase %0" : : "r"(argument) : "xmm3");
        sys_env_pass(CAP_SLOT_ACCOUNT, ring[1], seen, leak_deadline(i));
    }
    __asm__ volatile("wrfsbase %0\n wrgsbase %0" : : "r"(0ul));
}

static void pass_and_see(void *argument) {
    (void)argument;
    while (!ring[1])
        sys_env_yield(0, 0);
    for (u32 i = 0; i < 50; i++)
        __atomic_fetch_or(
            &shared,
            pass_and_look(CAP_SLOT_ACCOUNT, ring[0], env_row(ring[1])->wakes, leak_deadline(i)),
            __ATOMIC_RELAXED);
}

// Waits for the end of one who may wait for another that has ended.
static void wake_until_over(env_id worker) {
    while (!worker_ended(worker)) {
        sys_env_wake(CAP_SLOT_ACCOUNT, worker);
        sys_env_yield(0, 0);
    }
    worker_wait(worker);
}

TEST(no_register_leaks_when_passing) {
    shared = 0;
    ring[0] = ring[1] = 0;
    env_id a = worker_start(0, pass_and_leak, (void *)0x1234567), b;
    ring[0] = a;
    b = worker_start(0, pass_and_see, 0);
    ring[1] = b;
    wake_until_over(a);
    wake_until_over(b);
    CHECK_EQ(shared, 0);
}

static volatile i64 weak_error;

// Passes twice by a capability for just the other one, then with rights that don't suffice.
static void pass_by_name(void *argument) {
    env_id me = self(), to = ring[0];
    (void)argument;
    i64 strong = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), me,
                              CAP_RIGHT_WAKE | CAP_RIGHT_YIELD | CAP_RIGHT_MINT, 0, 0);
    i64 weak = sys_cap_mint(CAP_PAIR((u64)strong, CAP_SLOT_SELF), me, CAP_RIGHT_WAKE, 0, 0);
    CHECK(strong > 0 && weak > 0);
    u64 wakes = env_row(to)->wakes;
    weak_error = sys_env_pass((u64)weak, to, env_row(me)->wakes, ABI_ANY);
    CHECK_EQ(env_row(to)->wakes, wakes);
    for (u32 i = 0; i < 2; i++)
        CHECK_EQ(sys_env_pass((u64)strong, to, env_row(me)->wakes, ABI_ANY), 0);
    CHECK_EQ(sys_env_pass(CAP_SLOT_SELF, to, env_row(me)->wakes, ABI_ANY), -E_RIGHTS);
    CHECK_EQ(env_row(to)->wakes, wakes + 2);
}

// The tables say who runs and how many could, and refusals change nothing, on the short way too.
TEST(pass_keeps_the_tables) {
    const volatile struct abi_cpu *row = abi_row(ABI_TABLE_CPUS, 0);
    env_id to = worker_start(0, sleeper, 0);
    worker_wait_state(to, ENV_SLEEPING);
    u32 runnable = row->runnable;
    ring[0] = to;
    weak_error = 0;
    env_id by = worker_start(0, pass_by_name, 0);
    worker_wait_state(by, ENV_SLEEPING);
    CHECK_EQ(weak_error, -E_RIGHTS);
    worker_wait_state(to, ENV_SLEEPING);
    CHECK_EQ(row->runnable, runnable);
    CHECK_EQ(row->env, my_env());
    sys_env_wake(CAP_SLOT_ACCOUNT, by);
    worker_wait_state(by, ENV_SLEEPING);
    CHECK_EQ(row->runnable, runnable);
    sys_env_wake(CAP_SLOT_ACCOUNT, by);
    worker_wait(by);
    worker_destroy(to);
    CHECK_EQ(row->runnable, runnable);
}

// Those who pass go on when the one they pass to is stopped, started and destroyed meanwhile, on
// any processor.
static void pass_to_the_dying(void *argument) {
    env_id me = self();
    i64 error;
    (void)argument;
    do {
        env_id to = ring[0];
        error = sys_env_pass(CAP_SLOT_ACCOUNT, to, env_row(me)->wakes, tsc() + ms(1) / 8);
    } while (!error && !shared);
    CHECK(error == 0 || error == -E_STALE);
}

TEST(pass_to_an_env_that_ends) {
    for (u32 i = 0; i < 8; i++) {
        shared = 0;
        env_id victim = worker_start(i % cpus(), sleeper, 0);
        ring[0] = victim;
        env_id a = worker_start(0, pass_to_the_dying, 0),
               b = worker_start(cpus() - 1, pass_to_the_dying, 0);
        for (u32 stop = 0; stop < 5; stop++) {
            u64 until = tsc() + ms(2);
            i64 error;
            while (tsc() < until)
                sys_env_yield(0, 0);
            while ((error = sys_env_stop(CAP_SLOT_ACCOUNT, victim)) == -E_AGAIN)
                ;
            CHECK_EQ(error, 0);
            CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, victim), 0);
        }
        worker_destroy(victim);
        shared = 1;
        worker_wait(a);
        worker_wait(b);
    }
}

static u32 pkru_get(void) {
    u32 lo, hi;
    __asm__ volatile("rdpkru" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

// Each passes with rights of its own by protection keys, and finds them as they were.
static void pass_with_keys(void *argument) {
    u32 me = (u32)(u64)argument;
    while (!ring[1])
        sys_env_yield(0, 0);
    for (u32 i = 0; i < 20; i++) {
        u32 mine = (i % 3 + 1) << (me ? 2 : 4);
        __asm__ volatile("wrpkru" : : "a"(mine), "c"(0), "d"(0) : "memory");
        sys_env_pass(CAP_SLOT_ACCOUNT, ring[1 - me], env_row(ring[me])->wakes, leak_deadline(i));
        CHECK_EQ(pkru_get(), mine);
    }
    __asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0) : "memory");
}

TEST(protection_keys_outlive_passing) {
    if (!(ABI_INFO->features & ABI_FEATURE_PKU))
        return;
    ring[0] = ring[1] = 0;
    env_id a = worker_start(0, pass_with_keys, (void *)0), b;
    ring[0] = a;
    b = worker_start(0, pass_with_keys, (void *)1);
    ring[1] = b;
    wake_until_over(a);
    wake_until_over(b);
}
