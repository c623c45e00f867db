// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Calls between extensions in the kernel, and events with 1, 10 and 50 handlers of which one's
// guard holds (SPIN table 2; the dispatcher's table 1). Each result is checked.

#include "abi/extension.h"
#include "bench/native/native.h"

#define OBJECT(name) extern const char object_##name[], object_##name##_end[]
OBJECT(target);
OBJECT(caller);
OBJECT(handlers1);
OBJECT(handlers10);
OBJECT(handlers50);

#define CALLS 1000ul

static i64 target, caller, handlers;

static i64 load(const char *from, const char *end) {
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from)};
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, my_account, (u64)&request, 0);
    if (ext <= 0)
        fail("ext_load", ext);
    return ext;
}

static void unload(i64 *ext) {
    if (*ext)
        while (sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)*ext) == -E_AGAIN)
            ;
    *ext = 0;
}

static void prepare(void) {
    target = load(object_target, object_target_end);
    caller = load(object_caller, object_caller_end);
}
static void prepare_1(void) {
    prepare();
    handlers = load(object_handlers1, object_handlers1_end);
}
static void prepare_10(void) {
    prepare();
    handlers = load(object_handlers10, object_handlers10_end);
}
static void prepare_50(void) {
    prepare();
    handlers = load(object_handlers50, object_handlers50_end);
}
static void finish(void) {
    unload(&handlers);
    unload(&caller);
    unload(&target);
}

static void call(const char *name, u64 count) {
    struct ext_call c = {.function = ext_hash(name), .args = {count}};
    must(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)caller, (u64)&c), 0, "ext_call");
    must((i64)c.result, (i64)count, "sum of results");
}

static void run_raise(u64 count) {
    call("raise_many", count);
}
ROW(raise_1, CALLS, prepare_1, 0, run_raise, finish);
ROW(raise_10, CALLS, prepare_10, 0, run_raise, finish);
ROW(raise_50, CALLS, prepare_50, 0, run_raise, finish);

static inline u64 ticks(void) {
    u32 lo, hi;
    __asm__ volatile("lfence\n rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (u64)hi << 32 | lo;
}

// What a call of another extension's procedure takes over one of its own.
static u64 sample_call(void) {
    u64 at[3];
    at[0] = ticks();
    call("call_many", CALLS);
    at[1] = ticks();
    call("raise_many", CALLS);
    at[2] = ticks();
    u64 own = at[1] - at[0], other = at[2] - at[1];
    return other > own ? (other - own) / CALLS : 0;
}
ROW_SAMPLED(ext_call, prepare, sample_call, finish);
