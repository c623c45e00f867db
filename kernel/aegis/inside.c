// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Long work inside of the kernel. See inside.h.

#include "kernel/aegis/inside.h"

#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/sal/sal.h"

void inside_lock(void) {
    sal_interrupts_off();
    kernel_lock();
}

void inside_unlock(void) {
    kernel_unlock();
    sal_interrupts_on();
}

struct ended {
    struct inside inside;
    i64 result;
};

// On the processor's own stack, with the lock; ended is on the other one.
static void inside_end(void *at) {
    const struct ended *ended = at;
    struct env *env = sched_current();
    i64 result = ended->inside.done(ended->inside.argument, ended->result);
    env->inside = 0;
    env->recall = 0;
    env->context.rax = (u64)result;
    if (env->notify) {
        env->notify = 0;
        upcall_deliver(env, 0, UPCALL_NOTIFY);
    }
    if (env->stop)
        sal_ipi(sal_cpu(), SAL_INTERRUPT_RESCHEDULE);
    sal_vector_clear();
    kernel_unlock();
    sal_resume_switched(&env->context);
}

static void inside_main(void *at) {
    struct ended ended = {.inside = *(const struct inside *)at};
    inside_unlock();
    ended.result = ended.inside.work(ended.inside.argument);
    inside_lock();
    sal_stack_switch(cpu_this()->kernel_stack_top, inside_end, &ended);
}

void inside_start(const struct inside *inside) {
    struct env *env = sched_current();
    env_save_switched(env, 0);
    env->inside = 1;
    env_unplain(env);
    env->recall = 0;
    sal_stack_switch(inside->top, inside_main, (void *)inside);
}

void inside_abandon(struct env *env) {
    env->inside = 0;
    env->recall = 0;
    env->context.full = 0;
    env->context.rax = (u64)-E_DEAD;
}

i64 inside_recall(struct env *env) {
    if (!env->inside)
        return 0;
    if (env->row->state != ENV_RUNNING) {
        inside_abandon(env);
        return 0;
    }
    env->recall = 1;
    sched_poke(env);
    return -E_AGAIN;
}
