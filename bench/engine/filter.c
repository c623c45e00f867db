// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A packet filter of some 20 instructions: UDP over IPv4 to port 7, in Ethernet, without IP
// options. For timing loads.

#include "bench/engine/kernel.h"

struct packet {
    u8 *data, *data_end;
    u64 mark;
};

u64 filter(struct packet *packet);

u64 filter(struct packet *packet) {
    u8 *p = packet->data;
    if (p + 42 > packet->data_end)
        return 0;
    if (*(u16 *)(p + 12) != 0x0008 || p[14] != 0x45 || p[23] != 17)
        return 0;
    return *(u16 *)(p + 36) == 0x0700;
}
