// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: the other half of even.c.

#include "abi/ext/extension.h"

extern u64 is_even(u64 n);

EVENT(u64, is_odd, (u64 n)) {
    return n ? is_even(n - 1) : 0;
}
