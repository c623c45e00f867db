// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Makes calls fail on purpose: the nth call with a number returns an error, and never reaches the
// library OS. For testing what programs do when the disk is full, or memory is.

#include "abi/ext/watch.h"

#define FAULTS 16

static struct fault {
    u64 number, nth, times; // calls nth, nth + 1, … nth + times - 1
    u64 error;
    u64 seen, failed;
} faults[FAULTS];
static u64 count;

HANDLER(foreign_call, u64, inject, (struct ext_foreign_call * call)) {
    for (u32 i = 0; i < FAULTS; i++) {
        struct fault *fault = &faults[i];
        if (i >= count || fault->number != call->rax)
            continue;
        fault->seen++;
        if (fault->seen >= fault->nth && fault->seen - fault->nth < fault->times) {
            fault->failed++;
            call->rax = -fault->error;
            return EXT_DONE;
        }
    }
    return EXT_PASS;
}

// Returns the fault's index, or ~0.
ENTRY(u64, fail, (u64 number, u64 nth, u64 times, u64 error)) {
    if (count >= FAULTS)
        return ~0ul;
    faults[count % FAULTS] = (struct fault){number, nth, times, error, 0, 0};
    return count++;
}

ENTRY(u64, failed, (u64 index)) {
    return index < FAULTS ? faults[index].failed : 0;
}
