// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The number domain: see num.h. Every transfer function computes each component on its own and
// leaves it at "anything" where the operation may overflow it; num_sync does the rest.

#include "engine/verify/num.h"

#include "engine/alu.h"
#include "engine/verify/weaken.h"

const struct num num_any = {
    0, UINT64_MAX, 0, UINT64_MAX, INT64_MIN, INT64_MAX, 0, UINT32_MAX, INT32_MIN, INT32_MAX,
};

#define SIGN64 (UINT64_C(1) << 63)
#define LOW32  UINT64_C(0xffffffff)

#define RAISE(field, bound)                                                                        \
    do {                                                                                           \
        if ((bound) > (field))                                                                     \
            (field) = (bound);                                                                     \
    } while (0)
#define LOWER(field, bound)                                                                        \
    do {                                                                                           \
        if ((bound) < (field))                                                                     \
            (field) = (bound);                                                                     \
    } while (0)

// All ones from bit 0 up to the highest set bit of x.
static uint64_t fill_down(uint64_t x) {
    return x ? UINT64_MAX >> __builtin_clzll(x) : 0;
}

static void bounds_from_bits(struct num *n) {
    uint64_t low = n->value, high = n->value | n->mask;
    RAISE(n->umin, low);
    LOWER(n->umax, high);
    RAISE(n->smin, (int64_t)(low | (n->mask & SIGN64)));
    LOWER(n->smax, (int64_t)(high & ~(n->mask & SIGN64)));
    RAISE(n->wmin, (uint32_t)low);
    LOWER(n->wmax, (uint32_t)high);
    RAISE(n->imin, (int32_t)((uint32_t)low | ((uint32_t)n->mask & 0x80000000u)));
    LOWER(n->imax, (int32_t)((uint32_t)high & ~((uint32_t)n->mask & 0x80000000u)));
}

static void bounds_from_bounds(struct num *n) {
    // The unsigned interval does not cross the sign boundary: it is a signed interval, and back.
    if ((int64_t)n->umin <= (int64_t)n->umax) {
        RAISE(n->smin, (int64_t)n->umin);
        LOWER(n->smax, (int64_t)n->umax);
    }
    if ((uint64_t)n->smin <= (uint64_t)n->smax) {
        RAISE(n->umin, (uint64_t)n->smin);
        LOWER(n->umax, (uint64_t)n->smax);
    }
    // Both halves: low halves of an interval with constant upper half form an interval.
    if ((n->umin >> 32) == (n->umax >> 32)) {
        uint64_t upper = n->umin & ~LOW32;
        RAISE(n->wmin, (uint32_t)n->umin);
        LOWER(n->wmax, (uint32_t)n->umax);
        RAISE(n->umin, upper | n->wmin);
        LOWER(n->umax, upper | n->wmax);
    }
    if (n->smin >= INT32_MIN && n->smax <= INT32_MAX) {
        RAISE(n->imin, (int32_t)n->smin);
        LOWER(n->imax, (int32_t)n->smax);
        RAISE(n->smin, (int64_t)n->imin);
        LOWER(n->smax, (int64_t)n->imax);
    }
    if ((int32_t)n->wmin <= (int32_t)n->wmax) {
        RAISE(n->imin, (int32_t)n->wmin);
        LOWER(n->imax, (int32_t)n->wmax);
    }
    if ((uint32_t)n->imin <= (uint32_t)n->imax) {
        RAISE(n->wmin, (uint32_t)n->imin);
        LOWER(n->wmax, (uint32_t)n->imax);
    }
}

static bool nonempty(const struct num *n) {
    return n->umin <= n->umax && n->smin <= n->smax && n->wmin <= n->wmax && n->imin <= n->imax;
}

// Bits above the highest one in which the bounds differ are known.
static bool bits_from_bounds(struct num *n) {
    uint64_t unknown = fill_down(n->umin ^ n->umax), known = ~unknown & n->mask;
    if ((n->value ^ n->umin) & ~n->mask & ~unknown)
        return false;
    n->value |= n->umin & known;
    n->mask &= ~known;
    uint64_t low_unknown = fill_down(n->wmin ^ n->wmax) | ~LOW32;
    known = ~low_unknown & n->mask;
    if ((n->value ^ n->wmin) & ~n->mask & ~low_unknown)
        return false;
    n->value |= n->wmin & known;
    n->mask &= ~known;
    return true;
}

bool num_sync(struct num *n) {
    for (int round = 0; round < 2; round++) {
        bounds_from_bits(n);
        bounds_from_bounds(n);
        if (!nonempty(n) || !bits_from_bounds(n))
            return false;
    }
    bounds_from_bits(n);
    return nonempty(n);
}

// For results of operations, which are never empty: whatever precision could not be reconciled is
// given up.
static void settle(struct num *n) {
    if (!num_sync(n))
        *n = num_any;
}

void num_range(struct num *n, uint64_t umin, uint64_t umax) {
    *n = num_any;
    n->umin = umin;
    n->umax = umax;
    settle(n);
}

void num_range_signed(struct num *n, int64_t smin, int64_t smax) {
    *n = num_any;
    n->smin = smin;
    n->smax = smax;
    settle(n);
}

void num_join(struct num *a, const struct num *b) {
    a->mask |= b->mask | (a->value ^ b->value);
    a->value &= ~a->mask;
    LOWER(a->umin, b->umin);
    RAISE(a->umax, b->umax);
    LOWER(a->smin, b->smin);
    RAISE(a->smax, b->smax);
    LOWER(a->wmin, b->wmin);
    RAISE(a->wmax, b->wmax);
    LOWER(a->imin, b->imin);
    RAISE(a->imax, b->imax);
}

bool num_includes(const struct num *a, const struct num *b) {
    return a->umin <= b->umin && a->umax >= b->umax && a->smin <= b->smin && a->smax >= b->smax &&
           a->wmin <= b->wmin && a->wmax >= b->wmax && a->imin <= b->imin && a->imax >= b->imax &&
           ((a->value ^ b->value) & ~a->mask) == 0 && (b->mask & ~a->mask) == 0;
}

bool num_meet(struct num *a, const struct num *b) {
    if ((a->value ^ b->value) & ~a->mask & ~b->mask)
        return false;
    a->value |= b->value;
    a->mask &= b->mask;
    a->value &= ~a->mask;
    RAISE(a->umin, b->umin);
    LOWER(a->umax, b->umax);
    RAISE(a->smin, b->smin);
    LOWER(a->smax, b->smax);
    RAISE(a->wmin, b->wmin);
    LOWER(a->wmax, b->wmax);
    RAISE(a->imin, b->imin);
    LOWER(a->imax, b->imax);
    return num_sync(a);
}

// ---- Widening

void num_step(struct num_steps *steps, uint64_t threshold) {
    if (steps->count == NUM_STEPS)
        return;
    unsigned u = steps->count, i = steps->count++;
    for (; u && steps->u[u - 1] > threshold; u--)
        steps->u[u] = steps->u[u - 1];
    steps->u[u] = threshold;
    for (; i && steps->s[i - 1] > (int64_t)threshold; i--)
        steps->s[i] = steps->s[i - 1];
    steps->s[i] = (int64_t)threshold;
}

static uint64_t step_up(const struct num_steps *steps, uint64_t bound, uint64_t end) {
    for (unsigned i = 0; i < steps->count; i++)
        if (steps->u[i] >= bound)
            return steps->u[i] < end ? steps->u[i] : end;
    return end;
}

static uint64_t step_down(const struct num_steps *steps, uint64_t bound) {
    for (unsigned i = steps->count; i--;)
        if (steps->u[i] <= bound)
            return steps->u[i];
    return 0;
}

static int64_t step_up_signed(const struct num_steps *steps, int64_t bound, int64_t end) {
    for (unsigned i = 0; i < steps->count; i++)
        if (steps->s[i] >= bound)
            return steps->s[i] < end ? steps->s[i] : end;
    return end;
}

static int64_t step_down_signed(const struct num_steps *steps, int64_t bound, int64_t end) {
    for (unsigned i = steps->count; i--;)
        if (steps->s[i] <= bound)
            return steps->s[i] > end ? steps->s[i] : end;
    return end;
}

void num_widen(const struct num *a, struct num *j, const struct num_steps *given, bool hard) {
    static const struct num_steps none;
    const struct num_steps *steps = hard || !given ? &none : given;
    if (j->umax > a->umax)
        j->umax = step_up(steps, j->umax, UINT64_MAX);
    if (j->umin < a->umin)
        j->umin = step_down(steps, j->umin);
    if (j->smax > a->smax)
        j->smax = step_up_signed(steps, j->smax, INT64_MAX);
    if (j->smin < a->smin)
        j->smin = step_down_signed(steps, j->smin, INT64_MIN);
    if (j->wmax > a->wmax)
        j->wmax = (uint32_t)step_up(steps, j->wmax, UINT32_MAX);
    if (j->wmin < a->wmin)
        j->wmin = (uint32_t)step_down(steps, j->wmin);
    if (j->imax > a->imax)
        j->imax = (int32_t)step_up_signed(steps, j->imax, INT32_MAX);
    if (j->imin < a->imin)
        j->imin = (int32_t)step_down_signed(steps, j->imin, INT32_MIN);
    // Bits that became unknown take all higher ones along, so that only the alignment remains.
    if (j->mask != a->mask || j->value != a->value) {
        j->mask |= hard ? UINT64_MAX : j->mask ? ~UINT64_C(0) << __builtin_ctzll(j->mask) : 0;
        j->value &= ~j->mask;
    }
    settle(j);
}

// ---- Known bits

static void bits_add(struct num *r, const struct num *a, const struct num *b) {
    uint64_t masks = a->mask + b->mask, values = a->value + b->value, sigma = masks + values;
    uint64_t mu = (sigma ^ values) | a->mask | b->mask;
    r->value = values & ~mu;
    r->mask = mu;
}

static void bits_sub(struct num *r, const struct num *a, const struct num *b) {
    uint64_t dv = a->value - b->value, alpha = dv + a->mask, beta = dv - b->mask;
    uint64_t mu = (alpha ^ beta) | a->mask | b->mask;
    r->value = dv & ~mu;
    r->mask = mu;
}

static void bits_mul(struct num *r, const struct num *a, const struct num *b) {
    if (!a->mask && !b->mask) {
        r->value = a->value * b->value;
        r->mask = 0;
        return;
    }
    // Trailing zeros add up; the rest is left to the ranges.
    uint64_t ca = a->value | a->mask, cb = b->value | b->mask;
    unsigned zeros = ca && cb ? (unsigned)(__builtin_ctzll(ca) + __builtin_ctzll(cb)) : 64;
    r->value = 0;
    r->mask = zeros >= 64 ? 0 : ~UINT64_C(0) << zeros;
}

// ---- Arithmetic. `a` and `b` are the operands, r starts as num_any.

static void alu_add(struct num *r, const struct num *a, const struct num *b) {
    bits_add(r, a, b);
    uint64_t u, v;
    if (!__builtin_add_overflow(a->umax, b->umax, &v) || WEAK(NUM_ADD)) {
        u = a->umin + b->umin;
        r->umin = u, r->umax = v;
    }
    int64_t s, t;
    if (!__builtin_add_overflow(a->smin, b->smin, &s) &&
        !__builtin_add_overflow(a->smax, b->smax, &t))
        r->smin = s, r->smax = t;
    uint32_t w;
    if (!__builtin_add_overflow(a->wmax, b->wmax, &w))
        r->wmin = a->wmin + b->wmin, r->wmax = w;
    int32_t i, k;
    if (!__builtin_add_overflow(a->imin, b->imin, &i) &&
        !__builtin_add_overflow(a->imax, b->imax, &k))
        r->imin = i, r->imax = k;
}

static void alu_sub(struct num *r, const struct num *a, const struct num *b) {
    bits_sub(r, a, b);
    if (a->umin >= b->umax)
        r->umin = a->umin - b->umax, r->umax = a->umax - b->umin;
    else if (WEAK(NUM_SUB))
        r->umax = a->umax;
    int64_t s, t;
    if (!__builtin_sub_overflow(a->smin, b->smax, &s) &&
        !__builtin_sub_overflow(a->smax, b->smin, &t))
        r->smin = s, r->smax = t;
    if (a->wmin >= b->wmax)
        r->wmin = a->wmin - b->wmax, r->wmax = a->wmax - b->wmin;
    int32_t i, k;
    if (!__builtin_sub_overflow(a->imin, b->imax, &i) &&
        !__builtin_sub_overflow(a->imax, b->imin, &k))
        r->imin = i, r->imax = k;
}

static void alu_mul(struct num *r, const struct num *a, const struct num *b) {
    bits_mul(r, a, b);
    uint64_t u;
    if (!__builtin_mul_overflow(a->umax, b->umax, &u) || WEAK(NUM_MUL))
        r->umin = a->umin * b->umin, r->umax = u;
    uint32_t w;
    if (!__builtin_mul_overflow(a->wmax, b->wmax, &w))
        r->wmin = a->wmin * b->wmin, r->wmax = w;
    int64_t p[4];
    if (!__builtin_mul_overflow(a->smin, b->smin, &p[0]) &&
        !__builtin_mul_overflow(a->smin, b->smax, &p[1]) &&
        !__builtin_mul_overflow(a->smax, b->smin, &p[2]) &&
        !__builtin_mul_overflow(a->smax, b->smax, &p[3])) {
        r->smin = r->smax = p[0];
        for (int i = 1; i < 4; i++) {
            LOWER(r->smin, p[i]);
            RAISE(r->smax, p[i]);
        }
    }
}

// The result is bounded by what the operand's bits can be; only known bits are combined.
static void alu_bits(enum engine_alu op, struct num *r, const struct num *a, const struct num *b) {
    if (op == ENGINE_ALU_AND) {
        r->value = a->value & b->value;
        r->mask = (a->value | a->mask) & (b->value | b->mask) & ~r->value;
        r->umax = a->umax < b->umax ? a->umax : b->umax;
        r->wmax = a->wmax < b->wmax ? a->wmax : b->wmax;
        if (WEAK(NUM_AND))
            r->umax = a->umax / 2;
    } else if (op == ENGINE_ALU_OR) {
        r->value = a->value | b->value;
        r->mask = (a->mask | b->mask) & ~r->value;
        r->umin = a->umin > b->umin ? a->umin : b->umin;
        r->umax = fill_down(a->umax | b->umax);
        r->wmin = a->wmin > b->wmin ? a->wmin : b->wmin;
        r->wmax = (uint32_t)fill_down(a->wmax | b->wmax);
        if (WEAK(NUM_OR))
            r->umax = a->umax > b->umax ? a->umax : b->umax;
    } else {
        r->mask = a->mask | b->mask;
        r->value = (a->value ^ b->value) & ~r->mask;
        r->umax = fill_down(a->umax | b->umax);
        r->wmax = (uint32_t)fill_down(a->wmax | b->wmax);
    }
}

static void alu_shift_left(struct num *r, const struct num *a, unsigned k) {
    r->value = a->value << k;
    r->mask = a->mask << k;
    if (!k || a->umax >> (64 - k) == 0 || WEAK(NUM_LSH))
        r->umin = a->umin << k, r->umax = a->umax << k;
    if (!k || (k < 32 && a->wmax >> (32 - k) == 0))
        r->wmin = a->wmin << k, r->wmax = a->wmax << k;
}

static void alu_shift_right(struct num *r, const struct num *a, unsigned k) {
    r->value = a->value >> k;
    r->mask = a->mask >> k;
    r->umin = a->umin >> k;
    r->umax = a->umax >> k;
}

static void alu_shift_right_signed(struct num *r, const struct num *a, unsigned k) {
    r->value = (uint64_t)((int64_t)a->value >> k);
    r->mask = (uint64_t)((int64_t)a->mask >> k);
    r->value &= ~r->mask;
    r->smin = a->smin >> k;
    r->smax = a->smax >> k;
}

// Unknown amount: any of those between the bounds; the amount is already masked.
static void alu_shift_by_range(enum engine_alu op, struct num *r, const struct num *a,
                               const struct num *k) {
    unsigned least = (unsigned)k->umin, most = (unsigned)k->umax;
    if (op == ENGINE_ALU_RSH) {
        r->umin = a->umin >> most;
        r->umax = a->umax >> least;
    } else if (op == ENGINE_ALU_ARSH) {
        r->smin = a->smin >> (a->smin < 0 ? least : most);
        r->smax = a->smax >> (a->smax < 0 ? most : least);
    } else if (!most || a->umax >> (64 - most) == 0) {
        r->umin = a->umin << least;
        r->umax = a->umax << most;
    }
}

static void alu_divide(enum engine_alu op, struct num *r, const struct num *a,
                       const struct num *b) {
    bool by_zero = b->umin == 0; // gives 0, the remainder the dividend
    if (op == ENGINE_ALU_DIV) {
        r->umax = a->umax / (b->umin ? b->umin : 1);
        r->umin = by_zero ? 0 : a->umin / b->umax;
        if (WEAK(NUM_DIV))
            r->umin = a->umin / (b->umax ? b->umax : 1);
    } else {
        r->umin = 0;
        r->umax = a->umax;
        if (!by_zero || WEAK(NUM_MOD))
            LOWER(r->umax, b->umax - 1);
        if (!by_zero && a->umax < b->umin)
            *r = *a;
    }
}

static void alu_divide_signed(enum engine_alu op, struct num *r, const struct num *a,
                              const struct num *b) {
    if (num_is_const(b) && b->smin > 0) {
        int64_t d = b->smin;
        if (op == ENGINE_ALU_SDIV) {
            r->smin = a->smin / d;
            r->smax = a->smax / d;
        } else {
            r->smin = a->smin < 0 ? -(d - 1) : 0;
            r->smax = a->smax > 0 ? d - 1 : 0;
            if (a->smin >= 0)
                LOWER(r->smax, a->smax);
        }
    } else if (op == ENGINE_ALU_SMOD) {
        // The remainder has the sign of the dividend, and is no larger.
        r->smin = a->smin < 0 ? a->smin : 0;
        r->smax = a->smax > 0 ? a->smax : 0;
    }
}

// ---- Dispatch

void num_extend(struct num *n, unsigned bits, bool sign) {
    if (bits == 64)
        return;
    struct num r = num_any;
    unsigned shift = 64 - bits;
    if (sign) {
        r.value = (uint64_t)((int64_t)(n->value << shift) >> shift);
        r.mask = (uint64_t)((int64_t)(n->mask << shift) >> shift);
        r.value &= ~r.mask;
        int64_t end = (int64_t)1 << (bits - 1);
        r.smin = bits == 32 ? n->imin : -end;
        r.smax = bits == 32 ? n->imax : end - 1;
        if (n->smin >= -end && n->smax < end)
            r.smin = n->smin, r.smax = n->smax;
    } else {
        uint64_t end = UINT64_MAX >> shift;
        r.value = n->value & end;
        r.mask = n->mask & end;
        if (bits == 32) {
            r.umin = n->wmin, r.umax = n->wmax;
            r.imin = n->imin, r.imax = n->imax;
        }
        if (n->umax <= end)
            r.umin = n->umin, r.umax = n->umax;
    }
    settle(&r);
    *n = r;
}

static void alu64(enum engine_alu op, struct num *dst, const struct num *src) {
    if (num_is_const(dst) && num_is_const(src)) {
        num_set(dst, engine_alu64(op, dst->value, src->value));
        return;
    }
    struct num r = num_any, k;
    switch (op) {
    case ENGINE_ALU_ADD:
        alu_add(&r, dst, src);
        break;
    case ENGINE_ALU_SUB:
        alu_sub(&r, dst, src);
        break;
    case ENGINE_ALU_MUL:
        alu_mul(&r, dst, src);
        break;
    case ENGINE_ALU_AND:
    case ENGINE_ALU_OR:
    case ENGINE_ALU_XOR:
        alu_bits(op, &r, dst, src);
        break;
    case ENGINE_ALU_DIV:
    case ENGINE_ALU_MOD:
        alu_divide(op, &r, dst, src);
        break;
    case ENGINE_ALU_SDIV:
    case ENGINE_ALU_SMOD:
        alu_divide_signed(op, &r, dst, src);
        break;
    default:
        num_range(&k, 0, 63);
        if (src->umax <= 63)
            k = *src;
        if (num_is_const(src)) {
            unsigned amount = src->value & 63;
            if (op == ENGINE_ALU_LSH)
                alu_shift_left(&r, dst, amount);
            else if (op == ENGINE_ALU_RSH)
                alu_shift_right(&r, dst, amount);
            else
                alu_shift_right_signed(&r, dst, amount);
        } else
            alu_shift_by_range(op, &r, dst, &k);
    }
    settle(&r);
    *dst = r;
}

// 32 bits: the 64-bit operation on extended operands, and again on sign-extended ones where that
// tells more; both describe the low half of the result.
static void alu32(enum engine_alu op, struct num *dst, const struct num *src) {
    if (num_is_const(dst) && num_is_const(src)) {
        num_set(dst, engine_alu(op, 32, dst->value, src->value));
        return;
    }
    struct num a = *dst, b = *src;
    bool is_signed = op == ENGINE_ALU_ARSH || op == ENGINE_ALU_SDIV || op == ENGINE_ALU_SMOD;
    bool shift = op == ENGINE_ALU_LSH || op == ENGINE_ALU_RSH || op == ENGINE_ALU_ARSH;
    num_extend(&a, 32, is_signed);
    num_extend(&b, 32, is_signed && !shift);
    if (shift) {
        struct num limit;
        num_set(&limit, 31);
        if (num_is_const(&b) || b.umax > 31)
            alu64(ENGINE_ALU_AND, &b, &limit);
    }
    alu64(op, &a, &b);
    num_extend(&a, 32, false);
    if (op == ENGINE_ALU_ADD || op == ENGINE_ALU_SUB || op == ENGINE_ALU_MUL) {
        struct num c = *dst, d = *src;
        num_extend(&c, 32, true);
        num_extend(&d, 32, true);
        alu64(op, &c, &d);
        num_extend(&c, 32, false);
        (void)num_meet(&a, &c);
        settle(&a);
    }
    *dst = a;
}

void num_alu(enum engine_alu op, unsigned bits, struct num *dst, const struct num *src) {
    struct num zero;
    switch (op) {
    case ENGINE_ALU_MOV:
        *dst = *src;
        num_extend(dst, bits, false);
        return;
    case ENGINE_ALU_MOVSX8:
    case ENGINE_ALU_MOVSX16:
    case ENGINE_ALU_MOVSX32:
        *dst = *src;
        num_extend(dst, op == ENGINE_ALU_MOVSX8 ? 8 : op == ENGINE_ALU_MOVSX16 ? 16 : 32, true);
        num_extend(dst, bits, false);
        return;
    case ENGINE_ALU_NEG:
        num_set(&zero, 0);
        num_alu(ENGINE_ALU_SUB, bits, &zero, dst);
        *dst = zero;
        return;
    case ENGINE_ALU_TOLE:
        num_extend(dst, bits, false);
        return;
    case ENGINE_ALU_TOBE:
    case ENGINE_ALU_BSWAP: {
        struct num r = num_any;
        r.value = engine_alu_swap(op, bits, dst->value);
        r.mask = engine_alu_swap(op, bits, dst->mask);
        settle(&r);
        *dst = r;
        return;
    }
    default:
        break;
    }
    if (bits == 32)
        alu32(op, dst, src);
    else
        alu64(op, dst, src);
}

// ---- Conditions

static bool assume_less(struct num *a, struct num *b, bool or_equal) {
    if (!or_equal) {
        if (b->umax == 0 || a->umin == UINT64_MAX)
            return false;
        LOWER(a->umax, b->umax - 1);
        RAISE(b->umin, a->umin + 1);
    } else {
        LOWER(a->umax, b->umax);
        RAISE(b->umin, a->umin);
    }
    return true;
}

static bool assume_less_signed(struct num *a, struct num *b, bool or_equal) {
    if (!or_equal) {
        if (b->smax == INT64_MIN || a->smin == INT64_MAX)
            return false;
        LOWER(a->smax, b->smax - 1);
        RAISE(b->smin, a->smin + 1);
    } else {
        LOWER(a->smax, b->smax);
        RAISE(b->smin, a->smin);
    }
    return true;
}

static bool assume_less32(struct num *a, struct num *b, bool or_equal) {
    if (!or_equal) {
        if (b->wmax == 0 || a->wmin == UINT32_MAX)
            return false;
        LOWER(a->wmax, b->wmax - 1);
        RAISE(b->wmin, a->wmin + 1);
    } else {
        LOWER(a->wmax, b->wmax);
        RAISE(b->wmin, a->wmin);
    }
    return true;
}

static bool assume_less32_signed(struct num *a, struct num *b, bool or_equal) {
    if (!or_equal) {
        if (b->imax == INT32_MIN || a->imin == INT32_MAX)
            return false;
        LOWER(a->imax, b->imax - 1);
        RAISE(b->imin, a->imin + 1);
    } else {
        LOWER(a->imax, b->imax);
        RAISE(b->imin, a->imin);
    }
    return true;
}

static bool assume_equal(unsigned bits, struct num *a, struct num *b) {
    if (bits == 64) {
        if (!num_meet(a, b))
            return false;
        *b = *a;
        return true;
    }
    // Low halves equal.
    if (((uint32_t)(a->value ^ b->value) & ~(uint32_t)a->mask & ~(uint32_t)b->mask))
        return false;
    uint64_t known_a = ~a->mask & LOW32, known_b = ~b->mask & LOW32;
    uint64_t value = ((a->value & known_a) | (b->value & known_b)) & LOW32;
    for (int i = 0; i < 2; i++) {
        struct num *n = i ? b : a;
        n->mask &= ~(known_a | known_b);
        n->value = (n->value & ~LOW32) | (value & ~n->mask);
    }
    RAISE(a->wmin, b->wmin);
    LOWER(a->wmax, b->wmax);
    RAISE(a->imin, b->imin);
    LOWER(a->imax, b->imax);
    b->wmin = a->wmin, b->wmax = a->wmax, b->imin = a->imin, b->imax = a->imax;
    return num_sync(a) && num_sync(b);
}

// a != c: only the ends of an interval can be cut.
static bool exclude(unsigned bits, struct num *a, const struct num *c) {
    if (bits == 64) {
        if (!num_is_const(c))
            return true;
        if (num_is_const(a))
            return a->value != c->value;
        a->umin += a->umin == c->value;
        a->umax -= a->umax == c->value;
        a->smin += a->smin == (int64_t)c->value;
        a->smax -= a->smax == (int64_t)c->value;
    } else {
        if ((uint32_t)c->mask)
            return true;
        uint32_t w = (uint32_t)c->value;
        if ((uint32_t)a->mask == 0)
            return (uint32_t)a->value != w;
        a->wmin += a->wmin == w;
        a->wmax -= a->wmax == w;
        a->imin += a->imin == (int32_t)w;
        a->imax -= a->imax == (int32_t)w;
    }
    return num_sync(a);
}

static bool assume_bits(unsigned bits, bool set, struct num *a, const struct num *b) {
    uint64_t width = bits == 64 ? UINT64_MAX : LOW32;
    if (set) { // some bit of b is set in a
        uint64_t possible = (b->value | b->mask) & (a->value | a->mask) & width;
        if (!possible)
            return false;
        if (!(possible & (possible - 1)) && !(b->mask & possible)) { // only one can be it
            a->value |= possible;
            a->mask &= ~possible;
        }
        return num_sync(a);
    }
    uint64_t clear = b->value & width; // known to be set in b, so clear in a
    if (a->value & clear)
        return false;
    a->mask &= ~clear;
    return num_sync(a);
}

bool num_assume(enum engine_cond cond, bool holds, unsigned bits, struct num *a, struct num *b) {
    bool ok = true, wide = bits == 64;
    if (WEAK(NUM_ASSUME) && cond == ENGINE_COND_JGT)
        holds = !holds;
    switch (cond) {
    case ENGINE_COND_JEQ:
    case ENGINE_COND_JNE:
        if ((cond == ENGINE_COND_JEQ) == holds)
            return assume_equal(bits, a, b);
        return exclude(bits, a, b) && exclude(bits, b, a);
    case ENGINE_COND_JSET:
        return assume_bits(bits, holds, a, b) && assume_bits(bits, holds, b, a);
    // a > b is b < a; not (a > b) is a <= b; and so on.
    case ENGINE_COND_JGT:
        ok = wide ? (holds ? assume_less(b, a, false) : assume_less(a, b, true))
                  : (holds ? assume_less32(b, a, false) : assume_less32(a, b, true));
        break;
    case ENGINE_COND_JGE:
        ok = wide ? (holds ? assume_less(b, a, true) : assume_less(a, b, false))
                  : (holds ? assume_less32(b, a, true) : assume_less32(a, b, false));
        break;
    case ENGINE_COND_JLT:
        ok = wide ? (holds ? assume_less(a, b, false) : assume_less(b, a, true))
                  : (holds ? assume_less32(a, b, false) : assume_less32(b, a, true));
        break;
    case ENGINE_COND_JLE:
        ok = wide ? (holds ? assume_less(a, b, true) : assume_less(b, a, false))
                  : (holds ? assume_less32(a, b, true) : assume_less32(b, a, false));
        break;
    case ENGINE_COND_JSGT:
        ok = wide ? (holds ? assume_less_signed(b, a, false) : assume_less_signed(a, b, true))
                  : (holds ? assume_less32_signed(b, a, false) : assume_less32_signed(a, b, true));
        break;
    case ENGINE_COND_JSGE:
        ok = wide ? (holds ? assume_less_signed(b, a, true) : assume_less_signed(a, b, false))
                  : (holds ? assume_less32_signed(b, a, true) : assume_less32_signed(a, b, false));
        break;
    case ENGINE_COND_JSLT:
        ok = wide ? (holds ? assume_less_signed(a, b, false) : assume_less_signed(b, a, true))
                  : (holds ? assume_less32_signed(a, b, false) : assume_less32_signed(b, a, true));
        break;
    case ENGINE_COND_JSLE:
        ok = wide ? (holds ? assume_less_signed(a, b, true) : assume_less_signed(b, a, false))
                  : (holds ? assume_less32_signed(a, b, true) : assume_less32_signed(b, a, false));
        break;
    }
    return ok && num_sync(a) && num_sync(b);
}
