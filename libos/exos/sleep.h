// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The short way to sleep, inline, for calls that threads take turns by. It does what
// wait_sleep(WAIT_FOREVER) does (wait.h has the rules); a wait queue with one waiter costs a few
// instructions.

#ifndef EXOS_SLEEP_H
#define EXOS_SLEEP_H

#include "abi/layout.h"
#include "libos/exos/process.h"
#include "libos/exos/wait.h"

// wait_add.
static inline void sleep_enter(struct wait_queue *queue, struct wait_entry *entry) {
    if (queue->first) {
        wait_add(queue, entry);
        return;
    }
    entry->next = NULL;
    entry->link = &queue->first;
    entry->thread = current_thread();
    queue->first = entry;
}

// wait_remove, of an entry that is still in its queue.
static inline void sleep_leave(struct wait_entry *entry) {
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
}

// wait_wake_thread, for who knows its thread: lets the caller owe the wakeup, or has the kernel do
// it.
static inline void sleep_wake(struct thread *thread, struct thread *me) {
    if (!thread->sleeping)
        return;
    thread->sleeping = false;
    if (!me->owed && thread->slice / ABI_SLICES == me->row->cpu)
        me->owed = thread->env;
    else
        wait_wake_now(thread);
}

#ifdef TRICOLOR_HOST

static inline i64 sleep_here(void) {
    return wait_sleep(WAIT_FOREVER);
}

#else

// Gives up the processor and the pod lock until the thread is woken or the deadline (of the
// time-stamp counter) has come: switch.S, not a C function.
static inline void sleep_once(struct thread *me, u64 until) {
    __asm__ volatile("call thread_sleep"
                     : "+D"(me), "+S"(until)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc");
}

// Whatever a thread has to act on before it goes back to its program is in its work, signals that
// came while it slept included; so one without work has none.
static inline i64 sleep_here(void) {
    struct thread *me = current_thread();
    if (me->work)
        return wait_sleep(WAIT_FOREVER);
    sleep_once(me, ~0ul);
    return current_thread()->work ? wait_interrupted() : 0;
}

#endif
#endif
