// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
// SipHash-2-4 with a fixed key over whole words.

#include "bench/engine/kernel.h"

struct state {
    u64 a, b, c, d;
};

static inline void sip_round(struct state *s) {
    s->a += s->b;
    s->c += s->d;
    s->b = rotate64(s->b, 13) ^ s->a;
    s->d = rotate64(s->d, 16) ^ s->c;
    s->a = rotate64(s->a, 32);
    s->c += s->b;
    s->a += s->d;
    s->b = rotate64(s->b, 17) ^ s->c;
    s->d = rotate64(s->d, 21) ^ s->a;
    s->c = rotate64(s->c, 32);
}

u64 ENTRY(void *data, u64 len) {
    const u64 *p = data;
    u64 k0 = 0x0706050403020100, k1 = 0x0f0e0d0c0b0a0908;
    struct state s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                      k1 ^ 0x7465646279746573};
    for (u64 i = 0; i < len / 8; i++) {
        s.d ^= p[i];
        sip_round(&s);
        sip_round(&s);
        s.a ^= p[i];
    }
    s.d ^= len << 56;
    sip_round(&s);
    sip_round(&s);
    s.a ^= len << 56;
    s.c ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}
