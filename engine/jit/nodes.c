// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Making values: each is simplified, then looked up, so that equal pure values in scope are one.
// Constants are operands on the right. What compilers for BPF cannot say directly is recognised
// here: rotations, zero and sign extensions.

#include "engine/jit/ir.h"

enum { PROBES = 8 };

static uint64_t low(unsigned bytes) {
    return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
}

static uint64_t width_mask(unsigned w) {
    return w ? UINT64_MAX : UINT32_MAX;
}

// All bits up to the highest one of x.
static uint64_t below(uint64_t x) {
    return x ? UINT64_MAX >> __builtin_clzll(x) : 0;
}

bool ir_is_const(const struct jit *c, val v, int64_t *value) {
    if (c->v[v].op != IR_CONST)
        return false;
    *value = c->v[v].imm;
    return true;
}

val ir_resolve(struct jit *c, val v) {
    while (c->v[v].flags & IR_COPY)
        v = c->v[v].a;
    return v;
}

// ---- lists

void ir_append(struct jit *c, uint32_t block, val v) {
    struct ir_block *b = &c->blocks[block];
    struct ir_value *x = &c->v[v];
    x->block = block;
    x->prev = b->last;
    x->next = 0;
    if (b->last)
        c->v[b->last].next = v;
    else
        b->first = v;
    b->last = v;
}

void ir_insert_before(struct jit *c, val before, val v) {
    struct ir_value *x = &c->v[v], *y = &c->v[before];
    x->block = y->block;
    x->next = before;
    x->prev = y->prev;
    if (y->prev)
        c->v[y->prev].next = v;
    else
        c->blocks[y->block].first = v;
    y->prev = v;
}

void ir_remove(struct jit *c, val v) {
    struct ir_value *x = &c->v[v];
    struct ir_block *b = &c->blocks[x->block];
    if (x->prev)
        c->v[x->prev].next = x->next;
    else
        b->first = x->next;
    if (x->next)
        c->v[x->next].prev = x->prev;
    else
        b->last = x->prev;
    x->prev = x->next = 0;
}

val ir_loose(struct jit *c, enum ir_op op, unsigned w, val a, val b) {
    val v = c->value_count++;
    struct ir_value *x = &c->v[v];
    *x = (struct ir_value){
        .op = (uint8_t)op, .w = (uint8_t)w, .a = a, .b = b, .pc = c->pc, .nz = width_mask(w)};
    return v;
}

val ir_new(struct jit *c, enum ir_op op, unsigned w, val a, val b) {
    val v = ir_loose(c, op, w, a, b);
    ir_append(c, c->current, v);
    return v;
}

// ---- lookup

static uint32_t *bucket(struct jit *c, const struct ir_value *x) {
    uint64_t h = (uint64_t)x->imm * 0x9e3779b97f4a7c15u + x->a * 0x85ebca6bu + x->b * 0xc2b2ae35u +
                 x->op * 31u + x->w;
    h += x->c * 0x27d4eb2fu + x->d * 0x165667b1u;
    return &c->hash[(h ^ h >> 29) & c->hash_mask];
}

// The value just made with ir_loose, or an equal one that dominates this place. Appends it if it
// stays.
static val unify(struct jit *c, val v) {
    struct ir_value *x = &c->v[v];
    uint32_t *head = bucket(c, x);
    unsigned probes = 0;
    for (val o = *head; o && probes < PROBES; o = c->v[o].hash, probes++) {
        const struct ir_value *y = &c->v[o];
        if (y->op == x->op && y->w == x->w && y->a == x->a && y->b == x->b && y->imm == x->imm &&
            y->bytes == x->bytes && y->cc == x->cc && y->c == x->c && y->d == x->d &&
            !(y->flags & IR_COPY) && (x->op == IR_CONST || ir_dominates(c, y->block, c->current))) {
            c->value_count--;
            return o;
        }
    }
    x->hash = *head;
    *head = v;
    if (x->op != IR_CONST)
        ir_append(c, c->current, v);
    return v;
}

val ir_const(struct jit *c, uint64_t value) {
    val v = ir_loose(c, IR_CONST, 1, 0, 0);
    c->v[v].imm = (int64_t)value;
    c->v[v].nz = value;
    c->v[v].pc = 0;
    return unify(c, v);
}

// ---- arithmetic on constants and on known bits

static uint64_t evaluate(enum ir_op op, unsigned w, uint64_t a, uint64_t b) {
    uint64_t mask = width_mask(w);
    unsigned n = b & (w ? 63 : 31);
    a &= mask;
    b &= mask;
    switch (op) {
    case IR_ADD:
        return (a + b) & mask;
    case IR_SUB:
        return (a - b) & mask;
    case IR_MUL:
        return (a * b) & mask;
    case IR_AND:
        return a & b;
    case IR_OR:
        return a | b;
    case IR_XOR:
        return a ^ b;
    case IR_SHL:
        return a << n & mask;
    case IR_SHR:
        return a >> n;
    case IR_SAR:
        return (uint64_t)(w ? (int64_t)a >> n : (int64_t)(int32_t)a >> n) & mask;
    case IR_ROL:
        return n ? (a << n | a >> ((w ? 64 : 32) - n)) & mask : a;
    case IR_DIV:
        return b ? a / b : 0;
    case IR_MOD:
        return b ? a % b : a;
    case IR_SDIV:
    case IR_SMOD: {
        int64_t x = w ? (int64_t)a : (int32_t)a, y = w ? (int64_t)b : (int32_t)b;
        if (y == 0)
            return op == IR_SDIV ? 0 : a;
        if (y == -1)
            return op == IR_SDIV ? (0 - a) & mask : 0;
        return (uint64_t)(op == IR_SDIV ? x / y : x % y) & mask;
    }
    case IR_MULHI:
        return (uint64_t)((unsigned __int128)a * b >> 64);
    default:
        return 0;
    }
}

static uint64_t possible(const struct jit *c, const struct ir_value *x) {
    uint64_t mask = width_mask(x->w);
    uint64_t a = c->v[x->a].nz & mask, b = c->v[x->b].nz & mask;
    const struct ir_value *k = &c->v[x->b];
    unsigned n = k->op == IR_CONST ? k->imm & (x->w ? 63 : 31) : 0;
    bool fixed = k->op == IR_CONST;
    switch (x->op) {
    case IR_ADD:
        if (!(a & b))
            return a | b;
        return (below(a | b) << 1 | 1) & mask;
    case IR_AND:
        return a & b;
    case IR_OR:
    case IR_XOR:
        return a | b;
    case IR_SHL:
        return fixed ? a << n & mask : mask;
    case IR_SHR:
        return fixed ? a >> n : below(a);
    case IR_SAR:
        return !(a & ~(mask >> 1)) ? (fixed ? a >> n : below(a)) : mask;
    case IR_MUL: {
        unsigned bits = (unsigned)(a ? 64 - __builtin_clzll(a) : 0) +
                        (unsigned)(b ? 64 - __builtin_clzll(b) : 0);
        return bits >= 64 ? mask : ((UINT64_C(1) << bits) - 1) & mask;
    }
    case IR_DIV:
        return below(a);
    case IR_MOD:
        return fixed && k->imm ? below(a) & below((uint64_t)k->imm & mask) : below(a);
    default:
        return mask;
    }
}

static bool commutes(enum ir_op op) {
    return op == IR_ADD || op == IR_MUL || op == IR_AND || op == IR_OR || op == IR_XOR ||
           op == IR_MULHI;
}

// What a 32-bit operation needs of its operand: without extensions and masks that it ignores.
static val strip(const struct jit *c, val v) {
    for (;;) {
        const struct ir_value *x = &c->v[v];
        if ((x->op == IR_ZX || x->op == IR_SX) && x->bytes == 4)
            v = x->a;
        else if (x->op == IR_AND && x->w && c->v[x->b].op == IR_CONST &&
                 (uint32_t)c->v[x->b].imm == UINT32_MAX)
            v = x->a;
        else
            return v;
    }
}

static bool low_only(enum ir_op op) {
    return op == IR_ADD || op == IR_SUB || op == IR_MUL || op == IR_AND || op == IR_OR ||
           op == IR_XOR || op == IR_SHL;
}

static bool shift_of(const struct jit *c, val v, enum ir_op op, unsigned w, val *of,
                     unsigned *count) {
    const struct ir_value *x = &c->v[v];
    if (x->op != op || x->w != w || c->v[x->b].op != IR_CONST)
        return false;
    *of = x->a;
    *count = c->v[x->b].imm & (w ? 63 : 31);
    return true;
}

// (x << n) joined with (x >> width - n).
static val rotation(struct jit *c, unsigned w, val a, val b) {
    val x, y;
    unsigned n, m, bits = w ? 64 : 32;
    if (shift_of(c, a, IR_SHR, w, &x, &n)) {
        val t = a;
        a = b;
        b = t;
    }
    if (!shift_of(c, a, IR_SHL, w, &x, &n) || !shift_of(c, b, IR_SHR, w, &y, &m))
        return 0;
    if (!w) {
        x = strip(c, x);
        y = strip(c, y);
    }
    return x == y && n + m == bits ? ir_binary(c, IR_ROL, w, x, ir_const(c, n)) : 0;
}

// (x << n) | (x >> (width - n)) with n in a register, as compilers write it: the second count is -n
// or width - n.
static val rotation_by(struct jit *c, unsigned w, val a, val b) {
    if (c->v[a].op == IR_SHR) {
        val t = a;
        a = b;
        b = t;
    }
    const struct ir_value *l = &c->v[a], *r = &c->v[b];
    if (l->op != IR_SHL || r->op != IR_SHR || l->w != w || r->w != w || l->a != r->a)
        return 0;
    val n = l->b, m = r->b;
    const struct ir_value *k = &c->v[m];
    bool minus = (k->op == IR_NEG && strip(c, k->a) == strip(c, n)) ||
                 (k->op == IR_SUB && strip(c, k->b) == strip(c, n) && c->v[k->a].op == IR_CONST &&
                  (c->v[k->a].imm & (w ? 63 : 31)) == 0);
    return minus ? ir_binary(c, IR_ROL, w, l->a, n) : 0;
}

static val with_constant(struct jit *c, enum ir_op op, unsigned w, val a, val b) {
    const struct ir_value *x = &c->v[a];
    uint64_t mask = width_mask(w), k = (uint64_t)c->v[b].imm & mask;
    unsigned bits = w ? 64 : 32, n = k & (bits - 1);
    bool inner = x->w == w && ir_pure(x->op) && c->v[x->b].op == IR_CONST && x->b;
    uint64_t ik = inner ? (uint64_t)c->v[x->b].imm & mask : 0;
    switch (op) {
    case IR_ADD:
        if (k == 0)
            return w ? a : ir_zx(c, 4, a);
        if (inner && x->op == IR_ADD)
            return ir_binary(c, IR_ADD, w, x->a,
                             ir_const(c, w ? ik + k : (uint64_t)(int32_t)(ik + k)));
        break;
    case IR_AND:
        if ((x->nz & mask & ~k) == 0)
            return w ? a : ir_zx(c, 4, a);
        if ((x->nz & k) == 0)
            return ir_const(c, 0);
        if (inner && x->op == IR_AND)
            return ir_binary(c, IR_AND, w, x->a, ir_const(c, ik & k));
        if (w && k == UINT32_MAX)
            return ir_zx(c, 4, a);
        if (k == 0xff || k == 0xffff)
            return ir_zx(c, k == 0xff ? 1 : 2, a);
        if (w && k <= UINT32_MAX)
            return ir_binary(c, IR_AND, 0, a, b);
        break;
    case IR_OR:
    case IR_XOR:
        if (k == 0)
            return w ? a : ir_zx(c, 4, a);
        if (inner && x->op == op)
            return ir_binary(c, op, w, x->a, ir_const(c, op == IR_OR ? ik | k : ik ^ k));
        break;
    case IR_MUL:
        if (k == 0)
            return ir_const(c, 0);
        if (k == 1)
            return w ? a : ir_zx(c, 4, a);
        if ((k & (k - 1)) == 0)
            return ir_binary(c, IR_SHL, w, a, ir_const(c, (unsigned)__builtin_ctzll(k)));
        // Two short instructions are faster than a multiplication.
        if (((k - 1) & (k - 2)) == 0)
            return ir_binary(
                c, IR_ADD, w, a,
                ir_binary(c, IR_SHL, w, a, ir_const(c, (unsigned)__builtin_ctzll(k - 1))));
        if ((k & (k + 1)) == 0 && k != mask)
            return ir_binary(
                c, IR_SUB, w,
                ir_binary(c, IR_SHL, w, a, ir_const(c, (unsigned)__builtin_ctzll(k + 1))), a);
        break;
    case IR_SHL:
        if (n == 0)
            return w ? a : ir_zx(c, 4, a);
        if (inner && x->op == IR_SHL)
            return (ik & (bits - 1)) + n < bits
                       ? ir_binary(c, IR_SHL, w, x->a, ir_const(c, (ik & (bits - 1)) + n))
                       : ir_const(c, 0);
        if (w && inner && x->op == IR_ADD && n <= 3 && x86_fits32((int64_t)(ik << n)))
            return ir_binary(c, IR_ADD, 1, ir_binary(c, IR_SHL, 1, x->a, b), ir_const(c, ik << n));
        if (inner && x->op == IR_SHR && (ik & (bits - 1)) == n && n <= 31)
            return ir_binary(c, IR_AND, w, x->a, ir_const(c, mask << n & mask));
        break;
    case IR_SHR:
        if (n == 0)
            return w ? a : ir_zx(c, 4, a);
        if ((x->nz & mask) >> n == 0)
            return ir_const(c, 0);
        if (inner && x->op == IR_SHL && (ik & (bits - 1)) == n) {
            if (bits - n == 8 || bits - n == 16 || bits - n == 32)
                return ir_zx(c, (bits - n) / 8, x->a);
            if (bits - n < 32)
                return ir_binary(c, IR_AND, w, x->a, ir_const(c, mask >> n));
        }
        if (inner && x->op == IR_SHR)
            return (ik & (bits - 1)) + n < bits
                       ? ir_binary(c, IR_SHR, w, x->a, ir_const(c, (ik & (bits - 1)) + n))
                       : ir_const(c, 0);
        if (w && x->nz <= UINT32_MAX)
            return ir_binary(c, IR_SHR, 0, a, b);
        break;
    case IR_SAR:
        if (n == 0)
            return w ? a : ir_zx(c, 4, a);
        if (!(x->nz & mask & ~(mask >> 1)))
            return ir_binary(c, IR_SHR, w, a, b);
        if (inner && x->op == IR_SHL && (ik & (bits - 1)) == n &&
            (bits - n == 8 || bits - n == 16 || bits - n == 32))
            return ir_sx(c, w, (bits - n) / 8, x->a);
        break;
    case IR_ROL:
        if (n == 0)
            return w ? a : ir_zx(c, 4, a);
        break;
    default:
        break;
    }
    return 0;
}

// Constants to the outside of sums, so that they become displacements.
static val reassociate(struct jit *c, val a, val b) {
    const struct ir_value *x = &c->v[a], *y = &c->v[b];
    bool xc = x->op == IR_ADD && x->w && c->v[x->b].op == IR_CONST && x86_fits32(c->v[x->b].imm);
    bool yc = y->op == IR_ADD && y->w && c->v[y->b].op == IR_CONST && x86_fits32(c->v[y->b].imm);
    if (xc)
        return ir_binary(c, IR_ADD, 1, ir_binary(c, IR_ADD, 1, x->a, b), x->b);
    if (yc)
        return ir_binary(c, IR_ADD, 1, ir_binary(c, IR_ADD, 1, a, y->a), y->b);
    return 0;
}

val ir_binary(struct jit *c, enum ir_op op, unsigned w, val a, val b) {
    bool shift = op >= IR_SHL && op <= IR_ROL;
    if (!w && low_only(op)) {
        a = strip(c, a);
        if (op != IR_SHL)
            b = strip(c, b);
    }
    if (c->v[a].op == IR_CONST && c->v[b].op == IR_CONST)
        return ir_const(c, evaluate(op, w, (uint64_t)c->v[a].imm, (uint64_t)c->v[b].imm));
    if (c->v[a].op == IR_CONST && commutes(op)) {
        val t = a;
        a = b;
        b = t;
    }
    if (c->v[b].op == IR_CONST) {
        // One form of each constant: sign-extended at 32 bits, counts reduced.
        int64_t k = c->v[b].imm;
        if (shift)
            b = ir_const(c, (uint64_t)k & (w ? 63 : 31));
        else if (!w)
            b = ir_const(c, (uint64_t)(int64_t)(int32_t)k);
        if (op == IR_SUB)
            return ir_binary(
                c, IR_ADD, w, a,
                ir_const(c, w ? 0 - (uint64_t)k : (uint64_t)(int32_t)(0 - (uint64_t)k)));
        val v = with_constant(c, op, w, a, b);
        if (v)
            return v;
    } else if (a == b && (op == IR_SUB || op == IR_XOR)) {
        return ir_const(c, 0);
    } else if (a == b && (op == IR_AND || op == IR_OR)) {
        return w ? a : ir_zx(c, 4, a);
    } else if (op == IR_ADD && w) {
        val v = reassociate(c, a, b);
        if (v)
            return v;
    }
    if (op == IR_OR || op == IR_ADD || op == IR_XOR) {
        val v = rotation(c, w, a, b);
        if (!v && op == IR_OR)
            v = rotation_by(c, w, a, b);
        if (v)
            return v;
    }
    if (op == IR_SUB && c->v[a].op == IR_CONST && c->v[a].imm == 0)
        return ir_neg(c, w, b);
    if (w && (op == IR_AND || op == IR_OR || op == IR_XOR) && c->v[a].nz <= UINT32_MAX &&
        c->v[b].nz <= UINT32_MAX && c->v[b].op != IR_CONST)
        w = 0;
    val v = ir_loose(c, op, w, a, b);
    c->v[v].nz = possible(c, &c->v[v]);
    return unify(c, v);
}

val ir_neg(struct jit *c, unsigned w, val a) {
    if (c->v[a].op == IR_CONST)
        return ir_const(c, (0 - (uint64_t)c->v[a].imm) & width_mask(w));
    return unify(c, ir_loose(c, IR_NEG, w, w ? a : strip(c, a), 0));
}

val ir_zx(struct jit *c, unsigned bytes, val a) {
    if (c->v[a].op == IR_CONST)
        return ir_const(c, (uint64_t)c->v[a].imm & low(bytes));
    if (!(c->v[a].nz & ~low(bytes)))
        return a;
    const struct ir_value x = c->v[a];
    if ((x.op == IR_ZX || x.op == IR_SX) && x.bytes >= bytes)
        return ir_zx(c, bytes, x.a);
    if (bytes == 4 && x.w && low_only(x.op) &&
        (x.op != IR_SHL || c->v[x.b].op != IR_CONST || c->v[x.b].imm < 32) &&
        !(x.op == IR_SHL && c->v[x.b].op != IR_CONST))
        return ir_binary(c, x.op, 0, x.a, x.b);
    if (bytes < 4 && x.op == IR_AND && c->v[x.b].op == IR_CONST &&
        !(~(uint64_t)c->v[x.b].imm & low(bytes)))
        return ir_zx(c, bytes, x.a);
    val v = ir_loose(c, IR_ZX, 0, a, 0);
    c->v[v].bytes = (uint8_t)bytes;
    c->v[v].nz = low(bytes) & x.nz;
    return unify(c, v);
}

val ir_sx(struct jit *c, unsigned w, unsigned bytes, val a) {
    uint64_t sign = UINT64_C(1) << (8 * bytes - 1);
    if (c->v[a].op == IR_CONST)
        return ir_const(c, ((((uint64_t)c->v[a].imm & low(bytes)) ^ sign) - sign) & width_mask(w));
    if (!(c->v[a].nz & ~(low(bytes) >> 1)))
        return a;
    const struct ir_value *x = &c->v[a];
    if (x->op == IR_ZX && x->bytes >= bytes)
        return ir_sx(c, w, bytes, x->a);
    val v = ir_loose(c, IR_SX, w, a, 0);
    c->v[v].bytes = (uint8_t)bytes;
    return unify(c, v);
}

val ir_bswap(struct jit *c, unsigned bytes, val a) {
    if (c->v[a].op == IR_CONST)
        return ir_const(c, __builtin_bswap64((uint64_t)c->v[a].imm) >> (64 - 8 * bytes));
    if (bytes == 4)
        a = strip(c, a);
    val v = ir_loose(c, IR_BSWAP, bytes == 8, a, 0);
    c->v[v].bytes = (uint8_t)bytes;
    c->v[v].nz = low(bytes);
    return unify(c, v);
}

// ---- division

// Granlund and Montgomery: floor(x / k) = x * m >> (n + shift) for all n-bit x, n = 32 or 64, k not
// a power of two. False if m needs n + 1 bits: it then is 2^n + *m.
static bool reciprocal(unsigned n, uint64_t k, uint64_t *m, unsigned *shift) {
    uint64_t ones = n == 64 ? UINT64_MAX : UINT32_MAX;
    uint64_t q = ones / k, r = ones % k + 1; // 2^n = q * k + r, k does not divide it
    unsigned l = 64 - (unsigned)__builtin_clzll(k - 1);
    bool over = false;
    for (unsigned s = 0;; s++) {
        // 2^(n + s) = q * k + r; rounded up, the error may be 2^s.
        if (!over && q < ones && k - r <= UINT64_C(1) << (s & 63)) {
            *m = q + 1;
            *shift = s;
            return true;
        }
        if (s == l)
            break;
        over |= (q << 1 & ones) >> 1 != q;
        q <<= 1;
        if (r >= k - r) {
            r -= k - r;
            q++;
        } else {
            r <<= 1;
        }
    }
    *m = (q + 1) & ones;
    *shift = l;
    return false;
}

// x / k for constant k that is no power of two.
static val divide(struct jit *c, unsigned w, val a, uint64_t k) {
    uint64_t m;
    unsigned s, n = w ? 64 : 32;
    bool fits = reciprocal(n, k, &m, &s);
    val t, factor = ir_const(c, m);
    if (w)
        t = ir_binary(c, IR_MULHI, 1, a, factor);
    else
        t = ir_binary(c, IR_SHR, 1, ir_binary(c, IR_MUL, 1, a, factor),
                      ir_const(c, 32 + (fits ? s : 0)));
    if (fits)
        return w ? ir_binary(c, IR_SHR, 1, t, ir_const(c, s)) : t;
    val u = ir_binary(c, IR_SHR, w, ir_binary(c, IR_SUB, w, a, t), ir_const(c, 1));
    return ir_binary(c, IR_SHR, w, ir_binary(c, IR_ADD, w, u, t), ir_const(c, s - 1));
}

val ir_divide(struct jit *c, enum ir_op op, unsigned w, val a, val b, bool safe) {
    int64_t k;
    if (ir_is_const(c, b, &k) && c->v[a].op != IR_CONST) {
        uint64_t u = (uint64_t)k & width_mask(w);
        if (!w && op <= IR_MOD)
            a = ir_zx(c, 4, a);
        if (u == 0)
            return op == IR_DIV || op == IR_SDIV ? ir_const(c, 0) : w ? a : ir_zx(c, 4, a);
        if (op == IR_DIV || op == IR_MOD) {
            val q;
            if ((u & (u - 1)) == 0) {
                if (op == IR_MOD)
                    return ir_binary(c, IR_AND, w, a, ir_const(c, u - 1));
                return ir_binary(c, IR_SHR, w, a, ir_const(c, (unsigned)__builtin_ctzll(u)));
            }
            if (c->v[a].nz <= UINT32_MAX)
                q = u > UINT32_MAX ? ir_const(c, 0) : divide(c, 0, a, u);
            else
                q = divide(c, 1, a, u);
            if (op == IR_DIV)
                return q;
            return ir_binary(c, IR_SUB, w, a, ir_binary(c, IR_MUL, w, q, b));
        }
        safe = k != -1 && u != 0 && !(u == width_mask(w));
    }
    if (!w && op <= IR_MOD) {
        a = ir_zx(c, 4, a);
        b = ir_zx(c, 4, b);
    }
    if (w && op <= IR_MOD && c->v[a].nz <= UINT32_MAX && c->v[b].nz <= UINT32_MAX)
        w = 0;
    if (c->v[a].op == IR_CONST && c->v[b].op == IR_CONST)
        return ir_binary(c, op, w, a, b);
    val v = ir_loose(c, op, w, a, b);
    c->v[v].imm = safe;
    c->v[v].nz = op <= IR_MOD ? possible(c, &c->v[v]) : width_mask(w);
    return unify(c, v);
}

// ---- comparisons

void ir_compare(struct jit *c, unsigned *cc, unsigned *w, val *a, val *b) {
    static const uint8_t swapped[16] = {
        [X86_E] = X86_E,   [X86_NE] = X86_NE, [X86_B] = X86_A, [X86_A] = X86_B,
        [X86_AE] = X86_BE, [X86_BE] = X86_AE, [X86_L] = X86_G, [X86_G] = X86_L,
        [X86_GE] = X86_LE, [X86_LE] = X86_GE};
    if (!*w) {
        *a = strip(c, *a);
        *b = strip(c, *b);
    }
    if (*cc == (IR_TEST | X86_NE)) { // jset
        if (c->v[*a].op == IR_CONST && c->v[*b].op != IR_CONST) {
            val t = *a;
            *a = *b;
            *b = t;
        }
        *a = ir_binary(c, IR_AND, *w, *a, *b);
        *b = ir_const(c, 0);
        *cc = X86_NE;
    }
    if (c->v[*a].op == IR_CONST && c->v[*b].op != IR_CONST) {
        val t = *a;
        *a = *b;
        *b = t;
        *cc = swapped[*cc];
    }
    bool is_signed = *cc >= X86_L;
    if (*w && c->v[*a].nz <= UINT32_MAX && c->v[*b].nz <= UINT32_MAX) {
        if (!is_signed) {
            *w = 0;
        } else if (!((c->v[*a].nz | c->v[*b].nz) >> 31)) {
            *w = 0;
        }
    }
    // x < 1 is x == 0, x >= 1 is x != 0, x > 0 too.
    if (c->v[*b].op == IR_CONST) {
        uint64_t k = (uint64_t)c->v[*b].imm & width_mask(*w);
        if ((*cc == X86_B || *cc == X86_AE) && k == 1) {
            *cc = *cc == X86_B ? X86_E : X86_NE;
            *b = ir_const(c, 0);
        } else if ((*cc == X86_A || *cc == X86_BE) && k == 0) {
            *cc = *cc == X86_A ? X86_NE : X86_E;
        } else if (!*w) {
            *b = ir_const(c, (uint64_t)(int64_t)(int32_t)k);
        }
    }
}

unsigned ir_operands(struct jit *c, val v, val **operands) {
    struct ir_value *x = &c->v[v];
    unsigned n = 0;
    if (x->op == IR_PHI || x->op == IR_CONST)
        return 0;
    if (x->op == IR_CALL) {
        for (unsigned i = 0; i < IR_ARGS; i++)
            if (c->phis[x->b + i])
                operands[n++] = &c->phis[x->b + i];
        if (x->a)
            operands[n++] = &x->a;
        return n;
    }
    if (x->a)
        operands[n++] = &x->a;
    if (x->b)
        operands[n++] = &x->b;
    if (x->c)
        operands[n++] = &x->c;
    if (x->d)
        operands[n++] = &x->d;
    return n;
}
