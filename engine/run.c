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

// Where a reference is held, the newest first; -1: it is not.
static int held_find(const struct engine_run *run, uint64_t reference) {
    int i = (int)run->held_count - 1;
    while (i >= 0 && run->held[i].reference != reference)
        i--;
    return i;
}

static void held_remove(struct engine_run *run, uint64_t reference) {
    int i = held_find(run, reference);
    if (i < 0)
        return;
    run->held_count--;
    for (; (uint32_t)i < run->held_count; i++)
        run->held[i] = run->held[i + 1];
}

static bool releases(const struct engine_import *import, uint32_t i, const uint64_t *arguments) {
    const struct engine_type *type = &import->arguments[i];
    bool absent = (type->flags & ENGINE_TYPE_NULLABLE) && arguments[i] == 0;
    return (type->flags & ENGINE_TYPE_RELEASE) && !absent;
}

// What is released stays in the table until the import has returned: the way there may lead through
// code of the embedder's where a run can be ended.
uint64_t engine_run_import(struct engine_run *run, const struct engine_import *import,
                           const uint64_t *arguments) {
    bool acquires = (import->result.flags & ENGINE_TYPE_ACQUIRE) != 0;
    uint32_t released = 0;
    for (uint32_t i = 0; i < import->argument_count; i++) {
        if (!releases(import, i, arguments))
            continue;
        released++;
        if (held_find(run, arguments[i]) < 0) {
            run->status = ENGINE_RUN_HELD;
            return 0;
        }
    }
    if (acquires && run->held_count - released >= ENGINE_HELD_MAX) { // nothing is released, then
        if (!(import->result.flags & ENGINE_TYPE_NULLABLE))
            run->status = ENGINE_RUN_HELD;
        return 0;
    }
    uint64_t result =
        import->function(arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], run);
    for (uint32_t i = 0; i < import->argument_count && released; i++)
        if (releases(import, i, arguments))
            held_remove(run, arguments[i]);
    if (acquires && result) {
        const struct engine_layout *layout = import->acquired;
        if (!layout)
            layout = &run->program->interface->layouts[import->result.layout];
        run->held[run->held_count++] = (struct engine_held){result, layout};
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
