// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// TLB shootdown. The processor that changed a space's entries holds the kernel lock; it flushes
// itself, tells the others that have the space loaded, and waits until each has answered: from user
// mode by interrupt, or while waiting for the lock.

#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"

#define PAGES_ONE_BY_ONE 32

static struct {
    u64 va, pages;
    volatile u64 waiting; // bit set of processors that have not answered
} request;

static void flush_here(u64 va, u64 pages) {
    if (pages > PAGES_ONE_BY_ONE) {
        sal_tlb_flush_all();
        return;
    }
    for (u64 i = 0; i < pages; i++)
        sal_tlb_flush_page(va + (i << ABI_PAGE_SHIFT));
}

// A processor loads a space with the kernel lock held, so this does not change meanwhile.
u64 tlb_users(const struct abi_space *space) {
    u64 users = 0;
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        if (cpu != sal_cpu() && cpu_get(cpu)->loaded_root >> ABI_PAGE_SHIFT == space->root)
            users |= 1ul << cpu;
    return users;
}

void tlb_flush(struct abi_space *space, u64 va, u64 pages) {
    u64 others = sal_machine.cpus > 1 ? tlb_users(space) : 0;
    if (cpu_this()->loaded_root >> ABI_PAGE_SHIFT == space->root)
        flush_here(va, pages);
    if (!others)
        return;
    request.va = va;
    request.pages = pages;
    __atomic_store_n(&request.waiting, others, __ATOMIC_SEQ_CST);
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        if (others >> cpu & 1)
            sal_ipi(cpu, SAL_INTERRUPT_SHOOTDOWN);
    while (__atomic_load_n(&request.waiting, __ATOMIC_SEQ_CST))
        sal_pause();
}

void tlb_answer(void) {
    u64 self = 1ul << sal_cpu();
    if (!(__atomic_load_n(&request.waiting, __ATOMIC_SEQ_CST) & self))
        return;
    flush_here(request.va, request.pages);
    sched_count_shootdown();
    __atomic_fetch_and(&request.waiting, ~self, __ATOMIC_SEQ_CST);
}
