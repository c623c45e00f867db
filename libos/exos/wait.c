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
#include "libos/exos/sleep.h"
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

void wait_wake_now(struct thread *thread) {
    sys_env_wake(POD_CAP, thread->env);
}

void wait_wake_thread(struct thread *thread) {
    sleep_wake(thread, current_thread());
}

// The env may be gone by now: then the kernel refuses.
void wait_pay(struct thread *me) {
    if (me->owed) {
        sys_env_wake(POD_CAP, me->owed);
        me->owed = 0;
    }
}

__attribute__((noinline)) static void wake_several(struct wait_entry *e, struct thread *me) {
    for (; e; e = e->next)
        sleep_wake(e->thread, me);
}

void wait_wake_queue(struct wait_queue *queue) {
    struct wait_entry *e = queue->first;
    if (e->next)
        wake_several(e, current_thread());
    else
        sleep_wake(e->thread, current_thread());
}

void wait_wake_one(struct wait_queue *queue) {
    for (struct wait_entry *e = queue->first; e; e = e->next) {
        if (e->thread->sleeping) {
            wait_wake_thread(e->thread);
            return;
        }
    }
}

static i64 sleep_until(u64 deadline, bool (*interrupted)(void)) {
    if (interrupted())
        return -ERESTARTSYS;
    if (deadline != WAIT_FOREVER && time_monotonic() >= deadline)
        return -ETIMEDOUT;
    sleep_once(current_thread(), time_to_tsc(deadline));
    return interrupted() ? -ERESTARTSYS : 0;
}

i64 wait_interrupted(void) {
    return signal_pending() ? -ERESTARTSYS : 0;
}

i64 wait_sleep(u64 deadline) {
    if (deadline != WAIT_FOREVER || current_thread()->work)
        return sleep_until(deadline, signal_pending);
    return sleep_here();
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
