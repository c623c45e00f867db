// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random programs that are right by construction, with a verdict that says so: what the
// differential test of interpreter and compiler runs. Every register is written before it is read,
// every loop ends (or is metered), every access is in the frame, in the buffer, or masked into the
// arena.

#ifndef TESTS_ENGINE_JIT_GENERATE_H
#define TESTS_ENGINE_JIT_GENERATE_H

#include "tools/engine/host.h"

enum {
    GENERATE_CALLS = 64,
    GENERATE_SLOTS = 2048,
    GENERATE_FUNCTIONS = 4,
    GENERATE_FRAME = 256,
    GENERATE_ARENA_LOG2 = 12,
    GENERATE_BUFFER = 64,
};

struct generated {
    struct engine_wire slots[GENERATE_SLOTS];
    engine_proof proof[GENERATE_SLOTS];
    uint32_t count;
    uint32_t starts[GENERATE_FUNCTIONS + 1];
    uint32_t functions;
    struct engine_call_target calls[GENERATE_CALLS]; // proved targets of calls through registers
    uint32_t call_count;
    bool zero_frame; // frames are cleared, and may be read unwritten
    bool metered;
};

// The interface: imports 0 (hashes its arguments) and 1 (may cancel).
extern const struct engine_interface generate_interface;

void generate(struct generated *g, uint64_t seed, unsigned size);

uint64_t generate_random(uint64_t *state);

#endif
