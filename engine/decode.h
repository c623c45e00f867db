// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside the engine: wire slots to internal instructions, and refusals.

#ifndef ENGINE_DECODE_H
#define ENGINE_DECODE_H

#include "engine/engine.h"

// Decodes count slots into out[count]. Jump targets are absolute and inside [0, count) afterwards.
// Until functions are known (program.c), CALL_LOCAL and ENGINE_IMM_FUNCTION hold the absolute slot
// of their target in imm.
int engine_decode(const uint8_t *slots, uint32_t count, struct engine_insn *out,
                  struct engine_refusal *refusal);

// Checks one function, which begins with an instruction: jumps stay inside and miss holes, and its
// end is never passed.
int engine_decode_check_function(const struct engine_insn *insns, uint32_t entry, uint32_t length,
                                 struct engine_refusal *refusal);

// Fills in a fresh refusal and returns ENGINE_ERROR_REFUSED (for MEMORY, ENGINE_ERROR_MEMORY).
int engine_refuse(struct engine_refusal *refusal, enum engine_refusal_code code, uint32_t pc,
                  int64_t a, int64_t b);
int engine_refuse_name(struct engine_refusal *refusal, enum engine_refusal_code code,
                       const char *name);

#endif
