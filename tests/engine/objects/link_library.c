// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// The other half.

#include "tests/engine/objects/object.h"

u64 library_total = 100;

u64 library_twice(u64 x) {
    return add(x, x);
}
