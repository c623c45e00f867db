// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Asynchronous handlers of an extension that has strands are run by one of them.

#include "abi/ext/strand.h"

struct parcel {
    u64 weight, number;
};

static u64 delivered, weighed, elsewhere, bad;

EVENT(void, parcel_sent, (const struct parcel *parcel)) {
    (void)parcel;
}

HANDLER_AT(parcel_sent, async, void, deliver, (const struct parcel *parcel)) {
    elsewhere += strand_self() == 0;
    bad += parcel->weight != parcel->number * 3;
    for (u64 i = 0; i < parcel->weight; i++) // metered
        __atomic_fetch_add(&weighed, 1, __ATOMIC_RELAXED);
    strand_yield();
    __atomic_fetch_add(&delivered, 1, __ATOMIC_RELAXED);
}

ENTRY(u64, arrived, (void)) {
    return *(volatile u64 *)&delivered;
}

ENTRY(u64, not_by_strands, (void)) {
    return elsewhere + bad;
}
