// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs: making, changing, stopping, destroying; upcalls that are not exceptions. See env.h.

#include "kernel/aegis/env.h"

#include "abi/calls.h"
#include "abi/pte.h"
#include "base/string.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/console.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

static struct object_table envs;
struct env **env_of; // by row
struct env **env_short;
static struct env env_none;
struct env *env_graves;

void env_init(u32 count) {
    object_table_init(&envs, ABI_TABLE_ENVS, sizeof(struct abi_env), count);
    u64 pages = (count * sizeof(void *) + ABI_PAGE - 1) >> ABI_PAGE_SHIFT;
    env_of = sal_frame(sal_boot_alloc(pages));
    env_short = sal_frame(sal_boot_alloc(pages));
    for (u64 i = 0; i < (pages << ABI_PAGE_SHIFT) / sizeof(void *); i++)
        env_short[i] = &env_none;
}

struct env *env_find(env_id id) {
    struct env *env = object_find(&envs, id) ? env_of[ABI_INDEX(id)] : 0;
    return env && env->id == id ? env : 0;
}

// --- setup ---------------------------------------------------------------------------------------

static i64 setup_check(const struct env_setup *setup) {
    const u64 addresses[] = {setup->rip,          setup->rsp,           setup->fs_base,
                             setup->upcall_entry, setup->foreign_entry, setup->call_entry,
                             setup->send_entry,   setup->call_stack};
    for (u32 i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (addresses[i] > ABI_USER_END)
            return -E_RANGE;
    if (setup->flags & ~(u64)(ENV_START | ENV_TELL_WATCH))
        return -E_INVAL;
    if (!setup->upcall_stack)
        return setup->upcall_pages ? -E_INVAL : 0;
    if (!setup->upcall_pages || setup->upcall_pages > ENV_UPCALL_PAGES)
        return -E_INVAL;
    return space_check_range(setup->upcall_stack, setup->upcall_pages);
}

// The frames of an upcall stack, as the space maps them. E_INVAL.
static i64 setup_frames(const struct abi_space *space, const struct env_setup *setup,
                        pfn_t *frames) {
    for (u64 i = 0; i < setup->upcall_pages; i++) {
        const u64 *entry = space_entry(space, setup->upcall_stack + (i << ABI_PAGE_SHIFT));
        if (!entry || (*entry & (ABI_PTE_P | ABI_PTE_W)) != (ABI_PTE_P | ABI_PTE_W))
            return -E_INVAL;
        frames[i] = ABI_PTE_FRAME(*entry);
        if (frame_row(frames[i])->kind != FRAME_USER ||
            frame_row(frames[i])->pins > FRAME_PINS_MAX) // all may be the same frame
            return -E_INVAL;
    }
    return 0;
}

static void env_unpin(struct env *env) {
    for (u32 i = 0; i < ENV_UPCALL_PAGES; i++) {
        if (!env->context.upcall_frames[i])
            continue;
        pfn_t pfn = sal_phys((void *)env->context.upcall_frames[i]) >> ABI_PAGE_SHIFT;
        struct abi_frame *row = frame_row(pfn);
        env->context.upcall_frames[i] = 0;
        if (--row->pins == 0 && !row->maps && row->flags & FRAME_AUTO)
            frame_give(pfn);
    }
    env->context.upcall_bytes = env->context.upcall_size = env->context.upcall_short = 0;
}

void env_update_short(struct env *env) {
    struct sal_context *context = &env->context;
    u32 what = env->watch.what;
    u64 size = env->traced & TRACED_POINTS ? 0 : context->upcall_bytes;
    __atomic_store_n(&context->upcall_size, size, __ATOMIC_RELAXED);
    __atomic_store_n(&context->upcall_short, what & WATCH_FAULTS ? 0 : size, __ATOMIC_RELAXED);
    __atomic_store_n(&context->foreign_short, what & WATCH_CALLS ? 0 : context->foreign_entry,
                     __ATOMIC_RELAXED);
}

void env_ask_stop(struct env *env, u8 what) {
    env->stop |= what;
    env_unplain(env);
    sched_poke(env);
}

int env_lose_stack(struct env *env, pfn_t pfn) {
    u32 i = 0, state = env->row->state;
    while (i < ENV_UPCALL_PAGES && env->context.upcall_frames[i] != (u64)sal_frame(pfn))
        i++;
    if (i == ENV_UPCALL_PAGES)
        return 1;
    if (state == ENV_RUNNING && env != sched_current()) { // it may be writing there just now
        env_ask_stop(env, ENV_STOP_STOPPED);
        return 0;
    }
    env_unpin(env);
    if (state == ENV_READY || env_sleeps(env)) {
        if (state == ENV_ACCEPTING)
            env_unaccept(env);
        sched_unready(env);
        env->row->state = ENV_STOPPED;
    }
    if (env->row->state == ENV_STOPPED) {
        env->row->stop_reason = ENV_STOP_TAKEN;
        trace_env(env, TRACE_STOP, ENV_STOP_TAKEN, 0, 0, 0);
    }
    return 1;
}

// Whether a page of its upcall stack is about to be taken.
static int env_stack_is_lost(const struct env *env) {
    for (u32 i = 0; i < ENV_UPCALL_PAGES; i++) {
        u64 at = env->context.upcall_frames[i];
        if (at && frame_row(sal_phys((void *)at) >> ABI_PAGE_SHIFT)->kind == FRAME_LOST)
            return 1;
    }
    return 0;
}

static void env_apply(struct env *env, const struct env_setup *setup, const pfn_t *frames) {
    struct sal_context *context = &env->context;
    for (u64 i = 0; i < setup->upcall_pages; i++) // before the old ones go: they may be the same
        frame_row(frames[i])->pins++;
    env_unpin(env);
    for (u64 i = 0; i < setup->upcall_pages; i++)
        context->upcall_frames[i] = (u64)sal_frame(frames[i]);
    context->upcall_low = setup->upcall_stack;
    context->upcall_bytes = setup->upcall_entry ? setup->upcall_pages << ABI_PAGE_SHIFT : 0;
    context->upcall_entry = setup->upcall_entry;
    context->foreign_entry = setup->foreign_entry;
    env->call_entry = setup->call_entry;
    env->send_entry = setup->send_entry;
    env->call_stack = setup->call_stack;
    env->watch.tell = (setup->flags & ENV_TELL_WATCH) != 0;
    env_update_short(env);
    env_update_fast(env);
}

void env_unaccept(struct env *env) {
    struct sal_context *context = &env->context;
    if (env->caller)
        return;
    context->full = 0;
    context->rip = env->accept.rip;
    context->rsp = env->accept.rsp;
    context->pkru = env->accept.pkru;
    context->rax = context->rdi = context->fs_base = 0;
}

void env_update_fast(struct env *env) {
    int may = env->row->state == ENV_ACCEPTING && !env->slow && !env->caller;
    env->fast_entry = may ? env->call_entry : 0;
}

// --- making and freeing --------------------------------------------------------------------------

static i64 env_frames(account_id account, pfn_t *kernel, pfn_t *vector) {
    i64 error = frame_take(account, FRAME_ENV, 0, 0, kernel);
    if (error)
        return error;
    error = frame_take(account, FRAME_ENV, 0, 0, vector);
    if (error)
        frame_give(*kernel);
    return error;
}

i64 env_make(account_id payer, struct abi_space *space, const struct env_setup *setup,
             struct env **made) {
    pfn_t frames[ENV_UPCALL_PAGES], kernel, vector;
    struct abi_account *account = account_find(payer);
    i64 error = setup_check(setup);
    if (!error)
        error = setup_frames(space, setup, frames);
    if (!error && account->envs >= account->env_quota)
        error = -E_FULL;
    if (!error)
        error = env_frames(payer, &kernel, &vector);
    if (error)
        return error;
    env_id id;
    error = object_take(&envs, &id);
    if (error) {
        frame_give(kernel);
        frame_give(vector);
        return error;
    }
    struct env *env = sal_frame(kernel);
    env->id = id;
    env->row = object_row(&envs, id);
    env_of[ABI_INDEX(id)] = env_short[ABI_INDEX(id)] = env;
    env->cr3 = space->root << ABI_PAGE_SHIFT;
    env->context.xsave = sal_frame(vector);
    spin_unwatch(env);
    env_apply(env, setup, frames);
    env->context.rip = setup->rip;
    env->context.rsp = setup->rsp;
    env->context.rdi = setup->arg;
    env->context.fs_base = setup->fs_base;
    env->row->account = payer;
    env->row->space = space->id;
    env->row->state = ENV_STOPPED;
    env->row->stop_reason = ENV_STOP_NEW;
    account->envs++;
    space->envs++;
    trace_env_made(env);
    *made = env;
    return 0;
}

void env_uncall(struct env *env) {
    struct env *callee = env->callee, *last = callee;
    while (last->callee)
        last = last->callee;
    if (last->row->state == ENV_RUNNING) {
        sched_charge(last);
        env_ask_stop(last, ENV_STOP_LEAVE);
    }
    callee->caller = 0;
    env->callee = 0;
    env_update_fast(callee);
}

void env_answer(struct env *caller, i64 result) {
    env_unplain(caller);
    caller->context.full = 0;
    caller->context.rax = (u64)result;
    caller->context.rdi = caller->context.fs_base = 0;
    sched_ready(caller);
}

// Ends the calls that an env takes part in.
static void env_break_calls(struct env *env) {
    struct env *caller = env->caller;
    if (env->callee)
        env_uncall(env);
    if (caller) {
        caller->callee = 0;
        env->caller = 0;
        env_answer(caller, -E_DEAD);
    }
}

// Nothing of it is left but its name and frames.
static void env_bury(struct env *env) {
    env_id id = env->row->id;
    account_find(env->row->account)->envs--;
    pfn_t vector = sal_phys(env->context.xsave) >> ABI_PAGE_SHIFT;
    env_of[ABI_INDEX(id)] = 0;
    env_short[ABI_INDEX(id)] = &env_none;
    object_release(&envs, id);
    if (env->context.xsave_used)
        frame_give(vector);
    else
        frame_give_zero(vector);
    memset(env, 0, __builtin_offsetof(struct env, caps)); // its capabilities are zero already
    frame_give_zero(sal_phys(env) >> ABI_PAGE_SHIFT);
}

void env_reap(void) {
    struct env *env = env_graves;
    if (!cap_clear_some(env))
        return;
    env_graves = env->next_grave;
    env_bury(env);
}

void env_free(struct env *env) {
    const struct env *by = sched_current();
    trace_env(env, TRACE_DEATH, by ? by->id : 0, 0, 0, 0);
    trace_env_dies(env);
    env->row->state = ENV_DYING;
    console_forget(env);
    sched_payer_gone(env);
    spin_env_dies(env);
    spin_unwatch(env);
    env_break_calls(env);
    sched_unready(env);
    sched_forget(env);
    env_unpin(env);
    space_find(env->row->space)->envs--;
    env->row->space = 0;
    env->id |= ENV_DEAD; // nobody finds it any more
    if (cap_clear_some(env)) {
        env_bury(env);
        return;
    }
    env->next_grave = env_graves;
    env_graves = env;
}

// --- upcalls -------------------------------------------------------------------------------------

static struct env_uarea *env_uarea(const struct env *env) {
    return (struct env_uarea *)env->context.upcall_frames[0];
}

// Room for a frame on the upcall stack; its user address, or 0. As entry.S does it.
static u64 upcall_frame_take(const struct sal_context *context, u64 rsp,
                             struct upcall_frame **frame) {
    i64 offset = (i64)(rsp - context->upcall_low);
    offset = (u64)offset > context->upcall_bytes ? (i64)context->upcall_bytes : offset - 128;
    offset = (offset - (i64)sizeof(struct upcall_frame)) & -128;
    if (offset <= 0)
        return 0;
    *frame = (struct upcall_frame *)(context->upcall_frames[offset >> ABI_PAGE_SHIFT] +
                                     ((u64)offset & (ABI_PAGE - 1)));
    return context->upcall_low + (u64)offset;
}

// An env that goes on after a call that switched has its registers in the context; others in regs.
static void context_regs(const struct sal_context *context, struct sal_regs *regs) {
    *regs = (struct sal_regs){.rax = context->rax,
                              .rdi = context->rdi,
                              .rip = context->rip,
                              .cs = SAL_USER_CS,
                              .rflags = SAL_RFLAGS_CLEAN,
                              .rsp = context->rsp,
                              .ss = SAL_USER_SS};
}

int upcall_deliver(struct env *env, struct sal_regs *regs, enum upcall_vector vector) {
    struct sal_context *context = &env->context;
    struct sal_regs switched;
    struct upcall_frame *frame;
    if (!context->upcall_bytes)
        return 0;
    int in_context = !regs && !context->full;
    if (in_context)
        context_regs(context, &switched);
    struct sal_regs *at = regs ? regs : in_context ? &switched : &context->regs;
    u64 address = upcall_frame_take(context, at->rsp, &frame);
    struct env_uarea *uarea = env_uarea(env);
    // Without the second, who is notified faster than its entry masks upcalls would run out of
    // stack.
    if (uarea->masked || address < context->upcall_low + context->upcall_bytes / 2) {
        uarea->pending |= vector == UPCALL_NOTIFY ? ENV_PENDING_NOTIFY : ENV_PENDING_SLICE_END;
        trace_env(env, TRACE_MASKED, vector, 0, 0, 0);
        return 1;
    }
    *frame = (struct upcall_frame){.vector = vector,
                                   .error = vector == UPCALL_NOTIFY ? env->reasons : 0,
                                   .rax = at->rax,
                                   .rcx = at->rcx,
                                   .rdx = at->rdx,
                                   .rdi = at->rdi,
                                   .r11 = at->r11,
                                   .rip = at->rip,
                                   .cs = at->cs,
                                   .rflags = at->rflags,
                                   .rsp = at->rsp,
                                   .ss = at->ss};
    trace_env(env, TRACE_UPCALL, vector, at->rip, frame->error, 0);
    if (vector == UPCALL_NOTIFY)
        env->reasons = 0;
    at->rax = vector;
    at->rdi = address;
    at->rcx = at->rdx = at->r11 = 0;
    at->rip = context->upcall_entry;
    at->rsp = address;
    at->rflags = SAL_RFLAGS_CLEAN;
    if (in_context) {
        context->rax = vector;
        context->rdi = address;
        context->rip = at->rip;
        context->rsp = at->rsp;
    }
    env->row->upcalls++;
    return 1;
}

// As entry.S does it, for an env that is traced. Returns 0 if there is no room.
static int upcall_exception(struct env *env, struct sal_regs *regs, u64 address) {
    struct sal_context *context = &env->context;
    int foreign = regs->vector == UPCALL_SYSCALL;
    struct upcall_frame *frame;
    u64 at = context->upcall_bytes ? upcall_frame_take(context, regs->rsp, &frame) : 0;
    if (!at)
        return 0;
    trace_env(env, foreign ? TRACE_FOREIGN : TRACE_EXCEPTION, foreign ? regs->rax : regs->vector,
              regs->rip, foreign ? regs->rdi : address, foreign ? regs->rsi : regs->error);
    frame->vector = regs->vector;
    frame->error = regs->error;
    frame->address = address;
    frame->rax = regs->rax;
    frame->rcx = regs->rcx;
    frame->rdx = regs->rdx;
    frame->rdi = regs->rdi;
    frame->r11 = regs->r11;
    frame->rip = regs->rip;
    frame->cs = regs->cs;
    frame->rflags = regs->rflags;
    frame->rsp = regs->rsp;
    frame->ss = regs->ss;
    regs->rip = foreign ? context->foreign_entry : context->upcall_entry;
    regs->rsp = at;
    regs->rflags = SAL_RFLAGS_CLEAN;
    regs->rcx = regs->r11 = 0;
    if (foreign)
        return 1;
    regs->rax = regs->vector;
    regs->rdi = at;
    regs->rdx = 0;
    return 1;
}

// An exception or foreign call that entry.S could not deliver: the env stops where it is, unless
// it is only traced.
void upcall_refused(struct sal_regs *regs, u64 address);
void upcall_refused(struct sal_regs *regs, u64 address) {
    kernel_lock();
    struct env *env = sched_current();
    address = regs->vector == UPCALL_PF ? address : 0;
    if (env->traced && upcall_exception(env, regs, address)) {
        kernel_unlock();
        return;
    }
    sal_context_save_full(&env->context, regs);
    env_unplain(env);
    env->row->stop_reason = env->context.upcall_bytes ? ENV_STOP_STACK : ENV_STOP_EXCEPTION;
    env->row->stop_vector = (u32)regs->vector;
    env->row->stop_rip = regs->rip;
    env->row->stop_address = address;
    env->row->state = ENV_STOPPED;
    trace_env(env, TRACE_STOP, env->row->stop_reason, regs->vector, regs->rip, address);
    sched_unready(env);
    sched_next();
}

// --- calls ---------------------------------------------------------------------------------------

static i64 setup_read(u64 va, struct env_setup *setup) {
    if (va & 7)
        return -E_ALIGN;
    return space_copy_in(setup, va, sizeof *setup);
}

i64 sys_env_create(u64 caps, account_id payer, space_id in, u64 setup_va, u64 slice) {
    struct abi_account *account;
    struct abi_space *space;
    struct env_setup setup;
    struct env *env, *creator = sched_current();
    env_reap_some(); // who makes envs helps to end others
    i64 error = cap_check_account((u32)caps, payer, CAP_RIGHT_ALLOC, &account);
    if (!error)
        error = cap_check_space(caps >> 32, in, CAP_RIGHT_MAP, &space);
    if (!error)
        error = setup_read(setup_va, &setup);
    if (!error && slice != ABI_ANY)
        error = cap_check_slices((u32)caps, slice, 1, CAP_RIGHT_CONTROL);
    if (!error && slice != ABI_ANY && sched_slices()[slice].env)
        error = -E_BUSY;
    if (!error)
        error = env_make(payer, space, &setup, &env);
    if (error)
        return error;
    error = spin_watch_too(env, creator);
    if (error) {
        env_free(env);
        return error;
    }
    // It gets no more than its creator presented, and itself.
    u32 paying = (u32)caps, mapping = (u32)(caps >> 32);
    cap_ref parent = cap_ref_of(creator, paying);
    cap_fill(env, CAP_SLOT_ACCOUNT, CAP_ACCOUNT, payer, 0, creator->caps[paying].rights, parent);
    cap_fill(env, CAP_SLOT_SELF, CAP_ENV, env->id, 0, CAP_RIGHTS_ALL, parent);
    cap_fill(env, CAP_SLOT_SPACE, CAP_SPACE, in, 0, creator->caps[mapping].rights,
             cap_ref_of(creator, mapping));
    trace_env(env, TRACE_CREATE, creator->id, payer, in, 0);
    if (slice != ABI_ANY)
        sched_assign(slice, env);
    if (setup.flags & ENV_START)
        sched_ready(env);
    return (i64)env->id;
}

i64 sys_env_set(u64 cap, env_id id, u64 setup_va) {
    struct env *env;
    struct env_setup setup;
    pfn_t frames[ENV_UPCALL_PAGES];
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_CONTROL, &env);
    if (!error)
        error = setup_read(setup_va, &setup);
    if (!error)
        error = setup_check(&setup);
    if (!error)
        error = setup_frames(space_find(env->row->space), &setup, frames);
    if (!error && env->row->state == ENV_RUNNING && env != sched_current())
        error = -E_BUSY;
    if (error)
        return error;
    env_apply(env, &setup, frames);
    return 0;
}

i64 sys_env_start(u64 cap, env_id id) {
    struct env *env;
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_CONTROL, &env);
    if (error)
        return error;
    if (env->row->state != ENV_STOPPED || env_stack_is_lost(env))
        return -E_BUSY;
    env->row->stop_reason = ENV_STOP_NONE;
    env->stop = 0; // asked for while it ran; it has stopped since
    sched_ready(env);
    return 0;
}

// Keeps where the running env goes on after a call that gives up the processor.
void env_save_switched(struct env *env, i64 result) {
    env->context.full = 0;
    env->context.rip = sal_entry_rip();
    env->context.rsp = sal_entry_rsp();
    env->context.rax = (u64)result;
    env->context.rdi = 0;
    env->context.fs_base = 0;
    sal_pkru_save(&env->context);
}

i64 sys_env_stop(u64 cap, env_id id) {
    struct env *env;
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_CONTROL, &env);
    if (error)
        return error;
    switch (env->row->state) {
    case ENV_STOPPED:
        return 0;
    case ENV_CALLING:
    case ENV_DYING:
        return -E_BUSY;
    case ENV_RUNNING:
        if (env != sched_current()) {
            env_ask_stop(env, ENV_STOP_STOPPED);
            return -E_AGAIN;
        }
        env_save_switched(env, 0);
        env->row->stop_reason = ENV_STOP_REQUEST;
        env->row->state = ENV_STOPPED;
        trace_env(env, TRACE_STOP, ENV_STOP_REQUEST, 0, 0, 0);
        sched_unready(env);
        sched_next();
    default:
        if (env->row->state == ENV_ACCEPTING)
            env_unaccept(env);
        sched_unready(env);
        env->row->stop_reason = ENV_STOP_REQUEST;
        env->row->state = ENV_STOPPED;
        trace_env(env, TRACE_STOP, ENV_STOP_REQUEST, 0, 0, 0);
        return 0;
    }
}

i64 sys_env_destroy(u64 cap, env_id id) {
    struct env *env;
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_DESTROY, &env);
    if (error)
        return error;
    if (env == sched_current())
        sched_end();
    if (env->row->state == ENV_RUNNING) {
        env_ask_stop(env, ENV_STOP_STOPPED);
        return -E_AGAIN;
    }
    if (strand_end_all(env))
        return -E_AGAIN;
    env_free(env);
    return 0;
}

static void env_wake(struct env *env, int notify) {
    const struct env *by = sched_current();
    trace_env(env, TRACE_WAKE, by ? by->id : 0, (u64)notify, 0, 0);
    __atomic_store_n(&env->row->wakes, env->row->wakes + 1, __ATOMIC_RELEASE);
    if (notify && env == sched_current()) {
        if (env->context.upcall_bytes)
            env_uarea(env)->pending |= ENV_PENDING_NOTIFY;
        return;
    }
    env->notify |= (u8)notify;
    if (notify)
        env_unplain(env);
    env_update_fast(env);
    if (env_sleeps(env)) {
        env->context.rax = 0;
        sched_ready(env);
    } else if (env->row->state == ENV_RUNNING && notify) {
        sched_poke(env);
    }
}

void env_tell(struct env *env, u32 reason) {
    env->reasons |= (u16)reason;
    env_wake(env, 1);
}

static i64 env_signal(u64 cap, env_id id, int notify) {
    struct env *env;
    i64 error = cap_quick_env(cap, id, CAP_RIGHT_WAKE, &env);
    if (error)
        return error;
    env_wake(env, notify);
    return 0;
}

i64 sys_env_wake(u64 cap, env_id id) {
    return env_signal(cap, id, 0);
}

i64 sys_env_notify(u64 cap, env_id id) {
    return env_signal(cap, id, 1);
}

i64 sys_env_sleep(u64 seen, u64 deadline) {
    struct env *env = sched_current();
    if (env->notify || env->row->wakes != seen || sal_tsc() >= deadline)
        return 0; // the interrupt that brings a notification is on its way
    env_save_switched(env, 0);
    env->row->state = ENV_SLEEPING;
    env->row->until = deadline;
    sched_unready(env);
    sched_sleep(&env->sleeper, deadline);
    sched_next();
}

void env_note_accept(struct env *env) {
    if (env->caller)
        return;
    env->accept.rip = env->context.rip;
    env->accept.rsp = env->context.rsp;
    env->accept.pkru = env->context.pkru;
}

i64 sys_env_accept(void) {
    struct env *env = sched_current();
    if (env->notify)
        return 0;
    env_save_switched(env, 0);
    env_note_accept(env);
    env->waits = 0;
    env->row->state = ENV_ACCEPTING;
    sched_unready(env);
    env_update_fast(env);
    sched_next();
}
