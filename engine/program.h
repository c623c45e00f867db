// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Objects, programs and verdicts: the data that loader, verifier, interpreter and JIT hand on.
//
//     object   (struct engine_object, object.h)   one ELF file, read and checked; not yet linked
//     program  (struct engine_program)            decoded, linked against one interface; immutable,
//     position independent verdict  (struct engine_verdict)            what the verifier found out
//     about the program: per slot, per function code     (struct engine_code)               machine
//     code of a program under a verdict run      (struct engine_run, run.h)         one activation:
//     stack, arena, meter, held references
//
// Arena. A program's globals (.rodata, .data, .bss) and heap are one arena of arena_size bytes, a
// power of two, at an address that is a multiple of it; ENGINE_ARENA_SLACK readable and writable
// bytes follow, which belong to nobody, so that the last byte may be accessed eight bytes wide.
// Arena pointers in the program are whole 64-bit addresses. An access that is marked MASKED goes to
//         base | ((register + displacement) & (arena_size - 1))         and for atomics, its low
//         log2(width) bits cleared
// and therefore stays in arena or slack whatever the register holds, also under misprediction; it
// cannot fault (an embedder that maps the arena lazily handles those faults). A program without
// arena (arena_size 0) has no masked accesses.
//
// Stack. A separate region of up to 64 KiB. r10 of the entry function is its top (16-aligned); a
// local call lowers r10 by the caller's frame_size for the callee, and restores it. Bytes of a
// frame that were never written read as zero: functions with zero_frame clear their frame [r10 -
// frame_size, r10) on entry, the others never read what they did not write.
//
// Callable values. What a register holds that points to a function, for `call reg`: v <
// import_count is the import v of the program, ENGINE_CALLABLE_LOCAL + i the function i. They are
// numbers, not addresses, the same everywhere.

#ifndef ENGINE_PROGRAM_H
#define ENGINE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/interface.h"
#include "engine/isa.h"

enum {
    ENGINE_STACK_DEFAULT =
        512, // bytes a function may use below r10, unless the program states more
    ENGINE_STACK_MAX = 64 * 1024, // bytes of stack of a whole activation
    ENGINE_CALL_DEPTH_MAX =
        64, // nested local calls, statically or (METERED calls) counted at run time
    ENGINE_SLOTS_MAX = 1024 * 1024, // slots of a program
    ENGINE_FUNCTIONS_MAX = 64 * 1024,
    ENGINE_ARENA_SLACK = 16, // usable bytes after the arena
    ENGINE_ARENA_MIN = 4096, // smallest arena, if any
    ENGINE_HELD_MAX = 32,    // references held at once
};
#define ENGINE_ARENA_MAX      (UINT64_C(1) << 32)
#define ENGINE_CALLABLE_LOCAL (UINT64_C(1) << 32)
#define ENGINE_NO_FUNCTION    UINT32_MAX

// What the embedder gives. alloc returns 16-aligned memory or NULL, and every NULL is survived;
// free gets the size back. The code_* calls are for the JIT alone: memory that is first written,
// then executable, never both.
struct engine_code_memory {
    uint8_t *write;   // where to write it now
    uint64_t execute; // address at which it will run; position-fixed code may use it
    size_t size;
};

struct engine_host {
    void *cookie;
    void *(*alloc)(void *cookie, size_t size);
    void (*free)(void *cookie, void *memory, size_t size);
    bool (*code_alloc)(void *cookie, size_t size, struct engine_code_memory *out);
    bool (*code_seal)(void *cookie,
                      struct engine_code_memory *code); // write view gone, executable from now on
    void (*code_free)(void *cookie, struct engine_code_memory *code);
    void (*log)(void *cookie, const char *line); // optional, for debugging only
};

enum {
    ENGINE_FUNCTION_GLOBAL =
        1 << 0, // has a global symbol: verify it by its BTF type, it can be exported
    ENGINE_FUNCTION_ADDRESSED =
        1 << 1, // its address is taken (ENGINE_IMM_FUNCTION, or in the arena's data)
    ENGINE_FUNCTION_ENTRY = 1 << 2, // belongs to a hook
};

struct engine_function {
    const char *name; // owned by the program; never NULL
    uint32_t entry;   // first slot; functions are in ascending order, without overlap
    uint32_t length;  // slots
    uint32_t flags;   // ENGINE_FUNCTION_*
    uint32_t hook;    // ENTRY: index into interface->hooks
    uint32_t btf;     // BTF id of its FUNC, 0 if none; see btf.h
};

struct engine_program_import {
    const char *name;
    const struct engine_import *import; // of the interface; never NULL in a linked program
};

struct engine_line {
    uint32_t pc;             // from this slot on
    uint32_t line;           // 1..
    uint32_t column;         // 1.., 0 unknown
    const char *file, *text; // never NULL
};

struct engine_btf;

// Made by engine_program_create or engine_program_from_slots; immutable afterwards. Several
// threads and runs may share it. All pointers are into its own memory, except interface.
struct engine_program {
    const struct engine_interface *interface;
    const struct engine_insn *insns;
    uint32_t insn_count; // slots
    uint32_t function_count, import_count, line_count;
    const struct engine_function *functions;
    const struct engine_program_import *imports;
    const struct engine_line *lines; // ascending pc
    const struct engine_btf *btf;    // or NULL
    uint32_t stack_limit;            // bytes that one function may use below r10
    uint32_t arena_log2;             // size is 1 << arena_log2; 0: no arena
    uint32_t arena_used;             // bytes of globals, at the start of the arena
    uint32_t arena_image_size;       // the first of them have this initial content, the rest is 0
    uint32_t arena_fixup_count;
    const uint8_t *arena_image;
    const uint32_t *arena_fixups; // offsets of 64-bit words in the image that hold arena offsets:
                                  // the arena's address is to be added
    uint32_t flags;
    struct engine_host host; // that it was made with
    size_t memory;           // bytes it occupies
    void *blocks;            // for engine_program_free
};

// Bytes; 0 without arena.
static inline uint64_t engine_program_arena_size(const struct engine_program *program) {
    return program->arena_log2 ? UINT64_C(1) << program->arena_log2 : 0;
}

// Function that contains pc, or ENGINE_NO_FUNCTION. Logarithmic.
uint32_t engine_program_function_at(const struct engine_program *program, uint32_t pc);

// Line record that covers pc, or NULL.
const struct engine_line *engine_program_line_at(const struct engine_program *program, uint32_t pc);

// ---- Verdict: the contract between the verifier and those who run the program.

// Per slot. A slot with no flags at all has not been reached by any execution (also holes).
enum {
    ENGINE_PROOF_REACHED = 1 << 0,
    // Memory accesses: exactly one of the two on a reached LOAD, STORE, ATOMIC.
    ENGINE_PROOF_SAFE = 1 << 1,   // proved: do it as written (atomics: aligned)
    ENGINE_PROOF_MASKED = 1 << 2, // go through the arena mask
    // BRANCH: known outcome; at most one.
    ENGINE_PROOF_ALWAYS = 1 << 3,
    ENGINE_PROOF_NEVER = 1 << 4,
    // DIV, MOD by register: the divisor is never zero, and SDIV, SMOD: nor does it overflow.
    ENGINE_PROOF_DIVISOR = 1 << 5,
    // JUMP, BRANCH with target <= pc (a back edge), CALL_LOCAL, CALL_REG: when taken, costs
    // engine_insn_cost from the meter; if that becomes negative, the run is cancelled. A metered
    // call then also checks room: if stack_low > r10 - caller's frame_size - callee's stack_need,
    // or run->depth + callee's depth_need > ENGINE_CALL_DEPTH_MAX, the run is cancelled
    // (ENGINE_RUN_STACK); otherwise depth_need is added to run->depth until the call returns.
    // (run->depth starts as the entry's depth_need: so no more than that many frames ever nest.)
    // Every cycle of the call graph has a metered call.
    ENGINE_PROOF_METERED = 1 << 6,
    // CALL_REG: target not proved; at run time the value must be the callable of an ADDRESSED
    // function, or the run is cancelled (ENGINE_RUN_CALLABLE). Always METERED, with the verdict's
    // checked_stack_need and checked_depth_need, the largest of ADDRESSED functions, as needs.
    // Without the flag the target is in verdict->calls.
    ENGINE_PROOF_CHECKED = 1 << 7,
};
typedef uint8_t engine_proof;

// Meter units of a metered transfer: the slots of the loop, or a flat amount for a call.
enum { ENGINE_CALL_COST = 8 };
static inline int64_t engine_insn_cost(const struct engine_insn *insn, uint32_t pc) {
    return engine_insn_has_target(insn) && insn->target <= pc ? (int64_t)(pc - insn->target) + 1
                                                              : ENGINE_CALL_COST;
}

struct engine_function_proof {
    uint32_t
        frame_size; // bytes below r10 it uses, multiple of 16, <= program->stack_limit rounded up
    uint32_t stack_need; // frame_size plus the most that its non-METERED callees need
    uint16_t depth_need; // 1 plus the most nested non-METERED local calls
    uint8_t reached;     // some entry can call it
    uint8_t zero_frame;  // must clear its frame on entry
    uint32_t cost; // instructions that it may execute between two looks at the meter, at most;
                   // cost_limit: or more
};

// Proved target of a CALL_REG.
struct engine_call_target {
    uint32_t pc;
    uint64_t callable;
};

// One register as the verifier knew it, for messages.
struct engine_fact {
    char text[80]; // for instance "number 0..63, bit 0 clear", "packet + 14, 34 bytes proved",
                   // "unset"
};

enum engine_refusal_code {
    ENGINE_REFUSED_NOTHING, // accepted
#define ENGINE_REFUSAL(id, what, remedy) ENGINE_REFUSED_##id,
#include "engine/refusals.def"
#undef ENGINE_REFUSAL
    ENGINE_REFUSAL_CODES
};

enum { ENGINE_PATH_MAX = 16, ENGINE_NO_PC = UINT32_MAX };

// A refusal is data. Print it with engine_refusal_print.
struct engine_refusal {
    enum engine_refusal_code code;
    uint32_t pc;       // slot, or ENGINE_NO_PC
    uint32_t function; // or ENGINE_NO_FUNCTION
    uint32_t line, column;
    uint8_t reg;         // register in question, or 0xff
    int64_t a, b;        // numbers for the message, see refusals.def
    char name[64];       // symbol, section, field or file concerned, or ""
    char file[96];       // source file, or ""
    char missing[160];   // the fact that is missing, in words, or ""
    char supply[160];    // what would supply it, in words; "" = the code's general remedy
    uint32_t path_count; // the last branches that lead there, oldest first
    uint32_t path[ENGINE_PATH_MAX]; // slot << 1 | taken
    uint32_t facts_valid;           // bit i: facts[i] says something
    struct engine_fact facts[ENGINE_REGISTERS];
};

// Bytes of a context or buffer argument that a deterministic program may read.
struct engine_read_range {
    uint8_t argument; // index of the hook's argument
    uint8_t exact;    // 0: may be a superset
    uint32_t start, end;
};

struct engine_statistics {
    uint64_t work; // units: instructions visited, joins counted
    uint64_t work_limit;
    size_t memory_peak; // bytes allocated by the verification at once
    uint32_t loops, loops_metered, back_edges, accesses, accesses_masked;
};

struct engine_verdict {
    bool accepted;
    bool metered;                // some back edge or call is METERED
    uint32_t stack_need;         // of the hungriest entry
    uint32_t checked_stack_need; // see ENGINE_PROOF_CHECKED; 0 if there is none
    uint16_t checked_depth_need;
    const engine_proof *proof;                     // insn_count of them; valid if accepted
    const struct engine_function_proof *functions; // function_count of them
    const struct engine_call_target *calls;        // ascending pc
    const struct engine_read_range *reads;
    uint32_t call_count, read_count;
    struct engine_statistics statistics;
    struct engine_refusal refusal;
    struct engine_host host; // for engine_verdict_free
    void *blocks;
};

#endif
