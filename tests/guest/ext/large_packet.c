// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The same of an event of another extension.

#include "abi/ext/extension.h"

struct packet {
    u64 words[64];
};

HANDLER(packet_arrived, u64, look, (const struct packet *packet)) {
    return packet->words[20];
}
