// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Positions: whose they are, who runs in them, and calls on them. A slice is free (owner 0) or
// owned by an account, which says what env runs in it.
//
// The positions of an env are a list, by slice_next and slice_before, and at most ENV_SLICES_MAX
// long: whoever makes the env runnable marks them all.
//
// A processor can be left to one env (sys_slice_whole): as long as nobody else has a position in
// its vector, the slices of that env there do not end, and there is no timer interrupt. The request
// stands until the env withdraws it or has no position there any more; it is in effect or not by
// who else has one.

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/revoke.h"
#include "kernel/aegis/sched_priv.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

#define RELEASE_LOOK 4096 // rows, and
#define RELEASE_SOME 64   // slices that one step of sched_release_account takes

u32 *slice_before;

// --- whole ---------------------------------------------------------------------------------------

int whole_in_effect(const struct processor *p) {
    struct env *env = cpu_this()->context;
    return p->whole && !p->others && !p->whole->crews && env && env_outermost(env) == p->whole;
}

static void whole_end(struct processor *p) {
    p->whole->whole = 0;
    p->whole = 0;
    p->row->whole = 0;
    watch_end();
}

// It looks again whether its slice ends.
static void whole_look(const struct processor *p) {
    u32 cpu = processor_number(p);
    if (cpu == sal_cpu())
        sched_timer_update();
    else
        sal_ipi(cpu, SAL_INTERRUPT_RESCHEDULE);
}

// A position of a processor becomes (by 1) or is no longer (by -1) an env's.
static void whole_count(struct processor *p, const struct env *env, u32 by) {
    if (!p->whole)
        return;
    if (env != p->whole) {
        p->others += by;
        if (p->others < 2) // 0 or 1: it is in effect, or no longer
            whole_look(p);
    } else {
        p->own += by;
        if (!p->own) {
            whole_end(p);
            whole_look(p);
        }
    }
}

static void whole_begin(struct processor *p, struct env *env) {
    u32 base = processor_number(p) * ABI_SLICES;
    p->own = p->others = 0;
    for (u32 i = base; i < base + ABI_SLICES; i++)
        if (slice_rows[i].env == env->id)
            p->own++;
        else if (slice_rows[i].env)
            p->others++;
    p->whole = env;
    env->whole = processor_number(p) + 1;
    p->row->whole = env->id;
    watch_begin();
    whole_look(p);
}

i64 sys_slice_whole(u64 caps, u64 slice, env_id id, u64 on) {
    struct env *env;
    i64 error = cap_check_slices((u32)caps, slice, 1, CAP_RIGHT_CONTROL);
    if (!error)
        error = cap_check_env(caps >> 32, id, CAP_RIGHT_CONTROL, &env);
    if (error)
        return error;
    struct processor *p = sched_processor((u32)(slice / ABI_SLICES));
    if (on > 1 || slice_rows[slice].env != id)
        return -E_INVAL;
    if (on && p->whole != env && (p->whole || env->whole))
        return -E_BUSY;
    if (on && !p->whole)
        whole_begin(p, env);
    if (!on && p->whole == env) {
        whole_end(p);
        whole_look(p);
    }
    return on && !p->others;
}

// --- who runs in a position ----------------------------------------------------------------------

// Takes a position out of its env's list.
static void unlink(u32 slice, struct env *env) {
    u32 next = slice_next[slice], before = slice_before[slice];
    if (before)
        slice_next[before - 1] = next;
    else
        env->slices = next;
    if (next)
        slice_before[next - 1] = before;
    env->row->slices--;
    trace_env(env, TRACE_SLICE, slice, 0, 0, 0);
    slice_rows[slice].env = 0;
    position_mark(slice, 0);
    whole_count(sched_processor(slice / ABI_SLICES), env, -1u);
}

i64 sched_assign(u64 slice, struct env *env) {
    struct env *old = env_at(ABI_INDEX(slice_rows[slice].env));
    if (env && env->row->slices >= ENV_SLICES_MAX && old != env)
        return -E_LIMIT;
    if (slice_rows[slice].env)
        unlink((u32)slice, old);
    if (!env)
        return 0;
    slice_rows[slice].env = env->id;
    slice_next[slice] = env->slices;
    slice_before[slice] = 0;
    if (env->slices)
        slice_before[env->slices - 1] = (u32)slice + 1;
    env->slices = (u32)slice + 1;
    env->row->slices++;
    env->fast_entry = 0;
    trace_env(env, TRACE_SLICE, slice, 1, 0, 0);
    u32 state = env->row->state;
    position_mark((u32)slice, state_runs(state) || env->crews);
    whole_count(sched_processor((u32)(slice / ABI_SLICES)), env, 1);
    if (state == ENV_READY || state == ENV_CALLING || env->crews)
        positions_kick(env);
    return 0;
}

void sched_forget(struct env *env) {
    while (env->slices)
        unlink(env->slices - 1, env);
}

// --- whose a position is -------------------------------------------------------------------------

void sched_slice_own(u64 slice, account_id owner) {
    sched_assign(slice, 0);
    revoke_count_slice(slice_rows[slice].owner, owner);
    slice_rows[slice].owner = owner;
}

i64 sched_release_account(account_id id) {
    static u64 cursor;
    const struct abi_account *account = account_find(id);
    u64 count = sal_machine.cpus * (u64)ABI_SLICES;
    u32 done = 0;
    for (u32 i = 0; i < RELEASE_LOOK && done < RELEASE_SOME && account->slices; i++) {
        cursor = (cursor + 1) % count;
        if (slice_rows[cursor].owner == id) {
            sched_slice_own(cursor, 0);
            done++;
        }
    }
    return account->slices ? -E_AGAIN : 0;
}

// --- calls ---------------------------------------------------------------------------------------

i64 sys_slice_alloc(u64 caps, account_id id, u64 first, u64 count) {
    struct abi_account *account;
    i64 error = cap_check_kind((u32)caps, CAP_SLICES, 0);
    if (!error)
        error = cap_check_slices((u32)caps, first, count, CAP_RIGHT_ALLOC);
    if (!error)
        error = cap_check_account(caps >> 32, id, CAP_RIGHT_ALLOC, &account);
    if (error)
        return error;
    for (u64 i = 0; i < count; i++)
        if (slice_rows[first + i].owner)
            return -E_BUSY;
    for (u64 i = 0; i < count && i < SLICES_PER_PIECE; i++)
        sched_slice_own(first + i, id);
    return count > SLICES_PER_PIECE ? CALL_AGAIN : 0;
}

i64 sys_slice_free(u64 cap, u64 first, u64 count) {
    i64 error = cap_check_slices(cap, first, count, CAP_RIGHT_DESTROY);
    if (error)
        return error;
    for (u64 i = 0; i < count && i < SLICES_PER_PIECE; i++)
        sched_slice_own(first + i, 0);
    return count > SLICES_PER_PIECE ? CALL_AGAIN : 0;
}

i64 sys_slice_assign(u64 caps, u64 slice, env_id id) {
    struct env *env = 0;
    i64 error = cap_check_slices((u32)caps, slice, 1, CAP_RIGHT_CONTROL);
    if (!error && id)
        error = cap_check_env(caps >> 32, id, CAP_RIGHT_CONTROL, &env);
    return error ? error : sched_assign(slice, env);
}
