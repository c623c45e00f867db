// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// strace from the inside: notes the foreign calls of the envs that it watches, with WATCH_RESULTS
// also what they returned, and lets them go on. Whoever loaded it takes the notes out when it
// likes; until then they lie in the extension's own memory, and the traced program waits for
// nobody. What finds no room is counted. `tri-ext trace` prints them (apps/tri-ext/trace.c).

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

#define NOTES  1024 // a power of two
#define DRAIN  32   // in one call
#define RESULT (1ul << 63)

struct note {
    u64 env, number; // RESULT: of that call, in arguments[0]
    u64 arguments[6];
};

static struct note notes[NOTES];
static u64 written, taken, lost;

// The next one to be filled in; or null.
static struct note *note_new(u64 env, u64 number) {
    struct note *note = &notes[written % NOTES];
    if (written - taken == NOTES) {
        lost++;
        return 0;
    }
    note->env = env;
    note->number = number;
    written++;
    return note;
}

HANDLER(foreign_call, u64, trace, (struct ext_foreign_call * call)) {
    struct note *note = note_new(call->env, call->rax & ~RESULT);
    if (note) {
        note->arguments[0] = call->rdi;
        note->arguments[1] = call->rsi;
        note->arguments[2] = call->rdx;
        note->arguments[3] = call->r10;
        note->arguments[4] = call->r8;
        note->arguments[5] = call->r9;
    }
    return EXT_PASS;
}

HANDLER(foreign_result, u64, trace_result, (const struct ext_foreign_result *result)) {
    struct note *note = note_new(result->env, result->number | RESULT);
    if (note)
        note->arguments[0] = result->result;
    return EXT_PASS;
}

// Moves notes to an array in the memory of whoever loaded this, aligned to 64; returns how many.
ENTRY(u64, drain, (u64 array, u64 room)) {
    u64 space = env_space(env_loader()), done = 0;
    for (u32 i = 0; i < DRAIN; i++) {
        if (done >= room || taken == written)
            break;
        if (space_write(CAP_SLOT_SPACE, space, array + done * sizeof(struct note),
                        &notes[taken % NOTES], sizeof(struct note)))
            break;
        taken++;
        done++;
    }
    return done;
}

ENTRY(u64, overflow, (void)) {
    return lost;
}
