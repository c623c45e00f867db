// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Protected control transfer and directed yield. entry.S keeps the registers, which are the
// message; here the right to transfer is checked and the processor changes hands.

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/sal/sal.h"

#define CALL_DEPTH_MAX 8

struct sal_context *transfer_call(u64 cap, env_id id, i64 *result);
struct sal_context *transfer_return(u64 cap, env_id id, i64 *result);
struct sal_context *transfer_send(u64 cap, env_id id, i64 *result);

static struct sal_context *refuse(i64 error, i64 *result) {
    kernel_unlock();
    *result = error;
    return 0;
}

static struct sal_context *enter(struct env *env, u64 rip, u64 rsp, u64 name, i64 *result) {
    env->context.rip = rip;
    env->context.rsp = rsp;
    sched_enter(env);
    kernel_unlock();
    *result = (i64)name;
    return &env->context;
}

struct sal_context *transfer_call(u64 cap, env_id id, i64 *result) {
    struct env *callee, *caller;
    kernel_lock();
    i64 error = cap_check_env(cap, id, CAP_RIGHT_CALL, &callee);
    if (error)
        return refuse(error, result);
    if (callee->row->state != ENV_ACCEPTING || !callee->call_entry)
        return refuse(-E_BUSY, result);
    caller = sched_current();
    if (caller->depth >= CALL_DEPTH_MAX)
        return refuse(-E_LIMIT, result);
    env_save_switched(caller, 0);
    caller->callee = callee;
    caller->row->state = ENV_CALLING;
    callee->caller = caller;
    callee->depth = caller->depth + 1;
    return enter(callee, callee->call_entry, callee->call_stack, caller->id, result);
}

struct sal_context *transfer_return(u64 cap, env_id id, i64 *result) {
    (void)cap;
    (void)id;
    kernel_lock();
    struct env *callee = sched_current(), *caller = callee->caller;
    if (!caller)
        return refuse(-E_INVAL, result);
    callee->caller = 0;
    callee->depth = 0;
    caller->callee = 0;
    callee->row->state = ENV_ACCEPTING;
    sched_unready(callee);
    callee->context.full = 0;
    callee->context.rip = callee->accept_rip;
    callee->context.rsp = callee->accept_rsp;
    return enter(caller, caller->context.rip, caller->context.rsp, callee->id, result);
}

struct sal_context *transfer_send(u64 cap, env_id id, i64 *result) {
    struct env *callee, *caller;
    kernel_lock();
    i64 error = cap_check_env(cap, id, CAP_RIGHT_CALL, &callee);
    if (error)
        return refuse(error, result);
    if (callee->row->state != ENV_ACCEPTING || !callee->send_entry)
        return refuse(-E_BUSY, result);
    caller = sched_current();
    env_save_switched(caller, 0);
    caller->row->state = ENV_READY;
    return enter(callee, callee->send_entry, callee->call_stack, caller->id, result);
}

i64 sys_env_yield(u64 cap, env_id id) {
    struct env *env, *self = sched_current();
    if (!id) {
        env_save_switched(self, 0);
        self->row->state = ENV_READY;
        sched_next();
    }
    i64 error = cap_check_env(cap, id, CAP_RIGHT_YIELD, &env);
    if (error)
        return error;
    if (env->row->state != ENV_READY)
        return -E_BUSY;
    env_save_switched(self, 0);
    self->row->state = ENV_READY;
    sched_switch(env);
}
