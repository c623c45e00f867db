// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands for extensions (abi/ext/strand.h). An extension's strands are one crew, made when the
// first is forked; its owner is the env that loaded the extension. A strand runs a function of the
// extension, with a run and a stack of its own.

#include "engine/engine.h"
#include "kernel/aegis/inside.h"
#include "kernel/aegis/lock.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/event.h"
#include "kernel/spin/service.h"
#include "kernel/spin/strand_priv.h"

#define OFFSET(type, member) __builtin_offsetof(type, member)

u64 strand_refused(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return (u64)-E_INVAL;
}

// --- what strands run ----------------------------------------------------------------------------

// On a strand, preemptible. An upgrade may come at any time, so it looks at nothing of its
// extension's but the home of its code.
static inline u32 function_run(struct strand *self, u32 function, const u64 *arguments, i64 meter,
                               u64 *result) {
    u8 frames[EXT_FRAME_MAX] __attribute__((aligned(16)));
    struct engine_run *run = &self->run;
    const struct ext_home *home = run->cookie;
    if (!run->stack_limit) // the first on this stack
        run->stack_limit = event_stack_limit(stack_low(self));
    run->stack_low = (u64)frames;
    run->stack_top = (u64)frames + sizeof frames;
    run->meter = meter;
    run->mode = EXT_RUN_STRAND;
    run->ended = event_ended;
    return engine_jit_run(&home->code, run, function, arguments, result);
}

static u64 ext_strand(u64 argument) {
    const u64 arguments[ENGINE_ARGS] = {argument};
    struct strand *self = strand_current();
    const struct ext_home *home = self->run.cookie;
    u64 result = ~0ul;
    if (function_run(self, self->entry, arguments, INT64_MAX / 2, &result) != ENGINE_RUN_OK)
        __atomic_fetch_add(&home->ext->row->faults, 1, __ATOMIC_RELAXED);
    return result;
}

// --- asynchronous handlers -----------------------------------------------------------------------

// With the lock; nothing more for a version that was replaced.
static struct ext *ext_of_home(const struct ext_home *home) {
    return home->ext->home == home && !home->ext->heir ? home->ext : 0;
}

// Those that wait, until none is left.
static u64 later_strand(u64 unused) {
    struct strand *self = strand_current();
    const struct ext_home *home = self->run.cookie;
    struct event_later later;
    for (;;) {
        inside_lock();
        struct ext *ext = ext_of_home(home);
        int more = ext && event_later_take(ext, &later);
        inside_unlock();
        if (!more)
            return unused;
        u64 from = sal_tsc(), value;
        u32 status = function_run(self, later.function, later.item.arguments, later.budget, &value);
        u64 ticks = sal_tsc() - from;
        inside_lock();
        ext = ext_of_home(home);
        if (ext)
            event_later_done(ext, status, self->run.status_pc, ticks);
        inside_unlock();
    }
}

// Ended before its time: what its code holds goes back.
static void ext_strand_dropped(struct strand *strand) {
    engine_run_release(&strand->run, 0);
}

// --- the extension as its strands' scheduler -----------------------------------------------------

static const struct ext_function *function_of_role(const struct ext *ext, enum ext_role role) {
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].role == role)
            return &ext->functions[i];
    return 0;
}

static u64 policy_ask(void *context, enum ext_role role, u64 id) {
    struct ext *ext = context;
    const u64 arguments[ENGINE_ARGS] = {id};
    u64 result = 0;
    const struct ext_function *function = function_of_role(ext, role);
    if (ext_run(ext, function->function, arguments, EXT_BUDGET, &result) != ENGINE_RUN_OK) {
        ext->row->faults++;
        strand_crew_schedule(&ext->crew, 0, 0);
        return 0;
    }
    return result;
}

static void policy_unblocked(void *context, struct strand *strand) {
    policy_ask(context, EXT_ROLE_UNBLOCK, strand->id);
}

static void policy_blocked(void *context, struct strand *strand) {
    policy_ask(context, EXT_ROLE_BLOCK, strand->id);
}

static void policy_checkpoint(void *context, struct strand *strand) {
    policy_ask(context, EXT_ROLE_CHECKPOINT, strand->id);
}

static strand_id policy_resume(void *context) {
    struct ext *ext = context;
    return policy_ask(context, EXT_ROLE_RESUME, ext->crew.first->id);
}

static void policy_make(struct ext *ext) {
    struct strand_policy *p = &ext->policy;
    if (function_of_role(ext, EXT_ROLE_UNBLOCK))
        p->unblocked = policy_unblocked;
    if (function_of_role(ext, EXT_ROLE_BLOCK))
        p->blocked = policy_blocked;
    if (function_of_role(ext, EXT_ROLE_CHECKPOINT))
        p->checkpoint = policy_checkpoint;
    if (function_of_role(ext, EXT_ROLE_RESUME))
        p->resume = policy_resume;
    if (p->unblocked || p->blocked || p->checkpoint || p->resume)
        strand_crew_schedule(&ext->crew, p, ext);
}

// The extension has a crew that can have more strands.
static int crew_make(struct ext *ext) {
    struct env *env = env_find(ext->row->env);
    if (ext->crew.dying || ext->row->state != EXT_LIVE || !env || env->row->state == ENV_DYING)
        return 0;
    strand_crew_init(&ext->crew, env);
    ext->crew.dropped = ext_strand_dropped;
    policy_make(ext);
    return 1;
}

i64 ext_strand_later(struct ext *ext) {
    struct strand *strand;
    if (!ext->crew.owner && !crew_make(ext))
        return -E_DEAD;
    i64 error = strand_create(&ext->crew, later_strand, 0, STRAND_DETACHED, &strand);
    if (!error)
        strand->run.cookie = ext->home;
    return error;
}

void ext_strands_retire(struct ext *ext, struct ext *with) {
    ext->later = 0;
    ext->later_handler = 0;
    if (!ext->crew.owner)
        return;
    strand_crew_move(&ext->crew, &with->crew);
    with->policy = ext->policy;
    ext->policy = (struct strand_policy){0};
    if (with->crew.policy)
        strand_crew_schedule(&with->crew, &with->policy, with);
}

// --- services ------------------------------------------------------------------------------------

#define CALLABLE                                                                                   \
    { .kind = ENGINE_CALLABLE, .layout = 0 }

// The function that a callable value names; ENGINE_NO_FUNCTION if it may not run on a strand.
static u32 function_of(const struct ext *ext, u64 callable) {
    u64 function = callable - ENGINE_CALLABLE_LOCAL;
    if (function >= ext->program->function_count ||
        !(ext->program->functions[function].flags & ENGINE_FUNCTION_ENTRY))
        return ENGINE_NO_FUNCTION;
    return (u32)function;
}

// Has a strand enough stack for it?
static int fits(const struct ext *ext, u32 function) {
    struct engine_code_entry entry = engine_code_entry(&ext->code, function);
    return entry.address && !entry.recurses && entry.frame_need <= EXT_FRAME_MAX &&
           entry.native_need <= EXT_NATIVE_MAX;
}

// Mostly the same function is forked again.
static i64 entry_check(struct ext *ext, u64 callable) {
    u32 function = function_of(ext, callable);
    if (function == ENGINE_NO_FUNCTION)
        return -E_INVAL;
    if (!fits(ext, function))
        return -E_LIMIT;
    ext->strand_callable = callable;
    return 0;
}

static u64 service_fork(u64 callable, u64 argument, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)c, (void)d, (void)e;
    const struct ext_home *home = run->cookie;
    struct ext *ext = home->ext;
    struct strand *strand;
    if (ext->home != home) // a version that has not yet taken the old one's place
        return (u64)-E_BUSY;
    i64 error = ext->strand_callable == callable ? 0 : entry_check(ext, callable);
    if (error)
        return (u64)error;
    if (!ext->crew.owner && !crew_make(ext))
        return (u64)-E_DEAD;
    error = strand_create(&ext->crew, ext_strand, argument, 0, &strand);
    if (error)
        return (u64)error;
    strand->entry = (u32)(callable - ENGINE_CALLABLE_LOCAL);
    strand->run.cookie = run->cookie;
    return strand->id;
}

SERVICE(strand_fork) = {{.name = "strand_fork",
                         .function = service_fork,
                         .result = SERVICE_NUMBER,
                         .arguments = {CALLABLE, SERVICE_NUMBER},
                         .argument_count = 2,
                         .prototype = "s64(void *,u64)"},
                        SERVICE_OWNER | SERVICE_STRANDS};

static u64 service_unblock(u64 id, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)b, (void)c, (void)d, (void)e;
    struct strand *strand = strand_find(&service_owner(run)->crew, id);
    if (!strand)
        return (u64)-E_STALE;
    strand_unblock(strand);
    return 0;
}

SERVICE(strand_unblock) = {{.name = "strand_unblock",
                            .function = service_unblock,
                            .result = SERVICE_NUMBER,
                            .arguments = {SERVICE_NUMBER},
                            .argument_count = 1,
                            .prototype = "s64(u64)"},
                           SERVICE_OWNER};

static u64 service_critical(u64 callable, u64 argument, u64 c, u64 d, u64 e,
                            struct engine_run *run) {
    (void)c, (void)d, (void)e;
    const struct ext_home *home = run->cookie;
    struct ext *ext = home->ext;
    const u64 arguments[ENGINE_ARGS] = {argument};
    u32 function = ext->home == home ? function_of(ext, callable) : ENGINE_NO_FUNCTION;
    u64 result = ~0ul;
    if (function != ENGINE_NO_FUNCTION)
        (void)ext_run(ext, function, arguments, EXT_BUDGET, &result);
    return result;
}

SERVICE(strand_critical) = {{.name = "strand_critical",
                             .function = service_critical,
                             .result = SERVICE_NUMBER,
                             .arguments = {CALLABLE, SERVICE_NUMBER},
                             .argument_count = 2,
                             .prototype = "u64(void *,u64)"},
                            SERVICE_OWNER};

static u64 service_self(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    const struct strand *self = strand_current();
    return self ? self->id : 0;
}

SERVICE(strand_self) = {{.name = "strand_self",
                         .function = service_self,
                         .result = SERVICE_NUMBER,
                         .prototype = "u64()"},
                        0};

static u64 service_seat(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    const struct strand *self = strand_current();
    return self ? self->seat : ~0ul;
}

SERVICE(strand_seat) = {{.name = "strand_seat",
                         .function = service_seat,
                         .result = SERVICE_NUMBER,
                         .prototype = "u64()"},
                        0};

static u64 service_block(u64 deadline, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)b, (void)c, (void)d, (void)e, (void)run;
    return (u64)strand_block(deadline);
}

SERVICE(strand_block) = {{.name = "strand_block",
                          .function = service_block,
                          .result = SERVICE_NUMBER,
                          .arguments = {SERVICE_NUMBER},
                          .argument_count = 1,
                          .prototype = "s64(u64)"},
                         SERVICE_SWITCHES};

// Behind strand_pass_import.
u64 strand_pass_slowly(u64 id, u64 b, u64 c, u64 d, u64 e, struct engine_run *run);
u64 strand_pass_slowly(u64 id, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)b, (void)c, (void)d, (void)e, (void)run;
    struct strand *to = strand_find(strand_current()->crew, id);
    return to ? (u64)strand_pass(to) : (u64)-E_STALE;
}

SERVICE(strand_pass) = {{.name = "strand_pass",
                         .function = (engine_import_function *)strand_pass_import,
                         .result = SERVICE_NUMBER,
                         .arguments = {SERVICE_NUMBER},
                         .argument_count = 1,
                         .prototype = "s64(u64)"},
                        SERVICE_ANYWHERE | SERVICE_STRANDS};

static u64 service_yield(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    strand_yield();
    return 0;
}

SERVICE(strand_yield) = {{.name = "strand_yield",
                          .function = service_yield,
                          .result = SERVICE_NUMBER,
                          .prototype = "s64()"},
                         SERVICE_SWITCHES};

static u64 service_join(u64 id, u64 result, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)c, (void)d, (void)e, (void)run;
    struct strand *strand = strand_find(strand_current()->crew, id);
    u64 value = 0;
    i64 error = strand ? strand_join(strand, &value) : -E_STALE;
    *(u64 *)result = value;
    return (u64)error;
}

SERVICE(strand_join) = {
    {.name = "strand_join",
     .function = service_join,
     .result = SERVICE_NUMBER,
     .arguments = {SERVICE_NUMBER, {.kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_WRITE, .size = 8}},
     .argument_count = 2,
     .prototype = "s64(u64,void *)"},
    SERVICE_SWITCHES};

static u64 service_replaced(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return service_owner(run)->heir != 0;
}

SERVICE(strand_replaced) = {{.name = "strand_replaced",
                             .function = service_replaced,
                             .result = SERVICE_NUMBER,
                             .prototype = "u64()"},
                            SERVICE_OWNER};
