// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Declares link_library.c's function with another type.

#include "tests/engine/objects/object.h"

u64 library_twice(struct thing *x, u32 y);

SECTION("buffer") u64 use(u8 *data, u64 len) {
    return library_twice(0, 1);
}
