// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A handler whose end cannot be proved, and that does not end: it is detached.

#include "tests/guest/ext/packet.h"

static u64 turns = 1ul << 40;
static u64 begun;

__attribute__((noinline)) static u64 spin(u64 sum) {
    for (u64 i = 0; i < turns; i++)
        sum = sum * 3 + turns;
    return sum;
}

HANDLER_AT(packet_arrived, budget(500), u64, handle, (const struct packet *packet)) {
    begun++;
    return spin(packet->port) + 1;
}

ENTRY(u64, handler_begun, (void)) {
    return begun;
}
