// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Unrolls loops of one block. If the number of turns is known and divisible, the copies follow each
// other in the block and only the last one branches; otherwise each copy is a block with its own
// way out, and what the loop defines reaches the code after it through phis. Copies are simplified
// as they are made, so that steps of induction variables become displacements.

#include "engine/jit/ir.h"

enum { LOOPS = 8, BODY = 24, COPIES = 8, UNCOUNTED = 4, TOTAL = 56, OUTS = 12 };

struct loop {
    uint32_t block, back, out; // the block, the edge back to it, the way out
    unsigned yes;              // which successor goes on
    unsigned size;             // values, without phis and the branch
    unsigned copies;
    bool counted; // the number of turns is a multiple of copies
    val meter;    // at the back edge, or 0; its sum is in the same block
    val body[BODY];
    val *map;        // per value: its latest copy, or 0
    uint32_t mapped; // values that map knows
    unsigned outs;
    val out_values[OUTS]; // used after the loop
};

static bool copyable(const struct ir_value *x) {
    return ir_pure(x->op) || x->op == IR_LOAD || x->op == IR_STORE;
}

// The back edge may hold a meter and the sum it compares, nothing else.
static bool plain_back(const struct jit *c, struct loop *l) {
    const struct ir_block *back = &c->blocks[l->back];
    val v = back->first;
    l->meter = 0;
    if (c->v[v].op == IR_ADD && c->v[c->v[v].next].b == v)
        v = c->v[v].next;
    if (c->v[v].op == IR_METER) {
        l->meter = v;
        v = c->v[v].next;
    }
    return v == back->last && c->v[v].op == IR_JMP;
}

// Fills in the loop that block b is, if it is one.
static bool recognise(const struct jit *c, uint32_t b, struct loop *l) {
    const struct ir_block *block = &c->blocks[b];
    if (!block->header || block->done || block->preds != 2 || !block->last ||
        c->v[block->last].op != IR_BR)
        return false;
    l->block = b;
    l->size = 0;
    for (l->yes = 0; l->yes < 2; l->yes++) {
        l->back = block->succ[l->yes];
        l->out = block->succ[l->yes ^ 1];
        if (c->blocks[l->back].succ[0] == b && c->blocks[l->back].preds == 1 && plain_back(c, l))
            break;
    }
    if (l->yes == 2 || c->blocks[l->out].preds != 1 || c->blocks[l->out].header)
        return false;
    for (val v = block->first; v != block->last; v = c->v[v].next) {
        if (c->v[v].op == IR_PHI)
            continue;
        if (l->size == BODY || !copyable(&c->v[v]))
            return false;
        l->body[l->size++] = v;
    }
    return true;
}

static val back_operand(const struct jit *c, const struct loop *l, val phi) {
    const struct ir_block *block = &c->blocks[l->block];
    return c->phis[c->v[phi].imm + (c->preds[block->pred] == l->back ? 0 : 1)];
}

static val first_operand(const struct jit *c, const struct loop *l, val phi) {
    const struct ir_block *block = &c->blocks[l->block];
    return c->phis[c->v[phi].imm + (c->preds[block->pred] == l->back ? 1 : 0)];
}

// Number of turns, if it is a constant; else 0.
static uint64_t turns(const struct jit *c, const struct loop *l) {
    const struct ir_value *br = &c->v[c->blocks[l->block].last], *step = &c->v[br->a];
    int64_t end, by, start;
    unsigned cc = l->yes ? br->cc ^ 1u : br->cc;
    if (step->op != IR_ADD || c->v[step->a].op != IR_PHI || c->v[step->a].block != l->block ||
        back_operand(c, l, step->a) != br->a)
        return 0;
    if (!ir_is_const(c, br->b, &end) || !ir_is_const(c, step->b, &by) ||
        !ir_is_const(c, first_operand(c, l, step->a), &start))
        return 0;
    if (start < 0 || by <= 0 || end <= start || end > INT32_MAX || by > INT32_MAX)
        return 0;
    uint64_t distance = (uint64_t)(end - start);
    if (cc == X86_NE)
        return distance % (uint64_t)by ? 0 : distance / (uint64_t)by;
    return cc == X86_B || cc == X86_L ? (distance + (uint64_t)by - 1) / (uint64_t)by : 0;
}

static void decide(const struct jit *c, struct loop *l) {
    uint64_t n = l->meter ? 0 : turns(c, l);
    l->counted = true;
    for (l->copies = COPIES; l->copies > 1; l->copies /= 2)
        if (n && n % l->copies == 0 && l->size * l->copies <= TOTAL)
            return;
    l->counted = false;
    l->copies = l->size <= 8 ? 4 : l->size <= 14 ? 2 : 1;
    if (n && n < 2 * l->copies)
        l->copies = 1;
}

static val mapped(const struct loop *l, val v) {
    return v < l->mapped && l->map[v] ? l->map[v] : v;
}

// Notes v if it is a value of the loop.
static bool note_out(const struct jit *c, struct loop *l, val v) {
    if (!v || c->v[v].op == IR_CONST || c->v[v].block != l->block)
        return true;
    for (unsigned i = 0; i < l->outs; i++)
        if (l->out_values[i] == v)
            return true;
    if (l->outs == OUTS)
        return false;
    l->out_values[l->outs++] = v;
    return true;
}

// Copies v to the end of the current block, with the operands of the current turn.
static val copy(struct jit *c, const struct loop *l, val v) {
    struct ir_value x = c->v[v];
    val a = mapped(l, x.a), b = mapped(l, x.b);
    c->pc = x.pc;
    if (x.op >= IR_ADD && x.op <= IR_ROL)
        return ir_binary(c, (enum ir_op)x.op, x.w, a, b);
    if (x.op == IR_NEG)
        return ir_neg(c, x.w, a);
    if (x.op == IR_ZX)
        return ir_zx(c, x.bytes, a);
    if (x.op == IR_SX)
        return ir_sx(c, x.w, x.bytes, a);
    val n = ir_new(c, (enum ir_op)x.op, x.w, a, b);
    struct ir_value *y = &c->v[n];
    y->cc = x.cc;
    y->bytes = x.bytes;
    y->flags = x.flags;
    y->imm = x.imm;
    y->nz = x.nz;
    y->c = mapped(l, x.c);
    y->d = mapped(l, x.d);
    const struct ir_value *base = &c->v[a];
    if ((x.op == IR_LOAD || x.op == IR_STORE) && base->op == IR_ADD && base->w &&
        c->v[base->b].op == IR_CONST && x86_fits32(c->v[base->b].imm) &&
        x86_fits32(c->v[base->b].imm + x.imm)) {
        y->imm += c->v[base->b].imm;
        y->a = base->a;
    }
    return n;
}

// The phis take the values of the turn before.
static void advance(const struct jit *c, struct loop *l, val *next) {
    unsigned n = 0;
    for (val v = c->blocks[l->block].first; c->v[v].op == IR_PHI; v = c->v[v].next)
        next[n++] = mapped(l, back_operand(c, l, v));
    n = 0;
    for (val v = c->blocks[l->block].first; c->v[v].op == IR_PHI; v = c->v[v].next)
        l->map[v] = next[n++];
}

static bool copy_body(struct jit *c, struct loop *l) {
    if (!jit_reserve(c, 6 * (l->size + 2)))
        return false;
    for (unsigned i = 0; i < l->size; i++)
        l->map[l->body[i]] = copy(c, l, l->body[i]);
    return true;
}

// One more turn, with its meter.
static bool turn(struct jit *c, struct loop *l, val *next) {
    if (!jit_reserve(c, 12))
        return false;
    if (l->meter) {
        struct ir_value m = c->v[l->meter];
        if (m.b)
            l->map[m.b] = copy(c, l, m.b);
        c->pc = m.pc;
        val v = ir_new(c, IR_METER, 1, m.a, mapped(l, m.b));
        c->v[v].imm = m.imm;
    }
    advance(c, l, next);
    return copy_body(c, l);
}

// Values of the loop that are used elsewhere. False if there are too many.
static bool find_live_out(struct jit *c, struct loop *l) {
    l->outs = 0;
    for (uint32_t i = 0; i < c->order_count; i++) {
        const struct ir_block *block = &c->blocks[c->rpo[i]];
        if (c->rpo[i] == l->block || c->rpo[i] == l->back)
            continue;
        for (val v = block->first; v; v = c->v[v].next) {
            val *operands[IR_ARGS + 1];
            unsigned n = ir_operands(c, v, operands);
            for (unsigned k = 0; k < n; k++)
                if (!note_out(c, l, *operands[k]))
                    return false;
            for (uint32_t k = 0; c->v[v].op == IR_PHI && k < block->preds; k++)
                if (!note_out(c, l, c->phis[c->v[v].imm + k]))
                    return false;
        }
    }
    return true;
}

static void replace(const struct loop *l, const val *by, val *operand) {
    for (unsigned i = 0; i < l->outs; i++)
        if (*operand == l->out_values[i]) {
            *operand = by[i];
            return;
        }
}

// Puts by[i] in the place of out_values[i] outside of the loop; blocks from `fresh` on are the
// loop's.
static void replace_live_out(struct jit *c, const struct loop *l, const val *by, uint32_t fresh) {
    for (uint32_t i = 0; i < c->order_count && l->outs; i++) {
        const struct ir_block *block = &c->blocks[c->rpo[i]];
        if (c->rpo[i] == l->block || c->rpo[i] == l->back || c->rpo[i] >= fresh)
            continue;
        for (val v = block->first; v; v = c->v[v].next) {
            val *operands[IR_ARGS + 1];
            unsigned n = ir_operands(c, v, operands);
            for (unsigned k = 0; k < n; k++)
                replace(l, by, operands[k]);
            for (uint32_t k = 0; c->v[v].op == IR_PHI && k < block->preds; k++)
                replace(l, by, &c->phis[c->v[v].imm + k]);
        }
    }
}

static void close_phis(struct jit *c, const struct loop *l) {
    const struct ir_block *block = &c->blocks[l->block];
    for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next) {
        val *o = &c->phis[c->v[v].imm + (c->preds[block->pred] == l->back ? 0 : 1)];
        *o = mapped(l, *o);
    }
}

// The copies follow each other without a branch.
static bool unroll_counted(struct jit *c, struct loop *l, val *next) {
    val br = c->blocks[l->block].last, by[OUTS];
    c->current = l->block;
    ir_remove(c, br);
    for (unsigned i = 1; i < l->copies; i++)
        if (!turn(c, l, next))
            return false;
    c->v[br].a = mapped(l, c->v[br].a);
    c->v[br].b = mapped(l, c->v[br].b);
    ir_append(c, l->block, br);
    for (unsigned i = 0; i < l->outs; i++)
        by[i] = mapped(l, l->out_values[i]);
    replace_live_out(c, l, by, IR_NO_BLOCK);
    close_phis(c, l);
    return true;
}

static uint32_t new_block(struct jit *c, uint32_t like, uint32_t pred) {
    uint32_t b = c->block_count++;
    struct ir_block *block = &c->blocks[b];
    const struct ir_block *model = &c->blocks[like];
    *block = (struct ir_block){.from = model->from,
                               .to = model->from,
                               .succ = {IR_NO_BLOCK, IR_NO_BLOCK},
                               .idom = model->idom,
                               .dom_in = model->dom_in,
                               .dom_out = model->dom_in,
                               .loop = model->loop,
                               .up = IR_NO_BLOCK,
                               .depth = model->depth,
                               .pred = c->pred_count,
                               .preds = 1};
    c->preds[c->pred_count++] = pred;
    return b;
}

// Puts `count` blocks behind the one at place `after` of c->rpo.
static void insert_order(struct jit *c, uint32_t after, const uint32_t *blocks, unsigned count) {
    for (uint32_t i = c->order_count; i-- > after + 1;)
        c->rpo[i + count] = c->rpo[i];
    for (unsigned i = 0; i < count; i++)
        c->rpo[after + 1 + i] = blocks[i];
    c->order_count += count;
    for (uint32_t i = after; i < c->order_count; i++)
        c->blocks[c->rpo[i]].order = i;
}

static val exit_phi(struct jit *c, const struct loop *l, unsigned count, const val (*values)[OUTS],
                    unsigned k) {
    val v = ir_loose(c, IR_PHI, 1, 0, 0);
    c->v[v].imm = c->phi_count;
    c->v[v].nz = 0;
    for (unsigned i = 0; i < count; i++) {
        c->v[v].nz |= c->v[values[i][k]].nz;
        c->phis[c->phi_count++] = values[i][k];
    }
    if (c->blocks[l->out].first)
        ir_insert_before(c, c->blocks[l->out].first, v);
    else
        ir_append(c, l->out, v);
    return v;
}

// The ways out of the copies, joined: edges to the block that was the way out, and phis there.
// They are placed behind block `after`.
static bool join_exits(struct jit *c, struct loop *l, const uint32_t *bodies, unsigned count,
                       const val (*values)[OUTS], uint32_t fresh, uint32_t after) {
    uint32_t edges[UNCOUNTED + 1];
    val by[OUTS];
    if (!jit_reserve_phis(c, l->outs * count) || !jit_reserve(c, l->outs + count))
        return false;
    for (unsigned i = 0; i < count; i++) {
        edges[i] = new_block(c, l->out, bodies[i]);
        c->blocks[edges[i]].succ[0] = l->out;
        c->blocks[bodies[i]].succ[l->yes ^ 1] = edges[i];
        c->current = edges[i];
        ir_new(c, IR_JMP, 1, 0, 0);
    }
    struct ir_block *out = &c->blocks[l->out];
    out->pred = c->pred_count;
    out->preds = count;
    for (unsigned i = 0; i < count; i++)
        c->preds[c->pred_count++] = edges[i];
    insert_order(c, c->blocks[after].order, edges, count);
    // Uses are replaced before the phis are there: those want the old values.
    val first = c->value_count;
    for (unsigned k = 0; k < l->outs; k++)
        by[k] = first + k;
    replace_live_out(c, l, by, fresh);
    for (unsigned k = 0; k < l->outs; k++)
        exit_phi(c, l, count, values, k);
    return true;
}

// Each copy has its own branch.
static bool unroll_checked(struct jit *c, struct loop *l, val *next) {
    uint32_t bodies[UNCOUNTED] = {l->block}, fresh = c->block_count;
    val values[UNCOUNTED][OUTS];
    val br = c->blocks[l->block].last;
    for (unsigned k = 0; k < l->outs; k++)
        values[0][k] = l->out_values[k];
    for (unsigned i = 1; i < l->copies; i++) {
        uint32_t b = bodies[i] = new_block(c, l->block, bodies[i - 1]);
        c->blocks[bodies[i - 1]].succ[l->yes] = b;
        c->blocks[b].succ[l->yes] = l->back;
        c->current = b;
        if (!turn(c, l, next))
            return false;
        val v = ir_new(c, IR_BR, c->v[br].w, mapped(l, c->v[br].a), mapped(l, c->v[br].b));
        c->v[v].cc = c->v[br].cc;
        c->v[v].pc = c->v[br].pc;
        for (unsigned k = 0; k < l->outs; k++)
            values[i][k] = mapped(l, l->out_values[k]);
    }
    c->preds[c->blocks[l->back].pred] = bodies[l->copies - 1];
    insert_order(c, c->blocks[l->block].order, &bodies[1], l->copies - 1);
    if (l->meter && c->v[l->meter].b) { // the last sum stays at the back edge
        val sum = c->v[l->meter].b;
        c->v[sum].a = mapped(l, c->v[sum].a);
        l->map[sum] = 0;
    }
    close_phis(c, l);
    uint32_t last = bodies[l->copies - 1];
    if (c->rpo[c->blocks[last].order + 1] == l->back)
        last = l->back;
    return join_exits(c, l, bodies, l->copies, values, fresh, last);
}

// A block of the loop with `header`, outside of everything that the old loop dominates.
static uint32_t fast_block(struct jit *c, const struct loop *l, uint32_t pred, uint32_t header) {
    uint32_t b = new_block(c, l->block, pred);
    c->blocks[b].dom_in = c->blocks[b].dom_out = c->blocks[l->block].dom_in - 1;
    c->blocks[b].loop = header == IR_NO_BLOCK ? b : header;
    return b;
}

// The head of the fast loop: phis as the old one has, and the question whether the meter lasts for
// all copies.
static bool fast_head(struct jit *c, const struct loop *l, uint32_t head, unsigned entry,
                      val *phis) {
    unsigned n = 0;
    val sum = c->v[l->meter].b;
    if (!jit_reserve(c, IR_VARS + 8) || !jit_reserve_phis(c, 2 * IR_VARS))
        return false;
    c->current = head;
    for (val v = c->blocks[l->block].first; c->v[v].op == IR_PHI; v = c->v[v].next) {
        val phi = ir_new(c, IR_PHI, 1, 0, 0);
        c->v[phi].imm = c->phi_count;
        c->v[phi].nz = c->v[v].nz;
        c->phis[c->phi_count++] = c->phis[c->v[v].imm + entry];
        c->phis[c->phi_count++] = 0;
        phis[n++] = phi;
    }
    n = 0;
    for (val v = c->blocks[l->block].first; c->v[v].op == IR_PHI; v = c->v[v].next)
        l->map[v] = phis[n++];
    c->pc = c->v[l->meter].pc;
    val wanted = ir_binary(c, IR_ADD, 1, mapped(l, c->v[sum].a),
                           ir_const(c, (uint64_t)c->v[l->meter].imm * l->copies));
    val left = ir_new(c, IR_LOAD, 1, c->v[l->meter].a, 0);
    c->v[left].imm = offsetof(struct engine_run, meter);
    c->v[left].bytes = 8;
    c->v[left].flags = IR_PINNED;
    val br = ir_new(c, IR_BR, 1, left, wanted);
    c->v[br].cc = X86_L;
    return true;
}

// Metered: a loop of copies without meters, which asks at its head whether the meter lasts for all
// of them; if not, the old loop goes on from there, turn by turn.
static bool unroll_guarded(struct jit *c, struct loop *l, val *next) {
    uint32_t fresh = c->block_count, bodies[UNCOUNTED + 1] = {l->block}, order[UNCOUNTED + 2];
    val values[UNCOUNTED + 1][OUTS], phis[IR_VARS];
    struct ir_block *old = &c->blocks[l->block];
    unsigned entry = c->preds[old->pred] == l->back ? 1 : 0, n = 0;
    uint32_t from = c->preds[old->pred + entry], head = fast_block(c, l, from, IR_NO_BLOCK);
    val br = old->last, sum = c->v[l->meter].b;
    c->pred_count++; // a second predecessor
    c->blocks[head].preds = 2;
    c->blocks[head].header = c->blocks[head].done = old->done = 1;
    c->blocks[head].up = old->up;
    if (!fast_head(c, l, head, entry, phis))
        return false;
    for (unsigned k = 0; k < l->outs; k++)
        values[0][k] = l->out_values[k];
    order[0] = head;
    for (unsigned i = 1; i <= l->copies; i++) {
        uint32_t pred = i == 1 ? head : bodies[i - 1], b = fast_block(c, l, pred, head);
        order[i] = bodies[i] = b;
        c->blocks[pred].succ[i == 1 ? 1 : l->yes] = b;
        c->current = b;
        if (!jit_reserve(c, 12))
            return false;
        if (i > 1) {
            l->map[sum] = copy(c, l, sum);
            advance(c, l, next);
        }
        if (!copy_body(c, l) || !jit_reserve(c, 12))
            return false;
        val v = ir_new(c, IR_BR, c->v[br].w, mapped(l, c->v[br].a), mapped(l, c->v[br].b));
        c->v[v].cc = c->v[br].cc;
        c->v[v].pc = c->v[br].pc;
        for (unsigned k = 0; k < l->outs; k++)
            values[i][k] = mapped(l, l->out_values[k]);
    }
    uint32_t back = fast_block(c, l, bodies[l->copies], head), slow = fast_block(c, l, head, head);
    order[l->copies + 1] = back;
    c->blocks[bodies[l->copies]].succ[l->yes] = back;
    c->blocks[back].succ[0] = head;
    c->preds[c->blocks[head].pred + 1] = back;
    c->current = back;
    l->map[sum] = copy(c, l, sum);
    ir_new(c, IR_JMP, 1, 0, 0);
    for (val v = c->blocks[l->block].first; c->v[v].op == IR_PHI; v = c->v[v].next, n++) {
        c->phis[c->v[phis[n]].imm + 1] = mapped(l, back_operand(c, l, v));
        c->phis[c->v[v].imm + entry] = phis[n];
    }
    c->blocks[head].succ[0] = slow;
    c->blocks[slow].succ[0] = l->block;
    c->blocks[slow].loop = c->blocks[l->block].up;
    c->blocks[slow].depth--;
    c->current = slow;
    ir_new(c, IR_JMP, 1, 0, 0);
    c->preds[c->blocks[l->block].pred + entry] = slow;
    c->blocks[from].succ[c->blocks[from].succ[0] == l->block ? 0 : 1] = head;
    insert_order(c, c->blocks[l->block].order - 1, order, l->copies + 2);
    insert_order(c, c->blocks[back].order, &slow, 1);
    return join_exits(c, l, bodies, l->copies + 1, values, fresh, back);
}

bool jit_unroll(struct jit *c) {
    struct loop l;
    unsigned loops = 0;
    val *next = NULL;
    for (uint32_t i = 0; i < c->order_count && loops < LOOPS; i++) {
        if (!recognise(c, c->rpo[i], &l))
            continue;
        decide(c, &l);
        if (l.copies < 2 || !find_live_out(c, &l))
            continue;
        // Values of the body are old: what is made meanwhile is not looked up.
        l.map = jit_zone(c, c->value_count * sizeof *l.map);
        next = next ? next : jit_zone(c, IR_VARS * sizeof *next);
        if (!l.map || !next)
            return false;
        l.mapped = c->value_count;
        loops++;
        bool guarded = l.meter && c->v[l.meter].b;
        if (!(l.counted ? unroll_counted(c, &l, next)
              : guarded ? unroll_guarded(c, &l, next)
                        : unroll_checked(c, &l, next)))
            return false;
    }
    return true;
}
