// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What is known of a 64-bit number: the reduced product of five abstractions, each an
// over-approximation of the same set of values.
//
//   value, mask   known bits: bit i of mask clear means that bit i equals bit i of value
//   umin..umax    as unsigned, smin..smax as signed 64-bit
//   wmin..wmax    low half as unsigned, imin..imax as signed 32-bit
//
// Invariant of every num that leaves num.c: no component is empty, value & mask == 0, and
// num_sync has carried facts from each component to the others. An empty set is said by a false
// result, never by a num.

#ifndef ENGINE_VERIFY_NUM_H
#define ENGINE_VERIFY_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/isa.h"

struct num {
    uint64_t value, mask;
    uint64_t umin, umax;
    int64_t smin, smax;
    uint32_t wmin, wmax;
    int32_t imin, imax;
};

extern const struct num num_any;

static inline bool num_is_const(const struct num *n) {
    return n->mask == 0;
}

static inline void num_set(struct num *n, uint64_t c) {
    n->value = c;
    n->mask = 0;
    n->umin = n->umax = c;
    n->smin = n->smax = (int64_t)c;
    n->wmin = n->wmax = (uint32_t)c;
    n->imin = n->imax = (int32_t)c;
}

// Numbers umin..umax.
void num_range(struct num *n, uint64_t umin, uint64_t umax);
void num_range_signed(struct num *n, int64_t smin, int64_t smax);

// Carries facts between the components; false if the set is empty.
bool num_sync(struct num *n);

// Least upper bound (a may be the result); test of inclusion: is every value of b in a?
void num_join(struct num *a, const struct num *b);
bool num_includes(const struct num *a, const struct num *b);
// Intersection into a; false if empty.
bool num_meet(struct num *a, const struct num *b);

// Thresholds: numbers at which growing bounds stop first; ascending, as unsigned and as signed.
enum { NUM_STEPS = 64 };
struct num_steps {
    uint64_t u[NUM_STEPS];
    int64_t s[NUM_STEPS];
    unsigned count;
};
void num_step(struct num_steps *steps, uint64_t threshold);
// a grew to joined (a join): bounds that moved go to the next threshold; from round `hard` on, to
// the ends.
void num_widen(const struct num *a, struct num *joined, const struct num_steps *steps, bool hard);

// dst = dst op src. bits is 32 or 64 (TOLE, TOBE, BSWAP: width of the swap).
void num_alu(enum engine_alu op, unsigned bits, struct num *dst, const struct num *src);

// Low `bits` bits, zero- or sign-extended to 64.
void num_extend(struct num *n, unsigned bits, bool sign);

// Assumes `a cond b` (or its negation) of the low 32 or all bits: refines both; false if it cannot
// be.
bool num_assume(enum engine_cond cond, bool holds, unsigned bits, struct num *a, struct num *b);

#endif
