// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Byte-wise loads that are joined by shifts and ors, and stores of the bytes of one value, become
// one wide access (and a byte swap, if the order is the other one). Compilers for BPF split every
// access that they cannot prove aligned.
//
// The wide access covers exactly the bytes of the narrow ones, each of which was proved. Nothing
// may write between the narrow loads; nothing may read or write between the narrow stores.

#include "engine/jit/ir.h"

enum { PIECES = 8 };

struct piece {
    val load;
    unsigned shift;
};

struct pieces {
    struct piece p[PIECES];
    unsigned count;
};

// Takes v << shift apart, of which `limit` bits (from bit 0 of the whole) are kept.
static bool gather(struct jit *c, val v, unsigned shift, unsigned limit, struct pieces *out,
                   unsigned depth) {
    v = ir_resolve(c, v);
    const struct ir_value *x = &c->v[v];
    if (!depth)
        return false;
    switch (x->op) {
    case IR_LOAD:
        if (x->cc || x->flags & IR_PINNED || out->count == PIECES || shift % 8 ||
            shift + 8u * x->bytes > limit)
            return false;
        out->p[out->count++] = (struct piece){v, shift};
        return true;
    case IR_OR:
    case IR_ADD:
    case IR_XOR:
        if (c->v[x->b].op == IR_CONST || (c->v[x->a].nz & c->v[x->b].nz))
            return false;
        if (!x->w && shift + 32 < limit)
            limit = shift + 32;
        return gather(c, x->a, shift, limit, out, depth - 1) &&
               gather(c, x->b, shift, limit, out, depth - 1);
    case IR_SHL:
        if (c->v[x->b].op != IR_CONST)
            return false;
        if (!x->w && shift + 32 < limit)
            limit = shift + 32;
        return gather(c, x->a, shift + (unsigned)c->v[x->b].imm, limit, out, depth - 1);
    case IR_ZX:
        return x->bytes == 4 && c->v[x->a].nz <= UINT32_MAX &&
               gather(c, x->a, shift, limit, out, depth - 1);
    default:
        return false;
    }
}

// Are the pieces one run of memory, in order (little endian) or in reverse? Sets the first of them,
// the lowest shift.
static bool is_run(const struct jit *c, struct pieces *s, unsigned *bytes, unsigned *shift,
                   bool *swap) {
    for (unsigned i = 1; i < s->count; i++) // by displacement
        for (unsigned k = i; k > 0 && c->v[s->p[k].load].imm < c->v[s->p[k - 1].load].imm; k--) {
            struct piece t = s->p[k];
            s->p[k] = s->p[k - 1];
            s->p[k - 1] = t;
        }
    const struct ir_value *first = &c->v[s->p[0].load];
    int64_t disp = first->imm;
    *bytes = 0;
    *shift = s->p[0].shift;
    *swap = s->count > 1 && s->p[1].shift < s->p[0].shift;
    for (unsigned i = 0; i < s->count; i++) {
        const struct ir_value *x = &c->v[s->p[i].load];
        if (x->a != first->a || x->imm != disp + *bytes || x->block != first->block ||
            x->epoch != first->epoch || x->epoch == IR_EPOCHS)
            return false;
        if (*swap ? (x->bytes != 1 || s->p[i].shift + 8 * i != s->p[0].shift)
                  : s->p[i].shift != *shift + 8 * *bytes)
            return false;
        *bytes += x->bytes;
    }
    if (*swap)
        *shift = s->p[s->count - 1].shift;
    return *bytes == 2 || *bytes == 4 || *bytes == 8;
}

static bool widen_loads(struct jit *c, val root) {
    struct pieces s = {.count = 0};
    unsigned bytes, shift;
    bool swap;
    if (!gather(c, root, 0, c->v[root].w ? 64 : 32, &s, 10) || s.count < 2 ||
        !is_run(c, &s, &bytes, &shift, &swap))
        return true;
    if (!jit_reserve(c, 8))
        return false;
    val first = s.p[0].load;
    for (unsigned i = 1; i < s.count; i++)
        if (c->v[s.p[i].load].order < c->v[first].order)
            first = s.p[i].load;
    val v = ir_loose(c, IR_LOAD, bytes == 8, c->v[first].a, 0);
    struct ir_value *x = &c->v[v];
    x->imm = c->v[s.p[0].load].imm;
    x->bytes = (uint8_t)bytes;
    x->nz = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
    x->pc = c->v[first].pc;
    x->order = c->v[first].order;
    x->epoch = c->v[first].epoch;
    ir_insert_before(c, first, v);
    if (swap) {
        val b = ir_loose(c, IR_BSWAP, bytes == 8, v, 0);
        c->v[b].bytes = (uint8_t)bytes;
        c->v[b].nz = c->v[v].nz;
        ir_insert_before(c, root, b);
        v = b;
    }
    if (shift) {
        c->v[root].op = IR_SHL;
        c->v[root].a = v;
        c->v[root].b = ir_const(c, shift);
    } else {
        c->v[root].flags |= IR_COPY;
        c->v[root].a = v;
        ir_remove(c, root);
    }
    return true;
}

// ---- stores

// The value that the lowest bytes of v are bits of, and from which bit on. What makes a value of 32
// bits can be looked through only by who takes none above them.
static val source(struct jit *c, val v, unsigned bytes, unsigned *shift) {
    v = ir_resolve(c, v);
    const struct ir_value *x = &c->v[v];
    *shift = 0;
    if (x->op == IR_SHR && c->v[x->b].op == IR_CONST) {
        uint64_t by = (uint64_t)c->v[x->b].imm;
        if (by + 8 * bytes > (x->w ? 64 : 32))
            return v;
        *shift = (unsigned)by;
        v = ir_resolve(c, x->a);
    }
    while (*shift + 8 * bytes <= 32 && c->v[v].op == IR_ZX && c->v[v].bytes == 4)
        v = ir_resolve(c, c->v[v].a);
    return v;
}

struct run {
    val stores[PIECES];
    unsigned count;
};

static val last_of(const struct jit *c, const val *s, unsigned n) {
    val last = s[0];
    for (unsigned i = 1; i < n; i++)
        if (c->v[s[i]].order > c->v[last].order)
            last = s[i];
    return last;
}

// The last of n stores becomes one of all their bytes.
static void replace_stores(struct jit *c, const val *s, unsigned n, unsigned bytes, val whole) {
    val last = last_of(c, s, n);
    struct ir_value *x = &c->v[last];
    x->imm = c->v[s[0]].imm;
    x->bytes = (uint8_t)bytes;
    x->w = bytes == 8;
    x->b = whole;
    for (unsigned i = 0; i < n; i++)
        if (s[i] != last)
            ir_remove(c, s[i]);
}

// Constants, if the joined one still is an immediate.
static bool join_constants(struct jit *c, const val *s, unsigned n, bool *done) {
    uint64_t whole = 0;
    unsigned bytes = 0;
    *done = false;
    for (unsigned i = 0; i < n; i++) {
        const struct ir_value *x = &c->v[s[i]], *k = &c->v[ir_resolve(c, x->b)];
        if (k->op != IR_CONST || x->imm != c->v[s[0]].imm + bytes || bytes + x->bytes > 8)
            return true;
        uint64_t mask = (UINT64_C(1) << (8 * x->bytes)) - 1;
        whole |= ((uint64_t)k->imm & mask) << (8 * bytes);
        bytes += x->bytes;
    }
    if ((bytes != 2 && bytes != 4 && bytes != 8) || (bytes == 8 && !x86_fits32((int64_t)whole)))
        return true;
    if (!jit_reserve(c, 1))
        return false;
    replace_stores(c, s, n, bytes, ir_const(c, whole));
    *done = true;
    return true;
}

// Joins the n stores from s on, which are sorted by displacement.
static bool join_stores(struct jit *c, const val *s, unsigned n, bool *done) {
    if (c->v[ir_resolve(c, c->v[s[0]].b)].op == IR_CONST)
        return join_constants(c, s, n, done);
    unsigned shift0, bytes = 0, shift;
    val whole = source(c, c->v[s[0]].b, c->v[s[0]].bytes, &shift0);
    bool swap = shift0 != 0;
    *done = false;
    for (unsigned i = 0; i < n; i++) {
        const struct ir_value *x = &c->v[s[i]];
        if (source(c, x->b, x->bytes, &shift) != whole || x->imm != c->v[s[0]].imm + bytes)
            return true;
        if (swap ? (x->bytes != 1 || shift != 8 * (n - 1 - i)) : shift != 8 * bytes)
            return true;
        bytes += x->bytes;
    }
    if (bytes != 2 && bytes != 4 && bytes != 8)
        return true;
    if (!jit_reserve(c, 4))
        return false;
    if (swap) {
        val v = ir_loose(c, IR_BSWAP, bytes == 8, whole, 0);
        c->v[v].bytes = (uint8_t)bytes;
        ir_insert_before(c, last_of(c, s, n), v);
        whole = v;
    }
    replace_stores(c, s, n, bytes, whole);
    *done = true;
    return true;
}

static bool flush(struct jit *c, struct run *r) {
    for (unsigned i = 1; i < r->count; i++)
        for (unsigned k = i; k > 0 && c->v[r->stores[k]].imm < c->v[r->stores[k - 1]].imm; k--) {
            val t = r->stores[k];
            r->stores[k] = r->stores[k - 1];
            r->stores[k - 1] = t;
        }
    for (unsigned i = 0; i < r->count;) {
        bool done = false;
        for (unsigned n = r->count - i; n > 1 && !done; n--) {
            if (!join_stores(c, &r->stores[i], n, &done))
                return false;
            if (done)
                i += n;
        }
        i += !done;
    }
    r->count = 0;
    return true;
}

// Does v write bytes that a store of the run writes? Their order then matters.
static bool overlaps(const struct jit *c, const struct run *r, val v) {
    const struct ir_value *x = &c->v[v];
    for (unsigned i = 0; i < r->count; i++) {
        const struct ir_value *y = &c->v[r->stores[i]];
        if (x->imm < y->imm + y->bytes && y->imm < x->imm + x->bytes)
            return true;
    }
    return false;
}

static bool widen_stores(struct jit *c, uint32_t block) {
    struct run r = {.count = 0};
    val next;
    for (val v = c->blocks[block].first; v; v = next) {
        const struct ir_value *x = &c->v[v];
        next = x->next;
        bool store = x->op == IR_STORE && x->bytes < 8;
        bool barrier = x->op >= IR_LOAD && !store;
        if (r.count &&
            (barrier ||
             (store && (r.count == PIECES || x->a != c->v[r.stores[0]].a || overlaps(c, &r, v)))) &&
            !flush(c, &r))
            return false;
        if (store)
            r.stores[r.count++] = v;
    }
    return flush(c, &r);
}

bool jit_widen(struct jit *c) {
    for (uint32_t i = 0; i < c->order_count; i++) {
        uint32_t b = c->rpo[i];
        val prev;
        ir_number(c, b);
        for (val v = c->blocks[b].last; v; v = prev) {
            prev = c->v[v].prev;
            if ((c->v[v].op == IR_OR || c->v[v].op == IR_XOR || c->v[v].op == IR_ADD) &&
                !widen_loads(c, v))
                return false;
        }
        if (!widen_stores(c, b))
            return false;
    }
    return true;
}
