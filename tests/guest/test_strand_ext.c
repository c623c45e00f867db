// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands of extensions: the shipped thread packages at work, what hostile ones get, and their
// ends in every order.

#include "abi/extension.h"
#include "tests/guest/guest.h"

#define OBJECT(name) extern const char object_##name[], object_##name##_end[]
OBJECT(kthreads);
OBJECT(cthreads);
OBJECT(prithreads);
OBJECT(strands);

static i64 load(const char *from, const char *end) {
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from)};
    struct ext_report report;
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&request, (u64)&report);
    if (ext == -E_REFUSED)
        say("  refused: %u, line %u, %s: %s", report.code, report.line, report.name, report.words);
    return ext;
}
#define LOAD(name) load(object_##name, object_##name##_end)

static void unload(i64 ext) {
    i64 error;
    u64 until = tsc() + ms(20000);
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN && tsc() < until);
    CHECK(error == 0 || error == -E_STALE);
}

static u64 call(i64 ext, const char *name, u64 a) {
    struct ext_call c = {.function = ext_hash(name), .args = {a}};
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c), 0);
    return c.result;
}

// What dead extensions had comes back in the background too.
static void settle(u64 frames) {
    u64 until = tsc() + ms(20000);
    while (account_row(my_account())->frames != frames && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(account_row(my_account())->frames, frames);
}

// Calls a function until it says something else than ~0; the strands run meanwhile.
static u64 wait_for(i64 ext, const char *name) {
    u64 until = tsc() + ms(20000), result;
    do {
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        result = call(ext, name, 0);
    } while (result == ~0ul && tsc() < until);
    return result;
}

TEST(strands_fork_and_join) {
    u64 frames = account_row(my_account())->frames, sum = 0;
    i64 ext = LOAD(kthreads);
    CHECK(ext > 0);
    for (u64 i = 0; i < 100; i++)
        sum += i ^ 5;
    CHECK_EQ(call(ext, "start", 100), 0);
    CHECK_EQ(wait_for(ext, "result"), sum);
    unload(ext);
    settle(frames);
}

TEST(strands_exclude_each_other_by_mutexes) {
    u64 frames = account_row(my_account())->frames;
    const u64 count = 300;
    i64 ext = LOAD(cthreads);
    CHECK(ext > 0);
    CHECK_EQ(call(ext, "start", count), 0);
    CHECK_EQ(wait_for(ext, "result"), count * (count + 1));
    CHECK_EQ(call(ext, "collided", 0), 0);
    unload(ext);
    settle(frames);
}

TEST(strands_inherit_priorities) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(prithreads);
    CHECK(ext > 0);
    CHECK_EQ(call(ext, "start", 100000), 0);
    u64 order = wait_for(ext, "result");
    CHECK_EQ(call(ext, "inherited_priority", 0), 3);
    if (cpus() == 1)
        CHECK_EQ(order, 321);
    unload(ext);
    settle(frames);
}

TEST(strands_are_unloaded_while_they_run) {
    u64 frames = account_row(my_account())->frames;
    for (u32 i = 0; i < 10; i++) {
        i64 ext = LOAD(strands);
        CHECK(ext > 0);
        CHECK(call(ext, "fork_spinner", 0) != 0);
        CHECK(call(ext, "fork_blocked", 0) != 0);
        CHECK(call(ext, "fork_churn", 0) != 0);
        for (u32 j = 0; j < i; j++)
            sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        unload(ext);
    }
    settle(frames);
}

// A strand that never ends costs its owner, and only that one, time: the owner still runs.
TEST(strands_take_turns_with_their_owner) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(strands);
    CHECK(call(ext, "fork_spinner", 0) != 0);
    u64 before = 0, after = 0, until = tsc() + ms(5000);
    while (!before && tsc() < until)
        before = call(ext, "spins", 0);
    while (after <= before && tsc() < until)
        after = call(ext, "spins", 0);
    CHECK(before > 0);
    CHECK(after > before);
    unload(ext);
    settle(frames);
}

TEST(strands_block_nowhere_but_in_their_own_code) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(strands);
    CHECK_EQ(call(ext, "block_here", 0), (u64)-E_INVAL);
    CHECK_EQ(call(ext, "block_in_critical", 0), 0);
    CHECK_EQ(wait_for(ext, "blocked_in_critical"), (u64)-E_INVAL);
    CHECK_EQ(call(ext, "stale", 0), (u64)-E_STALE);
    CHECK_EQ(call(ext, "no_strand", 0), (u64)-E_INVAL);
    CHECK_EQ(call(ext, "endless_critical", 0), ~0ul);
    unload(ext);
    settle(frames);
}

TEST(strands_pass_to_nobody_by_a_stale_name) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(strands);
    CHECK_EQ(call(ext, "begin_passes", 20), 0);
    CHECK_EQ(wait_for(ext, "passes_done"), 0);
    unload(ext);
    settle(frames);
}

TEST(strands_run_out) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(strands);
    u64 forked = call(ext, "fork_many", 0);
    CHECK(forked > 0 && forked <= 128);
    unload(ext);
    settle(frames);
}

static i64 shared;

static void load_and_die(void *nothing) {
    (void)nothing;
    shared = LOAD(strands);
    (void)call(shared, "fork_spinner", 0);
    (void)call(shared, "fork_blocked", 0);
    (void)call(shared, "fork_churn", 0);
}

TEST(strands_die_with_their_owner) {
    u64 frames = account_row(my_account())->frames;
    for (u32 i = 0; i < 5; i++) {
        env_id worker = worker_start(cpus() - 1, load_and_die, 0);
        worker_wait(worker);
    }
    settle(frames);
}
