// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Version 1 of a counter that several processors raise at once while it is upgraded.

#include "tests/guest/ext/busy.h"

CONCURRENT

struct counted {
    u64 count, upgrades;
};
static struct counted counted;

EVENT(u64, busy, (u64 kind)) {
    __atomic_fetch_add(&counted.count, 1, __ATOMIC_SEQ_CST);
    return 1 + kind - kind;
}

GIVE(counter_give, (struct counted * state)) {
    *state = counted;
    return 0;
}

TAKE(counter_take, (const struct counted *state)) {
    counted = *state;
    counted.upgrades++;
    return 0;
}

ENTRY(u64, counter_count, (void)) {
    return counted.count;
}

ENTRY(u64, counter_upgrades, (void)) {
    return counted.upgrades;
}
