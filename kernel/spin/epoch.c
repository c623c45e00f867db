// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Reclamation by epochs. See epoch.h.
//
// What waits is a queue in the order of its periods, so looking at the first is enough. A period
// that nobody has asked for does not begin. Work: a look at each processor for a period, and the
// nodes that are freed.

#include "kernel/spin/epoch.h"

#include "abi/tables.h"
#include "kernel/aegis/above.h"
#include "kernel/sal/sal.h"

static u64 begun, passed;      // numbers of the last periods; at most one is under way
static u64 wanted;             // the last that somebody waits for
static u64 seen[ABI_CPUS_MAX]; // counters when the period began
static struct { struct epoch_node *first, **last; } waiting = {0, &waiting.first};

u32 epoch_closed;

static u64 counter(u32 cpu) {
    return __atomic_load_n(&cpu_get(cpu)->epoch, __ATOMIC_ACQUIRE);
}

static int all_have_left(void) {
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        if (seen[cpu] & 1 && counter(cpu) == seen[cpu])
            return 0;
    return 1;
}

static void begin(void) {
    // Whoever is seen outside finds nothing of what was unlinked before.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        seen[cpu] = counter(cpu);
    begun++;
}

// Ends the period under way, and another one if it takes no waiting.
static void advance(void) {
    for (u32 i = 0; i < 2; i++) {
        if (begun != passed && all_have_left())
            passed = begun;
        if (begun != passed || wanted == begun)
            return;
        begin();
    }
    if (all_have_left())
        passed = begun;
}

u64 epoch_now(void) {
    return wanted = begun + 1;
}

int epoch_passed(u64 when) {
    if (passed < when)
        advance();
    return passed >= when;
}

void epoch_retire(struct epoch_node *node, void (*free)(struct epoch_node *node)) {
    node->next = 0;
    node->free = free;
    node->epoch = epoch_now();
    *waiting.last = node;
    waiting.last = &node->next;
    spin_work = 1;
}

int epoch_waiting(void) {
    return waiting.first != 0;
}

u32 epoch_reclaim(u32 budget) {
    while (budget && waiting.first && epoch_passed(waiting.first->epoch)) {
        struct epoch_node *node = waiting.first;
        waiting.first = node->next;
        if (!waiting.first)
            waiting.last = &waiting.first;
        budget--;
        node->free(node);
    }
    return budget;
}
