// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler whose end cannot be proved: must not be installed.

#include "tests/guest/ext/packet.h"

static u64 turns = 1ul << 40;

HANDLER(packet_arrived, u64, handle, (const struct packet *packet)) {
    u64 sum = packet->port;
    for (u64 i = 0; i < turns; i++)
        sum = sum * 3 + turns;
    return sum;
}
