// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Live upgrade: a loaded extension gives its code to another, which keeps its id, its events, who
// calls and handles them, and its counts. Everything happens with the kernel lock, between two
// raises: those that run without the lock have been stopped (ext.c, raises_stop). So each raise
// runs the old version or the new one, and none is lost.
//
// Strands of the old version go on in its code, which is kept until the last of them has ended, or
// the extension dies (ext_retire). They are the old version's, with its memory, and act for the
// same env; what they raise goes to the new one. Until then nothing of the new version runs on a
// strand.
//
// Order: what can fail comes first, and is undone when something fails; then the new procedures are
// put into the events, each by one store, and what only the old version had goes.

#include "base/string.h"
#include "kernel/spin/domain_priv.h"

#define STATE_BYTES 4096 // of a part
#define STATE_LEAST 65536

static u64 state[STATE_BYTES / sizeof(u64)]; // with the lock

// --- state ---------------------------------------------------------------------------------------

static int same_state(const struct ext *old, const struct ext_function *give,
                      const struct ext *with, const struct ext_function *take) {
    const struct engine_hook *from = &old->interface.hooks[give->hook];
    const struct engine_hook *to = &with->interface.hooks[take->hook];
    return from->arguments[0].size == to->arguments[0].size &&
           from->arguments[0].size <= STATE_BYTES && from->argument_count == to->argument_count &&
           give->shape == take->shape;
}

// As many parts as the larger of both arenas has room for.
static u64 parts_most(const struct ext *old, const struct ext *with, u64 part) {
    u32 log2 = old->program->arena_log2 > with->program->arena_log2 ? old->program->arena_log2
                                                                    : with->program->arena_log2;
    u64 bytes = 1ul << log2 < STATE_LEAST ? STATE_LEAST : 1ul << log2;
    return (bytes + part - 1) / part;
}

// E_LIMIT: more than fits an arena. E_INVAL: one gives and the other doesn't take, or another type;
// E_CANCELLED.
static i64 state_hand_over(struct ext *old, struct ext *with) {
    struct ext_function *give = ext_function_of_role(old, EXT_ROLE_GIVE);
    struct ext_function *take = ext_function_of_role(with, EXT_ROLE_TAKE);
    if (!give && !take)
        return 0;
    if (!give || !take || !same_state(old, give, with, take))
        return -E_INVAL;
    const struct engine_hook *hook = &old->interface.hooks[give->hook];
    u64 more = 1, result = 0, most = parts_most(old, with, hook->arguments[0].size);
    for (u64 part = 0; more && part < most; part++) {
        const u64 arguments[ENGINE_ARGS] = {(u64)state, part};
        memset(state, 0, sizeof state);
        if (ext_run(old, give->function, arguments, EXT_BUDGET, &more) ||
            ext_run(with, take->function, arguments, EXT_BUDGET, &result))
            return -E_CANCELLED;
        if ((u32)result)
            return -E_INVAL;
        more = hook->argument_count > 1 ? more : 0;
    }
    return more ? -E_LIMIT : 0;
}

// --- what fits -----------------------------------------------------------------------------------

static struct ext_function *function_named(struct ext *ext, u64 hash, enum ext_role role) {
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].hash == hash && ext->functions[i].role == role)
            return &ext->functions[i];
    return NULL;
}

static int same_arguments(const struct ext *old, const struct event *event, const struct ext *with,
                          const struct engine_hook *hook) {
    for (u32 i = 0; i < event->argument_count; i++) {
        struct engine_type from = event->arguments[i], to = hook->arguments[i];
        if (from.kind == ENGINE_REFERENCE && to.kind == ENGINE_REFERENCE &&
            ext_types_equal(old, from.layout, with, to.layout))
            to.layout = from.layout;
        if (memcmp(&from, &to, sizeof from))
            return 0;
    }
    return 1;
}

// An event that goes on must have the type that its callers and handlers were proved for, and a
// successor of whatever they call of the old code (E_BUSY).
static i64 events_fit(struct ext *old, struct ext *with) {
    for (struct event *event = old->events; event; event = event->next_of_ext) {
        struct ext_function *next = function_named(with, event->hash, EXT_ROLE_EVENT);
        if (!next)
            continue;
        if (!event_next_fits(event, with))
            return -E_BUSY;
        const struct engine_hook *hook = &with->interface.hooks[next->hook];
        if (!event_may_run(next) || next->shape != event->shape ||
            !string_equal(next->prototype, event->prototype) ||
            hook->argument_count != event->argument_count ||
            hook->result.kind != event->result->kind || !same_arguments(old, event, with, hook))
            return -E_INVAL;
    }
    return 0;
}

// --- exchanging ----------------------------------------------------------------------------------

#define EXCHANGE(field)                                                                            \
    do {                                                                                           \
        __typeof__(a->field) moved = a->field;                                                     \
        a->field = b->field;                                                                       \
        b->field = moved;                                                                          \
    } while (0)

static void links_belong(struct ext *ext) {
    for (struct event_link *link = ext->links; link; link = link->next_of_ext)
        link->importer = ext;
}

static void code_exchange(struct ext *a, struct ext *b) {
    EXCHANGE(memory);
    EXCHANGE(home);
    EXCHANGE(strands);
    EXCHANGE(arena);
    EXCHANGE(code_pages);
    EXCHANGE(host);
    EXCHANGE(interface);
    EXCHANGE(program);
    EXCHANGE(code);
    EXCHANGE(functions);
    EXCHANGE(counted);
    EXCHANGE(counted_types);
    EXCHANGE(function_count);
    EXCHANGE(concurrent);
    EXCHANGE(links);
    EXCHANGE(link);
    EXCHANGE(request.flags);
    u64 kept = (a->request.flags ^ b->request.flags) & (EXT_STAYS | EXT_PRIVATE);
    a->request.flags ^= kept;
    b->request.flags ^= kept;
    links_belong(a);
    links_belong(b);
    b->strand_callable = a->strand_callable = ~0ul;
}

// --- events and handlers -------------------------------------------------------------------------

static int is_kept(u64 hash, const struct event *old) {
    while (old && old->hash != hash)
        old = old->next_of_ext;
    return old != NULL;
}

static i64 additions_make(struct ext *ext, const struct event *old) {
    i64 error = 0;
    for (u32 i = 0; i < ext->function_count && !error; i++)
        if (ext->functions[i].role == EXT_ROLE_EVENT && !is_kept(ext->functions[i].hash, old))
            error = event_open(ext, &ext->functions[i]);
    for (u32 i = 0; i < ext->function_count && !error; i++)
        if (ext->functions[i].role == EXT_ROLE_HANDLER)
            error = handler_install(ext, &ext->functions[i]);
    return error;
}

static void handlers_free(struct ext *ext, struct event_handler *from,
                          const struct event_handler *to) {
    while (from != to) {
        struct event_handler *next = from->next;
        handler_forget(from);
        memory_free(&ext->lasting, from, sizeof *from);
        from = next;
    }
}

static void event_free(struct ext *ext, struct event *event) {
    event_close(event);
    memory_free(&ext->lasting, event, sizeof *event);
}

// The new procedure of an event that goes on.
static struct ext_function *next_function(struct ext *ext, const struct event *event) {
    return function_named(ext, event->hash, EXT_ROLE_EVENT);
}

static struct dispatch_binding next_binding(struct ext *ext, const struct event *event) {
    struct event_handler procedure = event->procedure;
    procedure.ext = ext;
    procedure.function = next_function(ext, event);
    handler_code(&procedure, event);
    procedure.binding.cookie = (u64)&event->procedure;
    return procedure.binding;
}

static i64 procedures_make(struct ext *ext, struct event *old) {
    for (struct event *event = old; event; event = event->next_of_ext) {
        if (!next_function(ext, event))
            continue;
        struct dispatch_binding binding = next_binding(ext, event);
        event->successor = dispatch_default_make(&event->dispatch, &binding);
        if (!event->successor)
            return -E_NOMEM;
    }
    return 0;
}

static void undo(struct ext *ext, struct ext *with, struct event *events,
                 struct event_handler *handlers) {
    for (struct event *event = events; event; event = event->next_of_ext)
        dispatch_default_drop(event->successor);
    handlers_free(ext, ext->handlers, handlers);
    while (ext->events != events) {
        struct event *event = ext->events;
        ext->events = event->next_of_ext;
        event_free(ext, event);
    }
    code_exchange(ext, with);
}

static void commit(struct ext *ext, struct ext *with, struct event *events,
                   struct event_handler *handlers) {
    with->home->ext = with;
    ext_strands_retire(ext, with);
    event_queue_inherit(ext, handlers);
    for (struct event *event = events; event; event = event->next_of_ext) {
        if (!event->successor)
            continue;
        event->procedure.binding = next_binding(ext, event);
        if (event->standby) { // it waits until the default handler goes
            dispatch_default_drop(event->standby);
            event->standby = event->successor;
        } else {
            dispatch_default_set(&event->dispatch, &event->procedure.binding, event->successor);
        }
        event_next_set(event);
        event_describe(event, ext, next_function(ext, event));
        event_release(event);
    }
    handlers_free(ext, handlers, NULL);
    for (struct event **at = &ext->events; *at;) {
        struct event *event = *at;
        if (event->kernel || next_function(ext, event)) {
            at = &event->next_of_ext;
            continue;
        }
        *at = event->next_of_ext;
        event_free(ext, event);
    }
}

i64 ext_upgrade(struct ext *ext, struct ext *with) {
    const u64 nothing[ENGINE_ARGS] = {0};
    struct ext_function *init = ext_function_of_role(with, EXT_ROLE_INIT);
    u64 result = 0;
    i64 error = ext->crew.dying ? -E_BUSY : events_fit(ext, with);
    if (!error && init && ext_run(with, init->function, nothing, EXT_BUDGET, &result))
        error = -E_CANCELLED;
    if (!error && (u32)result)
        error = -E_INVAL;
    if (!error)
        error = state_hand_over(ext, with);
    if (error)
        return error;
    struct event *events = ext->events;
    struct event_handler *handlers = ext->handlers;
    for (struct event *event = events; event; event = event->next_of_ext)
        event->successor = NULL;
    code_exchange(ext, with);
    event_memory_prepare(ext);
    error = additions_make(ext, events);
    if (!error)
        error = procedures_make(ext, events);
    if (error)
        undo(ext, with, events, handlers);
    else
        commit(ext, with, events, handlers);
    return error;
}
