// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler that does not say CONCURRENT: it has its variables to itself.

#include "tests/guest/ext/busy.h"

static struct seen seen;
static u64 plain;

HANDLER(busy, u64, alone, (u64 kind)) {
    u64 before = plain;
    seen_enter(&seen);
    busy_work(300);
    seen_leave(&seen);
    plain = before + 1;
    return kind + 2;
}

// Short enough not to be timed.
HANDLER_AT(busy, later, u64, short_alone, (u64 kind)) {
    plain++;
    __asm__ volatile("" : : : "memory");
    return kind + 3;
}

ENTRY(u64, alone_most, (void)) {
    return seen.most;
}

ENTRY(u64, alone_calls, (void)) {
    return plain;
}
