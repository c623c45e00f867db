// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What is done to the whole function once it is in SSA: useless and equal phis go, small diamonds
// become selects, byte-wise accesses become wide ones (widen.c), steps of induction variables move
// to the end of the loop, dead values go.

#include "engine/jit/ir.h"

enum { SPECULATE = 2, SELECTS = 2, PHI_ROUNDS = 4 };

static void become(struct jit *c, val v, val by) {
    c->v[v].flags |= IR_COPY;
    c->v[v].a = by;
    if (c->v[v].op != IR_CONST)
        ir_remove(c, v);
}

static val phi_operand(struct jit *c, val phi, uint32_t k) {
    val *o = &c->phis[c->v[phi].imm + k];
    return *o = ir_resolve(c, *o);
}

// The one value that a phi can have besides itself, or 0.
static val phi_single(struct jit *c, val phi, uint32_t preds) {
    val single = 0;
    for (uint32_t k = 0; k < preds; k++) {
        val o = phi_operand(c, phi, k);
        if (o == phi || o == single)
            continue;
        if (single)
            return 0;
        single = o;
    }
    return single;
}

static bool phi_equal(struct jit *c, val a, val b, uint32_t preds) {
    for (uint32_t k = 0; k < preds; k++)
        if (phi_operand(c, a, k) != phi_operand(c, b, k))
            return false;
    return true;
}

static bool simplify_phis(struct jit *c) {
    bool changed = false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct ir_block *block = &c->blocks[c->rpo[i]];
        val next;
        for (val v = block->first; v && c->v[v].op == IR_PHI; v = next) {
            next = c->v[v].next;
            val by = phi_single(c, v, block->preds);
            unsigned tries = 16;
            for (val o = block->first; o != v && !by && tries--; o = c->v[o].next)
                if (phi_equal(c, v, o, block->preds))
                    by = o;
            if (by) {
                become(c, v, by);
                changed = true;
            }
        }
    }
    return changed;
}

// Phis that never hold more than 32 bits: assumed of all, until an operand disproves it.
static void narrow_phis(struct jit *c) {
    for (uint32_t i = 0; i < c->order_count; i++)
        for (val v = c->blocks[c->rpo[i]].first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
            c->v[v].nz = UINT32_MAX;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < c->order_count; i++) {
            const struct ir_block *block = &c->blocks[c->rpo[i]];
            for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next) {
                if (c->v[v].nz != UINT32_MAX)
                    continue;
                for (uint32_t k = 0; k < block->preds; k++)
                    if (c->v[phi_operand(c, v, k)].nz > UINT32_MAX) {
                        c->v[v].nz = UINT64_MAX;
                        changed = true;
                        break;
                    }
            }
        }
    }
}

static void resolve_operands(struct jit *c) {
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct ir_block *block = &c->blocks[c->rpo[i]];
        val next;
        for (val v = block->first; v; v = next) {
            next = c->v[v].next;
            val *operands[IR_ARGS + 1];
            unsigned n = ir_operands(c, v, operands);
            for (unsigned k = 0; k < n; k++)
                *operands[k] = ir_resolve(c, *operands[k]);
            const struct ir_value *x = &c->v[v];
            if (x->op == IR_PHI)
                for (uint32_t k = 0; k < block->preds; k++)
                    phi_operand(c, v, k);
            else if (x->op == IR_ZX && x->bytes == 4 && c->v[x->a].nz <= UINT32_MAX)
                become(c, v, x->a);
        }
    }
}

// ---- diamonds

static bool cheap(const struct ir_value *x) {
    return ir_pure(x->op) && x->op <= IR_SX && x->op != IR_MUL;
}

// Counts the values of a side of a diamond; more than SPECULATE if it is not one.
static unsigned side(const struct jit *c, uint32_t b) {
    const struct ir_block *block = &c->blocks[b];
    unsigned n = 0;
    if (block->preds != 1 || block->header || block->succ[0] == IR_NO_BLOCK ||
        block->succ[1] != IR_NO_BLOCK)
        return SPECULATE + 1;
    for (val v = block->first; v && n <= SPECULATE && c->v[v].op != IR_JMP; v = c->v[v].next)
        n += cheap(&c->v[v]) ? 1 : SPECULATE + 1;
    return n;
}

static uint32_t pred_index(const struct jit *c, const struct ir_block *block, uint32_t pred) {
    uint32_t k = 0;
    while (c->preds[block->pred + k] != pred)
        k++;
    return k;
}

static void drop_pred(struct jit *c, struct ir_block *block, uint32_t k) {
    for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
        for (uint32_t i = k; i + 1 < block->preds; i++)
            c->phis[c->v[v].imm + i] = c->phis[c->v[v].imm + i + 1];
    for (uint32_t i = k; i + 1 < block->preds; i++)
        c->preds[block->pred + i] = c->preds[block->pred + i + 1];
    block->preds--;
}

static void hoist_side(struct jit *c, uint32_t b, val before) {
    val next;
    for (val v = c->blocks[b].first; v && c->v[v].op != IR_JMP; v = next) {
        next = c->v[v].next;
        ir_remove(c, v);
        ir_insert_before(c, before, v);
    }
    c->blocks[b].dead = 1;
}

static val make_select(struct jit *c, val br, val yes, val no) {
    val v = ir_loose(c, IR_SELECT, c->v[br].w, c->v[br].a, c->v[br].b);
    c->v[v].c = yes;
    c->v[v].d = no;
    c->v[v].cc = c->v[br].cc;
    c->v[v].nz = c->v[yes].nz | c->v[no].nz;
    c->v[v].pc = c->v[br].pc;
    ir_insert_before(c, br, v);
    return v;
}

static bool select_diamond(struct jit *c, uint32_t p) {
    struct ir_block *block = &c->blocks[p];
    uint32_t t = block->succ[0], f = block->succ[1];
    if (t == IR_NO_BLOCK || f == IR_NO_BLOCK || t == f || c->v[block->last].op != IR_BR)
        return true;
    if (side(c, t) + side(c, f) > SPECULATE || c->blocks[t].succ[0] != c->blocks[f].succ[0])
        return true;
    struct ir_block *join = &c->blocks[c->blocks[t].succ[0]];
    uint32_t kt = pred_index(c, join, t), kf = pred_index(c, join, f);
    unsigned selects = 0;
    for (val v = join->first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
        selects += phi_operand(c, v, kt) != phi_operand(c, v, kf);
    if (selects == 0 || selects > SELECTS)
        return true;
    if (!jit_reserve(c, selects + 1))
        return false;
    val br = block->last, next;
    hoist_side(c, t, br);
    hoist_side(c, f, br);
    for (val v = join->first; v && c->v[v].op == IR_PHI; v = next) {
        next = c->v[v].next;
        val yes = phi_operand(c, v, kt), no = phi_operand(c, v, kf);
        val s = yes == no ? yes : make_select(c, br, yes, no);
        c->phis[c->v[v].imm + kt] = s;
        if (join->preds == 2)
            become(c, v, s);
    }
    c->preds[join->pred + kt] = p;
    drop_pred(c, join, kf);
    block->succ[0] = c->blocks[t].succ[0];
    block->succ[1] = IR_NO_BLOCK;
    c->v[br].op = IR_JMP;
    c->v[br].a = c->v[br].b = 0;
    return true;
}

static bool select_diamonds(struct jit *c) {
    for (uint32_t i = c->order_count; i-- > 0;)
        if (!c->blocks[c->rpo[i]].dead && !select_diamond(c, c->rpo[i]))
            return false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->order_count; i++)
        if (!c->blocks[c->rpo[i]].dead) {
            c->blocks[c->rpo[i]].order = n;
            c->rpo[n++] = c->rpo[i];
        }
    c->order_count = n;
    return true;
}

// ---- dead values

static bool effective(unsigned op) {
    return op >= IR_STORE && op != IR_ZERO_FRAME;
}

static void use(struct jit *c, val v, val *stack, uint32_t *depth) {
    if (c->v[v].uses++ == 0 && c->v[v].op != IR_CONST)
        stack[(*depth)++] = v;
}

static void use_operands(struct jit *c, val v, val *stack, uint32_t *depth) {
    val *operands[IR_ARGS + 1];
    unsigned n = ir_operands(c, v, operands);
    for (unsigned k = 0; k < n; k++)
        use(c, *operands[k], stack, depth);
    if (c->v[v].op == IR_PHI)
        for (uint32_t k = 0; k < c->blocks[c->v[v].block].preds; k++)
            use(c, c->phis[c->v[v].imm + k], stack, depth);
}

// Is something of the frame left in memory?
static bool frame_in_memory(const struct jit *c) {
    if (!c->granules || (c->escapes && c->hull_low < c->hull_high))
        return true;
    for (uint32_t i = 0; i < c->order_count; i++)
        for (val v = c->blocks[c->rpo[i]].first; v; v = c->v[v].next)
            if ((c->v[v].op == IR_LOAD || c->v[v].op == IR_ATOMIC) && c->v[v].a == c->frame &&
                c->v[v].uses)
                return true;
    return false;
}

static bool sweep(struct jit *c) {
    uint32_t depth = 0;
    val *stack = jit_zone(c, c->value_count * sizeof *stack);
    if (!stack)
        return false;
    for (val v = 0; v < c->value_count; v++)
        c->v[v].uses = 0;
    val zero = 0;
    for (uint32_t i = 0; i < c->order_count; i++)
        for (val v = c->blocks[c->rpo[i]].first; v; v = c->v[v].next) {
            if (c->v[v].op == IR_ZERO_FRAME)
                zero = v;
            if (effective(c->v[v].op))
                use_operands(c, v, stack, &depth);
            while (depth)
                use_operands(c, stack[--depth], stack, &depth);
        }
    if (zero && frame_in_memory(c)) {
        c->v[c->v[zero].a].uses++;
        c->v[zero].uses = 1;
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        val next;
        for (val v = c->blocks[c->rpo[i]].first; v; v = next) {
            next = c->v[v].next;
            if (!c->v[v].uses && !effective(c->v[v].op))
                ir_remove(c, v);
        }
    }
    return true;
}

// ---- induction variables

void ir_number(struct jit *c, uint32_t block) {
    uint32_t order = 0, epoch = 0;
    for (val v = c->blocks[block].first; v; v = c->v[v].next) {
        struct ir_value *x = &c->v[v];
        x->order = order++;
        x->epoch = (uint16_t)epoch;
        epoch += x->op >= IR_STORE && x->op <= IR_ZERO_FRAME && epoch < IR_EPOCHS;
    }
}

// i + k that is only needed for the next turn (and the last comparison) is computed last, so that
// it can take i's register.
static void sink_steps(struct jit *c, uint32_t header) {
    const struct ir_block *block = &c->blocks[header];
    for (uint32_t k = 0; k < block->preds; k++) {
        uint32_t latch = c->preds[block->pred + k];
        if (c->blocks[latch].order < block->order)
            continue;
        for (val phi = block->first; phi && c->v[phi].op == IR_PHI; phi = c->v[phi].next) {
            val step = c->phis[c->v[phi].imm + k];
            struct ir_value *x = &c->v[step];
            if (x->op != IR_ADD || x->a != phi || c->v[x->b].op != IR_CONST)
                continue;
            // The latch may be an edge block: then the step is in the block before it.
            uint32_t b = x->block;
            val last = c->blocks[b].last;
            bool used = false;
            for (val v = x->next; v && v != last && !used; v = c->v[v].next) {
                val *operands[IR_ARGS + 1];
                unsigned n = ir_operands(c, v, operands);
                for (unsigned i = 0; i < n; i++)
                    used |= *operands[i] == step;
            }
            if (!used && x->next != last) {
                ir_remove(c, step);
                ir_insert_before(c, last, step);
            }
        }
    }
}

void jit_clean(struct jit *c) {
    for (unsigned i = 0; i < PHI_ROUNDS && simplify_phis(c); i++)
        ;
    resolve_operands(c);
}

bool jit_optimise(struct jit *c) {
    if (!jit_meter(c))
        return false;
    for (unsigned i = 0; i < PHI_ROUNDS && simplify_phis(c); i++)
        ;
    narrow_phis(c);
    resolve_operands(c);
    if (!select_diamonds(c))
        return false;
    resolve_operands(c);
    if (!c->irreducible && !jit_unroll(c))
        return false;
    if (!jit_widen(c))
        return false;
    resolve_operands(c);
    if (!sweep(c))
        return false;
    for (uint32_t i = 0; i < c->order_count; i++)
        if (c->blocks[c->rpo[i]].header)
            sink_steps(c, c->rpo[i]);
    return true;
}
