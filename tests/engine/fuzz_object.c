// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// libFuzzer target: any bytes as an object, the whole way to machine code, and linked with
// themselves. The first byte chooses how scarce memory is, so that failing allocations are met in
// odd places too.

#include <stdlib.h>

#include "tests/engine/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_leaks(const struct host_memory *memory) {
    if (memory->now)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (!size)
        return 0;
    struct host_memory memory = {.fail_at = bytes[0] < 64 ? bytes[0] : 0, .limit = 64 << 20};
    struct engine_host host = host_make(&memory);
    struct engine_refusal refusal;
    struct engine_object *object = NULL, *linked = NULL;
    struct host_program program = {0};
    host.log = NULL;
    int error = engine_object_load(&host, bytes + 1, size - 1, &object, &refusal);
    if (!error) {
        struct engine_object *both[2] = {object, object};
        if (engine_object_link(&host, both, 2, &linked, &refusal) == 0)
            engine_object_free(linked);
        error =
            engine_program_create(&host, object, &fixture_interface, 0, &program.program, &refusal);
    }
    if (!error) {
        program.has_verdict = true;
        error = engine_verify(program.program, NULL, &program.verdict);
    }
    if (!error)
        program.has_code =
            engine_jit_compile(program.program, &program.verdict, 0, &program.code) == 0;
    if (error == ENGINE_ERROR_REFUSED) {
        char text[4096];
        const struct engine_refusal *why =
            program.has_verdict ? &program.verdict.refusal : &refusal;
        engine_refusal_print(why, program.program, text, sizeof(text));
    }
    engine_object_free(object);
    host_program_free(&program);
    check_leaks(&memory);
    return 0;
}
