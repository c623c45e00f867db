// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Of docs/extensions.md: refused, because nothing keeps the index inside of the structure.

#include "abi/ext/extension.h"

struct samples {
    u32 count;
    u32 values[7];
};

EVENT(u64, samples_taken, (const struct samples *samples)) {
    u64 sum = 0;
    for (u32 i = 0; i < samples->count; i++)
        sum += samples->values[i];
    return sum;
}
