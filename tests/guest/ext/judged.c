// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Two handlers, and one by default, of the event; and who raises it, here.

#include "abi/ext/extension.h"

extern u64 judged(u64 a);

HANDLER_AT(judged, later, u64, twice, (u64 a)) {
    return 2 * a;
}

HANDLER_AT(judged, later, u64, thrice, (u64 a)) {
    return 3 * a;
}

DEFAULT(judged, u64, otherwise, (u64 a)) {
    return a + 7;
}

ENTRY(u64, judge, (u64 a)) {
    return judged(a);
}
