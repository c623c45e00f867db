// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Wants one service only.

#include "abi/ext/extension.h"

ENTRY(u64, now, (void)) {
    return clock_ticks();
}
