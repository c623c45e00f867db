// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Time, see time.h: nanoseconds are ticks * 10^9 / tsc_hz, by a 128-bit product.

#include "libos/exos/time.h"
#include "abi/tables.h"
#include "libos/exos/wait.h"

i64 time_realtime_shift; // settimeofday

static inline u64 tsc_read(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

// a * b / c; the quotient fits.
static inline u64 scale(u64 a, u64 b, u64 c) {
    u64 low, high, q, r;
    __asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(a), "r"(b) : "cc");
    if (high >= c)
        return ~0ul;
    __asm__("divq %4" : "=a"(q), "=d"(r) : "a"(low), "d"(high), "r"(c) : "cc");
    return q;
}

u64 time_from_tsc_delta(u64 ticks) {
    return scale(ticks, TIME_SECOND, ABI_INFO->tsc_hz);
}

u64 time_monotonic(void) {
    return time_from_tsc_delta(tsc_read() - ABI_INFO->tsc_boot);
}

u64 time_realtime(void) {
    return time_monotonic() + ABI_INFO->wall_boot_ns + (u64)time_realtime_shift;
}

void time_realtime_set(u64 ns) {
    time_realtime_shift = (i64)(ns - ABI_INFO->wall_boot_ns - time_monotonic());
}

u64 time_to_tsc(u64 ns) {
    if (ns == WAIT_FOREVER)
        return ~0ul;
    u64 ticks = scale(ns, ABI_INFO->tsc_hz, TIME_SECOND);
    u64 deadline = ticks + ABI_INFO->tsc_boot + 1;
    return deadline < ticks ? ~0ul - 1 : deadline;
}
