// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Values and their relations: equality by identity, differences by symbols, bounds between symbols.
//
// A value with a symbol is scale * symbol + offset modulo 2^64. It is *plain* if its number and its
// offset are below 2^44 in magnitude. Scales other than 1 are only given to what is derived from
// plain values without overflow. So for plain values integer(symbol) = (number - offset) / scale is
// an integer without wrapping, the same one for every plain value of that symbol. Bounds are
// statements about these integers; they are only made and used through plain values, and their
// multiples stay below 2^58.

#include "engine/verify/priv.h"

#define PLAIN ((int64_t)1 << 44)

static bool is_plain(const struct value *a) {
    return a->num.smin > -PLAIN && a->num.smax < PLAIN && a->offset > -PLAIN && a->offset < PLAIN;
}

static bool is_constant(const struct value *a) {
    return !a->symbol && num_is_const(&a->num);
}

static bool has_numeric_symbol(const struct value *a) {
    return a->symbol && a->kind != VALUE_REFERENCE;
}

uint32_t value_constant(struct verifier *v, uint64_t c) {
    uint32_t id = value_new(v, VALUE_NUMBER);
    num_set(&value_at(v, id)->num, c);
    value_at(v, id)->offset = (int64_t)c;
    return id;
}

uint32_t value_number(struct verifier *v, const struct num *num) {
    if (num_is_const(num))
        return value_constant(v, num->value);
    uint32_t id = value_new(v, VALUE_NUMBER);
    value_at(v, id)->num = *num;
    value_at(v, id)->symbol = symbol_new(v);
    return id;
}

uint32_t value_pointer(struct verifier *v, enum value_kind kind, uint32_t object, int64_t offset) {
    uint32_t id = value_constant(v, (uint64_t)offset);
    value_at(v, id)->kind = (uint8_t)kind;
    value_at(v, id)->object = object;
    return id;
}

// Kind and object of the result of moving pointer (or number) a.
static uint32_t moved(struct verifier *v, uint32_t a, const struct num *num, uint32_t symbol,
                      uint32_t scale, int64_t offset) {
    uint32_t id = value_new(v, VALUE_NUMBER);
    struct value *result = value_at(v, id);
    const struct value *from = value_at(v, a);
    result->kind = from->kind;
    result->object = from->object;
    result->parent = from->parent;
    result->num = *num;
    result->symbol = num_is_const(num) ? 0 : symbol;
    result->scale = result->symbol ? scale : 1;
    result->offset = num_is_const(num) ? (int64_t)num->value : offset;
    return id;
}

uint32_t value_add_constant(struct verifier *v, uint32_t a, int64_t c) {
    const struct value *from = value_at(v, a);
    struct num num = from->num, k;
    num_set(&k, (uint64_t)c);
    num_alu(ENGINE_ALU_ADD, 64, &num, &k);
    uint32_t symbol = from->symbol ? from->symbol : symbol_new(v);
    int64_t offset = from->symbol ? (int64_t)((uint64_t)from->offset + (uint64_t)c) : 0;
    return moved(v, a, &num, symbol, from->symbol ? from->scale : 1, offset);
}

uint32_t value_scale(struct verifier *v, uint32_t a, uint64_t c) {
    const struct value *from = value_at(v, a);
    const int64_t most = PLAIN / SCALE_MAX;
    if (!from->symbol || !is_plain(from) || c < 2 || c > SCALE_MAX || c * from->scale > SCALE_MAX ||
        from->num.smin < -most || from->num.smax > most || from->offset < -most ||
        from->offset > most)
        return 0;
    struct num num = from->num, k;
    num_set(&k, c);
    num_alu(ENGINE_ALU_MUL, 64, &num, &k);
    return moved(v, a, &num, from->symbol, (uint32_t)c * from->scale, from->offset * (int64_t)c);
}

// result = a + b without overflow, b between the numbers given: notes that it moved strictly.
static void note_step(struct verifier *v, struct state *s, const struct value *a, uint32_t result,
                      const struct num *step, bool subtract) {
    const struct value *r = value_at(v, result);
    if (!is_plain(a) || !is_plain(r) || step->smin < 1)
        return;
    if (subtract)
        state_bound(v, s, r, a, -step->smin);
    else
        state_bound(v, s, a, r, -step->smin);
}

static bool is_bounded(const struct state *s, const struct value *a) {
    for (unsigned i = 0; i < s->bound_count; i++)
        if (s->bounds[i].x == a->symbol)
            return true;
    return false;
}

// result = a + b, of different symbols: bounds of the operands carry over to the sum.
static void note_sum(struct verifier *v, struct state *s, uint32_t a, uint32_t b, uint32_t result) {
    const struct value *x = value_at(v, a), *y = value_at(v, b), *sum = value_at(v, result);
    int64_t distance;
    if (!is_plain(x) || !is_plain(y) || !is_plain(sum) || !x->symbol || !y->symbol)
        return;
    if (is_bounded(s, x) && y->num.smax < PLAIN / 2)
        state_bound(v, s, sum, x, y->num.smax);
    if (is_bounded(s, y) && x->num.smax < PLAIN / 2)
        state_bound(v, s, sum, y, x->num.smax);
    for (int i = 0; i < 2; i++) { // y <= x + distance: the sum is at most 2 x + distance
        uint32_t twice;
        if (is_bounded(s, i ? x : y) && value_difference(v, s, i ? a : b, i ? b : a, &distance) &&
            (twice = value_scale(v, i ? b : a, 2)))
            state_bound(v, s, sum, value_at(v, twice), distance);
    }
}

uint32_t value_add(struct verifier *v, struct state *s, uint32_t a, uint32_t b, bool subtract) {
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    if (is_constant(y))
        return value_add_constant(v, a, (int64_t)(subtract ? 0 - y->num.value : y->num.value));
    if (is_constant(x) && !subtract && x->kind == VALUE_NUMBER)
        return value_add_constant(v, b, (int64_t)x->num.value);
    struct num num = x->num;
    if (subtract && x->symbol && x->symbol == y->symbol && x->scale == y->scale) {
        num_set(&num, (uint64_t)x->offset - (uint64_t)y->offset);
        return moved(v, a, &num, 0, 1, 0);
    }
    num_alu(subtract ? ENGINE_ALU_SUB : ENGINE_ALU_ADD, 64, &num, &y->num);
    if (is_constant(x) && !subtract)
        return moved(v, a, &num, y->symbol, y->scale,
                     (int64_t)((uint64_t)y->offset + (uint64_t)x->offset));
    if (x->symbol && x->symbol == y->symbol && is_plain(x) && is_plain(y)) {
        uint32_t scale = subtract ? x->scale - y->scale : x->scale + y->scale;
        if (scale > 0 && scale <= SCALE_MAX)
            return moved(v, a, &num, x->symbol, scale,
                         subtract ? x->offset - y->offset : x->offset + y->offset);
    }
    uint32_t result = moved(v, a, &num, symbol_new(v), 1, 0);
    note_step(v, s, x, result, &y->num, subtract);
    if (!subtract)
        note_sum(v, s, a, b, result);
    return result;
}

// ---- Bounds

// Best known bound of p * integer(x) - q * integer(y), directly or through one other symbol.
static bool find_bound(const struct state *s, const struct value *x, const struct value *y,
                       int64_t *bound) {
    bool found = false;
    for (unsigned i = 0; i < s->bound_count; i++) {
        const struct bound *p = &s->bounds[i];
        if (p->x != x->symbol || x->scale % p->times_x)
            continue;
        uint32_t times = x->scale / p->times_x, through = times * p->times_y;
        int64_t first = p->bound * (int64_t)times;
        if (p->y == y->symbol && through == y->scale && (!found || first < *bound))
            *bound = first, found = true;
        for (unsigned k = 0; k < s->bound_count; k++) {
            const struct bound *q = &s->bounds[k];
            if (q->x != p->y || q->y != y->symbol || through > SCALE_MAX || through % q->times_x ||
                through / q->times_x * q->times_y != y->scale)
                continue;
            int64_t second = first + q->bound * (int64_t)(through / q->times_x);
            if (!found || second < *bound)
                *bound = second, found = true;
        }
    }
    return found;
}

bool value_less(const struct verifier *v, const struct state *s, uint32_t a, uint32_t b,
                int64_t bound) {
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    int64_t difference;
    if (!__builtin_sub_overflow(x->num.smax, y->num.smin, &difference) && difference <= bound)
        return true;
    if (!has_numeric_symbol(x) || !has_numeric_symbol(y) || !is_plain(x) || !is_plain(y))
        return false;
    if (x->symbol == y->symbol && x->scale == y->scale)
        return x->offset - y->offset <= bound;
    return find_bound(s, x, y, &difference) && difference + x->offset - y->offset <= bound;
}

bool value_difference(const struct verifier *v, const struct state *s, uint32_t a, uint32_t b,
                      int64_t *bound) {
    const struct value *x = value_at(v, a), *y = value_at(v, b);
    const int64_t least = -PLAIN / 2;
    bool found = false;
    int64_t d;
    if (!__builtin_sub_overflow(x->num.smax, y->num.smin, &d) && d < PLAIN / 2)
        *bound = d < least ? least : d, found = true;
    if (!has_numeric_symbol(x) || !has_numeric_symbol(y) || !is_plain(x) || !is_plain(y))
        return found;
    if (x->symbol == y->symbol && x->scale == y->scale) {
        *bound = x->offset - y->offset;
        return true;
    }
    if (find_bound(s, x, y, &d)) {
        d += x->offset - y->offset;
        if (!found || d < *bound)
            *bound = d, found = true;
    }
    return found;
}

void state_bound(struct verifier *v, struct state *s, const struct value *a, const struct value *b,
                 int64_t bound) {
    int64_t difference;
    if (!has_numeric_symbol(a) || !has_numeric_symbol(b) || a->symbol == b->symbol ||
        !is_plain(a) || !is_plain(b) || bound <= -PLAIN || bound >= PLAIN)
        return;
    if (!__builtin_sub_overflow(a->num.smax, b->num.smin, &difference) && difference <= bound)
        return;
    (void)v;
    bound += b->offset - a->offset;
    if (bound <= -PLAIN || bound >= PLAIN)
        return;
    for (unsigned i = 0; i < s->bound_count; i++) {
        struct bound *old = &s->bounds[i];
        if (old->x == a->symbol && old->y == b->symbol && old->times_x == a->scale &&
            old->times_y == b->scale) {
            if (bound < old->bound)
                old->bound = bound;
            return;
        }
    }
    unsigned place = s->bound_count < BOUNDS ? s->bound_count++ : s->bound_next++ % BOUNDS;
    s->bounds[place] =
        (struct bound){a->symbol, b->symbol, (uint16_t)a->scale, (uint16_t)b->scale, bound};
}

// ---- Refinement

// The cell that holds value id as well, according to its hint: entry with its tag, or 0.
static uint32_t home_of(const struct verifier *v, const struct state *s, uint32_t id) {
    uint32_t home = value_at(v, id)->home;
    uint32_t entry = home ? frame_get(v, s->frame, home - 1) : 0;
    return entry >> 2 == id ? entry & 3 : 0;
}

static void home_replace(struct verifier *v, struct state *s, uint32_t old, uint32_t new_id) {
    uint32_t tag = home_of(v, s, old), cell = value_at(v, old)->home - 1u;
    if (!tag)
        return;
    s->frame = frame_set(v, s->frame, cell, new_id << 2 | tag);
    if (tag == CELL_LOW && cell && frame_get(v, s->frame, cell - 1) == (old << 2 | CELL_HIGH))
        s->frame = frame_set(v, s->frame, cell - 1, new_id << 2 | CELL_HIGH);
}

void state_replace(struct verifier *v, struct state *s, uint32_t old, uint32_t new_id) {
    const struct value *was = value_at(v, old);
    for (unsigned r = 0; r < ENGINE_R10; r++) {
        const struct value *here = reg_at(v, s, r);
        if (s->reg[r] == old || (here->kind == VALUE_REFERENCE && was->kind == VALUE_REFERENCE &&
                                 here->symbol == was->symbol && here->flags & VALUE_NULLABLE))
            s->reg[r] = new_id;
    }
    value_at(v, new_id)->home = was->home;
    home_replace(v, s, old, new_id);
}

// The value at *location is known to be a number of num as well.
static bool learn(struct verifier *v, struct state *s, uint32_t *location, const struct num *num) {
    uint32_t old = *location;
    const struct value *was = value_at(v, old);
    struct num both = was->num;
    if (!num_meet(&both, num))
        return false;
    if (num_includes(&both, &was->num))
        return true;
    uint32_t id = value_new(v, VALUE_NUMBER);
    struct value *now = value_at(v, id);
    *now = *value_at(v, old);
    now->num = both;
    if (num_is_const(&both) && now->kind != VALUE_REFERENCE)
        now->symbol = 0, now->scale = 1, now->offset = (int64_t)both.value;
    for (unsigned r = 0; r < ENGINE_REGISTERS; r++)
        if (s->reg[r] == old)
            s->reg[r] = id;
    for (unsigned i = 0; i < LENGTHS; i++)
        if (s->length[i] == old)
            s->length[i] = id;
    home_replace(v, s, old, id);
    *location = id;
    return true;
}

static int64_t divide_down(int64_t a, int64_t b) {
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int64_t divide_up(int64_t a, int64_t b) {
    return -divide_down(-a, b);
}

// Every location of that symbol learns that integer(symbol) is at most (or at least) limit.
static bool learn_limit(struct verifier *v, struct state *s, uint32_t symbol, int64_t limit,
                        bool most) {
    if (limit <= -PLAIN || limit >= PLAIN)
        return true;
    for (unsigned i = 0; i < ENGINE_REGISTERS + LENGTHS; i++) {
        uint32_t *location = i < ENGINE_REGISTERS ? &s->reg[i] : &s->length[i - ENGINE_REGISTERS];
        const struct value *value = value_at(v, *location);
        if (value->symbol != symbol || !has_numeric_symbol(value) || !is_plain(value))
            continue;
        struct num num = num_any;
        if (most)
            num.smax = limit * value->scale + value->offset;
        else
            num.smin = limit * value->scale + value->offset;
        if (!learn(v, s, location, &num))
            return false;
    }
    return true;
}

bool state_refine(struct verifier *v, struct state *s, uint32_t old, const struct num *num) {
    struct value was = *value_at(v, old);
    if (num_includes(num, &was.num))
        return true;
    for (unsigned i = 0; i < ENGINE_REGISTERS + LENGTHS; i++) {
        uint32_t *location = i < ENGINE_REGISTERS ? &s->reg[i] : &s->length[i - ENGINE_REGISTERS];
        const struct value *value = value_at(v, *location);
        struct num shifted = *num, delta;
        if (*location != old) {
            if (!has_numeric_symbol(&was) || !has_numeric_symbol(value) ||
                value->symbol != was.symbol || value->scale != was.scale)
                continue;
            num_set(&delta, (uint64_t)value->offset - (uint64_t)was.offset);
            num_alu(ENGINE_ALU_ADD, 64, &shifted, &delta);
        }
        if (!learn(v, s, location, &shifted))
            return false;
    }
    if (!has_numeric_symbol(&was) || num->smin <= -PLAIN || num->smax >= PLAIN || !is_plain(&was))
        return true;
    int64_t most = divide_down(num->smax - was.offset, was.scale);
    int64_t least = divide_up(num->smin - was.offset, was.scale);
    if (!learn_limit(v, s, was.symbol, most, true) || !learn_limit(v, s, was.symbol, least, false))
        return false;
    for (unsigned i = 0; i < s->bound_count; i++) {
        struct bound b = s->bounds[i];
        if (b.y == was.symbol &&
            !learn_limit(v, s, b.x, divide_down(b.times_y * most + b.bound, b.times_x), true))
            return false;
        if (b.x == was.symbol &&
            !learn_limit(v, s, b.y, divide_up(b.times_x * least - b.bound, b.times_y), false))
            return false;
    }
    return true;
}

// ---- Death of pointers

static bool dies(const struct value *value, uint32_t symbol, bool packets) {
    if (packets && value->kind == VALUE_PACKET)
        return true;
    return symbol && (value->kind == VALUE_REFERENCE || value->kind == VALUE_CONTEXT) &&
           ((value->kind == VALUE_REFERENCE && value->symbol == symbol) || value->parent == symbol);
}

static uint32_t kill_tree(struct verifier *v, uint32_t id, uint32_t level, uint32_t symbol,
                          bool packets, uint32_t dead) {
    if (!id)
        return 0;
    uint32_t result = id;
    for (unsigned i = 0; i < NODE_ENTRIES; i++) {
        uint32_t entry = node_at(v, id)->entry[i], now = entry;
        if (level)
            now = kill_tree(v, entry, level - 1, symbol, packets, dead);
        else if (dies(value_at(v, entry >> 2), symbol, packets))
            now = dead << 2 | (entry & 3);
        if (now == entry)
            continue;
        if (result == id && !(result = node_new(v, id)))
            return id;
        node_at(v, result)->entry[i] = now;
    }
    v->work++;
    return result;
}

void state_kill(struct verifier *v, struct state *s, uint32_t symbol, bool packets) {
    uint32_t dead = value_new(v, VALUE_DEAD);
    value_at(v, dead)->num = num_any;
    for (unsigned r = 0; r < ENGINE_R10; r++)
        if (dies(reg_at(v, s, r), symbol, packets))
            s->reg[r] = dead;
    s->frame = kill_tree(v, s->frame, v->frame_levels - 1, symbol, packets, dead);
}

// ---- References held

bool held_has(const struct verifier *v, const struct state *s, uint32_t symbol) {
    const struct node *held = node_at(v, s->held);
    for (unsigned i = 0; s->held && i < HELD; i++)
        if (symbol && held->entry[i] == symbol)
            return true;
    return false;
}

bool held_add(struct verifier *v, struct state *s, uint32_t symbol) {
    uint32_t id = node_new(v, s->held);
    struct node *held = node_at(v, id);
    for (unsigned i = 0; id && i < HELD; i++)
        if (!held->entry[i]) {
            held->entry[i] = symbol;
            s->held = id;
            return true;
        }
    return false;
}

void held_remove(struct verifier *v, struct state *s, uint32_t symbol) {
    uint32_t id = node_new(v, s->held);
    struct node *held = node_at(v, id);
    unsigned to = 0;
    for (unsigned i = 0; i < HELD; i++)
        if (held->entry[i] != symbol)
            held->entry[to++] = held->entry[i];
    while (to < HELD)
        held->entry[to++] = 0;
    s->held = id && held->entry[0] ? id : 0;
}
