// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handlers that come and go one by one, each for one kind; and one that runs later.

#include "tests/guest/ext/busy.h"

CONCURRENT

static u64 later_calls;

GUARD(some, is_kind, (u64 kind, u64 mine)) {
    return kind == mine;
}

HANDLER_AT(busy, later, u64, some, (u64 kind, u64 mine)) {
    return 1000 + mine + (kind - mine);
}

HANDLER_AT(busy, async / later, void, noted, (u64 kind)) {
    __atomic_fetch_add(&later_calls, 1, __ATOMIC_SEQ_CST);
    (void)kind;
}

ENTRY(u64, noted_calls, (void)) {
    return later_calls;
}
