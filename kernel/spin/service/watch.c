// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs that extensions watch: who watches whom, in which order they are asked, and which code is
// (x86_64/watch.S). Whoever controls the env says so; the extension's part is that its account lets
// the same caller call it, and that it pays for the struct watch.
//
// Invariants. A struct watch is in the list of its env, strict ones behind the others, and in that
// of its extension, which lives. env->watch.call and .fault are always code that can be called: of
// the only watcher's events where nothing more is to be done, else of watch_calls or watch_faults,
// which ask one after the other; watch_pass if there is nobody; watch_kill if a strict watcher, or
// a handler of it, is gone. So an env with one watcher pays for that one alone.

#include "abi/ext/watch.h"
#include "abi/calls.h"
#include "base/string.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/trace.h"
#include "kernel/spin/event.h"
#include "kernel/spin/service.h"

#define WATCH_EVENT(event_name, text, argument)                                                    \
    KERNEL_EVENT(event_name) = {.name = #event_name,                                               \
                                .prototype = (text),                                               \
                                .each = 1,                                                         \
                                .result = SERVICE_NUMBER,                                          \
                                .arguments = {argument},                                           \
                                .argument_count = 1}

WATCH_EVENT(foreign_call, "u64(struct ext_foreign_call *)", EVENT_STRUCT(struct ext_foreign_call));
WATCH_EVENT(foreign_result, "u64(struct ext_foreign_result *)",
            EVENT_STRUCT_IN(struct ext_foreign_result));
WATCH_EVENT(own_call, "u64(struct ext_own_call *)", EVENT_STRUCT_IN(struct ext_own_call));
WATCH_EVENT(page_absent, "u64(struct ext_fault *)", EVENT_STRUCT(struct ext_fault));
WATCH_EVENT(page_protected, "u64(struct ext_fault *)", EVENT_STRUCT(struct ext_fault));
WATCH_EVENT(page_bad, "u64(struct ext_fault *)", EVENT_STRUCT(struct ext_fault));

enum { CALL, RESULT, OWN, FAULTS, KINDS = FAULTS + WATCH_FAULT_KINDS };
static const struct {
    const struct kernel_event *event;
    u32 what;
} kinds[KINDS] = {
    [CALL] = {&foreign_call, WATCH_CALLS},
    [RESULT] = {&foreign_result, WATCH_RESULTS},
    [OWN] = {&own_call, WATCH_OWN},
    [FAULTS + WATCH_ABSENT] = {&page_absent, WATCH_FAULTS},
    [FAULTS + WATCH_PROTECTION] = {&page_protected, WATCH_FAULTS},
    [FAULTS + WATCH_BAD] = {&page_bad, WATCH_FAULTS},
};
#define WATCH_EVENTS (WATCH_CALLS | WATCH_FAULTS | WATCH_RESULTS | WATCH_OWN)

struct watch {
    struct env *env;
    struct ext *by;
    struct watch *next, **link;               // of the env, in the order in which they are asked
    struct watch *next_of_ext, **link_of_ext; // that by has
    env_id consent;                           // who allowed it
    u32 what;                                 // WATCH_*
    u32 broken;                               // strict, and a handler is gone
    u64 code[KINDS];                          // where to raise them; 0: it does not want to know
};

// --- asking --------------------------------------------------------------------------------------

static int is_dead(const struct env *env) {
    return env->watch.call == (u64)watch_kill;
}

// With all that handlers may cost, whatever those before have cost.
static u64 ask(u64 code, void *argument, struct engine_run *run) {
    run->spent = SPENT_NOTHING;
    return ((engine_import_function *)code)((u64)argument, 0, 0, 0, 0, run);
}

// What a call that does not go on has returned, to those that heard of it: all before `until`.
static void results_tell(const struct env *env, const struct watch *until,
                         const struct ext_foreign_result *result) {
    for (const struct watch *watch = env->watch.first; watch != until; watch = watch->next)
        if (watch->code[RESULT]) {
            struct ext_foreign_result copy = *result;
            (void)event_raise_at(watch->code[RESULT], (u64)&copy);
        }
}

// For watch.S, as the code of an event would be: contract T of kernel/spin/dispatch/dispatch.h.
static u64 watch_calls(struct ext_foreign_call *call, u64 b, u64 c, u64 d, u64 e,
                       struct engine_run *run) {
    const struct env *env = sched_current();
    struct ext_foreign_call judged;
    u64 number = call->rax;
    u32 strict = 0;
    (void)b, (void)c, (void)d, (void)e;
    for (const struct watch *watch = env->watch.first; watch; watch = watch->next) {
        if (!watch->code[CALL])
            continue;
        u64 answer = ask(watch->code[CALL], call, run);
        if (is_dead(env) || answer > EXT_AGAIN || answer == EXT_END)
            return EXT_END;
        if (answer == EXT_AGAIN)
            return EXT_AGAIN;
        if (answer == EXT_DONE) {
            const struct ext_foreign_result result = {env->id, call->rip, number, call->rax};
            results_tell(env, watch, &result);
            return EXT_DONE;
        }
        if (strict)
            *call = judged;
        strict |= watch->what & WATCH_STRICT;
        judged = *call;
    }
    return EXT_PASS;
}

static enum watch_fault fault_kind(const struct watch *watch, u64 address, u64 error) {
    const struct ext *ext = watch->by;
    if (error & 1)
        return WATCH_PROTECTION;
    for (u32 i = 0; i < ext->range_count; i++)
        if (ext->ranges[i].space == watch->env->row->space &&
            address - ext->ranges[i].va < ext->ranges[i].bytes)
            return WATCH_ABSENT;
    return ext->range_count ? WATCH_BAD : WATCH_ABSENT;
}

static u64 watch_faults(const struct ext_fault *fault, u64 b, u64 c, u64 d, u64 e,
                        struct engine_run *run) {
    const struct env *env = sched_current();
    (void)b, (void)c, (void)d, (void)e;
    for (const struct watch *watch = env->watch.first; watch; watch = watch->next) {
        u64 code = watch->code[FAULTS + fault_kind(watch, fault->address, fault->error)];
        struct ext_fault copy = *fault;
        u64 answer = code ? ask(code, &copy, run) : EXT_PASS;
        if (is_dead(env) || answer > EXT_DONE)
            return EXT_END;
        if (answer == EXT_DONE)
            return EXT_DONE;
    }
    return EXT_PASS;
}

// By watch.S: which event a page fault is, if the only watcher has said which pages can be absent.
u32 spin_watch_fault(const struct env *env, u64 address, u32 present);
u32 spin_watch_fault(const struct env *env, u64 address, u32 present) {
    return env->watch.first ? fault_kind(env->watch.first, address, present) : WATCH_BAD;
}

// By watch.S: the answer was that the env ends.
__attribute__((noreturn)) void watch_end_env(void);
void watch_end_env(void) {
    kernel_lock();
    sched_end();
}

int spin_own_call(u64 rip, u64 number, const u64 *arguments) {
    const struct env *env = sched_current();
    struct ext_own_call call = {.env = env->id, .rip = rip, .number = number};
    memcpy(call.arguments, arguments, sizeof call.arguments);
    for (const struct watch *watch = env->watch.first; watch; watch = watch->next) {
        struct ext_own_call copy = call;
        u64 answer = watch->code[OWN] ? event_raise_at(watch->code[OWN], (u64)&copy) : EXT_PASS;
        if (is_dead(env) || answer > EXT_DONE)
            sched_end();
        if (answer == EXT_DONE)
            return 1;
    }
    if (is_dead(env))
        sched_end();
    return 0;
}

i64 sys_foreign_result(u64 number, u64 value, u64 rip) {
    const struct env *env = sched_current();
    const struct ext_foreign_result result = {env->id, rip, number, value};
    if (env->watch.what & WATCH_RESULTS)
        results_tell(env, 0, &result);
    return 0;
}

// --- what is asked -------------------------------------------------------------------------------

// The processors where it runs may look at any time.
static void code_set(u64 *at, u64 code) {
    __atomic_store_n(at, code, __ATOMIC_RELEASE);
}

static u64 one_code(const struct watch *watch, u32 kind) {
    return watch && watch->code[kind] ? watch->code[kind] : (u64)watch_pass;
}

// The only watcher's own code, unless something is to be done when it has been asked.
static void env_code(struct env *env, int dead) {
    const struct watch *first = env->watch.first;
    int several = first && (first->next || first->what & WATCH_STRICT);
    env->watch.ranged = first && !several && !dead && first->by->range_count;
    code_set(&env->watch.call, dead      ? (u64)watch_kill
                               : several ? (u64)watch_calls
                                         : one_code(first, CALL));
    for (u32 i = 0; i < WATCH_FAULT_KINDS; i++)
        code_set(&env->watch.fault[i], dead      ? (u64)watch_kill
                                       : several ? (u64)watch_faults
                                                 : one_code(first, FAULTS + i));
}

// After every change of its watchers.
static void env_refresh(struct env *env) {
    u32 what = env->watch.gone, dead = what;
    for (const struct watch *watch = env->watch.first; watch; watch = watch->next) {
        what |= watch->what;
        dead |= watch->broken;
    }
    env_code(env, dead != 0);
    env->watch.what = what;
    env_update_short(env);
    trace_watch(env, what & WATCH_OWN);
    env->row->watcher = env->watch.first ? ABI_INDEX(env->watch.first->by->id) : 0;
    env->row->watch = what;
}

// Call sites that its library OS has patched are of interest now, or are not any more. The running
// env is told when it leaves the kernel.
static void env_tell_watch(struct env *env) {
    if (!env->watch.tell)
        return;
    env_tell(env, NOTIFY_WATCH);
    if (env != sched_current())
        return;
    env->notify = 1;
    env_update_fast(env);
    sched_poke(env);
}

static void codes_find(struct watch *watch) {
    for (u32 i = 0; i < KINDS; i++)
        watch->code[i] = watch->what & kinds[i].what ? event_of_ext(watch->by, kinds[i].event) : 0;
}

void watch_ranges_changed(struct ext *ext) {
    for (struct watch *watch = ext->watched; watch; watch = watch->next_of_ext)
        env_refresh(watch->env);
}

static int is_handled(const struct ext *ext, u32 what) {
    for (u32 i = 0; i < KINDS; i++)
        if (kinds[i].what == what && event_ext_handles(ext, kinds[i].event))
            return 1;
    return 0;
}

// Has it handlers of all that a strict watch is for?
static int is_handled_all(const struct ext *ext, u32 what) {
    for (u32 bit = 1; bit <= WATCH_EVENTS; bit <<= 1)
        if (what & bit & WATCH_EVENTS && !is_handled(ext, bit))
            return 0;
    return 1;
}

// A policy that has lost a part of itself is none.
void watch_handlers_changed(struct ext *ext, const struct kernel_event *event, int detached) {
    for (struct watch *watch = ext->watched; watch; watch = watch->next_of_ext) {
        for (u32 i = 0; i < KINDS; i++)
            if (kinds[i].event == event && watch->what & kinds[i].what &&
                watch->what & WATCH_STRICT && (detached || !is_handled(ext, kinds[i].what)))
                watch->broken = 1;
        codes_find(watch);
        env_refresh(watch->env);
    }
}

// --- beginning and ending ------------------------------------------------------------------------

// Where it is in the env's order.
static struct watch **place(struct env *env, u32 what) {
    struct watch **at = &env->watch.first;
    while (*at && (what & WATCH_STRICT || !((*at)->what & WATCH_STRICT)))
        at = &(*at)->next;
    return at;
}

static i64 watch_start(struct env *env, struct ext *ext, u32 what, env_id consent) {
    struct watch *watch = memory_alloc(&ext->lasting, sizeof *watch), **at = place(env, what);
    if (!watch)
        return -E_NOMEM;
    *watch = (struct watch){.env = env,
                            .by = ext,
                            .next = *at,
                            .link = at,
                            .next_of_ext = ext->watched,
                            .link_of_ext = &ext->watched,
                            .consent = consent,
                            .what = what};
    if (watch->next)
        watch->next->link = &watch->next;
    if (watch->next_of_ext)
        watch->next_of_ext->link_of_ext = &watch->next_of_ext;
    *at = ext->watched = watch;
    codes_find(watch);
    return 0;
}

static void watch_end(struct watch *watch) {
    *watch->link = watch->next;
    if (watch->next)
        watch->next->link = watch->link;
    *watch->link_of_ext = watch->next_of_ext;
    if (watch->next_of_ext)
        watch->next_of_ext->link_of_ext = watch->link_of_ext;
    memory_free(&watch->by->lasting, watch, sizeof *watch);
}

void spin_unwatch(struct env *env) {
    while (env->watch.first)
        watch_end(env->watch.first);
    env->watch.gone = 0;
    env->watch.consent = 0;
    env_refresh(env);
}

i64 spin_watch_too(struct env *env, const struct env *like) {
    if (__builtin_expect(!like->watch.what, 1))
        return 0;
    for (const struct watch *watch = like->watch.first; watch; watch = watch->next) {
        i64 error = watch_start(env, watch->by, watch->what, watch->consent);
        if (error)
            return error; // those that it has end with it
        watch->by->watched->broken = watch->broken;
    }
    env->watch.gone = like->watch.gone;
    env->watch.consent = like->watch.consent;
    env_refresh(env);
    return 0;
}

// The extension is about to die.
void watch_forget(struct ext *ext) {
    while (ext->watched) {
        struct watch *watch = ext->watched;
        struct env *env = watch->env;
        if (watch->what & WATCH_STRICT) { // its next foreign call or fault ends the env
            env->watch.gone |= (u16)watch->what;
            env->watch.consent = watch->consent;
        }
        watch_end(watch);
        env_refresh(env);
        env_tell_watch(env);
    }
}

static struct watch *watch_of(const struct env *env, const struct ext *ext) {
    struct watch *watch = env->watch.first;
    while (watch && watch->by != ext)
        watch = watch->next;
    return watch;
}

int watch_has(const struct ext *ext, const struct env *env) {
    return watch_of(env, ext) != 0;
}

static i64 end_check(u64 cap, const struct watch *watch) {
    struct ext *ext;
    return watch->consent == sched_current()->id
               ? 0
               : ext_check(cap, watch->by->id, CAP_RIGHT_DESTROY, &ext);
}

static i64 end_all(u64 cap, struct env *env) {
    i64 error = env->watch.gone && env->watch.consent != sched_current()->id ? -E_RIGHTS : 0;
    for (const struct watch *watch = env->watch.first; watch && !error; watch = watch->next)
        error = end_check(cap, watch);
    if (!error && env->watch.what) {
        spin_unwatch(env);
        env_tell_watch(env);
    }
    return error;
}

static i64 end_one(u64 cap, struct env *env, ext_id id) {
    struct watch *watch = watch_of(env, ext_find(id));
    i64 error = watch ? end_check(cap, watch) : -E_STALE;
    if (error)
        return error;
    watch_end(watch);
    env_refresh(env);
    env_tell_watch(env);
    return 0;
}

static i64 start_check(const struct env *env, const struct ext *ext, u64 what) {
    u32 count = 0;
    if (what & ~(u64)(WATCH_EVENTS | WATCH_STRICT) || !(what & WATCH_EVENTS))
        return -E_INVAL;
    if (ext->row->state != EXT_LIVE)
        return ext->row->state == EXT_LOADING ? -E_BUSY : -E_DEAD;
    if (what & WATCH_STRICT && !is_handled_all(ext, (u32)what))
        return -E_INVAL;
    if (watch_of(env, ext))
        return -E_EXIST;
    for (const struct watch *watch = env->watch.first; watch; watch = watch->next)
        count++;
    return count >= WATCHERS_MAX || env->watch.gone ? -E_FULL : 0;
}

i64 sys_env_watch(u64 caps, env_id id, ext_id ext_name, u64 what) {
    struct env *env;
    struct ext *ext;
    i64 error = cap_check_env((u32)caps, id, CAP_RIGHT_CONTROL, &env);
    if (error)
        return error;
    if (!ext_name)
        return end_all(caps >> 32, env);
    if (!what)
        return end_one(caps >> 32, env, ext_name);
    error = ext_check(caps >> 32, ext_name, CAP_RIGHT_CALL, &ext);
    if (!error)
        error = start_check(env, ext, what);
    if (!error)
        error = watch_start(env, ext, (u32)what, sched_current()->id);
    if (error)
        return error;
    env_refresh(env);
    env_tell_watch(env);
    return 0;
}
