// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The pod's slices: those that were given to its account, free ones in a stack per processor.

#include "libos/exos/kernel.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"

static u16 free_positions[ABI_CPUS_MAX][ABI_SLICES];
static u16 free_count[ABI_CPUS_MAX];

void slice_boot(void) {
    for (u32 cpu = 0; cpu < ABI_INFO->cpus && cpu < ABI_CPUS_MAX; cpu++) {
        for (u32 i = ABI_SLICES; i-- > 0;) {
            const volatile struct abi_slice *s = kernel_slice(cpu * ABI_SLICES + i);
            if (s->owner == pod_account && !s->env)
                free_positions[cpu][free_count[cpu]++] = (u16)i;
        }
    }
}

static const volatile struct abi_cpu *cpu_row(u32 cpu) {
    return abi_row(ABI_TABLE_CPUS, cpu);
}

static u32 cpu_count(void) {
    return ABI_INFO->cpus < ABI_CPUS_MAX ? ABI_INFO->cpus : ABI_CPUS_MAX;
}

static u64 take_from(u32 cpu) {
    return cpu * ABI_SLICES + free_positions[cpu][--free_count[cpu]];
}

// The processor where least runs and a slice is free, this one first; ~0: none is free. The caller
// itself does not count: who starts a thread mostly waits for it.
static u32 least_loaded(void) {
    u32 cpus = cpu_count(), best = ~0u, least = ~0u;
    u32 here = cpus > 1 ? kernel_env(current_thread()->env)->cpu : 0;
    for (u32 i = 0, cpu = here; i < cpus; i++, cpu = cpu + 1 == cpus ? 0 : cpu + 1) {
        if (!free_count[cpu] || !cpu_row(cpu)->online)
            continue;
        u32 load = cpus > 1 ? cpu_row(cpu)->runnable : 0;
        if (cpu == here && load)
            load--;
        if (load < least) {
            least = load;
            best = cpu;
        }
    }
    return best;
}

u64 slice_take(void) {
    u32 cpu = least_loaded();
    return cpu == ~0u ? ABI_ANY : take_from(cpu);
}

// Moves a thread to a processor that has a free slice.
static void slice_move(struct thread *t, u32 cpu) {
    u64 old = t->slice, new = take_from(cpu);
    if (sys_slice_assign(POD_CAPS, new, t->env)) {
        slice_give(new);
        return;
    }
    sys_slice_assign(POD_CAPS, old, 0);
    t->slice = new;
    slice_give(old);
}

void slice_choose(struct thread *t) {
    if (cpu_count() == 1)
        return;
    u32 cpu = least_loaded();
    if (cpu != ~0u && cpu != t->slice / ABI_SLICES)
        slice_move(t, cpu);
}

// Moves the calling thread to a processor that has nothing to run, if its own has others.
void slice_balance(void) {
    struct thread *t = current_thread();
    u32 cpus = cpu_count(), here = kernel_env(t->env)->cpu;
    if (t->slice == ABI_ANY || cpu_row(here)->runnable < 2)
        return;
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        if (cpu == here || cpu_row(cpu)->runnable || !free_count[cpu] || !cpu_row(cpu)->online)
            continue;
        slice_move(t, cpu);
        return;
    }
}

void slice_give(u64 slice) {
    u64 cpu = slice / ABI_SLICES;
    free_positions[cpu][free_count[cpu]++] = (u16)(slice % ABI_SLICES);
}
