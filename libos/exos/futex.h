// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Futexes: waiting on words of program memory. Pod lock held.

#ifndef EXOS_FUTEX_H
#define EXOS_FUTEX_H

#include "abi/types.h"

// Wakes up to count waiters of the word at address in the calling process: how many.
i64 futex_wake(u64 address, u32 count);

#endif
