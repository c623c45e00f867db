// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Run-time checks of the lock rules, for debug builds.

#include "kernel/sal/lock.h"

#define HELD_MAX (sizeof(((struct cpu *)0)->locks) / sizeof(void *))

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
