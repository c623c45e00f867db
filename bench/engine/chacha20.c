// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// ChaCha20 over 1 KiB of input, into a buffer of its own.

#include "bench/engine/kernel.h"

static inline void quarter(u32 *x, int a, int b, int c, int d) {
    x[a] += x[b];
    x[d] = rotate32(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate32(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate32(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate32(x[b] ^ x[c], 7);
}

enum { BLOCKS = 16 };
static u32 output[BLOCKS * 16];

u64 ENTRY(void *data, u64 len) {
    const u32 *in = data;
    u64 fold = 0;
    if (len < sizeof(output))
        return 0;
    for (u64 block = 0; block < BLOCKS; block++) {
        u32 s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 1,          2, 3,  4,
                     5,          6,          7,          8,          (u32)block, 9, 10, 11};
        u32 x[16];
        for (int i = 0; i < 16; i++)
            x[i] = s[i];
        for (int i = 0; i < 10; i++) {
            quarter(x, 0, 4, 8, 12);
            quarter(x, 1, 5, 9, 13);
            quarter(x, 2, 6, 10, 14);
            quarter(x, 3, 7, 11, 15);
            quarter(x, 0, 5, 10, 15);
            quarter(x, 1, 6, 11, 12);
            quarter(x, 2, 7, 8, 13);
            quarter(x, 3, 4, 9, 14);
        }
        for (int i = 0; i < 16; i++)
            output[block * 16 + i] = in[block * 16 + i] ^ (x[i] + s[i]);
        fold = rotate64(fold, 7) ^ output[block * 16 + 5] ^ (u64)output[block * 16 + 12] << 32;
    }
    return fold;
}
