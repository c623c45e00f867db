// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Compares the strings in two fields of 512 bytes.

#include "bench/engine/kernel.h"

enum { FIELD = 512 };

u64 ENTRY(void *data, u64 len) {
    const u8 *a = data, *b = a + FIELD;
    if (len < 2 * FIELD)
        return 0;
    for (u64 i = 0; i < FIELD; i++) {
        u8 x = a[i], y = b[i];
        if (x != y)
            return x < y ? i << 1 : i << 1 | 1;
        if (!x)
            break;
    }
    return 0;
}
