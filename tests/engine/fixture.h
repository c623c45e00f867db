// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The interface that test programs are written against: three kinds of entry, and a few imports
// with every sort of argument. Import numbers (for `call N`) are the order below.
//
//     buffer(data, len)     hook 0: a buffer of the case's input size (r1 = 0 if it is empty)
//     context(ctx)          hook 1: struct fixture_context
//     packet(ctx)           hook 2: the same, whose data..data_end is the input
//     arena(data, len)      hook 3: the input is at the start of the program's arena of 4 KiB
//
//     0  struct thing *thing_get(u64 key)      acquires; null if key is 0
//     1  void thing_put(struct thing *)        releases
//     2  u64 thing_value(struct thing *)       borrows
//     3  u64 sum_bytes(const void *, u64 len)  reads program memory
//     4  void fill_bytes(void *, u64 len, u64) writes program memory
//     5  u64 add(u64, u64)                     pure, deterministic
//     6  u64 clock(void)                       not deterministic
//     7  u64 stop_if(u64)                      ends the run if its argument is not 0
//     8  void cancel_run(void)                 cancels it: at its next metered transfer

#ifndef TESTS_ENGINE_FIXTURE_H
#define TESTS_ENGINE_FIXTURE_H

#include "tools/engine/host.h"

struct fixture_context {
    uint64_t data, data_end; // offsets 0, 8: packet pointers (hook packet only)
    uint32_t mark;           // 16: may be written
    uint32_t length;         // 20: read only
    uint64_t stamp;          // 24: read only
    uint8_t bytes[16];       // 32: array, read only
    uint64_t words[4];       // 48: array, may be written
};

struct fixture_thing {
    uint64_t value;
    int64_t count; // of references out
};

enum { FIXTURE_BUFFER, FIXTURE_CONTEXT, FIXTURE_PACKET, FIXTURE_ARENA, FIXTURE_HOOKS };

// All hooks and imports, but `arena`, which is for bare programs; fixed sizes: buffer is 64 bytes.
extern const struct engine_interface fixture_interface;

// One hook alone, for bare programs; size is that of the buffer or packet at most.
struct fixture_single {
    struct engine_interface interface;
    struct engine_hook hook;
};
void fixture_single_init(struct fixture_single *single, unsigned hook, size_t size);

// State of the imports; the run's cookie points to it.
struct fixture {
    struct fixture_context context;
    struct fixture_thing thing;
    uint64_t clock;
};

// Fills in context and arguments for a run over input[0..size), after host_run_reset.
void fixture_begin(struct fixture *fixture, struct engine_run *run, unsigned hook, uint8_t *input,
                   size_t size, uint64_t *arguments);

#endif
