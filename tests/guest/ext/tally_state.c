// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A version that wants another state.

#include "abi/ext/extension.h"

struct tally {
    u64 count;
    u64 upgrades;
    u64 sum;
};

static struct tally tally;

TAKE(tally_take, (const struct tally *state)) {
    tally = *state;
    return 0;
}

EVENT(u64, count_one, (u64 weight)) {
    tally.count += weight;
    return 5;
}
