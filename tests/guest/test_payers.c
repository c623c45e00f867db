// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Who pays for handlers of an event: those who install them, also for the tables that they share,
// and not the exporter.

#include "tests/guest/service.h"

#define MANY 1500ul

static i64 load_for(account_id account, const char *from, const char *end) {
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from)};
    return sys_ext_load(CAP_SLOT_ACCOUNT, account, (u64)&request, 0);
}
#define LOAD_FOR(account, name)                                                                    \
    ({                                                                                             \
        extern const char object_##name[], object_##name##_end[];                                  \
        load_for((account_id)(account), object_##name, object_##name##_end);                       \
    })

static u64 frames_of(i64 account) {
    return account_row((account_id)account)->frames;
}

static i64 account_make(account_id above, u64 quota, u64 envs) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, above, quota, envs);
    CHECK(account > 0);
    return account;
}

// Handlers for so many kinds; how many could be installed.
static u64 install(i64 ext, u64 from, u64 count) {
    u64 i = 0;
    i64 error = 1;
    for (; i < count && error > 0; i += error > 0)
        error = sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)ext, ext_hash("some"), from + i);
    CHECK(error > 0 || error == -E_NOMEM);
    return i;
}

// The exporter's account has room for its object, and one frame.
TEST(payers_an_exporter_is_not_exhausted) {
    u64 frames = frames_of(my_account());
    i64 account = account_make(my_account(), 400, 0);
    i64 exporter = LOAD_FOR(account, busy), raiser = LOAD(busy_raiser), some = LOAD(busy_some);
    u64 used = frames_of(account), mine = frames_of(my_account());
    CHECK(exporter > 0 && some > 0);
    while (frames_of(account) < 399)
        CHECK(sys_frame_alloc(CAP_SLOT_ACCOUNT, (account_id)account, ABI_ANY, 1, 0) > 0);
    used = frames_of(account);
    CHECK_EQ(install(some, 0, MANY), MANY);
    CHECK(frames_of(account) <= used + 1);
    CHECK(frames_of(my_account()) >= mine + MANY * 300 / ABI_PAGE);
    CHECK_EQ(call(raiser, "raise_many", 200, 0), 200 * 1000 + 199 * 200 / 2);
    for (u64 i = 0; i < MANY; i++)
        CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)some, i + 1), 0);
    CHECK_EQ(call(raiser, "raise_many", 200, 0), 199 * 200 / 2);
    CHECK_EQ(install(some, 7, 1), 1);
    CHECK_EQ(call(raiser, "raise_many", 8, 0), 7 * 6 / 2 + 1007);
    unload(some);
    unload(raiser);
    unload(exporter);
    account_free((account_id)account);
    settle(frames);
}

// Who has no memory left can't install more, and others can; then each of them dies.
TEST(payers_an_installer_pays_for_itself) {
    u64 frames = frames_of(my_account());
    for (u32 round = 0; round < 3; round++) {
        i64 poor = account_make(my_account(), 200, 2),
            below = account_make((account_id)poor, 80, 0);
        i64 exporter = LOAD_FOR(below, busy), raiser = LOAD(busy_raiser);
        i64 one = LOAD_FOR(poor, busy_some), other = LOAD(busy_some);
        u64 used = frames_of(below);
        CHECK(exporter > 0 && one > 0 && other > 0);
        u64 count = install(one, 0, 100000);
        CHECK(count > 100 && count < 100000);
        CHECK_EQ(install(other, 100, MANY), MANY);
        CHECK(frames_of(below) <= used + 2);
        CHECK_EQ(call(raiser, "raise_many", 50, 0), 50 * 1000 + 50 * 49 / 2);
        if (round == 0)
            unload(one);
        if (round == 1)
            unload(exporter);
        if (round == 2)
            unload(other);
        CHECK_EQ(call(raiser, "raise_many", 50, 0), round == 0   ? 50 * 49 / 2
                                                    : round == 1 ? 0
                                                                 : 50 * 1000 + 50 * 49 / 2);
        account_free((account_id)below);
        account_free((account_id)poor);
        CHECK_EQ(call(raiser, "raise_many", 1, 0), 0);
        if (round != 2)
            unload(other);
        unload(raiser);
        settle(frames);
    }
}
