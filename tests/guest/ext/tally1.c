// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The first version. It exports one event that the second has no more.

#include "tests/guest/ext/tally.h"

TALLY_VERSION(1)

EVENT(u64, count_one, (u64 weight)) {
    tally.count++;
    tally.sum += weight;
    return 1;
}

EVENT(u64, old_only, (void)) {
    return 1;
}
