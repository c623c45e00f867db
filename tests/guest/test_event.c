// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events between extensions: raised, handled, refused, and their ends in every order.

#include "abi/extension.h"
#include "base/string.h"
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
OBJECT(sums);
OBJECT(sums_raiser);
OBJECT(adders);
OBJECT(fanout);

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

static u64 call2(i64 ext, const char *name, u64 a, u64 b) {
    struct ext_call c = {.function = ext_hash(name), .args = {a, b}};
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c), 0);
    return c.result;
}

// The handler of that name; it may have been detached.
static const volatile struct abi_handler *handler_row(i64 ext, const char *name) {
    u32 count = ((const struct abi_info *)ABI_TABLES)->table[ABI_TABLE_HANDLERS].count;
    for (u32 i = 1; i < count; i++) {
        const volatile struct abi_handler *row = abi_row(ABI_TABLE_HANDLERS, i);
        if (row->id && row->ext == (ext_id)ext && string_equal((const char *)row->name, name))
            return row;
    }
    CHECK(!"no such handler");
    return 0;
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

TEST(event_handler_that_does_not_end_is_detached) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter), raiser = LOAD(raiser), looping = LOAD(looping);
    CHECK_EQ(looping < 0 ? looping : 1, 1);
    u64 handled = env_row(my_env())->handled;
    CHECK_EQ(call(raiser, "raise", 15), 0); // the procedure took over
    CHECK_EQ(call(exporter, "unclaimed_packets", 0), 1);
    CHECK_EQ(call(looping, "handler_begun", 0), 1);
    const volatile struct abi_handler *row = handler_row(looping, "handle");
    CHECK_EQ(row->state, HANDLER_DETACHED);
    CHECK_EQ(row->budget, 500);
    CHECK_EQ(row->status, 1); // ENGINE_RUN_BUDGET
    CHECK_EQ(row->faults, 1);
    CHECK(row->line > 8 && row->line < 18);
    CHECK(!strncmp((const char *)row->trace, "spin:", 5));
    CHECK(strchr((const char *)row->trace, ' ') != 0);
    CHECK(!strncmp(strchr((const char *)row->trace, ' '), " handle:", 8));
    CHECK(row->ticks && row->worst && row->calls == 1);
    CHECK(env_row(my_env())->handled > handled);
    CHECK_EQ(call(raiser, "raise", 15), 0);
    CHECK_EQ(call(looping, "handler_begun", 0), 1); // it does not run again
    unload(looping);
    unload(raiser);
    unload(exporter);
    settle(frames);
}

// Until all handlers are done.
static i64 count(i64 ext, const char *event, u64 on) {
    i64 error;
    do
        error = sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)ext, ext_hash(event), on);
    while (error == -E_AGAIN);
    return error;
}

struct sums {
    u64 frames;
    i64 sums, raiser, adders;
};

static void sums_begin(struct sums *s) {
    s->frames = account_row(my_account())->frames;
    s->sums = LOAD(sums);
    s->raiser = LOAD(sums_raiser);
    CHECK(s->sums > 0 && s->raiser > 0);
    CHECK_EQ(call2(s->raiser, "raise_plain", 3, 4), 7);
    CHECK_EQ(call2(s->raiser, "raise_greatest", 3, 4), 7);
    s->adders = LOAD(adders);
    CHECK_EQ(s->adders < 0 ? s->adders : 1, 1);
}

static void sums_end(struct sums *s) {
    unload(s->adders);
    CHECK_EQ(call2(s->raiser, "raise_plain", 3, 4), 7);
    CHECK_EQ(call2(s->raiser, "raise_greatest", 3, 4), 7);
    unload(s->sums);
    CHECK_EQ(call2(s->raiser, "raise_plain", 3, 4), 0);
    unload(s->raiser);
    settle(s->frames);
}

TEST(event_handlers_with_closures_and_guards_that_are_called) {
    struct sums s;
    u64 name[3];
    sums_begin(&s);
    CHECK_EQ(call2(s.raiser, "raise_summed", 1, 2), 1000003);
    for (u64 i = 0; i < 3; i++) {
        name[i] = call2(s.adders, "install", 0, i + 1);
        CHECK((i64)name[i] > 0);
    }
    CHECK_EQ(handler_row(s.adders, "add_closure")->count, 3);
    CHECK_EQ(call2(s.raiser, "raise_summed", 1, 2), 12);
    CHECK_EQ(call2(s.raiser, "raise_summed", 3, 2), 32);
    CHECK_EQ(call2(s.raiser, "raise_summed", 4, 2), 1000006);
    CHECK((i64)call2(s.adders, "install", 1, 0) > 0);
    CHECK_EQ(call2(s.raiser, "raise_summed", 3, 7), 38);    // 9 + 49 > 50: both, added
    CHECK_EQ(call2(s.raiser, "raise_summed", 3, 2), 32);    // 9 + 4
    CHECK_EQ(call2(s.raiser, "raise_summed", 2, 100), 120); // even
    CHECK_EQ((i64)call(s.adders, "remove", name[2]), 0);
    CHECK_EQ(call2(s.raiser, "raise_summed", 3, 7), 1);
    CHECK_EQ((i64)call(s.adders, "remove", name[2]), -E_STALE);
    CHECK_EQ((i64)call2(s.adders, "install", 6, 0), -E_INVAL);
    // From user space.
    i64 mine = sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)s.adders, ext_hash("add_closure"), 9);
    CHECK(mine > 0);
    CHECK_EQ(call2(s.raiser, "raise_summed", 9, 1), 91);
    CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)s.adders, (u64)mine), 0);
    CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)s.adders, (u64)mine), -E_STALE);
    CHECK_EQ(sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)s.adders, 1, 9), -E_INVAL);
    CHECK_EQ(sys_handler_install(CAP_SLOT_ACCOUNT, 12345, 1, 9), -E_STALE);
    sums_end(&s);
}

TEST(event_filters_mergers_defaults_order_and_sets) {
    struct sums s;
    sums_begin(&s);
    CHECK_EQ(call2(s.raiser, "raise_plain", 3, 4), 604);  // doubled before the handler
    CHECK_EQ(call2(s.raiser, "raise_plain", 9, 4), 1804); // the last one's result
    CHECK_EQ(call(s.adders, "what_was_seen", 0), 1);
    CHECK_EQ(call2(s.raiser, "raise_greatest", 3, 4), 4444); // no handler: the default
    CHECK((i64)call2(s.adders, "install", 2, 0) > 0);
    CHECK((i64)call2(s.adders, "install", 3, 0) > 0);
    CHECK_EQ(call2(s.raiser, "raise_greatest", 3, 4), 12);
    CHECK_EQ(call2(s.raiser, "raise_greatest", 9, 4), 18);
    CHECK_EQ(call2(s.raiser, "raise_swapped", 1, 1), 10);
    CHECK_EQ((i64)call2(s.adders, "swap", 0, 1), 1);
    CHECK_EQ(call2(s.raiser, "raise_swapped", 1, 1), 11);
    CHECK_EQ((i64)call2(s.adders, "swap", 1, 0), 1);
    CHECK_EQ(call2(s.raiser, "raise_swapped", 1, 1), 10);
    CHECK_EQ((i64)call2(s.adders, "swap", 0, 99), -E_INVAL);
    CHECK((i64)call2(s.adders, "install", 4, 0) > 0);
    CHECK_EQ(call2(s.raiser, "raise_swapped", 1, 1), 12); // which takes itself out
    CHECK_EQ(call2(s.raiser, "raise_swapped", 1, 1), 10);
    sums_end(&s);
}

TEST(event_authoriser_allows_denies_and_constrains) {
    struct sums s;
    sums_begin(&s);
    CHECK_EQ((i64)call2(s.adders, "install", 7, 13), -E_RIGHTS);
    u64 one = call2(s.adders, "install", 7, 1);
    CHECK((i64)one > 0);
    CHECK_EQ(call2(s.raiser, "raise_policed", 4, 4), 8); // the guard that was imposed
    CHECK_EQ(call2(s.raiser, "raise_policed", 5, 4), 500);
    CHECK_EQ((i64)call(s.adders, "remove", one), 0);
    one = call2(s.adders, "install", 7, 17); // a guard that is called
    CHECK_EQ(call2(s.raiser, "raise_policed", 6, 3), 500);
    CHECK_EQ(call2(s.raiser, "raise_policed", 5, 3), 8);
    CHECK_EQ((i64)call(s.adders, "remove", one), 0);
    CHECK((i64)call2(s.adders, "install", 7, 14) > 0); // a smaller budget
    CHECK_EQ(call2(s.raiser, "raise_policed", 5, 4), 9);
    CHECK_EQ(handler_row(s.adders, "policed_handler")->state, HANDLER_DETACHED);
    CHECK_EQ((i64)call2(s.adders, "install", 7, 16), -E_RIGHTS); // there is no guard number 7
    CHECK_EQ(call(s.sums, "times_asked", 0), 5);
    u64 seen = call(s.adders, "what_was_seen", 0);
    CHECK((i64)call2(s.adders, "install", 7, 15) > 0); // later
    CHECK_EQ(call2(s.raiser, "raise_policed", 40, 0), 0);
    u64 until = tsc() + ms(20000);
    while (call(s.adders, "what_was_seen", 0) != seen + 40 && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(call(s.adders, "what_was_seen", 0), seen + 40);
    for (u64 i = 0; i < 100; i++)
        CHECK_EQ(call2(s.raiser, "raise_policed", 1, 0), 0);
    sums_end(&s);
}

TEST(event_is_counted_when_asked) {
    struct sums s;
    sums_begin(&s);
    CHECK((i64)call2(s.adders, "install", 0, 5) > 0);
    CHECK_EQ(count(s.sums, "summed", 1), 0);
    for (u64 i = 0; i < 10; i++)
        CHECK_EQ(call2(s.raiser, "raise_summed", i, 1), i == 5 ? 51 : 1000001 + i);
    const volatile struct abi_handler *handler = handler_row(s.adders, "add_closure");
    const volatile struct abi_event *event = abi_row(ABI_TABLE_EVENTS, ABI_INDEX(handler->event));
    CHECK_EQ(event->raises, 10);
    CHECK_EQ(event->unhandled, 9);
    CHECK_EQ(event->handlers, 1);
    CHECK_EQ(handler->calls, 1);
    CHECK(handler->ticks && handler->worst);
    CHECK_EQ(count(s.sums, "summed", 0), 0);
    CHECK_EQ(call2(s.raiser, "raise_summed", 5, 1), 51);
    CHECK_EQ(event->raises, 10);
    CHECK_EQ(sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)s.sums, 1, 1), -E_STALE);
    sums_end(&s);
}

TEST(event_raised_many_times_below_itself_ends) {
    u64 frames = account_row(my_account())->frames;
    i64 exporter = LOAD(exporter), fanout = LOAD(fanout), raiser = LOAD(raiser);
    CHECK(fanout > 0);
    (void)call(raiser, "raise", 1);
    u64 calls = call(fanout, "calls_made", 0);
    CHECK(calls > 50 && calls < 4000000);
    u64 before = calls;
    (void)call(raiser, "raise", 1); // the next one begins anew
    CHECK(call(fanout, "calls_made", 0) > before);
    unload(raiser);
    unload(fanout);
    unload(exporter);
    settle(frames);
}

// An account below the exporter's may load extensions, and not handle the exporter's events.
TEST(event_of_an_account_above_cannot_be_handled) {
    u64 frames = account_row(my_account())->frames;
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 400, 0);
    CHECK(account > 0);
    i64 exporter = LOAD(exporter);
    const char *from = object_handlers10, *end = object_handlers10_end;
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from)};
    CHECK_EQ(sys_ext_load(CAP_SLOT_ACCOUNT, (account_id)account, (u64)&request, 0), -E_RIGHTS);
    i64 ten = LOAD(handlers10);
    CHECK(ten > 0);
    unload(ten);
    unload(exporter);
    i64 error;
    do
        error = sys_account_destroy(CAP_SLOT_ACCOUNT, (account_id)account);
    while (error == -E_AGAIN);
    CHECK_EQ(error, 0);
    settle(frames);
}
