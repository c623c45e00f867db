// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random bytes, see random.h. xorshift-multiply over a state that RDRAND and the time-stamp counter
// stir: as good as its source, which without RDRAND is only the jitter of time.

#include "libos/exos/random.h"
#include "abi/tables.h"
#include "base/string.h"

static u64 state[2];

static u64 entropy(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    u64 value = (u64)high << 32 | low, hardware = 0;
    if (ABI_INFO->features & ABI_FEATURE_RDRAND)
        __asm__ volatile("rdrand %0" : "=r"(hardware) : : "cc");
    return value * 0x9e3779b97f4a7c15ul ^ hardware;
}

static u64 next(void) {
    u64 a = state[0] ^ entropy(), b = state[1];
    a ^= a << 23;
    state[0] = b;
    state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    u64 x = state[1] + b;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ul;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebul;
    return x ^ (x >> 31);
}

void random_bytes(void *to, u64 bytes) {
    for (char *p = to; bytes;) {
        u64 word = next(), part = bytes < 8 ? bytes : 8;
        memcpy(p, &word, part);
        p += part;
        bytes -= part;
    }
}
