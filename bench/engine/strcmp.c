// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Compares the strings in the two halves of the input.

#include "bench/engine/kernel.h"

u64 ENTRY(void *data, u64 len) {
    const u8 *a = data;
    u64 half = len / 2;
    for (u64 i = 0; i < half; i++) {
        u8 x = a[i], y = a[half + i];
        if (x != y)
            return x < y ? i << 1 : i << 1 | 1;
        if (!x)
            break;
    }
    return 0;
}
