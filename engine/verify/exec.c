// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Arithmetic and branches: how one instruction changes what is known.

#include "base/bits.h"
#include "engine/verify/priv.h"

enum { FAR = 1 << 29 }; // pointers further than that from their origin are not followed

bool exec_reads(struct verifier *v, struct work *w, struct state *s, unsigned reg, uint32_t pc) {
    const struct value *value = reg_at(v, s, reg);
    if (value->kind >= VALUE_NUMBER)
        return true;
    if (WEAK(UNSET) && value->kind == VALUE_UNSET) {
        s->reg[reg] = value_number(v, &num_any);
        return true;
    }
    return refuse(v, w, s,
                  value->kind == VALUE_UNSET   ? ENGINE_REFUSED_UNSET
                  : value->kind == VALUE_MIXED ? ENGINE_REFUSED_MIXED
                                               : ENGINE_REFUSED_DEAD,
                  pc, reg, reg, 0);
}

static bool arithmetic_refused(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                               unsigned reg) {
    return refuse(v, w, s, ENGINE_REFUSED_POINTER_ARITHMETIC, pc, reg, reg, 0);
}

// ---- Pointers

// The pointer in id was moved: one that went out of sight is no longer followed. (Farther than what
// can be accessed, because a loop's condition may still bring it back.)
static uint32_t settle_pointer(struct verifier *v, uint32_t id) {
    const int64_t sight = (int64_t)1 << 40;
    struct value *value = value_at(v, id);
    if (value->kind == VALUE_NUMBER || (value->num.smin > -sight && value->num.smax < sight))
        return id;
    value->num = num_any;
    value->symbol = 0;
    value->scale = 1;
    return id;
}

// Any other operation on a pointer. Arena addresses are no secret: what comes out is a number.
static bool use_pointer(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                        unsigned dst, unsigned reg, unsigned bits) {
    const struct value *value = reg_at(v, s, reg);
    if (value->kind != VALUE_ARENA)
        return arithmetic_refused(v, w, s, pc, reg);
    if (v->deterministic && !WEAK(DETERMINISTIC_ADDRESS)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_NOT_DETERMINISTIC, pc, reg, reg, 0);
        refuse_words(v, "that no number is made of an address");
        return false;
    }
    struct num num = num_any;
    num_extend(&num, bits, false);
    s->reg[dst] = value_number(v, &num);
    return true;
}

static bool is_near(const struct value *a) {
    return a->num.smin > -FAR && a->num.smax < FAR;
}

// ADD or SUB, 64 bits, with a pointer on one side.
static bool move_pointer(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                         unsigned dst, unsigned reg, uint32_t other, bool subtract) {
    const struct value *x = reg_at(v, s, dst), *y = value_at(v, other);
    if (subtract && value_is_pointer(x) && x->kind == y->kind && x->object == y->object &&
        x->kind != VALUE_REFERENCE && !((x->flags | y->flags) & VALUE_NULLABLE) &&
        (!v->deterministic || (is_near(x) && is_near(y)))) {
        uint32_t id = value_add(v, s, s->reg[dst], other, true);
        value_at(v, id)->kind = VALUE_NUMBER;
        value_at(v, id)->object = value_at(v, id)->parent = 0;
        s->reg[dst] = id;
        return true;
    }
    uint32_t pointer = value_is_pointer(x) ? s->reg[dst] : other;
    uint32_t number = value_is_pointer(x) ? other : s->reg[dst];
    const struct value *p = value_at(v, pointer);
    if (value_at(v, number)->kind != VALUE_NUMBER || (subtract && pointer == other))
        return use_pointer(v, w, s, pc, dst, x->kind == VALUE_ARENA ? dst : reg, 64);
    if (p->kind == VALUE_REFERENCE && !num_is_const(&value_at(v, number)->num))
        return arithmetic_refused(v, w, s, pc, dst);
    if (p->flags & VALUE_NULLABLE)
        return refuse(v, w, s, ENGINE_REFUSED_NULL, pc, dst, dst, 0);
    struct value was = *p;
    uint32_t id = value_add(v, s, pointer, number, subtract);
    struct value *now = value_at(v, id);
    if (was.kind == VALUE_REFERENCE) { // its symbol is its identity
        num_set(&now->num, was.num.value + (subtract ? 0 - value_at(v, number)->num.value
                                                     : value_at(v, number)->num.value));
        now->offset = (int64_t)now->num.value;
        now->symbol = was.symbol;
    }
    now->flags = was.flags & VALUE_ARGUMENTS;
    s->reg[dst] = settle_pointer(v, id);
    return true;
}

// ---- Numbers

// 32-bit addition and subtraction that does not leave 0..2^32-1 is the 64-bit one, and keeps
// relations.
static uint32_t add32(struct verifier *v, struct state *s, uint32_t a, uint32_t b, bool subtract) {
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    if (x->num.umax > UINT32_MAX)
        return 0;
    int64_t least = y->num.imin, most = y->num.imax;
    if (num_is_const(&y->num)) {
        int64_t c = (int32_t)y->num.value;
        if (subtract)
            c = -c;
        if (x->num.smin + c < 0 || x->num.smax + c > UINT32_MAX)
            return 0;
        return value_add_constant(v, a, c);
    }
    if (y->num.umax > UINT32_MAX)
        return 0;
    least = y->num.smin, most = y->num.smax;
    if (subtract ? x->num.smin - most < 0 && !value_less(v, s, b, a, 0)
                 : x->num.smax + most > UINT32_MAX)
        return 0;
    (void)least;
    uint32_t id = value_add(v, s, a, b, subtract);
    struct num range;
    num_range(&range, 0, UINT32_MAX);
    struct num both = value_at(v, id)->num;
    if (num_meet(&both, &range))
        value_at(v, id)->num = both;
    return id;
}

static uint32_t add_numbers(struct verifier *v, struct state *s, unsigned bits, uint32_t a,
                            uint32_t b, bool subtract) {
    if (bits == 32) {
        uint32_t id = add32(v, s, a, b, subtract);
        if (id)
            return id;
        struct num num = value_at(v, a)->num;
        num_alu(subtract ? ENGINE_ALU_SUB : ENGINE_ALU_ADD, 32, &num, &value_at(v, b)->num);
        return value_number(v, &num);
    }
    uint32_t id = value_add(v, s, a, b, subtract);
    if (subtract && value_less(v, s, b, a, 0) && value_at(v, b)->num.smin >= 0) {
        // b <= a: the difference is not negative
        struct num both = value_at(v, id)->num, range;
        num_range(&range, 0, INT64_MAX);
        if (num_meet(&both, &range))
            value_at(v, id)->num = both;
    }
    return id;
}

// Zero- or sign-extension of the low `bits`: the same value if that changes nothing.
static uint32_t extend_value(struct verifier *v, uint32_t id, unsigned bits, bool sign) {
    const struct value *value = value_at(v, id);
    if (bits < 64 && sign &&
        (value->num.smin >= -((int64_t)1 << (bits - 1)) && value->num.smax < (int64_t)1
                                                                                 << (bits - 1)))
        return id;
    if (bits == 64 || (!sign && value->num.umax <= UINT64_MAX >> (64 - bits)))
        return id;
    struct num num = value->num;
    num_extend(&num, bits, sign);
    return value_number(v, &num);
}

static unsigned sign_bits(enum engine_alu op) {
    return op == ENGINE_ALU_MOVSX8 ? 8 : op == ENGINE_ALU_MOVSX16 ? 16 : 32;
}

static bool exec_move(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                      const struct engine_insn *insn, enum engine_alu op, unsigned bits) {
    if (!engine_insn_uses_src(insn)) {
        s->reg[insn->dst] =
            value_constant(v, bits == 32 ? (uint32_t)insn->imm : (uint64_t)insn->imm);
        return true;
    }
    if (!exec_reads(v, w, s, insn->src, pc))
        return false;
    if (op == ENGINE_ALU_MOV && bits == 64) {
        s->reg[insn->dst] = s->reg[insn->src];
        return true;
    }
    if (reg_at(v, s, insn->src)->kind != VALUE_NUMBER)
        return use_pointer(v, w, s, pc, insn->dst, insn->src, bits);
    uint32_t id = s->reg[insn->src];
    if (op != ENGINE_ALU_MOV)
        id = extend_value(v, id, sign_bits(op), true);
    s->reg[insn->dst] = extend_value(v, id, bits, false);
    return true;
}

// `lsh 32` followed by `rsh 32` or `arsh 32` on the same register is an extension.
static bool is_extension(const struct work *w, uint32_t pc, const struct engine_insn *insn,
                         enum engine_alu op) {
    return w->extend_pc == pc && w->extend_reg == insn->dst && w->extend_value &&
           (op == ENGINE_ALU_RSH || op == ENGINE_ALU_ARSH) && !engine_insn_uses_src(insn) &&
           insn->imm == 32;
}

static void note_divisor(struct verifier *v, struct work *w, uint32_t pc, enum engine_alu op,
                         unsigned bits, const struct num *a, const struct num *b) {
    bool zero = bits == 64 ? b->umin == 0 : b->wmin == 0;
    bool overflow = false;
    if (op == ENGINE_ALU_SDIV || op == ENGINE_ALU_SMOD)
        overflow = bits == 64 ? b->smin <= -1 && b->smax >= -1 && a->smin == INT64_MIN
                              : b->imin <= -1 && b->imax >= -1 && a->imin == INT32_MIN;
    if ((zero || overflow) && !WEAK(DIVISOR))
        proof_set(v, w, pc, ENGINE_PROOF_DIVISOR); // inverted at the end: "may be zero"
}

// a divided by the constant c, without remainder, a not negative: c * result is at most a.
static void note_quotient(struct verifier *v, struct state *s, uint32_t a, uint32_t result,
                          uint64_t c) {
    uint32_t back = value_scale(v, result, c);
    const struct value *x = value_at(v, a);
    if (!back || x->num.smin < 0)
        return;
    bool exact = bits_is_power2(c) && !((x->num.value | x->num.mask) & (c - 1));
    state_bound(v, s, value_at(v, back), x, 0);
    state_bound(v, s, x, value_at(v, back), exact ? 0 : (int64_t)c - 1);
}

// a & mask that only clears low bits.
static void note_rounding(struct verifier *v, struct state *s, uint32_t a, uint32_t result,
                          uint64_t mask) {
    const struct value *x = value_at(v, a);
    uint64_t cleared = (x->num.value | x->num.mask) & ~mask;
    if (x->num.smin < 0 || cleared > SCALE_MAX)
        return;
    state_bound(v, s, value_at(v, result), x, 0);
    state_bound(v, s, x, value_at(v, result), (int64_t)cleared);
}

// Products and quotients by constants, which keep relations; 0: nothing special.
static uint32_t scale_number(struct verifier *v, struct state *s, enum engine_alu op, unsigned bits,
                             uint32_t a, uint64_t c) {
    const struct value *x = value_at(v, a);
    if (bits == 32 && x->num.umax > UINT32_MAX)
        return 0;
    if (op == ENGINE_ALU_LSH || op == ENGINE_ALU_RSH) {
        if ((c &= bits - 1) > 12)
            return 0;
        c = UINT64_C(1) << c;
    }
    if (op == ENGINE_ALU_MUL || op == ENGINE_ALU_LSH)
        return bits == 64 || x->num.umax * c <= UINT32_MAX ? value_scale(v, a, c) : 0;
    struct num num = x->num, divisor;
    num_set(&divisor, c);
    if (op == ENGINE_ALU_AND)
        num_alu(op, bits, &num, &divisor);
    else
        num_alu(ENGINE_ALU_DIV, bits, &num, &divisor);
    uint32_t id = value_number(v, &num);
    if (op == ENGINE_ALU_AND)
        note_rounding(v, s, a, id, bits == 32 ? (uint32_t)c : c);
    else if (c > 1)
        note_quotient(v, s, a, id, c);
    return id;
}

static uint32_t alu_numbers(struct verifier *v, struct state *s, enum engine_alu op, unsigned bits,
                            uint32_t a, uint32_t b) {
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    if (op == ENGINE_ALU_ADD || op == ENGINE_ALU_SUB)
        return add_numbers(v, s, bits, a, b, op == ENGINE_ALU_SUB);
    if (a == b && op == ENGINE_ALU_XOR)
        return value_constant(v, 0);
    if (op == ENGINE_ALU_TOLE)
        return extend_value(v, a, bits, false);
    // Masking that keeps every bit that can be set.
    if (op == ENGINE_ALU_AND &&
        !((x->num.value | x->num.mask) & ~(bits == 32 ? (uint32_t)y->num.value : y->num.value)))
        return a;
    bool scales = op == ENGINE_ALU_MUL || op == ENGINE_ALU_LSH || op == ENGINE_ALU_RSH ||
                  op == ENGINE_ALU_DIV || op == ENGINE_ALU_AND;
    if (scales && x->symbol && num_is_const(&y->num)) {
        uint32_t id = scale_number(v, s, op, bits, a, y->num.value);
        if (id)
            return id;
    }
    struct num num = x->num;
    num_alu(op, bits, &num, &y->num);
    return value_number(v, &num);
}

static bool exec_alu(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                     const struct engine_insn *insn) {
    enum engine_alu op = (enum engine_alu)engine_insn_info(insn)->sub;
    unsigned bits = engine_insn_bits(insn), dst = insn->dst, src = dst;
    if (op == ENGINE_ALU_MOV || (op >= ENGINE_ALU_MOVSX8 && op <= ENGINE_ALU_MOVSX32))
        return exec_move(v, w, s, pc, insn, op, bits);
    if (!exec_reads(v, w, s, dst, pc))
        return false;
    uint32_t operand;
    if (engine_insn_uses_src(insn)) {
        if (!exec_reads(v, w, s, insn->src, pc))
            return false;
        src = insn->src;
        operand = s->reg[src];
    } else
        operand = value_constant(v, (uint64_t)insn->imm);
    const struct value *a = reg_at(v, s, dst), *b = value_at(v, operand);
    if (a->kind != VALUE_NUMBER || b->kind != VALUE_NUMBER) {
        if (bits == 64 && (op == ENGINE_ALU_ADD || op == ENGINE_ALU_SUB))
            return move_pointer(v, w, s, pc, dst, src, operand, op == ENGINE_ALU_SUB);
        return use_pointer(v, w, s, pc, dst, a->kind != VALUE_NUMBER ? dst : src, bits);
    }
    if (is_extension(w, pc, insn, op)) {
        s->reg[dst] = extend_value(v, w->extend_value, 32, op == ENGINE_ALU_ARSH);
        return true;
    }
    if ((op >= ENGINE_ALU_DIV && op <= ENGINE_ALU_SDIV) || op == ENGINE_ALU_MOD ||
        op == ENGINE_ALU_SMOD)
        note_divisor(v, w, pc, op, bits, &a->num, &b->num);
    if (op == ENGINE_ALU_LSH && bits == 64 && !engine_insn_uses_src(insn) && insn->imm == 32) {
        w->extend_pc = pc + 1;
        w->extend_reg = (uint8_t)dst;
        w->extend_value = s->reg[dst];
    }
    s->reg[dst] = alu_numbers(v, s, op, bits, s->reg[dst], operand);
    return true;
}

static void exec_immediate(struct verifier *v, struct state *s, const struct engine_insn *insn) {
    uint64_t imm = (uint64_t)insn->imm;
    if (insn->kind == ENGINE_IMM_ARENA)
        s->reg[insn->dst] = value_pointer(v, VALUE_ARENA, 0, insn->imm);
    else
        s->reg[insn->dst] = value_constant(
            v, insn->kind == ENGINE_IMM_FUNCTION ? ENGINE_CALLABLE_LOCAL + imm : imm);
}

bool exec_step(struct verifier *v, struct work *w, struct state *s, uint32_t pc) {
    const struct engine_insn *insn = &v->program->insns[pc];
    switch (engine_insn_effect(insn)) {
    case ENGINE_EFFECT_ALU:
        return exec_alu(v, w, s, pc, insn);
    case ENGINE_EFFECT_LDIMM:
        exec_immediate(v, s, insn);
        return true;
    default:
        return access_exec(v, w, s, pc);
    }
}

// ---- Branches

enum { FALLS = 1, JUMPS = 2 };

static enum engine_cond to_signed(enum engine_cond cond) {
    switch (cond) {
    case ENGINE_COND_JGT:
        return ENGINE_COND_JSGT;
    case ENGINE_COND_JGE:
        return ENGINE_COND_JSGE;
    case ENGINE_COND_JLT:
        return ENGINE_COND_JSLT;
    case ENGINE_COND_JLE:
        return ENGINE_COND_JSLE;
    default:
        return cond;
    }
}

static enum engine_cond to_unsigned(enum engine_cond cond) {
    switch (cond) {
    case ENGINE_COND_JSGT:
        return ENGINE_COND_JGT;
    case ENGINE_COND_JSGE:
        return ENGINE_COND_JGE;
    case ENGINE_COND_JSLT:
        return ENGINE_COND_JLT;
    case ENGINE_COND_JSLE:
        return ENGINE_COND_JLE;
    default:
        return cond;
    }
}

// a - b <= bound holds from here on. False: it cannot.
static bool less(struct verifier *v, struct state *s, unsigned ra, unsigned rb, int64_t bound) {
    state_bound(v, s, reg_at(v, s, ra), reg_at(v, s, rb), bound);
    const struct value *a = reg_at(v, s, ra), *b = reg_at(v, s, rb);
    struct num most = num_any, least = num_any;
    if (__builtin_add_overflow(b->num.smax, bound, &most.smax) ||
        __builtin_sub_overflow(a->num.smin, bound, &least.smin))
        return true;
    return (most.smax >= a->num.smax ||
            (num_meet(&most, &a->num) && state_refine(v, s, s->reg[ra], &most))) &&
           (least.smin <= b->num.smin ||
            (num_meet(&least, &b->num) && state_refine(v, s, s->reg[rb], &least)));
}

// What the condition says of a - b, as a bound (signed).
static bool assume_bounds(struct verifier *v, struct state *s, enum engine_cond cond, bool holds,
                          unsigned a, unsigned b) {
    switch (to_unsigned(cond)) {
    case ENGINE_COND_JGT:
        return holds ? less(v, s, b, a, -1) : less(v, s, a, b, 0);
    case ENGINE_COND_JGE:
        return holds ? less(v, s, b, a, 0) : less(v, s, a, b, -1);
    case ENGINE_COND_JLT:
        return holds ? less(v, s, a, b, -1) : less(v, s, b, a, 0);
    case ENGINE_COND_JLE:
        return holds ? less(v, s, a, b, 0) : less(v, s, b, a, -1);
    case ENGINE_COND_JEQ:
    case ENGINE_COND_JNE:
        if ((cond == ENGINE_COND_JEQ) == holds)
            return less(v, s, a, b, 0) && less(v, s, b, a, 0);
        if (value_less(v, s, s->reg[a], s->reg[b], 0))
            return less(v, s, a, b, -1);
        if (value_less(v, s, s->reg[b], s->reg[a], 0))
            return less(v, s, b, a, -1);
        return true;
    default:
        return true;
    }
}

// Contradicts the condition what is known of a - b?
static bool impossible(const struct verifier *v, const struct state *s, enum engine_cond cond,
                       bool holds, uint32_t a, uint32_t b) {
    switch (to_unsigned(cond)) {
    case ENGINE_COND_JGT:
        return holds ? value_less(v, s, a, b, 0) : value_less(v, s, b, a, -1);
    case ENGINE_COND_JGE:
        return holds ? value_less(v, s, a, b, -1) : value_less(v, s, b, a, 0);
    case ENGINE_COND_JLT:
        return holds ? value_less(v, s, b, a, 0) : value_less(v, s, a, b, -1);
    case ENGINE_COND_JLE:
        return holds ? value_less(v, s, b, a, -1) : value_less(v, s, a, b, 0);
    case ENGINE_COND_JEQ:
    case ENGINE_COND_JNE:
        if ((cond == ENGINE_COND_JEQ) == holds)
            return value_less(v, s, a, b, -1) || value_less(v, s, b, a, -1);
        return value_less(v, s, a, b, 0) && value_less(v, s, b, a, 0);
    default:
        return false;
    }
}

// The state learns that the condition holds (or not). False: that cannot be.
static bool assume(struct verifier *v, struct state *s, enum engine_cond cond, unsigned bits,
                   bool holds, uint32_t a, uint32_t b, unsigned ra, unsigned rb) {
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    struct num p = x->num, q = y->num;
    if (!num_assume(cond, holds, bits, &p, &q))
        return false;
    // Signed and unsigned order agree among numbers that are not negative; 32 and 64 bits among
    // those that fit.
    bool is_signed = cond != to_unsigned(cond);
    bool small = p.umax <= INT32_MAX && q.umax <= INT32_MAX;
    bool ordered = bits == 64 ? is_signed || (p.smin >= 0 && q.smin >= 0)
                              : small || (!is_signed && x->num.umax <= UINT32_MAX &&
                                          y->num.umax <= UINT32_MAX);
    if (cond == ENGINE_COND_JEQ || cond == ENGINE_COND_JNE)
        ordered = bits == 64 || (x->num.umax <= UINT32_MAX && y->num.umax <= UINT32_MAX);
    if (bits == 32 && small && (x->num.umax > UINT32_MAX || y->num.umax > UINT32_MAX))
        ordered = false;
    if (cond == ENGINE_COND_JSET)
        ordered = false;
    if (ordered && impossible(v, s, cond, holds, a, b))
        return false;
    if (!state_refine(v, s, a, &p) || (rb < ENGINE_REGISTERS && !state_refine(v, s, b, &q)))
        return false;
    return !ordered || rb >= ENGINE_REGISTERS || assume_bounds(v, s, cond, holds, ra, rb);
}

// if (pointer == 0). Returns what can happen to each side.
static unsigned branch_null(struct verifier *v, struct state *s, struct state *t, unsigned reg,
                            enum engine_cond cond) {
    const struct value *value = reg_at(v, s, reg);
    struct state *null = cond == ENGINE_COND_JEQ ? t : s, *other = null == t ? s : t;
    unsigned if_null = null == t ? JUMPS : FALLS, if_not = if_null ^ (FALLS | JUMPS);
    if (!(value->flags & VALUE_NULLABLE)) {
        bool certain = value->num.smin > -FAR && value->num.smax < FAR;
        return certain ? if_not : FALLS | JUMPS;
    }
    uint32_t old = s->reg[reg], id = value_new(v, VALUE_NUMBER);
    uint32_t symbol = value->kind == VALUE_REFERENCE ? value->symbol : 0;
    *value_at(v, id) = *value;
    value_at(v, id)->flags &= (uint8_t)~VALUE_NULLABLE;
    state_replace(v, other, old, id);
    state_replace(v, null, old, value_constant(v, 0));
    if (symbol && held_has(v, null, symbol))
        held_remove(v, null, symbol);
    (void)if_null;
    return FALLS | JUMPS;
}

static bool branch_allowed(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                           unsigned reg, const struct value *a, const struct value *b) {
    bool arena = (a->kind == VALUE_ARENA || a->kind == VALUE_NUMBER) &&
                 (b->kind == VALUE_ARENA || b->kind == VALUE_NUMBER);
    bool pointers = value_is_pointer(a) && value_is_pointer(b);
    bool zero = num_is_const(&b->num) && b->num.value == 0 && b->kind == VALUE_NUMBER;
    if (!arena && !pointers && !zero)
        return refuse(v, w, s, ENGINE_REFUSED_POINTER_COMPARE, pc, reg, reg, 0);
    bool same = a->kind == b->kind && a->object == b->object;
    if (v->deterministic && !zero && !same && !WEAK(DETERMINISTIC_ADDRESS)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_NOT_DETERMINISTIC, pc, reg, reg, 0);
        refuse_words(v, "that addresses are only compared within one object");
        return false;
    }
    return true;
}

static bool followed(const struct value *a) {
    return is_near(a) && !(a->flags & VALUE_NULLABLE) && a->kind != VALUE_REFERENCE;
}

uint32_t exec_branch(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                     unsigned *may) {
    const struct engine_insn *insn = &v->program->insns[pc];
    enum engine_cond cond = (enum engine_cond)engine_insn_info(insn)->sub;
    unsigned bits = engine_insn_bits(insn), dst = insn->dst, src = ENGINE_REGISTERS;
    *may = 0;
    if (!exec_reads(v, w, s, dst, pc))
        return 0;
    uint32_t b = 0;
    if (engine_insn_uses_src(insn)) {
        src = insn->src;
        if (!exec_reads(v, w, s, src, pc))
            return 0;
        b = s->reg[src];
    } else
        b = value_constant(v, (uint64_t)insn->imm);
    uint32_t a = s->reg[dst];
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    bool numbers = x->kind == VALUE_NUMBER && y->kind == VALUE_NUMBER;
    if (!numbers &&
        !branch_allowed(v, w, s, pc, x->kind == VALUE_NUMBER ? src : dst,
                        x->kind == VALUE_NUMBER ? y : x, x->kind == VALUE_NUMBER ? x : y))
        return 0;
    uint32_t taken = state_copy(v, (uint32_t)(w->now));
    struct state *t = state_at(v, taken);
    if (!taken)
        return 0;
    bool same = x->kind == y->kind && x->object == y->object;
    *may = FALLS | JUMPS;
    if (numbers || (same && bits == 64 && followed(x) && followed(y) && cond != ENGINE_COND_JSET)) {
        if (!numbers) // addresses in one object are ordered as their distances from its start
            cond = to_signed(cond);
        unsigned rb = src < ENGINE_REGISTERS ? src : ENGINE_REGISTERS;
        if (!assume(v, t, cond, bits, true, a, b, dst, rb))
            *may &= ~(unsigned)JUMPS;
        if (!assume(v, s, cond, bits, false, a, b, dst, rb))
            *may &= ~(unsigned)FALLS;
        if (a == b && cond != ENGINE_COND_JSET) {
            bool holds = cond == ENGINE_COND_JEQ || cond == ENGINE_COND_JGE ||
                         cond == ENGINE_COND_JLE || cond == ENGINE_COND_JSGE ||
                         cond == ENGINE_COND_JSLE;
            *may = holds ? JUMPS : FALLS;
        }
    } else if (bits == 64 && (cond == ENGINE_COND_JEQ || cond == ENGINE_COND_JNE) &&
               value_is_pointer(x) && x->kind != VALUE_ARENA && y->kind == VALUE_NUMBER)
        *may = branch_null(v, s, t, dst, cond);
    return taken;
}
