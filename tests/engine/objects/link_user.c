// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Half of a program: what it calls and the global it uses are in link_library.c.

#include "tests/engine/objects/object.h"

extern u64 library_total;
u64 library_twice(u64 x);

static u64 own = 7;

SECTION("buffer") u64 use(u8 *data, u64 len) {
    own++;
    library_total += own;
    return library_twice(len) + library_total;
}
