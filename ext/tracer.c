// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// strace from the inside: notes the foreign calls of the envs that it watches, and lets them go on.
// Whoever loaded it takes the notes out when it likes; until then they lie in the extension's own
// memory, and the traced program waits for nobody. What finds no room is counted.
//
// Results of calls are not seen: the library OS returns to its program without the kernel.

#include "abi/ext/memory.h"
#include "abi/ext/watch.h"

#define NOTES 1024 // a power of two
#define DRAIN 32   // in one call

struct note {
    u64 env, number, arguments[6];
};

static struct note notes[NOTES];
static u64 written, taken, lost;

HANDLER(foreign_call, u64, trace, (struct ext_foreign_call * call)) {
    if (written - taken == NOTES) {
        lost++;
        return EXT_PASS;
    }
    struct note *note = &notes[written % NOTES];
    note->env = call->env;
    note->number = call->rax;
    note->arguments[0] = call->rdi;
    note->arguments[1] = call->rsi;
    note->arguments[2] = call->rdx;
    note->arguments[3] = call->r10;
    note->arguments[4] = call->r8;
    note->arguments[5] = call->r9;
    written++;
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
