// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Excess time. An env that was told that its slice is over (UPCALL_SLICE_END, or the word in its
// uarea) has a short time to leave. What it takes of that time while others wait is its excess: it
// stands in its row, and for each slice's length of it the env forfeits one slice.
//
// The slice's owner is charged, that is, the env whose position it is, although it may have given
// the rest to another, or called one: who lends time answers for it, and nobody can run up another
// env's debt.
//
// Interrupts count likewise: what an env's own (a deadline that wakes it, its console input) take
// of others' slices is excess of its (sched_charge_interrupt).
//
// An env that does not leave at all is preempted by force. What it overran by so, in its own slices
// and by itself, adds up in `overrun` until it once leaves by itself; beyond ENV_OVERRUN_MS it is
// destroyed.

#include "kernel/aegis/sched_priv.h"
#include "kernel/sal/sal.h"

static u64 overrun_most;

void excess_init(void) {
    overrun_most = sal_machine.tsc_hz / 1000 * ENV_OVERRUN_MS;
}

// Time since it was told, when slice_end was set to the end of the grace; at most so much: a
// hypervisor may not have run the processor meanwhile.
static u64 late(const struct processor *p, u64 now, u64 most) {
    u64 told = p->row->slice_end - grace_ticks, ticks = now > told ? now - told : 0;
    return ticks < most ? ticks : most;
}

void excess_charge(const struct processor *p, const struct env *next, u64 now) {
    struct env *payer = position_env(p);
    if (payer && next && next != payer)
        payer->row->excess += late(p, now, slice_ticks);
}

int excess_forced(const struct processor *p, struct env *env, u64 now) {
    int left = cpu_this()->grace == GRACE_LEFT;
    cpu_this()->grace = GRACE_OVER;
    u64 over = late(p, now, grace_ticks);
    if (env->caller || position_env(p) != env)
        return 0;
    if (left) { // but the slice came back to it
        env->row->overrun = 0;
        return 0;
    }
    env->row->overrun += over;
    return env->row->overrun > overrun_most;
}

void excess_pay(struct env *env) {
    env->row->excess -= slice_ticks;
    env->row->forfeited++;
}
