// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Writes to what the event's exporter has declared const: must not be installed.

#include "abi/ext/extension.h"

struct packet {
    u32 port, length;
};

HANDLER(packet_arrived, u64, change, (struct packet * packet)) {
    packet->port = 0;
    return 1;
}
