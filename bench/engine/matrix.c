// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Product of two 32 x 32 matrices of numbers that come from the input.

#include "bench/engine/kernel.h"

enum { N = 32 };
static u32 a[N][N], b[N][N], c[N][N];

u64 ENTRY(void *data, u64 len) {
    const u8 *p = data;
    u64 sum = 0;
    if (len < N * N)
        return 0;
    for (int i = 0; i < N * N; i++) {
        a[i / N][i % N] = p[i];
        b[i / N][i % N] = p[i] * 7 + 1;
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            u32 x = 0;
            for (int k = 0; k < N; k++)
                x += a[i][k] * b[k][j];
            c[i][j] = x;
        }
    }
    for (int i = 0; i < N; i++)
        sum += c[i][(i * 7) % N];
    return sum;
}
