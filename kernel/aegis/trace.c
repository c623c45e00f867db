// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Traces and their rings. See trace.h.

#include "kernel/aegis/trace.h"

#include "abi/calls.h"
#include "abi/pte.h"
#include "gen/syscalls.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/sal/sal.h"

#define ENVS_PER_CALL   512
#define EVENTS_PER_PAGE (ABI_PAGE / sizeof(struct trace_event))

// One frame, charged to the account of the env that reads.
struct trace {
    struct env *env;
    account_id account;
    u64 points;
    u64 head, lost;
    u32 next;     // place of event number head
    u32 capacity; // pages * EVENTS_PER_PAGE - 1
    u32 pages;
    u32 row; // envs from this row on are still to be traced
    pfn_t page[TRACE_PAGES];
};

static struct trace **traces; // by row of the account
static u32 trace_count;

void trace_init(u32 accounts) {
    u64 bytes = accounts * sizeof(struct trace *);
    traces = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
}

static struct trace *trace_of(account_id account) {
    struct trace *trace = traces[ABI_INDEX(account)];
    return trace && trace->account == account ? trace : 0;
}

// --- writing -------------------------------------------------------------------------------------

static struct trace_ring *ring_of(const struct trace *trace) {
    return sal_frame(trace->page[0]);
}

static void put(struct trace *trace, const struct trace_event *event) {
    struct trace_ring *ring = ring_of(trace);
    u64 tail = *(volatile u64 *)&ring->tail; // anything may be there
    if (trace->head - tail >= trace->capacity) {
        ring->lost = ++trace->lost;
        return;
    }
    u64 place = trace->next + 1; // the ring's head takes the first
    struct trace_event *at = sal_frame(trace->page[place / EVENTS_PER_PAGE]);
    at += place % EVENTS_PER_PAGE;
    *at = *event;
    at->number = trace->head++;
    trace->next = trace->next + 1 < trace->capacity ? trace->next + 1 : 0;
    __atomic_store_n(&ring->head, trace->head, __ATOMIC_RELEASE);
}

// Writes an event to the traces of an account and of those above it, but not to one that env
// itself began. Returns whether there is any.
static int put_all(account_id account, const struct env *env, const struct trace_event *event) {
    int any = 0;
    for (const struct abi_account *row = account_find(account); row;
         row = account_find(row->parent)) {
        struct trace *trace = trace_of(row->id);
        any |= trace != 0;
        if (trace && trace->points >> event->point & 1 && trace->env != env)
            put(trace, event);
    }
    return any;
}

static void env_traced(struct env *env, u32 bit, int on) {
    env->traced = (u8)(on ? env->traced | bit : env->traced & ~bit);
    if (on)
        env_unplain(env);
    env_update_short(env);
    env_update_fast(env);
}

void trace_write(struct env *env, enum trace_point point, u64 a, u64 b, u64 c, u64 d) {
    struct trace_event event = {.time = sal_tsc(),
                                .env = env->id & ~ENV_DEAD,
                                .point = (u16)point,
                                .cpu = (u16)sal_cpu(),
                                .a = a,
                                .b = b,
                                .c = c,
                                .d = d};
    int any = put_all(env->row->account, env, &event);
    // entry.S of another processor may just be looking at upcall_size.
    if (!any && (env->row->state != ENV_RUNNING || env == sched_current()))
        env_traced(env, TRACED_POINTS, 0);
}

void trace_account(account_id account, enum trace_point point, u64 b, u64 c, u64 d) {
    if (!trace_count)
        return;
    struct trace_event event = {.time = sal_tsc(),
                                .point = (u16)point,
                                .cpu = (u16)sal_cpu(),
                                .a = account,
                                .b = b,
                                .c = c,
                                .d = d};
    put_all(account, 0, &event);
}

// --- the way in (entry.S) ------------------------------------------------------------------------

// What entry_syscall_traced has pushed.
struct traced_call {
    u64 r9, r8, r10, rdx, rsi, rdi, r11, rcx, rax;
};

#define NO_CALL (ABI_SYSCALL_BASE + 0xffff) // entry.S answers E_NOSYS

static int call_refused(const struct env *env, const struct traced_call *call) {
    u64 arguments[] = {call->rdi, call->rsi, call->rdx, call->r10, call->r8, call->r9};
    u64 number = call->rax - ABI_SYSCALL_BASE;
    return env->traced & TRACED_WATCHED && number < SYS_COUNT &&
           spin_own_call(call->rcx, number, arguments);
}

void trace_call(struct traced_call *call);
void trace_call(struct traced_call *call) {
    struct env *env = sched_current();
    kernel_lock();
    if (call_refused(env, call))
        call->rax = NO_CALL;
    u64 number = call->rax - ABI_SYSCALL_BASE;
    env->traced_call = (u32)number;
    if (number < SYS_COUNT)
        trace_env(env, TRACE_CALL, number, call->rdi, call->rsi, call->rdx);
    trace_entry_update(env);
    kernel_unlock();
}

void trace_result(i64 result);
void trace_result(i64 result) {
    struct env *env = sched_current();
    kernel_lock();
    trace_env(env, TRACE_RESULT, env->traced_call, (u64)result, 0, 0);
    kernel_unlock();
}

void trace_entry_set(const struct env *env) {
    cpu_this()->traced = env->traced;
    sal_entry_trace(env->traced);
}

// --- beginning and ending ------------------------------------------------------------------------

static void trace_end(struct trace *trace) {
    ring_of(trace)->state = TRACE_ENDED;
    for (u32 i = 0; i < trace->pages; i++) {
        struct abi_frame *row = frame_row(trace->page[i]);
        if (--row->pins == 0 && !row->maps && row->flags & (FRAME_AUTO | FRAME_TAKEN))
            frame_give(trace->page[i]);
    }
    traces[ABI_INDEX(trace->account)] = 0;
    trace->env->trace = 0;
    trace_count--;
    frame_give(sal_phys(trace) >> ABI_PAGE_SHIFT);
}

void trace_env_dies(struct env *env) {
    if (env->trace)
        trace_end(env->trace);
}

void trace_account_dies(account_id account) {
    struct trace *trace = trace_of(account);
    if (trace)
        trace_end(trace);
}

void trace_lose(struct env *env, pfn_t pfn) {
    struct trace *trace = env->trace;
    for (u32 i = 0; trace && i < trace->pages; i++)
        if (trace->page[i] == pfn) {
            trace_end(trace);
            return;
        }
}

void trace_env_made(struct env *env) {
    const struct abi_account *row = trace_count ? account_find(env->row->account) : 0;
    for (; row && !(env->traced & TRACED_POINTS); row = account_find(row->parent))
        if (trace_of(row->id))
            env_traced(env, TRACED_POINTS, 1);
}

void trace_watch(struct env *env, int on) {
    if (!(env->traced & TRACED_WATCHED) == !on)
        return;
    env_traced(env, TRACED_WATCHED, on);
    if (env == sched_current())
        trace_entry_update(env);
    else if (env->row->state == ENV_RUNNING)
        sched_poke(env);
}

// Makes some more of the envs that are to be traced so. E_AGAIN while some are left.
static i64 trace_spread(struct trace *trace) {
    u32 count = abi_info->table[ABI_TABLE_ENVS].count;
    u32 end = count - trace->row < ENVS_PER_CALL ? count : trace->row + ENVS_PER_CALL;
    for (; trace->row < end; trace->row++) {
        struct env *env = env_at(trace->row);
        if (!env || env->id & ENV_DEAD || env->traced & TRACED_POINTS ||
            !account_is_under(env->row->account, trace->account))
            continue;
        env_traced(env, TRACED_POINTS, 1);
        if (env->row->state == ENV_RUNNING && env != sched_current())
            sched_poke(env);
    }
    return trace->row < count ? -E_AGAIN : 0;
}

// The pages of a ring, as the env maps them.
static i64 ring_frames(const struct env *env, u64 va, u64 pages, pfn_t *frames) {
    const struct abi_space *space = space_find(env->row->space);
    for (u64 i = 0; i < pages; i++) {
        const u64 *entry = space_entry(space, va + (i << ABI_PAGE_SHIFT));
        if (!entry || (*entry & (ABI_PTE_P | ABI_PTE_W)) != (ABI_PTE_P | ABI_PTE_W))
            return -E_INVAL;
        frames[i] = ABI_PTE_FRAME(*entry);
        const struct abi_frame *row = frame_row(frames[i]);
        if (row->kind != FRAME_USER || row->owner != env->row->account ||
            row->pins > FRAME_PINS_MAX)
            return -E_INVAL;
    }
    return 0;
}

static i64 trace_begin(struct env *env, account_id account, u64 va, u64 pages, u64 points) {
    pfn_t frames[TRACE_PAGES], pfn;
    i64 error = ring_frames(env, va, pages, frames);
    if (!error)
        error = frame_take(env->row->account, FRAME_TRACE, 0, 0, &pfn);
    if (error)
        return error;
    struct trace *trace = sal_frame(pfn);
    trace->env = env;
    trace->account = account;
    trace->points = points;
    trace->row = 1;
    trace->pages = (u32)pages;
    trace->capacity = (u32)(pages * EVENTS_PER_PAGE - 1);
    for (u32 i = 0; i < pages; i++) {
        trace->page[i] = frames[i];
        frame_row(frames[i])->pins++;
    }
    *ring_of(trace) = (struct trace_ring){
        .version = TRACE_VERSION, .state = TRACE_ON, .capacity = trace->capacity};
    env->trace = traces[ABI_INDEX(account)] = trace;
    trace_count++;
    return trace_spread(trace);
}

i64 sys_trace_set(u64 cap, account_id id, u64 va, u64 pages, u64 points) {
    struct abi_account *account;
    struct env *env = sched_current();
    i64 error = cap_quick_account(cap, id, CAP_RIGHT_CONTROL, &account);
    if (error)
        return error;
    struct trace *trace = trace_of(id);
    if (pages > TRACE_PAGES)
        return -E_LIMIT;
    if (!pages) {
        trace_account_dies(id);
        return 0;
    }
    if (points & ~TRACE_ALL)
        return -E_INVAL;
    error = space_check_range(va, pages);
    if (error)
        return error;
    if (trace != env->trace)
        return -E_EXIST;
    return trace ? trace_spread(trace) : trace_begin(env, id, va, pages, points);
}
