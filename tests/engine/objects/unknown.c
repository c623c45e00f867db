// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// An import that nobody offers.

#include "tests/engine/objects/object.h"

u64 launch(u64 x);

SECTION("buffer") u64 use(u8 *data, u64 len) {
    return launch(len);
}
