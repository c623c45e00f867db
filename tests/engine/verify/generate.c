// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See generate.h. Registers: r6 is the context or span, r7 the length or the end, r0..r5, r8, r9
// are anything. What the verifier refuses, the oracle replaces and tries again, so most of this may
// be wild.

#include "tests/engine/verify/generate.h"

#include <string.h>

#include "tests/engine/fixture.h"

struct maker {
    struct generated_program *p;
    struct choices *c;
    unsigned depth, budget;
    bool in_function;
};

uint32_t choices_pick(struct choices *c, uint32_t n) {
    if (c->at < c->size)
        return (c->bytes[c->at++] * (n > 256 ? 257u : 1u)) % n;
    c->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = c->random;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) % n);
}

static unsigned pick(struct maker *m, unsigned n) {
    return choices_pick(m->c, n);
}

static uint32_t emit(struct maker *m, enum engine_op op, unsigned dst, unsigned src, int off,
                     int32_t imm) {
    const struct engine_op_info *info = &engine_ops[op];
    struct engine_wire w = {info->opcode, (uint8_t)(dst | src << 4), (int16_t)off, imm};
    if (info->select == ENGINE_SELECT_OFF)
        w.off = info->value;
    if (info->select == ENGINE_SELECT_IMM)
        w.imm = info->value;
    if (info->select == ENGINE_SELECT_SRC)
        w.registers = (uint8_t)(dst | info->value << 4);
    if (!(info->operands & ENGINE_USES_I) && info->select != ENGINE_SELECT_IMM)
        w.imm = 0;
    if (!(info->operands & ENGINE_USES_S) && info->select != ENGINE_SELECT_SRC)
        w.registers &= 15;
    if (m->p->count < GENERATED_SLOTS - 8)
        m->p->slots[m->p->count++] = w;
    return m->p->count - 1;
}

static unsigned scratch(struct maker *m) {
    static const uint8_t registers[] = {0, 1, 2, 3, 4, 5, 8, 9};
    return registers[pick(m, 8)];
}

static unsigned any_register(struct maker *m) {
    unsigned r = pick(m, 12);
    return r < 8 ? scratch(m) : r < 10 ? 7 : r == 10 ? 6 : 10;
}

static int32_t constant(struct maker *m) {
    static const int32_t values[] = {
        0,    1,    2,     3,  4,  5,  7,  8,   9,    12,   15,         16,       20,
        31,   32,   33,    60, 63, 64, 65, 100, 127,  128,  255,        256,      512,
        4095, 4096, 65535, -1, -2, -4, -8, -64, -128, -512, 0x7fffffff, INT32_MIN};
    return values[pick(m, sizeof values / sizeof values[0])];
}

static const enum engine_op alu_imm[] = {
    ENGINE_OP_ADD64_IMM,  ENGINE_OP_SUB64_IMM,  ENGINE_OP_MUL64_IMM,  ENGINE_OP_DIV64_IMM,
    ENGINE_OP_OR64_IMM,   ENGINE_OP_AND64_IMM,  ENGINE_OP_LSH64_IMM,  ENGINE_OP_RSH64_IMM,
    ENGINE_OP_MOD64_IMM,  ENGINE_OP_XOR64_IMM,  ENGINE_OP_MOV64_IMM,  ENGINE_OP_ARSH64_IMM,
    ENGINE_OP_ADD32_IMM,  ENGINE_OP_SUB32_IMM,  ENGINE_OP_MUL32_IMM,  ENGINE_OP_DIV32_IMM,
    ENGINE_OP_OR32_IMM,   ENGINE_OP_AND32_IMM,  ENGINE_OP_LSH32_IMM,  ENGINE_OP_RSH32_IMM,
    ENGINE_OP_MOD32_IMM,  ENGINE_OP_XOR32_IMM,  ENGINE_OP_MOV32_IMM,  ENGINE_OP_ARSH32_IMM,
    ENGINE_OP_SDIV64_IMM, ENGINE_OP_SMOD64_IMM, ENGINE_OP_SDIV32_IMM, ENGINE_OP_SMOD32_IMM,
    ENGINE_OP_ADD64_IMM,  ENGINE_OP_AND64_IMM,  ENGINE_OP_AND64_IMM,  ENGINE_OP_MOV64_IMM,
    ENGINE_OP_NEG64,      ENGINE_OP_NEG32,      ENGINE_OP_LE16,       ENGINE_OP_LE32,
    ENGINE_OP_BE16,       ENGINE_OP_BE32,       ENGINE_OP_BE64,       ENGINE_OP_BSWAP16,
    ENGINE_OP_BSWAP32,    ENGINE_OP_BSWAP64,
};
static const enum engine_op alu_reg[] = {
    ENGINE_OP_ADD64_REG,  ENGINE_OP_SUB64_REG,  ENGINE_OP_MUL64_REG,  ENGINE_OP_DIV64_REG,
    ENGINE_OP_OR64_REG,   ENGINE_OP_AND64_REG,  ENGINE_OP_LSH64_REG,  ENGINE_OP_RSH64_REG,
    ENGINE_OP_MOD64_REG,  ENGINE_OP_XOR64_REG,  ENGINE_OP_MOV64_REG,  ENGINE_OP_ARSH64_REG,
    ENGINE_OP_ADD32_REG,  ENGINE_OP_SUB32_REG,  ENGINE_OP_MUL32_REG,  ENGINE_OP_DIV32_REG,
    ENGINE_OP_OR32_REG,   ENGINE_OP_AND32_REG,  ENGINE_OP_LSH32_REG,  ENGINE_OP_RSH32_REG,
    ENGINE_OP_MOD32_REG,  ENGINE_OP_XOR32_REG,  ENGINE_OP_MOV32_REG,  ENGINE_OP_ARSH32_REG,
    ENGINE_OP_SDIV64_REG, ENGINE_OP_SMOD64_REG, ENGINE_OP_SDIV32_REG, ENGINE_OP_SMOD32_REG,
    ENGINE_OP_MOVSX8_64,  ENGINE_OP_MOVSX16_64, ENGINE_OP_MOVSX32_64, ENGINE_OP_MOVSX8_32,
    ENGINE_OP_MOVSX16_32, ENGINE_OP_MOV64_REG,  ENGINE_OP_ADD64_REG,  ENGINE_OP_SUB64_REG,
};
static const enum engine_op loads[] = {ENGINE_OP_LDXB,  ENGINE_OP_LDXH,  ENGINE_OP_LDXW,
                                       ENGINE_OP_LDXDW, ENGINE_OP_LDXSB, ENGINE_OP_LDXSH,
                                       ENGINE_OP_LDXSW};
static const enum engine_op stores[] = {ENGINE_OP_STXB, ENGINE_OP_STXH, ENGINE_OP_STXW,
                                        ENGINE_OP_STXDW};
static const enum engine_op atomics[] = {
    ENGINE_OP_AADD64, ENGINE_OP_AFETCH_ADD64, ENGINE_OP_AXCHG64, ENGINE_OP_ACMPXCHG64,
    ENGINE_OP_AOR32,  ENGINE_OP_AFETCH_AND32, ENGINE_OP_AXCHG32, ENGINE_OP_ACMPXCHG32};

static enum engine_op branch(struct maker *m, bool reg) {
    unsigned conditions = (ENGINE_OP_JSLE32_REG - ENGINE_OP_JEQ64_IMM + 1) / 4;
    return (enum engine_op)(ENGINE_OP_JEQ64_IMM + pick(m, conditions) * 4 + (reg ? 1 : 0) +
                            (pick(m, 4) == 0 ? 2 : 0));
}

static void statement(struct maker *m);

static void block(struct maker *m, unsigned most) {
    unsigned n = 1 + pick(m, most);
    m->depth++;
    while (n-- && m->budget) {
        m->budget--;
        statement(m);
    }
    m->depth--;
}

static void condition(struct maker *m) {
    bool reg = pick(m, 2);
    uint32_t at = emit(m, branch(m, reg), any_register(m), any_register(m), 0, constant(m));
    block(m, 3);
    uint32_t over = m->p->count;
    if (pick(m, 3) == 0) {
        uint32_t skip = emit(m, ENGINE_OP_JA, 0, 0, 0, 0);
        over = m->p->count;
        block(m, 2);
        m->p->slots[skip].off = (int16_t)(m->p->count - skip - 1);
    }
    m->p->slots[at].off = (int16_t)(over - at - 1);
}

// A counter that moves by a constant towards a constant or register; now and then it does not.
static void loop(struct maker *m) {
    unsigned counter = pick(m, 2) ? 8 : 9, limit = scratch(m);
    bool reg = pick(m, 2);
    int step = 1 + (int)pick(m, 3) * (int)pick(m, 3);
    bool down = pick(m, 4) == 0;
    emit(m, ENGINE_OP_MOV64_IMM, counter, 0, 0, down ? 1 + (int)pick(m, 60) : (int)pick(m, 3));
    if (pick(m, 3) == 0)
        emit(m, ENGINE_OP_MOV64_IMM, scratch(m), 0, 0, constant(m)); // moves along, perhaps
    uint32_t head = m->p->count;
    block(m, 3);
    if (pick(m, 2))
        emit(m, ENGINE_OP_ADD64_IMM, scratch(m), 0, 0, (int)pick(m, 9) - 2);
    emit(m, pick(m, 4) ? ENGINE_OP_ADD64_IMM : ENGINE_OP_ADD32_IMM, counter, 0, 0,
         down ? -step : step);
    static const enum engine_op ends[] = {ENGINE_OP_JLT64_IMM, ENGINE_OP_JNE64_IMM,
                                          ENGINE_OP_JSLT64_IMM, ENGINE_OP_JLE64_IMM,
                                          ENGINE_OP_JLT32_IMM};
    static const enum engine_op ends_down[] = {ENGINE_OP_JNE64_IMM, ENGINE_OP_JSGT64_IMM,
                                               ENGINE_OP_JGT64_IMM};
    enum engine_op end = down ? ends_down[pick(m, 3)] : ends[pick(m, 5)];
    uint32_t at = emit(m, (enum engine_op)(end + (reg ? 1 : 0)), counter, reg ? limit : 0, 0,
                       down ? 0 : 2 + (int)pick(m, 70));
    m->p->slots[at].off = (int16_t)((int)head - (int)at - 1);
}

// An access through base + index, checked more or less.
static void indexed(struct maker *m) {
    unsigned index = scratch(m), pointer = scratch(m);
    unsigned base = pick(m, 3) == 0 ? 10 : 6;
    switch (pick(m, 4)) {
    case 0:
        emit(m, ENGINE_OP_AND64_IMM, index, 0, 0, (int)pick(m, 128));
        break;
    case 1:
        emit(m, ENGINE_OP_MOD64_IMM, index, 0, 0, 1 + (int)pick(m, 70));
        break;
    default:
        break;
    }
    if (pick(m, 3) == 0)
        emit(m, ENGINE_OP_LSH64_IMM, index, 0, 0, (int)pick(m, 4));
    uint32_t check = UINT32_MAX;
    if (pick(m, 3)) {
        static const enum engine_op checks[] = {ENGINE_OP_JGT64_IMM, ENGINE_OP_JGE64_REG,
                                                ENGINE_OP_JSGT64_IMM, ENGINE_OP_JGT64_REG,
                                                ENGINE_OP_JGE32_IMM};
        check = emit(m, checks[pick(m, 5)], index, 7, 0, (int)pick(m, 70));
    }
    emit(m, ENGINE_OP_MOV64_REG, pointer, base, 0, 0);
    emit(m, pick(m, 8) ? ENGINE_OP_ADD64_REG : ENGINE_OP_SUB64_REG, pointer, index, 0, 0);
    int off = base == 10 ? -(int)pick(m, 80) : (int)pick(m, 48) - 2;
    switch (pick(m, 3)) {
    case 0:
        emit(m, stores[pick(m, 4)], pointer, scratch(m), off, 0);
        break;
    default:
        emit(m, loads[pick(m, 7)], scratch(m), pointer, off, 0);
        break;
    }
    if (check != UINT32_MAX)
        m->p->slots[check].off = (int16_t)(m->p->count - check - 1);
}

// if (pointer + n > end) skip; access
static void checked_packet(struct maker *m) {
    unsigned p = 1 + pick(m, 2), e = 3, t = 4 + pick(m, 2), n = pick(m, 40);
    bool variable = pick(m, 2);
    emit(m, ENGINE_OP_LDXDW, p, 6, 0, 0);
    emit(m, ENGINE_OP_LDXDW, e, 6, 8, 0);
    if (variable) {
        if (pick(m, 2))
            emit(m, ENGINE_OP_AND64_IMM, 8, 0, 0, 60);
        emit(m, ENGINE_OP_ADD64_REG, p, 8, 0, 0);
    }
    emit(m, ENGINE_OP_MOV64_REG, t, p, 0, 0);
    emit(m, ENGINE_OP_ADD64_IMM, t, 0, 0, (int)n);
    static const enum engine_op checks[] = {ENGINE_OP_JGT64_REG, ENGINE_OP_JGE64_REG,
                                            ENGINE_OP_JLT64_REG, ENGINE_OP_JLE64_REG,
                                            ENGINE_OP_JEQ64_REG, ENGINE_OP_JNE64_REG};
    unsigned which = pick(m, 6);
    bool swapped = pick(m, 2);
    uint32_t check = emit(m, checks[which], swapped ? e : t, swapped ? t : e, 0, 0);
    int off = (int)pick(m, 42) - 1;
    emit(m, loads[pick(m, 7)], scratch(m), p, off, 0);
    m->p->slots[check].off = (int16_t)(m->p->count - check - 1);
}

static void reference(struct maker *m) {
    emit(m, ENGINE_OP_MOV64_IMM, 1, 0, 0, (int)pick(m, 3));
    emit(m, ENGINE_OP_CALL_IMPORT, 0, 0, 0, 0); // thing_get
    uint32_t check = emit(m, ENGINE_OP_JEQ64_IMM, 0, 0, 0, 0);
    emit(m, ENGINE_OP_MOV64_REG, 8, 0, 0, 0);
    if (pick(m, 2))
        emit(m, ENGINE_OP_LDXDW, 9, 0, pick(m, 4) ? 0 : 4, 0);
    if (pick(m, 3) == 0)
        block(m, 2);
    emit(m, ENGINE_OP_MOV64_REG, 1, 8, 0, 0);
    emit(m, ENGINE_OP_CALL_IMPORT, 0, 0, 0, 1); // thing_put
    m->p->slots[check].off = (int16_t)(m->p->count - check - 1);
    emit(m, ENGINE_OP_MOV64_IMM, 8, 0, 0, 0);
    for (unsigned r = 0; r < 6; r++)
        emit(m, ENGINE_OP_MOV64_IMM, r, 0, 0, constant(m));
}

static void call_import(struct maker *m) {
    unsigned size = pick(m, 20);
    emit(m, ENGINE_OP_MOV64_REG, 1, pick(m, 3) ? 10 : 6, 0, 0);
    emit(m, ENGINE_OP_ADD64_IMM, 1, 0, 0, -(int)pick(m, 70));
    if (pick(m, 2))
        emit(m, ENGINE_OP_MOV64_IMM, 2, 0, 0, (int)size);
    else
        emit(m, ENGINE_OP_AND64_IMM, 2, 0, 0, (int)pick(m, 64));
    emit(m, ENGINE_OP_MOV64_IMM, 3, 0, 0, (int)size);
    emit(m, ENGINE_OP_CALL_IMPORT, 0, 0, 0, 3 + (int)pick(m, 3)); // sum_bytes, fill_bytes, add
    emit(m, ENGINE_OP_MOV64_REG, scratch(m), 0, 0, 0);
    for (unsigned r = 0; r < 6; r++)
        emit(m, ENGINE_OP_MOV64_IMM, r, 0, 0, constant(m));
}

static void statement(struct maker *m) {
    unsigned a = scratch(m), b = any_register(m);
    switch (pick(m, m->depth < 4 ? 20 : 12)) {
    case 0:
    case 1:
        emit(m, alu_imm[pick(m, sizeof alu_imm / sizeof alu_imm[0])], a, 0, 0, constant(m));
        break;
    case 2:
    case 3:
        emit(m, alu_reg[pick(m, sizeof alu_reg / sizeof alu_reg[0])], a, b, 0, 0);
        break;
    case 4:
        emit(m, stores[pick(m, 4)], 10, b, -4 * (int)(1 + pick(m, 12)) - (pick(m, 8) == 0), 0);
        break;
    case 5:
        emit(m, loads[pick(m, 7)], a, 10, -4 * (int)(1 + pick(m, 12)) + (pick(m, 8) == 0), 0);
        break;
    case 6:
        emit(m, loads[pick(m, 7)], a, 6, (int)pick(m, 80), 0);
        break;
    case 7:
        emit(m, ENGINE_OP_MOV64_REG, a, b, 0, 0);
        break;
    case 8:
    case 9:
        indexed(m);
        break;
    case 10:
        emit(m, ENGINE_OP_STXDW, 10, b, -8 * (int)(1 + pick(m, 8)), 0);
        break;
    case 11:
        emit(m, ENGINE_OP_LDXDW, a, 10, -8 * (int)(1 + pick(m, 8)), 0);
        break;
    case 12:
    case 13:
    case 14:
        condition(m);
        break;
    case 15:
    case 16:
        loop(m);
        break;
    case 17:
        if (m->p->hook == ORACLE_PACKET)
            checked_packet(m);
        else
            indexed(m);
        break;
    case 18:
        switch (pick(m, 4)) {
        case 0:
            reference(m);
            break;
        case 1:
            call_import(m);
            break;
        case 2:
            emit(m, atomics[pick(m, 8)], 10, a, -8 * (int)(1 + pick(m, 6)), 0);
            break;
        default:
            emit(m, stores[pick(m, 4)], a, scratch(m), (int)pick(m, 16), 0);
            break; // arena, if any
        }
        break;
    default:
        if (!m->in_function) { // a local call; the target is filled in at the end
            for (unsigned r = 1; r <= 3; r++)
                emit(m, pick(m, 3) ? ENGINE_OP_MOV64_REG : ENGINE_OP_MOV64_IMM, r, any_register(m),
                     0, constant(m));
            emit(m, ENGINE_OP_CALL_LOCAL, 0, 0, 0, -1);
            for (unsigned r = 1; r < 6; r++)
                emit(m, ENGINE_OP_MOV64_IMM, r, 0, 0, constant(m));
        }
        break;
    }
}

static void finish(struct maker *m) {
    emit(m, pick(m, 2) ? ENGINE_OP_MOV64_REG : ENGINE_OP_MOV64_IMM, 0, scratch(m), 0, 1);
    m->p->slots[m->p->count++] = (struct engine_wire){.opcode = 0x95};
}

void generate_program(struct generated_program *p, struct choices *c) {
    struct maker m = {.p = p, .c = c, .budget = 4};
    memset(p, 0, sizeof *p);
    p->hook = (uint8_t)(ORACLE_SPAN + choices_pick(c, 3));
    p->arena = choices_pick(c, 4) == 0;
    m.budget += choices_pick(c, 40);
    emit(&m, ENGINE_OP_MOV64_REG, 6, 1, 0, 0);
    if (p->hook == ORACLE_SPAN)
        emit(&m, ENGINE_OP_MOV64_REG, 7, 2, 0, 0);
    else
        emit(&m, ENGINE_OP_LDXW, 7, 6, p->hook == ORACLE_PACKET ? 20 : 16, 0);
    static const uint8_t first[] = {0, 1, 2, 3, 4, 5, 8, 9};
    for (unsigned i = 0; i < 8; i++)
        if (i >= 6 && p->hook != ORACLE_SPAN)
            emit(&m, ENGINE_OP_LDXB, first[i], 6, 32 + (int)i, 0);
        else
            emit(&m, ENGINE_OP_MOV64_IMM, first[i], 0, 0, constant(&m));
    unsigned budget = m.budget;
    block(&m, budget);
    while (m.budget-- > 1 && m.p->count < GENERATED_SLOTS / 2)
        statement(&m);
    finish(&m);
    uint32_t function = p->count;
    bool called = false;
    for (uint32_t i = 0; i < function; i++)
        if (p->slots[i].opcode == 0x85 && p->slots[i].imm == -1) {
            p->slots[i].imm = (int32_t)(function - i - 1);
            called = true;
        }
    if (!called)
        return;
    m.in_function = true;
    m.budget = 3 + choices_pick(c, 10);
    emit(&m, ENGINE_OP_MOV64_REG, 6, 1, 0, 0);
    emit(&m, ENGINE_OP_MOV64_REG, 7, 2, 0, 0);
    for (unsigned i = 0; i < 8; i++)
        if (first[i] != 3)
            emit(&m, ENGINE_OP_MOV64_IMM, first[i], 0, 0, constant(&m));
    block(&m, 8);
    finish(&m);
}
