// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A pager with the page-table structure of one's choice. The kernel's page table is a cache of
// bindings, as the software TLB of Aegis was; what a program's memory *is*, its library OS keeps in
// a structure of its own. Two are here:
//
//   linear   a sorted vector, found by binary search (ExOS of 1995): compact, ranges are neighbours
//   hashed   an inverted table, one entry a frame, found by hashing the address: one look however
//            much is mapped
//
// A page is in the structure from pager_add to pager_remove. It enters the kernel's table at its
// first use (pager_fault), or at once by pager_bind. One pager serves one space and one thread at a
// time; memory for entries is the caller's.

#ifndef LIBOS_PAGER_PAGER_H
#define LIBOS_PAGER_PAGER_H

#include "abi/env.h"
#include "abi/types.h"

struct pager_page {
    u64 va;
    pfn_t pfn;
    u32 writable; // the program may write; otherwise a write goes to on_write
    u32 next;     // hashed: next entry of the chain + 1, 0: none
};

struct pager_layout {
    struct pager_page *(*find)(void *table, u64 va);
    struct pager_page *(*next)(void *table,
                               struct pager_page *page); // of the next address, or null
    struct pager_page *(*insert)(void *table, u64 va);   // null: full, or it is there already
    int (*remove)(void *table, u64 va);                  // whether it was there
};

struct pager {
    const struct pager_layout *layout;
    void *table;
    u64 space_cap, frames_cap; // slots: MAP on the space; READ and WRITE on the frames
    space_id space;
    // A write to a page that is not writable. 0: the page may be written now; otherwise the fault
    // is the program's.
    int (*on_write)(struct pager *pager, struct pager_page *page);
};

struct pager_linear {
    struct pager_page *page;
    u32 count, room;
};
struct pager_hashed {
    struct pager_page *page; // va 0: free, linked by next
    u32 *chain;              // first entry + 1, by hash
    u32 chains;              // a power of two
    u32 free;                // first free entry + 1
};
extern const struct pager_layout pager_linear, pager_hashed;
void pager_linear_init(struct pager_linear *table, struct pager_page *pages, u32 room);
// chains: a power of two, best no less than room; chain: so many words.
void pager_hashed_init(struct pager_hashed *table, struct pager_page *pages, u32 room, u32 *chain,
                       u32 chains);

// E_EXIST: va has a page, or the table is full.
i64 pager_add(struct pager *pager, u64 va, pfn_t pfn, u32 writable);
i64 pager_remove(struct pager *pager, u64 va); // and unmaps it. E_STALE
i64 pager_bind(struct pager *pager, u64 va);   // enters it in the kernel's table. E_STALE
// Makes pages writable or not; all of the range must be in the structure (E_STALE: none is
// changed).
i64 pager_protect(struct pager *pager, u64 va, u64 pages, u32 writable);
// Has the page been written since it was bound? Reads the exposed entry. E_STALE
int pager_dirty(struct pager *pager, u64 va);
// A page-fault upcall: 0 if the program can go on.
int pager_fault(struct pager *pager, const struct upcall_frame *frame);

#endif
