// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// An entry that wants a pointer from a program: refused, for a program could give any address.

#include "abi/ext/extension.h"

struct target {
    u64 word;
};

ENTRY(u64, poke, (struct target * target)) {
    target->word = 1;
    return 0;
}
