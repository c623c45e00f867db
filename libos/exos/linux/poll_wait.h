// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Deadlines and signal masks of calls that wait for files.

#ifndef EXOS_LINUX_POLL_WAIT_H
#define EXOS_LINUX_POLL_WAIT_H

#include "abi/types.h"
#include "libos/exos/signal_priv.h"
#include <stdbool.h>

// Deadlines are for wait_sleep, 0 means: do not wait.
u64 poll_deadline_ms(i64 ms);
// From a struct timespec or timeval at address (0: for ever). -EFAULT, -EINVAL.
i64 poll_deadline(u64 address, bool microseconds, u64 *deadline);

struct poll_mask {
    u64 old;
    bool changed;
};
// Blocks what the caller wants while he waits (address 0: no change), and back.
i64 poll_mask_enter(struct poll_mask *mask, u64 address, u64 bytes);
void poll_mask_leave(struct poll_mask *mask, i64 result);

static inline void poll_set_blocked(u64 mask) {
    signal_set_blocked(mask);
}

#endif
