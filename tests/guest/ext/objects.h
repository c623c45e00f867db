// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects that the test's extensions share.

#include "abi/ext/object.h"

struct leaf {
    struct object object;
    u64 value, extra;
};

struct node {
    struct object object;
    struct object_slot next, leaf;
    u64 value;
};

OBJECT(leaf)
OBJECT(node)
OBJECT_IN(node, node)
OBJECT_IN(node, leaf)
