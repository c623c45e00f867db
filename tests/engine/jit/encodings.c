// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Prints every form of instruction that the encoder knows, over registers and memory operands, one
// per line: its bytes in hex, a tab, and what a disassembler should say (Intel syntax).
// encodings.py compares.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/jit/x86.h"

static const char *const names64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const names32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                                      "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
static const char *const names16[] = {"ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
                                      "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
static const char *const names8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                                     "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};

static uint8_t bytes[64];
static struct x86 x = {bytes, sizeof bytes, 0};

__attribute__((format(printf, 1, 2))) static void line(const char *format, ...) {
    va_list args;
    for (size_t i = 0; i < x.at; i++)
        printf("%02x", bytes[i]);
    printf("\t");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    x.at = 0;
}

static const char *reg(unsigned w, unsigned r) {
    return w ? names64[r] : names32[r];
}

static const char *memory(const char *size, struct x86_mem m) {
    static char text[2][96];
    static unsigned turn;
    char *t = text[turn ^= 1];
    int n = snprintf(t, sizeof text[0], "%s ptr [", size);
    const char *plus = "";
    if (m.base != X86_NONE) {
        n += snprintf(t + n, sizeof text[0] - (size_t)n, "%s", names64[m.base]);
        plus = " + ";
    }
    if (m.index != X86_NONE) {
        n += snprintf(t + n, sizeof text[0] - (size_t)n, m.scale ? "%s%u*%s" : "%s%.0u%s", plus,
                      m.scale ? 1u << m.scale : 0, names64[m.index]);
        plus = " + ";
    }
    if (m.disp || m.base == X86_NONE) {
        bool negative = m.disp < 0 && plus[0];
        n += snprintf(t + n, sizeof text[0] - (size_t)n, "%s%lld", negative ? " - " : plus,
                      negative ? -(long long)m.disp : (long long)m.disp);
    }
    snprintf(t + n, sizeof text[0] - (size_t)n, "]");
    return t;
}

static const char *const alu[] = {"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"};
static const char *const shifts[] = {
    [X86_ROL] = "rol", [X86_ROR] = "ror", [X86_SHL] = "shl", [X86_SHR] = "shr", [X86_SAR] = "sar"};
static const char *const unary[] = {[X86_NOT] = "not",   [X86_NEG] = "neg", [X86_MUL] = "mul",
                                    [X86_IMUL] = "imul", [X86_DIV] = "div", [X86_IDIV] = "idiv"};
static const char *const cc[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                 "s", "ns", "p", "np", "l", "ge", "le", "g"};
static const int32_t immediates[] = {0,   1,    -1,         127,       -128,
                                     128, -129, 0x12345678, INT32_MIN, INT32_MAX};

static void registers(unsigned a, unsigned b) {
    for (unsigned w = 0; w <= X86_W; w += X86_W) {
        x86_mov_rr(&x, w, a, b);
        line("mov %s, %s", reg(w, a), reg(w, b));
        for (unsigned op = 0; op < 8; op++) {
            x86_alu_rr(&x, (enum x86_alu)op, w, a, b);
            line("%s %s, %s", alu[op], reg(w, a), reg(w, b));
        }
        x86_rr(&x, 0xaf | X86_0F | w, a, b);
        line("imul %s, %s", reg(w, a), reg(w, b));
        x86_rr(&x, 0x85 | w, a, b);
        line("test %s, %s", reg(w, b), reg(w, a));
        x86_rr(&x, 0xb6 | X86_0F | X86_BRM | w, a, b);
        line("movzx %s, %s", reg(w, a), names8[b]);
        x86_rr(&x, 0xb7 | X86_0F | w, a, b);
        line("movzx %s, %s", reg(w, a), names16[b]);
        x86_rr(&x, 0xbe | X86_0F | X86_BRM | w, a, b);
        line("movsx %s, %s", reg(w, a), names8[b]);
        x86_rr(&x, 0x40 | X86_NE | X86_0F | w, a, b);
        line("cmovne %s, %s", reg(w, a), reg(w, b));
        for (unsigned i = 0; i < sizeof immediates / sizeof immediates[0]; i++) {
            x86_imul_rri(&x, w, a, b, immediates[i]);
            line("imul %s, %s, %d", reg(w, a), reg(w, b), immediates[i]);
        }
    }
    x86_rr(&x, 0x63 | X86_W, a, b);
    line("movsxd %s, %s", names64[a], names32[b]);
}

static void one_register(unsigned a) {
    for (unsigned w = 0; w <= X86_W; w += X86_W) {
        for (unsigned i = 0; i < sizeof immediates / sizeof immediates[0]; i++)
            for (unsigned op = 0; op < 8; op++) {
                x86_alu_ri(&x, (enum x86_alu)op, w, a, immediates[i]);
                line("%s %s, %d", alu[op], reg(w, a), immediates[i]);
            }
        for (unsigned op = 0; op < 8; op++) {
            if (!shifts[op % 8] || op == 6)
                continue;
            x86_shift_ri(&x, (enum x86_shift)op, w, a, 1);
            line("%s %s", shifts[op], reg(w, a));
            x86_shift_ri(&x, (enum x86_shift)op, w, a, 13);
            line("%s %s, 13", shifts[op], reg(w, a));
            x86_shift_rcl(&x, (enum x86_shift)op, w, a);
            line("%s %s, cl", shifts[op], reg(w, a));
        }
        for (unsigned op = X86_NOT; op <= X86_IDIV; op++) {
            x86_unary_r(&x, (enum x86_unary)op, w, a);
            line("%s %s", unary[op], reg(w, a));
        }
        x86_bswap(&x, w, a);
        line("bswap %s", reg(w, a));
    }
    for (unsigned i = 0; i < 16; i++) {
        x86_rr(&x, 0x90 | i | X86_0F | X86_BRM, 0, a);
        line("set%s %s", cc[i], names8[a]);
    }
    x86_mov_ri(&x, a, 0x7fffffff);
    line("mov %s, %d", names32[a], 0x7fffffff);
    x86_mov_ri(&x, a, 0xfffffffe);
    line("mov %s, %u", names32[a], 0xfffffffe);
    x86_mov_ri(&x, a, UINT64_MAX - 1);
    line("mov %s, -2", names64[a]);
    x86_mov_ri(&x, a, UINT64_C(0x123456789abcdef0));
    line("movabs %s, %lld", names64[a], 0x123456789abcdef0ll);
    x86_rr(&x, 0xf6 | X86_BRM, 0, a);
    x86_byte(&x, 5);
    line("test %s, 5", names8[a]);
    x86_rr(&x, 0xc1 | X86_66, X86_ROL, a);
    x86_byte(&x, 8);
    line("rol %s, 8", names16[a]);
    x86_push(&x, a);
    line("push %s", names64[a]);
    x86_pop(&x, a);
    line("pop %s", names64[a]);
    x86_call_r(&x, a);
    line("call %s", names64[a]);
    x86_jmp_r(&x, a);
    line("jmp %s", names64[a]);
}

static void with_memory(unsigned a, struct x86_mem m) {
    x86_load(&x, a, m);
    line("mov %s, %s", names64[a], memory("qword", m));
    x86_store(&x, m, a);
    line("mov %s, %s", memory("qword", m), names64[a]);
    x86_rm(&x, 0x8b, a, m);
    line("mov %s, %s", names32[a], memory("dword", m));
    x86_rm(&x, 0x89 | X86_66, a, m);
    line("mov %s, %s", memory("word", m), names16[a]);
    x86_rm(&x, 0x88 | X86_BREG, a, m);
    line("mov %s, %s", memory("byte", m), names8[a]);
    x86_rm(&x, 0xb6 | X86_0F, a, m);
    line("movzx %s, %s", names32[a], memory("byte", m));
    x86_rm(&x, 0xbf | X86_0F | X86_W, a, m);
    line("movsx %s, %s", names64[a], memory("word", m));
    x86_rm(&x, 0x63 | X86_W, a, m);
    line("movsxd %s, %s", names64[a], memory("dword", m));
    x86_alu_rm(&x, X86_XOR, X86_W, a, m);
    line("xor %s, %s", names64[a], memory("qword", m));
    x86_alu_mr(&x, X86_ADD, X86_LOCK, m, a);
    line("lock add %s, %s", memory("dword", m), names32[a]);
    x86_rm(&x, 0xc1 | X86_0F | X86_LOCK | X86_W, a, m);
    line("lock xadd %s, %s", memory("qword", m), names64[a]);
    x86_rm(&x, 0xb1 | X86_0F | X86_LOCK, a, m);
    line("lock cmpxchg %s, %s", memory("dword", m), names32[a]);
    x86_rm(&x, 0x87 | X86_W, a, m);
    line("xchg %s, %s", memory("qword", m), names64[a]);
    x86_lea(&x, X86_W, a, m);
    line("lea %s, %s", names64[a], memory("", m) + 5);
    if (a)
        return;
    static const char *const sizes[] = {[1] = "byte", [2] = "word", [4] = "dword", [8] = "qword"};
    for (unsigned size = 1; size <= 8; size *= 2)
        for (unsigned i = 0; i < sizeof immediates / sizeof immediates[0]; i++) {
            int32_t imm = size == 1   ? (int8_t)immediates[i]
                          : size == 2 ? (int16_t)immediates[i]
                                      : immediates[i];
            x86_alu_mi(&x, X86_CMP, size, m, imm);
            line("cmp %s, %d", memory(sizes[size], m), imm);
        }
    x86_unary_m(&x, X86_MUL, X86_W, m);
    line("mul %s", memory("qword", m));
    x86_rm(&x, 0xff, 6, m);
    line("push %s", memory("qword", m));
    x86_rm(&x, 0x8f, 0, m);
    line("pop %s", memory("qword", m));
    x86_rm(&x, 0xff, 2, m);
    line("call %s", memory("qword", m));
}

int main(void) {
    static const int32_t displacements[] = {0,   1,    -1,      127,       -128,
                                            128, -129, 0x12345, INT32_MIN, INT32_MAX};
    for (unsigned a = 0; a < 16; a++) {
        one_register(a);
        for (unsigned b = 0; b < 16; b++) {
            registers(a, b);
            for (unsigned d = 0; d < sizeof displacements / sizeof displacements[0]; d++) {
                with_memory((a + b) % 16,
                            (struct x86_mem){(uint8_t)a, X86_NONE, 0, displacements[d]});
                if (b != X86_RSP)
                    with_memory(d, (struct x86_mem){(uint8_t)a, (uint8_t)b, (uint8_t)(d % 4),
                                                    displacements[d]});
            }
        }
        if (a != X86_RSP)
            with_memory(a, (struct x86_mem){X86_NONE, (uint8_t)a, 3, 0x1000});
    }
    with_memory(0, (struct x86_mem){X86_NONE, X86_NONE, 0, 0x12345678});
    for (unsigned i = 0; i < 16; i++) {
        x86_jcc(&x, (enum x86_cc)i, false, -2);
        line("j%s -2", cc[i]);
        x86_jcc(&x, (enum x86_cc)i, true, 0x1000);
        line("j%s 4096", cc[i]);
    }
    x86_jmp(&x, false, 5);
    line("jmp 5");
    x86_jmp(&x, true, -1000);
    line("jmp -1000");
    for (unsigned i = 1; i < 10; i++) {
        x86_nops(&x, i);
        line("nop %u", i);
    }
    return 0;
}
