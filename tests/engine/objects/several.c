// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// Several programs in one object, calls across sections, globals of each kind, pointers in globals.

#include "tests/engine/objects/object.h"

static const u32 squares[8] = {0, 1, 4, 9, 16, 25, 36, 49};
static u64 counter = 1000;
static u64 zeroed[512];
u64 *where[2] = {&counter, &zeroed[3]};

NOINLINE static u64 swapped(u64 x) {
    return x << 8 | x >> 8;
}

NOINLINE static u64 shared(u64 x) {
    return x * 3 + squares[x & 7];
}

SECTION("buffer") u64 first(u8 *data, u64 len) {
    if (len < 8)
        return 0;
    counter += data[0];
    return shared(data[1]) + counter;
}

SECTION("context/two") u64 second(struct fixture_context *ctx) {
    ctx->mark = 77;
    *where[0] += 5;
    *where[1] += ctx->bytes[2];
    return shared(ctx->length) + zeroed[3] + counter;
}

SECTION("packet") u64 third(struct fixture_context *ctx) {
    u8 *p = ctx->data;
    if (p + 14 > ctx->data_end)
        return ~0ul;
    return swapped(p[12] | p[13] << 8) & 0xffff;
}
