// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The linear page table: a vector in ascending order of addresses.

#include "abi/layout.h"
#include "base/string.h"
#include "libos/pager/pager.h"

void pager_linear_init(struct pager_linear *table, struct pager_page *pages, u32 room) {
    *table = (struct pager_linear){.page = pages, .room = room};
}

// The first entry that is not below va.
static u32 place(const struct pager_linear *table, u64 va) {
    u32 low = 0, count = table->count;
    while (count) {
        u32 half = count / 2;
        if (table->page[low + half].va < va) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static struct pager_page *linear_find(void *self, u64 va) {
    struct pager_linear *table = self;
    u32 at = place(table, va);
    return at < table->count && table->page[at].va == va ? &table->page[at] : 0;
}

static struct pager_page *linear_next(void *self, struct pager_page *page) {
    const struct pager_linear *table = self;
    struct pager_page *next = page + 1;
    return next < table->page + table->count && next->va == page->va + ABI_PAGE ? next : 0;
}

static struct pager_page *linear_insert(void *self, u64 va) {
    struct pager_linear *table = self;
    u32 at = place(table, va);
    if (table->count == table->room || (at < table->count && table->page[at].va == va))
        return 0;
    memmove(&table->page[at + 1], &table->page[at], (table->count - at) * sizeof *table->page);
    table->count++;
    table->page[at] = (struct pager_page){.va = va};
    return &table->page[at];
}

static int linear_remove(void *self, u64 va) {
    struct pager_linear *table = self;
    struct pager_page *page = linear_find(self, va);
    if (!page)
        return 0;
    u32 at = (u32)(page - table->page);
    memmove(page, page + 1, (--table->count - at) * sizeof *page);
    return 1;
}

const struct pager_layout pager_linear = {linear_find, linear_next, linear_insert, linear_remove};
