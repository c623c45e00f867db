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
OBJECT(closures);
OBJECT(objects);

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

static inline u64 ticks(void) {
    u32 lo, hi;
    __asm__ volatile("lfence\n rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (u64)hi << 32 | lo;
}

// What a turn of the second loop takes over one of the first.
static u64 sample(const char *without, const char *with) {
    u64 at[3];
    at[0] = ticks();
    call(without, CALLS);
    at[1] = ticks();
    call(with, CALLS);
    at[2] = ticks();
    u64 first = at[1] - at[0], second = at[2] - at[1];
    return second > first ? (second - first + CALLS / 2) / CALLS : 0;
}

static u64 sample_raise(void) {
    return sample("turn_many", "raise_many");
}
ROW_SAMPLED(raise_1, prepare_1, sample_raise, finish);
ROW_SAMPLED(raise_10, prepare_10, sample_raise, finish);
ROW_SAMPLED(raise_50, prepare_50, sample_raise, finish);

static i64 install(u64 kind) {
    i64 handler = sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)handlers, ext_hash("handle"), kind);
    if (handler <= 0)
        fail("handler_install", handler);
    return handler;
}

static void prepare_many(u64 count) {
    prepare();
    handlers = load(object_closures, object_closures_end);
    for (u64 kind = 0; kind < count; kind++)
        (void)install(kind);
}
static void prepare_hundred(void) {
    prepare_many(100);
}
static void prepare_ten(void) {
    prepare_many(10);
}
static void prepare_1000(void) {
    prepare_many(1000);
}
static void prepare_10000(void) {
    prepare_many(10000);
}
ROW_SAMPLED(raise_1000, prepare_1000, sample_raise, finish);
ROW_SAMPLED(raise_10000, prepare_10000, sample_raise, finish);

static u64 sample_install(void) {
    u64 from = ticks();
    i64 handler = install(1000000);
    u64 took = ticks() - from;
    must(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)handlers, (u64)handler), 0, "handler_remove");
    return took;
}
ROW_SAMPLED(install_10, prepare_ten, sample_install, finish);
ROW_SAMPLED(install_100, prepare_hundred, sample_install, finish);
ROW_SAMPLED(install_1000, prepare_1000, sample_install, finish);
ROW_SAMPLED(install_10000, prepare_10000, sample_install, finish);

// By its name, one that is neither new nor old.
static u64 oldest;
static void prepare_remove(void) {
    prepare_10000();
    oldest = 5000;
}
static u64 sample_remove(void) {
    u64 from = ticks();
    must(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)handlers, oldest), 0, "handler_remove");
    u64 took = ticks() - from;
    (void)install(oldest++ - 1);
    return took;
}
ROW_SAMPLED(remove_10000, prepare_remove, sample_remove, finish);

// The longest of the calls that begin to count an event.
static u64 sample_count(void) {
    u64 worst = 0, took;
    i64 error;
    do {
        u64 from = ticks();
        error = sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)target, ext_hash("field_event"), 1);
        took = ticks() - from;
        worst = took > worst ? took : worst;
    } while (error == -E_AGAIN);
    must(error, 0, "event_count");
    do
        error = sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)target, ext_hash("field_event"), 0);
    while (error == -E_AGAIN);
    return worst;
}
ROW_SAMPLED(count_10000, prepare_10000, sample_count, finish);

// The longest call among those that an unloading takes; the event is raised in between.
static u64 sample_pause(void) {
    u64 worst = 0;
    i64 error;
    prepare_1000();
    do {
        u64 from = ticks();
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)handlers);
        u64 took = ticks() - from;
        worst = took > worst ? took : worst;
        call("raise_many", CALLS);
    } while (error == -E_AGAIN);
    handlers = 0;
    finish();
    return worst;
}
static void nothing(void) {}
ROW_SAMPLED(ext_pause, nothing, sample_pause, nothing);

#define ITEMS 1000ul // each with eight references to the one before

static u64 objects_call(const char *function, u64 count) {
    struct ext_call c = {.function = ext_hash(function), .args = {count}};
    must(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)handlers, (u64)&c), 0, "ext_call");
    return c.result;
}

static u32 objects_left(void) {
    const volatile struct abi_extension *row =
        abi_row(ABI_TABLE_EXTENSIONS, ABI_INDEX((u64)handlers));
    return row->objects;
}

static void objects_build(void) {
    for (u64 n = 0; n < ITEMS; n += 8)
        must((i64)objects_call("build", 8), 8, "objects built");
}

// The longest time that this program did not run, or was in a call: the last reference to a list
// goes, which ends in the background; and the extension is unloaded with another one.
static u64 sample_object_pause(void) {
    u64 worst = 0, from, took;
    i64 error;
    handlers = load(object_objects, object_objects_end);
    objects_build();
    from = ticks();
    must((i64)objects_call("drop", 0), 1, "list dropped");
    do {
        took = ticks() - from;
        worst = took > worst ? took : worst;
        from = ticks();
    } while (objects_left());
    objects_build();
    do {
        from = ticks();
        error = sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)handlers);
        took = ticks() - from;
        worst = took > worst ? took : worst;
    } while (error == -E_AGAIN);
    handlers = 0;
    return worst;
}
ROW_SAMPLED(object_pause, nothing, sample_object_pause, nothing);

// What a call of another extension's procedure takes over one of its own.
static u64 sample_call(void) {
    return sample("call_many", "raise_many");
}
ROW_SAMPLED(ext_call, prepare, sample_call, finish);
