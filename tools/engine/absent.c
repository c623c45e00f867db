// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Stand-ins for the verifier and the JIT, while a build lacks them: they refuse everything. Weak:
// the real ones win.

#include <string.h>

#include "engine/engine.h"

#define ABSENT __attribute__((weak))

ABSENT int engine_verify(const struct engine_program *program,
                         const struct engine_verify_options *options,
                         struct engine_verdict *verdict) {
    (void)program, (void)options;
    memset(verdict, 0, sizeof(*verdict));
    verdict->refusal = (struct engine_refusal){.code = ENGINE_REFUSED_MEMORY, .pc = ENGINE_NO_PC};
    strcpy(verdict->refusal.missing, "this build has no verifier");
    return ENGINE_ERROR_REFUSED;
}

ABSENT void engine_verdict_free(struct engine_verdict *verdict) {
    (void)verdict;
}

ABSENT int engine_jit_compile(const struct engine_program *program,
                              const struct engine_verdict *verdict, uint32_t flags,
                              struct engine_code *code) {
    (void)program, (void)verdict, (void)flags, (void)code;
    return ENGINE_ERROR_LIMIT;
}

ABSENT void engine_code_free(struct engine_code *code) {
    (void)code;
}

ABSENT enum engine_status engine_jit_run(const struct engine_code *code, struct engine_run *run,
                                         uint32_t entry, const uint64_t *arguments, uint64_t *r0) {
    (void)code, (void)run, (void)entry, (void)arguments, (void)r0;
    return ENGINE_RUN_SETUP;
}
