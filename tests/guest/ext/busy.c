// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The event's exporter.

#include "tests/guest/ext/busy.h"

CONCURRENT

static u64 unhandled;

EVENT(u64, busy, (u64 kind)) {
    __atomic_fetch_add(&unhandled, 1, __ATOMIC_SEQ_CST);
    return kind;
}

ENTRY(u64, busy_unhandled, (void)) {
    return unhandled;
}
