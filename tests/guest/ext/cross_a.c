// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Two domains that call each other: this one and cross_b.c.

#include "abi/ext/extension.h"

extern u64 pong(u64 turns);

EVENT(u64, ping, (u64 turns)) {
    return turns ? pong(turns - 1) + 1 : 1000;
}

ENTRY(u64, serve, (u64 turns)) {
    return ping(turns);
}
