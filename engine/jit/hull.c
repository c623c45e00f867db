// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A function that computes addresses in its frame (a local array, say) would keep nothing of the
// frame in registers. Here those addresses are bounded: if all lie within a known part of the
// frame, its hull, the function is built again, and slots outside of the hull become variables.
// Indexes are bounded by their known bits, or as induction variables that a comparison ends.

#include "engine/jit/ir.h"

enum { DEPTH = 6, SMALL = 1 << 16 };

struct range {
    int64_t low, high; // inclusive
};

struct hull {
    uint8_t *derived;      // per value: an address in the frame?
    struct range *offsets; // of those, from r10
    struct range all;      // bytes accessed
};

// An induction variable: starts at a constant, steps up by one, and each way back has just compared
// the next value with a constant.
static bool induction(struct jit *c, val phi, struct range *out) {
    const struct ir_block *header = &c->blocks[c->v[phi].block];
    int64_t start = -1, by, end;
    if (!header->header || c->irreducible)
        return false;
    for (uint32_t k = 0; k < header->preds; k++)
        if (c->blocks[c->preds[header->pred + k]].order < header->order) {
            val o = ir_resolve(c, c->phis[c->v[phi].imm + k]);
            if (start >= 0 || !ir_is_const(c, o, &start) || start < 0 || start > SMALL)
                return false;
        }
    out->low = out->high = start;
    for (uint32_t k = 0; k < header->preds; k++) {
        uint32_t p = c->preds[header->pred + k];
        if (c->blocks[p].order < header->order)
            continue;
        val step = ir_resolve(c, c->phis[c->v[phi].imm + k]);
        const struct ir_value *x = &c->v[step];
        if (c->blocks[p].preds != 1 || x->op != IR_ADD || !x->w || ir_resolve(c, x->a) != phi ||
            !ir_is_const(c, x->b, &by) || by <= 0 || by > SMALL)
            return false;
        uint32_t from = c->preds[c->blocks[p].pred];
        const struct ir_value *br = &c->v[c->blocks[from].last];
        if (br->op != IR_BR || ir_resolve(c, br->a) != step || !ir_is_const(c, br->b, &end) ||
            end <= start || end > SMALL)
            return false;
        unsigned cc = c->blocks[from].succ[0] == p ? br->cc : br->cc ^ 1u;
        if (cc == X86_NE && (end - start) % by == 0)
            end -= by;
        else if (cc == X86_B || cc == X86_L)
            end -= 1;
        else if (cc != X86_BE && cc != X86_LE)
            return false;
        out->high = end > out->high ? end : out->high;
    }
    return start >= 0;
}

// Bounds of a number, if they are small.
static bool bounds(struct jit *c, val v, unsigned depth, struct range *out) {
    v = ir_resolve(c, v);
    const struct ir_value x = c->v[v];
    struct range a, b;
    int64_t k;
    if (ir_is_const(c, v, &k)) {
        *out = (struct range){k, k};
        return k > -SMALL && k < SMALL;
    }
    if (x.nz < SMALL) {
        *out = (struct range){0, (int64_t)x.nz};
        return true;
    }
    if (!depth)
        return false;
    if (x.op == IR_PHI)
        return induction(c, v, out);
    if (x.op == IR_ADD && x.w && bounds(c, x.a, depth - 1, &a) && bounds(c, x.b, depth - 1, &b)) {
        *out = (struct range){a.low + b.low, a.high + b.high};
        return out->low > -SMALL && out->high < SMALL;
    }
    if (x.op == IR_SHL && x.w && ir_is_const(c, x.b, &k) && k <= 8 &&
        bounds(c, x.a, depth - 1, &a) && a.low >= 0) {
        *out = (struct range){a.low << k, a.high << k};
        return out->high < SMALL;
    }
    return false;
}

static bool is_derived(struct jit *c, const struct hull *h, val v) {
    return h->derived[ir_resolve(c, v)];
}

// frame + something, as an address in the frame.
static bool derive(struct jit *c, struct hull *h, val v) {
    const struct ir_value x = c->v[v];
    val base = ir_resolve(c, x.a), index = ir_resolve(c, x.b);
    struct range r;
    if (!h->derived[base]) {
        val t = base;
        base = index;
        index = t;
    }
    if (h->derived[index] || !x.w || !bounds(c, index, DEPTH, &r))
        return false;
    h->derived[v] = 1;
    h->offsets[v] = (struct range){h->offsets[base].low + r.low, h->offsets[base].high + r.high};
    return h->offsets[v].low > -4 * (int64_t)SMALL && h->offsets[v].high < 4 * (int64_t)SMALL;
}

static void access(struct jit *c, struct hull *h, val v) {
    const struct ir_value *x = &c->v[v];
    if (engine_insn_address(&c->program->insns[x->pc]) == ENGINE_R10)
        return; // a slot, for find_slots
    const struct range *r = &h->offsets[ir_resolve(c, x->a)];
    if (r->low + x->imm < h->all.low)
        h->all.low = r->low + x->imm;
    if (r->high + x->imm + x->bytes > h->all.high)
        h->all.high = r->high + x->imm + x->bytes;
}

// Looks at one use of frame addresses; false if it lets one out.
static bool look(struct jit *c, struct hull *h, val v) {
    struct ir_value *x = &c->v[v];
    val *operands[IR_ARGS + 1];
    unsigned n = ir_operands(c, v, operands);
    bool any = false;
    for (unsigned k = 0; k < n; k++) {
        bool own = x->op == IR_CALL &&
                   operands[k] == &c->phis[x->b + IR_FRAME]; // the callee's frame is below this one
        any |= !own && is_derived(c, h, *operands[k]);
    }
    if (!any || x->op == IR_ZERO_FRAME)
        return true;
    if (x->op == IR_ADD)
        return derive(c, h, v);
    bool memory = x->op == IR_LOAD || x->op == IR_STORE || x->op == IR_ATOMIC;
    if (!memory || (x->b && is_derived(c, h, x->b)) || (x->c && is_derived(c, h, x->c)))
        return false;
    access(c, h, v);
    return true;
}

// Sets c->hull_low and hull_high, relative to r10, if all addresses in the frame are bounded.
bool jit_hull(struct jit *c, bool *found) {
    struct hull h = {.all = {INT32_MAX, INT32_MIN}};
    *found = false;
    h.derived = jit_zone(c, c->value_count);
    h.offsets = jit_zone(c, c->value_count * sizeof *h.offsets);
    if (!h.derived || !h.offsets)
        return false;
    h.derived[c->frame] = 1;
    for (uint32_t i = 0; i < c->order_count; i++)
        for (val v = c->blocks[c->rpo[i]].first; v; v = c->v[v].next)
            if (!look(c, &h, v))
                return true;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct ir_block *block = &c->blocks[c->rpo[i]];
        for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
            for (uint32_t k = 0; k < block->preds; k++)
                if (is_derived(c, &h, c->phis[c->v[v].imm + k]))
                    return true;
    }
    c->hull_low = (int32_t)h.all.low;
    c->hull_high = (int32_t)h.all.high;
    *found = true;
    return true;
}
