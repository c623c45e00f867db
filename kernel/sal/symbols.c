// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See symbols.h.

#include "kernel/sal/symbols.h"

const char *symbols_find(const struct symbols *symbols, u64 offset, u64 *into) {
    u32 low = 0, high = symbols->count; // offset[i] <= offset for i < low, > for i >= high
    while (low < high) {
        u32 middle = low + (high - low) / 2;
        if (symbols->offset[middle] <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return 0;
    *into = offset - symbols->offset[low - 1];
    return symbols->text + symbols->name[low - 1];
}
