// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The first extension: says that it is there, counts its calls, and adds.

#include "abi/ext/extension.h"

static u64 calls;

INIT(hello_init) {
    LOG("hello: loaded\n");
    return 0;
}

ENTRY(u64, add, (u64 a, u64 b)) {
    calls++;
    return a + b;
}

ENTRY(u64, count, (void)) {
    return calls;
}

// Takes as long as it is told, and is ended when that is too long.
ENTRY(u64, spin, (u64 turns)) {
    u64 sum = 0;
    for (u64 i = 0; i < turns; i++)
        sum += i ^ calls;
    return sum;
}

FINI(hello_fini) {
    LOG("hello: unloaded\n");
}
