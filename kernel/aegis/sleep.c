// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Deadlines of sleeping envs and strands: one binary heap per processor, the earliest on top.

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/sched_priv.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"

#define EXPIRE_PER_INTERRUPT 16

struct heap {
    struct sleeper **at;
    u32 count;
};

static struct heap heaps[ABI_CPUS_MAX];

void sched_sleep_init(void) {
    u64 count = abi_info->table[ABI_TABLE_ENVS].count + abi_info->table[ABI_TABLE_STRANDS].count;
    u64 bytes = count * sizeof(struct sleeper *);
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        heaps[cpu].at = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
}

static void heap_put(struct heap *heap, u32 i, struct sleeper *sleeper) {
    heap->at[i] = sleeper;
    sleeper->place = i + 1;
}

static void heap_up(struct heap *heap, u32 i, struct sleeper *sleeper) {
    while (i && heap->at[(i - 1) / 2]->deadline > sleeper->deadline) {
        heap_put(heap, i, heap->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(heap, i, sleeper);
}

static void heap_down(struct heap *heap, u32 i, struct sleeper *sleeper) {
    for (;;) {
        u32 child = 2 * i + 1;
        if (child + 1 < heap->count && heap->at[child + 1]->deadline < heap->at[child]->deadline)
            child++;
        if (child >= heap->count || heap->at[child]->deadline >= sleeper->deadline)
            break;
        heap_put(heap, i, heap->at[child]);
        i = child;
    }
    heap_put(heap, i, sleeper);
}

// Tells the processor whose heap it is.
static void heap_show(u32 cpu) {
    cpu_get(cpu)->sleeper = heaps[cpu].count ? heaps[cpu].at[0]->deadline : ~0ul;
}

void sched_sleep(struct sleeper *sleeper, u64 deadline) {
    if (deadline == ABI_ANY)
        return;
    u32 cpu = sal_cpu();
    sleeper->deadline = deadline;
    sleeper->cpu = cpu;
    heap_up(&heaps[cpu], heaps[cpu].count++, sleeper);
    heap_show(cpu);
}

void sched_unsleep(struct sleeper *sleeper) {
    if (!sleeper->place)
        return;
    struct heap *heap = &heaps[sleeper->cpu];
    u32 i = sleeper->place - 1;
    struct sleeper *last = heap->at[--heap->count];
    sleeper->place = 0;
    if (last != sleeper && i && heap->at[(i - 1) / 2]->deadline > last->deadline)
        heap_up(heap, i, last);
    else if (last != sleeper)
        heap_down(heap, i, last);
    heap_show(sleeper->cpu);
}

u64 sched_sleep_first(void) {
    return cpu_this()->sleeper;
}

static struct env *sleeper_env(struct sleeper *sleeper) {
    return (struct env *)((u8 *)sleeper - __builtin_offsetof(struct env, sleeper));
}

void sched_sleep_expire(u64 now, u64 *from) {
    struct heap *heap = &heaps[sal_cpu()];
    for (u32 i = 0; i < EXPIRE_PER_INTERRUPT && heap->count && heap->at[0]->deadline <= now; i++) {
        struct sleeper *sleeper = heap->at[0];
        if (sleeper->strand) {
            sched_charge_interrupt(strand_woken(sleeper), from);
            continue;
        }
        struct env *env = sleeper_env(sleeper);
        env->context.rax = 0;
        trace_env(env, TRACE_WAKE, 0, 0, 0, 0);
        sched_ready(env);
        sched_charge_interrupt(env, from);
    }
}

// --- sleeping in favour of another ---------------------------------------------------------------

i64 sys_env_pass(u64 cap, env_id id, u64 seen, u64 deadline) {
    struct env *to, *env = sched_current();
    i64 error = cap_check_env(cap, id, CAP_RIGHT_WAKE | CAP_RIGHT_YIELD, &to);
    if (error)
        return error;
    trace_env(to, TRACE_WAKE, env->id, 0, 0, 0);
    __atomic_store_n(&to->row->wakes, to->row->wakes + 1, __ATOMIC_RELEASE);
    int waits = env_sleeps(to);
    if (waits)
        to->context.rax = 0;
    if (env->notify || env->row->wakes != seen || sal_tsc() >= deadline) {
        if (waits)
            sched_ready(to);
        return 0;
    }
    env_save_switched(env, 0);
    env->row->state = ENV_SLEEPING;
    sched_unready(env);
    env->row->until = deadline;
    sched_sleep(&env->sleeper, deadline);
    if (waits)
        sched_ready_here(to);
    if (to->row->state == ENV_READY) {
        sched_pay(to);
        sched_switch(to);
    }
    sched_next();
}
