// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A version that gives up.

#include "tests/guest/ext/tally.h"

TALLY_VERSION(4)

INIT(no) {
    return 1;
}

EVENT(u64, count_one, (u64 weight)) {
    tally.count += weight;
    return 4;
}
