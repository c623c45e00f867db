// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Wait queues, see wait.h.

#include "libos/exos/wait.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/trap.h"

// Entries join at the end, so that wait_wake_one is fair.
void wait_add(struct wait_queue *queue, struct wait_entry *entry) {
    struct wait_entry **link = &queue->first;
    while (*link)
        link = &(*link)->next;
    entry->next = NULL;
    entry->link = link;
    entry->thread = current_thread();
    *link = entry;
}

void wait_remove(struct wait_entry *entry) {
    if (!entry->link)
        return;
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    entry->link = NULL;
}

void wait_wake_thread(struct thread *thread) {
    struct thread *me = current_thread();
    if (!thread->sleeping)
        return;
    thread->sleeping = false;
    if (!me->owed && thread->slice / ABI_SLICES == kernel_env(me->env)->cpu)
        me->owed = thread->env;
    else
        sys_env_wake(POD_CAP, thread->env);
}

// The env may be gone by now: then the kernel refuses.
void wait_pay(struct thread *me) {
    if (me->owed) {
        sys_env_wake(POD_CAP, me->owed);
        me->owed = 0;
    }
}

void wait_wake_all(struct wait_queue *queue) {
    for (struct wait_entry *e = queue->first; e; e = e->next)
        wait_wake_thread(e->thread);
}

void wait_wake_one(struct wait_queue *queue) {
    for (struct wait_entry *e = queue->first; e; e = e->next) {
        if (e->thread->sleeping) {
            wait_wake_thread(e->thread);
            return;
        }
    }
}

// Gives up the processor once. The wake count is read before the lock is given up: a wakeup between
// the two counts.
static void sleep_once(struct thread *me, u64 deadline) {
    env_id owed = me->owed;
    u64 seen = kernel_env(me->env)->wakes;
    me->owed = 0;
    me->sleeping = true;
    pod_unlock_as(me);
    thread_switch(me, owed, seen, time_to_tsc(deadline));
    pod_lock_as(me);
    me->sleeping = false;
}

// No signal is there at all: the common case of signal_pending.
static inline bool is_quiet(const struct thread *t) {
    const struct process *p = t->process;
    return !t->exit_asked && p->state != PROCESS_STOPPED &&
           !((t->signals.pending | p->signals.pending) & ~t->blocked);
}

static inline i64 sleep_until(u64 deadline, bool (*interrupted)(void)) {
    struct thread *me = current_thread();
    if (!is_quiet(me) && interrupted())
        return -ERESTARTSYS;
    if (deadline != WAIT_FOREVER && time_monotonic() >= deadline)
        return -ETIMEDOUT;
    sleep_once(me, deadline);
    return !is_quiet(me) && interrupted() ? -ERESTARTSYS : 0;
}

i64 wait_sleep(u64 deadline) {
    return sleep_until(deadline, signal_pending);
}

// SIGKILL cannot be blocked, so it is never quiet then.
i64 wait_sleep_killable(u64 deadline) {
    return sleep_until(deadline, signal_kill_pending);
}

static bool never(void) {
    return false;
}

i64 wait_sleep_always(u64 deadline) {
    return sleep_until(deadline, never);
}
