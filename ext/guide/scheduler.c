// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: schedules its own strands, by stride: three workers with 3, 2 and 1
// tickets get that much of the processor. The kernel tells what may run, and asks which is to be
// next.

#include "abi/ext/strand.h"

#define WORKERS 3
#define TURNS   600

static struct { u64 id, pass, ready; } tasks[WORKERS];
static u64 steps[WORKERS], total;

// The worker of that name; a new one gets the first free place.
static u64 place_of(u64 id) {
    for (u64 i = 0; i < WORKERS; i++) {
        if (!tasks[i].id)
            tasks[i].id = id;
        if (tasks[i].id == id)
            return i;
    }
    return 0;
}

HANDLER(Strand_Unblock, u64, may_run, (u64 id)) {
    return tasks[place_of(id)].ready = 1;
}

HANDLER(Strand_Checkpoint, u64, was_stopped, (u64 id)) {
    return tasks[place_of(id)].ready = 1;
}

HANDLER(Strand_Block, u64, may_not_run, (u64 id)) {
    return tasks[place_of(id)].ready = 0;
}

HANDLER(Strand_Resume, u64, choose, (u64 oldest)) {
    static const u64 stride[WORKERS] = {2, 3, 6}; // 6 divided by the tickets
    u64 best = WORKERS;
    for (u64 i = 0; i < WORKERS; i++)
        if (tasks[i].ready && (best == WORKERS || tasks[i].pass < tasks[best % WORKERS].pass))
            best = i;
    if (best == WORKERS)
        return oldest;
    tasks[best].pass += stride[best];
    tasks[best].ready = 0;
    return tasks[best].id;
}

STRAND(worker, (u64 me)) {
    while (__atomic_fetch_add(&total, 1, __ATOMIC_RELAXED) < TURNS) {
        steps[me % WORKERS]++;
        strand_yield();
    }
    return 0;
}

ENTRY(u64, start, (void)) {
    for (u64 i = 0; i < WORKERS; i++)
        if (strand_fork(worker, i) < 0)
            return 1;
    return 0;
}

// Of 60 turns; ~0 as long as they run.
ENTRY(u64, share, (u64 i)) {
    u64 all = steps[0] + steps[1] + steps[2];
    return total < TURNS + WORKERS || !all ? ~0ul : (60 * steps[i % WORKERS] + all / 2) / all;
}
