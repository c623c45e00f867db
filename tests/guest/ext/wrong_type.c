// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Imports the event with another type: must be refused.

#include "abi/ext/extension.h"

extern u64 packet_arrived(u64 number);

ENTRY(u64, raise, (u64 port)) {
    return packet_arrived(port);
}
