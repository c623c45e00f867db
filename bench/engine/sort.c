// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Insertion sort of 128 numbers, copied from the input.

#include "bench/engine/kernel.h"

enum { COUNT = 128 };
static u32 numbers[COUNT];

u64 ENTRY(void *data, u64 len) {
    const u32 *p = data;
    u64 sum = 0;
    if (len < sizeof(numbers))
        return 0;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = p[i];
    for (int i = 1; i < COUNT; i++) {
        u32 x = numbers[i];
        int j = i;
        for (; j > 0 && numbers[j - 1] > x; j--)
            numbers[j] = numbers[j - 1];
        numbers[j] = x;
    }
    for (int i = 0; i < COUNT; i++)
        sum = sum * 31 + numbers[i];
    return sum;
}
