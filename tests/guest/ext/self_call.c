// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A function that calls itself: nothing bounds the stack that it needs.

#include "abi/ext/extension.h"

static u64 total;

static __attribute__((noinline)) u64 down(u64 n) {
    if (!n)
        return total;
    total += n;
    return down(n - 1) * 3 + total;
}

ENTRY(u64, depth, (u64 n)) {
    return down(n);
}
