// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: counts pulses. Its first version.

#include "ext/guide/meter.h"

static u64 pulses;

EVENT(u64, pulse, (u64 n)) {
    return pulses += n;
}

ENTRY(u64, feed, (u64 n)) {
    return pulse(n);
}

GIVE(meter_give, (struct meter_state * state)) {
    state->pulses = pulses;
    return 0;
}
