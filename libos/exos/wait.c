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

static inline void wake(struct thread *thread, struct thread *me) {
    if (!thread->sleeping)
        return;
    thread->sleeping = false;
    if (!me->owed && thread->slice / ABI_SLICES == me->row->cpu)
        me->owed = thread->env;
    else
        sys_env_wake(POD_CAP, thread->env);
}

void wait_wake_thread(struct thread *thread) {
    wake(thread, current_thread());
}

// The env may be gone by now: then the kernel refuses.
void wait_pay(struct thread *me) {
    if (me->owed) {
        sys_env_wake(POD_CAP, me->owed);
        me->owed = 0;
    }
}

void wait_wake_queue(struct wait_queue *queue) {
    struct thread *me = current_thread();
    for (struct wait_entry *e = queue->first; e; e = e->next)
        wake(e->thread, me);
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
static inline void sleep_once(struct thread *me, u64 until) {
    env_id owed = me->owed;
    u64 seen = me->row->wakes;
    me->owed = 0;
    me->sleeping = true;
    pod_unlock_as(me);
    thread_switch(me, owed, seen, until);
    pod_lock_as(me);
    me->sleeping = false;
}

static i64 sleep_until(u64 deadline, bool (*interrupted)(void)) {
    if (interrupted())
        return -ERESTARTSYS;
    if (deadline != WAIT_FOREVER && time_monotonic() >= deadline)
        return -ETIMEDOUT;
    sleep_once(current_thread(), time_to_tsc(deadline));
    return interrupted() ? -ERESTARTSYS : 0;
}

// Whatever a thread has to act on before it goes back to its program is in its work, signals that
// came while it slept included; so one without work has none.
i64 wait_sleep(u64 deadline) {
    struct thread *me = current_thread();
    if (deadline != WAIT_FOREVER || me->work)
        return sleep_until(deadline, signal_pending);
    sleep_once(me, ~0ul);
    return me->work && signal_pending() ? -ERESTARTSYS : 0;
}

i64 wait_sleep_killable(u64 deadline) {
    return sleep_until(deadline, signal_kill_pending);
}

static bool never(void) {
    return false;
}

i64 wait_sleep_always(u64 deadline) {
    return sleep_until(deadline, never);
}
