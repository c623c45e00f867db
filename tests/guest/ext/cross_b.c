// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The other half of cross_a.c.

#include "abi/ext/extension.h"

extern u64 ping(u64 turns);

EVENT(u64, pong, (u64 turns)) {
    return turns ? ping(turns - 1) + 1 : 2000;
}

ENTRY(u64, serve, (u64 turns)) {
    return pong(turns);
}
