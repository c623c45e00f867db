// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Offsets that strand_import.S uses: see kernel/sal/x86_64/offsets.c.

#include "kernel/spin/ext.h"

#define DEFINE(name, value)       __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
#define OFFSET(name, type, field) DEFINE(name, __builtin_offsetof(struct type, field))

_Static_assert(__builtin_offsetof(struct strand, late) ==
                       __builtin_offsetof(struct strand, token) + 1 &&
                   __builtin_offsetof(struct strand_crew, scheduled) ==
                       __builtin_offsetof(struct strand_crew, dying) + 1,
               "looked at together");

void offsets(void);
void offsets(void) {
    OFFSET(RUN_MODE, engine_run, mode);
    DEFINE(RUN_STRAND, EXT_RUN_STRAND);
    DEFINE(RUN_LOCKED, EXT_RUN_LOCKED);
    DEFINE(RUN_RAISED, EXT_RUN_RAISED);
    DEFINE(INDEX_MASK, (1ul << ABI_INDEX_BITS) - 1);

    OFFSET(SPIN_CPU_STRAND, cpu, strand);
    OFFSET(SPIN_CPU_NUMBER, cpu, number);
    OFFSET(SPIN_CPU_EPOCH, cpu, epoch);

    OFFSET(STRAND_RSP, strand, rsp);
    OFFSET(STRAND_ID, strand, id);
    OFFSET(STRAND_ROW, strand, row);
    OFFSET(STRAND_CREW, strand, crew);
    OFFSET(STRAND_PARTNER, strand, partner);
    OFFSET(STRAND_FLUSHED, strand, flushed);
    OFFSET(STRAND_TOKEN, strand, token);
    OFFSET(CREW_DYING, strand_crew, dying);
    OFFSET(STRAND_ROW_STATE, abi_strand, state);
    OFFSET(STRAND_ROW_CPU, abi_strand, cpu);
    OFFSET(STRAND_ROW_RUNS, abi_strand, runs);
    DEFINE(STRAND_ROW_BLOCKED, STRAND_BLOCKED);
    DEFINE(STRAND_ROW_RUNNING, STRAND_RUNNING);
}
