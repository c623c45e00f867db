// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Watches an env, and answers as it is told: well, badly, or too late.

#include "abi/ext/watch.h"

enum { PASS, DONE, END, REWRITE, REWRITE_DONE, SPIN, GARBAGE, AGAIN };

static u64 mode, other_mode, calls, results, owns, last_number, last_rdi, last_result, last_own;
static u64 refused; // own call that is not made, + 1
static u64 turns = 1ul << 40, installed;

HANDLER(foreign_call, u64, called, (struct ext_foreign_call * call)) {
    u64 sum = 0;
    calls++;
    last_number = call->rax;
    last_rdi = call->rdi;
    switch (mode) {
    case DONE:
        call->rax = 4242;
        return EXT_DONE;
    case END:
        return EXT_END;
    case REWRITE:
        call->rdi = 77;
        call->rax++;
        return EXT_PASS;
    case REWRITE_DONE:
        call->rdi = 77;
        call->rax = 88;
        return EXT_DONE;
    case SPIN:
        for (u64 i = 0; i < turns; i++)
            sum = sum * 3 + turns;
        return sum & 1;
    case GARBAGE:
        return ~0ul;
    case AGAIN: // three times
        return calls % 4 ? EXT_AGAIN : EXT_PASS;
    default:
        return EXT_PASS;
    }
}

// Another one, which nothing depends on.
HANDLER_AT(foreign_call, later, u64, called_too, (struct ext_foreign_call * call)) {
    return call->rax == ~0ul ? EXT_END : EXT_PASS;
}

HANDLER(foreign_result, u64, returned, (const struct ext_foreign_result *result)) {
    u64 sum = 0;
    results++;
    last_number = result->number;
    last_result = result->result;
    for (u64 i = 0; other_mode == SPIN && i < turns; i++)
        sum = sum * 3 + turns;
    return sum == 1 ? EXT_END : ~0ul;
}

HANDLER(own_call, u64, own, (const struct ext_own_call *call)) {
    owns++;
    last_own = call->number;
    if (refused != call->number + 1)
        return EXT_PASS;
    return other_mode == END ? EXT_END : EXT_DONE;
}

ENTRY(u64, set_mode, (u64 to)) {
    mode = to;
    return calls;
}
ENTRY(u64, set_other_mode, (u64 to)) {
    other_mode = to;
    return results;
}
ENTRY(u64, refuse, (u64 number)) {
    refused = number + 1;
    return owns;
}
ENTRY(u64, last, (u64 which)) {
    return which == 0 ? last_number : which == 1 ? last_rdi : which == 2 ? last_result : last_own;
}
ENTRY(u64, install_again, (void)) {
    installed = (u64)HANDLER_INSTALL(called_too, 0);
    return installed;
}
ENTRY(u64, remove, (u64 name)) {
    return (u64)handler_remove(name);
}
// tests/guest/test_extension_long.c gives it other names.
ENTRY(u64, presence, (void)) {
    return calls + results;
}
