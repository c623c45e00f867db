// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler that does not end when it is told so, on several processors.

#include "tests/guest/ext/busy.h"

CONCURRENT

static u64 endless;

HANDLER_AT(busy, budget(4000), u64, loops, (u64 kind)) {
    while (2 * kind + 1 != endless) // which is even
        __atomic_fetch_add(&endless, 2, __ATOMIC_SEQ_CST);
    return 77;
}
