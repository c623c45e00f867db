// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler of faults whose end cannot be proved.

#include "abi/ext/watch.h"

static u64 turns = 1ul << 40;

HANDLER(page_absent, u64, spin, (struct ext_fault * fault)) {
    u64 sum = fault->address;
    for (u64 i = 0; i < turns; i++)
        sum = sum * 3 + turns;
    return sum == 1;
}
