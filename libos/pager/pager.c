// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What is the same whatever the structure. See pager.h.

#include "libos/pager/pager.h"

#include "abi/caps.h"
#include "abi/errors.h"
#include "abi/layout.h"
#include "abi/pte.h"
#include "gen/syscalls_user.h"

#define FAULT_WRITE 2ul // of the error code

static struct pager_page *find(const struct pager *pager, u64 va) {
    return pager->layout->find(pager->table, va & ~(ABI_PAGE - 1));
}

i64 pager_add(struct pager *pager, u64 va, pfn_t pfn, u32 writable) {
    struct pager_page *page = pager->layout->insert(pager->table, va & ~(ABI_PAGE - 1));
    if (!page)
        return -E_EXIST;
    page->pfn = pfn;
    page->writable = writable;
    return 0;
}

i64 pager_remove(struct pager *pager, u64 va) {
    if (!pager->layout->remove(pager->table, va & ~(ABI_PAGE - 1)))
        return -E_STALE;
    i64 done = sys_space_unmap(pager->space_cap, pager->space, va & ~(ABI_PAGE - 1), 1);
    return done < 0 ? done : 0;
}

static i64 bind(const struct pager *pager, const struct pager_page *page) {
    i64 done = sys_space_map(CAP_PAIR(pager->space_cap, pager->frames_cap), pager->space, page->va,
                             page->pfn, 1,
                             ABI_PTE_NX | (page->writable ? ABI_PTE_W : 0) | SPACE_MAP_REPLACE);
    return done < 0 ? done : 0;
}

i64 pager_bind(struct pager *pager, u64 va) {
    const struct pager_page *page = find(pager, va);
    return page ? bind(pager, page) : -E_STALE;
}

i64 pager_protect(struct pager *pager, u64 va, u64 pages, u32 writable) {
    struct pager_page *first = pages ? find(pager, va) : 0, *page = first;
    for (u64 i = 1; i < pages && page; i++)
        page = pager->layout->next(pager->table, page);
    if (!page)
        return pages ? -E_STALE : 0;
    for (page = first; page && page->va < va + (pages << ABI_PAGE_SHIFT);) {
        page->writable = writable;
        page = pager->layout->next(pager->table, page);
    }
    u64 bits = ABI_PTE_W;
    for (u64 done = 0; done < pages;) {
        i64 n = sys_space_protect(pager->space_cap, pager->space, va + done * ABI_PAGE,
                                  pages - done, bits, writable ? bits : 0);
        if (n < 0)
            return n;
        done += (u64)n;
    }
    return 0;
}

int pager_dirty(struct pager *pager, u64 va) {
    if (!find(pager, va))
        return -E_STALE;
    return !!(ABI_PTES[va >> ABI_PAGE_SHIFT] & ABI_PTE_D);
}

int pager_fault(struct pager *pager, const struct upcall_frame *frame) {
    struct pager_page *page = frame->vector == UPCALL_PF ? find(pager, frame->address) : 0;
    if (!page)
        return -1;
    if ((frame->error & FAULT_WRITE) && !page->writable) {
        if (!pager->on_write || pager->on_write(pager, page))
            return -1;
        page->writable = 1;
    }
    return (int)bind(pager, page);
}
