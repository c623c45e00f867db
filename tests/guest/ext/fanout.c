// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler that raises its own event many times, each time to run again: bounded by what all
// handlers together may cost.

#include "tests/guest/ext/packet.h"

static u64 calls;

HANDLER(packet_arrived, u64, handle, (const struct packet *packet)) {
    struct packet again = {packet->port, packet->length};
    u64 sum = 0;
    calls++;
    for (u64 i = 0; i < 50; i++)
        sum += packet_arrived(&again);
    return sum;
}

ENTRY(u64, calls_made, (void)) {
    return calls;
}
