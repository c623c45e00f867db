// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Slices: excess time and what it costs, the rest of a slice that was given, a processor that is
// left to one env, whose interrupts are.

#include "tests/guest/guest.h"

#define CAPS CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)

static volatile u64 turns[4];
static volatile u32 slices_end;
static volatile env_id spinner; // whom lender and giver give the rest to
static volatile u64 spinner_cap;

static const volatile struct abi_cpu *cpu_row(u32 cpu) {
    return abi_row(ABI_TABLE_CPUS, cpu);
}

static u64 slice_of(env_id env) {
    for (u64 i = 0; i < cpus() * (u64)ABI_SLICES; i++)
        if (slice_row(i)->env == env)
            return i;
    return ABI_ANY;
}

static void pause_ms(u64 n) {
    u64 until = tsc() + ms(n);
    while (tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, until);
}

// Leaves at the end of its slice, by the upcall.
static void spin(void *argument) {
    while (!slices_end)
        turns[(u64)argument]++;
}

// Masks upcalls and never leaves.
static void hold_on(void *argument) {
    *upcall_mask() = 1;
    spin(argument);
    *upcall_mask() = 0;
}

static void free_slice_of(env_id env) {
    u64 slice = slice_of(env);
    CHECK_EQ(sys_slice_assign(CAPS, slice, 0), 0);
}

static int is_there(env_id env) {
    return env_row(env)->id == env;
}

// --- excess --------------------------------------------------------------------------------------

// Slices must be short, or these take long (make test-slices).
static int slices_are_short(void) {
    return ABI_INFO->slice_ns <= 1000000;
}

// What it takes after the end of its slices it pays for, so its share is not greater than the
// other's; and in the end it is destroyed, and the other has it all.
TEST(excess_is_paid_and_ends_in_destruction) {
    if (!slices_are_short())
        return;
    u32 cpu = cpus() - 1;
    slices_end = 0;
    env_id other = worker_start(cpu, spin, (void *)0),
           holder = worker_start(cpu, hold_on, (void *)1);
    pause_ms(20);
    u64 held = env_row(holder)->ran, had = env_row(other)->ran;
    while (env_row(holder)->forced < 150 && is_there(holder))
        pause_ms(5);
    held = env_row(holder)->ran - held;
    had = env_row(other)->ran - had;
    CHECK(held < had + had / 20);
    CHECK(env_row(holder)->forfeited > 15);
    CHECK(env_row(holder)->overrun > 0);
    CHECK_EQ(env_row(other)->forfeited, 0);
    say("excess: %lu us held, %lu us had by the other, %u slices forfeited\n",
        held / (ABI_INFO->tsc_hz / 1000000), had / (ABI_INFO->tsc_hz / 1000000),
        env_row(holder)->forfeited);
    for (u64 until = tsc() + ms(20000); is_there(holder) && tsc() < until;)
        pause_ms(5);
    CHECK(!is_there(holder));
    CHECK(is_there(other));
    u64 before = turns[0];
    pause_ms(10);
    CHECK(turns[0] != before);
    slices_end = 1;
    worker_wait(other);
    worker_destroy(holder);
}

static void lend(void *argument) {
    (void)argument;
    while (!spinner_cap)
        sys_env_yield(0, 0);
    while (!slices_end)
        if (sys_env_yield(spinner_cap, spinner))
            sys_env_yield(0, 0);
}

// One that overruns what it was given runs up the debt of who gave it, and is not destroyed.
TEST(excess_is_the_lenders) {
    if (!slices_are_short())
        return;
    u32 cpu = cpus() - 1;
    slices_end = 0;
    spinner_cap = 0;
    env_id other = worker_start(cpu, spin, (void *)0),
           holder = worker_start(cpu, hold_on, (void *)1);
    free_slice_of(holder);
    env_id lender = worker_start(cpu, lend, 0);
    spinner = holder;
    spinner_cap = CAP_SLOT_ACCOUNT;
    for (u64 until = tsc() + ms(20000); env_row(holder)->forced < 300 && tsc() < until;)
        pause_ms(5);
    CHECK(env_row(holder)->forced >= 300);
    CHECK(is_there(holder));
    CHECK_EQ(env_row(holder)->excess, 0);
    CHECK_EQ(env_row(holder)->overrun, 0);
    CHECK_EQ(env_row(holder)->forfeited, 0);
    CHECK(env_row(lender)->forfeited > 30);
    slices_end = 1;
    worker_wait(lender);
    worker_wait(other);
    worker_destroy(holder);
}

// --- the rest of a slice -------------------------------------------------------------------------

static void give_and_sleep(void *argument) {
    (void)argument;
    while (!spinner_cap)
        sys_env_yield(0, 0);
    sys_env_pass(spinner_cap, spinner, env_row(self())->wakes, ABI_ANY);
    while (!slices_end)
        sys_env_sleep(env_row(self())->wakes, ABI_ANY);
}

// Nobody else can run there, and still: without a position it does not go on.
TEST(rest_of_a_slice_ends) {
    u32 cpu = cpus() - 1;
    if (cpu == 0)
        return;
    slices_end = 0;
    spinner_cap = 0;
    turns[1] = 0;
    env_id taker = worker_start(0, spin, (void *)1), giver = worker_start(cpu, give_and_sleep, 0);
    while (!turns[1])
        sys_env_yield(0, 0);
    free_slice_of(taker);
    pause_ms(50);
    u64 ran = turns[1];
    spinner = taker;
    spinner_cap = CAP_SLOT_ACCOUNT;
    for (u64 until = tsc() + ms(10000); turns[1] == ran && tsc() < until;)
        pause_ms(5);
    CHECK(turns[1] != ran);
    worker_wait_state(taker, ENV_READY);
    u64 then = turns[1];
    pause_ms(50);
    CHECK_EQ(turns[1], then);
    slices_end = 1;
    worker_destroy(taker);
    sys_env_wake(CAP_SLOT_ACCOUNT, giver);
    worker_wait(giver);
}

// --- a processor for one env ---------------------------------------------------------------------

// It runs there all the time, and the timer says nothing.
static void check_left_alone(u32 cpu, u64 n) {
    pause_ms(30); // what was set before may come once
    u64 timers = cpu_row(cpu)->timers, interrupts = cpu_row(cpu)->interrupts, at = turns[0];
    pause_ms(n);
    CHECK_EQ(cpu_row(cpu)->timers - timers, 0);
    CHECK_EQ(cpu_row(cpu)->interrupts - interrupts, 0);
    CHECK(turns[0] != at);
}

TEST(whole_processor) {
    u32 cpu = cpus() - 1;
    if (cpu == 0)
        return;
    slices_end = 0;
    env_id owner = worker_start(cpu, spin, (void *)0);
    u64 slice = slice_of(owner);
    CHECK_EQ(sys_slice_whole(CAPS, slice, owner, 1), 1);
    CHECK_EQ(cpu_row(cpu)->whole, owner);
    check_left_alone(cpu, 500);
    CHECK_EQ(cpu_row(cpu)->slice_end, ~0ul);
    // Another comes, has its share at once, and goes.
    u64 before = turns[1];
    env_id other = worker_start(cpu, spin, (void *)1);
    for (u64 until = tsc() + ms(2000); turns[1] == before && tsc() < until;)
        pause_ms(1);
    CHECK(turns[1] != before);
    CHECK_EQ(sys_slice_whole(CAPS, slice, owner, 1), 0); // asked, not in effect
    u64 had = env_row(other)->ran;
    pause_ms(200);
    CHECK(env_row(other)->ran - had > ms(40));
    worker_destroy(other);
    check_left_alone(cpu, 200);
    // It ends with the request,
    u64 timers = cpu_row(cpu)->timers;
    CHECK_EQ(sys_slice_whole(CAPS, slice, owner, 0), 0);
    CHECK_EQ(cpu_row(cpu)->whole, 0);
    pause_ms(100);
    CHECK(cpu_row(cpu)->timers != timers);
    // with the position,
    CHECK_EQ(sys_slice_whole(CAPS, slice, owner, 1), 1);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
    CHECK_EQ(cpu_row(cpu)->whole, 0);
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    CHECK_EQ(sys_slice_assign(CAPS, slice, owner), 0);
    // and with the env.
    CHECK_EQ(sys_slice_whole(CAPS, slice, owner, 1), 1);
    worker_destroy(owner);
    CHECK_EQ(cpu_row(cpu)->whole, 0);
    slices_end = 1;
}

TEST(whole_processor_is_refused) {
    env_id workers[2];
    slices_end = 0;
    for (u32 i = 0; i < 2; i++)
        workers[i] = worker_start(cpus() - 1, spin, (void *)(u64)i);
    u64 a = slice_of(workers[0]), b = slice_of(workers[1]);
    CHECK_EQ(sys_slice_whole(CAPS, b, workers[0], 1), -E_INVAL);
    CHECK_EQ(sys_slice_whole(CAPS, a, workers[0], 2), -E_INVAL);
    CHECK_EQ(sys_slice_whole(CAPS, cpus() * (u64)ABI_SLICES, workers[0], 1), -E_RANGE);
    CHECK_EQ(sys_slice_whole(CAPS, a, 0x123456, 1), -E_STALE);
    i64 weak = sys_cap_mint(CAPS, my_env(), CAP_RIGHTS_ALL & ~CAP_RIGHT_CONTROL, a, 1);
    i64 other = sys_cap_mint(CAPS, my_env(), CAP_RIGHT_WAKE, workers[0], CAP_MINT_ENV);
    CHECK_EQ(sys_slice_whole(CAP_PAIR(CAP_SLOT_ACCOUNT, (u64)other), a, workers[0], 1), -E_RIGHTS);
    if (weak > 0)
        sys_cap_drop((u64)weak);
    sys_cap_drop((u64)other);
    CHECK_EQ(sys_slice_whole(CAPS, a, workers[0], 1), 0);
    CHECK_EQ(sys_slice_whole(CAPS, b, workers[1], 1), -E_BUSY);
    CHECK_EQ(sys_slice_whole(CAPS, b, workers[1], 0), 0); // nothing of its own to end
    CHECK_EQ(cpu_row(cpus() - 1)->whole, workers[0]);
    slices_end = 1;
    worker_wait(workers[0]);
    worker_wait(workers[1]);
    CHECK_EQ(cpu_row(cpus() - 1)->whole, 0);
}

static void give_over_and_over(void *argument) {
    while (!spinner)
        sys_env_yield(0, 0);
    i64 cap = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(), CAP_RIGHT_YIELD,
                           spinner, CAP_MINT_ENV);
    while (!slices_end) {
        sys_env_yield((u64)cap, spinner);
        turns[(u64)argument]++;
    }
}

// Who has a processor alone and gives it away gets it back.
TEST(whole_processor_given_on_comes_back) {
    u32 cpu = cpus() - 1;
    if (cpu == 0)
        return;
    slices_end = 0;
    spinner = 0;
    env_id taker = worker_start(0, hold_on, (void *)1);
    free_slice_of(taker);
    turns[0] = 0;
    env_id owner = worker_start(cpu, give_over_and_over, (void *)0);
    CHECK_EQ(sys_slice_whole(CAPS, slice_of(owner), owner, 1), 1);
    spinner = taker;
    for (u64 until = tsc() + ms(5000); turns[0] < 5 && tsc() < until;)
        pause_ms(5);
    CHECK(turns[0] >= 5);
    slices_end = 1;
    worker_wait(owner);
    worker_destroy(taker);
}

// --- interrupts ----------------------------------------------------------------------------------

static void sleep_over_and_over(void *argument) {
    (void)argument;
    while (!slices_end)
        sys_env_sleep(env_row(self())->wakes, tsc() + ms(1));
}

TEST(interrupts_are_whose_deadline_it_is) {
    u32 cpu = cpus() - 1;
    slices_end = 0;
    env_id sleeper = worker_start(cpu, sleep_over_and_over, 0), other = worker_start(cpu, spin, 0);
    u64 all = cpu_row(cpu)->interrupt_ticks;
    pause_ms(200);
    CHECK(env_row(sleeper)->interrupt_ticks > 0);
    CHECK_EQ(env_row(other)->interrupt_ticks, 0);
    CHECK(cpu_row(cpu)->interrupt_ticks - all >= env_row(sleeper)->interrupt_ticks);
    slices_end = 1;
    worker_wait(sleeper);
    worker_wait(other);
}

// --- limits --------------------------------------------------------------------------------------

TEST(positions_of_one_env_are_limited) {
    if (cpus() < 2)
        return;
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 0, 1);
    u64 caps = CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), base = ABI_SLICES;
    slices_end = 0;
    env_id worker = worker_start(0, spin, (void *)0);
    CHECK_EQ(sys_slice_alloc(caps, (account_id)account, base, ABI_SLICES), 0);
    for (u64 i = 0; i < ABI_SLICES - 1; i++)
        CHECK_EQ(sys_slice_assign(CAPS, base + i, worker), 0);
    CHECK_EQ(env_row(worker)->slices, ENV_SLICES_MAX);
    CHECK_EQ(sys_slice_assign(CAPS, base + ABI_SLICES - 1, worker), -E_LIMIT);
    CHECK_EQ(sys_slice_assign(CAPS, base, worker), 0); // its own already
    CHECK_EQ(sys_slice_assign(CAPS, base + 7, 0), 0);
    CHECK_EQ(sys_slice_assign(CAPS, base + ABI_SLICES - 1, worker), 0);
    account_free((account_id)account); // in steps
    CHECK_EQ(env_row(worker)->slices, 1);
    slices_end = 1;
    worker_wait(worker);
}

// --- interrupts ----------------------------------------------------------------------------------

static void sleep_shortly(void *argument) {
    while (!slices_end) {
        turns[(u64)argument]++;
        sys_env_sleep(env_row(self())->wakes, tsc() + ms(1) / 50);
    }
}

// Deadlines that come in others' slices take time from them: what the owner owes for it is its
// excess, which it pays as any other. Those who were interrupted owe nothing for it.
TEST(excess_of_interrupts_is_the_owners) {
    if (!slices_are_short())
        return;
    u32 cpu = cpus() - 1;
    u64 slice = ABI_INFO->tsc_hz / 1000000 * ABI_INFO->slice_ns / 1000;
    slices_end = 0;
    turns[2] = 0;
    env_id busy = worker_start(cpu, spin, (void *)0),
           woken = worker_start(cpu, sleep_shortly, (void *)2);
    for (u64 until = tsc() + ms(5000); turns[2] < 100 && tsc() < until;)
        pause_ms(5);
    u64 took = env_row(woken)->interrupt_ticks;
    u64 owes = env_row(woken)->forfeited * slice + env_row(woken)->excess;
    CHECK(turns[2] >= 100);
    CHECK(took > 0);
    CHECK(owes > took / 2); // some came while nobody paid
    CHECK_EQ(env_row(busy)->interrupt_ticks, 0);
    slices_end = 1;
    worker_wait(busy);
    worker_wait(woken);
}
