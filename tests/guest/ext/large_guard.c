// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A guard that looks behind the end of the structure: must not be installed.

#include "abi/ext/extension.h"

struct packet {
    u32 words[64];
};

GUARD(handle, look, (const struct packet *packet)) {
    return packet->words[40] == 7;
}

HANDLER(packet_arrived, u64, handle, (const struct packet *packet)) {
    return 1;
}
