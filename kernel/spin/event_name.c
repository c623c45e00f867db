// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handlers of an extension by name: a digital search tree. A node at depth d has the lowest d bits
// of its name in common with all below it; bit d says on which side of it the others are. Names are
// given in order, so their lowest bits are spread evenly, and depth is about the logarithm of the
// count; it is never more than 64.

#include "kernel/spin/event_priv.h"

// Where the handler of that name is, or would be.
static struct event_handler **place(struct event_handler **root, u64 name) {
    u64 bits = name;
    for (; *root && (*root)->name != name; bits >>= 1)
        root = &(*root)->child[bits & 1];
    return root;
}

struct event_handler *event_named(struct event_handler *const *root, u64 name) {
    const struct event_handler *at = *root;
    for (u64 bits = name; at && at->name != name; bits >>= 1)
        at = at->child[bits & 1];
    return (struct event_handler *)at;
}

void event_name_add(struct event_handler **root, struct event_handler *handler) {
    handler->child[0] = handler->child[1] = 0;
    *place(root, handler->name) = handler;
}

// Any leaf below it fits into its place.
void event_name_remove(struct event_handler **root, struct event_handler *handler) {
    struct event_handler **at = place(root, handler->name), **leaf = at;
    while ((*leaf)->child[0] || (*leaf)->child[1])
        leaf = &(*leaf)->child[(*leaf)->child[0] == 0];
    struct event_handler *moved = *leaf;
    *leaf = 0;
    if (moved == handler)
        return;
    moved->child[0] = handler->child[0];
    moved->child[1] = handler->child[1];
    *at = moved;
}
