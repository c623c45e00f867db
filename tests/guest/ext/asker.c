// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Wants to call what asked.c exports.

#include "abi/ext/extension.h"

extern u64 secret(void);

ENTRY(u64, ask, (void)) {
    return secret();
}
