// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The list of what a program has mapped: sorted, disjoint, non-empty areas in an array. Neighbours
// that could be one are one. Pure bookkeeping: it knows no page tables. An area with a vnode holds
// one map reference on it.

#ifndef EXOS_AREAS_H
#define EXOS_AREAS_H

#include "abi/types.h"
#include <stdbool.h>

struct vnode;

#define AREA_SHARED    1u  // MAP_SHARED
#define AREA_STACK     2u  // grows down on a fault below it
#define AREA_HEAP      4u  // brk
#define AREA_READ_ONLY 8u  // shared, of a descriptor that is not open for writing
#define AREA_PATCH     16u // slots of patched calls (patch.h)

struct area {
    u64 start, end; // page aligned
    struct vnode *vnode;
    u64 offset; // in the vnode, of start
    u32 prot;   // PROT_*
    u32 flags;  // AREA_*
};

// The array lies in a larger block, with room on both sides: an insertion moves the shorter part,
// so that mappings that pile up downwards, as mmap's do, cost the same however many there are.
struct areas {
    struct area *list;  // in block
    struct area *block; // capacity of them
    u32 count, capacity;
};

#define AREAS_MAX 65530u // as Linux

// Index of the first area that ends above address (count if none).
u32 areas_search(const struct areas *areas, u64 address);
// The area that contains address, or NULL.
struct area *areas_find(const struct areas *areas, u64 address);
// Makes sure that n more areas fit: 0 or -ENOMEM. Afterwards calls that add at most n cannot fail.
i64 areas_reserve_more(struct areas *areas, u32 n);
static inline i64 areas_reserve(struct areas *areas, u32 n) {
    const u64 each = sizeof(struct area), block = (u64)areas->block, list = (u64)areas->list;
    bool before = list >= block + n * each;
    bool after = list + (areas->count + n) * each <= block + areas->capacity * each;
    return before && after ? 0 : areas_reserve_more(areas, n);
}

// Adds an area where nothing is; takes over the caller's vnode reference. Adds at most 1.
void areas_insert(struct areas *areas, const struct area *area);
// The same for who knows areas_search(area->start).
void areas_insert_at(struct areas *areas, u32 at, const struct area *area);
// Removes what lies in start .. end, cutting areas. Adds at most 1.
void areas_remove(struct areas *areas, u64 start, u64 end);
// Sets the protection in start .. end. Adds at most 2. -ENOMEM if there are holes (the rest is
// done).
i64 areas_protect(struct areas *areas, u64 start, u64 end, u32 prot);
// Is start .. end covered without holes?
bool areas_covered(const struct areas *areas, u64 start, u64 end);
// The highest free range of bytes below top and not below bottom; 0 if there is none.
u64 areas_gap(const struct areas *areas, u64 bytes, u64 bottom, u64 top);
// *to becomes a copy, with references of its own. 0 or -ENOMEM.
i64 areas_copy(struct areas *to, const struct areas *from);
void areas_clear(struct areas *areas);
u64 areas_bytes(const struct areas *areas);

#endif
