// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Union of two states, and the test whether one includes the other.
//
// Relations survive by renaming. A location that is sa + oa in one state and sb + ob in the other
// becomes u + oa, where u stands for sa on the one side and for sb + (ob - oa) on the other; all
// locations that agree on (sa, sb, ob - oa) share u, and so stay related. Equal value pairs map to
// one new value, and so stay equal.
//
// Inclusion (HEAD modes): b is in a if each location's facts are, and if one substitution of a's
// symbols explains all locations at once. A symbol of a that would need two substitutions claims a
// relation that b does not have.

#include "base/string.h"
#include "engine/verify/priv.h"

#define LEAST ((int64_t)1 << 43) // bounds are kept well inside of 64 bits

enum { PAIRS = 64, RENAMES = 64, KEY_NULL = 0xbfffffff, KEY_VALUE = 0x80000000 };

struct pair {
    uint32_t a, b, result;
};

struct rename {
    uint32_t a, b, to, ratio;
    int64_t difference;
};

struct join {
    struct verifier *v;
    struct state *a, *b;
    enum join_mode mode;
    const struct num_steps *steps;
    bool changed;
    unsigned pair_count, pair_next, rename_count, unique;
    struct pair pairs[PAIRS];
    struct rename renames[RENAMES];
};

static uint32_t symbol_key(struct join *j, uint32_t id) {
    const struct value *value = value_at(j->v, id);
    if (value->symbol)
        return value->symbol;
    if (num_is_const(&value->num))
        return 0;
    if (id == j->v->constant_any32 || id == j->v->constant_any)
        return 0xc0000000u | j->unique++; // the one id that many unrelated cells share
    return KEY_VALUE | id;
}

// New symbol for the pair; 0 if there is no room to relate it.
static uint32_t rename(struct join *j, uint32_t a, uint32_t b, uint32_t ratio, int64_t difference) {
    bool identity = a == b && ratio == 1 && difference == 0;
    if (j->mode == JOIN_SAME && !identity && a && a != KEY_NULL)
        j->changed = true;
    for (unsigned i = 0; i < j->rename_count; i++) {
        const struct rename *r = &j->renames[i];
        if (r->a == a && r->b == b && r->ratio == ratio && r->difference == difference)
            return r->to;
        if (r->a == a && a && a != KEY_NULL && j->mode != JOIN_MERGE && !WEAK(JOIN_RELATION))
            j->changed = true;
    }
    if (j->rename_count == RENAMES) {
        j->changed |= !identity;
        return identity ? a : 0;
    }
    uint32_t to = identity ? a : symbol_new(j->v);
    j->renames[j->rename_count++] = (struct rename){a, b, to, ratio, difference};
    return to;
}

static uint32_t unusable(struct join *j, uint32_t a, uint32_t b) {
    const struct value *x = value_at(j->v, a), *y = value_at(j->v, b);
    if (x->kind == VALUE_MIXED || x->kind == VALUE_DEAD || x->kind == VALUE_UNSET)
        return a;
    j->changed = true;
    if (y->kind == VALUE_MIXED || y->kind == VALUE_DEAD || y->kind == VALUE_UNSET)
        return b;
    uint32_t id = value_new(j->v, VALUE_MIXED);
    value_at(j->v, id)->num = num_any;
    return id;
}

static bool is_null(const struct value *a) {
    return a->kind == VALUE_NUMBER && num_is_const(&a->num) && a->num.value == 0;
}

// Facts of the union, widened if the mode says so.
static void join_facts(struct join *j, const struct num *a, const struct num *b,
                       struct num *result) {
    *result = *a;
    if (j->mode != JOIN_MERGE && num_includes(a, b))
        return;
    num_join(result, b);
    j->changed = true;
    if (j->mode >= JOIN_WIDEN)
        num_widen(a, result, j->steps, j->mode == JOIN_WIDEN_HARD);
}

// A pointer on one side, 0 on the other: a nullable pointer.
static uint32_t join_null(struct join *j, uint32_t a, uint32_t b) {
    bool left = is_null(value_at(j->v, b));
    struct value pointer = *value_at(j->v, left ? a : b);
    if (!left || !(pointer.flags & VALUE_NULLABLE))
        j->changed = true;
    else if (j->mode != JOIN_MERGE) {
        if (pointer.symbol)
            (void)rename(j, pointer.symbol, KEY_NULL, 1, 0);
        return a;
    }
    uint32_t id = value_new(j->v, pointer.kind);
    if (pointer.symbol)
        pointer.symbol = left ? rename(j, pointer.symbol, KEY_NULL, 1, 0)
                              : rename(j, KEY_NULL, pointer.symbol, 1, 0);
    if (pointer.kind == VALUE_REFERENCE && !pointer.symbol)
        return unusable(j, a, b);
    pointer.flags |= VALUE_NULLABLE;
    pointer.home = 0;
    if (WEAK(JOIN_NULL))
        pointer.flags &= (uint8_t)~VALUE_NULLABLE;
    *value_at(j->v, id) = pointer;
    return id;
}

static uint32_t join_kinds(struct join *j, uint32_t a, uint32_t b) {
    const struct value *x = value_at(j->v, a), *y = value_at(j->v, b);
    bool arena_x = x->kind == VALUE_ARENA, arena_y = y->kind == VALUE_ARENA;
    if ((arena_x && y->kind == VALUE_NUMBER) || (arena_y && x->kind == VALUE_NUMBER)) {
        if (arena_x && j->mode != JOIN_MERGE && !x->symbol && num_includes(&x->num, &num_any))
            return a;
        j->changed = true;
        uint32_t id = value_new(j->v, VALUE_ARENA);
        value_at(j->v, id)->num = num_any;
        return id;
    }
    if ((value_is_pointer(x) && is_null(y)) || (value_is_pointer(y) && is_null(x)))
        return join_null(j, a, b);
    return WEAK(JOIN_KINDS) && value_is_pointer(x) ? a : unusable(j, a, b);
}

// Relation of the union of a and b: scale * u + offset of a. u stands for a's symbol on the one
// side, for ratio * symbol of b + difference on the other. Of two constants, u counts the steps
// between them: so variables that move together in a loop stay related, whatever their steps.
static void relate(struct join *j, uint32_t a, uint32_t b, struct value *result) {
    const struct value *x = value_at(j->v, a), *y = value_at(j->v, b);
    uint32_t of_a = symbol_key(j, a), of_b = symbol_key(j, b), ratio = 1;
    int64_t difference, scale = of_a ? x->scale : y->scale;
    bool head = j->mode != JOIN_MERGE;
    bool known = !__builtin_sub_overflow(y->offset, x->offset, &difference);
    result->offset = x->offset;
    if (!of_a && !of_b && known && difference > 1 && difference <= SCALE_MAX &&
        x->num.smin > -LEAST && x->num.smax < LEAST) {
        scale = difference;
        difference = 1;
    } else if (known && scale != 1) {
        known = difference % scale == 0 && (!of_a || !of_b || y->scale % (uint32_t)scale == 0);
        difference /= scale;
        ratio = of_a && of_b ? y->scale / (uint32_t)scale : 1;
    } else if (of_a && of_b)
        ratio = y->scale;
    else if (!known && scale == 1) {
        known = true;
        difference = (int64_t)((uint64_t)y->offset - (uint64_t)x->offset);
    }
    if (!known) { // what a claims of its symbol does not hold in b
        j->changed |= head;
        result->symbol = head ? 0 : symbol_new(j->v);
        result->scale = 1;
        result->offset = 0;
        return;
    }
    result->scale = (uint32_t)scale;
    result->symbol = rename(j, of_a, of_b, ratio, difference);
    if (!result->symbol)
        result->scale = 1;
}

static uint32_t join_same_kind(struct join *j, uint32_t a, uint32_t b) {
    struct verifier *v = j->v;
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    if (x->object != y->object || (x->flags ^ y->flags) & VALUE_ARGUMENTS ||
        (x->kind == VALUE_REFERENCE && x->num.value != y->num.value))
        return unusable(j, a, b);
    struct value result = *x;
    bool head = j->mode != JOIN_MERGE;
    join_facts(j, &x->num, &y->num, &result.num);
    result.flags |= y->flags & VALUE_NULLABLE;
    result.home = x->home == y->home ? x->home : 0;
    if (result.flags != x->flags)
        j->changed = true;
    if (x->parent != y->parent &&
        (!x->parent || !y->parent || !(result.parent = rename(j, x->parent, y->parent, 1, 0))))
        return unusable(j, a, b);
    if (x->kind == VALUE_REFERENCE) {
        if (!(result.symbol = rename(j, x->symbol, y->symbol, 1, 0)))
            return unusable(j, a, b);
    } else if (num_is_const(&result.num))
        result.symbol = 0, result.scale = 1, result.offset = (int64_t)result.num.value;
    else
        relate(j, a, b, &result);
    if (head && num_includes(&x->num, &result.num) && result.flags == x->flags &&
        result.symbol == x->symbol && result.scale == x->scale && result.parent == x->parent)
        return a;
    uint32_t id = value_new(v, result.kind);
    *value_at(v, id) = result;
    return id;
}

static uint32_t join_values(struct join *j, uint32_t a, uint32_t b) {
    const struct value *x = value_at(j->v, a), *y = value_at(j->v, b);
    if (a == b) {
        uint32_t key = j->mode == JOIN_MERGE ? 0 : symbol_key(j, a);
        if (key)
            (void)rename(j, key, key, 1, 0);
        return a;
    }
    if (x->kind == y->kind && x->kind != VALUE_REFERENCE && !x->symbol && !y->symbol &&
        num_is_const(&x->num) && num_is_const(&y->num) && x->num.value == y->num.value &&
        x->object == y->object && x->flags == y->flags && x->parent == y->parent)
        return a;
    for (unsigned i = 0; i < j->pair_count; i++)
        if (j->pairs[i].a == a && j->pairs[i].b == b)
            return j->pairs[i].result;
    uint32_t result;
    if (x->kind != y->kind)
        result = join_kinds(j, a, b);
    else if (x->kind < VALUE_NUMBER)
        result = a;
    else
        result = join_same_kind(j, a, b);
    j->pairs[j->pair_next++ % PAIRS] = (struct pair){a, b, result};
    if (j->pair_count < PAIRS)
        j->pair_count++;
    return result;
}

// ---- Frames

// The number in a cell, as frame.c sees it.
static bool cell_number(const struct verifier *v, uint32_t entry, struct num *num) {
    const struct value *value = value_at(v, entry >> 2);
    if (!entry) {
        num_set(num, 0);
        return true;
    }
    if (value->kind != VALUE_NUMBER)
        return false;
    *num = value->num;
    struct num k;
    num_set(&k, 32);
    if ((entry & 3) == CELL_HIGH)
        num_alu(ENGINE_ALU_RSH, 64, num, &k);
    else
        num_extend(num, 32, false);
    return true;
}

// Cells that are of different sorts, or perhaps not written: the union is a plain number, related
// to nothing.
static uint32_t join_odd_cells(struct join *j, uint32_t a, uint32_t b) {
    struct verifier *v = j->v;
    struct num x, y, joined;
    unsigned tag = (a & 3) == CELL_MAYBE || (b & 3) == CELL_MAYBE ? CELL_MAYBE : CELL_WORD;
    const struct value *value = value_at(v, a >> 2);
    if (a && value->kind == VALUE_MIXED && (a & 3) == tag)
        return a;
    if (!cell_number(v, a, &x) || !cell_number(v, b, &y)) {
        j->changed = true;
        uint32_t id = value_new(v, VALUE_MIXED);
        value_at(v, id)->num = num_any;
        return id << 2 | tag;
    }
    join_facts(j, &x, &y, &joined);
    if (a && (a & 3) == tag && num_includes(&x, &joined) && j->mode != JOIN_MERGE) {
        if (value->symbol)
            (void)rename(j, value->symbol, 0xc0000000u | j->unique++, 1, 0);
        return a;
    }
    j->changed = true;
    uint32_t id = value_number(v, &joined);
    if (!num_is_const(&joined))
        value_at(v, id)->symbol = 0;
    return id << 2 | tag;
}

static uint32_t join_cells(struct join *j, uint32_t a, uint32_t b) {
    if (a == b && (j->mode == JOIN_MERGE || !a))
        return a;
    if ((a & 3) == (b & 3) && (a & 3) != CELL_MAYBE) {
        uint32_t id = join_values(j, a >> 2, b >> 2);
        return id << 2 | (a & 3);
    }
    if (a == b)
        return a;
    return join_odd_cells(j, a, b);
}

static uint32_t join_trees(struct join *j, uint32_t a, uint32_t b, uint32_t level) {
    struct verifier *v = j->v;
    if (a == b && (j->mode == JOIN_MERGE || !a || a == v->misc[level] || a == v->maybe[level]))
        return a;
    uint32_t result = a;
    v->work++;
    for (unsigned i = 0; i < NODE_ENTRIES; i++) {
        uint32_t x = node_at(v, a)->entry[i], y = node_at(v, b)->entry[i];
        uint32_t now = level ? join_trees(j, x, y, level - 1) : join_cells(j, x, y);
        if (now == x)
            continue;
        if (result == a && !(result = node_new(v, a)))
            return a;
        node_at(v, result)->entry[i] = now;
    }
    return result;
}

// ---- References held

static void held_put(struct join *j, struct state *s, uint32_t symbol) {
    if (!held_has(j->v, s, symbol) && !held_add(j->v, s, symbol))
        j->v->error = ENGINE_ERROR_LIMIT;
}

static uint32_t held_at(const struct join *j, const struct state *s, unsigned i) {
    return s->held && i < HELD ? node_at(j->v, s->held)->entry[i] : 0;
}

static void join_held(struct join *j, struct state *result) {
    uint32_t taken[HELD], count = 0, symbol;
    result->held = 0;
    if (!j->a->held && !j->b->held)
        return;
    for (unsigned i = 0; (symbol = held_at(j, j->a, i)); i++) {
        uint32_t to = 0;
        for (unsigned k = 0; !to && k < j->rename_count; k++) {
            const struct rename *r = &j->renames[k];
            bool both = held_has(j->v, j->b, r->b);
            if (r->a != symbol || (r->b != KEY_NULL && !both))
                continue;
            to = r->to;
            if (both)
                taken[count++] = r->b;
        }
        if (!to && held_has(j->v, j->b, symbol))
            taken[count++] = to = symbol;
        if (!to && WEAK(HELD_TORN))
            continue;
        if (!to && !(symbol & (uint32_t)HELD_TORN))
            j->changed = true;
        held_put(j, result, to ? to : symbol | (uint32_t)HELD_TORN);
    }
    for (unsigned i = 0; (symbol = held_at(j, j->b, i)); i++) {
        bool seen = false;
        for (unsigned k = 0; k < count; k++)
            seen |= taken[k] == symbol;
        if (seen)
            continue;
        uint32_t to = 0;
        for (unsigned k = 0; !to && k < j->rename_count; k++)
            if (j->renames[k].b == symbol && j->renames[k].a == KEY_NULL)
                to = j->renames[k].to;
        if (!to && WEAK(HELD_TORN))
            continue;
        if (!held_has(j->v, j->a, symbol | (uint32_t)HELD_TORN))
            j->changed = true;
        held_put(j, result, to ? to : symbol | (uint32_t)HELD_TORN);
    }
}

// ---- Bounds

static uint32_t location(const struct state *s, unsigned i) {
    return i < ENGINE_REGISTERS ? s->reg[i] : s->length[i - ENGINE_REGISTERS];
}

enum { LOCATIONS = ENGINE_REGISTERS + LENGTHS };

static unsigned find_location(const struct join *j, const struct state *s, uint32_t symbol,
                              uint32_t scale) {
    for (unsigned i = 0; i < LOCATIONS; i++) {
        const struct value *value = value_at(j->v, location(s, i));
        if (value->symbol == symbol && value->scale == scale && value->kind != VALUE_REFERENCE)
            return i;
    }
    return LOCATIONS;
}

static bool renamed(const struct join *j, uint32_t symbol) {
    for (unsigned i = 0; i < j->rename_count; i++)
        if (j->renames[i].a == symbol && j->renames[i].to != symbol)
            return true;
    return false;
}

static void join_pair(struct join *j, struct state *result, unsigned x, unsigned y) {
    int64_t in_a, in_b;
    if (x >= LOCATIONS || y >= LOCATIONS || x == y ||
        !value_difference(j->v, j->a, location(j->a, x), location(j->a, y), &in_a) ||
        !value_difference(j->v, j->b, location(j->b, x), location(j->b, y), &in_b))
        return;
    if (j->mode >= JOIN_WIDEN && in_b > in_a)
        return;
    state_bound(j->v, result, value_at(j->v, location(result, x)),
                value_at(j->v, location(result, y)), in_a > in_b ? in_a : in_b);
}

static bool same_bound(const struct bound *p, const struct bound *q) {
    return p->x == q->x && p->y == q->y && p->times_x == q->times_x && p->times_y == q->times_y;
}

// Does b have each bound that a claims?
static bool bounds_hold(const struct join *j) {
    for (unsigned i = 0; i < j->a->bound_count; i++) {
        const struct bound *p = &j->a->bounds[i];
        bool holds = false;
        for (unsigned k = 0; k < j->b->bound_count; k++) {
            const struct bound *q = &j->b->bounds[k];
            holds |=
                same_bound(p, q) && q->bound <= p->bound && !renamed(j, p->x) && !renamed(j, p->y);
        }
        unsigned x = find_location(j, j->a, p->x, p->times_x),
                 y = find_location(j, j->a, p->y, p->times_y);
        if (!holds && x < LOCATIONS && y < LOCATIONS) {
            int64_t in_b, in_a = p->bound + value_at(j->v, location(j->a, x))->offset -
                                 value_at(j->v, location(j->a, y))->offset;
            holds = value_difference(j->v, j->b, location(j->b, x), location(j->b, y), &in_b) &&
                    in_b <= in_a;
        }
        if (!holds && !WEAK(JOIN_BOUNDS))
            return false;
    }
    return true;
}

static void join_bounds(struct join *j, struct state *result) {
    result->bound_count = 0;
    for (unsigned i = 0; i < j->a->bound_count; i++) {
        const struct bound *p = &j->a->bounds[i];
        for (unsigned k = 0; k < j->b->bound_count; k++) {
            const struct bound *q = &j->b->bounds[k];
            if (same_bound(p, q) && !renamed(j, p->x) && !renamed(j, p->y) &&
                (j->mode < JOIN_WIDEN || q->bound <= p->bound) && result->bound_count < BOUNDS)
                result->bounds[result->bound_count++] = (struct bound){
                    p->x, p->y, p->times_x, p->times_y, p->bound > q->bound ? p->bound : q->bound};
        }
        join_pair(j, result, find_location(j, j->a, p->x, p->times_x),
                  find_location(j, j->a, p->y, p->times_y));
    }
    for (unsigned i = 0; i < j->b->bound_count; i++)
        join_pair(j, result, find_location(j, j->b, j->b->bounds[i].x, j->b->bounds[i].times_x),
                  find_location(j, j->b, j->b->bounds[i].y, j->b->bounds[i].times_y));
    if (j->mode == JOIN_MERGE || j->mode == JOIN_WIDEN_HARD)
        return;
    // A loop's counter and what does not change in it: i <= n, i < n and the like.
    for (unsigned x = 0; x < LOCATIONS; x++) {
        const struct value *counter = value_at(j->v, location(j->b, x));
        if (location(j->a, x) == location(j->b, x) || counter->kind < VALUE_NUMBER)
            continue;
        for (unsigned y = 0; y < LOCATIONS; y++) {
            const struct value *limit = value_at(j->v, location(j->a, y));
            if (!limit->symbol || limit->symbol != value_at(j->v, location(j->b, y))->symbol ||
                limit->kind == VALUE_REFERENCE || limit->kind < VALUE_NUMBER)
                continue;
            join_pair(j, result, x, y);
            join_pair(j, result, y, x);
        }
    }
}

bool state_join(struct verifier *v, uint32_t a, uint32_t b, enum join_mode mode,
                const struct num_steps *steps) {
    struct join j;
    j.v = v;
    j.a = state_at(v, a);
    j.b = state_at(v, b);
    j.mode = mode;
    j.steps = steps;
    j.changed = false;
    j.pair_count = j.pair_next = j.rename_count = j.unique = 0;
    v->work += 2;
    struct state result;
    memcpy(&result, j.a, offsetof(struct state, bounds));
    for (unsigned i = 0; i < ENGINE_REGISTERS; i++)
        result.reg[i] = join_values(&j, j.a->reg[i], j.b->reg[i]);
    for (unsigned i = 0; i < LENGTHS; i++)
        result.length[i] = join_values(&j, j.a->length[i], j.b->length[i]);
    result.frame = join_trees(&j, j.a->frame, j.b->frame, v->frame_levels - 1);
    join_held(&j, &result);
    if (mode != JOIN_MERGE && !j.changed && bounds_hold(&j))
        return false;
    if (j.a->bound_count || j.b->bound_count || mode != JOIN_MERGE)
        join_bounds(&j, &result);
    memcpy(j.a, &result,
           offsetof(struct state, bounds) + result.bound_count * sizeof(struct bound));
    return true;
}
