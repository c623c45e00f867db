// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Copy-on-write in the kernel: pages of one space are given to another, and both keep them until
// one of them writes. Envs of both must be watched (WATCH_FAULTS), by an account that pays for both
// spaces. A page that is shared so has the bit MARK in its entry.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

#define MARK  ABI_PTE_S0
#define PAGES 32 // in one call
#define CAPS  EXT_CAPS(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define KEPT  (ABI_PTE_NX | ABI_PTE_PKEY_MASK)

static u64 copied, taken_over;

HANDLER(page_protected, u64, copy, (struct ext_fault * fault)) {
    u64 space = env_space(fault->env), va = fault->address & ~(ABI_PAGE - 1);
    u64 entry = page_examine(CAP_SLOT_ACCOUNT, space, va);
    if (!(fault->error & EXT_FAULT_WRITE) || EXT_FAILED(entry) || !(entry & MARK))
        return EXT_PASS;
    u64 old = ABI_PTE_FRAME(entry);
    if (phys_maps(old) == 1) { // the others have theirs
        taken_over++;
        return page_protect(CAP_SLOT_ACCOUNT, space, va, MARK, ABI_PTE_W) == 1 ? EXT_DONE
                                                                               : EXT_PASS;
    }
    i64 new = phys_allocate(CAP_SLOT_ACCOUNT, env_account(fault->env), ABI_ANY,
                            FRAME_ALLOC_AUTO | FRAME_ALLOC_DIRTY);
    if (new < 0)
        return EXT_PASS;
    if (phys_copy(CAP_SLOT_ACCOUNT, (u64) new, old) ||
        page_map(CAPS, space, va, (u64) new, (entry & KEPT) | ABI_PTE_W | SPACE_MAP_REPLACE) != 1) {
        phys_deallocate(CAP_SLOT_ACCOUNT, (u64) new);
        return EXT_PASS;
    }
    copied++;
    return EXT_DONE;
}

static u64 share_one(u64 from, u64 to, u64 va) {
    u64 entry = page_examine(CAP_SLOT_ACCOUNT, from, va);
    if (EXT_FAILED(entry) || !(entry & ABI_PTE_P))
        return 0;
    u64 mark = entry & (ABI_PTE_W | MARK) ? MARK : 0;
    if (page_protect(CAP_SLOT_ACCOUNT, from, va, ABI_PTE_W, mark) != 1)
        return 0;
    return page_map(CAPS, to, va, ABI_PTE_FRAME(entry), (entry & KEPT) | mark) == 1;
}

// Gives pages (at most 32 in a call) of one space to another; returns how many.
ENTRY(u64, share, (u64 from, u64 to, u64 va, u64 pages)) {
    u64 shared = 0;
    for (u64 i = 0; i < PAGES; i++)
        if (i < pages)
            shared += share_one(from, to, va + i * ABI_PAGE);
    return shared;
}

ENTRY(u64, copies, (void)) {
    return copied;
}

ENTRY(u64, last_uses, (void)) {
    return taken_over;
}
