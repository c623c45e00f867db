// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Time of the pod, from the time-stamp counter and the exposed tables.

#ifndef EXOS_TIME_H
#define EXOS_TIME_H

#include "abi/types.h"

#define TIME_SECOND 1000000000ul

extern i64 time_realtime_shift; // what is to be added to the machine's clock; vdso.S reads it too

u64 time_monotonic(void); // nanoseconds since boot
u64 time_realtime(void);  // nanoseconds since 1970
void time_realtime_set(u64 ns);
u64 time_to_tsc(u64 monotonic_ns); // deadline for env_sleep; WAIT_FOREVER stays
u64 time_from_tsc_delta(u64 ticks);

#endif
