// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Registers. Each register has a bit map of the positions at which it is taken, so that asking
// whether an interval, holes and all, fits is a few words' work. Values that would like to share a
// register (a phi and its operands, the two sides of a two-operand instruction) form a class;
// classes are placed first, the busiest ones before the others, then single values in the order of
// the code. A value that finds no register drives out others that are used less, or goes to the
// stack for all of its life: most instructions can use it there. R11 belongs to the emitter.

#include "engine/jit/ir.h"

enum { EFFORT = 3, ROUNDS = 4, MEMBERS = 64 };

// In order of preference: short encodings first.
static const uint8_t order_called[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI,
                                       X86_R8,  X86_R9,  X86_R10, X86_RBX, X86_RBP,
                                       X86_R14, X86_R15, X86_R12, X86_R13};
static const uint8_t order_entry[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI,
                                      X86_RBX, X86_RBP, X86_R8,  X86_R9,  X86_R10,
                                      X86_R14, X86_R15, X86_R12, X86_R13};
enum { CANDIDATES = sizeof order_entry };

struct alloc {
    const uint8_t *order;
    val *assigned[X86_REGISTERS]; // values per register, for eviction
    val *head;                    // per class: first member
    val *next;                    // per value: next member
    val *queue;                   // evicted, to be placed again
    uint32_t queued;
    uint64_t effort; // left for evictions: segments looked at
};

static bool range_free(const uint64_t *bits, uint32_t from, uint32_t to) {
    uint32_t a = from / 64, b = (to - 1) / 64;
    uint64_t first = UINT64_MAX << (from & 63), last = UINT64_MAX >> (63 - ((to - 1) & 63));
    if (a == b)
        return !(bits[a] & first & last);
    if (bits[a] & first || bits[b] & last)
        return false;
    for (uint32_t i = a + 1; i < b; i++)
        if (bits[i])
            return false;
    return true;
}

static void range_mark(uint64_t *bits, uint32_t from, uint32_t to, bool on) {
    uint32_t a = from / 64, b = (to - 1) / 64;
    for (uint32_t i = a; i <= b; i++) {
        uint64_t m = (i == a ? UINT64_MAX << (from & 63) : UINT64_MAX) &
                     (i == b ? UINT64_MAX >> (63 - ((to - 1) & 63)) : UINT64_MAX);
        bits[i] = on ? bits[i] | m : bits[i] & ~m;
    }
}

static bool fits(const struct jit *c, val v, unsigned reg) {
    const struct ir_interval *it = &c->intervals[v];
    const struct ir_segment *s = &c->segments[it->segment];
    for (uint32_t i = 0; i < it->segments; i++)
        if (!range_free(c->busy[reg], s[i].from, s[i].to))
            return false;
    return true;
}

static void mark(struct jit *c, val v, unsigned reg, bool on) {
    const struct ir_interval *it = &c->intervals[v];
    const struct ir_segment *s = &c->segments[it->segment];
    for (uint32_t i = 0; i < it->segments; i++)
        range_mark(c->busy[reg], s[i].from, s[i].to, on);
}

static void assign(struct jit *c, val v, unsigned reg) {
    mark(c, v, reg, true);
    c->intervals[v].loc = (uint8_t)reg;
    c->used |= (uint16_t)(1u << reg);
}

// ---- classes

static val class_of(struct jit *c, val v) {
    struct ir_interval *it = c->intervals;
    while (it[v].class != v) {
        it[v].class = it[it[v].class].class;
        v = it[v].class;
    }
    return v;
}

static void join(struct jit *c, val a, val b) {
    if (!c->intervals[a].segments || !c->intervals[b].segments)
        return;
    a = class_of(c, a);
    b = class_of(c, b);
    if (a != b)
        c->intervals[a].class = b;
}

static bool two_address(unsigned op) {
    return (op >= IR_ADD && op <= IR_NEG) || op == IR_BSWAP || op == IR_ZX || op == IR_SX;
}

static void hint(struct jit *c, val v, unsigned reg) {
    if (v && c->intervals[v].segments && c->intervals[v].hint == IR_NOWHERE)
        c->intervals[v].hint = (uint8_t)reg;
}

static void hints(struct jit *c, val v) {
    const struct ir_value *x = &c->v[v];
    switch (x->op) {
    case IR_PARAM:
        hint(c, v, ir_arg_regs[x->imm]);
        break;
    case IR_RET:
        hint(c, x->a, X86_RAX);
        break;
    case IR_CALL:
        for (unsigned i = 0; i < IR_ARGS; i++)
            hint(c, c->phis[x->b + i], ir_arg_regs[i]);
        hint(c, v, X86_RAX);
        break;
    case IR_DIV:
    case IR_MOD:
    case IR_SDIV:
    case IR_SMOD:
    case IR_MULHI:
        hint(c, x->a, X86_RAX);
        hint(c, v, x->op == IR_DIV || x->op == IR_SDIV ? X86_RAX : X86_RDX);
        break;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
        if (c->v[x->b].op != IR_CONST)
            hint(c, x->b, X86_RCX);
        break;
    default:
        break;
    }
}

static bool overlap(const struct jit *c, val a, val b) {
    const struct ir_interval *x = &c->intervals[a], *y = &c->intervals[b];
    const struct ir_segment *s = &c->segments[x->segment], *t = &c->segments[y->segment];
    for (uint32_t i = 0, k = 0; i < x->segments && k < y->segments;) {
        if (s[i].from < t[k].to && t[k].from < s[i].to)
            return true;
        if (s[i].to < t[k].to)
            i++;
        else
            k++;
    }
    return false;
}

// Does v end where user begins?
static bool dies_at(const struct jit *c, val v, val user) {
    return c->intervals[v].segments && c->intervals[v].end <= 2 * c->v[user].order + 1;
}

static bool commutes(unsigned op) {
    return op == IR_ADD || op == IR_MUL || op == IR_AND || op == IR_OR || op == IR_XOR;
}

static void join_operands(struct jit *c, val v) {
    const struct ir_value *x = &c->v[v];
    val a = x->op == IR_SELECT ? x->d : two_address(x->op) ? x->a : 0;
    val b = commutes(x->op) ? x->b : 0;
    if (b && dies_at(c, b, v) && (!a || !dies_at(c, a, v) || class_of(c, b) == class_of(c, v)))
        a = b;
    if (a && dies_at(c, a, v))
        join(c, v, a);
}

static void classify(struct jit *c) {
    for (uint32_t i = 0; i < c->layout_count; i++) {
        const struct ir_block *block = &c->blocks[c->layout[i]];
        for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
            for (uint32_t k = 0; k < block->preds; k++) {
                val o = c->phis[c->v[v].imm + k];
                if (c->intervals[o].segments && !overlap(c, v, o))
                    join(c, v, o);
            }
    }
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next) {
            if (c->v[v].flags & IR_FOLDED)
                continue;
            hints(c, v);
            join_operands(c, v);
        }
}

// ---- placing

static bool place_hinted(struct jit *c, val v) {
    const struct ir_interval *it = &c->intervals[v];
    unsigned reg = it->hint;
    if (reg != IR_NOWHERE && fits(c, v, reg)) {
        assign(c, v, reg);
        return true;
    }
    reg = c->intervals[class_of(c, v)].spare; // the class's register + 1
    if (reg && fits(c, v, reg - 1)) {
        assign(c, v, reg - 1);
        return true;
    }
    return false;
}

static uint64_t density(const struct jit *c, val v) {
    const struct ir_interval *it = &c->intervals[v];
    const struct ir_segment *s = &c->segments[it->segment];
    uint64_t length = 0;
    for (uint32_t i = 0; i < it->segments; i++)
        length += s[i].to - s[i].from;
    return ((uint64_t)it->weight << 16) / (length + 2);
}

// Is reg free for v but for values, not for what instructions destroy? Sums what they cost.
static bool price(struct jit *c, struct alloc *a, val v, unsigned reg, uint64_t limit,
                  uint64_t *sum) {
    *sum = 0;
    for (val o = *a->assigned[reg]; o; o = a->next[o]) {
        uint64_t effort = 1 + c->intervals[v].segments + c->intervals[o].segments;
        if (a->effort < effort)
            return false;
        a->effort -= effort;
        if (overlap(c, v, o)) {
            uint64_t d = density(c, o);
            *sum = d > *sum ? d : *sum;
            if (*sum >= limit)
                return false;
        }
    }
    return *sum != 0;
}

static void link_assigned(struct alloc *a, val v, unsigned reg) {
    a->next[v] = *a->assigned[reg];
    *a->assigned[reg] = v;
}

// Drives out what is used less than v. The evicted are placed again, once.
static bool evict(struct jit *c, struct alloc *a, val v) {
    uint64_t limit = density(c, v), best = UINT64_MAX;
    unsigned reg = X86_NONE;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        uint64_t sum;
        if (price(c, a, v, a->order[i], limit, &sum) && sum < best) {
            best = sum;
            reg = a->order[i];
        }
    }
    if (reg == X86_NONE)
        return false;
    val *link = a->assigned[reg];
    uint32_t queued = a->queued;
    while (*link) {
        val o = *link;
        if (!overlap(c, v, o)) {
            link = &a->next[o];
            continue;
        }
        *link = a->next[o];
        mark(c, o, reg, false);
        c->intervals[o].loc = IR_NOWHERE;
        a->queue[a->queued++] = o;
    }
    if (!fits(c, v, reg)) { // an instruction destroys it: give all back
        while (a->queued > queued) {
            val o = a->queue[--a->queued];
            assign(c, o, reg);
            link_assigned(a, o, reg);
        }
        return false;
    }
    assign(c, v, reg);
    link_assigned(a, v, reg);
    return true;
}

static void place(struct jit *c, struct alloc *a, val v, bool may_evict) {
    struct ir_interval *it = &c->intervals[v];
    if (place_hinted(c, v)) {
        link_assigned(a, v, it->loc);
        return;
    }
    for (unsigned i = 0; i < CANDIDATES; i++)
        if (fits(c, v, a->order[i])) {
            assign(c, v, a->order[i]);
            link_assigned(a, v, a->order[i]);
            return;
        }
    if (may_evict && evict(c, a, v))
        return;
    it->loc = IR_SPILLED;
}

// The register that suits most of a class's members that have none yet, by weight; 0 if there is no
// such.
static unsigned best_register(const struct jit *c, const struct alloc *a, val members) {
    uint64_t best = 0;
    unsigned best_reg = 0;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        unsigned reg = a->order[i];
        uint64_t sum = 0;
        for (val v = members; v; v = a->next[v])
            if (fits(c, v, reg))
                sum += (uint64_t)c->intervals[v].weight * 4 +
                       (c->intervals[v].hint == reg ? c->intervals[v].weight : 0);
        if (sum > best) {
            best = sum;
            best_reg = reg + 1;
        }
    }
    return best_reg;
}

// Members that conflict with one another get a second register, and so on.
static void place_class(struct jit *c, struct alloc *a, val class) {
    val members = a->head[class];
    for (unsigned round = 0; round < ROUNDS && members; round++) {
        unsigned reg = best_register(c, a, members);
        if (!reg--)
            return;
        if (!c->intervals[class].spare)
            c->intervals[class].spare = (uint16_t)(reg + 1);
        val *link = &members;
        while (*link) {
            val v = *link;
            if (fits(c, v, reg)) {
                *link = a->next[v];
                assign(c, v, reg);
                link_assigned(a, v, reg);
            } else {
                link = &a->next[v];
            }
        }
    }
}

// Keeps the members of a class in order of weight.
static void add_member(struct jit *c, struct alloc *a, val class, val v) {
    val *link = &a->head[class];
    unsigned steps = MEMBERS;
    while (*link && steps-- && c->intervals[*link].weight > c->intervals[v].weight)
        link = &a->next[*link];
    a->next[v] = *link;
    *link = v;
}

// Sorts classes by how densely they are used.
static void sort_classes(val *classes, const uint64_t *keys, uint32_t n) {
    for (uint32_t gap = n / 2; gap > 0; gap = gap > 2 ? gap * 5 / 11 : gap / 2)
        for (uint32_t i = gap; i < n; i++)
            for (uint32_t k = i; k >= gap && keys[classes[k]] > keys[classes[k - gap]]; k -= gap) {
                val t = classes[k];
                classes[k] = classes[k - gap];
                classes[k - gap] = t;
            }
}

static bool place_classes(struct jit *c, struct alloc *a) {
    uint64_t *keys = jit_zone(c, c->value_count * sizeof *keys);
    uint64_t *lengths = jit_zone(c, c->value_count * sizeof *lengths);
    val *classes = jit_zone(c, c->value_count * sizeof *classes);
    uint32_t n = 0;
    if (!keys || !lengths || !classes)
        return false;
    for (val v = 1; v < c->value_count; v++) {
        const struct ir_interval *it = &c->intervals[v];
        if (!it->segments)
            continue;
        val k = class_of(c, v);
        if (k == v && a->head[k] == 0 && !lengths[k])
            lengths[k] = 1;
        for (uint32_t i = 0; i < it->segments; i++)
            lengths[k] += c->segments[it->segment + i].to - c->segments[it->segment + i].from;
        keys[k] += it->weight;
        add_member(c, a, k, v);
    }
    for (val v = 1; v < c->value_count; v++)
        if (a->head[v] && a->next[a->head[v]]) { // two members at least
            keys[v] = (keys[v] << 16) / lengths[v];
            classes[n++] = v;
        }
    sort_classes(classes, keys, n);
    for (uint32_t i = 0; i < n; i++)
        place_class(c, a, classes[i]);
    return true;
}

// ---- the stack

static void place_spilled(struct jit *c, val v, uint32_t *ends, uint32_t room) {
    struct ir_interval *it = &c->intervals[v];
    if (c->v[v].op == IR_WIDE) { // made again wherever it is used
        it->loc = IR_NOWHERE;
        return;
    }
    val class = class_of(c, v);
    uint32_t s = c->intervals[class].slot ? c->intervals[class].slot - 1 : 0;
    if (!c->intervals[class].slot || ends[s] > it->start) {
        for (s = 0; s < c->spill_count && ends[s] > it->start; s++)
            ;
        if (s >= c->spill_count) {
            s = c->spill_count < room ? c->spill_count++ : c->spill_count;
        }
    }
    ends[s] = it->end;
    it->slot = s + 1;
    if (!c->intervals[class].slot)
        c->intervals[class].slot = s + 1;
}

static void reserve_clobbered(struct jit *c) {
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next) {
            unsigned during, after;
            uint32_t at = 2 * c->v[v].order;
            if (c->v[v].flags & IR_FOLDED)
                continue;
            ir_clobbers(c, v, &during, &after);
            c->used |= (uint16_t)during;
            for (unsigned reg = 0; during; reg++, during >>= 1, after >>= 1)
                if (during & 1 && c->busy[reg])
                    range_mark(c->busy[reg], at, at + 1 + (after & 1), true);
        }
}

static bool spill(struct jit *c) {
    uint32_t n = 0;
    for (val v = 1; v < c->value_count; v++)
        n += c->intervals[v].loc == IR_SPILLED;
    uint32_t *ends = n ? jit_zone(c, (n + 1) * sizeof *ends) : NULL;
    if (n && !ends)
        return false;
    for (uint32_t i = 0; i < c->layout_count && n; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            if (c->intervals[v].loc == IR_SPILLED)
                place_spilled(c, v, ends, n);
    return true;
}

bool jit_allocate(struct jit *c) {
    struct alloc a = {.order = c->functions[c->function].called ? order_called : order_entry};
    size_t words = c->positions / 64 + 2;
    a.effort = (uint64_t)EFFORT * c->value_count + 20000;
    val *heads = jit_zone(c, X86_REGISTERS * sizeof *heads);
    uint64_t *bits = jit_zone(c, CANDIDATES * words * sizeof *bits);
    a.head = jit_zone(c, c->value_count * sizeof *a.head);
    a.next = jit_zone(c, c->value_count * sizeof *a.next);
    a.queue = jit_zone(c, c->value_count * sizeof *a.queue);
    if (!heads || !bits || !a.head || !a.next || !a.queue)
        return false;
    __builtin_memset(c->busy, 0, sizeof c->busy);
    for (unsigned i = 0; i < CANDIDATES; i++) {
        c->busy[a.order[i]] = bits + i * words;
        a.assigned[a.order[i]] = &heads[i];
    }
    c->used = 0;
    c->spill_count = 0;
    reserve_clobbered(c);
    classify(c);
    if (!place_classes(c, &a))
        return false;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next)
            if (c->intervals[v].segments && c->intervals[v].loc == IR_NOWHERE)
                place(c, &a, v, true);
    for (uint32_t i = 0; i < a.queued; i++)
        if (c->intervals[a.queue[i]].loc == IR_NOWHERE)
            place(c, &a, a.queue[i], false);
    return spill(c);
}
