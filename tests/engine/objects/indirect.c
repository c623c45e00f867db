// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Functions called through a table in the arena.

#include "tests/engine/objects/object.h"

NOINLINE static u64 twice(u64 x) {
    return 2 * x;
}
NOINLINE static u64 thrice(u64 x) {
    return 3 * x;
}

u64 (*operations[2])(u64) = {twice, thrice};

SECTION("buffer") u64 use(u8 *data, u64 len) {
    u64 (*volatile * table)(u64) = operations;
    return table[1](len) + table[0](5);
}
