// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The event of these extensions: what it is about, and how it is called.

#ifndef TESTS_GUEST_EXT_PACKET_H
#define TESTS_GUEST_EXT_PACKET_H

#include "abi/ext/extension.h"

struct packet {
    u32 port;
    u32 length;
};

#ifndef PACKET_EXPORTER
extern u64 packet_arrived(const struct packet *packet);
#endif

#endif
