// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The hashed, or inverted, page table: one entry a frame, in chains by the address' hash.

#include "abi/layout.h"
#include "base/string.h"
#include "libos/pager/pager.h"

void pager_hashed_init(struct pager_hashed *table, struct pager_page *pages, u32 room, u32 *chain,
                       u32 chains) {
    *table = (struct pager_hashed){.page = pages, .chain = chain, .chains = chains};
    memset(chain, 0, chains * sizeof *chain);
    for (u32 i = room; i-- > 0;) {
        pages[i] = (struct pager_page){.next = table->free};
        table->free = i + 1;
    }
}

// Neighbouring pages come into neighbouring chains; higher bits are folded in.
static u32 *chain_of(const struct pager_hashed *table, u64 va) {
    u64 page = va >> ABI_PAGE_SHIFT;
    return &table->chain[(page ^ page >> 18) & (table->chains - 1)];
}

static struct pager_page *hashed_find(void *self, u64 va) {
    const struct pager_hashed *table = self;
    for (u32 at = *chain_of(table, va); at; at = table->page[at - 1].next)
        if (table->page[at - 1].va == va)
            return &table->page[at - 1];
    return 0;
}

static struct pager_page *hashed_next(void *self, struct pager_page *page) {
    return hashed_find(self, page->va + ABI_PAGE);
}

static struct pager_page *hashed_insert(void *self, u64 va) {
    struct pager_hashed *table = self;
    u32 at = table->free, *chain = chain_of(table, va);
    if (!at || hashed_find(self, va))
        return 0;
    struct pager_page *page = &table->page[at - 1];
    table->free = page->next;
    *page = (struct pager_page){.va = va, .next = *chain};
    *chain = at;
    return page;
}

static int hashed_remove(void *self, u64 va) {
    struct pager_hashed *table = self;
    for (u32 *link = chain_of(table, va); *link; link = &table->page[*link - 1].next) {
        u32 at = *link;
        struct pager_page *page = &table->page[at - 1];
        if (page->va != va)
            continue;
        *link = page->next;
        *page = (struct pager_page){.next = table->free};
        table->free = at;
        return 1;
    }
    return 0;
}

const struct pager_layout pager_hashed = {hashed_find, hashed_next, hashed_insert, hashed_remove};
