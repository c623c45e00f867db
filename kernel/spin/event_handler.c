// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handlers: who may install them, where they go, how they leave. See event.h.

#include "base/string.h"
#include "kernel/aegis/account.h"
#include "kernel/spin/domain.h"
#include "kernel/spin/event_priv.h"

static struct object_table table;
static struct abi_handler nowhere; // row of those that are not shown

void handler_init(u32 count) {
    object_table_init(&table, ABI_TABLE_HANDLERS, sizeof(struct abi_handler), count);
}

// Between the slashes: "handler/NAME/first".
static int section_word(const char *section, u32 index, char *word, u64 size) {
    while (index-- && section)
        if ((section = strchr(section, '/')))
            section++;
    if (!section)
        return 0;
    u64 n = 0;
    while (section[n] && section[n] != '/' && n + 1 < size) {
        word[n] = section[n];
        n++;
    }
    word[n] = 0;
    return 1;
}

static const struct ext_function *guard_of(const struct ext *ext, const char *handler) {
    char name[64];
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].role == EXT_ROLE_GUARD &&
            section_word(ext->functions[i].section, 1, name, sizeof name) &&
            string_equal(name, handler))
            return &ext->functions[i];
    return 0;
}

// May it be installed, and on which terms? An exporter without an authoriser lets those in whose
// account is its own or above it.
static i64 authorise(const struct event *event, const struct ext *ext,
                     struct event_request *request, struct event_terms *terms) {
    if (!domain_authorise(event, ext, EXT_LINK_HANDLE))
        return -E_RIGHTS;
    if (event->kernel && event->kernel->authorise)
        return event->kernel->authorise(request, terms);
    account_id account = event->owner ? event->owner->memory.account : account_first();
    return account_is_under(account, request->account) ? 0 : -E_RIGHTS;
}

static i64 guards_put(struct dispatch_binding *binding, const struct dispatch_test *tests,
                      u32 count) {
    if (binding->test_count + count > DISPATCH_TESTS)
        return -E_LIMIT;
    memcpy(binding->tests + binding->test_count, tests, count * sizeof *tests);
    binding->test_count += count;
    return 0;
}

// Same arguments; a guard's result is a number.
static int arguments_equal(const char *a, const char *b) {
    a = strchr(a, '(');
    b = strchr(b, '(');
    return a && b && string_equal(a, b);
}

// It takes what the event has: of a structure no more than there is, and to write only if that may
// be. (Texts of types name structures, and say neither size nor const.)
static int types_fit(const struct event *event, const struct ext *ext,
                     const struct ext_function *function) {
    const struct engine_hook *wants = &ext->interface.hooks[function->hook];
    if (event->argument_count != wants->argument_count)
        return 0;
    for (u32 i = 0; i < event->argument_count; i++) {
        const struct engine_type *a = &event->arguments[i], *b = &wants->arguments[i];
        if (a->kind != b->kind || b->size > a->size || b->flags & ~a->flags)
            return 0;
    }
    return 1;
}

i64 handler_install(struct ext *ext, const struct ext_function *function) {
    char name[64], word[16] = "";
    if (!section_word(function->section, 1, name, sizeof name) ||
        (section_word(function->section, 2, word, sizeof word) && !string_equal(word, "first") &&
         !string_equal(word, "last")))
        return -E_INVAL;
    struct event *event;
    i64 error = event_meant(ext, name, &event);
    if (error)
        return error;
    const struct ext_function *guard = guard_of(ext, function->name);
    if (!event_may_run(function) || !string_equal(event->prototype, function->prototype) ||
        !types_fit(event, ext, function) ||
        (guard && (!arguments_equal(guard->prototype, function->prototype) ||
                   !types_fit(event, ext, guard))))
        return -E_INVAL;
    if (guard && guard->guard->kind == DISPATCH_GUARD_NEVER)
        return 0;
    u32 kind = string_equal(word, "first")  ? HANDLER_FIRST
               : string_equal(word, "last") ? HANDLER_LAST
                                            : 0;
    struct event_terms terms = {0};
    struct event_request request = {.ext = ext->id,
                                    .env = ext->row->env,
                                    .account = ext->memory.account,
                                    .kind = kind,
                                    .budget = EXT_BUDGET};
    error = authorise(event, ext, &request, &terms);
    if (error) {
        event->row->refused++;
        return error;
    }
    struct event_handler *handler = memory_alloc(&ext->lasting, sizeof *handler);
    if (!handler)
        return -E_NOMEM;
    memset(handler, 0, sizeof *handler);
    handler->ext = ext;
    handler->function = function;
    struct dispatch_binding *binding = &handler->binding;
    binding->memory = &ext->dispatch;
    binding->handler = event_gate_make(ext, function);
    binding->flags = event_binding_flags(ext);
    kind |= request.force;
    binding->order = kind & HANDLER_FIRST  ? DISPATCH_ORDER_FIRST
                     : kind & HANDLER_LAST ? DISPATCH_ORDER_LAST
                                           : DISPATCH_ORDER_NONE;
    error = guards_put(binding, guard ? guard->guard->tests : 0, guard ? guard->guard->count : 0);
    error = error ? error : guards_put(binding, terms.tests, terms.count);
    if (error)
        return error;
    binding->counter = event_counter_take();
    error = event_error(binding->counter < COUNTERS ? dispatch_install(&event->dispatch, binding)
                                                    : DISPATCH_MEMORY);
    if (error) {
        event_counter_give(binding->counter);
        return error;
    }
    event_release(event);
    handler->event = event;
    event->row->handlers++;
    if (event->kernel)
        event->kernel->handlers++;
    handler->row = object_take(&table, &handler->id) ? &nowhere : object_row(&table, handler->id);
    handler->row->event = event->id;
    handler->row->ext = ext->id;
    handler->row->account = ext->memory.account;
    handler->row->state = HANDLER_LIVE;
    handler->row->kind = kind;
    handler->row->count = 1;
    handler->row->budget = request.budget;
    string_copy(handler->row->name, function->name, sizeof handler->row->name);
    handler->next = ext->handlers;
    ext->handlers = handler;
    return 0;
}

void handler_remove(struct event_handler *handler, enum handler_state state) {
    struct event *event = handler->event;
    dispatch_remove(&handler->binding);
    event_counter_give(handler->binding.counter);
    event_release(event);
    event->row->handlers--;
    if (event->kernel)
        event->kernel->handlers--;
    handler->row->state = state;
    handler->row->count = 0;
    handler->event = 0;
}

void handler_forget(struct event_handler *handler) {
    if (handler->event)
        handler_remove(handler, HANDLER_OUT);
    if (handler->id)
        object_release(&table, handler->id);
    handler->id = 0;
}
