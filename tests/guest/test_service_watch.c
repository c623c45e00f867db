// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs that extensions watch: foreign calls traced, failed on purpose, judged; consent and its end.

#include "tests/guest/service.h"

// A foreign call; without a watcher guest_foreign_entry answers number + 1000, and keeps nothing
// else.
static u64 foreign(u64 number, u64 a, u64 b) {
    u64 result;
    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a), "+S"(b)
                     : "0"(number)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

struct note {
    u64 env, number, arguments[6];
} __attribute__((aligned(64)));
static struct note notes[8];

TEST(watch_tracer_notes_calls) {
    u64 frames = account_row(my_account())->frames;
    i64 tracer = LOAD(tracer);
    CHECK(tracer > 0);
    CHECK_EQ(foreign(7, 1, 2), 1007);
    CHECK_EQ(watch(self(), tracer, WATCH_CALLS), 0);
    CHECK_EQ(env_row(self())->watcher, ABI_INDEX(tracer));
    CHECK_EQ(foreign(8, 11, 12), 1008);
    CHECK_EQ(foreign(9, 13, 14), 1009);
    CHECK_EQ(call(tracer, "drain", (u64)notes, 8), 2);
    CHECK_EQ(notes[0].env, self());
    CHECK_EQ(notes[0].number, 8);
    CHECK_EQ(notes[0].arguments[0], 11);
    CHECK_EQ(notes[0].arguments[1], 12);
    CHECK_EQ(notes[1].number, 9);
    CHECK_EQ(notes[1].arguments[1], 14);
    CHECK_EQ(watch(self(), 0, 0), 0);
    CHECK_EQ(foreign(10, 0, 0), 1010);
    CHECK_EQ(call(tracer, "drain", (u64)notes, 8), 0);
    CHECK_EQ(env_row(self())->watcher, 0);
    // Notes without room are counted, and the calls go on.
    CHECK_EQ(watch(self(), tracer, WATCH_CALLS), 0);
    for (u32 i = 0; i < 1030; i++)
        CHECK_EQ(foreign(5, 0, 0), 1005);
    CHECK_EQ(call(tracer, "overflow", 0, 0), 6);
    unload(tracer); // and so nobody watches any more
    CHECK_EQ(env_row(self())->watcher, 0);
    CHECK_EQ(foreign(5, 0, 0), 1005);
    settle(frames);
}

// A call that is answered keeps all registers but rax, rcx and r11.
static u64 registers_kept(u64 number, u64 *result) {
    u64 di = 1, si = 2, dx = 3, bad;
    __asm__ volatile(
        "mov $4, %%r10\n mov $5, %%r8\n mov $6, %%r9\n"
        "syscall\n"
        "xor $1, %%rdi\n xor $2, %%rsi\n xor $3, %%rdx\n xor $4, %%r10\n xor $5, %%r8\n"
        "xor $6, %%r9\n"
        "or %%rsi, %%rdi\n or %%rdx, %%rdi\n or %%r10, %%rdi\n or %%r8, %%rdi\n"
        "or %%r9, %%rdi\n mov %%rdi, %[bad]\n"
        : "=a"(*result), "+D"(di), "+S"(si), "+d"(dx), [bad] "=r"(bad)
        : "0"(number)
        : "rcx", "r8", "r9", "r10", "r11", "memory");
    return bad;
}

TEST(watch_injector_fails_the_nth_call) {
    u64 frames = account_row(my_account())->frames, result;
    i64 inject = LOAD(inject);
    CHECK_EQ(call4(inject, "fail", 20, 3, 2, 28), 0);
    CHECK_EQ(watch(self(), inject, WATCH_CALLS), 0);
    for (u32 i = 1; i <= 6; i++) {
        CHECK_EQ(foreign(21, 0, 0), 1021);
        CHECK_EQ(foreign(20, 0, 0), i == 3 || i == 4 ? -28l : 1020);
    }
    CHECK_EQ(call(inject, "failed", 0, 0), 2);
    CHECK_EQ(call4(inject, "fail", 22, 1, 1, 5), 1);
    CHECK_EQ(registers_kept(22, &result), 0);
    CHECK_EQ(result, -5l);
    unload(inject);
    settle(frames);
}

static volatile u64 progress;

static void try_calls(void *argument) {
    (void)argument;
    progress = foreign(1, 1, 0);
    progress = foreign(2, 0, 0);
    progress = foreign(1, 2, 0); // not as it must be: ends here
    progress = 9;
}

TEST(watch_sandbox_ends_violators) {
    u64 frames = account_row(my_account())->frames;
    i64 sandbox = LOAD(sandbox);
    CHECK_EQ(call(sandbox, "allow", 1, 0), 1);
    CHECK_EQ(call4(sandbox, "require", 1, 0, ~0ul, 1), 1);
    CHECK_EQ(call(sandbox, "answer", 2, 13), 1);
    progress = 0;
    CHECK_EQ(watch(self(), sandbox, WATCH_CALLS | WATCH_STRICT), 0);
    env_id worker = worker_start(cpus() - 1, try_calls, 0); // watched, because its maker is
    CHECK_EQ(watch(self(), 0, 0), 0);
    gone(worker);
    CHECK_EQ(progress, -13l);
    CHECK_EQ(call(sandbox, "violations", 0, 0), 1);
    worker_destroy(worker);
    unload(sandbox);
    settle(frames);
}

static void wait_and_call(void *argument) {
    (void)argument;
    progress = 1;
    while (progress == 1)
        ;
    progress = foreign(1, 0, 0);
    for (;;)
        ;
}

// A strict watch outlives the extension, and ends the env; another one ends with it.
TEST(watch_strict_ends_with_the_extension) {
    u64 frames = account_row(my_account())->frames;
    for (u32 strict = 0; strict < 2; strict++) {
        i64 sandbox = LOAD(sandbox);
        progress = 0;
        env_id worker = worker_start(cpus() - 1, wait_and_call, 0);
        while (!progress)
            sys_env_yield(0, 0);
        CHECK_EQ(watch(worker, sandbox, WATCH_CALLS | (strict ? WATCH_STRICT : 0)), 0);
        unload(sandbox);
        progress = 2;
        if (strict) {
            gone(worker);
            CHECK_EQ(progress, 2);
            worker_destroy(worker);
        } else {
            while (progress == 2)
                sys_env_yield(0, 0);
            CHECK_EQ(progress, 1001);
            worker_destroy(worker);
        }
    }
    settle(frames);
}

static void ask_for_it(void *argument) {
    (void)argument;
    ext_id ext = (ext_id)argument;
    progress = 0;
    // Without a capability for the extension's account.
    if (sys_env_watch(CAP_SLOT_SELF | (u64)CAP_SLOT_FREE << 32, self(), ext, WATCH_CALLS) >= 0)
        progress++;
    // Another env's consent: it has a capability for itself alone.
    if (sys_env_watch(CAP_SLOT_SELF | (u64)CAP_SLOT_ACCOUNT << 32, my_env(), ext, WATCH_CALLS) >= 0)
        progress++;
    progress += 100;
}

TEST(watch_needs_both_sides) {
    u64 frames = account_row(my_account())->frames;
    i64 tracer = LOAD(tracer);
    const u64 caps = CAP_SLOT_SELF | (u64)CAP_SLOT_ACCOUNT << 32;
    CHECK_EQ(sys_env_watch(caps, self(), (ext_id)tracer + 1, WATCH_CALLS), -E_STALE);
    CHECK_EQ(sys_env_watch(caps, self() + 1, (ext_id)tracer, WATCH_CALLS) < 0, 1);
    CHECK_EQ(sys_env_watch(CAP_SLOT_SELF | 60ul << 32, self(), (ext_id)tracer, WATCH_CALLS),
             -E_CAP);
    CHECK_EQ(watch(self(), tracer, 0), -E_STALE);
    CHECK_EQ(watch(self(), tracer, 1ul << 40 | WATCH_CALLS), -E_INVAL);
    CHECK_EQ(watch(self(), tracer, WATCH_STRICT), -E_INVAL);
    env_id worker = worker_start(0, ask_for_it, (void *)tracer);
    worker_wait(worker);
    CHECK_EQ(progress, 100);
    CHECK_EQ(watch(self(), tracer, 32 | WATCH_CALLS), -E_INVAL);
    i64 inject = LOAD(inject);
    CHECK_EQ(watch(self(), inject, WATCH_FAULTS | WATCH_STRICT), -E_INVAL); // no handler
    CHECK_EQ(watch(self(), tracer, WATCH_CALLS), 0);
    CHECK_EQ(watch(self(), tracer, WATCH_CALLS), -E_EXIST);
    CHECK_EQ(foreign(3, 0, 0), 1003);
    CHECK_EQ(call(tracer, "drain", (u64)notes, 8), 1);
    unload(inject);
    CHECK_EQ(watch(self(), 0, 0), 0);
    unload(tracer);
    settle(frames);
}

static volatile u32 stop;

static void call_for_ever(void *argument) {
    (void)argument;
    while (!stop)
        CHECK_EQ(foreign(30, 0, 0), 1030);
}

// Loaded, watched and unloaded again while the env calls on another processor.
TEST(watch_comes_and_goes_while_calls_are_made) {
    u64 frames = account_row(my_account())->frames;
    env_id worker[2];
    stop = 0;
    for (u32 i = 0; i < 2; i++)
        worker[i] = worker_start(cpus() - 1 - (i & (cpus() > 2)), call_for_ever, 0);
    for (u32 i = 0; i < 10; i++) {
        i64 tracer = LOAD(tracer);
        CHECK(tracer > 0);
        CHECK_EQ(watch(worker[0], tracer, WATCH_CALLS), 0);
        CHECK_EQ(watch(worker[1], tracer, WATCH_CALLS), 0);
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(2));
        if (i & 1)
            CHECK_EQ(watch(worker[0], 0, 0), 0);
        unload(tracer);
    }
    stop = 1;
    worker_wait(worker[0]);
    worker_wait(worker[1]);
    settle(frames);
}

// Structures have their exporter's size and rights, whatever a handler's own declaration says.
TEST(watch_handlers_see_no_more_than_there_is) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter);
    CHECK_EQ(LOAD(large_call), -E_INVAL);
    CHECK_EQ(LOAD(large_packet), -E_INVAL);
    CHECK_EQ(LOAD(large_guard), -E_INVAL);
    CHECK_EQ(LOAD(written_packet), -E_INVAL);
    unload(exporter);
    settle(frames);
}
