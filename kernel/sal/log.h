// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel's log, beside what sal.h says of it.

#ifndef KERNEL_SAL_LOG_H
#define KERNEL_SAL_LOG_H

#include "abi/types.h"

#define LOG_RING_BYTES 32768u

// The last LOG_RING_BYTES of the log: byte n of it is at n % LOG_RING_BYTES; log_end bytes were
// written so far.
extern char log_ring[LOG_RING_BYTES];
extern u64 log_end;

void log_init(void);   // finds the log's port
void log_unlock(void); // from now on no lock is taken: only one processor is left
int log_has_port(void);

#endif
