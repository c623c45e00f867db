// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Waiting. A thread enters one or more wait queues, checks its condition, and sleeps; who changes
// the condition wakes the queue. All under the pod lock, which wait_sleep gives up only while
// asleep, so no wakeup is lost:
//
//     struct wait_entry w;
//     wait_add(&pipe->readers, &w);
//     while (!(done = pipe_has_data(pipe)) && !(error = wait_sleep(WAIT_FOREVER)))
//         ;
//     wait_remove(&w);
//
// Entries live on the waiter's stack (pod memory). wait_event does the above.

#ifndef EXOS_WAIT_H
#define EXOS_WAIT_H

#include "abi/types.h"
#include <stddef.h>

struct thread;

struct wait_entry {
    struct wait_entry *next, **link; // link: the pointer that points here; NULL when in no queue
    struct thread *thread;
};

struct wait_queue {
    struct wait_entry *first; // zero is an empty queue
};

#define WAIT_FOREVER (~0ul)

void wait_add(struct wait_queue *queue, struct wait_entry *entry);
void wait_remove(struct wait_entry *entry);

// Sleeps until a queue the thread is in is woken, the deadline (nanoseconds of time_monotonic) or a
// signal. Returns 0 when woken (check the condition again: it may be early), -ETIMEDOUT, or
// -ERESTARTSYS if a signal wants to be handled. A system call that gets -ERESTARTSYS cleans up and
// returns it (or -EINTR or another of uapi_errno.h's restart codes).
i64 wait_sleep(u64 deadline);
// The same, not ended by signals but for SIGKILL (also -ERESTARTSYS).
i64 wait_sleep_killable(u64 deadline);

// The same, not ended by signals at all: for short waits.
i64 wait_sleep_always(u64 deadline);

// What wait_sleep would return on account of signals, after sleeping.
i64 wait_interrupted(void);

// Waking. A thread that waits for its turn on the caller's own processor need not be told before
// that is given up: the caller owes the wakeup, and pays when it sleeps, by giving its slice to
// that thread (env_pass), or when its slice ends (wait_pay). It owes one at a time.
void wait_wake_queue(struct wait_queue *queue);
static inline void wait_wake_all(struct wait_queue *queue) {
    if (queue->first)
        wait_wake_queue(queue);
}
void wait_wake_one(struct wait_queue *queue);
// Wakes one thread, whatever it waits for.
void wait_wake_thread(struct thread *thread);
// By the kernel, at once.
void wait_wake_now(struct thread *thread);
// Tells the kernel of the wakeup that the calling thread owes. To be called by whoever gives up the
// processor, but for wait_sleep and its like, which do it themselves. Lock held or not.
void wait_pay(struct thread *me);

// Sleeps until condition is true: 0, or what wait_sleep returned. A condition that came true
// together with a signal counts.
#define wait_event(queue, condition, deadline)                                                     \
    __extension__({                                                                                \
        i64 wait_error_ = 0;                                                                       \
        if (!(condition)) {                                                                        \
            struct wait_entry wait_entry_;                                                         \
            wait_add((queue), &wait_entry_);                                                       \
            do                                                                                     \
                wait_error_ = wait_sleep(deadline);                                                \
            while (!(condition) && !wait_error_);                                                  \
            if (wait_error_ && (condition))                                                        \
                wait_error_ = 0;                                                                   \
            wait_remove(&wait_entry_);                                                             \
        }                                                                                          \
        wait_error_;                                                                               \
    })

#endif
