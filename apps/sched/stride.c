// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See stride.h.

#include "apps/sched/stride.h"

#define STRIDE_ONE (1ul << 16)

static u64 pass_least(const struct stride *s) {
    u64 least = ~0ul;
    for (u32 i = 0; i < s->count; i++)
        if (s->client[i].pass < least)
            least = s->client[i].pass;
    return s->count ? least : 0;
}

u32 stride_add(struct stride *s, u64 tickets) {
    sched_lock(&s->lock);
    struct stride_client *c = &s->client[s->count];
    *c =
        (struct stride_client){.tickets = tickets, .pass = pass_least(s)}; // no credit for the past
    sched_unlock(&s->lock);
    return s->count++;
}

static u64 client_ran(const struct stride_client *c, u32 cpu) {
    u64 ran = sched_row(c->env[cpu])->ran;
    for (u32 i = 0; c->group && i < c->group->count; i++)
        ran += client_ran(&c->group->client[i], cpu);
    return ran;
}

// Charges what the client's env of that processor has used since the last look.
static void charge(struct stride_client *c, u32 cpu) {
    u64 ran = client_ran(c, cpu), used = ran - c->seen[cpu];
    c->seen[cpu] = ran;
    c->used += used;
    c->pass += used * STRIDE_ONE / c->tickets;
}

void stride_account(struct stride *s) {
    sched_lock(&s->lock);
    for (u32 i = 0; i < s->count; i++)
        for (u32 cpu = 0; cpu < SCHED_CPUS; cpu++)
            if (s->client[i].env[cpu])
                charge(&s->client[i], cpu);
    sched_unlock(&s->lock);
}

// A client that could not run keeps no credit: its pass follows the least of the others.
env_id stride_next(void *self, u32 cpu, u64 *until) {
    struct stride *s = self;
    struct stride_client *best = 0;
    sched_lock(&s->lock);
    if (s->ran[cpu])
        charge(s->ran[cpu], cpu);
    u64 least = pass_least(s);
    for (u32 i = 0; i < s->count; i++) {
        struct stride_client *c = &s->client[i];
        if (!c->env[cpu] || sched_row(c->env[cpu])->state != ENV_READY)
            continue;
        if (c->pass < least)
            c->pass = least;
        if (!best || c->pass < best->pass)
            best = c;
    }
    s->ran[cpu] = best;
    sched_unlock(&s->lock);
    *until = sched_now() + sched_slice();
    return best ? best->env[cpu] : 0;
}
