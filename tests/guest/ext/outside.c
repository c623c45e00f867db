// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Reads behind the structure that it was given.

#include "tests/guest/ext/packet.h"

HANDLER(packet_arrived, u64, outside, (const struct packet *packet)) {
    return (&packet->port)[2];
}
