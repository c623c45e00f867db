// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the verifier believed of the registers before an instruction, as numbers: for tests, which
// hold it against what an interpreter sees (engine_verify_options.believe). If a slot is reported
// several times, only the last report counts: it covers all calls and turns.

#ifndef ENGINE_VERIFY_BELIEF_H
#define ENGINE_VERIFY_BELIEF_H

#include <stdint.h>

enum engine_belief_kind {
    ENGINE_BELIEF_NOTHING, // never read
    ENGINE_BELIEF_NUMBER,
    ENGINE_BELIEF_STACK, // distance from r10 of the function
    ENGINE_BELIEF_CONTEXT,
    ENGINE_BELIEF_BUFFER,
    ENGINE_BELIEF_PACKET,
    ENGINE_BELIEF_ARENA, // distance from the arena's start, or any number
    ENGINE_BELIEF_REFERENCE,
};

struct engine_belief {
    uint8_t kind;     // enum engine_belief_kind
    uint8_t nullable; // or 0 instead
    uint32_t same;    // registers with the same id, not 0, are equal
    uint64_t value, mask;
    uint64_t umin, umax;
    int64_t smin, smax;
    uint32_t wmin, wmax;
    int32_t imin, imax;
};

#endif
