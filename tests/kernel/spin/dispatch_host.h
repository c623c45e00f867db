// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The dispatcher's embedder for tests: code pages below 2 GiB, mapped twice; allocations that can
// be made to fail; counters at GS, as a kernel has them; and machine code for handlers and guards
// that destroys what a function may destroy and calls C.

#ifndef TESTS_KERNEL_SPIN_DISPATCH_HOST_H
#define TESTS_KERNEL_SPIN_DISPATCH_HOST_H

#include "kernel/spin/dispatch/dispatch.h"

enum { SIM_COUNTERS = 1 << 16, SIM_COUNTERS_GS = 16, SIM_STACK_LIMIT = 8 };

struct sim_result {
    u64 value, cancelled;
};

// What R9 points at while an event is raised.
struct sim_run {
    u64 id; // of the handler or guard that runs
    u64 stack_limit;
};
_Static_assert(offsetof(struct sim_run, stack_limit) == SIM_STACK_LIMIT, "known to the layout");

typedef struct sim_result sim_function(u64 a, u64 b, u64 c, u64 d, u64 e, struct sim_run *run);

// Memory
struct sim_memory {
    struct engine_host host;
    u64 count, fail_at; // the allocation with this number (from 1) and all after it fail; 0: none
    u64 outstanding;
};
void sim_memory_init(struct sim_memory *memory);

extern const struct dispatch_layout sim_layout;

// This thread's counters.
void sim_thread(u64 *counters);

// Address of code that calls the function with run->id set. `leaf`: code that only returns `id`.
u64 sim_code(sim_function *function, u64 id);
u64 sim_leaf(u64 id);

u64 sim_raise(const struct dispatch_event *event, const u64 *arguments, struct sim_run *run);

// Instructions that generated code executes for one raise, by single-stepping a child process.
u64 sim_steps(const struct dispatch_event *event, const u64 *arguments);

#endif
