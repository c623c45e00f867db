// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs that extensions watch: who watches whom, and which code is asked (x86_64/watch.S). An env
// has at most one watcher. Whoever controls the env says so; the extension's part is that its
// account lets the same caller call it.
//
// Invariants: env->watch.call and .fault are always code that can be called: the extension's
// events, as long as it lives, else watch_pass or watch_kill. An env is in the list of its watcher,
// and in no other.

#include "abi/ext/watch.h"
#include "abi/calls.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/spin/event.h"
#include "kernel/spin/service.h"

#define WATCH_EVENT(event_name, text, type)                                                        \
    KERNEL_EVENT(event_name) = {.name = #event_name,                                               \
                                .prototype = (text),                                               \
                                .each = 1,                                                         \
                                .result = SERVICE_NUMBER,                                          \
                                .arguments = {EVENT_STRUCT(type)},                                 \
                                .argument_count = 1}

WATCH_EVENT(foreign_call, "u64(struct ext_foreign_call *)", struct ext_foreign_call);
WATCH_EVENT(page_absent, "u64(struct ext_fault *)", struct ext_fault);
WATCH_EVENT(page_protected, "u64(struct ext_fault *)", struct ext_fault);
WATCH_EVENT(page_bad, "u64(struct ext_fault *)", struct ext_fault);

static const struct kernel_event *const fault_events[] = {
    [WATCH_ABSENT] = &page_absent, [WATCH_PROTECTION] = &page_protected, [WATCH_BAD] = &page_bad};

// The processors where it runs may look at any time.
static void watch_set(u64 *code, u64 address) {
    __atomic_store_n(code, address, __ATOMIC_RELEASE);
}

static void watch_set_all(struct env *env, u64 address) {
    watch_set(&env->watch.call, address);
    for (u32 i = 0; i < WATCH_FAULT_KINDS; i++)
        watch_set(&env->watch.fault[i], address);
}

static void watch_unlink(struct env *env) {
    struct env_watch *watch = &env->watch;
    if (!watch->by)
        return;
    *watch->link = watch->next;
    if (watch->next)
        watch->next->watch.link = watch->link;
    watch->by = 0;
    watch->next = 0;
    watch->link = 0;
}

static void watch_show(const struct env *env) {
    env->row->watcher = env->watch.by ? ABI_INDEX(env->watch.by->id) : 0;
    env->row->watch = env->watch.what;
}

void spin_unwatch(struct env *env) {
    watch_unlink(env);
    env->watch.what = env->watch.ranged = 0;
    env->watch.consent = 0;
    env_update_short(env);
    watch_set_all(env, (u64)watch_pass);
    watch_show(env);
}

static void watch_start(struct env *env, struct ext *ext, u32 what, env_id consent) {
    struct env_watch *watch = &env->watch;
    watch_unlink(env);
    watch->by = ext;
    watch->consent = consent;
    watch->next = ext->watched;
    watch->link = &ext->watched;
    if (watch->next)
        watch->next->watch.link = &watch->next;
    ext->watched = env;
    watch->what = what;
    watch->ranged = ext->range_count != 0;
    u64 address = what & WATCH_CALLS ? event_of_ext(ext, &foreign_call) : 0;
    watch_set(&watch->call, address ? address : (u64)watch_pass);
    for (u32 i = 0; i < WATCH_FAULT_KINDS; i++) {
        address = what & WATCH_FAULTS ? event_of_ext(ext, fault_events[i]) : 0;
        watch_set(&watch->fault[i], address ? address : (u64)watch_pass);
    }
    env_update_short(env);
    watch_show(env);
}

void spin_watch_too(struct env *env, const struct env *like) {
    if (like->watch.by)
        watch_start(env, like->watch.by, like->watch.what, like->watch.consent);
}

// The extension is about to die.
void watch_forget(struct ext *ext) {
    while (ext->watched) {
        struct env *env = ext->watched;
        if (!(env->watch.what & WATCH_STRICT)) {
            spin_unwatch(env);
            continue;
        }
        watch_unlink(env); // and its next foreign call or fault ends it
        watch_set_all(env, (u64)watch_kill);
        watch_show(env);
    }
}

// By watch.S: the answer was that the env ends.
__attribute__((noreturn)) void watch_end_env(void);
void watch_end_env(void) {
    kernel_lock();
    sched_end();
}

// By watch.S: which event a page fault is, if the extension has said which pages can be absent.
u32 spin_watch_fault(const struct env *env, u64 address, u32 present);
u32 spin_watch_fault(const struct env *env, u64 address, u32 present) {
    const struct ext *ext = env->watch.by;
    if (present)
        return WATCH_PROTECTION;
    for (u32 i = 0; ext && i < ext->range_count; i++)
        if (ext->ranges[i].space == env->row->space &&
            address - ext->ranges[i].va < ext->ranges[i].bytes)
            return WATCH_ABSENT;
    return WATCH_BAD;
}

i64 sys_env_watch(u64 caps, env_id id, ext_id ext_name, u64 what) {
    struct env *env;
    struct ext *ext;
    i64 error = cap_check_env((u32)caps, id, CAP_RIGHT_CONTROL, &env);
    if (error)
        return error;
    struct ext *watcher = env->watch.by;
    if (!ext_name) {
        if (env->watch.consent != sched_current()->id && env->watch.what)
            error = watcher ? ext_check(caps >> 32, watcher->id, CAP_RIGHT_DESTROY, &ext)
                            : -E_RIGHTS; // it is strict, and the extension gone
        if (!error)
            spin_unwatch(env);
        return error;
    }
    error = ext_check(caps >> 32, ext_name, CAP_RIGHT_CALL, &ext);
    if (error)
        return error;
    if (what & ~(u64)(WATCH_CALLS | WATCH_FAULTS | WATCH_STRICT) ||
        !(what & (WATCH_CALLS | WATCH_FAULTS)))
        return -E_INVAL;
    if (ext->row->state != EXT_LIVE)
        return ext->row->state == EXT_LOADING ? -E_BUSY : -E_DEAD;
    if (env->watch.what)
        return -E_EXIST;
    watch_start(env, ext, (u32)what, sched_current()->id);
    return 0;
}
