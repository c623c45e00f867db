// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Dates to seconds since 1970-01-01 00:00 UTC (proleptic Gregorian). Pure.

#ifndef KERNEL_SAL_CALENDAR_H
#define KERNEL_SAL_CALENDAR_H

#include "abi/types.h"

// month 1 .. 12, day 1 .. 31, year 1970 ..
static inline u64 calendar_seconds(u32 year, u32 month, u32 day, u32 hour, u32 minute, u32 second) {
    // Years from March on, so that the leap day is the last.
    u64 y = year - (month <= 2), shifted = (month + 9) % 12;
    u64 days = y * 365 + y / 4 - y / 100 + y / 400 + (shifted * 153 + 2) / 5 + day - 1;
    return (days - 719468) * 86400 + hour * 3600u + minute * 60u + second;
}

#endif
