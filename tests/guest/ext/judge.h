// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// An event whose handlers call code of its exporter: a guard that it imposes, which has to be
// called, and a merger.

#ifndef TESTS_GUEST_EXT_JUDGE_H
#define TESTS_GUEST_EXT_JUDGE_H

#include "abi/ext/extension.h"

#define JUDGE(better, rest, otherwise)                                                             \
    static u64 asked = 5;                                                                          \
    EVENT(u64, judged, (u64 a)) {                                                                  \
        return a + (otherwise);                                                                    \
    }                                                                                              \
    MERGER(judged, best) {                                                                         \
        return so_far better next ? so_far : next;                                                 \
    }                                                                                              \
    AUTHORISER(judged, police) {                                                                   \
        request->impose = 1;                                                                       \
        request->word = asked;                                                                     \
        return 1;                                                                                  \
    }                                                                                              \
    IMPOSED(judged, 0, only, (u64 a, u64 word)) {                                                  \
        return a % (word | 1) == (rest) + asked - 5;                                               \
    }

#endif
