// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// An import declared with another type than it has.

typedef unsigned char u8;
typedef unsigned long u64;
#define SECTION(name) __attribute__((section(name), used))

u64 thing_value(u64 thing);

SECTION("buffer") u64 use(u8 *data, u64 len) {
    return thing_value((u64)len);
}
