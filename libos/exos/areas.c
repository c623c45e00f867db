// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The area list, see areas.h.

#include "libos/exos/areas.h"
#include "base/string.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/vm.h"

// Stack guard: a stack area and what is mapped below it stay this far apart.
#define STACK_GAP (256ul << 12)

u32 areas_search(const struct areas *areas, u64 address) {
    u32 low = 0, high = areas->count;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (areas->list[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct area *areas_find(const struct areas *areas, u64 address) {
    u32 i = areas_search(areas, address);
    return i < areas->count && areas->list[i].start <= address ? &areas->list[i] : NULL;
}

// Moves the list to offset at of block (which may be the one it is in).
static void move_list(struct areas *areas, struct area *block, u32 at) {
    memmove(block + at, areas->list, areas->count * sizeof(struct area));
    areas->list = block + at;
}

i64 areas_reserve_more(struct areas *areas, u32 n) {
    u32 capacity = areas->capacity ? areas->capacity : 16;
    while (areas->count + 2 * n > capacity / 2 + 6)
        capacity *= 2;
    struct area *block = areas->block;
    if (capacity != areas->capacity && !(block = pod_alloc(capacity * sizeof(struct area))))
        return -ENOMEM;
    move_list(areas, block, (capacity - areas->count) / 2);
    if (block != areas->block)
        pod_free(areas->block);
    areas->block = block;
    areas->capacity = capacity;
    return 0;
}

// Both move what is on the shorter side, area by area.
static void open_gap(struct areas *areas, u32 at) {
    if (at < areas->count / 2) {
        struct area *a = --areas->list;
        for (u32 n = at; n; n--, a++)
            a[0] = a[1];
    } else {
        struct area *a = &areas->list[areas->count];
        for (u32 n = areas->count - at; n; n--, a--)
            a[0] = a[-1];
    }
    areas->count++;
}

// Takes n areas out at at.
static void close_gap(struct areas *areas, u32 at, u32 n) {
    areas->count -= n;
    if (at < areas->count / 2) {
        struct area *a = &areas->list[at + n];
        areas->list += n;
        for (; at; at--, a--)
            a[-1] = a[-1 - (i32)n];
    } else {
        struct area *a = &areas->list[at];
        for (u32 left = areas->count - at; left; left--, a++)
            a[0] = a[n];
    }
}

// Are two areas one, but for their protection?
static bool continues(const struct area *a, const struct area *b) {
    return a->end == b->start && a->flags == b->flags && a->vnode == b->vnode &&
           (!a->vnode || a->offset + (a->end - a->start) == b->offset) && !(a->flags & AREA_STACK);
}

static bool mergeable(const struct area *a, const struct area *b) {
    return a->prot == b->prot && continues(a, b);
}

// Unites area i with its successor if they could be one.
static bool merge_next(struct areas *areas, u32 i) {
    if (i + 1 >= areas->count || !mergeable(&areas->list[i], &areas->list[i + 1]))
        return false;
    areas->list[i].end = areas->list[i + 1].end;
    if (areas->list[i].vnode)
        vnode_map_put(areas->list[i].vnode);
    close_gap(areas, i + 1, 1);
    return true;
}

// What continues the area above grows it downwards; both may then be one with the area below.
void areas_insert_at(struct areas *areas, u32 at, const struct area *area) {
    struct area *next = &areas->list[at];
    if (at < areas->count && mergeable(area, next)) {
        next->start = area->start;
        next->offset = area->offset;
        if (area->vnode)
            vnode_map_put(area->vnode);
    } else {
        open_gap(areas, at);
        areas->list[at] = *area;
    }
    if (at)
        merge_next(areas, at - 1);
}

void areas_insert(struct areas *areas, const struct area *area) {
    areas_insert_at(areas, areas_search(areas, area->start), area);
}

// Cuts area i at address, which is inside it.
static void split(struct areas *areas, u32 i, u64 address) {
    open_gap(areas, i + 1);
    struct area *a = &areas->list[i], *b = a + 1;
    *b = *a;
    a->end = b->start = address;
    if (a->vnode) {
        b->offset += address - a->start;
        vnode_map_get(a->vnode);
    }
}

// Makes borders of areas at start and end; the first index inside.
static u32 isolate(struct areas *areas, u64 start, u64 end) {
    u32 i = areas_search(areas, start);
    if (i < areas->count && areas->list[i].start < start)
        split(areas, i++, start);
    u32 last = areas_search(areas, end);
    if (last < areas->count && areas->list[last].start < end)
        split(areas, last, end);
    return i;
}

// The part of area i from its start to end, if it is in that area only; otherwise false.
static bool remove_first_part(struct areas *areas, u32 i, u64 start, u64 end) {
    struct area *a = &areas->list[i];
    if (i >= areas->count || a->start != start || a->end < end)
        return false;
    if (a->end > end) {
        a->offset += a->vnode ? end - start : 0;
        a->start = end;
        return true;
    }
    if (a->vnode)
        vnode_map_put(a->vnode);
    close_gap(areas, i, 1);
    return true;
}

void areas_remove(struct areas *areas, u64 start, u64 end) {
    if (remove_first_part(areas, areas_search(areas, start), start, end))
        return;
    u32 i = isolate(areas, start, end), n = 0;
    for (; i + n < areas->count && areas->list[i + n].start < end; n++) {
        if (areas->list[i + n].vnode)
            vnode_map_put(areas->list[i + n].vnode);
    }
    if (n)
        close_gap(areas, i, n);
}

// A range at one end of area i, next to what it is to be like: their border moves.
static bool move_border(struct areas *areas, u32 i, u64 start, u64 end, u32 prot) {
    struct area *a = &areas->list[i], *b = a + 1;
    if (i && a->start == start && end < a->end && a[-1].prot == prot && continues(a - 1, a)) {
        a[-1].end = a->start = end;
        a->offset += a->vnode ? end - start : 0;
        return true;
    }
    if (i + 1 < areas->count && a->start < start && end == a->end && b->prot == prot &&
        continues(a, b)) {
        a->end = b->start = start;
        b->offset -= b->vnode ? end - start : 0;
        return true;
    }
    return false;
}

// Part of area i, or all of it.
static void protect_within(struct areas *areas, u32 i, u64 start, u64 end, u32 prot) {
    bool first = areas->list[i].start == start, last = areas->list[i].end == end;
    if (!first)
        split(areas, i++, start);
    if (!last)
        split(areas, i, end);
    areas->list[i].prot = prot;
    if (last)
        merge_next(areas, i);
    if (first && i)
        merge_next(areas, i - 1);
}

i64 areas_protect(struct areas *areas, u64 start, u64 end, u32 prot) {
    u32 i = areas_search(areas, start);
    const struct area *a = &areas->list[i];
    if (i < areas->count && a->start <= start && end <= a->end) {
        if (a->prot != prot && !move_border(areas, i, start, end, prot))
            protect_within(areas, i, start, end, prot);
        return 0;
    }
    bool covered = areas_covered(areas, start, end);
    for (i = isolate(areas, start, end); i < areas->count && areas->list[i].start < end; i++)
        areas->list[i].prot = prot;
    for (i = areas_search(areas, start ? start - 1 : 0);
         i < areas->count && areas->list[i].start <= end;) {
        if (!merge_next(areas, i))
            i++;
    }
    return covered ? 0 : -ENOMEM;
}

bool areas_covered(const struct areas *areas, u64 start, u64 end) {
    for (u32 i = areas_search(areas, start); start < end; i++) {
        if (i >= areas->count || areas->list[i].start > start)
            return false;
        start = areas->list[i].end;
    }
    return true;
}

u64 areas_gap(const struct areas *areas, u64 bytes, u64 bottom, u64 top) {
    u32 i = areas_search(areas, top ? top - 1 : 0);
    u64 high = top;
    if (i < areas->count && areas->list[i].start < high)
        high = areas->list[i].start - (areas->list[i].flags & AREA_STACK ? STACK_GAP : 0);
    for (;;) {
        u64 low = i ? areas->list[i - 1].end : 0;
        if (low < bottom)
            low = bottom;
        if (high > low && high - low >= bytes)
            return high - bytes;
        if (!i || areas->list[i - 1].end <= bottom)
            return 0;
        high = areas->list[--i].start;
        if (high > top)
            high = top;
        if (areas->list[i].flags & AREA_STACK)
            high = high > STACK_GAP ? high - STACK_GAP : 0;
    }
}

i64 areas_copy(struct areas *to, const struct areas *from) {
    u32 capacity = from->count + 16;
    *to = (struct areas){.block = pod_alloc(capacity * sizeof(struct area))};
    if (!to->block)
        return -ENOMEM;
    to->capacity = capacity;
    to->list = to->block + 8;
    to->count = from->count;
    memcpy(to->list, from->list, from->count * sizeof(struct area));
    for (u32 i = 0; i < to->count; i++) {
        if (to->list[i].vnode)
            vnode_map_get(to->list[i].vnode);
    }
    return 0;
}

void areas_clear(struct areas *areas) {
    for (u32 i = 0; i < areas->count; i++) {
        if (areas->list[i].vnode)
            vnode_map_put(areas->list[i].vnode);
    }
    pod_free(areas->block);
    *areas = (struct areas){0};
}

u64 areas_bytes(const struct areas *areas) {
    u64 bytes = 0;
    for (u32 i = 0; i < areas->count; i++)
        bytes += areas->list[i].end - areas->list[i].start;
    return bytes;
}
