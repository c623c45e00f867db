// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A spinlock, and the annotations by which the compiler checks who must hold what.
//
// Whoever is there first gets it, without a queue: under a hypervisor, a queue hands the lock to a
// processor that may not be running, and everybody waits for it to be scheduled (measured with four
// virtual processors on two: a fair lock was slower by three orders of magnitude). But one that has
// waited for LOCK_PATIENCE says so, and from then on the others let it go first. They do that for
// LOCK_STAND_BACK; if it has not come by then, it is not running, and they go past it LOCK_PASSES
// times before they try again. So a waiter that runs gets the lock after a bounded time and number
// of calls of others, even from one that takes it over and over; one that does not run holds nobody
// up for long.
//
// Rules. The kernel runs with interrupts off, so a lock needs no care for them. Locks are taken in
// ascending rank; a processor never takes one that it holds. While it spins, a processor answers
// what others wait for (aegis_spin_poll): a holder may wait for a TLB shootdown with the lock held.
// Debug builds (KERNEL_DEBUG) check holder and order at run time.

#ifndef KERNEL_SAL_LOCK_H
#define KERNEL_SAL_LOCK_H

#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"

#ifdef __clang__
#define LOCK_ATTRIBUTE(x) __attribute__((x))
#else
#define LOCK_ATTRIBUTE(x)
#endif
#define LOCK_CAPABILITY          LOCK_ATTRIBUTE(capability("lock"))
#define LOCK_GUARDS(lock)        LOCK_ATTRIBUTE(guarded_by(lock))    // a variable or member
#define LOCK_GUARDS_TARGET(lock) LOCK_ATTRIBUTE(pt_guarded_by(lock)) // what a pointer points at
#define LOCK_REQUIRES(...)       LOCK_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define LOCK_EXCLUDES(...)       LOCK_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define LOCK_ACQUIRES(...)       LOCK_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define LOCK_RELEASES(...)       LOCK_ATTRIBUTE(release_capability(__VA_ARGS__))
#define LOCK_TRIES(...)          LOCK_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define LOCK_ASSERTS(...)        LOCK_ATTRIBUTE(assert_capability(__VA_ARGS__))
#define LOCK_UNCHECKED           LOCK_ATTRIBUTE(no_thread_safety_analysis) // and a comment that says why

#ifndef KERNEL_DEBUG
#define KERNEL_DEBUG 0
#endif

struct LOCK_CAPABILITY lock {
    union {
        u32 word; // 0: free, and nobody is to be let go first
        struct {
            u8 held;   // 1: somebody has it
            u8 urgent; // processor + 1 that has waited for long, or 0
            u16 reserved;
        };
    };
    u32 passes; // how often the urgent one may still be passed; written by the holder
    const char *name;
    u32 rank;
    u32 holder; // debug builds: processor + 1, 0 if free
};

#define LOCK_INIT(lock_name, lock_rank)                                                            \
    { .name = (lock_name), .rank = (lock_rank) }

// Both in looks at the lock, some tens of nanoseconds each, and not in time: where a host runs one
// processor after the other, time passes without anybody having waited.
#define LOCK_PATIENCE   32
#define LOCK_STAND_BACK 32
#define LOCK_PASSES     16

// Called over and over while a processor waits for a lock. Must take no lock.
void aegis_spin_poll(void);

// Debug builds only: panic if the rule is broken; note it.
void lock_check_take(const struct lock *lock);
void lock_check_release(const struct lock *lock);

// The rest of lock_take: somebody has it, or is to go first.
void lock_wait(struct lock *lock);

static inline void lock_take(struct lock *lock) LOCK_ACQUIRES(lock) LOCK_UNCHECKED {
    u32 word = 0;
    if (KERNEL_DEBUG)
        lock_check_take(lock);
    if (!__atomic_compare_exchange_n(&lock->word, &word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        lock_wait(lock);
    if (KERNEL_DEBUG)
        lock->holder = cpu_this()->number + 1;
}

// Returns whether it was taken: it was free, and nobody is to go first. Never waits.
static inline int lock_try(struct lock *lock) LOCK_TRIES(1, lock) LOCK_UNCHECKED {
    u32 word = 0;
    if (!__atomic_compare_exchange_n(&lock->word, &word, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return 0;
    if (KERNEL_DEBUG)
        lock_check_take(lock);
    if (KERNEL_DEBUG)
        lock->holder = cpu_this()->number + 1;
    return 1;
}

static inline void lock_release(struct lock *lock) LOCK_RELEASES(lock) LOCK_UNCHECKED {
    if (KERNEL_DEBUG)
        lock_check_release(lock);
    if (KERNEL_DEBUG)
        lock->holder = 0;
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

// Changes that others look at without the lock: the sequence is odd while they are made, and
// another even number when they are. It may be said again that they begin, or end.
static inline void lock_changes_begin(u64 *sequence) {
    __asm__ volatile("orq $1, %0" : "+m"(*sequence) : : "memory", "cc");
}
static inline void lock_changes_end(u64 *sequence) {
    __asm__ volatile("orq $1, %0\n\tincq %0" : "+m"(*sequence) : : "memory", "cc");
}

// Does this processor hold it? Debug builds only.
static inline int lock_held(const struct lock *lock) {
    return *(const volatile u32 *)&lock->holder == cpu_this()->number + 1;
}

static inline void lock_assert(const struct lock *lock) LOCK_ASSERTS(lock) LOCK_UNCHECKED {
    if (KERNEL_DEBUG)
        ASSERT(lock_held(lock));
}

#endif
