// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Nothing that belongs to a hook.

#include "tests/engine/objects/object.h"

SECTION("elsewhere") u64 lonely(u8 *data, u64 len) {
    return len;
}
