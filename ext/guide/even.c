// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: two domains that call each other, this one and odd.c.

#include "abi/ext/extension.h"

extern u64 is_odd(u64 n);

EVENT(u64, is_even, (u64 n)) {
    return n ? is_odd(n - 1) : 1;
}

ENTRY(u64, even, (u64 n)) {
    return is_even(n);
}
