// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events with many handlers: names, removal in any order, counting that goes on call by call while
// handlers come and go, anchors that leave before those that depend on them.

#include "tests/guest/service.h"

#define MANY 700ul

static i64 exporter, raiser, some;

static void begin(void) {
    exporter = LOAD(busy);
    raiser = LOAD(busy_raiser);
    some = LOAD(busy_some);
    CHECK(exporter > 0 && raiser > 0 && some > 0);
}

static void end(u64 frames) {
    unload(some);
    unload(raiser);
    unload(exporter);
    settle(frames);
}

static i64 install(u64 kind) {
    return sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)some, ext_hash("some"), kind);
}

static i64 handler_remove(i64 name) {
    return sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)some, (u64)name);
}

// What raises of kinds 0 .. MANY - 1 give, one after the other.
static void check_all(const i64 *names) {
    for (u64 from = 0; from < MANY; from += 100) {
        u64 want = 0;
        for (u64 i = 0; i < from + 100; i++)
            want += i < MANY && names[i] ? 1000 + i : i;
        CHECK_EQ(call(raiser, "raise_many", from + 100, 0), want);
    }
}

TEST(many_handlers_are_removed_in_any_order) {
    u64 frames = account_row(my_account())->frames;
    static i64 names[MANY];
    begin();
    for (u64 i = 0; i < MANY; i++)
        CHECK((names[i] = install(i)) > 0);
    for (u64 n = 0; n < 5 * MANY; n++) {
        u64 i = guest_random() % MANY;
        if (names[i]) {
            CHECK_EQ(handler_remove(names[i]), 0);
            CHECK_EQ(handler_remove(names[i]), -E_STALE);
            names[i] = 0;
        } else {
            CHECK((names[i] = install(i)) > 0);
        }
    }
    check_all(names);
    CHECK_EQ(handler_remove(0), -E_STALE);
    CHECK_EQ(handler_remove(-1), -E_STALE);
    for (u64 i = 0; i < MANY; i++)
        if (names[i])
            CHECK_EQ(handler_remove(names[i]), 0);
    end(frames);
}

static i64 count(int on) {
    return sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)exporter, ext_hash("busy"), (u64)on);
}

static const volatile struct abi_handler *row_of(i64 ext) {
    u32 rows = ((const struct abi_info *)ABI_TABLES)->table[ABI_TABLE_HANDLERS].count;
    for (u32 i = 1; i < rows; i++) {
        const volatile struct abi_handler *row = abi_row(ABI_TABLE_HANDLERS, i);
        if (row->id && row->ext == (ext_id)ext)
            return row;
    }
    return 0;
}

// Handlers that are removed are those that would be counted next, and others; new ones come.
TEST(many_handlers_are_counted_call_by_call) {
    u64 frames = account_row(my_account())->frames, calls = 0;
    static i64 names[MANY];
    begin();
    for (u64 i = 0; i < MANY; i++)
        CHECK((names[i] = install(i)) > 0);
    const volatile struct abi_handler *row = row_of(some);
    i64 error = count(1);
    for (; error == -E_AGAIN; error = count(1), calls++) {
        u64 from = calls % 40 * 15;
        for (u64 i = from; i < from + 12 && i < MANY; i++) {
            CHECK_EQ(handler_remove(names[i]), 0);
            CHECK((names[i] = install(i)) > 0);
        }
        CHECK_EQ(call(raiser, "raise_many", 3, 0), 3003);
    }
    CHECK_EQ(error, 0);
    CHECK(calls > 10);
    const volatile struct abi_event *event = abi_row(ABI_TABLE_EVENTS, ABI_INDEX(row->event));
    u64 raises = event->raises, handled = row->calls;
    check_all(names);
    u64 made = 100 + 200 + 300 + 400 + 500 + 600 + 700;
    CHECK_EQ(event->raises, raises + made);
    CHECK_EQ(row->calls, handled + made);
    CHECK_EQ(count(0), -E_AGAIN); // and changes its mind
    CHECK_EQ(count(1), -E_AGAIN);
    while ((error = count(0)) == -E_AGAIN)
        ;
    CHECK_EQ(error, 0);
    raises = event->raises;
    handled = row->calls;
    check_all(names);
    CHECK_EQ(event->raises, raises);
    CHECK_EQ(row->calls, handled);
    end(frames);
}

// It goes in the midst of it, with all handlers.
TEST(many_handlers_end_while_they_are_counted) {
    u64 frames = account_row(my_account())->frames;
    for (u32 round = 0; round < 2; round++) {
        i64 error = -1;
        begin();
        for (u64 i = 0; i < 100; i++)
            CHECK(install(i) > 0);
        CHECK_EQ(count(1), -E_AGAIN);
        if (round)
            unload(some);
        if (round)
            while ((error = count(1)) == -E_AGAIN)
                ;
        CHECK(!round || error == 0);
        end(frames);
    }
}
