// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What a guard asks, as data. A guard is a verified function of the event's arguments without side
// effects; if all that it does is to compare fields with constants, and all of its comparisons must
// hold, it becomes a list of tests, which the dispatcher can share, order and hash. Any other guard
// is opaque: it is called.
//
// The value of a field for given arguments, in 64 bits:
//     v = argument, or the `bytes` wide word at argument + offset, zero- or sign-extended
//     v = v with its low `swap` bytes in reverse order      (swap 0: as it is)
//     v = (v >> shift & mask) + add, cut to 32 bits if narrow
//
// A field is *sure* if it can be read whenever the event is raised: only those may be tested before
// the tests that stand before them in the guard.

#ifndef ENGINE_GUARD_H
#define ENGINE_GUARD_H

#include <stdbool.h>

#include "abi/types.h"
#include "engine/engine.h"

enum {
    DISPATCH_ARGS = ENGINE_ARGS,
    DISPATCH_TESTS = 8,   // of one handler: its guards and the imposed ones
    DISPATCH_OPAQUES = 4, // guards of one handler that are called
};

struct dispatch_field {
    u8 argument;
    u8 memory; // 1: word behind the argument, 0: the argument itself
    u8 bytes;  // of the word: 1, 2, 4, 8; 8 for arguments themselves
    u8 sign;
    u8 swap; // 0, 2, 4, 8
    u8 shift;
    u8 narrow;
    u8 sure;
    i32 offset;
    u64 mask, add;
};

enum dispatch_relation {
    DISPATCH_EQ, // also: equal under a mask
    DISPATCH_NE,
    DISPATCH_BELOW, // unsigned
    DISPATCH_NOT_BELOW,
    DISPATCH_ABOVE,
    DISPATCH_NOT_ABOVE,
    DISPATCH_LESS, // signed, of 32 bits if the field is narrow
    DISPATCH_NOT_LESS,
    DISPATCH_GREATER,
    DISPATCH_NOT_GREATER,
};

struct dispatch_test {
    struct dispatch_field field;
    u8 relation;
    u64 value;
    u8 closure; // value is the handler's closure, not known yet: 1 all of it, 2 its low 32 bits
};

enum dispatch_guard_kind {
    DISPATCH_GUARD_TESTS, // all of `tests` hold; none: always true
    DISPATCH_GUARD_NEVER,
    DISPATCH_GUARD_OPAQUE, // must be called
};

struct dispatch_guard {
    enum dispatch_guard_kind kind;
    u32 count;
    struct dispatch_test tests[DISPATCH_TESTS];
};

// What function number `function` of a verified program asks of arguments of the hook's types.
// Anything it does not understand, or has no memory for, makes the guard opaque. Bounded work.
// has_closure: the hook's last argument is the closure of the handler.
void dispatch_guard_analyse(const struct engine_program *program,
                            const struct engine_verdict *verdict, u32 function,
                            const struct engine_hook *hook, bool has_closure,
                            struct dispatch_guard *guard);

// Puts the closure into the tests that compare with it; false if one of them can never hold.
bool dispatch_tests_close(struct dispatch_test *tests, u32 count, u64 closure);

// Can the test be looked up: a sure field, as it lies in memory, under a mask, equal to a constant?
static inline bool dispatch_test_is_key(const struct dispatch_test *test) {
    const struct dispatch_field *f = &test->field;
    return test->relation == DISPATCH_EQ && f->sure && !f->sign && !f->swap && !f->shift &&
           !f->narrow && !f->add;
}

bool dispatch_field_equal(const struct dispatch_field *a, const struct dispatch_field *b);

// The value of a field, and the outcome of a test, as the definition above says: for tests, and for
// deciding tests of known values.
u64 dispatch_field_finish(const struct dispatch_field *field, u64 raw); // raw: extended word
bool dispatch_test_holds(const struct dispatch_test *test, u64 value);  // of the finished field

// Brings an EQ test into the form that can be looked up, if its field can; returns false if it can
// never hold.
bool dispatch_test_normalise(struct dispatch_test *test);

#endif
