// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The number domain against arithmetic itself: abstract sets made of random concrete members; the
// result of every operation must contain the results of all members, and assuming a condition must
// keep the members that fulfil it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/alu.h"
#include "engine/verify/num.h"

enum { MEMBERS = 6, ROUNDS = 200000 };

static uint64_t seed = 1;
static unsigned passed, failed;

static uint64_t random64(void) {
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// Numbers near those where things change.
static uint64_t interesting(void) {
    static const uint64_t edges[] = {0,          1,
                                     7,          8,
                                     63,         64,
                                     255,        256,
                                     0x7fff,     0xffff,
                                     0x7fffffff, 0x80000000,
                                     0xffffffff, 0x100000000,
                                     INT64_MAX,  UINT64_C(1) << 63,
                                     UINT64_MAX, 0xffffffff80000000};
    uint64_t x = edges[random64() % (sizeof edges / sizeof edges[0])] + random64() % 5 - 2;
    switch (random64() % 4) {
    case 0:
        return random64() >> random64() % 64;
    case 1:
        return -(x >> random64() % 64);
    default:
        return x;
    }
}

static bool contains(const struct num *n, uint64_t x) {
    return ((x ^ n->value) & ~n->mask) == 0 && x >= n->umin && x <= n->umax &&
           (int64_t)x >= n->smin && (int64_t)x <= n->smax && (uint32_t)x >= n->wmin &&
           (uint32_t)x <= n->wmax && (int32_t)x >= n->imin && (int32_t)x <= n->imax;
}

static void make(struct num *n, uint64_t *members) {
    uint64_t base = interesting(), stride = random64() % 3 ? 1 + random64() % 8 : interesting();
    for (int i = 0; i < MEMBERS; i++)
        members[i] = random64() % 6 ? base + (uint64_t)i * stride : interesting();
    num_set(n, members[0]);
    int count = 1 + (int)(random64() % MEMBERS);
    for (int i = 1; i < MEMBERS; i++) {
        struct num one;
        if (i >= count) {
            members[i] = members[0];
            continue;
        }
        num_set(&one, members[i]);
        num_join(n, &one);
    }
    (void)num_sync(n);
}

static void check(bool ok, const char *what, int a, int b, uint64_t x, uint64_t y) {
    passed += ok;
    failed += !ok;
    if (!ok && failed < 10)
        printf("%s %d, %d bits: %#llx, %#llx\n", what, a, b, (unsigned long long)x,
               (unsigned long long)y);
}

static void check_alu(const struct num *a, const uint64_t *as, const struct num *b,
                      const uint64_t *bs) {
    for (int op = 0; op <= ENGINE_ALU_BSWAP; op++)
        for (unsigned bits = op >= ENGINE_ALU_TOLE ? 16 : 32; bits <= 64; bits *= 2) {
            struct num r = *a;
            bool ok = true;
            unsigned i, k = 0;
            num_alu((enum engine_alu)op, bits, &r, b);
            for (i = 0; ok && i < MEMBERS; i++)
                for (k = 0; ok && k < MEMBERS; k++)
                    ok = contains(&r, engine_alu((enum engine_alu)op, bits, as[i], bs[k]));
            check(ok, "alu", op, (int)bits, as[i ? i - 1 : 0], bs[k ? k - 1 : 0]);
        }
}

static void check_cond(const struct num *a, const uint64_t *as, const struct num *b,
                       const uint64_t *bs) {
    for (int cond = 0; cond <= ENGINE_COND_JSLE; cond++)
        for (unsigned bits = 32; bits <= 64; bits *= 2)
            for (int holds = 0; holds < 2; holds++) {
                struct num p = *a, q = *b;
                bool can = num_assume((enum engine_cond)cond, holds, bits, &p, &q);
                for (int i = 0; i < MEMBERS; i++)
                    for (int k = 0; k < MEMBERS; k++) {
                        if (engine_cond((enum engine_cond)cond, bits, as[i], bs[k]) != holds)
                            continue;
                        check(can && contains(&p, as[i]) && contains(&q, bs[k]), "cond", cond,
                              (int)bits, as[i], bs[k]);
                    }
            }
}

int main(void) {
    for (int round = 0; round < ROUNDS / 20; round++) {
        struct num a, b, joined, widened;
        uint64_t as[MEMBERS], bs[MEMBERS];
        make(&a, as);
        make(&b, bs);
        check_alu(&a, as, &b, bs);
        check_cond(&a, as, &b, bs);
        joined = a;
        num_join(&joined, &b);
        widened = joined;
        struct num_steps steps = {.count = 0};
        num_step(&steps, 100);
        num_step(&steps, (uint64_t)-100);
        num_widen(&a, &widened, &steps, round & 1);
        for (int i = 0; i < MEMBERS; i++) {
            check(contains(&joined, as[i]) && contains(&joined, bs[i]), "join", 0, 0, as[i], bs[i]);
            check(contains(&widened, as[i]) && contains(&widened, bs[i]), "widen", 0, 0, as[i],
                  bs[i]);
            for (unsigned bits = 8; bits <= 32; bits *= 2)
                for (int sign = 0; sign < 2; sign++) {
                    struct num e = a;
                    uint64_t x = as[i] << (64 - bits);
                    num_extend(&e, bits, sign);
                    check(contains(&e,
                                   sign ? (uint64_t)((int64_t)x >> (64 - bits)) : x >> (64 - bits)),
                          "extend", sign, (int)bits, as[i], 0);
                }
        }
        check(num_includes(&joined, &a) && num_includes(&joined, &b) && num_includes(&a, &a),
              "includes", 0, 0, as[0], bs[0]);
    }
    printf("verify-numbers: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
