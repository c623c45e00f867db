// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the event, once or many times; and calls a procedure of its own as often, for comparison.

#include "tests/guest/ext/packet.h"

ENTRY(u64, raise, (u64 port)) {
    struct packet packet = {(u32)port, 60};
    return packet_arrived(&packet);
}

__attribute__((noinline)) static u64 direct(const struct packet *packet) {
    __asm__ volatile("" : : "r"(packet) : "memory");
    return packet->port & 1;
}

ENTRY(u64, call_many, (u64 count, u64 port)) {
    struct packet packet = {(u32)port, 60};
    u64 sum = 0, from = clock_ticks();
    for (u64 i = 0; i < count; i++)
        sum += direct(&packet);
    u64 ticks = clock_ticks() - from;
    return ticks + (sum == ~0ul);
}

ENTRY(u64, raise_many, (u64 count, u64 port)) {
    struct packet packet = {(u32)port, 60};
    u64 sum = 0, from = clock_ticks();
    for (u64 i = 0; i < count; i++)
        sum += packet_arrived(&packet);
    u64 ticks = clock_ticks() - from;
    return ticks + (sum == ~0ul);
}
