// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands: making, switching, blocking, ending. See strand.h.

#include "kernel/spin/strand.h"

#include "kernel/aegis/env.h"
#include "kernel/aegis/lock.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/strand.h"
#include "kernel/spin/strand_priv.h"

#define SPARES_MAX  4
#define END_COST    8  // pages whose freeing takes as long as ending a strand
#define END_AT_ONCE 24 // by an env's end

static struct object_table strands;
// Known to strand_import.S.
struct strand **strand_of; // by row; free ones are nobody's
u32 strand_rows;

static struct strand nobody;
static struct strand_crew *ending; // what has begun to, and is not yet

void strand_init(void) {
    u32 count = stack_init();
    strand_rows = count;
    object_table_init(&strands, ABI_TABLE_STRANDS, sizeof(struct abi_strand), count);
    u64 bytes = count * sizeof *strand_of;
    strand_of = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
    for (u32 i = 0; i < count; i++)
        strand_of[i] = &nobody;
}

struct strand *strand_find(const struct strand_crew *crew, strand_id id) {
    u32 index = ABI_INDEX(id);
    struct strand *strand = index < strand_rows ? strand_of[index] : &nobody;
    return strand->id == id && strand->crew == crew ? strand : 0;
}

static int in_extension(u64 rip) {
    return rip >= SAL_CODE && rip < SAL_CODE_END;
}

// --- the queue of a crew -------------------------------------------------------------------------

static void queue_put(struct strand_crew *crew, struct strand *strand) {
    strand->row->state = STRAND_READY;
    strand->next = 0;
    strand->previous = crew->last;
    if (crew->last)
        crew->last->next = strand;
    else
        crew->first = strand;
    crew->last = strand;
}

static void queue_remove(struct strand_crew *crew, struct strand *strand) {
    if (strand->previous)
        strand->previous->next = strand->next;
    else
        crew->first = strand->next;
    if (strand->next)
        strand->next->previous = strand->previous;
    else
        crew->last = strand->previous;
}

static struct strand *queue_pop(struct strand_crew *crew) {
    struct strand *strand = crew->first, *next = strand->next;
    crew->first = next;
    *(next ? &next->previous : &crew->last) = 0;
    return strand;
}

// At the owner's end of the line.
static void crew_queue(struct strand_crew *crew) {
    struct strand_crew **at = &crew->owner->crews;
    while (*at)
        at = &(*at)->runnable;
    *at = crew;
    crew->runnable = 0;
    crew->queued = 1;
}

static void make_ready(struct strand *strand) {
    struct strand_crew *crew = strand->crew;
    queue_put(crew, strand);
    if (!crew->queued) {
        crew_queue(crew);
        sched_strands_ready(crew->owner);
    } else {
        sched_strands_offer(crew->owner);
    }
}

int strand_any(struct env *owner) {
    struct strand_crew **at = &owner->crews;
    while (*at && !(*at)->first) {
        (*at)->queued = 0;
        *at = (*at)->runnable;
    }
    if (!*at)
        sched_strands_gone(owner);
    return *at != 0;
}

// Takes the strand that is to run next from the queue; null if there is none.
static struct strand *choose(struct strand_crew *crew) {
    struct strand *strand = crew->first;
    if (!strand || !crew->policy || !crew->policy->resume)
        return strand ? queue_pop(crew) : 0;
    strand_id id = crew->policy->resume(crew->policy_context);
    struct strand *wanted = strand_find(crew, id);
    if (wanted && wanted->row->state == STRAND_READY)
        strand = wanted;
    queue_remove(crew, strand);
    return strand;
}

// --- switching -----------------------------------------------------------------------------------

// The processor is the strand's from now on.
static void take(struct strand *strand) {
    struct cpu *cpu = cpu_this();
    struct abi_strand *row = strand->row;
    row->state = STRAND_RUNNING;
    row->cpu = cpu->number;
    row->runs++;
    cpu->strand = strand;
    stack_flush(strand);
    kernel_lock_goes_on();
}

static void drop(struct strand *strand);

// On the processor's stack: the crew has nothing to run.
__attribute__((noreturn)) static void crew_empty(void *argument) {
    struct strand_crew *crew = argument;
    crew->running--;
    sched_strand_left(crew->owner);
}

// On the processor's stack: a strand ended that nobody will join, or that must end.
__attribute__((noreturn)) static void strand_over(void *argument) {
    struct strand *strand = argument;
    struct strand_crew *crew = strand->crew;
    struct env *owner = crew->owner;
    crew->running--;
    drop(strand);
    if (!crew->dying)
        sched_strand_left(owner);
    sched_strand_charge();
    if (owner->row->state == ENV_DYING && !strand_end_all(owner))
        env_free(owner);
    sched_next();
}

// The running strand, whose state is set, gives the processor to the next of its crew.
static void switch_away(struct strand *self) {
    struct strand_crew *crew = self->crew;
    struct strand *next = choose(crew);
    if (next) {
        take(next);
        if (next != self)
            sal_strand_switch(&self->rsp, next->rsp);
        return;
    }
    sal_strand_leave(&self->rsp, crew_empty, crew);
}

// The same, to that one, which waits for nobody else and is in no queue.
static void switch_to(struct strand *self, struct strand *next) {
    take(next);
    sal_strand_switch(&self->rsp, next->rsp);
}

void strand_run(struct env *owner) {
    struct strand_crew *crew = owner->crews;
    owner->crews = crew->runnable;
    crew_queue(crew);
    crew->running++;
    struct strand *strand = choose(crew);
    take(strand);
    sal_strand_enter(strand->rsp);
}

void aegis_strand_resumed(void) {
    kernel_unlock();
}

int strand_interrupted(int slice_over) {
    struct strand *self = strand_current();
    struct strand_crew *crew = self->crew;
    struct sal_regs *regs = cpu_this()->strand_regs;
    if (!crew->dying && !slice_over)
        return 0;
    if (!(self->flags & STRAND_ANYWHERE) && !in_extension(regs->rip))
        return 1;
    if (crew->dying)
        strand_over(self);
    self->rsp = sal_strand_interrupted(regs);
    make_ready(self);
    if (crew->policy && crew->policy->checkpoint)
        crew->policy->checkpoint(crew->policy_context, self);
    crew->running--;
    sched_strand_charge();
    sched_next();
}

// A strand of a crew that is being ended goes no further.
static void check_dying(struct strand *self) {
    if (self->crew->dying)
        sal_strand_leave(&self->rsp, strand_over, self);
}

void strand_unblock(struct strand *strand) {
    struct strand_crew *crew = strand->crew;
    u32 state = strand->row->state;
    if (state != STRAND_BLOCKED && state != STRAND_SLEEPING) {
        strand->token = 1;
        return;
    }
    if (state == STRAND_SLEEPING)
        sched_unsleep(&strand->sleeper);
    make_ready(strand);
    if (crew->policy && crew->policy->unblocked)
        crew->policy->unblocked(crew->policy_context, strand);
}

struct env *strand_woken(struct sleeper *sleeper) {
    u64 offset = __builtin_offsetof(struct strand, sleeper);
    struct strand *strand = (struct strand *)((u8 *)sleeper - offset);
    strand->late = 1;
    strand_unblock(strand);
    return strand->crew->owner;
}

// Of a crew that is not being ended.
static inline i64 block(struct strand *self, u64 deadline) {
    struct strand_crew *crew = self->crew;
    if (self->token) {
        self->token = 0;
        return 0;
    }
    self->row->state = STRAND_BLOCKED;
    self->late = 0;
    if (deadline != ABI_ANY) {
        self->row->state = STRAND_SLEEPING;
        sched_sleep(&self->sleeper, deadline);
        sched_timer_update();
    }
    if (crew->policy && crew->policy->blocked)
        crew->policy->blocked(crew->policy_context, self);
    switch_away(self);
    return self->late ? -E_AGAIN : 0;
}

i64 strand_block(u64 deadline) {
    struct strand *self = strand_current();
    check_dying(self);
    return block(self, deadline);
}

i64 strand_pass(struct strand *to) {
    struct strand *self = strand_current();
    struct strand_crew *crew = self->crew;
    if (to->row->state != STRAND_BLOCKED || self->token || crew->policy || crew->dying) {
        strand_unblock(to);
        return strand_block(ABI_ANY);
    }
    self->row->state = STRAND_BLOCKED;
    self->late = 0;
    switch_to(self, to);
    return 0;
}

void strand_yield(void) {
    struct strand *self = strand_current();
    struct strand_crew *crew = self->crew;
    check_dying(self);
    make_ready(self);
    if (crew->policy && crew->policy->checkpoint)
        crew->policy->checkpoint(crew->policy_context, self);
    switch_away(self);
}

// --- beginning and end ---------------------------------------------------------------------------

__attribute__((noreturn)) static void strand_main(void *argument) {
    struct strand *self = argument;
    kernel_unlock();
    sal_interrupts_on();
    u64 result = self->function(self->argument);
    sal_interrupts_off();
    kernel_lock();
    strand_exit(result);
}

static void seat_take(struct strand *strand) {
    u64 *seats = strand->crew->seats;
    u32 w = 0;
    while (!~seats[w])
        w++;
    strand->seat = w * 64 + (u32)__builtin_ctzl(~seats[w]);
    seats[w] |= 1ul << strand->seat % 64;
}

// One more stack for the crew, with a row and a seat. E_NOMEM, E_FULL.
static i64 stack_add(struct strand_crew *crew, struct strand **made) {
    struct strand *strand;
    strand_id id;
    i64 error = stack_take(crew->owner->row->account, &strand);
    if (error)
        return error;
    error = object_take(&strands, &id);
    if (error) {
        stack_give(strand);
        return error;
    }
    strand_of[ABI_INDEX(id)] = strand;
    strand->id = strand->name = id;
    strand->row = object_row(&strands, id);
    strand->row->env = crew->owner->id;
    strand->crew = crew;
    strand->partner = strand;
    strand->sleeper.strand = 1;
    stack_flush(strand); // it is written to here
    strand->start = sal_strand_begin(stack_top(strand), strand_main, strand);
    strand->all_next = crew->all;
    if (crew->all)
        crew->all->all_previous = strand;
    crew->all = strand;
    seat_take(strand);
    *made = strand;
    return 0;
}

static void stack_remove(struct strand *strand) {
    struct strand_crew *crew = strand->crew;
    if (strand->all_previous)
        strand->all_previous->all_next = strand->all_next;
    else
        crew->all = strand->all_next;
    if (strand->all_next)
        strand->all_next->all_previous = strand->all_previous;
    for (struct strand *other = crew->dying ? 0 : crew->all; other; other = other->all_next)
        if (other->partner == strand)
            other->partner = other;
    crew->seats[strand->seat / 64] &= ~(1ul << strand->seat % 64);
    strand_of[ABI_INDEX(strand->name)] = &nobody;
    strands.uses[ABI_INDEX(strand->name)] = strand->name >> ABI_INDEX_BITS;
    object_release(&strands, strand->name);
    stack_give(strand);
}

static struct strand *spare_take(struct strand_crew *crew) {
    struct strand *strand = crew->spare;
    crew->spare = strand->next;
    crew->spares--;
    strand->id = strand->name += 1ul << ABI_INDEX_BITS;
    strand->row->id = strand->id;
    strand->row->runs = 0;
    return strand;
}

i64 strand_create(struct strand_crew *crew, strand_function *function, u64 argument, u32 flags,
                  struct strand **made) {
    struct strand *strand;
    if (crew->dying)
        return -E_DEAD;
    if (crew->count >= STRAND_CREW_MAX)
        return -E_LIMIT;
    if (crew->spare) {
        strand = spare_take(crew);
    } else {
        i64 error = stack_add(crew, &strand);
        if (error)
            return error;
    }
    crew->count++;
    crew->live++;
    strand->function = function;
    strand->argument = argument;
    strand->flags = (u16)flags;
    strand->token = 0;
    strand->joiner = strand->joining = 0;
    strand->rsp = strand->start;
    make_ready(strand);
    if (crew->policy && crew->policy->unblocked)
        crew->policy->unblocked(crew->policy_context, strand);
    *made = strand;
    return 0;
}

static void live_less(struct strand_crew *crew) {
    if (!--crew->live && crew->empty)
        crew->empty(crew);
}

// Of a strand that is not running, or that was just left: its name ends. The stack is still there,
// and in the crew's hands.
static void drop(struct strand *strand) {
    struct strand_crew *crew = strand->crew;
    u32 state = strand->row->state;
    if (state == STRAND_SLEEPING)
        sched_unsleep(&strand->sleeper);
    if (state == STRAND_READY)
        queue_remove(crew, strand);
    if (state != STRAND_DEAD && crew->dropped)
        crew->dropped(strand);
    if (strand->joining)
        strand->joining->joiner = 0;
    strand->row->state = STRAND_FREE;
    strand->id = strand->row->id = 0;
    crew->count--;
    if (state != STRAND_DEAD)
        live_less(crew);
    if (crew->spares == SPARES_MAX || crew->dying) {
        stack_remove(strand);
        return;
    }
    strand->next = crew->spare;
    crew->spare = strand;
    crew->spares++;
}

void strand_exit(u64 result) {
    struct strand *self = strand_current(), *joiner = self->joiner;
    check_dying(self);
    self->row->state = STRAND_DEAD;
    self->result = result;
    live_less(self->crew);
    if (self->crew->policy && self->crew->policy->blocked)
        self->crew->policy->blocked(self->crew->policy_context, self);
    if (joiner) {
        joiner->joining = 0;
        if (joiner->row->state == STRAND_BLOCKED && !self->crew->policy)
            switch_to(self, joiner); // who drops it
        strand_unblock(joiner);
    }
    if (self->flags & STRAND_DETACHED && self->crew->spares == SPARES_MAX)
        sal_strand_leave(&self->rsp, strand_over, self);
    if (self->flags & STRAND_DETACHED)
        drop(self); // the stack stays, and nobody takes it before it was left
    switch_away(self);
    __builtin_unreachable();
}

i64 strand_join(struct strand *strand, u64 *result) {
    struct strand *self = strand_current();
    int extra = 0;
    check_dying(self);
    if (strand == self || strand->flags & STRAND_DETACHED)
        return -E_INVAL;
    if (strand->joiner)
        return -E_BUSY;
    if (strand->row->state != STRAND_DEAD) {
        strand->joiner = self;
        self->joining = strand;
        block(self, ABI_ANY);
        for (; self->joining; extra = 1) // that was for somebody else: keep it
            strand_block(ABI_ANY);
        self->token |= (u8)extra;
    }
    *result = strand->result;
    drop(strand);
    return 0;
}

// --- crews ---------------------------------------------------------------------------------------

void strand_crew_init(struct strand_crew *crew, struct env *owner) {
    *crew = (struct strand_crew){.owner = owner, .next = owner->all_crews};
    owner->all_crews = crew;
}

void strand_crew_schedule(struct strand_crew *crew, const struct strand_policy *policy,
                          void *context) {
    crew->policy = policy;
    crew->policy_context = context;
    crew->scheduled = policy != 0;
}

static void crew_forget(struct strand_crew *crew) {
    struct env *owner = crew->owner;
    struct strand_crew **at = &owner->all_crews;
    while (*at != crew)
        at = &(*at)->next;
    *at = crew->next;
    if (!crew->queued)
        return;
    for (at = &owner->crews; *at != crew;)
        at = &(*at)->runnable;
    *at = crew->runnable;
    if (!owner->crews)
        sched_strands_gone(owner);
}

void strand_crew_move(struct strand_crew *from, struct strand_crew *to) {
    struct strand_crew **at;
    *to = *from;
    for (struct strand *strand = to->all; strand; strand = strand->all_next)
        strand->crew = to;
    for (at = &to->owner->all_crews; *at != from;)
        at = &(*at)->next;
    *at = to;
    for (at = &to->owner->crews; *at && *at != from;)
        at = &(*at)->runnable;
    if (*at)
        *at = to;
    *from = (struct strand_crew){0};
}

static void ending_add(struct strand_crew *crew) {
    crew->ending = ending;
    ending = crew;
    spin_work = 1;
}

static void ending_remove(const struct strand_crew *crew) {
    struct strand_crew **at = &ending;
    while (*at != crew)
        at = &(*at)->ending;
    *at = crew->ending;
}

int strand_crew_end(struct strand_crew *crew, u32 *budget) {
    if (!crew->owner)
        return 0;
    if (!crew->dying)
        ending_add(crew);
    crew->dying = 1;
    strand_crew_schedule(crew, 0, 0);
    struct strand *next;
    for (struct strand *strand = crew->all; strand; strand = next) {
        next = strand->all_next;
        if (strand->id && strand->row->state == STRAND_RUNNING) {
            sal_ipi(strand->row->cpu, SAL_INTERRUPT_RESCHEDULE);
            continue;
        }
        if (!*budget)
            continue;
        *budget -= *budget < END_COST ? *budget : END_COST;
        if (strand->id)
            drop(strand);
        else
            stack_remove(strand);
    }
    crew->spare = 0;
    crew->spares = 0;
    if (crew->all)
        return 1;
    crew_forget(crew);
    ending_remove(crew);
    crew->owner = 0;
    return 0;
}

void strand_reap(u32 *budget) {
    struct strand_crew *next;
    for (struct strand_crew *crew = ending; crew && *budget; crew = next) {
        struct env *owner = crew->owner;
        next = crew->ending;
        if (strand_crew_end(crew, budget) || owner->row->state != ENV_DYING || owner->all_crews)
            continue;
        env_free(owner);
        return;
    }
}

int strand_ending(void) {
    return ending != 0;
}

int strand_end_all(struct env *owner) {
    u32 budget = END_AT_ONCE;
    struct strand_crew *next;
    for (struct strand_crew *crew = owner->all_crews; crew; crew = next) {
        next = crew->next;
        (void)strand_crew_end(crew, &budget);
    }
    return owner->all_crews != 0;
}
