// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The engine for downloaded code: the public interface. A pure library: freestanding, no globals
// that change, knows no kernel. Everything it needs is in struct engine_host; everything it offers
// to programs is in struct engine_interface.
//
//     engine_object_load     bytes of an ELF file    -> object
//     engine_object_link     several objects         -> one object, imports resolved by exports
//     engine_program_create  object + interface      -> program       (or
//     engine_program_from_slots: bare instructions) engine_verify          program -> verdict
//     (engine/verify/) engine_jit_compile     program + verdict       -> code (engine/jit/)
//     engine_interpret, engine_jit_run               run an entry
//
// Input is hostile everywhere. Functions that can refuse return 0, or a negative enum engine_error
// and, where they take one, fill in a refusal. What they created is then freed.

#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "engine/interface.h"
#include "engine/isa.h"
#include "engine/program.h"
#include "engine/run.h"

enum engine_error {
    ENGINE_OK = 0,
    ENGINE_ERROR_REFUSED = -1, // see the refusal
    ENGINE_ERROR_MEMORY = -2,  // alloc or code_alloc gave NULL
    ENGINE_ERROR_LIMIT = -3,   // work quota used up (refusal says where)
};

struct engine_object;
struct engine_belief;

// ---- Objects (object.c, btf.c, link.c). bytes is only read during the call.
int engine_object_load(const struct engine_host *host, const void *bytes, size_t size,
                       struct engine_object **object, struct engine_refusal *refusal);
void engine_object_free(struct engine_object *object);

// Joins objects into one; a symbol that one imports and another exports is resolved, after
// comparing their BTF types.
int engine_object_link(const struct engine_host *host, struct engine_object *const *objects,
                       size_t count, struct engine_object **linked, struct engine_refusal *refusal);

// What an object imports and exports; for name servers and for matching two objects' types by their
// canonical text (engine_btf_print, btf.h).
enum engine_symbol_kind {
    ENGINE_SYMBOL_OTHER, // local, or none
    ENGINE_SYMBOL_IMPORT,
    ENGINE_SYMBOL_FUNCTION, // exported
    ENGINE_SYMBOL_DATA,     // exported
};
struct engine_symbol {
    const char *name, *section;
    enum engine_symbol_kind kind;
    uint32_t btf; // FUNC, or 0 if unknown
};
struct engine_btf;
uint32_t engine_object_symbol_count(const struct engine_object *object);
struct engine_symbol engine_object_symbol(const struct engine_object *object, uint32_t index);
const struct engine_btf *engine_object_btf(const struct engine_object *object); // or NULL

// ---- Programs (program.c, decode.c)

enum {
    // If no function belongs to a hook, all global ones belong to the only hook.
    ENGINE_PROGRAM_ANY_ENTRY = 1 << 0,
};

// Links object against interface: imports by name and type, entries by hook. object may be freed
// afterwards.
int engine_program_create(const struct engine_host *host, const struct engine_object *object,
                          const struct engine_interface *interface, uint32_t flags,
                          struct engine_program **program, struct engine_refusal *refusal);

// Bare instructions: the function at slot 0 is the entry, of hook 0; other functions are the
// targets of local calls.
int engine_program_from_slots(const struct engine_host *host, const void *slots, size_t size,
                              const struct engine_interface *interface,
                              struct engine_program **program, struct engine_refusal *refusal);
void engine_program_free(struct engine_program *program);

// Function of that name, or ENGINE_NO_FUNCTION.
uint32_t engine_program_find(const struct engine_program *program, const char *name);

// ---- Verification (engine/verify/)

struct engine_verify_options {
    uint64_t work_limit; // 0: the default, proportional to the program's size
    size_t memory_limit; // 0: the default, proportional to the program's size
    uint64_t cost_limit; // instructions between two looks at the meter; 0: the default, 2^25
    uint32_t flags;      // ENGINE_VERIFY_*
    // Oracle and explanations: called for each reached slot once the fixed point is known. May be
    // NULL.
    void (*report)(void *cookie, uint32_t pc,
                   const struct engine_fact *facts /* [ENGINE_REGISTERS] */);
    // The same as numbers, for tests: engine/verify/belief.h. May be NULL.
    void (*believe)(void *cookie, uint32_t pc,
                    const struct engine_belief *beliefs /* [ENGINE_REGISTERS] */);
    void *cookie;
};

// Returns 0 if accepted; ENGINE_ERROR_* otherwise, with verdict->refusal saying why. The verdict
// must be freed in every case.
int engine_verify(const struct engine_program *program, const struct engine_verify_options *options,
                  struct engine_verdict *verdict);
void engine_verdict_free(struct engine_verdict *verdict);

// ---- Machine code (engine/jit/, x86-64). The verdict must have accepted the program; it may be
// freed afterwards.

enum {
    ENGINE_JIT_KEEP_OFFSETS = 1 << 0, // fill in code->offsets
    // Entries keep the registers that C functions keep, so that machine code may call them without
    // the entry sequence.
    ENGINE_JIT_CALLABLE = 1 << 1,
};
int engine_jit_compile(const struct engine_program *program, const struct engine_verdict *verdict,
                       uint32_t flags, struct engine_code *code);
// The same for one arena, which becomes part of the code: run->arena is not read. arena: its
// address, or 0 if the program has none.
int engine_jit_compile_fixed(const struct engine_program *program,
                             const struct engine_verdict *verdict, uint32_t flags, uint64_t arena,
                             struct engine_code *code);
void engine_code_free(struct engine_code *code);

// Where a function's code begins, and what a call of it needs: for embedders that call it by code
// of their own (ENGINE_JIT_CALLABLE). Arguments as in C, the run in R9, r10 in R10.
struct engine_code_entry {
    uint64_t address;     // 0: not compiled
    uint32_t frame_need;  // bytes below r10, callees included; 0: R10 is not read
    uint32_t native_need; // bytes of native stack, callees and return address included; imports not
    uint32_t native_frame; // bytes between the stack pointer in its body and its return address
    uint16_t depth_need;   // nested calls
    bool metered;          // it, or a function that it calls, may be cancelled by the meter
    bool recurses;         // metered calls below it: frame_need and native_need may be multiplied
};
struct engine_code_entry engine_code_entry(const struct engine_code *code, uint32_t function);
// Function whose code contains that address, or ENGINE_NO_FUNCTION.
uint32_t engine_code_function_at(const struct engine_code *code, uint64_t address);

// ---- Running. entry is a function index with ENTRY set; arguments are ENGINE_ARGS registers. *r0
// is set on OK.

enum engine_status engine_jit_run(const struct engine_code *code, struct engine_run *run,
                                  uint32_t entry, const uint64_t *arguments, uint64_t *r0);

// The same in the middle of a run, perhaps of another program: called by an import, it leaves
// native_stack, depth, program, status and what was held before as they were. The caller sets (and
// sets back) stack and meter. Imports of all programs that share a run have one array of layouts.
enum engine_status engine_jit_nest(const struct engine_code *code, struct engine_run *run,
                                   uint32_t entry, const uint64_t *arguments, uint64_t *r0);

// With verdict NULL: the unverified mode, which checks each access against stack, arena and
// run->regions, counts every backward jump and call against the meter, gives each function the
// stack limit as frame, and clears it.
enum engine_status engine_interpret(const struct engine_program *program,
                                    const struct engine_verdict *verdict, struct engine_run *run,
                                    uint32_t entry, const uint64_t *arguments, uint64_t *r0);

// ---- Text (disasm.c, refusal.c). All return the length wanted, write at most size bytes and
// always end with NUL.

size_t engine_insn_print(const struct engine_program *program, uint32_t pc, char *text,
                         size_t size);
size_t engine_refusal_print(const struct engine_refusal *refusal,
                            const struct engine_program *program, char *text,
                            size_t size); // program may be NULL; several lines
const char *engine_refusal_name(enum engine_refusal_code code); // "OPCODE"
const char *engine_status_name(enum engine_status status);

#endif
