// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// States the stack it wants.

#include "tests/engine/objects/object.h"

const u32 stack_size SECTION(".engine.stack") = 4096;

SECTION("buffer") u64 use(u8 *data, u64 len) {
    volatile u64 local[4];
    local[len & 3] = 5;
    return local[len & 3];
}
