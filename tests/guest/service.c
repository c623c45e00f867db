// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See service.h.

#include "tests/guest/service.h"

i64 service_load(const char *from, const char *end) {
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from)};
    struct ext_report report;
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&request, (u64)&report);
    if (ext == -E_REFUSED)
        say("refused: reason %u, line %u: %s %s\n", report.code, report.line, report.name,
            report.words);
    return ext;
}

void unload(i64 ext) {
    i64 error;
    do
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)ext);
    while (error == -E_AGAIN);
    CHECK(error == 0 || error == -E_STALE);
}

u64 call4(i64 ext, const char *name, u64 a, u64 b, u64 c, u64 d) {
    struct ext_call made = {.function = ext_hash(name), .args = {a, b, c, d}};
    CHECK_EQ(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&made), 0);
    return made.result;
}

u64 call(i64 ext, const char *name, u64 a, u64 b) {
    return call4(ext, name, a, b, 0, 0);
}

i64 watch(env_id env, i64 ext, u64 what) {
    const u64 caps = CAP_SLOT_ACCOUNT | (u64)CAP_SLOT_ACCOUNT << 32;
    return sys_env_watch(caps, env, (ext_id)ext, what);
}

void settle(u64 frames) {
    u64 until = tsc() + ms(20000);
    while (account_row(my_account())->frames != frames && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(account_row(my_account())->frames, frames);
}

void gone(env_id env) {
    u64 until = tsc() + ms(5000);
    while (env_row(env)->id == env && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK(env_row(env)->id != env);
}
