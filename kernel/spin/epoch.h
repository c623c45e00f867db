// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Epochs: what readers without a lock may still be looking at is given back when none of them can
// be (docs/decisions/041-epochs.md).
//
// A reader is a processor between epoch_enter and epoch_leave: it runs code of extensions without
// the kernel lock, and is not preempted there, so a strand inside is always on a processor, and
// nobody is inside for longer than EXT_FUEL lets him. Elsewhere (user mode, idle, a strand's own
// code, whatever runs with the kernel lock) a processor is quiescent. Whoever keeps a pointer
// beyond that counts it.
//
// Each processor has a counter, odd while it is inside. A *period* begins by noting all counters,
// and has passed when each was even or has changed. Periods follow one another; those who unlink
// something wait for the first that begins afterwards:
//
//     unlink it, so that nobody finds it any more;
//     epoch_retire(&it->node, give_it_back);
//
// or `when = epoch_now()`, and epoch_passed(when) now and then. Readers inside for the first time
// after that cannot find it.
//
// Everything but epoch_enter and epoch_leave is called with the kernel lock; what was retired is
// freed with the lock, from epoch_reclaim. Code that runs with the lock is no reader, so
// epoch_reclaim is not called below it (event_reclaim sees to that).

#ifndef KERNEL_SPIN_EPOCH_H
#define KERNEL_SPIN_EPOCH_H

#include "kernel/sal/x86_64/cpu.h"

// In what is to be freed.
struct epoch_node {
    struct epoch_node *next;
    void (*free)(struct epoch_node *node);
    u64 epoch; // the period that has to pass
};

// Interrupts are off, or the code cannot be preempted. Returns whether the processor was outside
// before: then it has to leave.
static inline int epoch_enter(void) {
    struct cpu *cpu = cpu_this();
    if (cpu->epoch & 1)
        return 0;
    __atomic_fetch_add(&cpu->epoch, 1, __ATOMIC_SEQ_CST); // before anything is read
    return 1;
}
static inline void epoch_leave(void) {
    struct cpu *cpu = cpu_this();
    __atomic_store_n(&cpu->epoch, cpu->epoch + 1, __ATOMIC_RELEASE); // after everything was read
}

// Not 0: somebody waits until nobody is inside, and wants it to stay so (a live upgrade). Whoever
// sees that having entered leaves again, and does with the lock what he wanted to do without.
extern u32 epoch_closed;
static inline int epoch_try(void) {
    (void)epoch_enter();
    if (!__atomic_load_n(&epoch_closed, __ATOMIC_ACQUIRE))
        return 1;
    epoch_leave();
    return 0;
}

void epoch_retire(struct epoch_node *node, void (*free)(struct epoch_node *node));

// The period that has to pass before what was unlinked until now has no reader.
u64 epoch_now(void);
int epoch_passed(u64 when);

int epoch_waiting(void); // is there something to be freed?
// Frees at most so many; returns what is left of the budget, 0 if nothing is.
u32 epoch_reclaim(u32 budget);

#endif
