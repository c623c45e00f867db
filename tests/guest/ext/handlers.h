// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Many handlers, each for one port.

#include "tests/guest/ext/packet.h"

#define ON(at)                                                                                     \
    GUARD(handle_##at, guard_##at, (const struct packet *packet)) {                                \
        return packet->port == (at);                                                               \
    }                                                                                              \
    HANDLER(packet_arrived, u64, handle_##at, (const struct packet *packet)) {                     \
        return 1000 + packet->port;                                                                \
    }
#define TEN(t)                                                                                     \
    ON(t##0) ON(t##1) ON(t##2) ON(t##3) ON(t##4) ON(t##5) ON(t##6) ON(t##7) ON(t##8) ON(t##9)
