// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Uses counted objects of tests/guest/ext/objects.c: keeps those that it is shown or finds.

#include "tests/guest/ext/objects.h"

static u64 shown;

HANDLER(leaf_shown, u64, keep, (struct leaf * leaf)) {
    shown++;
    leaf->extra += 100;
    struct leaf *mine = object_get(leaf, leaf);
    if (mine)
        mine = object_swap(leaf, 1, mine);
    if (mine)
        object_put(leaf, mine);
    return leaf->value + 1000;
}

ENTRY(u64, kept, (void)) {
    struct leaf *leaf = object_load(leaf, 1);
    if (!leaf)
        return (u64)object_error();
    u64 value = leaf->value;
    object_put(leaf, leaf);
    return value;
}

ENTRY(u64, find, (u64 name)) {
    struct leaf *leaf = object_find(leaf, name);
    if (!leaf)
        return (u64)object_error();
    u64 value = leaf->value;
    i64 error = object_name(leaf, leaf, name, 0); // not its own
    object_put(leaf, leaf);
    return error == -E_RIGHTS ? value : ~0ul;
}

ENTRY(u64, let_go, (void)) {
    struct leaf *leaf = object_swap(leaf, 1, 0);
    if (!leaf)
        return 0;
    object_put(leaf, leaf);
    return 1;
}
