// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Typed imports: a reference acquired, used, released.

#include "tests/engine/objects/object.h"

SECTION("buffer") u64 use(u8 *data, u64 len) {
    struct thing *thing = thing_get(len);
    if (!thing)
        return 0;
    u64 value = thing_value(thing);
    thing_put(thing);
    return add(value, 1);
}
