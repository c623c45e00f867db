// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events between extensions: raised, handled, refused, and their ends in every order.

#include "abi/extension.h"
#include "tests/guest/guest.h"

#define OBJECT(name) extern const char object_##name[], object_##name##_end[]
OBJECT(exporter);
OBJECT(raiser);
OBJECT(handlers10);
OBJECT(handlers50);
OBJECT(wrong_type);
OBJECT(wrong_guard);
OBJECT(looping);
OBJECT(recursive);
OBJECT(watcher);

static i64 load(const char *from, const char *end) {
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from)};
    return sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&request, 0);
}
#define LOAD(name) load(object_##name, object_##name##_end)

static void unload(i64 ext) {
    i64 error;
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN);
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

TEST(event_goes_to_the_handler_whose_guard_holds) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter), raiser = LOAD(raiser);
    CHECK(exporter > 0 && raiser > 0);
    CHECK_EQ(call(raiser, "raise", 15), 0);
    CHECK_EQ(call(exporter, "unclaimed_packets", 0), 1);
    i64 ten = LOAD(handlers10);
    CHECK(ten > 0);
    for (u64 port = 5; port < 25; port++)
        CHECK_EQ(call(raiser, "raise", port), port >= 10 && port < 20 ? 1000 + port : 0);
    CHECK_EQ(call(exporter, "unclaimed_packets", 0), 11);
    i64 fifty = LOAD(handlers50);
    CHECK_EQ(call(raiser, "raise", 15), 1015);
    CHECK_EQ(call(raiser, "raise", 59), 1059);
    unload(ten);
    CHECK_EQ(call(raiser, "raise", 15), 1015);
    unload(fifty);
    CHECK_EQ(call(raiser, "raise", 15), 0);
    unload(raiser);
    unload(exporter);
    settle(frames);
}

TEST(event_outlived_by_those_who_use_it) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter), raiser = LOAD(raiser), ten = LOAD(handlers10);
    CHECK_EQ(call(raiser, "raise", 15), 1015);
    unload(exporter);
    CHECK_EQ(call(raiser, "raise", 15), 0);
    unload(ten);
    CHECK_EQ(LOAD(handlers10), -E_STALE);
    exporter = LOAD(exporter);
    CHECK_EQ(call(raiser, "raise", 15), 0); // what it was linked to is gone for good
    unload(raiser);
    unload(exporter);
    settle(frames);
}

TEST(event_refuses_what_does_not_fit) {
    u64 frames = account_row(my_account())->frames;
    CHECK_EQ(LOAD(raiser), -E_REFUSED); // there is no such event
    CHECK_EQ(LOAD(handlers10), -E_STALE);
    i64 exporter = LOAD(exporter);
    CHECK_EQ(LOAD(exporter), -E_INVAL); // the name is taken
    CHECK_EQ(LOAD(wrong_type), -E_REFUSED);
    CHECK_EQ(LOAD(wrong_guard), -E_REFUSED);
    CHECK_EQ(LOAD(looping), -E_INVAL);
    unload(exporter);
    settle(frames);
}

TEST(event_raised_by_its_own_handler_ends) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter), recursive = LOAD(recursive), raiser = LOAD(raiser);
    CHECK(recursive > 0);
    CHECK(raiser > 0);
    (void)call(raiser, "raise", 1);
    u64 depth = call(recursive, "depth_reached", 0);
    CHECK(depth > 1 && depth < 4096);
    unload(raiser);
    unload(recursive);
    unload(exporter);
    settle(frames);
}

static volatile u32 stop;
static i64 racing;

static void raise_for_ever(void *nothing) {
    (void)nothing;
    while (!stop) {
        struct ext_call c = {.function = ext_hash("raise"), .args = {15}};
        CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)racing, (u64)&c), 0);
        CHECK(c.result == 0 || c.result == 1015);
    }
}

TEST(event_handlers_come_and_go_while_it_is_raised) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter);
    racing = LOAD(raiser);
    stop = 0;
    env_id worker = worker_start(cpus() - 1, raise_for_ever, 0);
    for (u32 i = 0; i < 40; i++) {
        i64 ten = LOAD(handlers10);
        CHECK(ten > 0);
        unload(ten);
    }
    stop = 1;
    worker_wait(worker);
    unload(racing);
    unload(exporter);
    settle(frames);
}

TEST(event_of_the_kernel_is_handled) {
    u64 frames = account_row(my_account())->frames;
    i64 watcher = LOAD(watcher);
    CHECK(watcher > 0);
    CHECK_EQ(call(watcher, "loaded_count", 0), 1); // itself
    i64 exporter = LOAD(exporter);
    CHECK_EQ(call(watcher, "last_loaded", 0), (u64)exporter);
    unload(watcher);
    unload(exporter);
    settle(frames);
}
