// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The second version, with a new event, and a handler.

#include "tests/guest/ext/tally.h"

TALLY_VERSION(2)

EVENT(u64, count_one, (u64 weight)) {
    tally.count++;
    tally.sum += weight;
    return 2;
}

EVENT(u64, new_only, (void)) {
    return 2;
}

HANDLER(new_only, u64, on_new, (void)) {
    return 20;
}
