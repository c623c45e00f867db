// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Protected control transfer and directed yield. entry.S keeps the registers, which are the
// message; here the right to transfer is checked and the processor changes hands.

#include "gen/syscalls.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

#define CALL_DEPTH_MAX 8

// What the assembly takes up again: the caller's name or the error, and where to enter.
struct transfer_exit {
    u64 name, rip, rsp;
};

struct sal_context *transfer_call(u64 cap, env_id id, struct transfer_exit *exit);
struct sal_context *transfer_return(u64 cap, env_id id, struct transfer_exit *exit);
struct sal_context *transfer_send(u64 cap, env_id id, struct transfer_exit *exit);

static struct sal_context *refuse(i64 error, struct transfer_exit *exit) {
    kernel_unlock();
    exit->name = (u64)error;
    return 0;
}

// Leaves the kernel into an env at a place other than where its context says; that stays for when
// it goes on by itself.
static struct sal_context *leave_into(struct env *env, u64 rip, u64 rsp, u64 name,
                                      struct transfer_exit *exit) {
    kernel_unlock();
    exit->name = name;
    exit->rip = rip;
    exit->rsp = rsp;
    return &env->context;
}

static struct sal_context *enter(struct env *env, u64 rip, u64 rsp, u64 name,
                                 struct transfer_exit *exit) {
    sched_enter(env);
    return leave_into(env, rip, rsp, name, exit);
}

static u32 depth(const struct env *env) {
    u32 n = 0;
    for (; env->caller; env = env->caller)
        n++;
    return n;
}

static void trace_transfer(struct env *by, struct env *into, u64 call) {
    trace_env(by, TRACE_TRANSFER, by->id, into->id, call, 0);
    trace_env(into, TRACE_TRANSFER, by->id, into->id, call, 0);
}

struct sal_context *transfer_call(u64 cap, env_id id, struct transfer_exit *exit) {
    struct env *callee, *caller;
    kernel_lock();
    i64 error = cap_check_env(cap, id, CAP_RIGHT_CALL, &callee);
    if (error)
        return refuse(error, exit);
    if (callee->row->state != ENV_ACCEPTING || !callee->call_entry || callee->caller)
        return refuse(-E_BUSY, exit);
    caller = sched_current();
    if (depth(caller) >= CALL_DEPTH_MAX)
        return refuse(-E_LIMIT, exit);
    env_save_switched(caller, 0);
    caller->callee = callee;
    caller->row->state = ENV_CALLING;
    callee->caller = caller;
    trace_transfer(caller, callee, SYS_env_call);
    return enter(callee, callee->call_entry, callee->call_stack, caller->id, exit);
}

struct sal_context *transfer_return(u64 cap, env_id id, struct transfer_exit *exit) {
    (void)cap;
    (void)id;
    kernel_lock();
    struct env *callee = sched_current(), *caller = callee->caller;
    if (!caller)
        return refuse(-E_INVAL, exit);
    trace_transfer(callee, caller, SYS_env_return);
    sched_enter(caller); // as long as the time is the caller's
    callee->caller = 0;
    caller->callee = 0;
    callee->row->state = ENV_ACCEPTING;
    if (callee->waits) { // it decides anew what to wait for
        sched_ready(callee);
    } else {
        sched_unready(callee);
        env_update_fast(callee);
    }
    return leave_into(caller, caller->context.rip, caller->context.rsp, callee->id, exit);
}

struct sal_context *transfer_send(u64 cap, env_id id, struct transfer_exit *exit) {
    struct env *callee, *caller;
    kernel_lock();
    i64 error = cap_check_env(cap, id, CAP_RIGHT_CALL, &callee);
    if (error)
        return refuse(error, exit);
    if (callee->row->state != ENV_ACCEPTING || !callee->send_entry)
        return refuse(-E_BUSY, exit);
    caller = sched_current();
    trace_transfer(caller, callee, SYS_env_send);
    env_save_switched(caller, 0);
    sched_offer(caller);
    sched_note_left();
    sched_pay(callee);
    sched_enter(callee);
    sched_timer_update();
    return leave_into(callee, callee->send_entry, callee->call_stack, caller->id, exit);
}

// The caller goes on where it called. What it called is not undone, and keeps its state: it may
// still run, in slices of its own, and cannot be called until it accepts again.
i64 sys_env_recall(u64 cap, env_id id) {
    struct env *caller;
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_CONTROL, &caller);
    if (error)
        return error;
    if (caller->row->state != ENV_CALLING)
        return -E_INVAL;
    caller->callee->row->recalled++;
    env_uncall(caller);
    env_answer(caller, -E_RECALLED);
    return 0;
}

// The caller gives the processor to an env that can run.
static i64 hand_over(u64 cap, env_id id, int at_its_expense) {
    struct env *env, *self = sched_current();
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_YIELD, &env);
    if (error)
        return error;
    if (env->row->state != ENV_READY)
        return -E_BUSY;
    env_save_switched(self, 0);
    sched_offer(self);
    if (at_its_expense)
        sched_pay(env);
    sched_switch(env);
}

i64 sys_env_yield(u64 cap, env_id id) {
    struct env *self = sched_current();
    if (id)
        return hand_over(cap, id, 0);
    env_save_switched(self, 0);
    sched_offer(self);
    sched_next();
}

i64 sys_env_run(u64 cap, env_id id) {
    return hand_over(cap, id, 1);
}
