// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// A thousand calls of a function.

#include "bench/engine/kernel.h"

static NOINLINE u64 mix(u64 x, u64 y) {
    return (x ^ y) * 0x9e3779b97f4a7c15 + (x >> 7);
}

u64 ENTRY(void *data, u64 len) {
    u64 x = len;
    (void)data;
    for (int i = 0; i < 1000; i++)
        x = mix(x, (u64)i);
    return x;
}
