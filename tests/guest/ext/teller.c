// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises the events of the counter.

#include "abi/ext/extension.h"

extern u64 count_one(u64 weight);
extern u64 old_only(void);

ENTRY(u64, count_many, (u64 times)) {
    u64 last = 0;
    for (u64 i = 0; i < times; i++)
        last = count_one(3);
    return last;
}

ENTRY(u64, ask_old, (void)) {
    return old_only();
}
