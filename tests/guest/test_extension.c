// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Extensions: loading, calling, unloading, and what happens when something is wrong or runs out.

#include "abi/extension.h"
#include "base/string.h"
#include "tests/guest/guest.h"

extern const char object_hello[], object_hello_end[];

static i64 load_as(u64 cap, account_id account, const char *from, const char *end, u64 flags,
                   struct ext_report *report) {
    struct ext_load request = {
        .object = (u64)from, .bytes = (u64)(end - from), .flags = flags, .name = ""};
    return sys_ext_load(cap, account, (u64)&request, (u64)report);
}

static i64 load(const char *from, const char *end) {
    return load_as(CAP_SLOT_ACCOUNT, my_account(), from, end, 0, 0);
}

static void unload(i64 ext) {
    i64 error;
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN);
    CHECK(error == 0 || error == -E_STALE);
}

static i64 call(i64 ext, const char *name, u64 a, u64 b, u64 *result) {
    struct ext_call c = {.function = ext_hash(name), .args = {a, b}};
    i64 error = sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c);
    *result = error ? c.status : c.result;
    return error;
}

static const volatile struct abi_extension *ext_row(i64 ext) {
    return abi_row(ABI_TABLE_EXTENSIONS, ABI_INDEX((u64)ext));
}

// What dead extensions had comes back in the background too.
static void wait_for_frames(u64 frames) {
    u64 until = tsc() + ms(2000);
    while (account_row(my_account())->frames != frames && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(account_row(my_account())->frames, frames);
}

TEST(extension_load_call_unload) {
    u64 result;
    i64 ext = load(object_hello, object_hello_end);
    CHECK(ext > 0);
    CHECK_EQ(ext_row(ext)->state, EXT_LIVE);
    CHECK_EQ(call(ext, "add", 2, 40, &result), 0);
    CHECK_EQ(result, 42);
    CHECK_EQ(call(ext, "count", 0, 0, &result), 0);
    CHECK_EQ(result, 1);
    CHECK_EQ(call(ext, "nothing", 0, 0, &result), -E_INVAL);
    CHECK_EQ(ext_row(ext)->calls, 2);
    unload(ext);
    CHECK_EQ(call(ext, "add", 2, 40, &result), -E_STALE);
}

TEST(extension_is_cancelled) {
    u64 result;
    i64 ext = load(object_hello, object_hello_end);
    CHECK_EQ(call(ext, "spin", 10, 0, &result), 0);
    CHECK_EQ(call(ext, "spin", ~0ul, 0, &result), -E_CANCELLED);
    CHECK_EQ(result, 1);
    CHECK_EQ(ext_row(ext)->faults, 1);
    CHECK(ext_row(ext)->fault_line > 0);
    unload(ext);
}

// --- rights and bad requests ---------------------------------------------------------------------

TEST(extension_needs_rights) {
    u64 result;
    struct ext_load request = {.object = (u64)object_hello,
                               .bytes = (u64)(object_hello_end - object_hello)};
    i64 weak = sys_cap_mint(
        CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(),
        CAP_RIGHTS_ALL & ~(CAP_RIGHT_EXTEND | CAP_RIGHT_CALL | CAP_RIGHT_DESTROY), 0, 0);
    CHECK(weak > 0);
    CHECK_EQ(sys_ext_load((u64)weak, my_account(), (u64)&request, 0), -E_RIGHTS);
    CHECK_EQ(sys_ext_load(CAP_SLOT_CONSOLE, my_account(), (u64)&request, 0), -E_TYPE);
    CHECK_EQ(sys_ext_load(CAP_SLOTS - 1, my_account(), (u64)&request, 0), -E_CAP);
    CHECK_EQ(
        sys_ext_load(CAP_SLOT_ACCOUNT, my_account() + (1ul << ABI_INDEX_BITS), (u64)&request, 0),
        -E_STALE);
    i64 ext = load(object_hello, object_hello_end);
    struct ext_call c = {.function = ext_hash("add")};
    CHECK_EQ(sys_ext_call((u64)weak, (ext_id)ext, (u64)&c), -E_RIGHTS);
    CHECK_EQ(sys_ext_unload((u64)weak, (ext_id)ext), -E_RIGHTS);
    CHECK_EQ(sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext + (1ul << ABI_INDEX_BITS)), -E_STALE);
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c + 1), -E_ALIGN);
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, SCRATCH), -E_FAULT);
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, ABI_TABLES), -E_RANGE);
    CHECK_EQ(call(ext, "hello_init", 0, 0, &result), -E_INVAL); // not an entry
    unload(ext);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
}

TEST(extension_bad_requests) {
    u64 bytes = (u64)(object_hello_end - object_hello);
    struct ext_load good = {.object = (u64)object_hello, .bytes = bytes}, bad;
    struct ext_report report;
#define REQUEST(change, error)                                                                     \
    do {                                                                                           \
        bad = good;                                                                                \
        change;                                                                                    \
        CHECK_EQ(sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&bad, (u64)&report), error);    \
    } while (0)
    REQUEST(bad.flags = 1ul << 63, -E_INVAL);
    REQUEST(bad.link = 1, -E_ALIGN);
    REQUEST(bad.link = SCRATCH, -E_FAULT);
    REQUEST(bad.link = ABI_TABLES, -E_RANGE);
    REQUEST(memset(bad.name, 'x', sizeof bad.name), -E_INVAL);
    REQUEST(bad.name[0] = '/', -E_INVAL);
    REQUEST(bad.object = SCRATCH, -E_FAULT);
    REQUEST(bad.object = ABI_TABLES, -E_RANGE);
    REQUEST(bad.bytes = ~0ul, -E_RANGE);
    REQUEST(bad.bytes = EXT_OBJECT_BYTES + 1, -E_LIMIT);
    REQUEST(bad.bytes = 0, -E_REFUSED);
    REQUEST(bad.bytes = bytes / 2, -E_REFUSED);
    CHECK(report.code != 0);
    CHECK_EQ(sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&good + 4, 0), -E_ALIGN);
    CHECK_EQ(sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), SCRATCH, 0), -E_FAULT);
    CHECK_EQ(sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&good, ABI_TABLES), -E_RANGE);
    bad = good;
    bad.bytes = 8;
    CHECK_EQ(sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&bad, SCRATCH), -E_FAULT);
}

// --- running out, and dying ----------------------------------------------------------------------

// Whatever frame is the one that can't be had, nothing is lost.
TEST(extension_every_frame_fails) {
    i64 error = 0;
    u64 quota = 0;
    for (; quota < 200; quota++) {
        i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), quota, 0);
        CHECK(account > 0);
        error =
            load_as(CAP_SLOT_ACCOUNT, (account_id)account, object_hello, object_hello_end, 0, 0);
        if (error > 0)
            unload(error);
        else
            CHECK_EQ(error, -E_NOMEM);
        account_free((account_id)account);
        if (error > 0)
            break;
    }
    CHECK(error > 0);
}

static volatile u64 loads;
static account_id load_account;
static u64 load_flags;

static void load_for_ever(void *argument) {
    (void)argument;
    for (;;) {
        i64 ext =
            load_as(CAP_SLOT_ACCOUNT, load_account, object_hello, object_hello_end, load_flags, 0);
        if (ext > 0 && sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext))
            sys_env_yield(0, 0);
        loads++;
    }
}

static void a_while(u64 parts) {
    u64 until = tsc() + ms(1) * parts / 64;
    while (tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, until);
}

// The env that loads dies at any moment, and its extensions with it.
TEST(extension_owner_dies) {
    u64 frames = account_row(my_account())->frames;
    load_account = my_account();
    loads = 0;
    for (u32 i = 0; i < 60 || loads < 10; i++) {
        load_flags = i & 1 ? EXT_STAYS : 0;
        env_id worker = worker_start(i % cpus(), load_for_ever, 0);
        a_while(guest_random() % 256);
        worker_destroy(worker);
    }
    for (u32 i = 1; i < ABI_INFO->table[ABI_TABLE_EXTENSIONS].count; i++) {
        const volatile struct abi_extension *row = abi_row(ABI_TABLE_EXTENSIONS, i);
        if (row->id && row->state == EXT_LIVE) // some of those that stay
            unload((i64)row->id);
    }
    wait_for_frames(frames);
}

// The account that pays is destroyed at any moment.
TEST(extension_account_dies) {
    u64 frames = account_row(my_account())->frames;
    load_flags = EXT_STAYS;
    for (u32 i = 0; i < 40; i++) {
        i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 500, 0);
        load_account = (account_id)account;
        CHECK(load_as(CAP_SLOT_ACCOUNT, load_account, object_hello, object_hello_end, 0, 0) > 0);
        env_id worker = worker_start(i % cpus(), load_for_ever, 0);
        a_while(guest_random() % 128);
        account_free(load_account);
        worker_destroy(worker);
    }
    wait_for_frames(frames);
}

static void load_many(void *argument) {
    u64 count = (u64)argument, result;
    for (u64 i = 0; i < count; i++) {
        i64 ext = load(object_hello, object_hello_end);
        CHECK(ext > 0);
        CHECK_EQ(call(ext, "add", i, 1, &result), 0);
        CHECK_EQ(result, i + 1);
        unload(ext);
    }
}

// Everybody loads, calls and unloads at once.
TEST(extension_cycles) {
    env_id worker[4];
    u64 frames = account_row(my_account())->frames;
    for (u32 i = 0; i < 4; i++)
        worker[i] = worker_start(i % cpus(), load_many, (void *)50ul);
    for (u32 i = 0; i < 4; i++)
        worker_wait(worker[i]);
    wait_for_frames(frames);
}
