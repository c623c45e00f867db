// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Running a program: one struct engine_run per activation (it may be used again, not at the same
// time). Machine code reads and writes its fields at the offsets given here.
//
// Budget. meter counts down at METERED transfers only; below zero the run is cancelled there.
// engine_run_cancel makes that happen at the next one; it is for the processor that the program
// runs on (from an interrupt).
//
// Cancellation. The frames of the program are dropped at once: the interpreter returns, machine
// code restores the native stack pointer of the entry (native_stack) and returns. Then everything
// in held[] is released, newest first, by its layout's release function. Status and place stay in
// the run; the caller gets the status; r0 is not touched.
//
// held[] is the run-time table of references that the program owns: every call of an import with an
// ACQUIRE result or RELEASE arguments goes through engine_run_import, which keeps it. The verifier
// proves that it is empty at exit, and what one program holds fits. Programs that call each other
// share it: with no room left an import whose result may be null isn't called, and gives null; any
// other ends the run, as both do in the unverified mode.

#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "engine/program.h"

enum engine_status {
    ENGINE_RUN_OK,
    ENGINE_RUN_BUDGET,    // meter used up
    ENGINE_RUN_CANCELLED, // engine_run_cancel
    ENGINE_RUN_IMPORT,    // an import with ENGINE_IMPORT_CANCELS said so
    ENGINE_RUN_STACK,     // a metered call did not fit, or was nested too deeply
    ENGINE_RUN_CALLABLE,  // a checked call through a register that holds no callable value
    ENGINE_RUN_HELD,      // more references held than fit, or (unverified) not released at exit
    ENGINE_RUN_ACCESS,    // unverified mode: access outside of stack, arena and regions, or an
                          // unaligned atomic
    ENGINE_RUN_SETUP, // the run does not fit the program (no stack, no arena): nothing was executed
    ENGINE_RUN_STATUSES
};

struct engine_held {
    uint64_t reference;
    const struct engine_layout *layout;
};

// Memory that the unverified mode lets the program access.
struct engine_region {
    uint64_t address, size;
    uint32_t writable;
};

struct engine_run {
    // Set by the embedder. Offsets are known to machine code: see the assertions.
    int64_t meter;       // 0: remaining budget
    uint64_t arena;      // 8: its address, a multiple of its size; initialised by engine_arena_init
    uint64_t arena_mask; // 16: size - 1 (set by the engine from the program)
    uint64_t stack_top;  // 24: r10 of the entry; 16-aligned
    uint64_t stack_low;  // 32: lowest usable address
    // Kept by the engine.
    uint64_t native_stack;                // 40: stack pointer to go back to on cancellation
    uint32_t status;                      // 48: enum engine_status
    uint32_t depth;                       // 52: see ENGINE_PROOF_METERED
    uint32_t status_pc;                   // 56: slot of the transfer or access that ended the run
    uint32_t held_count;                  // 60
    const struct engine_program *program; // 64
    uint64_t scratch[2];                  // 72: for machine code
    struct engine_held held[ENGINE_HELD_MAX];
    // Set by the embedder.
    void *cookie;                        // for its imports
    const struct engine_region *regions; // unverified mode
    uint32_t region_count;
    // Optional: the interpreter calls it before each instruction (fuzzing oracle, tracing).
    void (*observe)(struct engine_run *run, uint32_t pc, const uint64_t *registers);
    uint64_t executed; // instructions, counted by the interpreter
    // For machine code of the embedder's own between programs; not read by the engine: the lowest
    // stack pointer with which it may call another, and what kind of thread this is.
    uint64_t stack_limit;
    uint32_t mode;
    // What such code has cost, from a start that the embedder chooses. Not read by the engine.
    int64_t spent;
    void *activation; // the embedder's: what is being run
    // Optional: machine code of `program` ends the run early, at status_pc; stack is its stack
    // pointer, and what is above it is still there.
    void (*ended)(struct engine_run *run, const struct engine_program *program, uint64_t stack);
};
_Static_assert(offsetof(struct engine_run, meter) == 0 && offsetof(struct engine_run, arena) == 8 &&
                   offsetof(struct engine_run, arena_mask) == 16 &&
                   offsetof(struct engine_run, stack_top) == 24 &&
                   offsetof(struct engine_run, stack_low) == 32 &&
                   offsetof(struct engine_run, native_stack) == 40 &&
                   offsetof(struct engine_run, status) == 48 &&
                   offsetof(struct engine_run, depth) == 52 &&
                   offsetof(struct engine_run, status_pc) == 56 &&
                   offsetof(struct engine_run, program) == 64,
               "offsets known to machine code");

// Machine code of a program. Made by engine_jit_compile.
struct engine_code {
    const struct engine_program *program;
    struct engine_code_memory memory;
    const uint32_t *offsets;   // per slot: offset of its machine code, UINT32_MAX if none;
                               // offsets[insn_count] the end. For disassembly and profiles; NULL if
                               // the compiler was told not to keep it
    const uint64_t *callables; // per function: address for CALL_REG, 0 if none
    size_t size;               // bytes of machine code
    bool fixed;                // made for one arena: run->arena is not read
    void *blocks;
};

// Writes the initial image of the globals and their fixups to a fresh arena and clears the rest of
// the first `size` bytes (at least arena_image_size). arena must be a multiple of the arena size.
void engine_arena_init(const struct engine_program *program, void *arena, size_t size);

// The one place where imports with references are called: keeps held[]. Also checks run->status
// afterwards: returns with it non-zero if the run must end. Used by interpreter and machine code
// alike.
uint64_t engine_run_import(struct engine_run *run, const struct engine_import *import,
                           const uint64_t *arguments);

// What machine code jumps to has run when a run ends early: releases what is held. Sets depth and
// held_count to 0.
void engine_run_unwind(struct engine_run *run);
// Releases what is held beyond the first `held`.
void engine_run_release(struct engine_run *run, uint32_t held);
// What machine code calls when it ends early.
void engine_run_ended(struct engine_run *run, const struct engine_program *program, uint64_t stack);

// Makes the run stop at its next metered transfer.
static inline void engine_run_cancel(struct engine_run *run) {
    run->meter = INT64_MIN / 2;
}

// Address in the arena for any number: for imports with ENGINE_ARENA arguments. Up to
// ENGINE_ARENA_SLACK bytes from there are accessible; for more the import must clip to the arena's
// end.
static inline void *engine_run_arena(const struct engine_run *run, uint64_t value) {
    return (void *)(uintptr_t)(run->arena | (value & run->arena_mask));
}

#endif
