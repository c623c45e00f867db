// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random programs, see generate.h. Registers: r0..r5 are scratch, r6 keeps the buffer, r7..r9 are
// scratch or loop counters. The frame: [-256, -128) is accessed anyhow, by r10 and (in some
// programs) by computed addresses; [-128, -64) holds spilled words, each always accessed alike;
// [-64, 0) the loop counters and what calls must not lose.

#include "tests/engine/jit/generate.h"

#include <string.h>

enum { DEPTH = 4, BUFFER_REG = 6 };

struct state {
    struct generated *g;
    uint64_t random;
    unsigned depth, loops, function;
    unsigned reserved; // registers that hold loop counters
    bool escapes;      // the frame's address gets into registers
    unsigned budget;   // statements left
};

uint64_t generate_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned pick(struct state *s, unsigned n) {
    return (unsigned)(generate_random(&s->random) % n);
}

static bool chance(struct state *s, unsigned percent) {
    return pick(s, 100) < percent;
}

static uint32_t emit(struct state *s, enum engine_op op, unsigned dst, unsigned src, int off,
                     int32_t imm) {
    struct generated *g = s->g;
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
    if (g->count < GENERATE_SLOTS) {
        g->slots[g->count] = w;
        g->proof[g->count] = ENGINE_PROOF_REACHED;
        if (info->effect == ENGINE_EFFECT_LOAD || info->effect == ENGINE_EFFECT_STORE ||
            info->effect == ENGINE_EFFECT_ATOMIC)
            g->proof[g->count] |= ENGINE_PROOF_SAFE;
    }
    return g->count++;
}

static void ldimm64(struct state *s, unsigned dst, uint64_t value) {
    emit(s, ENGINE_OP_LDIMM64, dst, 0, 0, (int32_t)value);
    uint32_t at = emit(s, ENGINE_OP_JA, 0, 0, 0, 0);
    if (at < GENERATE_SLOTS) {
        s->g->slots[at] = (struct engine_wire){0, 0, 0, (int32_t)(value >> 32)};
        s->g->proof[at] = 0;
    }
}

static int32_t interesting(struct state *s) {
    static const int32_t values[] = {0,    1,    2,         3,         5,          7,      8,   10,
                                     16,   31,   32,        63,        64,         100,    127, 128,
                                     255,  256,  1000,      65535,     65536,      -1,     -2,  -8,
                                     -128, -129, INT32_MAX, INT32_MIN, 0x55555555, 1000003};
    return chance(s, 70) ? values[pick(s, sizeof values / sizeof values[0])]
                         : (int32_t)generate_random(&s->random);
}

// A register that may be written.
static unsigned target(struct state *s) {
    unsigned reg;
    do
        reg = pick(s, 10);
    while (reg == BUFFER_REG || s->reserved >> reg & 1);
    return reg;
}

static unsigned number(struct state *s) {
    return target(s);
}

// ---- statements

static void arithmetic(struct state *s) {
    static const uint8_t first[] = {
        ENGINE_OP_ADD64_IMM,  ENGINE_OP_SUB64_IMM, ENGINE_OP_MUL64_IMM, ENGINE_OP_OR64_IMM,
        ENGINE_OP_AND64_IMM,  ENGINE_OP_LSH64_IMM, ENGINE_OP_RSH64_IMM, ENGINE_OP_XOR64_IMM,
        ENGINE_OP_ARSH64_IMM, ENGINE_OP_DIV64_IMM, ENGINE_OP_MOD64_IMM, ENGINE_OP_SDIV64_IMM,
        ENGINE_OP_SMOD64_IMM, ENGINE_OP_ADD64_IMM, ENGINE_OP_XOR64_IMM, ENGINE_OP_AND64_IMM};
    unsigned base = first[pick(s, sizeof first)];
    unsigned form = pick(s, 4); // 64 imm, 64 reg, 32 imm, 32 reg
    int32_t imm = interesting(s);
    const struct engine_op_info *info = &engine_ops[base + form];
    bool shift =
        info->sub == ENGINE_ALU_LSH || info->sub == ENGINE_ALU_RSH || info->sub == ENGINE_ALU_ARSH;
    if (shift)
        imm &= info->width == 3 ? 63 : 31;
    bool division = info->sub == ENGINE_ALU_DIV || info->sub == ENGINE_ALU_MOD ||
                    info->sub == ENGINE_ALU_SDIV || info->sub == ENGINE_ALU_SMOD;
    if (division && imm == 0)
        imm = 3;
    emit(s, (enum engine_op)(base + form), target(s), number(s), 0, imm);
}

static void move(struct state *s) {
    static const uint8_t ops[] = {
        ENGINE_OP_MOV64_IMM,  ENGINE_OP_MOV64_REG,  ENGINE_OP_MOV32_IMM,  ENGINE_OP_MOV32_REG,
        ENGINE_OP_MOVSX8_64,  ENGINE_OP_MOVSX16_64, ENGINE_OP_MOVSX32_64, ENGINE_OP_MOVSX8_32,
        ENGINE_OP_MOVSX16_32, ENGINE_OP_NEG64,      ENGINE_OP_NEG32,      ENGINE_OP_LE16,
        ENGINE_OP_LE32,       ENGINE_OP_LE64,       ENGINE_OP_BE16,       ENGINE_OP_BE32,
        ENGINE_OP_BE64,       ENGINE_OP_BSWAP16,    ENGINE_OP_BSWAP32,    ENGINE_OP_BSWAP64};
    if (chance(s, 10))
        ldimm64(s, target(s), generate_random(&s->random));
    else
        emit(s, (enum engine_op)ops[pick(s, sizeof ops)], target(s), number(s), 0, interesting(s));
}

// What compilers write for rotations, extensions and masks.
static void idiom(struct state *s) {
    unsigned a = target(s), b = target(s), c = target(s);
    bool w = chance(s, 50);
    int bits = w ? 64 : 32, n = 1 + (int)pick(s, (unsigned)bits - 1);
    switch (pick(s, 5)) {
    case 0: // rotation
        emit(s, w ? ENGINE_OP_MOV64_REG : ENGINE_OP_MOV32_REG, b, a, 0, 0);
        emit(s, w ? ENGINE_OP_RSH64_IMM : ENGINE_OP_RSH32_IMM, b, 0, 0,
             chance(s, 85) ? bits - n : n);
        emit(s, w ? ENGINE_OP_LSH64_IMM : ENGINE_OP_LSH32_IMM, a, 0, 0, n);
        emit(s, w ? ENGINE_OP_OR64_REG : ENGINE_OP_OR32_REG, a, b, 0, 0);
        break;
    case 1: // rotation by a register
        emit(s, ENGINE_OP_MOV64_REG, b, a, 0, 0);
        emit(s, ENGINE_OP_MOV64_REG, c, b, 0, 0);
        emit(s, w ? ENGINE_OP_NEG64 : ENGINE_OP_NEG32, c, 0, 0, 0);
        emit(s, w ? ENGINE_OP_LSH64_REG : ENGINE_OP_LSH32_REG, a, b, 0, 0);
        emit(s, w ? ENGINE_OP_RSH64_REG : ENGINE_OP_RSH32_REG, b, c, 0, 0);
        emit(s, w ? ENGINE_OP_OR64_REG : ENGINE_OP_OR32_REG, a, b, 0, 0);
        break;
    case 2: // extension by shifts
        n = (int[]){8, 16, 24, 32, 48, 56}[pick(s, 6)];
        emit(s, ENGINE_OP_LSH64_IMM, a, 0, 0, n);
        emit(s, w ? ENGINE_OP_ARSH64_IMM : ENGINE_OP_RSH64_IMM, a, 0, 0, n);
        break;
    case 3: // scaled sum
        emit(s, ENGINE_OP_LSH64_IMM, a, 0, 0, 1 + (int)pick(s, 3));
        emit(s, w ? ENGINE_OP_ADD64_REG : ENGINE_OP_ADD32_REG, b, a, 0, 0);
        break;
    default:
        emit(s, w ? ENGINE_OP_AND64_IMM : ENGINE_OP_AND32_IMM, a, 0, 0,
             chance(s, 50) ? 255 : 65535);
    }
}

static enum engine_op load_of(unsigned log2, bool sign) {
    static const enum engine_op ops[] = {ENGINE_OP_LDXB, ENGINE_OP_LDXH, ENGINE_OP_LDXW,
                                         ENGINE_OP_LDXDW};
    static const enum engine_op signed_ops[] = {ENGINE_OP_LDXSB, ENGINE_OP_LDXSH, ENGINE_OP_LDXSW,
                                                ENGINE_OP_LDXDW};
    return sign ? signed_ops[log2] : ops[log2];
}

static enum engine_op store_of(unsigned log2, bool imm) {
    static const enum engine_op ops[] = {ENGINE_OP_STXB, ENGINE_OP_STXH, ENGINE_OP_STXW,
                                         ENGINE_OP_STXDW};
    static const enum engine_op imm_ops[] = {ENGINE_OP_STB, ENGINE_OP_STH, ENGINE_OP_STW,
                                             ENGINE_OP_STDW};
    return imm ? imm_ops[log2] : ops[log2];
}

static void access(struct state *s, unsigned base, int off, unsigned log2) {
    unsigned dst = target(s);
    if (chance(s, 50) && dst != base)
        emit(s, load_of(log2, chance(s, 25)), dst, base, off, 0);
    else if (chance(s, 25))
        emit(s, store_of(log2, true), base, 0, off, interesting(s));
    else
        emit(s, store_of(log2, false), base, number(s), off, 0);
}

// base is no register that holds a number.
static void stack_access(struct state *s) {
    unsigned log2 = pick(s, 4);
    if (chance(s, 60)) { // spilled words: always the same width at the same place
        static const uint8_t widths[] = {3, 3, 3, 2, 3, 2, 3, 1};
        unsigned slot = pick(s, 8);
        access(s, ENGINE_R10, -128 + 8 * (int)slot, widths[slot]);
        return;
    }
    int off = -256 + (int)pick(s, 128 - (1u << log2));
    if (!s->escapes) {
        access(s, ENGINE_R10, off, log2);
        return;
    }
    if (chance(s, 40)) { // words of the array itself
        access(s, ENGINE_R10, -256 + 8 * (int)pick(s, 16), 3);
        return;
    }
    unsigned base = target(s), index = target(s);
    emit(s, ENGINE_OP_MOV64_REG, base, ENGINE_R10, 0, 0);
    emit(s, ENGINE_OP_ADD64_IMM, base, 0, 0, -256);
    unsigned counter = 0;
    while (counter < 10 && !(s->reserved >> counter & 1))
        counter++;
    if (index != base && counter < 10 && chance(s, 60)) { // an array indexed by a loop's counter
        emit(s, ENGINE_OP_MOV64_REG, index, counter, 0, 0);
        emit(s, ENGINE_OP_LSH64_IMM, index, 0, 0, 3);
        emit(s, ENGINE_OP_ADD64_REG, base, index, 0, 0);
        access(s, base, 8 * (int)pick(s, 11), 3);
    } else if (index != base) {
        emit(s, ENGINE_OP_AND64_IMM, index, 0, 0, 63);
        emit(s, ENGINE_OP_ADD64_REG, base, index, 0, 0);
    }
    access(s, base, (int)pick(s, 56), log2);
    emit(s, ENGINE_OP_MOV64_IMM, base, 0, 0, interesting(s)); // addresses do not stay
}

static void buffer_access(struct state *s) {
    unsigned log2 = pick(s, 4);
    if (chance(s, 40)) {
        access(s, BUFFER_REG, (int)pick(s, GENERATE_BUFFER - 8), log2);
        return;
    }
    unsigned base = target(s), index = target(s);
    if (index == base)
        return;
    unsigned scale = pick(s, 4);
    emit(s, ENGINE_OP_AND64_IMM, index, 0, 0, 7 >> (scale ? scale - 1 : 0));
    if (scale)
        emit(s, ENGINE_OP_LSH64_IMM, index, 0, 0, (int)scale);
    emit(s, ENGINE_OP_MOV64_REG, base, BUFFER_REG, 0, 0);
    emit(s, ENGINE_OP_ADD64_REG, base, index, 0, 0);
    access(s, base, (int)pick(s, 40), log2);
    if (chance(s, 50))
        access(s, base, (int)pick(s, 40), log2);
    emit(s, ENGINE_OP_MOV64_IMM, base, 0, 0, interesting(s));
}

// Byte-wise access to a word, in either order.
static void bytes_access(struct state *s) {
    unsigned a = target(s), t = target(s), n = 1u << (1 + pick(s, 3)),
             off = pick(s, GENERATE_BUFFER - 8);
    bool big = chance(s, 50), w = n == 8 || chance(s, 50);
    if (a == t)
        return;
    if (chance(s, 50)) {
        for (unsigned i = 0; i < n; i++) {
            unsigned shift = 8 * (big ? n - 1 - i : i), reg = i ? t : a;
            emit(s, ENGINE_OP_LDXB, reg, BUFFER_REG, (int)(off + i), 0);
            emit(s, w ? ENGINE_OP_LSH64_IMM : ENGINE_OP_LSH32_IMM, reg, 0, 0, (int)shift);
            if (i)
                emit(s, w ? ENGINE_OP_OR64_REG : ENGINE_OP_OR32_REG, a, t, 0, 0);
            if (chance(s, 3))
                emit(s, ENGINE_OP_STB, BUFFER_REG, 0, (int)pick(s, 64), 1);
        }
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned shift = 8 * (big ? n - 1 - i : i);
        emit(s, ENGINE_OP_MOV64_REG, t, a, 0, 0);
        emit(s, n < 8 && chance(s, 30) ? ENGINE_OP_RSH32_IMM : ENGINE_OP_RSH64_IMM, t, 0, 0,
             (int)shift);
        emit(s, ENGINE_OP_STXB, BUFFER_REG, t, (int)(off + i), 0);
        if (chance(s, 8))
            emit(s, chance(s, 50) ? ENGINE_OP_STH : ENGINE_OP_STB, BUFFER_REG, 0,
                 (int)(off + pick(s, n)), interesting(s));
    }
}

static void atomic(struct state *s, unsigned base, int off, engine_proof how) {
    unsigned op = ENGINE_OP_AADD64 + pick(s, 20);
    uint32_t at = emit(s, (enum engine_op)op, base, number(s), off, 0);
    if (at < GENERATE_SLOTS)
        s->g->proof[at] = ENGINE_PROOF_REACHED | how;
}

// Masked accesses go wherever the register points.
static void arena_access(struct state *s) {
    unsigned base = target(s), log2 = pick(s, 4);
    uint32_t at;
    if (chance(s, 60)) { // an array in the arena
        unsigned index = target(s);
        if (index == base)
            return;
        emit(s, ENGINE_OP_LDIMM64, base, 0, 0, 0);
        if (s->g->count < GENERATE_SLOTS)
            s->g->proof[s->g->count] = 0;
        s->g->slots[s->g->count < GENERATE_SLOTS ? s->g->count : 0] = (struct engine_wire){0};
        s->g->count++;
        emit(s, ENGINE_OP_AND64_IMM, index, 0, 0, chance(s, 50) ? 255 : 8191);
        emit(s, ENGINE_OP_LSH64_IMM, index, 0, 0, (int)pick(s, 4));
        emit(s, ENGINE_OP_ADD64_REG, base, index, 0, 0);
    }
    int off = chance(s, 50) ? 0 : (int16_t)interesting(s);
    if (chance(s, 20)) {
        atomic(s, base, off, ENGINE_PROOF_MASKED);
    } else {
        at = s->g->count;
        access(s, base, off, log2);
        if (at < GENERATE_SLOTS)
            s->g->proof[at] = ENGINE_PROOF_REACHED | ENGINE_PROOF_MASKED;
    }
    emit(s, ENGINE_OP_MOV64_IMM, base, 0, 0, interesting(s));
}

static void clear_arguments(struct state *s) {
    for (unsigned i = 1; i <= 5; i++)
        emit(s, ENGINE_OP_MOV64_IMM, i, 0, 0, interesting(s));
}

static void call_local(struct state *s, unsigned callee) {
    emit(s, ENGINE_OP_MOV64_REG, 1, BUFFER_REG, 0, 0);
    // The function's number; made into a distance when all are known.
    uint32_t at = emit(s, ENGINE_OP_CALL_LOCAL, 0, 0, 0, (int)callee);
    if (at < GENERATE_SLOTS && s->g->metered && chance(s, 50))
        s->g->proof[at] |= ENGINE_PROOF_METERED;
    clear_arguments(s);
}

// A callable value in a register, and a call of it: proved, or checked when it happens. Calls
// backwards are recursion.
static void call_register(struct state *s) {
    struct generated *g = s->g;
    bool checked = g->metered && chance(s, 60), import = !checked && chance(s, 30);
    unsigned callee = checked ? pick(s, g->functions) : s->function + 1,
             number_of_import = pick(s, 2), reg;
    if ((!checked && !import && callee >= g->functions) || g->call_count == GENERATE_CALLS)
        return;
    do
        reg = target(s);
    while (reg >= 1 && reg <= 5);
    if (import || (checked && chance(s, 5))) { // an import; or no function at all
        emit(s, ENGINE_OP_MOV64_IMM, reg, 0, 0, (int32_t)number_of_import);
    } else { // made into a distance when all are known
        ldimm64(s, reg, callee);
        if (g->count - 2 < GENERATE_SLOTS)
            g->slots[g->count - 2].registers |= 4 << 4;
    }
    emit(s, ENGINE_OP_MOV64_REG, 1, BUFFER_REG, 0, 0);
    if (g->count < GENERATE_SLOTS && !checked)
        g->calls[g->call_count++] = (struct engine_call_target){
            g->count, import ? number_of_import : ENGINE_CALLABLE_LOCAL + callee};
    uint32_t at = emit(s, ENGINE_OP_CALL_REG, reg, 0, 0, 0);
    if (at < GENERATE_SLOTS && checked)
        g->proof[at] |= ENGINE_PROOF_CHECKED | ENGINE_PROOF_METERED;
    clear_arguments(s);
}

static void call(struct state *s) {
    if (chance(s, 25) && !(s->reserved & 0x3f)) {
        call_register(s);
        return;
    }
    if (s->reserved & 0x3f) // counters in scratch registers do not survive
        return;
    if (chance(s, 50) || s->function + 1 >= s->g->functions) {
        emit(s, ENGINE_OP_CALL_IMPORT, 0, 0, 0, (int)pick(s, 4));
        clear_arguments(s);
        return;
    }
    if (s->g->metered && chance(s, 10)) { // recursion
        call_local(s, pick(s, s->function + 1));
        uint32_t at = s->g->count - 6;
        if (at < GENERATE_SLOTS)
            s->g->proof[at] |= ENGINE_PROOF_METERED;
        return;
    }
    call_local(s, s->function + 1 + pick(s, s->g->functions - s->function - 1));
}

static void statements(struct state *s, unsigned n);

static enum engine_op condition(struct state *s) {
    return (enum engine_op)(ENGINE_OP_JEQ64_IMM + pick(s, 44));
}

static void aim(struct state *s, uint32_t at, uint32_t to) {
    if (at < GENERATE_SLOTS)
        s->g->slots[at].off = (int16_t)(to - at - 1);
}

static void choice(struct state *s) {
    uint32_t at = emit(s, condition(s), target(s), number(s), 0, interesting(s));
    s->depth++;
    if (chance(s, 30)) { // small sides: selects
        emit(s, ENGINE_OP_MOV64_REG, target(s), number(s), 0, 0);
        aim(s, at, s->g->count);
        s->depth--;
        return;
    }
    statements(s, 1 + pick(s, 4));
    if (chance(s, 50)) {
        uint32_t out = emit(s, ENGINE_OP_JA, 0, 0, 0, 0);
        aim(s, at, s->g->count);
        statements(s, 1 + pick(s, 4));
        aim(s, out, s->g->count);
    } else {
        aim(s, at, s->g->count);
    }
    s->depth--;
}

static void loop(struct state *s) {
    int turns = 1 + (int)pick(s, 6), slot = -8 * (int)(1 + s->loops);
    unsigned reg = target(s);
    bool in_memory = chance(s, 40) || reg < 6, metered = s->g->metered && chance(s, 60);
    if (s->loops >= 3)
        return;
    s->loops++;
    s->depth++;
    if (in_memory)
        emit(s, ENGINE_OP_STDW, ENGINE_R10, 0, slot, 0);
    else {
        emit(s, ENGINE_OP_MOV64_IMM, reg, 0, 0, 0);
        s->reserved |= 1u << reg;
    }
    uint32_t enter = chance(s, 30) ? emit(s, ENGINE_OP_JA, 0, 0, 0, 0) : UINT32_MAX;
    uint32_t top = s->g->count, leave = UINT32_MAX, early = UINT32_MAX;
    statements(s, 1 + pick(s, 5));
    if (enter != UINT32_MAX) { // entered in the middle: the way back is not the end of the loop
        if (chance(s, 60))
            early = emit(s, condition(s), target(s), number(s), 0, interesting(s));
        aim(s, enter, s->g->count);
        statements(s, 1 + pick(s, 3));
    }
    if (chance(s, 25))
        leave = emit(s, condition(s), target(s), number(s), 0, interesting(s));
    unsigned counter = in_memory ? target(s) : reg;
    if (in_memory)
        emit(s, ENGINE_OP_LDXDW, counter, ENGINE_R10, slot, 0);
    emit(s, ENGINE_OP_ADD64_IMM, counter, 0, 0, 1);
    if (in_memory)
        emit(s, ENGINE_OP_STXDW, ENGINE_R10, counter, slot, 0);
    uint32_t back =
        emit(s, chance(s, 50) ? ENGINE_OP_JLT64_IMM : ENGINE_OP_JNE32_IMM, counter, 0, 0, turns);
    aim(s, back, top);
    if (metered && back < GENERATE_SLOTS)
        s->g->proof[back] |= ENGINE_PROOF_METERED;
    if (leave != UINT32_MAX)
        aim(s, leave, s->g->count);
    if (early != UINT32_MAX)
        aim(s, early, s->g->count);
    if (!in_memory)
        s->reserved &= ~(1u << reg);
    s->depth--;
    s->loops--;
}

static void statement(struct state *s) {
    unsigned kind = pick(s, 100);
    if (kind < 30)
        arithmetic(s);
    else if (kind < 40)
        move(s);
    else if (kind < 50)
        idiom(s);
    else if (kind < 62)
        stack_access(s);
    else if (kind < 70)
        buffer_access(s);
    else if (kind < 74)
        bytes_access(s);
    else if (kind < 80)
        arena_access(s);
    else if (kind < 81)
        atomic(s, BUFFER_REG, 8 * (int)pick(s, 8), ENGINE_PROOF_SAFE);
    else if (kind < 85)
        call(s);
    else if (s->depth < DEPTH && kind < 93)
        choice(s);
    else if (s->depth < DEPTH)
        loop(s);
}

static void statements(struct state *s, unsigned n) {
    for (; n && s->budget; n--) {
        s->budget--;
        statement(s);
    }
}

static void function(struct state *s, unsigned index, unsigned size) {
    struct generated *g = s->g;
    g->starts[index] = g->count;
    s->function = index;
    s->escapes = chance(s, 40);
    s->budget = size;
    for (unsigned reg = 0; reg < 10; reg++)
        if (reg == 0 || reg > 5)
            emit(s, reg == BUFFER_REG ? ENGINE_OP_MOV64_REG : ENGINE_OP_MOV64_IMM, reg, 1, 0,
                 interesting(s));
    emit(s, ENGINE_OP_MOV64_IMM, 1, 0, 0, interesting(s)); // the address does not stay
    for (int off = -256; off < 0 && !g->zero_frame; off += 8)
        emit(s, ENGINE_OP_STDW, ENGINE_R10, 0, off, interesting(s));
    while (s->budget)
        statements(s, s->budget);
    if (index + 1 < g->functions) // each function is called by somebody: else it would not be one
        call_local(s, index + 1);
    for (unsigned reg = 1; reg < 10; reg++)
        if (reg != BUFFER_REG && chance(s, 60))
            emit(s, ENGINE_OP_XOR64_REG, 0, reg, 0, 0);
    emit(s, ENGINE_OP_EXIT, 0, 0, 0, 0);
}

static uint64_t hash(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                     struct engine_run *run) {
    uint64_t h = a * 3 + b * 5 + c * 7 + d * 11 + e * 13 + (uint64_t)run->arena_mask;
    return generate_random(&h);
}

static uint64_t stop(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                     struct engine_run *run) {
    (void)c, (void)d, (void)e;
    if (a % 16 == 7)
        run->status = ENGINE_RUN_IMPORT;
    return a ^ b;
}

static const uint64_t word = UINT64_C(0xfedcba9876543210);

static uint64_t constant(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                         struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return UINT64_C(0x1234567890);
}

static uint64_t load_word(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                          struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return word;
}

static const struct engine_import imports[] = {
    // 2 and 3 below are what the compiler may put in line.
    {.name = "hash", .function = hash, .argument_count = 5},
    {.name = "stop", .function = stop, .argument_count = 2, .flags = ENGINE_IMPORT_CANCELS},
    {.name = "constant",
     .function = constant,
     .inline_kind = ENGINE_INLINE_CONSTANT,
     .inline_value = UINT64_C(0x1234567890)},
    {.name = "load",
     .function = load_word,
     .inline_kind = ENGINE_INLINE_LOAD,
     .inline_value = (uintptr_t)&word},
};
static const struct engine_hook hooks[] = {{.name = "entry", .argument_count = 5}};
const struct engine_interface generate_interface = {
    .name = "generated", .imports = imports, .import_count = 4, .hooks = hooks, .hook_count = 1};

void generate(struct generated *g, uint64_t seed, unsigned size) {
    struct state s = {.g = g, .random = seed};
    do {
        memset(g, 0, sizeof *g);
        s.reserved = s.depth = s.loops = 0;
        g->zero_frame = chance(&s, 50);
        g->metered = chance(&s, 50);
        g->functions = 1 + pick(&s, GENERATE_FUNCTIONS);
        for (unsigned i = 0; i < g->functions; i++)
            function(&s, i, i ? size / 2 + 1 : size);
        g->starts[g->functions] = g->count;
    } while (g->count > GENERATE_SLOTS);
    for (uint32_t pc = 0; pc < g->count; pc++) {
        struct engine_wire *w = &g->slots[pc];
        if (w->opcode == engine_ops[ENGINE_OP_CALL_LOCAL].opcode && w->registers >> 4 == 1)
            w->imm = (int32_t)(g->starts[w->imm] - pc - 1);
        if (w->opcode == engine_ops[ENGINE_OP_LDIMM64].opcode && w->registers >> 4 == 4)
            w->imm = (int32_t)(g->starts[w->imm] - pc - 1);
    }
}
