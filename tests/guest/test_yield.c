// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Directed yield: what goes along with it and what does not, and who pays, by its short way (an ENV
// capability) and by its long one (the account's).

#include "tests/guest/guest.h"

#define CAPS       CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define YIELD_SEEN 17 // words: see yield_registers

void yield_registers(u64 slot, env_id env, u64 pattern, u64 *seen); // entry.S

static volatile env_id pair[2], taker;
static volatile u64 turns[2];
static volatile u32 short_way, at_its_expense, yield_end, mistakes;

static u64 cap_for(env_id env) {
    if (!short_way)
        return CAP_SLOT_ACCOUNT;
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(), CAP_RIGHT_YIELD, env,
                            CAP_MINT_ENV);
    CHECK(slot >= CAP_SLOT_FREE);
    return (u64)slot;
}

static void pause_ms(u64 n) {
    u64 until = tsc() + ms(n);
    while (tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, until);
}

// --- registers -----------------------------------------------------------------------------------

// Nothing but what the other one put there, or nothing; never an address of the kernel.
static void look_at(const u64 *seen, u64 pattern) {
    enum {
        RAX = 0,
        RBX = 1,
        RBP = 2,
        RDX = 4,
        R8 = 7,
        R9 = 8,
        R10 = 9,
        R12 = 11,
        FS = 15,
        GS = 16
    };
    for (u32 i = 0; i < YIELD_SEEN; i++)
        if (seen[i] >> 47)
            mistakes++;
    for (u32 i = R12; i < FS; i++)
        if (seen[i] && seen[i] != pattern)
            mistakes++;
    if ((seen[RBX] && seen[RBX] != pattern) || (seen[RBP] && seen[RBP] != pattern) ||
        (seen[R9] && seen[R9] != pattern) || (seen[R10] && seen[R10] != pattern))
        mistakes++;
    if (seen[RAX] || seen[RDX] || seen[R8] || seen[FS] || seen[GS])
        mistakes++;
}

static void yield_and_see(void *argument) {
    u32 me = (u32)(u64)argument;
    const u64 pattern[2] = {0x5a5a00112233, 0x2c2c00445566};
    while (!pair[!me])
        sys_env_yield(0, 0);
    u64 slot = cap_for(pair[!me]), seen[YIELD_SEEN];
    for (u32 i = 0; i < 500; i++) {
        yield_registers(slot, pair[!me], pattern[me], seen);
        if (!seen[0])
            look_at(seen, pattern[!me]);
        else
            sys_env_yield(0, 0);
    }
    turns[me] = 1;
    while (!turns[!me]) // the other one's name stays good
        sys_env_yield(0, 0);
}

TEST(yield_takes_along_what_the_yielder_left) {
    mistakes = 0;
    for (u32 cpu = 0; cpu < cpus(); cpu++)
        for (short_way = 0; short_way < 2; short_way++) {
            pair[0] = pair[1] = 0;
            turns[0] = turns[1] = 0;
            env_id a = worker_start(cpu, yield_and_see, (void *)0);
            env_id b = worker_start(cpu, yield_and_see, (void *)1);
            pair[0] = a;
            pair[1] = b;
            worker_wait(a);
            worker_wait(b);
        }
    CHECK_EQ(mistakes, 0);
}

// --- who pays ------------------------------------------------------------------------------------

static void count(void *argument) {
    while (!yield_end)
        turns[(u64)argument]++;
}

static void give(void *argument) {
    (void)argument;
    while (!taker)
        sys_env_yield(0, 0);
    u64 slot = cap_for(taker);
    while (!yield_end) {
        i64 error = at_its_expense ? sys_env_run(slot, taker) : sys_env_yield(slot, taker);
        if (error)
            sys_env_yield(0, 0);
    }
}

// An env without a position: it runs for what others give.
static env_id lodger_start(u32 cpu, void (*run)(void *)) {
    turns[1] = 0;
    env_id env = worker_start(cpu, run, (void *)1);
    u64 slice = 0;
    while (slice_row(slice)->env != env)
        slice++;
    while (!turns[1])
        sys_env_yield(0, 0);
    CHECK_EQ(sys_slice_assign(CAPS, slice, 0), 0);
    pause_ms(30);
    return env;
}

TEST(who_gives_a_slice_pays_for_it) {
    for (u32 i = 0; i < 4; i++) {
        u32 cpu = cpus() - 1;
        short_way = i & 1;
        at_its_expense = i >> 1;
        yield_end = 0;
        taker = 0;
        env_id lodger = lodger_start(cpu, count), giver = worker_start(cpu, give, 0);
        u64 ran = env_row(lodger)->ran, before = turns[1], had = env_row(giver)->ran;
        taker = lodger;
        for (u64 until = tsc() + ms(5000); tsc() < until;) {
            pause_ms(20);
            u64 paid = at_its_expense ? env_row(lodger)->ran - ran : env_row(giver)->ran - had;
            if (turns[1] != before && paid > ms(10))
                break;
        }
        CHECK(turns[1] != before);
        if (at_its_expense)
            CHECK(env_row(lodger)->ran - ran > ms(10));
        else
            CHECK_EQ(env_row(lodger)->ran, ran);
        if (!at_its_expense)
            CHECK(env_row(giver)->ran - had > ms(10));
        yield_end = 1;
        worker_wait(giver);
        worker_destroy(lodger);
    }
}

static void give_back(void *argument) {
    (void)argument;
    while (!taker) {
        turns[1]++;
        sys_env_yield(0, 0);
    }
    u64 slot = cap_for(pair[0]);
    while (!yield_end) {
        turns[1]++;
        if (sys_env_yield(slot, pair[0]))
            sys_env_yield(0, 0);
    }
}

// Two that yield to each other for ever use the one's positions, and pay with the one's time; a
// third keeps its share.
TEST(yielding_to_and_fro_costs_others_nothing) {
    u32 cpu = cpus() - 1;
    short_way = 1;
    at_its_expense = yield_end = 0;
    taker = 0;
    turns[0] = 0;
    env_id lodger = lodger_start(cpu, give_back), other = worker_start(cpu, count, (void *)0);
    pair[0] = worker_start(cpu, give, 0);
    u64 ran = env_row(lodger)->ran, before = turns[1];
    taker = lodger;
    pause_ms(50);
    u64 had = env_row(other)->ran, paid = env_row(pair[0])->ran;
    pause_ms(300);
    had = env_row(other)->ran - had;
    paid = env_row(pair[0])->ran - paid;
    CHECK(turns[1] > before + 100);
    CHECK_EQ(env_row(lodger)->ran, ran);
    CHECK(paid > ms(20));
    CHECK(had > paid / 2);
    yield_end = 1;
    worker_wait(pair[0]);
    worker_wait(other);
    worker_destroy(lodger);
}

// Who gave dies while the other one runs: nobody who comes after it, with its row, pays.
TEST(giver_dies_and_nobody_pays_in_its_place) {
    u32 cpu = cpus() - 1;
    if (cpu == 0)
        return;
    at_its_expense = yield_end = 0;
    for (u32 i = 0; i < 6; i++) {
        short_way = i & 1;
        taker = 0;
        env_id lodger = lodger_start(cpu, count), giver = worker_start(cpu, give, 0);
        u64 before = turns[1], until = tsc() + ms(2000);
        taker = lodger;
        while (turns[1] == before && tsc() < until)
            ;
        struct child child;
        worker_destroy(giver);
        CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
        CHECK_EQ(ABI_INDEX(child.env), ABI_INDEX(giver));
        pause_ms(40);
        CHECK_EQ(env_row(child.env)->ran, 0);
        child_free(&child);
        worker_destroy(lodger);
    }
    yield_end = 1;
}
