// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// An extension with much state, which is handed over in parts.

#ifndef TESTS_GUEST_EXT_BULK_H
#define TESTS_GUEST_EXT_BULK_H

#include "abi/ext/extension.h"

#define BULK_PARTS 100
#define BULK_WORDS 256

struct bulk {
    u64 words[BULK_WORDS];
};

#define BULK_VERSION(endless)                                                                      \
    static struct bulk bulk[BULK_PARTS];                                                           \
                                                                                                   \
    GIVE(bulk_give, (struct bulk * state, u64 part)) {                                             \
        for (u64 i = 0; part < BULK_PARTS && i < BULK_WORDS; i++)                                  \
            state->words[i] = bulk[part].words[i];                                                 \
        return (endless) || part + 1 < BULK_PARTS;                                                 \
    }                                                                                              \
                                                                                                   \
    TAKE(bulk_take, (const struct bulk *state, u64 part)) {                                        \
        for (u64 i = 0; part < BULK_PARTS && i < BULK_WORDS; i++)                                  \
            bulk[part].words[i] = state->words[i];                                                 \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, fill, (u64 part)) {                                                                 \
        for (u64 i = 0; part < BULK_PARTS && i < BULK_WORDS; i++)                                  \
            bulk[part].words[i] = part << 32 | i;                                                  \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    ENTRY(u64, wrong_words, (u64 part)) {                                                          \
        u64 wrong = 0;                                                                             \
        for (u64 i = 0; part < BULK_PARTS && i < BULK_WORDS; i++)                                  \
            wrong += bulk[part].words[i] != (part << 32 | i);                                      \
        return wrong;                                                                              \
    }

#endif
