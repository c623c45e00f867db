// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands that hold references for ever, running, waiting and between the two.

#include "abi/ext/strand.h"
#include "tests/guest/ext/objects.h"

static i64 foreign_error = 1;
static u64 turns;

STRAND(holder, (u64 n)) {
    struct leaf *leaf = object_new(leaf);
    if (!leaf)
        return 1;
    for (;;) {
        struct leaf *again = object_get(leaf, leaf);
        leaf->value++;
        __sync_fetch_and_add(&turns, 1);
        if (n & 1)
            strand_yield();
        if (n == 6)
            strand_block(~0ul);
        if (again)
            object_put(leaf, again);
    }
}

ENTRY(u64, hold, (u64 count)) {
    u64 n = 0;
    while (n < count && n < 20 && strand_fork(holder, n) > 0)
        n++;
    return n;
}

ENTRY(u64, turned, (void)) {
    return turns;
}

// An object of another extension; and what an own root has, which is lent to nobody here.
STRAND(taker, (u64 name)) {
    struct leaf *leaf = object_find(leaf, name);
    i64 error = leaf ? 0 : object_error();
    if (leaf)
        object_put(leaf, leaf);
    struct leaf *mine = object_new(leaf);
    if (mine)
        mine = object_swap(leaf, 0, mine);
    if (mine)
        object_put(leaf, mine);
    if (object_read(leaf, 0))
        error = 2;
    mine = object_load(leaf, 0);
    if (!mine)
        error = 3;
    else
        object_put(leaf, mine);
    foreign_error = error;
    return 0;
}

ENTRY(u64, take, (u64 name)) {
    return (u64)strand_fork(taker, name);
}

ENTRY(u64, took, (void)) {
    return (u64)foreign_error;
}
