// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// x86-64 instruction encoder, see x86.h.

#include "engine/jit/x86.h"

void x86_byte(struct x86 *x, unsigned byte) {
    if (x->at < x->size)
        x->bytes[x->at] = (uint8_t)byte;
    x->at++;
}

void x86_u32(struct x86 *x, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        x86_byte(x, value >> (8 * i) & 0xff);
}

static void x86_u64(struct x86 *x, uint64_t value) {
    x86_u32(x, (uint32_t)value);
    x86_u32(x, (uint32_t)(value >> 32));
}

// Prefixes, REX, opcode. force: a byte register that exists only with REX.
static void prefix(struct x86 *x, unsigned opcode, unsigned reg, unsigned index, unsigned base,
                   bool force) {
    if (opcode & X86_LOCK)
        x86_byte(x, 0xf0);
    if (opcode & X86_66)
        x86_byte(x, 0x66);
    unsigned rex = (opcode & X86_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (base & 8) >> 3;
    if (rex || force)
        x86_byte(x, 0x40 | rex);
    if (opcode & X86_0F)
        x86_byte(x, 0x0f);
    x86_byte(x, opcode & 0xff);
}

static bool needs_rex(unsigned reg) {
    return reg >= X86_RSP && reg <= X86_RDI;
}

void x86_rr(struct x86 *x, unsigned opcode, unsigned reg, unsigned rm) {
    bool force = (opcode & X86_BREG && needs_rex(reg)) || (opcode & X86_BRM && needs_rex(rm));
    prefix(x, opcode, reg, 0, rm, force);
    x86_byte(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void x86_rm(struct x86 *x, unsigned opcode, unsigned reg, struct x86_mem mem) {
    unsigned base = mem.base == X86_NONE ? 0 : mem.base,
             index = mem.index == X86_NONE ? 0 : mem.index;
    prefix(x, opcode, reg, index, base, opcode & X86_BREG && needs_rex(reg));
    reg = (reg & 7) << 3;
    unsigned sib_index = mem.index == X86_NONE ? 4 : index & 7;
    if (mem.base == X86_NONE) {
        x86_byte(x, reg | 4);
        x86_byte(x, (unsigned)mem.scale << 6 | sib_index << 3 | 5);
        x86_u32(x, (uint32_t)mem.disp);
        return;
    }
    unsigned mod = mem.disp == 0 && (base & 7) != 5 ? 0 : x86_fits8(mem.disp) ? 0x40 : 0x80;
    if (mem.index == X86_NONE && (base & 7) != 4) {
        x86_byte(x, mod | reg | (base & 7));
    } else {
        x86_byte(x, mod | reg | 4);
        x86_byte(x, (unsigned)mem.scale << 6 | sib_index << 3 | (base & 7));
    }
    if (mod == 0x40)
        x86_byte(x, (uint8_t)mem.disp);
    else if (mod == 0x80)
        x86_u32(x, (uint32_t)mem.disp);
}

void x86_mov_rr(struct x86 *x, unsigned w, unsigned dst, unsigned src) {
    x86_rr(x, 0x89 | w, src, dst);
}

void x86_mov_ri(struct x86 *x, unsigned dst, uint64_t value) {
    if (value <= UINT32_MAX) {
        prefix(x, 0xb8 | (dst & 7), 0, 0, dst, false);
        x86_u32(x, (uint32_t)value);
    } else if (x86_fits32((int64_t)value)) {
        x86_rr(x, 0xc7 | X86_W, 0, dst);
        x86_u32(x, (uint32_t)value);
    } else {
        prefix(x, 0xb8 | (dst & 7) | X86_W, 0, 0, dst, false);
        x86_u64(x, value);
    }
}

void x86_load(struct x86 *x, unsigned dst, struct x86_mem mem) {
    x86_rm(x, 0x8b | X86_W, dst, mem);
}

void x86_store(struct x86 *x, struct x86_mem mem, unsigned src) {
    x86_rm(x, 0x89 | X86_W, src, mem);
}

void x86_alu_rr(struct x86 *x, enum x86_alu op, unsigned w, unsigned dst, unsigned src) {
    x86_rr(x, ((unsigned)op << 3 | 1) | w, src, dst);
}

void x86_alu_rm(struct x86 *x, enum x86_alu op, unsigned w, unsigned dst, struct x86_mem mem) {
    x86_rm(x, ((unsigned)op << 3 | 3) | w, dst, mem);
}

void x86_alu_mr(struct x86 *x, enum x86_alu op, unsigned flags, struct x86_mem mem, unsigned src) {
    x86_rm(x, ((unsigned)op << 3 | 1) | flags, src, mem);
}

void x86_alu_ri(struct x86 *x, enum x86_alu op, unsigned w, unsigned dst, int32_t imm) {
    if (x86_fits8(imm)) {
        x86_rr(x, 0x83 | w, op, dst);
        x86_byte(x, (uint8_t)imm);
        return;
    }
    if (dst == X86_RAX)
        prefix(x, ((unsigned)op << 3 | 5) | w, 0, 0, 0, false);
    else
        x86_rr(x, 0x81 | w, op, dst);
    x86_u32(x, (uint32_t)imm);
}

void x86_alu_mi(struct x86 *x, enum x86_alu op, unsigned bytes, struct x86_mem mem, int32_t imm) {
    unsigned flags = bytes == 8 ? X86_W : bytes == 2 ? X86_66 : 0;
    if (bytes == 1 || x86_fits8(imm)) {
        x86_rm(x, (bytes == 1 ? 0x80 : 0x83) | flags, op, mem);
        x86_byte(x, (uint8_t)imm);
        return;
    }
    x86_rm(x, 0x81 | flags, op, mem);
    x86_byte(x, (uint8_t)imm);
    x86_byte(x, (uint8_t)(imm >> 8));
    if (bytes != 2) {
        x86_byte(x, (uint8_t)(imm >> 16));
        x86_byte(x, (uint8_t)(imm >> 24));
    }
}

void x86_shift_ri(struct x86 *x, enum x86_shift op, unsigned w, unsigned dst, unsigned count) {
    x86_rr(x, (count == 1 ? 0xd1 : 0xc1) | w, op, dst);
    if (count != 1)
        x86_byte(x, count);
}

void x86_shift_rcl(struct x86 *x, enum x86_shift op, unsigned w, unsigned dst) {
    x86_rr(x, 0xd3 | w, op, dst);
}

void x86_unary_r(struct x86 *x, enum x86_unary op, unsigned w, unsigned rm) {
    x86_rr(x, 0xf7 | w, op, rm);
}

void x86_unary_m(struct x86 *x, enum x86_unary op, unsigned w, struct x86_mem mem) {
    x86_rm(x, 0xf7 | w, op, mem);
}

void x86_imul_rri(struct x86 *x, unsigned w, unsigned dst, unsigned src, int32_t imm) {
    x86_rr(x, (x86_fits8(imm) ? 0x6b : 0x69) | w, dst, src);
    if (x86_fits8(imm))
        x86_byte(x, (uint8_t)imm);
    else
        x86_u32(x, (uint32_t)imm);
}

void x86_lea(struct x86 *x, unsigned w, unsigned dst, struct x86_mem mem) {
    x86_rm(x, 0x8d | w, dst, mem);
}

void x86_bswap(struct x86 *x, unsigned w, unsigned dst) {
    prefix(x, 0xc8 | (dst & 7) | X86_0F | w, 0, 0, dst, false);
}

void x86_push(struct x86 *x, unsigned reg) {
    prefix(x, 0x50 | (reg & 7), 0, 0, reg, false);
}

void x86_pop(struct x86 *x, unsigned reg) {
    prefix(x, 0x58 | (reg & 7), 0, 0, reg, false);
}

void x86_call_r(struct x86 *x, unsigned reg) {
    x86_rr(x, 0xff, 2, reg);
}

void x86_jmp_r(struct x86 *x, unsigned reg) {
    x86_rr(x, 0xff, 4, reg);
}

void x86_nops(struct x86 *x, unsigned bytes) {
    static const uint8_t forms[9][9] = {
        {0x90},
        {0x66, 0x90},
        {0x0f, 0x1f, 0x00},
        {0x0f, 0x1f, 0x40, 0x00},
        {0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
        {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
        {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
        {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
    };
    while (bytes) {
        unsigned n = bytes < 9 ? bytes : 9;
        for (unsigned i = 0; i < n; i++)
            x86_byte(x, forms[n - 1][i]);
        bytes -= n;
    }
}

void x86_jmp(struct x86 *x, bool near, int32_t displacement) {
    x86_byte(x, near ? 0xe9 : 0xeb);
    if (near)
        x86_u32(x, (uint32_t)displacement);
    else
        x86_byte(x, (uint8_t)displacement);
}

void x86_jcc(struct x86 *x, enum x86_cc cc, bool near, int32_t displacement) {
    if (near) {
        x86_byte(x, 0x0f);
        x86_byte(x, 0x80 | cc);
        x86_u32(x, (uint32_t)displacement);
    } else {
        x86_byte(x, 0x70 | cc);
        x86_byte(x, (uint8_t)displacement);
    }
}
