// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the tests of counted objects share (test_object.c, test_object_hostile.c, test_reference.c).

#ifndef TESTS_GUEST_COUNTED_H
#define TESTS_GUEST_COUNTED_H

#include "abi/extension.h"
#include "abi/object.h"
#include "base/string.h"
#include "tests/guest/guest.h"

#define OBJECT_FILE(name) extern const char object_##name[], object_##name##_end[]

__attribute__((unused)) static i64 load_for(account_id account, const char *from, const char *end,
                                            struct ext_report *report) {
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from), .name = ""};
    struct ext_report own;
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, account, (u64)&request, (u64)(report ? report : &own));
    if (ext == -E_REFUSED && !report)
        say("  refused: %u, line %u, %s: %s", own.code, own.line, own.name, own.words);
    return ext;
}

#define LOAD(name) load_for(my_account(), object_##name, object_##name##_end, 0)

__attribute__((unused)) static const volatile struct abi_extension *row(i64 ext) {
    return abi_row(ABI_TABLE_EXTENSIONS, ABI_INDEX((u64)ext));
}

__attribute__((unused)) static void unload(i64 ext) {
    i64 error;
    u64 until = tsc() + ms(20000);
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN && tsc() < until);
    if (error && error != -E_STALE)
        say("  unloading: %ld, %u objects, %u frames", error, row(ext)->objects, row(ext)->frames);
    CHECK(error == 0 || error == -E_STALE);
}

__attribute__((unused)) static i64 try(i64 ext, const char *name, u64 a, u64 b, u64 c,
                                       u64 *result) {
    struct ext_call call = {.function = ext_hash(name), .args = {a, b, c}};
    i64 error = sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&call);
    *result = call.result;
    return error;
}

__attribute__((unused)) static u64 call(i64 ext, const char *name, u64 a, u64 b, u64 c) {
    u64 result;
    CHECK_EQ(try(ext, name, a, b, c, &result), 0);
    return result;
}

// What is dead is buried in the background.
__attribute__((unused)) static void wait_for_objects(i64 ext, u32 count) {
    u64 until = tsc() + ms(20000);
    while (row(ext)->objects != count && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(row(ext)->objects, count);
}

__attribute__((unused)) static void wait_for_frames(u64 frames) {
    u64 until = tsc() + ms(20000);
    while (account_row(my_account())->frames != frames && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(account_row(my_account())->frames, frames);
}

#endif
