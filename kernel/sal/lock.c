// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Waiting for a lock; and run-time checks of the lock rules, for debug builds. See lock.h.

#include "kernel/sal/lock.h"

#define HELD_MAX (sizeof(((struct cpu *)0)->locks) / sizeof(void *))

// The lock is free; may this processor take it? Not if another is urgent, unless that one does not
// come. *stood: how often it has looked since it stands back.
static int may_go(const struct lock *lock, u8 urgent, u8 self, u32 *stood) {
    if (!urgent || urgent == self || __atomic_load_n(&lock->passes, __ATOMIC_RELAXED))
        return 1;
    return ++*stood > LOCK_STAND_BACK;
}

// With the lock: who is let go first from now on?
static void taken(struct lock *lock, u8 self, int stood_in_vain) {
    u8 urgent = __atomic_load_n(&lock->urgent, __ATOMIC_RELAXED);
    if (urgent == self) {
        __atomic_store_n(&lock->urgent, 0, __ATOMIC_RELAXED);
        lock->passes = 0;
    } else if (urgent && lock->passes) {
        lock->passes--;
    } else if (urgent && stood_in_vain) {
        lock->passes = LOCK_PASSES;
    }
}

void lock_wait(struct lock *lock) LOCK_UNCHECKED {
    u8 self = (u8)(cpu_this()->number + 1), none;
    u32 stood = 0;
    for (u32 looks = 0;; looks++) {
        u8 urgent = __atomic_load_n(&lock->urgent, __ATOMIC_RELAXED);
        if (!__atomic_load_n(&lock->held, __ATOMIC_RELAXED)) {
            if (may_go(lock, urgent, self, &stood) &&
                !__atomic_exchange_n(&lock->held, (u8)1, __ATOMIC_ACQUIRE))
                break;
        } else {
            stood = 0;
        }
        none = 0;
        if (!urgent && looks > LOCK_PATIENCE)
            __atomic_compare_exchange_n(&lock->urgent, &none, self, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED);
        aegis_spin_poll();
        sal_pause();
    }
    taken(lock, self, stood != 0);
}

void lock_check_take(const struct lock *lock) {
    struct cpu *cpu = cpu_this();
    if (cpu->locks_held == HELD_MAX)
        panic("lock %s: too many locks held", lock->name);
    if (cpu->locks_held) {
        const struct lock *last = cpu->locks[cpu->locks_held - 1];
        if (last->rank >= lock->rank)
            panic("lock %s (rank %u) taken while holding %s (rank %u)", lock->name, lock->rank,
                  last->name, last->rank);
    }
    cpu->locks[cpu->locks_held++] = lock;
}

void lock_check_release(const struct lock *lock) {
    struct cpu *cpu = cpu_this();
    if (!lock_held(lock))
        panic("lock %s released by processor %u, held by %d", lock->name, cpu->number,
              (int)lock->holder - 1);
    for (u32 i = cpu->locks_held; i-- > 0;)
        if (cpu->locks[i] == lock) {
            for (cpu->locks_held--; i < cpu->locks_held; i++)
                cpu->locks[i] = cpu->locks[i + 1];
            return;
        }
    panic("lock %s: not in the list of locks held", lock->name);
}
