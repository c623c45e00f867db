// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Two oracles for one program: what the verifier accepts must run alike, and without a bad access,
// in the unverified interpreter, the verified one and as machine code; and each state that the
// interpreter passes through must lie within what the verifier believed there.

#ifndef TESTS_ENGINE_VERIFY_ORACLE_H
#define TESTS_ENGINE_VERIFY_ORACLE_H

#include "tests/engine/verify/generate.h"

struct oracle_counts {
    uint64_t programs, accepted, repaired, runs, instructions, beliefs;
};

// Replaces what is refused (at most so many times) until the program is accepted, then runs it.
// False: an oracle objects; says so on stderr.
bool oracle_check(struct generated_program *program, uint64_t seed, struct oracle_counts *counts);

#endif
