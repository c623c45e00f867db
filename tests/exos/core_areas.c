// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the area list against a model that keeps one entry per page: random inserts, removals,
// protections and searches, with the list's invariant and the vnode references checked after each.

#include "libos/exos/areas.h"
#include "libos/exos/pod.h"
#include "libos/exos/vm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES  96u
#define PAGE   4096ul
#define VNODES 3

struct vnode {
    long references;
};
struct page {
    u32 prot, flags;
    struct vnode *vnode;
    u64 offset;
    bool mapped;
};

static struct vnode vnodes[VNODES];
static struct page model[PAGES];
static struct areas areas;
static u64 passed, failed;
static u32 seed = 1;

void *pod_alloc(u64 bytes) {
    return calloc(1, bytes);
}
void pod_free(void *p) {
    free(p);
}
void vnode_map_get(struct vnode *v) {
    v->references++;
}
void vnode_map_put(struct vnode *v) {
    v->references--;
}

static u32 random_below(u32 n) {
    seed = seed * 1664525u + 1013904223u;
    return (u32)(((u64)(seed >> 4) * n) >> 28);
}

static void check(bool ok, const char *what, u32 turn) {
    if (ok) {
        passed++;
        return;
    }
    if (failed++ < 10)
        printf("areas: turn %u: %s\n", turn, what);
}

static bool page_same(const struct page *p, const struct area *a, u64 address) {
    return p->mapped && p->prot == a->prot && p->flags == a->flags && p->vnode == a->vnode &&
           (!p->vnode || p->offset == a->offset + (address - a->start));
}

static void check_list(u32 turn) {
    bool sorted = true, same = true;
    long references[VNODES] = {0};
    for (u32 i = 0; i < areas.count; i++) {
        const struct area *a = &areas.list[i];
        sorted &= a->start < a->end && (!i || a[-1].end <= a->start);
        if (a->vnode)
            references[a->vnode - vnodes]++;
    }
    for (u32 p = 0; p < PAGES; p++) {
        u64 address = (p + 1) * PAGE;
        const struct area *a = areas_find(&areas, address);
        same &= a ? page_same(&model[p], a, address) : !model[p].mapped;
    }
    check(sorted, "the list is not sorted and disjoint", turn);
    check(same, "the list differs from the model", turn);
    for (u32 v = 0; v < VNODES; v++)
        check(references[v] == vnodes[v].references, "references of a vnode", turn);
}

static void do_insert(u32 first, u32 n) {
    u32 kind = random_below(VNODES + 1);
    struct area a = {(first + 1) * PAGE, (first + n + 1) * PAGE, NULL, 0,
                     random_below(3),    random_below(2)};
    if (kind < VNODES) {
        a.vnode = &vnodes[kind];
        a.offset = (first + random_below(2)) * PAGE;
        vnode_map_get(a.vnode);
    }
    areas_remove(&areas, a.start, a.end);
    areas_insert(&areas, &a);
    for (u32 i = 0; i < n; i++)
        model[first + i] = (struct page){a.prot, a.flags, a.vnode, a.offset + i * PAGE, true};
}

static void do_protect(u32 first, u32 n, u32 turn) {
    u32 prot = random_below(3);
    bool covered = true;
    for (u32 i = 0; i < n; i++) {
        covered &= model[first + i].mapped;
        model[first + i].prot = prot;
    }
    check(areas_covered(&areas, (first + 1) * PAGE, (first + n + 1) * PAGE) == covered,
          "areas_covered", turn);
    check((areas_protect(&areas, (first + 1) * PAGE, (first + n + 1) * PAGE, prot) == 0) == covered,
          "areas_protect", turn);
}

// The highest gap of n pages between bottom and top, as the model sees it (areas without
// AREA_STACK).
static u64 model_gap(u32 n, u32 bottom, u32 top) {
    for (u32 at = top; at >= bottom + n; at--) {
        u32 i = 0;
        while (i < n && !model[at - 1 - i].mapped)
            i++;
        if (i == n)
            return (at - n + 1) * PAGE;
    }
    return 0;
}

int main(void) {
    for (u32 turn = 0; turn < 20000; turn++) {
        u32 first = random_below(PAGES - 1),
            n = 1 + random_below(PAGES - first < 12 ? PAGES - first - 1 : 11);
        if (areas_reserve(&areas, 4))
            return 1;
        switch (random_below(4)) {
        case 0:
            do_insert(first, n);
            break;
        case 1:
            areas_remove(&areas, (first + 1) * PAGE, (first + n + 1) * PAGE);
            memset(&model[first], 0, n * sizeof(model[0]));
            break;
        case 2:
            do_protect(first, n, turn);
            break;
        default:
            check(areas_gap(&areas, n * PAGE, PAGE, (PAGES + 1) * PAGE) == model_gap(n, 0, PAGES),
                  "areas_gap", turn);
        }
        check_list(turn);
    }
    struct areas copy;
    check(areas_copy(&copy, &areas) == 0 && copy.count == areas.count, "areas_copy", 0);
    areas_clear(&copy);
    check_list(0);
    areas_clear(&areas);
    for (u32 v = 0; v < VNODES; v++)
        check(vnodes[v].references == 0, "a reference stays", 0);
    printf("exos-areas: %lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
