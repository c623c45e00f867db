// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: the second version, which counts double.

#include "ext/guide/meter.h"

static u64 pulses;

TAKE(meter_take, (const struct meter_state *state)) {
    pulses = state->pulses;
    return 0;
}

GIVE(meter_give, (struct meter_state * state)) {
    state->pulses = pulses;
    return 0;
}

EVENT(u64, pulse, (u64 n)) {
    return pulses += 2 * n;
}

ENTRY(u64, feed, (u64 n)) {
    return pulse(n);
}
