// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handles an event of the kernel.

#include "abi/ext/extension.h"

static u64 last, count;

HANDLER(extension_loaded, void, watch, (u64 ext, u64 account)) {
    last = ext;
    count += account != 0;
}

ENTRY(u64, last_loaded, (void)) {
    return last;
}

ENTRY(u64, loaded_count, (void)) {
    return count;
}
