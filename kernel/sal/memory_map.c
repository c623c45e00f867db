// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See memory_map.h.

#include "kernel/sal/memory_map.h"

// Frames that lie wholly inside (usable) or that are touched at all (anything else); an empty range
// if none.
static struct sal_range entry_frames(const struct memory_entry *entry, pfn_t limit) {
    struct sal_range none = {0, 0};
    u64 end;
    if (entry->size == 0)
        return none;
    if (__builtin_add_overflow(entry->address, entry->size, &end)) {
        if (entry->type == MEMORY_USABLE)
            return none; // a lie: believe nothing of it
        end = ~0ul;
    }
    pfn_t first = entry->address >> ABI_PAGE_SHIFT, last = end >> ABI_PAGE_SHIFT;
    if (entry->type == MEMORY_USABLE)
        first += (entry->address & (ABI_PAGE - 1)) != 0;
    else
        last += (end & (ABI_PAGE - 1)) != 0;
    if (last > limit)
        last = limit;
    return first < last ? (struct sal_range){first, last - first} : none;
}

int memory_list_add(struct memory_list *list, struct sal_range what) {
    if (what.count == 0)
        return 0;
    pfn_t first = what.first, end = what.first + what.count;
    u32 at = 0;
    while (at < list->count && list->range[at].first + list->range[at].count < first)
        at++;
    u32 after = at; // [at, after) touch or overlap the new range
    while (after < list->count && list->range[after].first <= end)
        after++;
    if (at == after) {
        if (list->count == SAL_RANGES_MAX)
            return -1;
        for (u32 i = list->count++; i > at; i--)
            list->range[i] = list->range[i - 1];
    } else {
        pfn_t last_end = list->range[after - 1].first + list->range[after - 1].count;
        if (list->range[at].first < first)
            first = list->range[at].first;
        if (last_end > end)
            end = last_end;
        u32 gone = after - at - 1;
        for (u32 i = after; i < list->count; i++)
            list->range[i - gone] = list->range[i];
        list->count -= gone;
    }
    list->range[at] = (struct sal_range){first, end - first};
    return 0;
}

int memory_list_remove(struct memory_list *list, struct sal_range what) {
    if (what.count == 0)
        return 0;
    pfn_t first = what.first, end = what.first + what.count;
    u32 kept = 0;
    struct sal_range tail = {0, 0};
    for (u32 i = 0; i < list->count; i++) {
        struct sal_range *r = &list->range[i];
        if (r->first < first && r->first + r->count > end) {
            if (list->count == SAL_RANGES_MAX)
                return -1;
            break;
        }
    }
    for (u32 i = 0; i < list->count; i++) {
        struct sal_range r = list->range[i];
        pfn_t r_end = r.first + r.count;
        if (r_end <= first || r.first >= end) {
            list->range[kept++] = r;
            continue;
        }
        if (r.first < first)
            list->range[kept++] = (struct sal_range){r.first, first - r.first};
        if (r_end > end) {
            if (r.first < first)
                tail = (struct sal_range){end, r_end - end}; // split: both halves stay
            else
                list->range[kept++] = (struct sal_range){end, r_end - end};
        }
    }
    list->count = kept;
    return memory_list_add(list, tail);
}

u32 memory_map_normalise(const struct memory_entry *entries, u32 count, pfn_t limit,
                         struct sal_range *ranges, u32 max) {
    struct memory_list list = {.count = 0};
    for (u32 i = 0; i < count; i++)
        if (entries[i].type == MEMORY_USABLE)
            (void)memory_list_add(&list, entry_frames(&entries[i], limit)); // no room: not used
    for (u32 i = 0; i < count; i++) {
        if (entries[i].type == MEMORY_USABLE)
            continue;
        struct sal_range bad = entry_frames(&entries[i], limit);
        // No room for another hole: give up what lies above it as well.
        if (memory_list_remove(&list, bad) != 0)
            (void)memory_list_remove(&list, (struct sal_range){bad.first, limit - bad.first});
    }
    (void)memory_list_remove(&list, (struct sal_range){0, 1});
    u32 n = list.count < max ? list.count : max;
    for (u32 i = 0; i < n; i++)
        ranges[i] = list.range[i];
    return n;
}

int memory_map_contains(const struct sal_range *ranges, u32 count, struct sal_range part) {
    for (u32 i = 0; i < count; i++)
        if (part.first >= ranges[i].first && part.first - ranges[i].first <= ranges[i].count &&
            part.count <= ranges[i].count - (part.first - ranges[i].first))
            return 1;
    return 0;
}

pfn_t memory_list_take(struct memory_list *list, u64 count, pfn_t floor, pfn_t limit) {
    for (u32 i = 0; i < list->count; i++) {
        pfn_t first = list->range[i].first, end = first + list->range[i].count;
        if (first < floor)
            first = floor;
        if (end > limit)
            end = limit;
        if (first >= end || end - first < count)
            continue;
        if (memory_list_remove(list, (struct sal_range){first, count}) == 0)
            return first;
    }
    return 0;
}
