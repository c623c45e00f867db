// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handlers of all kinds, for the events of sums.c.

#include "tests/guest/ext/sums.h"

static u64 threshold = 50, seen, spent, turns = 1ul << 40;

// With a closure, and only for it.
GUARD(add_closure, is_closure, (u64 a, u64 b, u64 closure)) {
    return a == closure;
}
HANDLER_AT(summed, later, u64, add_closure, (u64 a, u64 b, u64 closure)) {
    return closure * 10 + b;
}

// Two guards, of which one is more than comparisons and reads memory.
GUARD(add_odd, is_odd, (u64 a, u64 b)) {
    return (a & 1) == 1;
}
GUARD(add_odd, is_large, (u64 a, u64 b)) {
    return a * 3 + b * b > threshold;
}
HANDLER_AT(summed, later, u64, add_odd, (u64 a, u64 b)) {
    return 1;
}

HANDLER_AT(greatest, later, u64, twice, (u64 a, u64 b)) {
    return 2 * a;
}
HANDLER_AT(greatest, later, u64, thrice, (u64 a, u64 b)) {
    return 3 * b;
}

HANDLER_AT(policed, later, u64, policed_handler, (u64 a, u64 b, u64 closure)) {
    u64 sum = closure;
    if (closure == 14)
        for (u64 i = 0; i < turns; i++) // more than it is allowed to
            sum = sum * 3 + turns;
    seen += a;
    spent = sum;
    return 500;
}

struct two {
    u64 a, b;
};
FILTER(plain, doubled, (struct two * arguments)) {
    arguments->a *= 2;
}
HANDLER(plain, u64, after_filter, (u64 a, u64 b)) {
    return 100 * a + b;
}

GUARD(before_it, is_nine, (u64 a, u64 b)) {
    return a == 18;
}
HANDLER_AT(plain, before(after_filter), u64, before_it, (u64 a, u64 b)) {
    seen = seen * 10 + 1;
    return 77;
}

HANDLER(swapped, u64, swapped_0, (u64 a, u64 b)) {
    return 10;
}
HANDLER_AT(swapped, set(1), u64, swapped_1, (u64 a, u64 b)) {
    return 11;
}

static i64 own;
HANDLER_AT(swapped, later / last, u64, leaves, (u64 a, u64 b)) {
    handler_remove((u64)own);
    return 12;
}

HANDLER_AT(summed, later / async, u64, note, (u64 a, u64 b)) {
    seen += a;
    return 0;
}

DEFAULT(greatest, u64, greatest_default, (u64 a, u64 b)) {
    return 4444;
}

ENTRY(u64, install, (u64 which, u64 closure)) {
    switch (which) {
    case 0:
        return (u64)HANDLER_INSTALL(add_closure, closure);
    case 1:
        return (u64)HANDLER_INSTALL(add_odd, closure);
    case 2:
        return (u64)HANDLER_INSTALL(twice, closure);
    case 3:
        return (u64)HANDLER_INSTALL(thrice, closure);
    case 4:
        return (u64)(own = HANDLER_INSTALL(leaves, closure));
    case 5:
        return (u64)HANDLER_INSTALL(note, closure);
    case 6:
        return (u64)HANDLER_INSTALL(no_such_handler, closure);
    default:
        return (u64)HANDLER_INSTALL(policed_handler, closure);
    }
}

ENTRY(u64, remove, (u64 installed)) {
    return (u64)handler_remove(installed);
}
ENTRY(u64, swap, (u64 from, u64 to)) {
    return (u64)HANDLERS_SWAP(swapped, from, to);
}
ENTRY(u64, what_was_seen, (void)) {
    return seen;
}
ENTRY(u64, what_was_spent, (void)) {
    return spent;
}
