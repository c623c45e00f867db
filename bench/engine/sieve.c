// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// The primes below 4096.

#include "bench/engine/kernel.h"

enum { LIMIT = 4096 };
static u8 composite[LIMIT];

u64 ENTRY(void *data, u64 len) {
    u64 count = 0;
    (void)data, (void)len;
    for (int i = 0; i < LIMIT; i++)
        composite[i] = 0;
    for (u32 i = 2; i < LIMIT; i++) {
        if (composite[i])
            continue;
        count++;
        for (u32 j = i * i; j < LIMIT; j += i)
            composite[j] = 1;
    }
    return count;
}
