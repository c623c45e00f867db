// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the counter's event for programs.

#include "tests/guest/ext/busy.h"

CONCURRENT

ENTRY(u64, count_many, (u64 times)) {
    u64 last = 0;
    for (u64 i = 0; i < times; i++)
        last = busy(i);
    return last;
}
