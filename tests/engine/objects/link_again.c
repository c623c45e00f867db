// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Defines what link_library.c defines.

#include "tests/engine/objects/object.h"

u64 library_twice(u64 x) {
    return x;
}
