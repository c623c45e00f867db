// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Believes that the structure of a foreign call is larger than it is: must not be installed.

#include "abi/ext/extension.h"

struct ext_foreign_call {
    u64 words[64];
};

HANDLER(foreign_call, u64, look, (struct ext_foreign_call * call)) {
    call->words[20] = 0;
    return call->words[12];
}
