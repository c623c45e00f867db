// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Not a version of tally1.c: the event has another type.

#include "tests/guest/ext/tally.h"

TALLY_VERSION(3)

EVENT(u64, count_one, (u64 weight, u64 more)) {
    tally.count += weight + more;
    return 3;
}
