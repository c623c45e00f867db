// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Wants to handle what asked.c exports.

#include "abi/ext/extension.h"

HANDLER(secret, u64, mine, (void)) {
    return 7;
}
