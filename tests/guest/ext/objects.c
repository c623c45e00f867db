// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Makes counted objects, keeps them in roots and slots, lends them to whoever handles leaf_shown.

#include "tests/guest/ext/objects.h"

static u64 destroyed, sum_destroyed;

DESTROY(leaf, leaf_dies, (struct leaf * leaf)) {
    destroyed++;
    sum_destroyed += leaf->value;
    struct leaf *again = object_get(leaf, leaf); // too late
    if (again) {
        destroyed += 1000000;
        object_put(leaf, again);
    }
    if (leaf->extra == 77) // doesn't end
        for (volatile u64 i = 0; i < ~0ul; i++)
            ;
}

ENTRY(u64, count_destroyed, (u64 sum)) {
    return sum ? sum_destroyed : destroyed;
}

ENTRY(u64, set_extra, (u64 root, u64 extra)) {
    struct leaf *leaf = object_read(leaf, root);
    if (leaf)
        leaf->extra = extra;
    return leaf != 0;
}

EVENT(u64, leaf_shown, (struct leaf * leaf)) {
    return leaf->value;
}

ENTRY(u64, make, (u64 root, u64 value)) {
    struct leaf *leaf = object_new(leaf);
    if (!leaf)
        return (u64)object_error();
    leaf->value = value;
    leaf = object_swap(leaf, root, leaf);
    if (leaf)
        object_put(leaf, leaf);
    return 0;
}

ENTRY(u64, value, (u64 root)) {
    const struct leaf *leaf = object_read(leaf, root);
    return leaf ? leaf->value : ~0ul;
}

ENTRY(u64, counted_value, (u64 root)) {
    struct leaf *leaf = object_load(leaf, root);
    if (!leaf)
        return (u64)object_error();
    u64 value = leaf->value;
    struct leaf *again = object_get(leaf, leaf);
    if (again) {
        again->value++;
        object_put(leaf, again);
    }
    object_put(leaf, leaf);
    return value;
}

ENTRY(u64, drop, (u64 root)) {
    struct leaf *leaf = object_swap(leaf, root, 0);
    if (!leaf)
        return (u64)object_error();
    object_put(leaf, leaf);
    return 0;
}

ENTRY(u64, name, (u64 root, u64 name, u64 flags)) {
    struct leaf *leaf = object_load(leaf, root);
    if (!leaf)
        return ~0ul;
    i64 error = object_name(leaf, leaf, name, flags);
    object_put(leaf, leaf);
    return (u64)error;
}

// The first of the list, or its leaf.
ENTRY(u64, name_list, (u64 name, u64 of_leaf)) {
    struct node *node = object_read(node, 9);
    if (!node)
        return ~0ul;
    if (!of_leaf)
        return (u64)object_name(node, node, name, 0);
    struct leaf *leaf = object_read_in(node, node, leaf, leaf);
    return leaf ? (u64)object_name(leaf, leaf, name, 0) : ~0ul;
}

ENTRY(u64, find, (u64 name)) {
    struct leaf *leaf = object_find(leaf, name);
    if (!leaf)
        return (u64)object_error();
    u64 value = leaf->value;
    object_put(leaf, leaf);
    return value;
}

// Another type than the root has.
ENTRY(u64, as_node, (u64 root)) {
    struct node *node = object_load(node, root);
    if (!node)
        return (u64)object_error();
    object_put(node, node);
    return 0;
}

// --- lists ---------------------------------------------------------------------------------------

// Pushes up to `count` nodes onto the list in root 9, each with a leaf.
ENTRY(u64, push, (u64 count)) {
    u64 made = 0;
    for (; made < count && made < 200; made++) {
        struct node *node = object_new(node);
        if (!node)
            break;
        struct leaf *leaf = object_new(leaf);
        if (leaf) {
            leaf->value = made;
            leaf = object_swap_in(node, node, leaf, leaf, leaf);
        }
        if (leaf)
            object_put(leaf, leaf);
        struct node *rest = object_swap(node, 9, 0);
        node->value = 1;
        if (rest) {
            node->value += rest->value;
            rest = object_swap_in(node, node, next, node, rest);
        }
        if (rest)
            object_put(node, rest);
        node = object_swap(node, 9, node);
        if (node)
            object_put(node, node);
    }
    return made;
}

ENTRY(u64, length, (void)) {
    const struct node *node = object_read(node, 9);
    return node ? node->value : 0;
}

// The sum of the leaves of the first nodes, by borrowed references.
ENTRY(u64, sum, (u64 count)) {
    struct node *node = object_read(node, 9);
    u64 sum = 0;
    for (u64 i = 0; node && i < count && i < 100; i++) {
        const struct leaf *leaf = object_read_in(node, node, leaf, leaf);
        if (leaf)
            sum += leaf->value;
        node = object_read_in(node, node, next, node);
    }
    return sum;
}

ENTRY(u64, drop_list, (void)) {
    struct node *node = object_swap(node, 9, 0);
    if (!node)
        return 0;
    object_put(node, node);
    return 1;
}

// A cycle of two, which nobody else has.
ENTRY(u64, cycle, (void)) {
    struct node *a = object_new(node);
    if (!a)
        return 1;
    struct node *b = object_new(node);
    if (!b) {
        object_put(node, a);
        return 2;
    }
    struct node *more = object_get(node, a);
    if (more)
        more = object_swap_in(node, b, next, node, more);
    if (more)
        object_put(node, more);
    b = object_swap_in(node, a, next, node, b);
    if (b)
        object_put(node, b);
    object_put(node, a);
    return 0;
}

// Holds one, and doesn't end.
ENTRY(u64, hold_and_spin, (u64 root)) {
    struct leaf *leaf = object_load(leaf, root);
    if (!leaf)
        return 1;
    for (volatile u64 i = 0; i < ~0ul; i++)
        leaf->extra = i;
    object_put(leaf, leaf);
    return 0;
}
