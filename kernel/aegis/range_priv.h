// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the range operations share: they work entry by entry, table by table, and stop after a
// bounded amount of work, saying how many pages are done.

#ifndef KERNEL_AEGIS_RANGE_PRIV_H
#define KERNEL_AEGIS_RANGE_PRIV_H

#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/large.h"
#include "kernel/aegis/space_priv.h"

// Preemption point: entries looked at in one call.
#define ENTRIES_PER_CALL 1024
#define DROPPED_MAX      128

// cap_check_space with MAP, quick where the capability is for the space or its account.
static inline i64 range_space(u64 cap, space_id id, u64 va, struct abi_space **space) {
    *space = cap_space_in(sched_current()->caps, cap, id, CAP_RIGHT_MAP, va);
    return *space ? 0 : cap_check_space(cap, id, CAP_RIGHT_MAP, space);
}
// Whether other processors may use the range's translations, hence change its entries (A, D) at any
// time.
static inline int space_is_shared(const struct abi_space *space, u64 va, u64 pages) {
    return sal_machine.cpus > 1 && tlb_users(space, va, pages) != 0;
}

// Frames whose last translation goes, until they have been flushed.
struct dropped {
    u32 count; // how many of pfn are set
    pfn_t pfn[DROPPED_MAX];
};

static inline void dropped_unmap(struct dropped *dropped) {
    for (u32 i = 0; i < dropped->count; i++)
        frame_unmap(dropped->pfn[i]);
    dropped->count = 0;
}

static inline void dropped_flush(struct dropped *dropped, struct abi_space *space, u64 va,
                                 u64 pages) {
    tlb_flush(space, va, pages);
    dropped_unmap(dropped);
}

// Stores an entry computed from old; retries in the caller if the processor set A or D meanwhile on
// another CPU.
static inline int entry_replace(u64 *entry, u64 old, u64 new, int shared) {
    if (!shared) {
        *entry = new;
        return 1;
    }
    return __atomic_compare_exchange_n(entry, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

// A run of entries within one leaf table.
struct run {
    u64 *entry;
    u64 pages;
};

// The next run of a range of pages pages at va, or, if its tables are missing, the length of the
// hole with entry null.
static inline struct run run_next(const struct abi_space *space, u64 va, u64 pages) {
    u64 end;
    u64 *entry = space_walk(space, va, &end);
    u64 length = (end - va) >> ABI_PAGE_SHIFT;
    return (struct run){entry, length < pages ? length : pages};
}

// The same, without the entries that were never written: a run of them is a hole.
static inline struct run run_used(const struct abi_space *space, u64 va, u64 pages) {
    struct run run = run_next(space, va, pages);
    if (!run.entry)
        return run;
    u64 index = va >> ABI_PAGE_SHIFT & 511;
    struct used used = table_used(sal_phys(run.entry) >> ABI_PAGE_SHIFT);
    if (index >= used.end)
        run.entry = 0;
    else if (index < used.at)
        run = (struct run){0, used.at - index < run.pages ? used.at - index : run.pages};
    else if (used.end - index < run.pages)
        run.pages = used.end - index;
    return run;
}

// The large mapping at va, of which pages are meant. E_INVAL: not all of it is.
static inline i64 large_whole(const struct abi_space *space, u64 va, u64 pages, u64 **entry) {
    *entry = large_entry_small(space, va);
    return *entry && (va & (LARGE_BYTES - 1) || pages < LARGE_PAGES) ? -E_INVAL : 0;
}

#endif
