// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Sum of 32-bit numbers in network byte order.

#include "bench/engine/kernel.h"

u64 ENTRY(void *data, u64 len) {
    const u32 *p = data;
    u64 sum = 0;
    for (u64 i = 0; i < len / 4; i++)
        sum += __builtin_bswap32(p[i]);
    return sum;
}
