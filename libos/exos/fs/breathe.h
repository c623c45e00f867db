// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Long copies hold the pod lock, and with it off every slice end of the holder. They stop for
// breath now and then.

#ifndef EXOS_FS_BREATHE_H
#define EXOS_FS_BREATHE_H

#include "abi/types.h"
#include <stdbool.h>

#define BREATH_BYTES (128ul << 10) // at most so much between two breaths

// Gives the lock up for a moment, and the processor if the slice has ended; timers are looked at.
// Whatever the lock guards may have changed. True: the process is being killed, the caller should
// return with what it has done.
bool fs_breathe(void);

#endif
