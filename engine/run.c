// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What interpreter and machine code share at run time: arenas, imports with references, unwinding.

#include "engine/run.h"

#include "base/bits.h"
#include "base/string.h"
#include "engine/engine.h"

void engine_arena_init(const struct engine_program *program, void *arena, size_t size) {
    uint8_t *bytes = arena;
    size_t image = program->arena_image_size;
    if (image)
        memcpy(bytes, program->arena_image, image);
    memset(bytes + image, 0, size - image);
    for (uint32_t i = 0; i < program->arena_fixup_count; i++) {
        uint8_t *word = bytes + program->arena_fixups[i];
        bits_store64(word, bits_load64(word) + (uint64_t)(uintptr_t)arena);
    }
}

// Forgets a held reference; false if it is not held.
static bool held_remove(struct engine_run *run, uint64_t reference) {
    for (uint32_t i = run->held_count; i-- > 0;) {
        if (run->held[i].reference != reference)
            continue;
        run->held_count--;
        for (; i < run->held_count; i++)
            run->held[i] = run->held[i + 1];
        return true;
    }
    return false;
}

uint64_t engine_run_import(struct engine_run *run, const struct engine_import *import,
                           const uint64_t *arguments) {
    bool acquires = (import->result.flags & ENGINE_TYPE_ACQUIRE) != 0;
    if (acquires && run->held_count == ENGINE_HELD_MAX) {
        run->status = ENGINE_RUN_HELD;
        return 0;
    }
    for (uint32_t i = 0; i < import->argument_count; i++) {
        const struct engine_type *type = &import->arguments[i];
        bool absent = (type->flags & ENGINE_TYPE_NULLABLE) && arguments[i] == 0;
        if ((type->flags & ENGINE_TYPE_RELEASE) && !absent && !held_remove(run, arguments[i])) {
            run->status = ENGINE_RUN_HELD;
            return 0;
        }
    }
    uint64_t result =
        import->function(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], run);
    if (acquires && result) {
        const struct engine_layout *layouts = run->program->interface->layouts;
        run->held[run->held_count++] =
            (struct engine_held){result, &layouts[import->result.layout]};
    }
    return result;
}

void engine_run_ended(struct engine_run *run, const struct engine_program *program,
                      uint64_t stack) {
    if (run->ended)
        run->ended(run, program, stack);
}

void engine_run_release(struct engine_run *run, uint32_t held) {
    while (run->held_count > held) {
        struct engine_held last = run->held[--run->held_count];
        if (last.layout->release)
            last.layout->release(run, last.reference);
    }
}

void engine_run_unwind(struct engine_run *run) {
    engine_run_release(run, 0);
    run->depth = 0;
}

const char *engine_status_name(enum engine_status status) {
    static const char *const names[ENGINE_RUN_STATUSES] = {
        [ENGINE_RUN_OK] = "ok",
        [ENGINE_RUN_BUDGET] = "budget used up",
        [ENGINE_RUN_CANCELLED] = "cancelled",
        [ENGINE_RUN_IMPORT] = "ended by an imported function",
        [ENGINE_RUN_STACK] = "calls nested too deeply",
        [ENGINE_RUN_CALLABLE] = "call of something that is no function",
        [ENGINE_RUN_HELD] = "references not released, or too many held",
        [ENGINE_RUN_ACCESS] = "access to memory that is not the program's",
        [ENGINE_RUN_SETUP] = "the run has no stack or arena for this program",
    };
    return (unsigned)status < ENGINE_RUN_STATUSES ? names[status] : "?";
}
