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
    u32 cpus = ABI_INFO->cpus < ABI_CPUS_MAX ? ABI_INFO->cpus : ABI_CPUS_MAX;
    for (u32 cpu = 0; cpu < cpus; cpu++) {
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

u64 slice_take(void) {
    u32 cpus = ABI_INFO->cpus < ABI_CPUS_MAX ? ABI_INFO->cpus : ABI_CPUS_MAX;
    u32 best = ~0u, here = cpus > 1 ? kernel_env(current_thread()->env)->cpu : 0, least = ~0u;
    for (u32 i = 0, cpu = here; i < cpus; i++, cpu = cpu + 1 == cpus ? 0 : cpu + 1) {
        if (!free_count[cpu] || !cpu_row(cpu)->online)
            continue;
        u32 load = cpus > 1 ? cpu_row(cpu)->runnable : 0;
        if (load < least) {
            least = load;
            best = cpu;
        }
    }
    if (best == ~0u)
        return ABI_ANY;
    return best * ABI_SLICES + free_positions[best][--free_count[best]];
}

void slice_give(u64 slice) {
    u64 cpu = slice / ABI_SLICES;
    free_positions[cpu][free_count[cpu]++] = (u16)(slice % ABI_SLICES);
}
