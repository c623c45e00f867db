// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events that merge results, and one with an authoriser.

#define SUMS_EXPORTER
#include "tests/guest/ext/sums.h"

static u64 asked;

EVENT_MERGED(sum, u64, summed, (u64 a, u64 b)) {
    return 1000000 + a + b;
}

EVENT(u64, greatest, (u64 a, u64 b)) {
    return a + b;
}

MERGER(greatest, greater) {
    return so_far > next ? so_far : next;
}

EVENT(u64, plain, (u64 a, u64 b)) {
    return a + b;
}

EVENT(u64, swapped, (u64 a, u64 b)) {
    return a + b;
}

EVENT(u64, policed, (u64 a, u64 b)) {
    return a + b;
}

// The closure says what is tried.
AUTHORISER(policed, police) {
    asked++;
    if (request->closure == 13)
        return 0;
    if (request->closure == 14) {
        request->budget = 100;
        return 1;
    }
    if (request->closure == 15) {
        request->force = HANDLER_ASYNC;
        return 1;
    }
    if (request->closure == 16) { // must not end in anything that was not asked for
        request->force = ~0u;
        request->impose = 1u << 7;
        return 1;
    }
    request->impose = request->closure == 17 ? 2 : 1;
    request->word = 5;
    return request->ext != 0 && request->account != 0;
}

IMPOSED(policed, 0, only_word, (u64 a, u64 b, u64 word)) {
    return a == word;
}

IMPOSED(policed, 1, multiple_of_word, (u64 a, u64 b, u64 word)) {
    return a % (word | 1) == b % 2;
}

ENTRY(u64, times_asked, (void)) {
    return asked;
}
