// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A policy for the foreign calls of a program: each number is allowed, allowed if an argument looks
// as it must, answered with an error, or the end of the program. What nobody has said is the end.
// Start it with WATCH_STRICT, so that unloading this is no way out. (What the program can do with
// system calls of Tricolor itself its capabilities say.)

#include "abi/ext/watch.h"

#define CALLS 512
#define RULES 32

enum verdict { END, ALLOW, ANSWER };

static struct policy {
    u8 verdict, rules;
    u16 error;
} policy[CALLS];
static struct rule {
    u32 number, argument;
    u64 mask, value;
} rules[RULES];
static u64 rule_count, ended;

static u64 argument_of(const struct ext_foreign_call *call, u32 index) {
    return index == 0   ? call->rdi
           : index == 1 ? call->rsi
           : index == 2 ? call->rdx
           : index == 3 ? call->r10
           : index == 4 ? call->r8
                        : call->r9;
}

HANDLER(foreign_call, u64, judge, (struct ext_foreign_call * call)) {
    u64 number = call->rax;
    if (number >= CALLS || policy[number].verdict == END) {
        ended++;
        return EXT_END;
    }
    if (policy[number].verdict == ANSWER) {
        call->rax = -(u64)policy[number].error;
        return EXT_DONE;
    }
    if (!policy[number].rules)
        return EXT_PASS;
    for (u32 i = 0; i < RULES; i++)
        if (i < rule_count && rules[i].number == number &&
            (argument_of(call, rules[i].argument) & rules[i].mask) != rules[i].value) {
            ended++;
            return EXT_END;
        }
    return EXT_PASS;
}

ENTRY(u64, allow, (u64 number)) {
    if (number < CALLS)
        policy[number].verdict = ALLOW;
    return number < CALLS;
}

ENTRY(u64, answer, (u64 number, u64 error)) {
    if (number < CALLS)
        policy[number] = (struct policy){ANSWER, 0, (u16)error};
    return number < CALLS;
}

// Beside that, argument & mask must be value.
ENTRY(u64, require, (u64 number, u64 argument, u64 mask, u64 value)) {
    if (number >= CALLS || rule_count >= RULES)
        return 0;
    rules[rule_count % RULES] = (struct rule){(u32)number, (u32)argument, mask, value};
    rule_count++;
    policy[number].rules = 1;
    return 1;
}

ENTRY(u64, violations, (void)) {
    return ended;
}
