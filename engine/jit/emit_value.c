// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Machine code of single values: arithmetic, comparisons, loads and stores.

#include "engine/jit/emit.h"

// A source operand.
struct source {
    enum { IN_REGISTER, IN_MEMORY, IMMEDIATE } kind;
    unsigned reg;
    struct x86_mem mem;
    int32_t imm;
};

static unsigned width(const struct ir_value *x) {
    return x->w ? X86_W : 0;
}

// Where an operand of width w is; constants that do not fit go into a register.
static struct source source_of(struct emit *e, val v, unsigned w) {
    struct jit *c = e->c;
    struct source s = {IN_REGISTER, 0, {0}, 0};
    uint64_t k;
    if (c->v[v].flags & IR_FOLDED) { // a load
        s.kind = IN_MEMORY;
        s.mem = emit_address(e, v);
    } else if (emit_constant(c, v, &k)) {
        if (x86_fits32((int64_t)k) || !w) {
            s.kind = IMMEDIATE;
            s.imm = (int32_t)k;
        } else {
            s.reg = emit_scratch(e);
            x86_mov_ri(&e->x, s.reg, k);
        }
    } else if (emit_in_register(c, v)) {
        s.reg = emit_reg(c, v);
    } else {
        s.kind = IN_MEMORY;
        s.mem = emit_home(e, v);
    }
    return s;
}

static void alu(struct emit *e, enum x86_alu op, unsigned w, unsigned dst, struct source s) {
    if (s.kind == IMMEDIATE)
        x86_alu_ri(&e->x, op, w, dst, s.imm);
    else if (s.kind == IN_MEMORY)
        x86_alu_rm(&e->x, op, w, dst, s.mem);
    else
        x86_alu_rr(&e->x, op, w, dst, s.reg);
}

// The register to compute v in: its own, or a scratch one that store_result then writes home.
static unsigned target(struct emit *e, val v) {
    return emit_in_register(e->c, v) ? emit_reg(e->c, v) : emit_scratch(e);
}

static void store_result(struct emit *e, val v, unsigned reg) {
    if (e->c->intervals[v].loc == IR_SPILLED)
        x86_store(&e->x, emit_home(e, v), reg);
}

static bool is_in(const struct emit *e, val v, unsigned reg) {
    return emit_in_register(e->c, v) && emit_reg(e->c, v) == reg;
}

// Puts v into reg, perhaps as a copy of the lower half only. A zero may cost the flags.
static void copy(struct emit *e, unsigned reg, val v) {
    const struct ir_value *x = &e->c->v[v];
    uint64_t k;
    if (emit_constant(e->c, v, &k) && k == 0)
        x86_alu_rr(&e->x, X86_XOR, 0, reg, reg);
    else if (emit_in_register(e->c, v) && emit_reg(e->c, v) != reg)
        x86_mov_rr(&e->x, x->nz > UINT32_MAX ? X86_W : 0, reg, emit_reg(e->c, v));
    else
        emit_fetch(e, reg, v);
}

static bool spilled_in_place(const struct emit *e, val v, val a) {
    const struct ir_interval *x = &e->c->intervals[v], *y = &e->c->intervals[a];
    return e->c->v[a].op != IR_CONST && x->loc == IR_SPILLED && y->loc == IR_SPILLED &&
           x->slot == y->slot;
}

// ---- sums by lea

static bool lea_shift(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v], *s = &c->v[x->b];
    unsigned scale = (unsigned)c->v[s->b].imm;
    unsigned dst = target(e, v);
    unsigned w = width(x);
    if (emit_in_register(c, x->a) && emit_in_register(c, s->a)) {
        x86_lea(&e->x, w, dst,
                (struct x86_mem){(uint8_t)emit_reg(c, x->a), (uint8_t)emit_reg(c, s->a),
                                 (uint8_t)scale, 0});
        store_result(e, v, dst);
        return true;
    }
    // dst may be a's register: work in a scratch one.
    unsigned t = is_in(e, x->a, dst) ? emit_scratch(e) : dst;
    emit_fetch(e, t, s->a);
    x86_shift_ri(&e->x, X86_SHL, w, t, scale);
    struct source a = source_of(e, x->a, w);
    alu(e, X86_ADD, w, t, a);
    if (t != dst)
        x86_mov_rr(&e->x, X86_W, dst, t);
    store_result(e, v, dst);
    return true;
}

// x + y into a third register.
static bool lea_sum(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    uint64_t k;
    if (!emit_in_register(c, v) || !emit_in_register(c, x->a) || is_in(e, x->a, emit_reg(c, v)))
        return false;
    struct x86_mem mem = {(uint8_t)emit_reg(c, x->a), X86_NONE, 0, 0};
    if (c->v[x->b].flags & IR_FOLDED)
        return false;
    if (emit_constant(c, x->b, &k) && x86_fits32((int64_t)k))
        mem.disp = (int32_t)k;
    else if (emit_in_register(c, x->b) && !is_in(e, x->b, emit_reg(c, v)))
        mem.index = (uint8_t)emit_reg(c, x->b);
    else
        return false;
    x86_lea(&e->x, width(x), emit_reg(c, v), mem);
    return true;
}

// ---- arithmetic

static const uint8_t alu_of[] = {[IR_ADD] = X86_ADD,
                                 [IR_SUB] = X86_SUB,
                                 [IR_AND] = X86_AND,
                                 [IR_OR] = X86_OR,
                                 [IR_XOR] = X86_XOR};

static void multiply(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    unsigned w = width(x), dst = target(e, v);
    uint64_t k;
    if (emit_constant(c, x->b, &k) && (x86_fits32((int64_t)k) || !x->w)) {
        unsigned a = emit_use(e, x->a, dst);
        if (k == 3 || k == 5 || k == 9)
            x86_lea(&e->x, w, dst,
                    (struct x86_mem){(uint8_t)a, (uint8_t)a,
                                     k == 3   ? 1
                                     : k == 5 ? 2
                                              : 3,
                                     0});
        else
            x86_imul_rri(&e->x, w, dst, a, (int32_t)k);
    } else {
        val a = x->a, b = x->b;
        if (is_in(e, b, dst)) {
            a = x->b;
            b = x->a;
        }
        struct source s = source_of(e, b, x->w);
        copy(e, dst, a);
        if (s.kind == IMMEDIATE) // b became a constant by the exchange
            x86_imul_rri(&e->x, w, dst, dst, s.imm);
        else if (s.kind == IN_MEMORY)
            x86_rm(&e->x, 0xaf | X86_0F | w, dst, s.mem);
        else
            x86_rr(&e->x, 0xaf | X86_0F | w, dst, s.reg);
    }
    store_result(e, v, dst);
}

static void two_operand(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    enum x86_alu op = alu_of[x->op];
    unsigned w = width(x);
    val a = x->a, b = x->b;
    if (x->op == IR_ADD && c->v[b].flags & IR_FOLDED && c->v[b].op == IR_SHL) {
        lea_shift(e, v);
        return;
    }
    if (x->op == IR_ADD && lea_sum(e, v))
        return;
    if (spilled_in_place(e, v, a) && x->w) {
        struct source s = source_of(e, b, x->w);
        if (s.kind == IMMEDIATE) {
            x86_alu_mi(&e->x, op, 8, emit_home(e, v), s.imm);
        } else {
            unsigned reg = s.kind == IN_REGISTER ? s.reg : emit_scratch(e);
            if (s.kind == IN_MEMORY)
                x86_load(&e->x, reg, s.mem);
            x86_alu_mr(&e->x, op, w, emit_home(e, v), reg);
        }
        return;
    }
    unsigned dst = target(e, v);
    if (is_in(e, b, dst) && !is_in(e, a, dst)) { // only where operands may be exchanged
        b = x->a;
        a = x->b;
    }
    struct source s = source_of(e, b, x->w);
    copy(e, dst, a);
    alu(e, op, w, dst, s);
    store_result(e, v, dst);
    e->flags = v;
}

static void shift(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    static const uint8_t ops[] = {
        [IR_SHL] = X86_SHL, [IR_SHR] = X86_SHR, [IR_SAR] = X86_SAR, [IR_ROL] = X86_ROL};
    enum x86_shift op = ops[x->op];
    unsigned w = width(x);
    if (c->v[x->b].op == IR_CONST) {
        unsigned dst = target(e, v), n = (unsigned)c->v[x->b].imm;
        if (op == X86_SHL && n <= 3 && emit_in_register(c, x->a) && !is_in(e, x->a, dst)) {
            uint8_t a = (uint8_t)emit_reg(c, x->a);
            struct x86_mem mem = n == 1 ? (struct x86_mem){a, a, 0, 0}
                                        : (struct x86_mem){X86_NONE, a, (uint8_t)n, 0};
            x86_lea(&e->x, w, dst, mem);
        } else {
            copy(e, dst, x->a);
            x86_shift_ri(&e->x, op, w, dst, n);
            // A shift by nothing leaves the flags alone.
            e->flags = op == X86_ROL || !(n & (w ? 63 : 31)) ? 0 : v;
        }
        store_result(e, v, dst);
        return;
    }
    // RCX is free here; the result is not in it.
    emit_take(e, X86_RCX);
    unsigned dst = target(e, v);
    if (is_in(e, x->a, X86_RCX) && !is_in(e, x->b, X86_RCX)) {
        unsigned t = is_in(e, x->b, dst) ? emit_scratch(e) : dst;
        copy(e, t, x->a);
        emit_fetch(e, X86_RCX, x->b);
        x86_shift_rcl(&e->x, op, w, t);
        if (t != dst)
            x86_mov_rr(&e->x, X86_W, dst, t);
    } else {
        emit_fetch(e, X86_RCX, x->b);
        copy(e, dst, x->a);
        x86_shift_rcl(&e->x, op, w, dst);
    }
    store_result(e, v, dst);
}

static void extend(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    unsigned dst = target(e, v), w = width(x);
    unsigned opcode;
    if (x->op == IR_ZX)
        opcode = x->bytes == 4 ? 0x8b : x->bytes == 2 ? 0xb7 | X86_0F : 0xb6 | X86_0F | X86_BRM;
    else if (x->bytes == 4)
        opcode = x->w ? 0x63 | X86_W : 0x8b;
    else
        opcode = (x->bytes == 2 ? 0xbf : 0xbe | X86_BRM) | X86_0F | w;
    if (emit_in_register(c, x->a)) {
        x86_rr(&e->x, opcode, dst, emit_reg(c, x->a));
    } else {
        uint64_t k;
        if (emit_constant(c, x->a, &k)) {
            x86_mov_ri(&e->x, dst, k);
            x86_rr(&e->x, opcode, dst, dst);
        } else {
            x86_rm(&e->x, opcode, dst, emit_home(e, x->a));
        }
    }
    store_result(e, v, dst);
}

static void swap_bytes(struct emit *e, val v) {
    const struct ir_value *x = &e->c->v[v];
    unsigned dst = target(e, v);
    copy(e, dst, x->a);
    if (x->bytes == 2) {
        x86_rr(&e->x, 0xc1 | X86_66, X86_ROL, dst);
        x86_byte(&e->x, 8);
        x86_rr(&e->x, 0xb7 | X86_0F, dst, dst);
    } else {
        x86_bswap(&e->x, x->bytes == 8 ? X86_W : 0, dst);
    }
    store_result(e, v, dst);
}

static void negate(struct emit *e, val v) {
    const struct ir_value *x = &e->c->v[v];
    unsigned dst = target(e, v);
    copy(e, dst, x->a);
    x86_unary_r(&e->x, X86_NEG, width(x), dst);
    store_result(e, v, dst);
}

static void multiply_high(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    emit_take(e, X86_RAX);
    emit_take(e, X86_RDX);
    struct source s = source_of(e, x->b, 1);
    if (s.kind == IMMEDIATE) {
        s.kind = IN_REGISTER;
        s.reg = IR_SCRATCH;
        x86_mov_ri(&e->x, s.reg, (uint64_t)(int64_t)s.imm);
    }
    emit_fetch(e, X86_RAX, x->a);
    if (s.kind == IN_MEMORY)
        x86_unary_m(&e->x, X86_MUL, X86_W, s.mem);
    else
        x86_unary_r(&e->x, X86_MUL, X86_W, s.reg);
    if (emit_in_register(c, v) && emit_reg(c, v) != X86_RDX)
        x86_mov_rr(&e->x, X86_W, emit_reg(c, v), X86_RDX);
    store_result(e, v, X86_RDX);
}

// A short forward jump, patched by land().
static size_t hop(struct emit *e, enum x86_cc cc, bool always) {
    if (always)
        x86_jmp(&e->x, false, 0);
    else
        x86_jcc(&e->x, cc, false, 0);
    return e->x.at;
}

static void land(struct emit *e, size_t from) {
    if (from - 1 < e->x.size)
        e->x.bytes[from - 1] = (uint8_t)(e->x.at - from);
}

// dst = a / b or a % b. Division by zero and overflow are decided before the processor would fault.
static void divide(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    bool is_signed = x->op == IR_SDIV || x->op == IR_SMOD,
         quotient = x->op == IR_DIV || x->op == IR_SDIV;
    unsigned w = width(x), result = quotient ? X86_RAX : X86_RDX;
    size_t zero = 0, minus = 0;
    emit_take(e, X86_RAX);
    emit_take(e, X86_RDX);
    struct source s = source_of(e, x->b, x->w);
    if (s.kind != IN_REGISTER) {
        unsigned reg = emit_scratch(e);
        emit_fetch(e, reg, x->b);
        s.reg = reg;
    }
    emit_fetch(e, X86_RAX, x->a);
    bool checked = !x->imm;
    if (checked) {
        x86_rr(&e->x, 0x85 | w, s.reg, s.reg);
        zero = hop(e, X86_E, false);
        if (is_signed) {
            x86_alu_ri(&e->x, X86_CMP, w, s.reg, -1);
            minus = hop(e, X86_E, false);
        }
    }
    if (is_signed)
        x86_byte(&e->x, w ? 0x48 : 0x99);
    if (is_signed && w)
        x86_byte(&e->x, 0x99);
    if (!is_signed)
        x86_alu_rr(&e->x, X86_XOR, 0, X86_RDX, X86_RDX);
    size_t wide = 0;
    if (w && !is_signed) { // dividing 64 bits is slow: most numbers have 32
        x86_mov_rr(&e->x, X86_W, X86_RDX, X86_RAX);
        x86_alu_rr(&e->x, X86_OR, X86_W, X86_RDX, s.reg);
        x86_shift_ri(&e->x, X86_SHR, X86_W, X86_RDX, 32);
        size_t narrow = hop(e, X86_E, false);
        x86_alu_rr(&e->x, X86_XOR, 0, X86_RDX, X86_RDX);
        x86_unary_r(&e->x, X86_DIV, X86_W, s.reg);
        wide = hop(e, 0, true);
        land(e, narrow);
        x86_unary_r(&e->x, X86_DIV, 0, s.reg); // the shift left zero in RDX
        land(e, wide);
    } else {
        x86_unary_r(&e->x, is_signed ? X86_IDIV : X86_DIV, w, s.reg);
    }
    if (checked) {
        size_t done = hop(e, 0, true), done2 = 0;
        if (is_signed) {
            land(e, minus);
            if (quotient)
                x86_unary_r(&e->x, X86_NEG, w, X86_RAX);
            else
                x86_alu_rr(&e->x, X86_XOR, 0, X86_RDX, X86_RDX);
            done2 = hop(e, 0, true);
        }
        land(e, zero);
        if (quotient)
            x86_alu_rr(&e->x, X86_XOR, 0, X86_RAX, X86_RAX);
        else
            x86_mov_rr(&e->x, w, X86_RDX, X86_RAX);
        land(e, done);
        if (is_signed)
            land(e, done2);
    }
    if (emit_in_register(c, v) && emit_reg(c, v) != result)
        x86_mov_rr(&e->x, X86_W, emit_reg(c, v), result);
    store_result(e, v, result);
}

// ---- comparisons

static enum x86_cc test(struct emit *e, const struct ir_value *x) {
    struct jit *c = e->c;
    const struct ir_value *a = &c->v[x->a];
    unsigned w = width(a);
    uint64_t k;
    unsigned reg = emit_in_register(c, a->a) ? emit_reg(c, a->a) : emit_scratch(e);
    emit_fetch(e, reg, a->a);
    struct source s = source_of(e, a->b, a->w);
    if (s.kind == IMMEDIATE) {
        emit_constant(c, a->b, &k);
        if (k <= 0x7f) {
            x86_rr(&e->x, 0xf6 | X86_BRM, 0, reg);
            x86_byte(&e->x, (unsigned)k);
        } else {
            x86_rr(&e->x, 0xf7 | (s.imm < 0 ? w : 0), 0, reg);
            x86_u32(&e->x, (uint32_t)s.imm);
        }
    } else if (s.kind == IN_MEMORY) {
        x86_rm(&e->x, 0x85 | w, reg, s.mem);
    } else {
        x86_rr(&e->x, 0x85 | w, s.reg, reg);
    }
    emit_give_back(e);
    return (enum x86_cc)x->cc;
}

enum x86_cc emit_compare(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v], *a = &c->v[x->a];
    unsigned w = width(x);
    uint64_t k;
    bool constant = emit_constant(c, x->b, &k);
    if (a->flags & IR_FOLDED && a->op == IR_AND)
        return test(e, x);
    if (a->flags & IR_FOLDED) { // memory with something
        struct x86_mem mem = emit_address(e, x->a);
        if (constant) {
            x86_alu_mi(&e->x, X86_CMP, a->bytes, mem, (int32_t)k);
        } else {
            unsigned reg = emit_in_register(c, x->b) ? emit_reg(c, x->b) : emit_scratch(e);
            emit_fetch(e, reg, x->b);
            x86_alu_mr(&e->x, X86_CMP, w, mem, reg);
        }
        emit_give_back(e);
        return (enum x86_cc)x->cc;
    }
    bool equality = x->cc == X86_E || x->cc == X86_NE;
    if (constant && k == 0 && emit_in_register(c, x->a)) {
        unsigned reg = emit_reg(c, x->a);
        if (!(equality && e->flags == x->a && (a->w == x->w || !a->w)))
            x86_rr(&e->x, 0x85 | w, reg, reg);
        return (enum x86_cc)x->cc;
    }
    struct source s = source_of(e, x->b, x->w);
    if (!emit_in_register(c, x->a) && !emit_constant(c, x->a, &k) && s.kind != IN_MEMORY) {
        if (s.kind == IMMEDIATE)
            x86_alu_mi(&e->x, X86_CMP, x->w ? 8 : 4, emit_home(e, x->a), s.imm);
        else
            x86_alu_mr(&e->x, X86_CMP, w, emit_home(e, x->a), s.reg);
    } else {
        unsigned reg = emit_in_register(c, x->a) ? emit_reg(c, x->a) : emit_scratch(e);
        emit_fetch(e, reg, x->a);
        alu(e, X86_CMP, w, reg, s);
    }
    emit_give_back(e);
    return (enum x86_cc)x->cc;
}

static void select(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    uint64_t yes = 2, no = 2;
    enum x86_cc cc = emit_compare(e, v);
    emit_constant(c, x->c, &yes);
    emit_constant(c, x->d, &no);
    e->busy &= (uint16_t) ~(1u << IR_SCRATCH); // the comparison is done with it
    unsigned dst = target(e, v);
    if ((yes | no) == 1 && yes != no && c->v[x->c].op != IR_NONE) {
        x86_rr(&e->x, 0x90 | (cc ^ (yes ? 0 : 1)) | X86_0F | X86_BRM, 0, dst);
        x86_rr(&e->x, 0xb6 | X86_0F | X86_BRM, dst, dst);
        store_result(e, v, dst);
        return;
    }
    val first = x->d, then = x->c;
    if (is_in(e, x->c, dst)) { // the other way round
        first = x->c;
        then = x->d;
        cc ^= 1;
    }
    unsigned reg = X86_NONE;
    if (emit_constant(c, then, &yes)) {
        reg = emit_scratch(e);
        x86_mov_ri(&e->x, reg, yes);
    }
    emit_fetch(e, dst, first);
    if (reg != X86_NONE || emit_in_register(c, then))
        x86_rr(&e->x, 0x40 | cc | X86_0F | X86_W, dst, reg != X86_NONE ? reg : emit_reg(c, then));
    else
        x86_rm(&e->x, 0x40 | cc | X86_0F | X86_W, dst, emit_home(e, then));
    store_result(e, v, dst);
}

// ---- memory

static void load(struct emit *e, val v) {
    const struct ir_value *x = &e->c->v[v];
    struct x86_mem mem = emit_address(e, v);
    unsigned dst = emit_in_register(e->c, v) ? emit_reg(e->c, v) : IR_SCRATCH;
    static const unsigned plain[] = {
        [1] = 0xb6 | X86_0F, [2] = 0xb7 | X86_0F, [4] = 0x8b, [8] = 0x8b | X86_W};
    static const unsigned sign[] = {[1] = 0xbe | X86_0F | X86_W,
                                    [2] = 0xbf | X86_0F | X86_W,
                                    [4] = 0x63 | X86_W,
                                    [8] = 0x8b | X86_W};
    x86_rm(&e->x, x->cc ? sign[x->bytes] : plain[x->bytes], dst, mem);
    store_result(e, v, dst);
}

static void store(struct emit *e, val v) {
    const struct ir_value *x = &e->c->v[v];
    struct x86_mem mem = emit_address(e, v);
    unsigned bytes = x->bytes;
    uint64_t k;
    if (emit_constant(e->c, x->b, &k) && (bytes < 8 || x86_fits32((int64_t)k))) {
        x86_rm(&e->x,
               bytes == 1 ? 0xc6
                          : 0xc7 | (bytes == 8   ? X86_W
                                    : bytes == 2 ? X86_66
                                                 : 0),
               0, mem);
        for (unsigned i = 0; i < bytes && i < 4; i++)
            x86_byte(&e->x, k >> (8 * i) & 0xff);
        return;
    }
    unsigned reg = emit_in_register(e->c, x->b) ? emit_reg(e->c, x->b) : emit_scratch(e);
    emit_fetch(e, reg, x->b);
    static const unsigned opcodes[] = {
        [1] = 0x88 | X86_BREG, [2] = 0x89 | X86_66, [4] = 0x89, [8] = 0x89 | X86_W};
    x86_rm(&e->x, opcodes[bytes], reg, mem);
}

static void zero_frame(struct emit *e, val v) {
    const struct ir_value *x = &e->c->v[v];
    int32_t size = (int32_t)x->imm;
    unsigned base = emit_use(e, x->a, IR_SCRATCH);
    emit_take(e, base);
    struct x86_mem mem = {(uint8_t)base, X86_NONE, 0, -size};
    if (size <= 64) {
        for (; mem.disp < 0; mem.disp += 8) {
            x86_rm(&e->x, 0xc7 | X86_W, 0, mem);
            x86_u32(&e->x, 0);
        }
        return;
    }
    unsigned count = emit_scratch(e);
    mem.index = (uint8_t)count;
    x86_mov_ri(&e->x, count, (uint64_t)size);
    size_t top = e->x.at;
    mem.disp = -size - 8;
    x86_rm(&e->x, 0xc7 | X86_W, 0, mem);
    x86_u32(&e->x, 0);
    x86_alu_ri(&e->x, X86_SUB, 0, count, 8);
    x86_jcc(&e->x, X86_NE, false, (int32_t)(top - (e->x.at + 2)));
}

void emit_value(struct emit *e, val v) {
    val flags = e->flags;
    e->flags = 0;
    switch (e->c->v[v].op) {
    case IR_ADD:
    case IR_SUB:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
        two_operand(e, v);
        break;
    case IR_MUL:
        multiply(e, v);
        break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
        shift(e, v);
        break;
    case IR_NEG:
        negate(e, v);
        break;
    case IR_ZX:
    case IR_SX:
        extend(e, v);
        break;
    case IR_BSWAP:
        swap_bytes(e, v);
        break;
    case IR_MULHI:
        multiply_high(e, v);
        break;
    case IR_DIV:
    case IR_MOD:
    case IR_SDIV:
    case IR_SMOD:
        divide(e, v);
        break;
    case IR_SELECT:
        e->flags = flags;
        select(e, v);
        e->flags = 0;
        break;
    case IR_WIDE:
        if (emit_in_register(e->c, v))
            x86_mov_ri(&e->x, emit_reg(e->c, v), (uint64_t)e->c->v[v].imm);
        break;
    case IR_LOAD:
        load(e, v);
        break;
    case IR_STORE:
        store(e, v);
        break;
    case IR_ATOMIC:
        emit_atomic(e, v);
        break;
    case IR_CALL:
        emit_call(e, v);
        break;
    case IR_ZERO_FRAME:
        zero_frame(e, v);
        break;
    default:
        break;
    }
    emit_give_back(e);
}
