// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Names of the kernel's functions, for backtraces: a table that the second link adds (symbols.py).
// Pure: also built on the host.

#ifndef KERNEL_SAL_SYMBOLS_H
#define KERNEL_SAL_SYMBOLS_H

#include "abi/types.h"

struct symbols {
    u32 count;
    const u32 *offset; // ascending, from the start of the kernel's text
    const u32 *name;   // where each name starts in text
    const char *text;
};

// The function that contains an offset, and how far in; null before the first one.
const char *symbols_find(const struct symbols *symbols, u64 offset, u64 *into);

#endif
