// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A slow handler, on several processors at once.

#include "tests/guest/ext/busy.h"

CONCURRENT

static struct seen seen;

HANDLER(busy, u64, slow, (u64 kind)) {
    seen_enter(&seen);
    busy_work(1500);
    seen_leave(&seen);
    return kind + 1;
}

ENTRY(u64, slow_most, (void)) {
    return seen.most;
}

ENTRY(u64, slow_calls, (void)) {
    return seen.calls;
}
