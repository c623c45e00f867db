// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Lends an object that it found to whoever handles leaf_shown.

#include "tests/guest/ext/objects.h"

extern u64 leaf_shown(struct leaf *leaf);

ENTRY(u64, show, (u64 name)) {
    struct leaf *leaf = object_find(leaf, name);
    if (!leaf)
        return (u64)object_error();
    u64 result = leaf_shown(leaf);
    object_put(leaf, leaf);
    return result;
}
