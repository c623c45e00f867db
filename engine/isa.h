// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Instructions: the wire form of RFC 9669 (8 bytes a slot) and the wide internal form that
// verifier, interpreter and JIT share. The set itself is isa.def.
//
// Program counters count slots, as objdump and line information do. A ld_imm64 takes two: the first
// holds the joined instruction, the second is ENGINE_OP_HOLE, which is never executed and never a
// jump target (the decoder refuses it).

#ifndef ENGINE_ISA_H
#define ENGINE_ISA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENGINE_REGISTERS =
        11, // r0 result, r1..r5 arguments, r6..r9 kept across calls, r10 frame pointer (read only)
    ENGINE_R10 = 10,
    ENGINE_ARGS = 5,
    ENGINE_SLOT_BYTES = 8,
};

enum engine_op {
    ENGINE_OP_HOLE, // second slot of a ld_imm64
#define ENGINE_INSN(id, text, opcode, select, value, operands, effect, sub, bits, group)           \
    ENGINE_OP_##id,
#include "engine/isa.def"
    ENGINE_OP_COUNT
};

enum engine_effect {
    ENGINE_EFFECT_HOLE,
    ENGINE_EFFECT_ALU,    // dst = dst op (src | imm)
    ENGINE_EFFECT_LDIMM,  // dst = imm, of some engine_imm_kind
    ENGINE_EFFECT_LOAD,   // dst = *(src + off)
    ENGINE_EFFECT_STORE,  // *(dst + off) = src | imm
    ENGINE_EFFECT_ATOMIC, // *(dst + off) op= src, perhaps fetching
    ENGINE_EFFECT_JUMP,   // goto target
    ENGINE_EFFECT_BRANCH, // if (dst cond (src | imm)) goto target
    ENGINE_EFFECT_CALL,   // r0 = f(r1..r5); r1..r5 are lost
    ENGINE_EFFECT_EXIT,   // return r0
};

// clang-format off
enum engine_alu {
    ENGINE_ALU_ADD, ENGINE_ALU_SUB, ENGINE_ALU_MUL, ENGINE_ALU_DIV, ENGINE_ALU_SDIV, ENGINE_ALU_OR, ENGINE_ALU_AND,
    ENGINE_ALU_LSH, ENGINE_ALU_RSH, ENGINE_ALU_NEG, ENGINE_ALU_MOD, ENGINE_ALU_SMOD, ENGINE_ALU_XOR, ENGINE_ALU_MOV,
    ENGINE_ALU_MOVSX8, ENGINE_ALU_MOVSX16, ENGINE_ALU_MOVSX32, ENGINE_ALU_ARSH,
    ENGINE_ALU_TOLE, ENGINE_ALU_TOBE, ENGINE_ALU_BSWAP, // width is that of the swapped value; the result is zero-extended
};

enum engine_cond {
    ENGINE_COND_JEQ, ENGINE_COND_JGT, ENGINE_COND_JGE, ENGINE_COND_JSET, ENGINE_COND_JNE, ENGINE_COND_JSGT,
    ENGINE_COND_JSGE, ENGINE_COND_JLT, ENGINE_COND_JLE, ENGINE_COND_JSLT, ENGINE_COND_JSLE,
};

enum engine_atomic {
    ENGINE_ATOMIC_ADD, ENGINE_ATOMIC_OR, ENGINE_ATOMIC_AND, ENGINE_ATOMIC_XOR,
    ENGINE_ATOMIC_FETCH_ADD, ENGINE_ATOMIC_FETCH_OR, ENGINE_ATOMIC_FETCH_AND, ENGINE_ATOMIC_FETCH_XOR,
    ENGINE_ATOMIC_XCHG, ENGINE_ATOMIC_CMPXCHG,
};

enum engine_call { ENGINE_CALL_IMPORT, ENGINE_CALL_LOCAL, ENGINE_CALL_REG };
// clang-format on

// What the 64 bits of a ld_imm64 are. Only NUMBER and FUNCTION occur on the wire (src 0 and 4);
// ARENA comes from relocations.
enum engine_imm_kind {
    ENGINE_IMM_NUMBER,   // imm is the value
    ENGINE_IMM_ARENA,    // imm is an offset into the program's arena; the value is arena base + imm
    ENGINE_IMM_FUNCTION, // imm is a function index; the value is the callable ENGINE_CALLABLE_LOCAL
                         // + imm
    ENGINE_IMM_IMPORT,   // imm is an import index; the value is the callable imm
};

// Operand fields in use on the wire.
enum { ENGINE_USES_D = 1, ENGINE_USES_S = 2, ENGINE_USES_O = 4, ENGINE_USES_I = 8 };

enum engine_select { ENGINE_SELECT_NONE, ENGINE_SELECT_OFF, ENGINE_SELECT_IMM, ENGINE_SELECT_SRC };

// One row of isa.def, for programs. 16 bytes, const.
struct engine_op_info {
    char text[10];     // mnemonic
    uint8_t opcode;    // first byte on the wire
    uint8_t select;    // enum engine_select
    uint8_t value;     // of the selecting field
    uint8_t operands;  // ENGINE_USES_*
    uint8_t effect;    // enum engine_effect
    uint8_t sub : 5;   // enum engine_alu, engine_cond, engine_atomic, engine_call; for loads 1 =
                       // sign-extends
    uint8_t width : 3; // log2(bits / 8): 0 byte .. 3 double word
};

extern const struct engine_op_info engine_ops[ENGINE_OP_COUNT];

// One slot on the wire, little endian. May be unaligned in objects: copy out.
struct engine_wire {
    uint8_t opcode;
    uint8_t registers; // dst in the low half, src in the high half
    int16_t off;
    int32_t imm;
};
_Static_assert(sizeof(struct engine_wire) == ENGINE_SLOT_BYTES, "wire slot");

// One slot, decoded and linked.
struct engine_insn {
    uint8_t op;   // enum engine_op
    uint8_t dst;  // < ENGINE_REGISTERS
    uint8_t src;  // < ENGINE_REGISTERS
    uint8_t kind; // LDIMM64: enum engine_imm_kind
    union {
        int32_t off;     // LOAD, STORE, ATOMIC: signed displacement of the address
        uint32_t target; // JUMP, BRANCH: absolute slot, inside the same function, never a hole
    };
    int64_t imm; // ALU, STORE, BRANCH: sign-extended immediate; LDIMM64: see kind; CALL_LOCAL:
                 // function index; CALL_IMPORT: index into engine_program.imports
};
_Static_assert(sizeof(struct engine_insn) == 16, "internal instruction");

static inline const struct engine_op_info *engine_insn_info(const struct engine_insn *insn) {
    return &engine_ops[insn->op];
}

static inline enum engine_effect engine_insn_effect(const struct engine_insn *insn) {
    return (enum engine_effect)engine_ops[insn->op].effect;
}

// Operation width in bits: 8, 16, 32, 64.
static inline unsigned engine_insn_bits(const struct engine_insn *insn) {
    return 8u << engine_ops[insn->op].width;
}

// Access width in bytes of LOAD, STORE, ATOMIC.
static inline unsigned engine_insn_bytes(const struct engine_insn *insn) {
    return 1u << engine_ops[insn->op].width;
}

// Does the instruction read its second operand from a register rather than imm?
static inline bool engine_insn_uses_src(const struct engine_insn *insn) {
    return (engine_ops[insn->op].operands & ENGINE_USES_S) != 0;
}

// Slots taken: 2 for ld_imm64.
static inline unsigned engine_insn_slots(const struct engine_insn *insn) {
    return insn->op == ENGINE_OP_LDIMM64 ? 2 : 1;
}

// Can control reach the next slot?
static inline bool engine_insn_falls_through(const struct engine_insn *insn) {
    enum engine_effect effect = engine_insn_effect(insn);
    return effect != ENGINE_EFFECT_JUMP && effect != ENGINE_EFFECT_EXIT;
}

static inline bool engine_insn_has_target(const struct engine_insn *insn) {
    enum engine_effect effect = engine_insn_effect(insn);
    return effect == ENGINE_EFFECT_JUMP || effect == ENGINE_EFFECT_BRANCH;
}

static inline bool engine_insn_accesses_memory(const struct engine_insn *insn) {
    enum engine_effect effect = engine_insn_effect(insn);
    return effect == ENGINE_EFFECT_LOAD || effect == ENGINE_EFFECT_STORE ||
           effect == ENGINE_EFFECT_ATOMIC;
}

// Register that holds the address of a memory access.
static inline unsigned engine_insn_address(const struct engine_insn *insn) {
    return engine_insn_effect(insn) == ENGINE_EFFECT_LOAD ? insn->src : insn->dst;
}

#endif
