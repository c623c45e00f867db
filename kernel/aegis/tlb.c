// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// TLB shootdown. The processor that changed a space's entries holds the kernel lock; it flushes
// itself, tells the others that have the space loaded, and waits until each has answered: from user
// mode by interrupt, or while waiting for the lock.

#include "abi/pte.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
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

// May the processor hold translations of a range of the space? It has the space loaded, or another
// one that shares a slot of the range. A processor loads a space with the kernel lock held, so this
// does not change meanwhile.
static int tlb_sees(u32 cpu, const struct abi_space *space, u64 va, u64 pages) {
    pfn_t loaded = cpu_get(cpu)->loaded_root >> ABI_PAGE_SHIFT;
    if (loaded == space->root)
        return 1;
    if (!loaded || !pages)
        return 0;
    const u64 *ours = sal_frame(space->root), *theirs = sal_frame(loaded);
    u64 last = (va + (pages << ABI_PAGE_SHIFT) - 1) >> SLOT_SHIFT;
    for (u64 slot = va >> SLOT_SHIFT; slot <= last; slot++)
        if (ours[slot] & SLOT_SHARED && ABI_PTE_FRAME(ours[slot]) == ABI_PTE_FRAME(theirs[slot]))
            return 1;
    return 0;
}

u64 tlb_users(const struct abi_space *space, u64 va, u64 pages) {
    u64 users = 0;
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        if (cpu != sal_cpu() && tlb_sees(cpu, space, va, pages))
            users |= 1ul << cpu;
    return users;
}

static void flush_others(u64 others, u64 va, u64 pages) {
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

void tlb_flush(struct abi_space *space, u64 va, u64 pages) {
    u64 others = sal_machine.cpus > 1 ? tlb_users(space, va, pages) : 0;
    if (tlb_sees(sal_cpu(), space, va, pages))
        flush_here(va, pages);
    flush_others(others, va, pages);
}

void tlb_flush_tables(struct abi_space *space, u64 va, u64 pages) {
    u64 others = sal_machine.cpus > 1 ? tlb_users(space, va, pages) : 0;
    if (tlb_sees(sal_cpu(), space, va, pages))
        sal_tlb_flush_all();
    flush_others(others, 0, ~0ul);
}

// A processor whose walk of va comes to that table may hold translations of it.
static int tlb_walks(u32 cpu, pfn_t table, u64 va) {
    u64 entry = cpu_get(cpu)->loaded_root;
    if (!entry)
        return 0;
    for (u32 shift = 39; shift > ABI_PAGE_SHIFT; shift -= 9) {
        entry = ((u64 *)sal_virt(entry & ABI_PTE_FRAME_MASK))[va >> shift & 511];
        if (!(entry & ABI_PTE_P) || entry & ABI_PTE_PS)
            return 0;
        if (ABI_PTE_FRAME(entry) == table)
            return 1;
    }
    return 0;
}

void tlb_flush_table(pfn_t table, u64 va, u64 pages) {
    u64 others = 0;
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++) {
        if (!tlb_walks(cpu, table, va))
            continue;
        if (cpu == sal_cpu())
            flush_here(va, pages);
        else
            others |= 1ul << cpu;
    }
    flush_others(others, va, pages);
}

void tlb_flush_everywhere(void) {
    u64 others =
        (sal_machine.cpus < 64 ? (1ul << sal_machine.cpus) - 1 : ~0ul) & ~(1ul << sal_cpu());
    sal_tlb_flush_all();
    if (!others)
        return;
    request.va = 0;
    request.pages = ~0ul;
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
