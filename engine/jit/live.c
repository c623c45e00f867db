// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Live intervals: for each value the positions at which it must be kept, as ascending disjoint
// segments. Found from the uses backwards, value by value, so that the work is what the intervals
// are long.

#include "engine/jit/ir.h"

struct use {
    uint32_t block, until;
};

struct live {
    uint32_t *first;  // per value: its uses, at uses[first[v]] .. uses[first[v + 1]]
    struct use *uses; // CSR
    uint32_t *stamp;  // per block: value + 1 whose segment is in `mine`
    uint32_t *mine;   // per block: index of that segment
    uint32_t *work;
};

static const uint32_t frequency[] = {1, 8, 64, 512, 4096, 32768, 65536};

static uint32_t often(const struct jit *c, uint32_t block) {
    unsigned depth = c->blocks[block].depth;
    return frequency[depth < 6 ? depth : 6];
}

static void count(struct jit *c, void *cookie, val user, val used, enum ir_when when) {
    (void)c, (void)user, (void)when;
    ((struct live *)cookie)->first[used + 1]++;
}

static void note(struct jit *c, struct live *l, val used, uint32_t block, uint32_t until) {
    // Filled from the end: first[used + 1] counts down.
    l->uses[--l->first[used + 1]] = (struct use){block, until};
    uint32_t *weight = &c->intervals[used].weight;
    uint32_t more = often(c, block);
    *weight = *weight > UINT32_MAX / 2 ? *weight : *weight + more;
}

static void fill(struct jit *c, void *cookie, val user, val used, enum ir_when when) {
    const struct ir_value *x = &c->v[user];
    note(c, cookie, used, x->block, 2 * x->order + (uint32_t)when);
}

// Calls f for each use by phis, at the ends of the predecessors.
static void phi_uses(struct jit *c, struct live *l, bool counting) {
    for (uint32_t i = 0; i < c->layout_count; i++) {
        const struct ir_block *block = &c->blocks[c->layout[i]];
        for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
            for (uint32_t k = 0; k < block->preds; k++) {
                val o = c->phis[c->v[v].imm + k];
                uint32_t p = c->preds[block->pred + k];
                if (c->v[o].op == IR_CONST)
                    continue;
                if (counting)
                    l->first[o + 1]++;
                else
                    note(c, l, o, p, c->blocks[p].end);
            }
    }
}

static bool collect(struct jit *c, struct live *l) {
    l->first = jit_zone(c, (c->value_count + 2) * sizeof *l->first);
    if (!l->first)
        return false;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            if (!(c->v[v].flags & IR_FOLDED))
                ir_each_use(c, v, count, l);
    phi_uses(c, l, true);
    uint32_t total = 0;
    for (uint32_t v = 0; v < c->value_count + 1; v++)
        l->first[v] = total += l->first[v];
    l->first[c->value_count + 1] = total;
    // Now first[v + 1] is the end of v's uses; after the fill it is their start.
    l->uses = jit_zone(c, (total + 1) * sizeof *l->uses);
    if (!l->uses)
        return false;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            if (!(c->v[v].flags & IR_FOLDED))
                ir_each_use(c, v, fill, l);
    phi_uses(c, l, false);
    return true;
}

static bool segment(struct jit *c, struct live *l, val v, uint32_t block, uint32_t from,
                    uint32_t to) {
    if (!jit_grow(c, (void **)&c->segments, &c->segment_room, c->segment_count, 1,
                  sizeof *c->segments))
        return false;
    l->stamp[block] = v;
    l->mine[block] = c->segment_count;
    c->segments[c->segment_count++] = (struct ir_segment){from, to};
    return true;
}

static void extend(struct jit *c, struct live *l, uint32_t block, uint32_t to) {
    struct ir_segment *s = &c->segments[l->mine[block]];
    if (s->to < to)
        s->to = to;
}

// v is live at the start of block: so it is at the end of the predecessors, up to its definition.
static bool live_before(struct jit *c, struct live *l, val v, uint32_t block) {
    uint32_t depth = 1;
    l->work[0] = block;
    while (depth) {
        const struct ir_block *b = &c->blocks[l->work[--depth]];
        for (uint32_t k = 0; k < b->preds; k++) {
            uint32_t p = c->preds[b->pred + k];
            if (l->stamp[p] == v) {
                extend(c, l, p, c->blocks[p].end);
                continue;
            }
            if (!segment(c, l, v, p, c->blocks[p].start, c->blocks[p].end))
                return false;
            l->work[depth++] = p;
        }
    }
    return true;
}

static void sort_segments(struct ir_segment *s, uint32_t n) {
    for (uint32_t gap = n / 2; gap > 0; gap = gap > 2 ? gap * 5 / 11 : gap / 2) // Shell
        for (uint32_t i = gap; i < n; i++)
            for (uint32_t k = i; k >= gap && s[k].from < s[k - gap].from; k -= gap) {
                struct ir_segment t = s[k];
                s[k] = s[k - gap];
                s[k - gap] = t;
            }
}

static bool interval(struct jit *c, struct live *l, val v) {
    struct ir_interval *it = &c->intervals[v];
    const struct ir_value *x = &c->v[v];
    uint32_t def = 2 * x->order + 1;
    it->segment = c->segment_count;
    if (!segment(c, l, v, x->block, def, def + 1))
        return false;
    for (uint32_t i = l->first[v + 1]; i < l->first[v + 2]; i++) {
        const struct use *u = &l->uses[i];
        if (u->block == x->block && u->until > def) {
            extend(c, l, u->block, u->until);
        } else if (l->stamp[u->block] == v && u->block != x->block) {
            extend(c, l, u->block, u->until);
        } else if (u->block != x->block) {
            if (!segment(c, l, v, u->block, c->blocks[u->block].start, u->until) ||
                !live_before(c, l, v, u->block))
                return false;
        }
    }
    struct ir_segment *s = &c->segments[it->segment];
    uint32_t n = c->segment_count - it->segment, kept = 0;
    sort_segments(s, n);
    for (uint32_t i = 1; i < n; i++)
        if (s[i].from <= s[kept].to)
            s[kept].to = s[i].to > s[kept].to ? s[i].to : s[kept].to;
        else
            s[++kept] = s[i];
    it->segments = kept + 1;
    c->segment_count = it->segment + kept + 1;
    it->start = s[0].from;
    it->end = s[kept].to;
    it->weight += often(c, x->block);
    return true;
}

bool jit_live(struct jit *c) {
    struct live l;
    c->intervals = jit_zone(c, c->value_count * sizeof *c->intervals);
    l.stamp = jit_zone(c, c->block_count * sizeof *l.stamp);
    l.mine = jit_zone(c, c->block_count * sizeof *l.mine);
    l.work = jit_zone(c, (c->block_count + 1) * sizeof *l.work);
    if (!c->intervals || !l.stamp || !l.mine || !l.work)
        return false;
    for (val v = 0; v < c->value_count; v++) {
        c->intervals[v].class = v;
        c->intervals[v].loc = c->intervals[v].hint = IR_NOWHERE;
    }
    if (!collect(c, &l))
        return false;
    c->segment_count = 0;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            if (!(c->v[v].flags & IR_FOLDED) && ir_result(&c->v[v]) && !interval(c, &l, v))
                return false;
    return true;
}
