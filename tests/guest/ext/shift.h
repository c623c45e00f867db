// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands that are upgraded while they work. Each adds to a counter of its version, and to one of
// another extension by an event of its own, whose procedure is of the newest version.

#ifndef TESTS_GUEST_EXT_SHIFT_H
#define TESTS_GUEST_EXT_SHIFT_H

#include "abi/ext/strand.h"

extern u64 shift_report(u64 version, u64 what); // another extension's

#define SHIFT_VERSION(number)                                                                      \
    static u64 turns, forked;                                                                      \
                                                                                                   \
    STRAND(helper, (u64 n)) {                                                                      \
        return n + number;                                                                         \
    }                                                                                              \
                                                                                                   \
    STRAND(worker, (u64 endless)) {                                                                \
        u64 result;                                                                                \
        while (endless || !strand_replaced()) {                                                    \
            i64 id = strand_fork(helper, 1);                                                       \
            if (id > 0 && !strand_join((u64)id, &result) && result != 1 + number)                  \
                shift_report(number, 1);                                                           \
            __atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);                                       \
            strand_yield();                                                                        \
        }                                                                                          \
        shift_report(number, 2);                                                                   \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    ENTRY(i64, start, (u64 endless)) {                                                             \
        forked++;                                                                                  \
        return strand_fork(worker, endless) < 0;                                                   \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, turns_made, (void)) {                                                               \
        return turns;                                                                              \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, version, (void)) {                                                                  \
        return number;                                                                             \
    }

#endif
