// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A guard that ends, and is no comparison with constants, and takes too long for one that is
// called.

#include "tests/guest/ext/packet.h"

static u64 seen;

HANDLER(packet_arrived, u64, take, (const struct packet *packet)) {
    return seen += packet->port;
}
GUARD(take, slowly, (const struct packet *packet)) {
    u64 sum = packet->port;
    for (u32 i = 0; i < 300; i++)
        sum = sum * 5 + i;
    return sum & 1;
}
