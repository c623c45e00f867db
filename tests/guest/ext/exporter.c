// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Exports an event; without handlers a packet is nobody's.

#define PACKET_EXPORTER
#include "tests/guest/ext/packet.h"

static u64 unclaimed;

EVENT(u64, packet_arrived, (const struct packet *packet)) {
    unclaimed += packet->length != 0;
    return 0;
}

ENTRY(u64, unclaimed_packets, (void)) {
    return unclaimed;
}
