// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A guard that does something: must be refused.

#include "tests/guest/ext/packet.h"

static u64 asked;

GUARD(handle, guard, (const struct packet *packet)) {
    asked++;
    return packet->port == 7;
}

HANDLER(packet_arrived, u64, handle, (const struct packet *packet)) {
    return packet->length + asked;
}
