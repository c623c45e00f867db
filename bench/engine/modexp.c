// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Modular exponentiation: powers of the input's words modulo a 31-bit prime.

#include "bench/engine/kernel.h"

u64 ENTRY(void *data, u64 len) {
    const u32 *p = data;
    const u64 modulus = 2147483647;
    u64 sum = 0;
    if (len < 32)
        return 0;
    for (int i = 0; i < 8; i++) {
        u64 base = p[i] % modulus, result = 1;
        for (u32 e = 0x10001 + p[i] % 65536; e; e >>= 1) {
            if (e & 1)
                result = result * base % modulus;
            base = base * base % modulus;
        }
        sum += result;
    }
    return sum;
}
