// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Epochs: when is nobody left who could still use what was taken out? Those who run the code of
// extensions take no lock to do so. Who unlinks something asks for a number (epoch_advance), and
// frees it once that number has passed: then everybody who ran such code when it was unlinked has
// left it.
//
// Kernel context is no reader: it runs extensions with the kernel lock held to the end. A strand
// is one (struct epoch_reader), from when it enters the code of extensions until it leaves it, also
// while it is preempted there.
//
// Rules. All functions but enter and leave want the kernel lock. epoch_passed is not called below
// a raise: then the caller's own stack could lead back into what was unlinked.

#ifndef KERNEL_SPIN_EPOCH_H
#define KERNEL_SPIN_EPOCH_H

#include "abi/types.h"

struct epoch_reader {
    u64 since; // the epoch in which it entered; 0: it is outside
    struct epoch_reader *next, **link;
};

extern u64 epoch_now;

void epoch_reader_add(struct epoch_reader *reader);
void epoch_reader_remove(struct epoch_reader *reader); // also of one that never left

static inline void epoch_enter(struct epoch_reader *reader) {
    __atomic_store_n(&reader->since, __atomic_load_n(&epoch_now, __ATOMIC_RELAXED),
                     __ATOMIC_SEQ_CST);
}
static inline void epoch_leave(struct epoch_reader *reader) {
    __atomic_store_n(&reader->since, 0, __ATOMIC_RELEASE);
}

// After something was unlinked: the number that has to pass.
u64 epoch_advance(void);
int epoch_passed(u64 epoch);

#endif
