// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// x86-64 instruction encoder. Writes bytes into a buffer of the caller's, and keeps counting when
// the buffer is full or absent, so that one pass can measure and the next one write. It knows
// encodings, not meaning: registers are hardware numbers.
//
// Rules for the caller: `at` is the offset of the next byte; bytes at offset >= size are dropped
// (check at <= size at the end). Immediates that do not fit their field are the caller's mistake.

#ifndef ENGINE_JIT_X86_H
#define ENGINE_JIT_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
enum {
    X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
    X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
    X86_REGISTERS, X86_NONE = 0xff,
};

// Group 1 operations, as in opcode = op << 3 | form and as /digit.
enum x86_alu { X86_ADD, X86_OR, X86_ADC, X86_SBB, X86_AND, X86_SUB, X86_XOR, X86_CMP };
// Group 2, /digit.
enum x86_shift { X86_ROL, X86_ROR, X86_SHL = 4, X86_SHR = 5, X86_SAR = 7 };
// Group 3, /digit.
enum x86_unary { X86_NOT = 2, X86_NEG = 3, X86_MUL = 4, X86_IMUL = 5, X86_DIV = 6, X86_IDIV = 7 };
// Conditions; the lowest bit negates.
enum x86_cc {
    X86_O, X86_NO, X86_B, X86_AE, X86_E, X86_NE, X86_BE, X86_A, X86_S, X86_NS, X86_P, X86_NP, X86_L, X86_GE, X86_LE, X86_G,
};
// clang-format on

// Opcode flags, beside the opcode byte.
enum {
    X86_0F = 1 << 8,    // two-byte map
    X86_66 = 1 << 9,    // operand size prefix
    X86_W = 1 << 10,    // 64-bit operands
    X86_BREG = 1 << 11, // the reg operand is a byte register
    X86_BRM = 1 << 12,  // the r/m operand is a byte register, if it is a register
    X86_LOCK = 1 << 13, // lock prefix
};

struct x86_mem {
    uint8_t base;  // or X86_NONE
    uint8_t index; // not RSP; or X86_NONE
    uint8_t scale; // log2
    int32_t disp;  // without a base: an absolute address, sign-extended
};

struct x86 {
    uint8_t *bytes; // or NULL
    size_t size, at;
};

void x86_byte(struct x86 *x, unsigned byte);
void x86_u32(struct x86 *x, uint32_t value);
void x86_rr(struct x86 *x, unsigned opcode, unsigned reg, unsigned rm);
void x86_rm(struct x86 *x, unsigned opcode, unsigned reg, struct x86_mem mem);

// w: 0 for 32 bits, X86_W for 64.
void x86_mov_rr(struct x86 *x, unsigned w, unsigned dst, unsigned src);
void x86_mov_ri(struct x86 *x, unsigned dst, uint64_t value);   // shortest; keeps the flags
void x86_load(struct x86 *x, unsigned dst, struct x86_mem mem); // 64 bits
void x86_store(struct x86 *x, struct x86_mem mem, unsigned src);
void x86_alu_rr(struct x86 *x, enum x86_alu op, unsigned w, unsigned dst, unsigned src);
void x86_alu_rm(struct x86 *x, enum x86_alu op, unsigned w, unsigned dst, struct x86_mem mem);
void x86_alu_mr(struct x86 *x, enum x86_alu op, unsigned flags, struct x86_mem mem, unsigned src);
void x86_alu_ri(struct x86 *x, enum x86_alu op, unsigned w, unsigned dst, int32_t imm);
// bytes: 1, 2, 4, 8 wide memory operand
void x86_alu_mi(struct x86 *x, enum x86_alu op, unsigned bytes, struct x86_mem mem, int32_t imm);
void x86_shift_ri(struct x86 *x, enum x86_shift op, unsigned w, unsigned dst, unsigned count);
void x86_shift_rcl(struct x86 *x, enum x86_shift op, unsigned w, unsigned dst);
void x86_unary_r(struct x86 *x, enum x86_unary op, unsigned w, unsigned rm);
void x86_unary_m(struct x86 *x, enum x86_unary op, unsigned w, struct x86_mem mem);
void x86_imul_rri(struct x86 *x, unsigned w, unsigned dst, unsigned src, int32_t imm);
void x86_lea(struct x86 *x, unsigned w, unsigned dst, struct x86_mem mem);
void x86_bswap(struct x86 *x, unsigned w, unsigned dst);
void x86_push(struct x86 *x, unsigned reg);
void x86_pop(struct x86 *x, unsigned reg);
void x86_call_r(struct x86 *x, unsigned reg);
void x86_jmp_r(struct x86 *x, unsigned reg);
void x86_nops(struct x86 *x, unsigned bytes);
// Displacements count from the end of the instruction.
void x86_jmp(struct x86 *x, bool near, int32_t displacement);
void x86_jcc(struct x86 *x, enum x86_cc cc, bool near, int32_t displacement);

static inline bool x86_fits8(int64_t v) {
    return v == (int8_t)v;
}

static inline bool x86_fits32(int64_t v) {
    return v == (int32_t)v;
}

#endif
