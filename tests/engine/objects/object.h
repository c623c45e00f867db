// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the test objects share: the programs' side of tests/engine/fixture.h.

#ifndef TESTS_ENGINE_OBJECTS_OBJECT_H
#define TESTS_ENGINE_OBJECTS_OBJECT_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define SECTION(name) __attribute__((section(name), used))
#define NOINLINE      __attribute__((noinline))

struct fixture_context {
    u8 *data, *data_end;
    u32 mark, length;
    u64 stamp;
    u8 bytes[16];
    u64 words[4];
};

struct thing;

struct thing *thing_get(u64 key);
void thing_put(struct thing *thing);
u64 thing_value(struct thing *thing);
u64 add(u64 a, u64 b);

#endif
