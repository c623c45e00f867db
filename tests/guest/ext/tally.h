// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A counter that is upgraded while it counts: its versions.

#ifndef TESTS_GUEST_EXT_TALLY_H
#define TESTS_GUEST_EXT_TALLY_H

#include "abi/ext/extension.h"

struct tally {
    u64 count;
    u64 sum;
    u64 upgrades;
};

#define TALLY_VERSION(number)                                                                      \
    static struct tally tally;                                                                     \
                                                                                                   \
    GIVE(tally_give, (struct tally * state)) {                                                     \
        *state = tally;                                                                            \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    TAKE(tally_take, (const struct tally *state)) {                                                \
        tally = *state;                                                                            \
        tally.upgrades++;                                                                          \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, counted, (void)) {                                                                  \
        return tally.count;                                                                        \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, summed, (void)) {                                                                   \
        return tally.sum;                                                                          \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, upgraded, (void)) {                                                                 \
        return tally.upgrades;                                                                     \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, version, (void)) {                                                                  \
        return number;                                                                             \
    }

#endif
