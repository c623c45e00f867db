// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The page-table structures of libos/pager, by random operations against an array.

#include "libos/pager/pager.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM  64
#define SPAN  256 // addresses in use
#define STEPS 200000
#define BASE  0x7000000000ul
#define PAGE  4096ul

static unsigned long passed, failed;

static void check(int good, const char *what, unsigned long step) {
    if (good) {
        passed++;
        return;
    }
    if (failed++ < 10)
        printf("  step %lu: %s\n", step, what);
}

static void run(const struct pager_layout *layout, void *table, unsigned seed) {
    u64 want[SPAN + 1] = {0}; // pfn, or 0
    u32 count = 0;
    srandom(seed);
    for (unsigned long step = 0; step < STEPS; step++) {
        u64 i = (u64)random() % SPAN, va = BASE + i * PAGE;
        struct pager_page *page;
        switch (random() % 4) {
        case 0:
            page = layout->insert(table, va);
            check(!!page == (!want[i] && count < ROOM), "insert", step);
            if (page) {
                check(page->va == va, "insert: address", step);
                want[i] = page->pfn = (u64)random() + 1;
                count++;
            }
            break;
        case 1:
            check(layout->remove(table, va) == !!want[i], "remove", step);
            count -= want[i] != 0;
            want[i] = 0;
            break;
        default:
            page = layout->find(table, va);
            check(!!page == !!want[i] && (!page || page->pfn == want[i]), "find", step);
            if (page) {
                page = layout->next(table, page);
                check(!!page == !!want[i + 1] && (!page || page->pfn == want[i + 1]), "next", step);
            }
        }
    }
}

int main(void) {
    static struct pager_page pages[2][ROOM];
    static u32 chain[2][16]; // short: entries meet
    struct pager_linear linear;
    struct pager_hashed hashed;
    pager_linear_init(&linear, pages[0], ROOM);
    run(&pager_linear, &linear, 1);
    pager_hashed_init(&hashed, pages[1], ROOM, chain[0], 16);
    run(&pager_hashed, &hashed, 2);
    printf("pager: %lu passed, %lu failed\n", passed, failed);
    return failed || !passed;
}
