// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Metered loops. What a turn costs would be taken off run->meter in memory, each turn waiting for
// the one before. In innermost loops without calls it is summed in a register instead, compared
// with run->meter at the back edge, and taken off once, on every way out (also when the run is
// cancelled there). run->meter is read at each back edge, so engine_run_cancel is seen.

#include "engine/jit/ir.h"

struct summary {
    uint32_t meters;
    uint32_t inside; // block of a meter that is not at a back edge, or 0
    bool unfit;      // has calls or loops inside
};

static uint32_t loop_of(const struct jit *c, uint32_t block) {
    return c->blocks[block].loop;
}

static val meter_in(const struct jit *c, uint32_t block) {
    for (val v = c->blocks[block].first; v; v = c->v[v].next)
        if (c->v[v].op == IR_METER)
            return v;
    return 0;
}

static void summarise(const struct jit *c, uint32_t b, struct summary *loops) {
    const struct ir_block *block = &c->blocks[b];
    uint32_t h = block->loop;
    if (h == IR_NO_BLOCK)
        return;
    if (block->header && block->up != IR_NO_BLOCK)
        loops[block->up].unfit = true;
    for (val v = block->first; v; v = c->v[v].next) {
        loops[h].unfit |= c->v[v].op == IR_CALL;
        if (c->v[v].op == IR_METER) {
            loops[h].meters++;
            if (block->succ[0] != h)
                loops[h].inside = b;
        }
    }
    for (unsigned k = 0; k < 2; k++) {
        uint32_t s = block->succ[k];
        if (s != IR_NO_BLOCK && loop_of(c, s) != h && c->blocks[s].preds != 1)
            loops[h].unfit = true;
    }
}

static void insert_first(struct jit *c, uint32_t block, val v) {
    if (c->blocks[block].first)
        ir_insert_before(c, c->blocks[block].first, v);
    else
        ir_append(c, block, v);
}

// A meter inside of the loop must be the only one, and each turn must pass it: then it divides the
// loop into what comes before and after it, and all back edges are after.
static bool divides(const struct jit *c, uint32_t h, const struct summary *loop) {
    const struct ir_block *block = &c->blocks[h];
    if (!loop->inside)
        return true;
    for (uint32_t k = 0; k < block->preds; k++) {
        uint32_t p = c->preds[block->pred + k];
        if (loop_of(c, p) == h && !ir_dominates(c, loop->inside, p))
            return false;
    }
    return loop->meters == 1;
}

static val new_sum(struct jit *c, val sum, val meter) {
    val v = ir_loose(c, IR_ADD, 1, sum, ir_const(c, (uint64_t)c->v[meter].imm));
    c->v[v].pc = c->v[meter].pc;
    ir_insert_before(c, meter, v);
    c->v[meter].b = v;
    return v;
}

// Takes the sum off the meter on every way out.
static bool flush_exits(struct jit *c, uint32_t h, val sum, uint32_t inside, val after) {
    for (uint32_t i = 0; i < c->order_count; i++) {
        uint32_t b = c->rpo[i];
        for (unsigned k = 0; k < 2 && loop_of(c, b) == h; k++) {
            uint32_t s = c->blocks[b].succ[k];
            if (s == IR_NO_BLOCK || loop_of(c, s) == h)
                continue;
            if (!jit_reserve(c, 1))
                return false;
            val v = ir_loose(c, IR_FLUSH, 1, c->run,
                             inside && ir_dominates(c, inside, b) ? after : sum);
            insert_first(c, s, v);
        }
    }
    return true;
}

// The sum of what the turns so far cost.
static bool sum_costs(struct jit *c, uint32_t h, uint32_t inside) {
    struct ir_block *block = &c->blocks[h];
    if (!jit_reserve(c, block->preds + 4) || !jit_reserve_phis(c, block->preds))
        return false;
    val sum = ir_loose(c, IR_PHI, 1, 0, 0), after = 0;
    c->v[sum].imm = c->phi_count;
    c->phi_count += block->preds;
    insert_first(c, h, sum);
    if (inside)
        after = new_sum(c, sum, meter_in(c, inside));
    for (uint32_t k = 0; k < block->preds; k++) {
        uint32_t p = c->preds[block->pred + k];
        val v = ir_const(c, 0);
        if (loop_of(c, p) == h) {
            val m = inside ? 0 : meter_in(c, p);
            v = inside ? after : m ? new_sum(c, sum, m) : sum;
        }
        c->phis[c->v[sum].imm + k] = v;
    }
    return flush_exits(c, h, sum, inside, after);
}

bool jit_meter(struct jit *c) {
    if (!c->loops || c->irreducible || !c->verdict->metered)
        return true;
    struct summary *loops = jit_zone(c, c->block_count * sizeof *loops);
    unsigned done = 0;
    if (!loops)
        return false;
    for (uint32_t i = 0; i < c->order_count; i++)
        summarise(c, c->rpo[i], loops);
    for (uint32_t i = 0; i < c->order_count && done < IR_METERED_LOOPS; i++) {
        uint32_t h = c->rpo[i];
        if (!c->blocks[h].header || !loops[h].meters || loops[h].unfit || !divides(c, h, &loops[h]))
            continue;
        done++;
        if (!sum_costs(c, h, loops[h].inside))
            return false;
    }
    return true;
}
