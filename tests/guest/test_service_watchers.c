// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Several watchers of one env, in their order; results of calls; calls of Tricolor itself; and
// strict watches, which hold when a handler is lost.

#include "base/string.h"
#include "tests/guest/service.h"

// Of tests/guest/ext/watch_probe.c.
enum { PASS, DONE, END, REWRITE, REWRITE_DONE, SPIN, GARBAGE, AGAIN };
enum { LAST_NUMBER, LAST_RDI, LAST_RESULT, LAST_OWN };
#define HANDLERS 3 // that it installs by itself, named 1, 2, 3

// Without a watcher guest_foreign_entry answers number + 1000.
static u64 foreign(u64 number, u64 a) {
    u64 result;
    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a)
                     : "0"(number)
                     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory");
    return result;
}

static u64 frames_before(void) {
    return account_row(my_account())->frames;
}

static i64 watch_end(env_id env, i64 ext) {
    return watch(env, ext, 0);
}

#define RESULT (1ul << 63) // of ext/tracer.c

// A tracer, a fault injector and a sandbox at once: each does its work, and the refusal wins.
TEST(watchers_tracer_injector_sandbox) {
    static struct { u64 env, number, arguments[6]; } notes[16] __attribute__((aligned(64)));
    u64 frames = frames_before();
    i64 sandbox = LOAD(sandbox), inject = LOAD(inject), tracer = LOAD(tracer);
    for (u64 number = 0; number < 10; number++)
        CHECK_EQ(call(sandbox, "allow", number, 0), 1);
    CHECK_EQ(call(sandbox, "answer", 2, 13), 1);
    CHECK_EQ(call4(inject, "fail", 3, 1, 1, 5), 0);
    CHECK_EQ(call4(inject, "fail", 2, 2, 1, 5), 1);
    CHECK_EQ(watch(self(), sandbox, WATCH_CALLS | WATCH_STRICT), 0);
    CHECK_EQ(watch(self(), tracer, WATCH_CALLS | WATCH_RESULTS), 0);
    CHECK_EQ(watch(self(), inject, WATCH_CALLS), 0);
    CHECK_EQ(env_row(self())->watcher, ABI_INDEX(tracer)); // the first that is asked
    CHECK_EQ(env_row(self())->watch, WATCH_CALLS | WATCH_RESULTS | WATCH_STRICT);
    CHECK_EQ(foreign(1, 11), 1001);
    CHECK_EQ(sys_foreign_result(1, 1001, 0), 0);
    CHECK_EQ(foreign(2, 12), -13l); // by the sandbox
    CHECK_EQ(foreign(3, 13), -5l);  // by the injector: the sandbox is not asked
    CHECK_EQ(foreign(2, 14), -5l);
    CHECK_EQ(foreign(4, 15), 1004);
    static const u64 expected[][2] = {{1, 11}, {1 | RESULT, 1001}, {2, 12}, {2 | RESULT, -13ul},
                                      {3, 13}, {3 | RESULT, -5ul}, {2, 14}, {2 | RESULT, -5ul},
                                      {4, 15}};
    CHECK_EQ(call(tracer, "drain", (u64)notes, 16), 9);
    for (u32 i = 0; i < 9; i++) {
        CHECK_EQ(notes[i].env, self());
        CHECK_EQ(notes[i].number, expected[i][0]);
        CHECK_EQ(notes[i].arguments[0], expected[i][1]);
    }
    CHECK_EQ(call(sandbox, "violations", 0, 0), 0);
    // One goes, and the others stay.
    CHECK_EQ(watch_end(self(), inject), 0);
    CHECK_EQ(watch_end(self(), inject), -E_STALE);
    CHECK_EQ(foreign(2, 0), -13l);
    CHECK_EQ(watch_end(self(), sandbox), 0);
    CHECK_EQ(foreign(2, 0), 1002);
    unload(inject);
    unload(sandbox);
    CHECK_EQ(watch(self(), 0, 0), 0);
    CHECK_EQ(env_row(self())->watch, 0);
    unload(tracer);
    settle(frames);
}

// What the first strict watcher has passed stays so.
TEST(watchers_cannot_rewrite_behind_a_strict_one) {
    u64 frames = frames_before();
    i64 first = LOAD(watch_probe), second = LOAD(watch_probe), third = LOAD(watch_probe);
    CHECK_EQ(watch(self(), first, WATCH_CALLS | WATCH_STRICT), 0);
    CHECK_EQ(watch(self(), second, WATCH_CALLS | WATCH_STRICT), 0);
    CHECK_EQ(watch(self(), third, WATCH_CALLS), 0); // asked first
    (void)call(third, "set_mode", REWRITE, 0);
    CHECK_EQ(foreign(10, 5), 1011);
    CHECK_EQ(call(first, "last", LAST_RDI, 0), 77); // the first strict one sees what becomes of it
    CHECK_EQ(call(first, "last", LAST_NUMBER, 0), 11);
    (void)call(third, "set_mode", PASS, 0);
    (void)call(second, "set_mode", REWRITE, 0);
    CHECK_EQ(foreign(10, 5), 1010);
    (void)call(second, "set_mode", REWRITE_DONE, 0);
    CHECK_EQ(foreign(10, 5), 88);
    (void)call(second, "set_mode", PASS, 0);
    (void)call(first, "set_mode", REWRITE, 0);
    CHECK_EQ(foreign(10, 5), 1011);
    CHECK_EQ(call(second, "last", LAST_RDI, 0), 77);
    // A refusal of any is one of all.
    (void)call(first, "set_mode", PASS, 0);
    (void)call(second, "set_mode", DONE, 0);
    CHECK_EQ(foreign(10, 5), 4242);
    CHECK_EQ(watch(self(), 0, 0), 0);
    unload(first);
    unload(second);
    unload(third);
    settle(frames);
}

static void end_too_early(void *argument) {
    (void)argument;
    (void)foreign(1, 0);
}

TEST(watchers_have_a_limit_and_pay) {
    u64 frames = frames_before();
    i64 probe[WATCHERS_MAX + 1];
    for (u32 i = 0; i <= WATCHERS_MAX; i++) {
        probe[i] = LOAD(watch_probe);
        CHECK_EQ(watch(self(), probe[i], WATCH_CALLS | (i & 1 ? WATCH_STRICT : 0)),
                 i < WATCHERS_MAX ? 0 : -E_FULL);
    }
    CHECK_EQ(watch(self(), probe[0], WATCH_FAULTS), -E_EXIST);
    CHECK_EQ(foreign(1, 0), 1001);
    env_id worker = worker_start(cpus() - 1, end_too_early, 0); // watched by all of them
    worker_wait(worker);
    for (u32 i = 0; i < WATCHERS_MAX; i++)
        CHECK_EQ(call(probe[i], "set_mode", PASS, 0), 2);
    CHECK_EQ(call(probe[WATCHERS_MAX], "set_mode", PASS, 0), 0);
    for (u32 i = 0; i <= WATCHERS_MAX; i++)
        if (!(i & 1))
            unload(probe[i]); // and the watch ends
    CHECK_EQ(foreign(1, 0), 1001);
    CHECK_EQ(call(probe[1], "set_mode", PASS, 0), 3);
    CHECK_EQ(watch(self(), 0, 0), 0);
    for (u32 i = 1; i < WATCHERS_MAX; i += 2)
        unload(probe[i]);
    settle(frames);
}

// The call is made anew as often as a watcher wants, with the registers that it had.
TEST(watchers_ask_again) {
    u64 frames = frames_before();
    for (u32 several = 0; several < 2; several++) {
        i64 probe = LOAD(watch_probe), other = LOAD(watch_probe);
        (void)call(probe, "set_mode", AGAIN, 0);
        CHECK_EQ(watch(self(), probe, WATCH_CALLS), 0);
        if (several)
            CHECK_EQ(watch(self(), other, WATCH_CALLS), 0);
        CHECK_EQ(foreign(10, 5), 1010);
        CHECK_EQ(foreign(11, 6), 1011);
        CHECK_EQ(call(probe, "set_mode", AGAIN, 0), 8);
        CHECK_EQ(call(other, "set_mode", PASS, 0), several ? 2 : 0);
        CHECK_EQ(call(probe, "last", LAST_RDI, 0), 6);
        CHECK_EQ(watch(self(), 0, 0), 0);
        unload(probe);
        unload(other);
    }
    settle(frames);
}

// --- strict --------------------------------------------------------------------------------------

// Who loaded an extension is told when a handler of it is detached.
static void told(struct upcall_frame *frame) {
    CHECK_EQ(frame->vector, UPCALL_NOTIFY);
}

static volatile u64 progress;

static void wait_and_call(void *argument) {
    (void)argument;
    progress = 1;
    while (progress == 1)
        ;
    progress = foreign(1, 0);
    for (;;)
        ;
}

static env_id waiting_worker(void) {
    progress = 0;
    env_id worker = worker_start(cpus() - 1, wait_and_call, 0);
    while (!progress)
        sys_env_yield(0, 0);
    return worker;
}

// The handler is detached in the very call that it should have judged; with another watcher or
// handler beside it, or alone.
TEST(watchers_strict_ends_with_the_handler) {
    u64 frames = frames_before();
    set_upcall_handler(told);
    for (u32 beside = 0; beside < 3; beside++) {
        i64 probe = LOAD(watch_probe), other = LOAD(watch_probe);
        env_id worker = waiting_worker();
        (void)call(probe, "set_mode", SPIN, 0);
        if (beside == 2)
            CHECK((i64)call(probe, "install_again", 0, 0) > 0);
        CHECK_EQ(watch(worker, probe, WATCH_CALLS | WATCH_STRICT), 0);
        if (beside == 1)
            CHECK_EQ(watch(worker, other, WATCH_CALLS), 0);
        progress = 2;
        gone(worker);
        CHECK_EQ(progress, 2);
        worker_destroy(worker);
        unload(probe);
        unload(other);
    }
    set_upcall_handler(0);
    settle(frames);
}

// It is lost by another env's call, or taken out by the extension itself.
TEST(watchers_strict_holds_for_all_its_envs) {
    u64 frames = frames_before();
    set_upcall_handler(told);
    for (u32 removed = 0; removed < 2; removed++) {
        i64 probe = LOAD(watch_probe);
        env_id worker = waiting_worker();
        CHECK_EQ(watch(worker, probe, WATCH_CALLS | WATCH_STRICT), 0);
        if (removed) {
            for (u64 name = 1; name <= HANDLERS; name++)
                CHECK_EQ(call(probe, "remove", name, 0), 0);
        } else {
            (void)call(probe, "set_mode", SPIN, 0);
            CHECK_EQ(watch(self(), probe, WATCH_CALLS), 0); // not strict: the call passes
            CHECK_EQ(foreign(1, 0), 1001);
            CHECK_EQ(foreign(1, 0), 1001);
            CHECK_EQ(watch(self(), 0, 0), 0);
        }
        // Nobody may watch it strictly any more.
        CHECK_EQ(watch(self(), probe, WATCH_CALLS | WATCH_STRICT), -E_INVAL);
        progress = 2;
        gone(worker);
        CHECK_EQ(progress, 2);
        worker_destroy(worker);
        unload(probe);
    }
    set_upcall_handler(0);
    settle(frames);
}

// One of two handlers is taken out by its own extension: the other one goes on.
TEST(watchers_strict_lets_an_extension_change_itself) {
    u64 frames = frames_before();
    i64 probe = LOAD(watch_probe);
    env_id worker = waiting_worker();
    CHECK_EQ(watch(worker, probe, WATCH_CALLS | WATCH_STRICT), 0);
    u64 installed = call(probe, "install_again", 0, 0);
    CHECK_EQ(call(probe, "remove", installed, 0), 0);
    progress = 2;
    while (progress == 2)
        sys_env_yield(0, 0);
    CHECK_EQ(progress, 1001);
    worker_destroy(worker);
    unload(probe);
    settle(frames);
}

static void make_and_call(void *argument) {
    (void)argument;
    progress = 1;
    while (progress == 1)
        ;
    // Neither an env that it makes, nor its own consent, helps it out.
    if (sys_env_watch(CAP_PAIR(CAP_SLOT_SELF, CAP_SLOT_ACCOUNT), self(), 0, 0) >= 0)
        progress = 50;
    (void)foreign(2, 0);
    progress = 60;
    for (;;)
        ;
}

TEST(watchers_strict_is_not_ended_by_its_env) {
    u64 frames = frames_before();
    i64 probe = LOAD(watch_probe);
    progress = 0;
    env_id worker = worker_start(cpus() - 1, make_and_call, 0);
    while (!progress)
        sys_env_yield(0, 0);
    CHECK_EQ(watch(worker, probe, WATCH_CALLS | WATCH_STRICT), 0);
    unload(probe);
    i64 other = LOAD(watch_probe);
    CHECK_EQ(watch(worker, other, WATCH_CALLS), -E_FULL); // what is lost stays lost
    progress = 2;
    gone(worker);
    CHECK_EQ(progress, 2);
    worker_destroy(worker);
    unload(other);
    settle(frames);
}

// --- results -------------------------------------------------------------------------------------

TEST(watchers_hear_results) {
    u64 frames = frames_before();
    set_upcall_handler(told);
    CHECK_EQ(sys_foreign_result(1, 2, 3), 0); // nobody listens
    i64 probe = LOAD(watch_probe);
    CHECK_EQ(watch(self(), probe, WATCH_RESULTS), 0); // results alone
    CHECK_EQ(foreign(9, 0), 1009);
    CHECK_EQ(call(probe, "set_mode", PASS, 0), 0);
    CHECK_EQ(sys_foreign_result(9, 1009, 0), 0);
    CHECK_EQ(call(probe, "last", LAST_NUMBER, 0), 9);
    CHECK_EQ(call(probe, "last", LAST_RESULT, 0), 1009);
    // A handler that never ends is detached; its answer is of no use.
    (void)call(probe, "set_other_mode", SPIN, 0);
    CHECK_EQ(sys_foreign_result(9, 1010, 0), 0);
    CHECK_EQ(call(probe, "set_other_mode", PASS, 0), 2);
    CHECK_EQ(sys_foreign_result(9, 1011, 0), 0);
    CHECK_EQ(call(probe, "set_other_mode", PASS, 0), 2);
    CHECK_EQ(call(probe, "last", LAST_RESULT, 0), 1010);
    unload(probe);
    set_upcall_handler(0);
    settle(frames);
}

// --- calls of Tricolor ---------------------------------------------------------------------------

TEST(watchers_see_own_calls) {
    u64 frames = frames_before();
    i64 probe = LOAD(watch_probe);
    CHECK_EQ(watch(self(), probe, WATCH_OWN), 0);
    CHECK_EQ(sys_null(), 0);
    CHECK_EQ(call(probe, "last", LAST_OWN, 0), SYS_ext_call); // of this call, before it
    (void)call(probe, "refuse", SYS_env_yield, 0);
    CHECK_EQ(sys_env_yield(0, 0), -E_NOSYS);
    CHECK_EQ(sys_null(), 0);
    // Within a batch too.
    struct batch_op ops[2] __attribute__((aligned(64)));
    memset(ops, 0, sizeof ops);
    ops[0].call = SYS_word_wake;
    ops[0].args[0] = (u64)&progress;
    ops[1].call = SYS_word_wake;
    ops[1].args[0] = (u64)&progress;
    CHECK_EQ(sys_batch((u64)ops, 2), 2);
    CHECK_EQ(ops[1].result, 0);
    (void)call(probe, "refuse", SYS_word_wake, 0);
    CHECK_EQ(sys_batch((u64)ops, 2), 0);
    CHECK_EQ(ops[0].result, -E_NOSYS);
    // Foreign calls are not among them; and it ends.
    CHECK_EQ(foreign(1, 0), 1001);
    CHECK_EQ(call(probe, "set_mode", PASS, 0), 0);
    CHECK_EQ(watch(self(), 0, 0), 0);
    u64 seen = call(probe, "refuse", SYS_env_yield, 0);
    CHECK_EQ(sys_env_yield(0, 0), 0);
    CHECK_EQ(call(probe, "refuse", SYS_env_yield, 0), seen);
    CHECK(seen >= 10);
    unload(probe);
    settle(frames);
}

static void wake_once(void *argument) {
    (void)argument;
    progress = 1;
    while (progress == 1)
        ;
    progress = 2;
    sys_word_wake((u64)&progress, 0);
    progress = 3;
    for (;;)
        ;
}

// An env that runs on another processor is watched from its next call on; it ends for a forbidden
// one, and so it does when the policy is gone.
TEST(watchers_end_for_own_calls) {
    u64 frames = frames_before();
    for (u32 lost = 0; lost < 2; lost++) {
        i64 probe = LOAD(watch_probe);
        progress = 0;
        env_id worker = worker_start(cpus() - 1, wake_once, 0);
        while (!progress)
            sys_env_yield(0, 0);
        CHECK_EQ(watch(worker, probe, WATCH_OWN | WATCH_STRICT), 0);
        (void)call(probe, "set_other_mode", END, 0);
        (void)call(probe, "refuse", SYS_word_wake, 0);
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(2)); // it looks when it is interrupted
        if (lost)
            unload(probe);
        progress = 9;
        gone(worker);
        CHECK(progress == 2 || (lost && progress == 9)); // or when its slice ended, which it yields
        worker_destroy(worker);
        if (!lost)
            unload(probe);
    }
    settle(frames);
}

// An answer that is none ends the env.
TEST(watchers_and_garbage) {
    u64 frames = frames_before();
    i64 probe = LOAD(watch_probe), other = LOAD(watch_probe);
    (void)call(probe, "set_mode", GARBAGE, 0);
    env_id worker = waiting_worker();
    CHECK_EQ(watch(worker, other, WATCH_CALLS), 0);
    CHECK_EQ(watch(worker, probe, WATCH_CALLS), 0);
    progress = 2;
    gone(worker);
    CHECK_EQ(progress, 2);
    worker_destroy(worker);
    unload(probe);
    unload(other);
    settle(frames);
}
