// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The arithmetic of the instruction set, as RFC 9669 defines it: total functions on 64-bit values.
// The interpreter runs them; the verifier and the JIT may use them to fold constants, so that all
// agree.

#ifndef ENGINE_ALU_H
#define ENGINE_ALU_H

#include "engine/isa.h"

static inline uint64_t engine_alu_divide(enum engine_alu alu, uint64_t a, uint64_t b) {
    switch (alu) {
    case ENGINE_ALU_DIV:
        return b ? a / b : 0;
    case ENGINE_ALU_MOD:
        return b ? a % b : a;
    case ENGINE_ALU_SDIV: // the one overflow wraps
        return b == 0 ? 0 : b == UINT64_MAX ? -a : (uint64_t)((int64_t)a / (int64_t)b);
    default: // SMOD
        return b == 0 ? a : b == UINT64_MAX ? 0 : (uint64_t)((int64_t)a % (int64_t)b);
    }
}

// LE, BE, BSWAP: bits is the width of the value; the machine is little endian.
static inline uint64_t engine_alu_swap(enum engine_alu alu, unsigned bits, uint64_t a) {
    bool swap = alu != ENGINE_ALU_TOLE;
    if (bits == 16)
        return swap ? __builtin_bswap16((uint16_t)a) : (uint16_t)a;
    if (bits == 32)
        return swap ? __builtin_bswap32((uint32_t)a) : (uint32_t)a;
    return swap ? __builtin_bswap64(a) : a;
}

// 64-bit operation; shift amounts are masked by `mask` (63, or 31 when it serves a 32-bit one).
static inline uint64_t engine_alu64(enum engine_alu alu, uint64_t a, uint64_t b) {
    switch (alu) {
    case ENGINE_ALU_ADD:
        return a + b;
    case ENGINE_ALU_SUB:
        return a - b;
    case ENGINE_ALU_MUL:
        return a * b;
    case ENGINE_ALU_OR:
        return a | b;
    case ENGINE_ALU_AND:
        return a & b;
    case ENGINE_ALU_XOR:
        return a ^ b;
    case ENGINE_ALU_MOV:
        return b;
    case ENGINE_ALU_NEG:
        return -a;
    case ENGINE_ALU_LSH:
        return a << (b & 63);
    case ENGINE_ALU_RSH:
        return a >> (b & 63);
    case ENGINE_ALU_ARSH:
        return (uint64_t)((int64_t)a >> (b & 63));
    case ENGINE_ALU_MOVSX8:
        return (uint64_t)(int8_t)b;
    case ENGINE_ALU_MOVSX16:
        return (uint64_t)(int16_t)b;
    case ENGINE_ALU_MOVSX32:
        return (uint64_t)(int32_t)b;
    default:
        return engine_alu_divide(alu, a, b);
    }
}

// Result of `dst = dst op operand` at width bits (the row's `bits`). 32-bit results are
// zero-extended.
static inline uint64_t engine_alu(enum engine_alu alu, unsigned bits, uint64_t a, uint64_t b) {
    if (alu >= ENGINE_ALU_TOLE)
        return engine_alu_swap(alu, bits, a);
    if (bits == 64)
        return engine_alu64(alu, a, b);
    switch (alu) {
    case ENGINE_ALU_LSH:
    case ENGINE_ALU_RSH:
        return (uint32_t)engine_alu64(alu, (uint32_t)a, b & 31);
    case ENGINE_ALU_ARSH:
        return (uint32_t)((int32_t)a >> (b & 31));
    case ENGINE_ALU_SDIV: // operands sign-extended: the overflow case is then an ordinary quotient,
                          // cut
    case ENGINE_ALU_SMOD:
        return (uint32_t)engine_alu64(alu, (uint64_t)(int32_t)a, (uint64_t)(int32_t)b);
    default:
        return (uint32_t)engine_alu64(alu, (uint32_t)a, (uint32_t)b);
    }
}

static inline bool engine_cond64(enum engine_cond cond, uint64_t a, uint64_t b) {
    switch (cond) {
    case ENGINE_COND_JEQ:
        return a == b;
    case ENGINE_COND_JGT:
        return a > b;
    case ENGINE_COND_JGE:
        return a >= b;
    case ENGINE_COND_JSET:
        return (a & b) != 0;
    case ENGINE_COND_JNE:
        return a != b;
    case ENGINE_COND_JSGT:
        return (int64_t)a > (int64_t)b;
    case ENGINE_COND_JSGE:
        return (int64_t)a >= (int64_t)b;
    case ENGINE_COND_JLT:
        return a < b;
    case ENGINE_COND_JLE:
        return a <= b;
    case ENGINE_COND_JSLT:
        return (int64_t)a < (int64_t)b;
    default:
        return (int64_t)a <= (int64_t)b;
    }
}

static inline bool engine_cond(enum engine_cond cond, unsigned bits, uint64_t a, uint64_t b) {
    if (bits == 64)
        return engine_cond64(cond, a, b);
    // Sign extension keeps both orders among 32-bit values.
    return engine_cond64(cond, (uint64_t)(int32_t)a, (uint64_t)(int32_t)b);
}

#endif
