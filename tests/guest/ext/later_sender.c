// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors

#include "abi/ext/extension.h"

struct parcel {
    u64 weight, number;
};

extern void parcel_sent(const struct parcel *parcel);

ENTRY(u64, post, (u64 count)) {
    for (u64 i = 0; i < count; i++) {
        struct parcel parcel = {i * 3, i};
        parcel_sent(&parcel);
    }
    return count;
}

ENTRY(u64, post_heavy, (u64 weight)) {
    struct parcel parcel = {weight, weight / 3};
    parcel_sent(&parcel);
    return weight;
}
