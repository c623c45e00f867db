// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the events of sums.c.

#include "tests/guest/ext/sums.h"

#define RAISE(event)                                                                               \
    ENTRY(u64, raise_##event, (u64 a, u64 b)) {                                                    \
        return event(a, b);                                                                        \
    }
RAISE(summed)
RAISE(greatest)
RAISE(policed)
RAISE(plain)
RAISE(swapped)
