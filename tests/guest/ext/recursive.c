// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler that raises its own event: stopped when the stack is used up.

#include "tests/guest/ext/packet.h"

static u64 depth;

HANDLER(packet_arrived, u64, handle, (const struct packet *packet)) {
    struct packet again = {packet->port, packet->length};
    depth++;
    return packet_arrived(&again) + 1;
}

ENTRY(u64, depth_reached, (void)) {
    return depth;
}
