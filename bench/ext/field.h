// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The event of these extensions, and its handlers: each is for one value of a field. They keep
// nothing, and so say that they may run on several processors at once.

#ifndef BENCH_EXT_FIELD_H
#define BENCH_EXT_FIELD_H

#include "abi/ext/extension.h"

CONCURRENT

struct field {
    u32 kind;
    u32 value;
};

#define ON(at)                                                                                     \
    GUARD(handle_##at, guard_##at, (const struct field *field)) {                                  \
        return field->kind == (at);                                                                \
    }                                                                                              \
    HANDLER(field_event, u64, handle_##at, (const struct field *field)) {                          \
        return field->value;                                                                       \
    }
#define TEN(t)                                                                                     \
    ON(t##0) ON(t##1) ON(t##2) ON(t##3) ON(t##4) ON(t##5) ON(t##6) ON(t##7) ON(t##8) ON(t##9)

#endif
