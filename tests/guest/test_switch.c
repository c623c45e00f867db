// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Directed yield by its short way (an ENV capability) and by its long one (the account's), and
// between them: the same results, nothing lost, nothing seen.

#include "tests/guest/guest.h"

#define ROUNDS 2000

static volatile env_id partner[2];
static volatile u64 partner_cap[2];
static volatile u32 turn, short_way, mistakes, ended;

static u64 cap_for(env_id env) {
    if (!short_way)
        return CAP_SLOT_ACCOUNT;
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(),
                            CAP_RIGHT_YIELD | CAP_RIGHT_WAKE, env, CAP_MINT_ENV);
    CHECK(slot >= CAP_SLOT_FREE);
    return (u64)slot;
}

static void meet(u32 me) { // both names are known
    while (!partner[!me])
        sys_env_yield(0, 0);
    partner_cap[me] = cap_for(partner[!me]);
}

static void pair_run(u32 cpu0, u32 cpu1, void (*run)(void *)) {
    partner[0] = partner[1] = 0;
    turn = ended = 0;
    env_id a = worker_start(cpu0, run, (void *)0), b = worker_start(cpu1, run, (void *)1);
    partner[0] = a;
    partner[1] = b;
    worker_wait(a);
    worker_wait(b);
}

static void on_all(void (*run)(void *)) {
    for (u32 other = 0; other < cpus(); other++)
        for (short_way = 0; short_way < 2; short_way++)
            pair_run(0, other, run);
}

// --- yield ---------------------------------------------------------------------------------------

static void yield_in_turn(void *argument) {
    u32 me = (u32)(u64)argument;
    meet(me);
    while (turn < ROUNDS) {
        if (turn % 2 == me)
            turn++;
        i64 error = sys_env_yield(partner_cap[me], partner[!me]);
        if (error && error != -E_BUSY && turn < ROUNDS) // after that, it may have ended
            mistakes++;
        if (error)
            sys_env_yield(0, 0);
    }
}

TEST(yield_to_each_other) {
    mistakes = 0;
    on_all(yield_in_turn);
    CHECK_EQ(mistakes, 0);
}

// The slice goes; vector registers and control words don't go with it.
static void give_with_vectors(void *argument) {
    u32 me = (u32)(u64)argument;
    meet(me);
    for (u32 i = 0; i < 200; i++) {
        u64 seen = 0;
        u32 control = 0x3f80, now; // MXCSR: rounds down
        if (me == 0)
            __asm__ volatile("movq %0, %%xmm5\n ldmxcsr %1" : : "r"(0x7777ul), "m"(control));
        if (sys_env_yield(partner_cap[me], partner[!me]))
            sys_env_yield(0, 0);
        __asm__ volatile("movq %%xmm5, %0\n stmxcsr %1" : "=r"(seen), "=m"(now));
        if (me == 1 && (seen || now == control))
            mistakes++;
        control = 0x1f80;
        __asm__ volatile("ldmxcsr %0" : : "m"(control));
    }
    ended++;
    while (ended < 2)
        sys_env_yield(0, 0);
}

TEST(yield_gives_no_vector_state) {
    mistakes = 0;
    short_way = 1;
    pair_run(0, 0, give_with_vectors);
    CHECK_EQ(mistakes, 0);
}

static u64 selectors(void) {
    u64 ds, es, fs, gs;
    __asm__ volatile("mov %%ds, %0\n mov %%es, %1\n mov %%fs, %2\n mov %%gs, %3"
                     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
    return ds << 48 | es << 32 | fs << 16 | gs;
}

// One loads its data segments, and loses the processor by force: it has them afterwards, and the
// other one never.
static void keep_selectors(void *argument) {
    u64 other = (u64)argument, mine = 0;
    if (!other) {
        *upcall_mask() = 1;
        __asm__ volatile("mov %%ss, %0\n mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs"
                         : "=r"(mine));
        mine = selectors();
        CHECK(mine != 0);
    }
    for (u64 until = tsc() + ms(10000); turn < 20 && tsc() < until;) {
        mistakes += selectors() != mine;
        if (other) {
            turn++;
            sys_env_yield(0, 0);
        }
    }
    __asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs" : : "r"(0));
    *upcall_mask() = 0;
    ended++;
}

TEST(selectors_stay_with_their_env) {
    mistakes = 0;
    pair_run(0, 0, keep_selectors);
    CHECK_EQ(mistakes, 0);
    CHECK_EQ(turn, 20);
}

// What the short way is asked with wrong rights or a name of the past is refused as on the long
// one, and an env that is gone is not entered.
TEST(short_way_checks_names_and_rights) {
    struct child child;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    u64 all = CAP_RIGHT_YIELD | CAP_RIGHT_WAKE;
    i64 cap[3];
    u64 rights[3] = {all, CAP_RIGHT_YIELD, CAP_RIGHT_WAKE};
    for (u32 i = 0; i < 3; i++) {
        cap[i] = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), rights[i],
                              child.env, CAP_MINT_ENV);
        CHECK(cap[i] >= CAP_SLOT_FREE);
    }
    CHECK_EQ(sys_env_yield((u64)cap[0], child.env), -E_BUSY); // it is stopped
    CHECK_EQ(sys_env_yield((u64)cap[2], child.env), -E_RIGHTS);
    CHECK_EQ(sys_env_yield((u64)cap[0], my_env()), -E_RIGHTS); // another object
    CHECK_EQ(sys_env_yield(~0ul, child.env), -E_CAP);
    CHECK_EQ(sys_env_yield(CAP_SLOTS, child.env), -E_CAP);
    child_free(&child);
    CHECK_EQ(sys_env_yield((u64)cap[0], child.env), -E_STALE);
    for (u32 i = 0; i < 3; i++)
        CHECK_EQ(sys_cap_drop((u64)cap[i]), 0);
}

// --- races ---------------------------------------------------------------------------------------

static volatile u32 go_on;

static volatile u64 turns; // of the first of the two

static void give_for_ever(void *argument) {
    u32 me = (u32)(u64)argument;
    meet(me);
    while (go_on) {
        i64 error = sys_env_yield(partner_cap[me], partner[!me]);
        if (me == 0)
            turns++;
        if (error && error != -E_BUSY && error != -E_STALE)
            mistakes++;
        if (error)
            sys_env_yield(0, 0);
    }
}

// One of two that hand the processor to and fro is stopped, moved to other positions, started, and
// destroyed, from another processor if there is one.
TEST(switching_env_is_moved_stopped_destroyed) {
    mistakes = 0;
    for (u32 round = 0; round < 10; round++) {
        short_way = 1;
        partner[0] = partner[1] = 0;
        go_on = 1;
        env_id a = worker_start(cpus() - 1, give_for_ever, (void *)0);
        env_id b = worker_start(cpus() - 1, give_for_ever, (void *)1);
        partner[0] = a;
        partner[1] = b;
        u64 from = tsc(), slice = ABI_ANY, other = ABI_ANY;
        while (tsc() - from < ms(3))
            sys_env_yield(0, 0);
        for (u64 i = 0; i < cpus() * (u64)ABI_SLICES; i++) {
            if (slice_row(i)->env == a)
                slice = i;
            if (!slice_row(i)->owner && i / ABI_SLICES == round % cpus())
                other = i;
        }
        CHECK_EQ(
            sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), other, 1),
            0);
        u64 pair = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
        CHECK_EQ(sys_slice_assign(pair, other, a), 0);
        CHECK_EQ(sys_slice_assign(pair, slice, 0), 0);
        u64 before = turns; // it goes on, though not always by a yield: both may run at once
        while (turns == before && tsc() - from < ms(2000))
            sys_env_yield(0, 0);
        CHECK(turns != before);
        i64 error;
        while ((error = sys_env_stop(CAP_SLOT_ACCOUNT, a)) == -E_AGAIN)
            ;
        CHECK_EQ(error, 0);
        CHECK_EQ(env_row(a)->state, ENV_STOPPED);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, a), 0);
        if (round & 1)
            go_on = 0;
        worker_destroy(a);
        go_on = 0;
        worker_destroy(b);
    }
    CHECK_EQ(mistakes, 0);
}

static volatile u32 notified;
static void count_notify(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_NOTIFY)
        notified++;
}
static void yield_and_be_notified(void *argument) {
    u32 me = (u32)(u64)argument;
    set_upcall_handler(count_notify);
    meet(me);
    ended++;
    while (go_on)
        if (sys_env_yield(partner_cap[me], partner[!me]))
            sys_env_yield(0, 0);
}

// A notification reaches an env that yields by the short way all the time, whatever it is doing.
TEST(notify_reaches_a_yielding_env) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        short_way = go_on = 1;
        notified = ended = 0;
        partner[0] = partner[1] = 0;
        env_id a = worker_start(cpu, yield_and_be_notified, (void *)0);
        env_id b = worker_start(cpu, yield_and_be_notified, (void *)1);
        partner[0] = a;
        partner[1] = b;
        while (ended < 2)
            sys_env_yield(0, 0);
        for (u32 i = 0; i < 20; i++) {
            u32 before = notified;
            u64 from = tsc();
            CHECK_EQ(sys_env_notify(CAP_SLOT_ACCOUNT, i & 1 ? a : b), 0);
            while (notified == before && tsc() - from < ms(2000))
                sys_env_yield(0, 0);
            CHECK(notified != before);
        }
        go_on = 0;
        worker_wait(a);
        worker_wait(b);
    }
}
