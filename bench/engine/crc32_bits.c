// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// CRC-32, bit by bit.

#include "bench/engine/kernel.h"

u64 ENTRY(void *data, u64 len) {
    const u8 *p = data;
    u32 crc = 0xffffffff;
    for (u64 i = 0; i < len; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    return crc ^ 0xffffffff;
}
