// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// The Internet checksum of a packet, 16 bits at a time.

#include "bench/engine/kernel.h"

u64 ENTRY(void *data, u64 len) {
    const u16 *p = data;
    u64 sum = 0;
    for (u64 i = 0; i < len / 2; i++)
        sum += p[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}
