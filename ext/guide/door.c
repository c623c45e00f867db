// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: exports an event. What it does is what happens when nobody handles it.

#define KNOCK_EXPORTER
#include "ext/guide/knock.h"

static u64 unanswered;

EVENT(u64, door_knocked, (const struct knock *knock)) {
    unanswered += knock->times != 0;
    return 0;
}

ENTRY(u64, unanswered_knocks, (void)) {
    return unanswered;
}
