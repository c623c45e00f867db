// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random programs that try the verifier: pointers with computed offsets and checks that sometimes
// suffice, relations between registers, loops, spills, null checks, local calls. Choices come from
// a string of bytes (a fuzzer's input) and, when it ends, from a generator seeded by its length.

#ifndef TESTS_ENGINE_VERIFY_GENERATE_H
#define TESTS_ENGINE_VERIFY_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

enum { GENERATED_SLOTS = 512 };
enum { ORACLE_SPAN, ORACLE_CONTEXT, ORACLE_PACKET };

struct choices {
    const uint8_t *bytes;
    size_t size, at;
    uint64_t random;
};

struct generated_program {
    struct engine_wire slots[GENERATED_SLOTS];
    uint32_t count;
    uint8_t hook; // ORACLE_*
    bool arena;   // give it one
};

// Bytes of the span, at most; also of the packet.
enum { ORACLE_SPAN_MAX = 4096, ORACLE_ARENA_LOG2 = 12 };

uint32_t choices_pick(struct choices *choices, uint32_t n);
void generate_program(struct generated_program *program, struct choices *choices);

#endif
