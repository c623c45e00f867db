// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What runs. See sched.h.
//
// Each processor keeps a bit set of the positions whose env may run: READY or RUNNING, or CALLING,
// which runs the env that was called. Going round the vector is finding the next bit, and passing
// over those that run elsewhere.
//
// Each processor has a payer: the env whose position it is, or (sched_pay) another that was given
// the rest. Time is charged to it when somebody else is to pay, or the processor is given up;
// directed yields, calls and returns leave it alone, so they need not look at the clock.
//
// The short way of env_yield (x86_64/transfer.S) is taken while yield_slots of the processor is not
// 0: then no other processor idles or is one env's, who may have to be told; the running env was
// not told that its slice is over; and it has no overrun, which its leaving would end.

#include "kernel/aegis/sched.h"

#include "base/string.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/console.h"
#include "kernel/aegis/inside.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/revoke.h"
#include "kernel/aegis/sched_priv.h"
#include "kernel/aegis/space.h"
#include "kernel/aegis/trace.h"
#include "kernel/aegis/word.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"

#define WORDS SCHED_WORDS
// slice_us=N in the command line sets the length of a slice, within bounds.
#define SLICE_US     10000ul
#define SLICE_US_MIN 20ul
#define SLICE_US_MAX 1000000ul
#define GRACE_NS     200000ul

// What a position would run: its env or the one that this called, or (env null) strands of its env.
struct choice {
    struct env *env, *owner;
};

static struct processor processors[ABI_CPUS_MAX];
struct abi_slice *slice_rows;
u32 *slice_next;
u64 slice_ticks;
static u64 poll_ticks; // how often a processor that idles looks at predicates
u32 watch_count;
u64 grace_ticks;
u32 grace_apic; // grace_ticks in the timer's own ticks

static struct processor *here(void) {
    return &processors[sal_cpu()];
}

struct processor *sched_processor(u32 cpu) {
    return &processors[cpu];
}

const struct abi_slice *sched_slices(void) {
    return slice_rows;
}

static u32 *slice_links(u32 count) {
    return sal_frame(sal_boot_alloc((count * sizeof(u32) + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
}

void sched_init(void) {
    u32 count = sal_machine.cpus * ABI_SLICES;
    slice_rows = table_create(ABI_TABLE_SLICES, sizeof(struct abi_slice), count);
    slice_next = slice_links(count);
    slice_before = slice_links(count);
    struct abi_cpu *rows = table_create(ABI_TABLE_CPUS, sizeof(struct abi_cpu), sal_machine.cpus);
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++) {
        processors[cpu].row = &rows[cpu];
        cpu_get(cpu)->row = &rows[cpu];
        cpu_get(cpu)->timer = cpu_get(cpu)->sleeper = ~0ul;
        cpu_get(cpu)->slice_first = cpu * ABI_SLICES + 1;
        cpu_get(cpu)->slice_links = slice_next + cpu * ABI_SLICES;
        cpu_get(cpu)->runnable = processors[cpu].runnable;
        rows[cpu].apic = sal_cpu_apic(cpu);
    }
    u64 slice_us = sal_option("slice_us", SLICE_US);
    if (slice_us < SLICE_US_MIN || slice_us > SLICE_US_MAX)
        slice_us = SLICE_US;
    slice_ticks = sal_machine.tsc_hz / 1000 * slice_us / 1000;
    grace_ticks = sal_machine.tsc_hz / (1000000000ul / GRACE_NS);
    if (grace_ticks > slice_ticks / 4)
        grace_ticks = slice_ticks / 4;
    grace_apic = sal_timer_count(grace_ticks);
    poll_ticks = sal_machine.tsc_hz / (1000000u / PREDICATE_POLL_US);
    abi_info->slice_ns = slice_us * 1000;
    sched_sleep_init();
    excess_init();
}

// --- runnable positions --------------------------------------------------------------------------

void position_mark(u32 slice, int runnable) {
    struct processor *p = &processors[slice / ABI_SLICES];
    u64 *word = &p->runnable[slice % ABI_SLICES / 64], bit = 1ul << (slice % 64);
    if (!!(*word & bit) == runnable)
        return;
    *word ^= bit;
    p->row->runnable += runnable ? 1u : -1u;
}

// Its positions run it, or the env that it called.
int state_runs(u32 state) {
    return state == ENV_READY || state == ENV_RUNNING || state == ENV_CALLING;
}

static void positions_mark(const struct env *env, int runnable) {
    for (u32 link = env->slices; link; link = slice_next[link - 1])
        position_mark(link - 1, runnable);
}

// Wakes the processors that idle although a position of theirs could run env.
void positions_kick(const struct env *env) {
    for (; env; env = env->caller)
        for (u32 link = env->slices; link; link = slice_next[link - 1]) {
            u32 cpu = (link - 1) / ABI_SLICES;
            if (!cpu_get(cpu)->context && !cpu_get(cpu)->strand && cpu != sal_cpu())
                sal_ipi(cpu, SAL_INTERRUPT_RESCHEDULE);
        }
}

void sched_offer(struct env *env) {
    env->row->state = ENV_READY;
    u32 first = env->slices;
    if (env->caller || (first && (slice_next[first - 1] || (first - 1) / ABI_SLICES != sal_cpu())))
        positions_kick(env);
}

void sched_ready(struct env *env) {
    if (env->row->state == ENV_ACCEPTING)
        env_unaccept(env);
    sched_unsleep(&env->sleeper);
    word_leave(env);
    if (env->predicate.next)
        spin_predicate_drop(env);
    env->fast_entry = 0;
    env->row->state = ENV_READY;
    positions_mark(env, 1);
    positions_kick(env);
}

void sched_ready_here(struct env *env) {
    if (env->row->state == ENV_ACCEPTING)
        env_unaccept(env);
    sched_unsleep(&env->sleeper);
    word_leave(env);
    if (env->predicate.next)
        spin_predicate_drop(env);
    env->fast_entry = 0;
    env->row->state = ENV_READY;
    positions_mark(env, 1);
}

void sched_unready(struct env *env) {
    sched_unsleep(&env->sleeper);
    word_leave(env);
    if (env->predicate.next)
        spin_predicate_drop(env);
    sched_unready_waiting(env);
}

void sched_unready_waiting(struct env *env) {
    env->fast_entry = 0;
    positions_mark(env, env->crews != 0);
}

void sched_strands_ready(struct env *owner) {
    positions_mark(owner, 1);
    if (owner->whole) // its slices end again
        sal_ipi(owner->whole - 1, SAL_INTERRUPT_RESCHEDULE);
    sched_strands_offer(owner);
}

void sched_strands_offer(struct env *owner) {
    if (watch_count)
        positions_kick(owner);
}

void sched_strands_gone(struct env *owner) {
    positions_mark(owner, state_runs(owner->row->state));
}

void sched_count_shootdown(void) {
    here()->row->shootdowns++;
}

void sched_poke(struct env *env) {
    sal_ipi(env->row->cpu, SAL_INTERRUPT_RESCHEDULE);
}

// What a position would run now; an env and its strands take turns. Returns 0 if nothing.
static int position_choose(u32 slice, struct choice *choice) {
    struct env *owner = env_at(ABI_INDEX(slice_rows[slice].env)), *env = owner;
    while (env && env->row->state == ENV_CALLING)
        env = env->callee;
    if (env && env->row->state != ENV_READY)
        env = 0;
    int strands = owner && owner->crews && (!env || owner->crew_turn) && strand_any(owner);
    *choice = (struct choice){strands ? 0 : env, owner};
    return env || strands;
}

// Those between the current position and another that could run and owe time pay a slice each.
static void debts_pay(const struct processor *p, u32 end) {
    u32 base = processor_number(p) * ABI_SLICES;
    struct choice choice;
    for (u32 at = (p->position + 1) % ABI_SLICES; at != end; at = (at + 1) % ABI_SLICES) {
        if (p->runnable[at / 64] >> at % 64 & 1 && position_choose(base + at, &choice) &&
            excess_owes(choice.owner))
            excess_pay(choice.owner);
    }
}

// The next position after the current one that has something to run; the current one comes last.
// Who owes time is passed over as long as somebody else can run; with pay, that is a slice paid.
static int pick(const struct processor *p, int pay, u32 *position, struct choice *choice) {
    u32 base = processor_number(p) * ABI_SLICES, debtor = ABI_SLICES;
    struct choice debt;
    for (u32 i = 0; i <= WORDS; i++) {
        u32 w = (p->position / 64 + i) % WORDS;
        u64 bits = p->runnable[w];
        if (i == 0)
            bits &= ~0ul << (p->position % 64) << 1;
        if (i == WORDS)
            bits &= ~(~0ul << (p->position % 64) << 1);
        for (; bits; bits &= bits - 1) {
            *position = w * 64 + (u32)__builtin_ctzl(bits);
            if (!position_choose(base + *position, choice))
                continue;
            if (!excess_owes(choice->owner)) {
                if (debtor < ABI_SLICES && pay)
                    debts_pay(p, *position);
                return 1;
            }
            if (debtor == ABI_SLICES) {
                debtor = *position;
                debt = *choice;
            }
        }
    }
    *position = debtor;
    *choice = debt;
    return debtor < ABI_SLICES;
}

// --- switching -----------------------------------------------------------------------------------

// A root of 0 stands for the kernel's.
static void load_space(u64 cr3) {
    struct cpu *cpu = cpu_this();
    if (!cr3)
        cr3 = sal_kernel_root() << ABI_PAGE_SHIFT;
    if (cpu->loaded_root == cr3)
        return;
    cpu->loaded_root = cr3;
    sal_space_load(cr3 >> ABI_PAGE_SHIFT);
}

struct env *position_env(const struct processor *p) {
    return env_at(ABI_INDEX(slice_rows[processor_number(p) * ABI_SLICES + p->position].env));
}

static void set_timer(struct processor *p) {
    u64 at = sched_sleep_first();
    if (whole_in_effect(p)) {
        p->row->slice_end = ~0ul;
        cpu_this()->grace = 0;
    } else if (p->row->slice_end == ~0ul) {
        p->row->slice_end = sal_tsc() + slice_ticks;
    }
    if ((sched_current() || p->owner) && p->row->slice_end < at)
        at = p->row->slice_end;
    else if (!sched_current() && !p->owner && spin_predicates_wait() && at > sal_tsc() + poll_ticks)
        at = sal_tsc() + poll_ticks;
    if (at == cpu_this()->timer)
        return;
    cpu_this()->timer = at;
    sal_timer_set(at);
}

void sched_timer_update(void) {
    set_timer(here());
}

// Charges the time since the last charge.
static void charge(u64 now) {
    struct abi_env *payer = cpu_this()->payer;
    if (payer)
        payer->ran += now - cpu_this()->since;
    cpu_this()->since = now;
}

void sched_pay(struct env *env) {
    charge(sal_tsc());
    cpu_this()->payer = env_outermost(env)->row;
}

void sched_payer_gone(const struct env *env) {
    for (u32 i = 0; i < sal_machine.cpus; i++) {
        struct cpu *cpu = cpu_get(i);
        if (cpu->payer == env->row) {
            struct env *runs = cpu->context;
            cpu->payer = runs && runs != env ? runs->row : 0;
        }
    }
}

void sched_charge(struct env *env) {
    struct cpu *cpu = cpu_get(env->row->cpu);
    u64 now = sal_tsc();
    struct abi_env *payer = cpu->payer;
    if (now <= cpu->since || !payer)
        return;
    payer->ran += now - cpu->since;
    cpu->since = now;
}

// The running env leaves the processor.
static void leave(struct processor *p, u64 now) {
    struct env *env = sched_current();
    charge(now);
    if (env) {
        cpu_this()->vector_owner = env;
        env->row->exceptions = env->context.exceptions;
        trace_env(env, TRACE_LEAVE, env->row->state, 0, 0, 0);
    }
    cpu_this()->context = 0;
    p->owner = 0;
    cpu_this()->strand = 0;
}

// Sets what the short way of env_yield looks at first.
static void yield_update(const struct env *env) {
    int unusual = watch_count || cpu_this()->grace || env->row->overrun;
    cpu_this()->yield_slots = unusual ? 0 : CAP_SLOTS;
}

void watch_begin(void) {
    watch_count++;
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        cpu_get(cpu)->yield_slots = 0;
}

void sched_enter(struct env *env) {
    struct processor *p = here();
    u64 now = sal_tsc();
    leave(p, now);
    if (env->row->state == ENV_ACCEPTING) {
        sched_unsleep(&env->sleeper);
        word_leave(env);
        positions_mark(env, 1);
    }
    cpu_this()->context = env; // &env->context
    p->row->env = env->id;
    p->row->switches++;
    env->row->state = ENV_RUNNING;
    env->row->cpu = (u32)(p - processors);
    env->fast_entry = 0;
    env_update_plain(env);
    yield_update(env);
    load_space(env->cr3);
    trace_entry_update(env);
    trace_env(env, TRACE_ENTER, p->position, env->context.rip, env->context.rax, 0);
    if (env->notify || env->stop)
        sal_ipi((u32)(p - processors), SAL_INTERRUPT_RESCHEDULE);
}

__attribute__((noreturn)) static void run(struct processor *p, struct env *env) {
    const struct env *owner = sched_current() ? sched_current() : cpu_this()->vector_owner;
    if (env->notify && !env->inside) {
        env->notify = 0;
        upcall_deliver(env, 0, UPCALL_NOTIFY);
    }
    sched_enter(env);
    set_timer(p);
    if (env->inside) {
        if (owner != env)
            sal_vector_clear();
        env->context.full = 0;
        kernel_unlock();
        sal_resume_inside(&env->context);
    }
    if (env->context.full) {
        env->context.full = 0;
        sal_context_load_vector(&env->context);
        kernel_unlock();
        sal_resume_full(&env->context);
    }
    if (owner != env) {
        sal_vector_clear();
        sal_pkru_load(&env->context);
    }
    kernel_unlock();
    sal_resume_switched(&env->context);
}

__attribute__((noreturn)) static void run_strands(struct processor *p, struct env *owner) {
    p->owner = owner;
    p->row->env = owner->id;
    p->row->switches++;
    cpu_this()->vector_owner = 0; // it may run elsewhere, or die, meanwhile
    load_space(owner->cr3);
    set_timer(p);
    strand_run(owner);
}

__attribute__((noreturn)) static void run_choice(struct processor *p, const struct choice *choice) {
    choice->owner->crew_turn = choice->env != 0;
    cpu_this()->payer = (choice->env ? env_outermost(choice->env) : choice->owner)->row;
    cpu_this()->since = sal_tsc();
    if (choice->env)
        run(p, choice->env);
    run_strands(p, choice->owner);
}

void sched_strand_charge(void) {
    leave(here(), sal_tsc());
}

void sched_strand_left(struct env *owner) {
    struct processor *p = here();
    struct choice choice;
    sched_strand_charge();
    u32 slice = (u32)(p - processors) * ABI_SLICES + p->position;
    if (slice_rows[slice].env != owner->id || !position_choose(slice, &choice))
        sched_next();
    run_choice(p, &choice);
}

void sched_next(void) {
    struct processor *p = here();
    u64 left = sal_tsc();
    if (sched_current() && cpu_this()->grace != GRACE_OVER)
        sched_current()->row->overrun = 0; // it left by itself
    leave(p, left);
    cpu_this()->payer = 0;
    env_reap_some();
    for (;;) {
        u32 position;
        struct choice choice;
        spin_predicates();
        int found = pick(p, 1, &position, &choice);
        if (cpu_this()->grace)
            excess_charge(p, found ? choice.owner : 0, left);
        cpu_this()->grace = 0;
        if (found) {
            p->position = p->row->position = position;
            p->row->slice_end = sal_tsc() + slice_ticks;
            run_choice(p, &choice);
        }
        if (spin_reap(8)) {
            kernel_unlock();
            kernel_lock();
            continue;
        }
        load_space(0);
        p->row->env = 0;
        cpu_this()->vector_owner = 0; // it may run elsewhere, or die, meanwhile
        set_timer(p);
        u64 from = sal_tsc();
        watch_begin();
        kernel_unlock();
        sal_idle();
        kernel_lock();
        watch_end();
        p->row->idle += sal_tsc() - from;
    }
}

void sched_note_left(void) {
    if (cpu_this()->grace == GRACE_TOLD)
        cpu_this()->grace = GRACE_LEFT;
}

// Between two envs that nothing special is the matter with, only what must change does: the slice,
// and with it the timer, stays.
void sched_switch(struct env *env) {
    struct processor *p = here();
    struct cpu *cpu = cpu_this();
    struct env *self = cpu->context;
    sched_note_left();
    if (self->caller || (self->traced | env->traced) || env->notify || env->stop ||
        env->context.full || p->whole || sched_sleep_first() < cpu_this()->timer)
        run(p, env);
    self->row->overrun = 0;
    self->row->exceptions = self->context.exceptions;
    p->row->env = env->id;
    p->row->switches++;
    env->row->cpu = cpu->number;
    env->row->state = ENV_RUNNING;
    cpu->context = env;
    env_update_plain(env);
    yield_update(env);
    load_space(env->cr3);
    if (self != env) {
        sal_vector_clear();
        sal_pkru_load(&env->context);
    }
    kernel_unlock();
    sal_resume_switched(&env->context);
}

void sched_end(void) {
    struct processor *p = here();
    struct env *env = sched_current();
    leave(p, sal_tsc());
    load_space(0);
    cpu_this()->vector_owner = 0;
    if (strand_end_all(env)) { // the last of its strands to end frees it
        env->row->state = ENV_DYING;
        sched_unready(env);
        sched_next();
    }
    env_free(env);
    sched_next();
}

void aegis_cpu_run(u32 cpu) {
    kernel_lock();
    processors[cpu].row->online = 1;
    sched_next();
}

// --- interrupts ----------------------------------------------------------------------------------

void sched_charge_interrupt(struct env *owner, u64 *from) {
    u64 now = sal_tsc(), ticks = now - *from;
    *from = now;
    here()->row->interrupt_ticks += ticks;
    if (!owner)
        return;
    owner->row->interrupt_ticks += ticks;
    if (cpu_this()->payer == owner->row)
        return;
    cpu_this()->since += ticks; // not at the expense of who was interrupted, but of
    if (cpu_this()->payer)      // slices that the owner would get
        owner->row->excess += ticks;
}

static void next_here(void *unused) {
    (void)unused;
    sched_next();
}

// Forced: the env is saved whole and the next position runs.
__attribute__((noreturn)) static void force(struct env *env, const struct sal_regs *regs,
                                            enum env_state state) {
    if (env->inside && env->recall) {
        inside_abandon(env);
    } else if (env->inside) {
        env->context.full = 1;
        env->context.regs = *regs;
    } else {
        sal_context_save_full(&env->context, regs);
    }
    env_unplain(env);
    int on_its_stack = !(regs->cs & 3);
    env->row->state = state;
    if (state == ENV_READY)
        sched_offer(env);
    else
        sched_unready(env);
    if (on_its_stack) // which is its own again when the lock is given up
        sal_stack_switch(cpu_this()->kernel_stack_top, next_here, 0);
    sched_next();
}

// The env hears that its slice is over (unless it did by the short way, x86_64/interrupt.S), and
// gets a short time to leave. Then it goes by force; or on, if nobody else waits and the position
// is its own, or that of who called it: what it was given ends here.
static void slice_ended(struct processor *p, struct env *env, struct sal_regs *regs, u64 now) {
    u32 position;
    struct choice choice;
    struct env *outermost = env_outermost(env);
    env->row->exceptions = env->context.exceptions;
    if (!env->inside && !cpu_this()->grace && upcall_deliver(env, regs, UPCALL_SLICE_END)) {
        cpu_this()->grace = GRACE_TOLD;
        cpu_this()->yield_slots = 0;
        p->row->slice_end = now + grace_ticks;
        return;
    }
    spin_predicates();
    if (!pick(p, 0, &position, &choice) && position_env(p) == outermost) {
        charge(now);
        cpu_this()->grace = 0;
        yield_update(env);
        p->row->slice_end = now + slice_ticks;
        return;
    }
    env->row->forced++;
    trace_env(env, TRACE_FORCED, regs->rip, 0, 0, 0);
    if (cpu_this()->grace && excess_forced(p, env, now)) {
        revoke_tell(account_find(env->row->account), NOTIFY_OVERRUN);
        sched_end();
    }
    force(env, regs, ENV_READY);
}

void aegis_interrupt(enum sal_interrupt what) {
    if (what == SAL_INTERRUPT_SHOOTDOWN) {
        tlb_answer();
        return;
    }
    kernel_lock();
    struct processor *p = here();
    struct sal_regs *regs = cpu_this()->regs;
    struct env *env = sched_current();
    u64 now = sal_tsc(), from = now;
    p->row->interrupts++;
    if (what == SAL_INTERRUPT_CONSOLE)
        sched_charge_interrupt(console_interrupt(), &from);
    if (what == SAL_INTERRUPT_TIMER) {
        p->row->timers++;
        cpu_this()->timer = ~0ul;
        (void)spin_reap(8);
        from = sal_tsc();
    }
    sched_sleep_expire(now, &from);
    if (env) {
        trace_entry_update(env);
        if (env->recall)
            force(env, regs, ENV_READY);
        if (env->stop == ENV_STOP_LEAVE) {
            env->stop = 0;
            force(env, regs, ENV_READY);
        }
        if (env->stop) {
            env->stop = 0;
            env->row->stop_reason = ENV_STOP_REQUEST;
            trace_env(env, TRACE_STOP, ENV_STOP_REQUEST, 0, regs->rip, 0);
            force(env, regs, ENV_STOPPED);
        }
        if (env->notify && !env->inside) {
            env->notify = 0;
            upcall_deliver(env, regs, UPCALL_NOTIFY);
        }
        if (now >= p->row->slice_end)
            slice_ended(p, env, regs, now);
        set_timer(p);
    } else if (p->owner) {
        if (strand_interrupted(now >= p->row->slice_end))
            p->row->slice_end = now + grace_ticks; // it is in the midst of something short
        set_timer(p);
    }
    kernel_unlock();
}
