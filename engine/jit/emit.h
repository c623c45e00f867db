// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside of the emitter. Each instruction may use R11 (IR_SCRATCH) freely, and borrow one more
// register, which is kept on the stack meanwhile.
//
// Native frame, from the stack pointer up: spill slots, 8 bytes each; one for the borrowed
// register; IR_HELD_ARGS words for arguments in memory, if a call needs them; padding; saved
// registers; return address.

#ifndef ENGINE_JIT_EMIT_H
#define ENGINE_JIT_EMIT_H

#include "engine/jit/ir.h"

struct emit_stub { // code out of line: the run ends here
    uint32_t at;   // rel32 that goes there
    uint32_t pc, status;
    val run, sum; // sum: taken off the meter, or 0
};

struct emit_jump {
    uint32_t at, block;
    bool near;
};

struct emit {
    struct jit *c;
    struct x86 x;
    bool final; // second pass: block offsets are known roughly, bytes are kept
    bool far;   // no short forward jumps
    bool overflow;
    bool borrows;     // some instruction borrows a register
    uint32_t frame;   // bytes
    uint32_t borrow;  // offset of the slot
    uint32_t held;    // offset of the argument words
    uint16_t saved;   // registers pushed
    uint8_t borrowed; // register, or X86_NONE
    uint16_t busy;    // registers that this instruction uses
    val flags;        // value whose zero flag the processor has
    struct emit_stub *stubs;
    uint32_t stub_count, stub_room;
    struct emit_jump *jumps;
    uint32_t jump_count, jump_room;
};

// Move of a value to a place. Locations: a register, IR_SPILLED + slot, EMIT_CONST.
struct emit_move {
    uint32_t to, from;
    uint64_t value;
};
enum { EMIT_CONST = UINT32_MAX };

// emit_moves.c
uint32_t emit_location(const struct jit *c, val v, uint64_t *value);
void emit_parallel(struct emit *e, struct emit_move *moves, unsigned n, bool keep_flags);

// emit.c: operands
bool emit_constant(const struct jit *c, val v, uint64_t *value);
bool emit_in_register(const struct jit *c, val v);
unsigned emit_reg(const struct jit *c, val v);
struct x86_mem emit_slot(const struct emit *e, uint32_t slot);
struct x86_mem emit_home(const struct emit *e, val v); // of a spilled value
void emit_fetch(struct emit *e, unsigned reg, val v);  // into reg, keeping the flags
unsigned emit_use(struct emit *e, val v,
                  unsigned scratch);                // its register, or scratch with it inside
struct x86_mem emit_address(struct emit *e, val v); // of a memory access; may take R11
unsigned emit_scratch(struct emit *e);              // R11 if it is free, else a borrowed register
void emit_take(struct emit *e, unsigned reg);       // notes that this instruction uses it
void emit_give_back(struct emit *e);                // keeps the flags
void emit_stub_jump(struct emit *e, int cc, unsigned status, val run,
                    val sum); // cc < 0: always; sum: not yet taken off the meter, or 0

// emit_value.c
void emit_value(struct emit *e, val v);
enum x86_cc emit_compare(struct emit *e, val v); // returns the condition

// emit_call.c
void emit_call(struct emit *e, val v);
void emit_atomic(struct emit *e, val v);

#endif
