// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pod memory: what only ExOS' core uses (pod.c, lock.c).

#ifndef EXOS_POD_PRIV_H
#define EXOS_POD_PRIV_H

#include "abi/types.h"
#include "libos/exos/process.h"
#include <stdbool.h>

void pod_boot(account_id account, u64 image_end);

// A thread stack of THREAD_STACK bytes, not zeroed; NULL if the pod's memory is used up.
void *pod_stack_alloc(void);
void pod_stack_free(void *stack);

// A fault at va, outside the program's range: mapped now?
bool pod_fault(u64 va);

// The space of the calling process.
space_id current_space(void);

// What pod_panic said, if it ever spoke.
extern char pod_broken[];

// Is so little memory left that only ExOS' own needs may have it? User pages stop first, then file
// pages.
#define POD_RESERVE_USER  512
#define POD_RESERVE_FILES 256
bool pod_memory_low(u64 reserve);
// Gives frames behind free pages back to the kernel, about so many if there are. Pod lock.
void pod_trim(u64 frames);

// The pod lock for who knows its thread; entry.S has its own copy of this. The word holds the
// address of the thread that has it.
extern volatile u64 pod_lock_word;
void pod_lock_contended(struct thread *me);

static inline u64 pod_lock_exchange(u64 expected, u64 value) {
    __asm__ volatile("lock cmpxchg %2, %1"
                     : "+a"(expected), "+m"(pod_lock_word)
                     : "r"(value)
                     : "memory", "cc");
    return expected;
}
static inline void pod_lock_as(struct thread *me) {
    if (__builtin_expect(pod_lock_exchange(0, (u64)me) != 0, 0))
        pod_lock_contended(me);
}
static inline void pod_unlock_as(struct thread *me) {
    (void)me;
    __asm__ volatile("" : : : "memory");
    pod_lock_word = 0;
}

// Keeps the vector registers and segment bases of the calling thread while it gives up the
// processor.
extern bool pod_has_xsave, pod_has_avx;
void fp_save(struct thread *thread);
void fp_restore(struct thread *thread);
// Copies those of the calling thread into the save area of a new one.
void fp_snapshot(struct thread *to);
// Gives the calling thread fresh registers, and the segment bases in its structure.
void fp_reset(struct thread *thread);
// Ends the slice.
void thread_yield(void);

#endif
