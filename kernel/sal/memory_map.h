// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The boot loader's memory map made trustworthy, and frames for the kernel's own tables out of it.
// Pure: also built on the host.
//
// A map comes as entries that may overlap, wrap, be empty or absurd. Normalised, it is a list of
// ranges of whole frames, ascending, disjoint, not adjacent, below a limit, of memory that some
// entry calls usable and no entry calls anything else.

#ifndef KERNEL_SAL_MEMORY_MAP_H
#define KERNEL_SAL_MEMORY_MAP_H

#include "kernel/sal/sal.h"

#define MEMORY_USABLE 1u

// As the PVH boot protocol lays it out.
struct memory_entry {
    u64 address;
    u64 size;
    u32 type; // MEMORY_USABLE, or something that must not be touched
    u32 reserved;
};
ABI_ASSERT_SIZE(struct memory_entry, 24);

// Writes at most max ranges, the lowest ones; limit is the first frame number that cannot be used.
// Returns how many.
u32 memory_map_normalise(const struct memory_entry *entries, u32 count, pfn_t limit,
                         struct sal_range *ranges, u32 max);

// Is [first, first + count) inside one of the ranges?
int memory_map_contains(const struct sal_range *ranges, u32 count, struct sal_range part);

// A list of disjoint ascending ranges in a fixed array.
struct memory_list {
    struct sal_range range[SAL_RANGES_MAX];
    u32 count;
};

// Both return 0, or -1 if the list has no room for another range (it is then unchanged).
int memory_list_add(struct memory_list *list, struct sal_range what);
int memory_list_remove(struct memory_list *list, struct sal_range what);

// Takes count contiguous frames below limit from the lowest range that has them at or above floor.
// Returns the first, or 0 if there are none. The list never contains frame 0.
pfn_t memory_list_take(struct memory_list *list, u64 count, pfn_t floor, pfn_t limit);

#endif
