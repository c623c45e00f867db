// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Fits the values to the machine: decides what is no instruction of its own (addresses, shifts in
// lea, loads that are memory operands, ands that are tests), puts constants that no instruction can
// hold into registers before loops, lays out the blocks, and numbers what is left.

#include "engine/jit/ir.h"

enum { HOISTED = 6 };

static bool memory(unsigned op) {
    return op == IR_LOAD || op == IR_STORE || op == IR_ATOMIC;
}

static struct ir_value *at(struct jit *c, val v) {
    return &c->v[v];
}

static bool small_shift(const struct jit *c, val v) {
    const struct ir_value *x = &c->v[v];
    return x->op == IR_SHL && c->v[x->b].op == IR_CONST && c->v[x->b].imm >= 1 &&
           c->v[x->b].imm <= 3;
}

static bool constant(const struct jit *c, val v) {
    return c->v[v].op == IR_CONST;
}

// Sums that are only addresses, shifts that are only in sums. `epoch` counts the uses of that kind.
static void fold_addresses(struct jit *c) {
    for (val v = 0; v < c->value_count; v++)
        c->v[v].epoch = 0;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            if (memory(c->v[v].op) && c->v[c->v[v].a].epoch < UINT16_MAX)
                c->v[c->v[v].a].epoch++;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next) {
            struct ir_value *x = &c->v[v];
            if (x->op != IR_ADD || (constant(c, x->b) && c->v[x->b].imm))
                continue;
            if (x->w && x->epoch == x->uses && !constant(c, x->b))
                x->flags |= IR_FOLDED;
            if (small_shift(c, x->a) && !small_shift(c, x->b)) {
                val t = x->a;
                x->a = x->b;
                x->b = t;
            }
            if (x->a != x->b && small_shift(c, x->b) && c->v[x->b].w == x->w)
                c->v[x->b].epoch++;
        }
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next) {
            struct ir_value *x = &c->v[v];
            if (x->op != IR_ADD || x->a == x->b || !small_shift(c, x->b) || c->v[x->b].w != x->w)
                continue;
            struct ir_value *s = &c->v[x->b];
            if (s->epoch == s->uses)
                s->flags |= IR_FOLDED;
        }
}

static bool foldable_load(const struct jit *c, val user, val v, unsigned bytes) {
    const struct ir_value *x = &c->v[v], *y = &c->v[user];
    return x->op == IR_LOAD && x->uses == 1 && x->block == y->block && x->epoch == y->epoch &&
           x->epoch < IR_EPOCHS && x->bytes == bytes && !x->cc && !(x->flags & IR_FOLDED);
}

static bool takes_memory(unsigned op) {
    return op == IR_ADD || op == IR_SUB || op == IR_AND || op == IR_OR || op == IR_XOR ||
           op == IR_MUL;
}

static void swap_operands(struct ir_value *x) {
    val t = x->a;
    x->a = x->b;
    x->b = t;
}

static void fold_compare(struct jit *c, val v) {
    struct ir_value *x = at(c, v), *a = at(c, x->a);
    bool zero = constant(c, x->b) && c->v[x->b].imm == 0;
    bool equality = x->cc == X86_E || x->cc == X86_NE;
    if (zero && equality && a->op == IR_AND && a->uses == 1 && a->block == x->block &&
        (a->w == x->w || !a->w)) {
        if (c->v[a->b].flags & IR_FOLDED && (a->epoch != x->epoch || a->epoch == IR_EPOCHS))
            return;
        // The and's mask was made for its own width.
        x->w = a->w;
        a->flags |= IR_FOLDED;
        return;
    }
    bool is_signed = x->cc >= X86_L;
    unsigned bytes = x->w ? 8 : 4;
    if (!constant(c, x->b) && foldable_load(c, v, x->b, bytes)) {
        at(c, x->b)->flags |= IR_FOLDED;
    } else if (foldable_load(c, v, x->a, bytes) &&
               (!constant(c, x->b) || x86_fits32(c->v[x->b].imm))) {
        a->flags |= IR_FOLDED;
    } else if (!is_signed && a->op == IR_LOAD && a->bytes < bytes &&
               foldable_load(c, v, x->a, a->bytes) && constant(c, x->b) &&
               (uint64_t)c->v[x->b].imm <= a->nz) {
        a->flags |= IR_FOLDED;
    }
}

static void fold_operands(struct jit *c, val v) {
    struct ir_value *x = at(c, v);
    if (x->op == IR_BR || x->op == IR_SELECT) {
        fold_compare(c, v);
        return;
    }
    if (!takes_memory(x->op) || x->flags & IR_FOLDED || constant(c, x->b) || x->a == x->b)
        return;
    unsigned bytes = x->w ? 8 : 4;
    if (x->op != IR_SUB && foldable_load(c, v, x->a, bytes) && !foldable_load(c, v, x->b, bytes) &&
        !(c->v[x->b].flags & IR_FOLDED))
        swap_operands(x);
    if (foldable_load(c, v, x->b, bytes))
        at(c, x->b)->flags |= IR_FOLDED;
}

// ---- constants in registers

// Must this constant operand be in a register? `operand` as in ir_value.
static bool wants_register(const struct jit *c, const struct ir_value *x, const val *operand) {
    const struct ir_value *k = &c->v[*operand];
    if (k->op != IR_CONST)
        return false;
    bool fits = x86_fits32(k->imm);
    if (x->op == IR_SELECT && (operand == &x->c || operand == &x->d))
        return !(c->v[x->c].op == IR_CONST && c->v[x->d].op == IR_CONST &&
                 (c->v[x->c].imm | c->v[x->d].imm) == 1) &&
               operand == &x->c;
    if (ir_pure(x->op) || x->op == IR_BR || x->op == IR_LOAD || x->op == IR_STORE)
        return !fits || x->op == IR_DIV || x->op == IR_MOD;
    return false;
}

// A register for constant k before the outermost loop around block.
static val hoist(struct jit *c, val k, uint32_t block, val *made, unsigned *count) {
    uint32_t header = c->blocks[block].loop;
    while (c->blocks[header].up != IR_NO_BLOCK)
        header = c->blocks[header].up;
    uint32_t before = c->blocks[header].idom;
    while (c->blocks[before].dead)
        before = c->blocks[before].idom;
    for (unsigned i = 0; i < *count; i++)
        if (c->v[made[i]].imm == c->v[k].imm && ir_dominates(c, c->v[made[i]].block, block))
            return made[i];
    if (*count == HOISTED)
        return 0;
    val v = ir_loose(c, IR_WIDE, 1, 0, 0);
    c->v[v].imm = c->v[k].imm;
    c->v[v].nz = c->v[k].nz;
    ir_insert_before(c, c->blocks[before].last, v);
    made[(*count)++] = v;
    return v;
}

static bool hoist_constants(struct jit *c) {
    val made[HOISTED];
    unsigned count = 0;
    if (!c->loops || c->irreducible)
        return true;
    if (!jit_reserve(c, HOISTED))
        return false;
    for (uint32_t i = 0; i < c->layout_count; i++) {
        uint32_t b = c->layout[i];
        if (!c->blocks[b].depth)
            continue;
        for (val v = c->blocks[b].first; v; v = c->v[v].next) {
            val *operands[IR_ARGS + 1];
            unsigned n = ir_operands(c, v, operands);
            for (unsigned k = 0; k < n; k++)
                if (c->v[v].op != IR_CALL && wants_register(c, &c->v[v], operands[k])) {
                    val w = hoist(c, *operands[k], b, made, &count);
                    if (w) {
                        c->v[*operands[k]].uses--;
                        c->v[w].uses++;
                        *operands[k] = w;
                    }
                }
        }
    }
    return true;
}

// ---- layout

static bool layout(struct jit *c) {
    c->layout_count = 0;
    c->layout = jit_zone(c, c->block_count * sizeof *c->layout);
    if (!c->layout)
        return false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        c->blocks[c->rpo[i]].layout = c->layout_count;
        c->layout[c->layout_count++] = c->rpo[i];
    }
    return true;
}

static void number(struct jit *c) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->layout_count; i++) {
        struct ir_block *block = &c->blocks[c->layout[i]];
        block->start = 2 * n;
        for (val v = block->first; v; v = c->v[v].next) {
            struct ir_value *x = &c->v[v];
            if (x->op == IR_PHI || x->op == IR_PARAM)
                x->order = block->start / 2;
            else if (!(x->flags & IR_FOLDED))
                x->order = ++n;
        }
        block->end = 2 * ++n;
    }
    c->positions = 2 * n;
}

bool jit_lower(struct jit *c) {
    if (!layout(c) || !hoist_constants(c))
        return false;
    fold_addresses(c);
    for (uint32_t i = 0; i < c->layout_count; i++) {
        ir_number(c, c->layout[i]);
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            fold_operands(c, v);
    }
    number(c);
    return true;
}

// ---- what an instruction reads and destroys

static bool memory_operand(const struct jit *c, val v) {
    return c->v[v].op == IR_LOAD && c->v[v].flags & IR_FOLDED;
}

static enum ir_when when(const struct jit *c, const struct ir_value *x, const val *operand) {
    switch (x->op) {
    case IR_SUB:
        return operand == &x->b && x->a != x->b ? IR_LATE : IR_EARLY;
    case IR_ADD:
    case IR_AND:
    case IR_OR:
    case IR_XOR:
    case IR_MUL:
        return operand == &x->b && memory_operand(c, x->b) ? IR_LATE : IR_EARLY;
    case IR_DIV:
    case IR_MOD:
    case IR_SDIV:
    case IR_SMOD:
    case IR_MULHI:
        return operand == &x->b ? IR_MID : IR_EARLY;
    case IR_ATOMIC:
        return IR_LATE;
    case IR_ZERO_FRAME:
        return IR_MID;
    case IR_CALL: // needed once more after the call
        return (x->flags & IR_METERED || x->cc == IR_CALL_HELD) &&
                       operand == &c->phis[x->b + IR_RUN]
                   ? IR_LATE
                   : IR_EARLY;
    default:
        return IR_EARLY;
    }
}

static void each(struct jit *c, val user, val v, enum ir_when t, ir_use_function *f, void *cookie) {
    const struct ir_value *x = &c->v[v];
    if (x->op == IR_CONST)
        return;
    if (!(x->flags & IR_FOLDED)) {
        f(c, cookie, user, v, t);
        return;
    }
    if (x->a)
        each(c, user, x->a, t, f, cookie);
    if (x->b)
        each(c, user, x->b, t, f, cookie);
}

void ir_each_use(struct jit *c, val v, ir_use_function *f, void *cookie) {
    val *operands[IR_ARGS + 1];
    unsigned n = ir_operands(c, v, operands);
    for (unsigned i = 0; i < n; i++)
        each(c, v, *operands[i], when(c, &c->v[v], operands[i]), f, cookie);
}

const uint8_t ir_arg_regs[IR_ARGS] = {X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8, X86_R9, X86_R10};

enum {
    CALLER_SAVED = 1 << X86_RAX | 1 << X86_RCX | 1 << X86_RDX | 1 << X86_RSI | 1 << X86_RDI |
                   1 << X86_R8 | 1 << X86_R9 | 1 << X86_R10 | 1 << X86_R11,
};

void ir_clobbers(const struct jit *c, val v, unsigned *during, unsigned *after) {
    const struct ir_value *x = &c->v[v];
    *during = *after = 0;
    switch (x->op) {
    case IR_CALL:
        *during = CALLER_SAVED;
        if (x->cc == IR_CALL_LOCAL && c->functions[x->imm].offset != IR_NO_BLOCK)
            *during = c->functions[x->imm].clobbers;
        for (unsigned i = 0; i < IR_ARGS; i++)
            *during |= c->phis[x->b + i] ? 1u << ir_arg_regs[i] : 0;
        break;
    case IR_DIV:
    case IR_MOD:
    case IR_SDIV:
    case IR_SMOD:
    case IR_MULHI:
        *during = 1 << X86_RAX | 1 << X86_RDX;
        break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
        if (c->v[x->b].op != IR_CONST)
            *during = *after = 1 << X86_RCX;
        break;
    case IR_ATOMIC:
        if (x->cc >= ENGINE_ATOMIC_FETCH_OR && x->cc != ENGINE_ATOMIC_XCHG)
            *during = *after = 1 << X86_RAX;
        break;
    default:
        break;
    }
}
