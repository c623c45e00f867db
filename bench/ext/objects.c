// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A long list of objects with as many slots as there can be, all of which are taken.

#include "abi/ext/object.h"

struct item {
    struct object object;
    struct object_slot next, other[7];
    u64 value;
};
OBJECT(item)
OBJECT_IN(item, item)

// Puts one more in front of the list in root 0.
static u64 push(void) {
    struct item *item = object_new(item);
    if (!item)
        return 0;
    for (u32 i = 0; i < 7; i++) { // the previous one, in as many slots as there are
        struct item *previous = object_load(item, 0);
        u64 slot = OBJECT_HEADER_BYTES + (1 + i) * OBJECT_SLOT_BYTES;
        if (previous)
            previous = object_swap_in__item__item(item, slot, previous);
        if (previous)
            object_put(item, previous);
    }
    struct item *rest = object_swap(item, 0, 0);
    if (rest)
        rest = object_swap_in(item, item, next, item, rest);
    if (rest)
        object_put(item, rest);
    item = object_swap(item, 0, item);
    if (item)
        object_put(item, item);
    return 1;
}

ENTRY(u64, build, (u64 count)) {
    u64 made = 0;
    while (made < count && made < 8 && push())
        made++;
    return made;
}

ENTRY(u64, drop, (void)) {
    struct item *item = object_swap(item, 0, 0);
    if (!item)
        return 0;
    object_put(item, item);
    return 1;
}
