// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handlers: who may install them, where they go, how they leave. See event.h.

#include "base/bits.h"
#include "base/string.h"
#include "kernel/aegis/account.h"
#include "kernel/spin/domain.h"
#include "kernel/spin/event_priv.h"

#define UNTIMED 200 // a handler of at most so many instructions is not timed: it would take longer

static struct object_table table;
static struct abi_handler nowhere; // row of those that are not shown

void handler_init(u32 count) {
    object_table_init(&table, ABI_TABLE_HANDLERS, sizeof(struct abi_handler), count);
}

// --- what sections say ---------------------------------------------------------------------------

int event_section_word(const char *section, u32 index, char *word, u64 size) {
    while (index-- && section)
        if ((section = strchr(section, '/')))
            section++;
    if (!section)
        return 0;
    u64 n = 0;
    for (; *section && *section != '/'; section++)
        if (*section != ' ' && n + 1 < size)
            word[n++] = *section;
    word[n] = 0;
    return 1;
}

// The number in "word(NUMBER)", or -1.
static i64 number_of(const char *word, const char *name) {
    u64 length = strlen(name);
    i64 number = 0;
    if (strncmp(word, name, length) || !word[length])
        return -1;
    for (word += length; *word && *word != ')'; word++) {
        if (*word < '0' || *word > '9' || number > 1000000)
            return -1;
        number = number * 10 + (*word - '0');
    }
    return number;
}

struct wanted {
    u32 kind, budget, set;
    int later; // not when the extension is loaded
    char anchor[48];
};

static int word_read(const char *word, struct wanted *wanted) {
    static const struct {
        const char *word;
        u32 kind;
    } kinds[] = {{"first", HANDLER_FIRST},
                 {"last", HANDLER_LAST},
                 {"filter", HANDLER_FILTER},
                 {"async", HANDLER_ASYNC},
                 {"default", HANDLER_DEFAULT}};
    for (u32 i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (string_equal(word, kinds[i].word)) {
            wanted->kind |= kinds[i].kind;
            return 1;
        }
    i64 budget = number_of(word, "budget("), set = number_of(word, "set(");
    u32 side = !strncmp(word, "before(", 7)  ? HANDLER_BEFORE
               : !strncmp(word, "after(", 6) ? HANDLER_AFTER
                                             : 0;
    if (side) {
        wanted->kind |= side;
        string_copy(wanted->anchor, strchr(word, '(') + 1, sizeof wanted->anchor);
        char *end = strchr(wanted->anchor, ')');
        if (end)
            *end = 0;
    } else if (string_equal(word, "later")) {
        wanted->later = 1;
    } else if (budget > 0 && budget <= EXT_BUDGET) {
        wanted->budget = (u32)budget;
    } else if (set >= 0 && set < HANDLER_SETS) {
        wanted->set = (u32)set;
    } else {
        return 0;
    }
    return 1;
}

static int wanted_read(const struct ext_function *function, struct wanted *wanted) {
    char word[64];
    *wanted = (struct wanted){.budget = EXT_BUDGET};
    for (u32 i = 2; event_section_word(function->section, i, word, sizeof word); i++)
        if (!word_read(word, wanted))
            return 0;
    u32 order = wanted->kind & (HANDLER_FIRST | HANDLER_LAST | HANDLER_BEFORE | HANDLER_AFTER);
    u32 way = wanted->kind & (HANDLER_FILTER | HANDLER_ASYNC | HANDLER_DEFAULT);
    return !(order & (order - 1)) && !(way & (way - 1));
}

// --- types ---------------------------------------------------------------------------------------

enum fit { FIT_NOT, FIT_EXACT, FIT_CLOSURE }; // CLOSURE: a number behind the event's arguments

// Texts of types name structures, and say neither size nor const: so what the function was proved
// for is compared, too. It takes of a structure no more than there is, and writes only if it may.
static enum fit takes(const struct event *event, const struct ext *ext,
                      const struct ext_function *function) {
    const struct engine_hook *wants = &ext->interface.hooks[function->hook];
    const char *a = strchr(event->prototype, '('), *b = strchr(function->prototype, '(');
    u64 length = a ? strlen(a) - 1 : 0; // without the last parenthesis
    if (!a || !b || strncmp(a, b, length))
        return FIT_NOT;
    enum fit fit = string_equal(b + length, ")") ? FIT_EXACT
                   : string_equal(b + length, event->argument_count ? ",u64)" : "u64)")
                       ? FIT_CLOSURE
                       : FIT_NOT;
    if (!fit || event->argument_count + (fit == FIT_CLOSURE) != wants->argument_count)
        return FIT_NOT;
    for (u32 i = 0; i < event->argument_count; i++) {
        const struct engine_type *from = &event->arguments[i], *to = &wants->arguments[i];
        if (from->kind != to->kind || to->size > from->size || to->flags & ~from->flags)
            return FIT_NOT;
        if (from->kind == ENGINE_REFERENCE &&
            !ext_types_equal(event->owner, from->layout, ext, to->layout))
            return FIT_NOT;
    }
    return fit;
}

// A filter takes the address of the arguments, which are all numbers.
static enum fit filter_takes(const struct event *event, const struct ext *ext,
                             const struct ext_function *function) {
    const struct engine_hook *wants = &ext->interface.hooks[function->hook];
    for (u32 i = 0; i < event->argument_count; i++)
        if (event->arguments[i].kind != ENGINE_SCALAR)
            return FIT_NOT;
    return wants->argument_count == 1 && wants->arguments[0].kind == ENGINE_BUFFER &&
                   wants->arguments[0].size == event->argument_count * 8ul
               ? FIT_EXACT
               : FIT_NOT;
}

static int results_equal(const char *a, const char *b) {
    const char *end = strchr(a, '(');
    return end && !strncmp(a, b, (u64)(end - a) + 1);
}

static enum fit handler_takes(const struct event *event, const struct ext *ext,
                              const struct ext_function *function, u32 kind) {
    if (kind & HANDLER_FILTER)
        return filter_takes(event, ext, function);
    if (!(kind & HANDLER_ASYNC) && !results_equal(event->prototype, function->prototype))
        return FIT_NOT;
    return takes(event, ext, function);
}

// --- guards --------------------------------------------------------------------------------------

#define GUARD_COST EXT_GUARD_MAX
#define OWN_GUARD  EVENT_IMPOSED

i64 event_guard_analyse(struct ext *ext, const struct engine_verdict *verdict,
                        struct ext_function *function) {
    const struct engine_hook *hook = &ext->interface.hooks[function->hook];
    struct dispatch_guard *guards = memory_alloc(&ext->memory, 2 * sizeof *guards);
    if (!guards)
        return -E_NOMEM;
    // With the last argument as one of the event's, or as the closure: which it is, is not known
    // before it is installed.
    dispatch_guard_analyse(ext->program, verdict, function->function, hook, false, &guards[0]);
    guards[1] = guards[0];
    if (hook->argument_count && hook->arguments[hook->argument_count - 1].kind == ENGINE_SCALAR)
        dispatch_guard_analyse(ext->program, verdict, function->function, hook, true, &guards[1]);
    function->guard = guards;
    return guards[1].kind == DISPATCH_GUARD_OPAQUE && function->cost > GUARD_COST ? -E_LIMIT : 0;
}

static i64 tests_put(struct event_handler *handler, const struct dispatch_test *tests, u32 count,
                     u64 closure) {
    struct dispatch_binding *binding = &handler->binding;
    struct dispatch_test *at = binding->tests + binding->test_count;
    if (binding->test_count + count > DISPATCH_TESTS)
        return -E_LIMIT;
    memcpy(at, tests, count * sizeof *tests);
    binding->test_count += count;
    if (!dispatch_tests_close(at, count, closure))
        handler->never = 1;
    return 0;
}

static int guard_may_run(const struct ext_function *guard) {
    return guard->cost <= GUARD_COST && !guard->entry.metered;
}

// Where a guard is called: itself, or, if the exporter imposes it by a number, through a word.
static i64 guard_address(struct event *event, u64 at, u32 number, u64 *address) {
    *address = at;
    if (number == OWN_GUARD)
        return 0;
    struct dispatch_block **thunk = &event->imposed[number];
    if (!*thunk)
        *thunk = dispatch_thunk_make(event->dispatch.memory, at);
    if (!*thunk)
        return -E_NOMEM;
    *address = dispatch_thunk_address(*thunk);
    return 0;
}

static i64 guard_put(struct event_handler *handler, struct event *event, const struct ext *ext,
                     const struct ext_function *function, u64 closure, u32 number) {
    struct dispatch_binding *binding = &handler->binding;
    enum fit fit = takes(event, ext, function);
    if (!fit)
        return -E_INVAL;
    const struct dispatch_guard *guard = &function->guard[fit == FIT_CLOSURE];
    if (guard->kind == DISPATCH_GUARD_TESTS)
        return tests_put(handler, guard->tests, guard->count, closure);
    if (guard->kind == DISPATCH_GUARD_NEVER) {
        handler->never = 1;
        return 0;
    }
    if (binding->opaque_count == DISPATCH_OPAQUES || !guard_may_run(function))
        return -E_LIMIT;
    u64 *address = &binding->opaques[binding->opaque_count];
    i64 error = guard_address(event, event_gate_make(ext, function, 0), number, address);
    if (error)
        return error;
    binding->words[binding->opaque_count++] = closure;
    binding->guard_cost = GUARD_COST;
    if (fit == FIT_CLOSURE)
        binding->closure_register = (u8)(event->argument_count + 1);
    return 0;
}

// All guards that the extension has for that function.
static i64 own_guards_put(struct event_handler *handler, struct event *event) {
    const struct ext *ext = handler->ext;
    char name[64];
    for (u32 i = 0; i < ext->function_count; i++) {
        const struct ext_function *guard = &ext->functions[i];
        if (guard->role != EXT_ROLE_GUARD ||
            !event_section_word(guard->section, 1, name, sizeof name) ||
            !string_equal(name, handler->function->name))
            continue;
        i64 error = guard_put(handler, event, ext, guard, handler->closure, OWN_GUARD);
        if (error)
            return error;
    }
    return 0;
}

// --- who may -------------------------------------------------------------------------------------

// The function of that role that an extension has for an event; of several, that with the number.
static struct ext_function *function_for(const struct ext *ext, const char *event,
                                         enum ext_role role, const char *number) {
    char word[64];
    for (u32 i = 0; ext && i < ext->function_count; i++) {
        struct ext_function *function = &ext->functions[i];
        if (function->role == role && event_section_word(function->section, 1, word, sizeof word) &&
            string_equal(word, event) &&
            (!number || (event_section_word(function->section, 2, word, sizeof word) &&
                         string_equal(word, number))))
            return function;
    }
    return 0;
}

struct ext_function *event_function(const struct event *event, enum ext_role role) {
    return function_for(event->owner, event->name, role, 0);
}

static struct ext_function *imposed_function(const struct ext *ext, const struct event *event,
                                             u32 i) {
    const char number[2] = {(char)('0' + i), 0};
    return function_for(ext, event->name, EXT_ROLE_IMPOSED, number);
}

int event_merger_may_run(const struct ext_function *merger) {
    return !merger->entry.metered && merger->cost <= GUARD_COST;
}

int event_next_fits(const struct event *event, const struct ext *with) {
    for (u32 i = 0; i < EVENT_IMPOSED; i++) {
        const struct ext_function *old = imposed_function(event->owner, event, i);
        const struct ext_function *next = imposed_function(with, event, i);
        if (event->imposed[i] && (!next || !guard_may_run(next) ||
                                  takes(event, with, next) != takes(event, event->owner, old)))
            return 0;
    }
    const struct ext_function *merger = function_for(with, event->name, EXT_ROLE_MERGER, 0);
    return !event->merger || (merger && event_merger_may_run(merger));
}

void event_next_set(struct event *event) {
    struct ext *owner = event->owner;
    for (u32 i = 0; i < EVENT_IMPOSED; i++)
        if (event->imposed[i])
            dispatch_thunk_set(event->imposed[i],
                               event_gate_make(owner, imposed_function(owner, event, i), 0));
    if (event->merger)
        dispatch_thunk_set(
            event->merger,
            event_gate_make(owner, event_function(event, EXT_ROLE_MERGER), !owner->concurrent));
}

// The exporter's word, by a function of its own. One that is ended early has denied.
static i64 ask(const struct event *event, const struct ext_function *function,
               struct event_request *request) {
    const u64 arguments[ENGINE_ARGS] = {(u64)request};
    struct event_request before = *request;
    u64 result = 0;
    if (ext_run(event->owner, function->function, arguments, EXT_BUDGET, &result) || !(u32)result)
        return -E_RIGHTS;
    u32 budget = request->budget < before.budget ? request->budget : before.budget;
    before.force = request->force & (HANDLER_ASYNC | HANDLER_FIRST | HANDLER_LAST);
    before.impose = request->impose;
    before.word = request->word;
    *request = before;
    request->budget = budget ? budget : 1;
    return 0;
}

// May it be installed, and on which terms? Without an authoriser those may whose account is the
// exporter's or above it.
static i64 authorise(const struct event *event, struct ext *ext, struct event_request *request,
                     struct event_terms *terms) {
    const struct ext_function *function = event_function(event, EXT_ROLE_AUTHORISE);
    if (!domain_authorise(event, ext, EXT_LINK_HANDLE))
        return -E_RIGHTS;
    if (event->kernel && event->kernel->authorise)
        return event->kernel->authorise(request, terms);
    if (function && event->owner != ext)
        return ask(event, function, request);
    account_id account = event->owner ? event->owner->memory.account : account_first();
    return account_is_under(account, request->account) ? 0 : -E_RIGHTS;
}

static i64 imposed_put(struct event_handler *handler, struct event *event,
                       const struct event_request *request, const struct event_terms *terms) {
    i64 error = tests_put(handler, terms->tests, terms->count, 0);
    for (u32 i = 0; i < EVENT_IMPOSED && !error; i++) {
        if (!(request->impose >> i & 1))
            continue;
        const struct ext_function *guard = imposed_function(event->owner, event, i);
        error =
            guard ? guard_put(handler, event, event->owner, guard, request->word, i) : -E_RIGHTS;
    }
    return error;
}

// --- installing ----------------------------------------------------------------------------------

void handler_code(struct event_handler *handler, const struct event *event) {
    struct dispatch_binding *binding = &handler->binding;
    const struct ext_function *function = handler->function;
    u32 need = function->entry.native_need + function->entry.frame_need;
    int gated = function->entry.metered || handler->kind & HANDLER_ASYNC ||
                function->cost > UNTIMED || event->row->flags & EVENT_COUNTED;
    // Events of the kernel are raised with its lock.
    int locks = !handler->ext->concurrent && !event->kernel;
    handler->coded = event->coding;
    binding->cookie = (u64)handler;
    binding->handler = gated ? (u64)event_gate : event_gate_make(handler->ext, function, locks);
    binding->flags =
        (handler->ext->links || gated || need > EVENT_STACK_LEAF ? DISPATCH_CHECKED : 0) |
        (gated ? DISPATCH_CANCELLABLE : 0) |
        (handler->kind & HANDLER_FILTER ? DISPATCH_FILTER : 0) |
        (handler->kind & HANDLER_ASYNC ? DISPATCH_ASYNC : 0);
    binding->cost = function->cost + 8;
    if (gated)
        binding->cost += 200 + (function->entry.metered ? handler->budget : 0);
    handler->row->kind = handler->kind | (gated ? HANDLER_TIMED : 0);
}

static struct event_handler *anchor_find(const struct event *event, const char *name) {
    struct dispatch_binding *binding = event->dispatch.handlers;
    while (binding && !string_equal(((struct event_handler *)binding)->function->name, name))
        binding = binding->next;
    return (struct event_handler *)binding;
}

static i64 order_set(struct event_handler *handler, const struct event *event,
                     const struct wanted *wanted) {
    static const struct {
        u32 kind;
        u8 order;
    } orders[] = {{HANDLER_FIRST, DISPATCH_ORDER_FIRST},
                  {HANDLER_LAST, DISPATCH_ORDER_LAST},
                  {HANDLER_BEFORE, DISPATCH_ORDER_BEFORE},
                  {HANDLER_AFTER, DISPATCH_ORDER_AFTER}};
    for (u32 i = 0; i < 4; i++)
        if (handler->kind & orders[i].kind)
            handler->binding.order = orders[i].order;
    if (!(handler->kind & (HANDLER_BEFORE | HANDLER_AFTER)))
        return 0;
    struct event_handler *anchor = anchor_find(event, wanted->anchor);
    handler->binding.anchor = anchor ? &anchor->binding : 0;
    return anchor ? 0 : -E_STALE;
}

// Without a row it works, but is not shown.
static struct event_shown *shown_make(struct event_handler *handler, const struct event *event) {
    struct event_shown *shown = memory_alloc(&handler->ext->lasting, sizeof *shown);
    u64 id;
    if (!shown)
        return 0;
    if (object_take(&table, &id)) {
        memory_free(&handler->ext->lasting, shown, sizeof *shown);
        return 0;
    }
    *shown = (struct event_shown){.row = object_row(&table, id), .id = id, .event = event->id};
    shown->row->event = event->id;
    shown->row->ext = handler->ext->id;
    shown->row->account = handler->ext->memory.account;
    shown->row->budget = handler->budget;
    string_copy(shown->row->name, handler->function->name, sizeof shown->row->name);
    handler->function->shown = shown;
    return shown;
}

static void row_open(struct event_handler *handler, const struct event *event) {
    struct event_shown *shown = handler->function->shown;
    if (!shown || shown->event != event->id)
        shown = shown_make(handler, event);
    handler->shown = shown;
    handler->row = shown ? shown->row : &nowhere;
    if (shown)
        shown->users++;
}

// It stays as long as another closure uses it. Raises that are still in the handler count nowhere.
static void row_close(struct event_handler *handler) {
    struct event_shown *shown = handler->shown;
    handler->row = &nowhere;
    handler->shown = 0;
    if (!shown || --shown->users)
        return;
    if (handler->function->shown == shown)
        handler->function->shown = 0;
    object_release(&table, shown->id);
    memory_free(&handler->ext->lasting, shown, sizeof *shown);
}

// Everything but the dispatcher's part: decided, and nothing changed.
static i64 handler_prepare(struct event_handler *handler, struct event *event,
                           const struct wanted *wanted) {
    struct ext *ext = handler->ext;
    struct event_terms terms = {0};
    struct event_request request = {.ext = ext->id,
                                    .env = ext->row->env,
                                    .account = ext->memory.account,
                                    .closure = handler->closure,
                                    .kind = wanted->kind,
                                    .budget = wanted->budget};
    enum fit fit = handler_takes(event, ext, handler->function, wanted->kind);
    if (!fit)
        return -E_INVAL;
    i64 error = authorise(event, ext, &request, &terms);
    if (error) {
        event->row->refused++;
        return error;
    }
    handler->budget = request.budget;
    handler->kind = wanted->kind;
    handler->set = wanted->set;
    if (request.force & (HANDLER_FIRST | HANDLER_LAST))
        handler->kind &= ~(HANDLER_FIRST | HANDLER_LAST | HANDLER_BEFORE | HANDLER_AFTER);
    handler->kind |= request.force;
    if (handler->kind & HANDLER_ASYNC) {
        if (!event_can_wait(event) || handler->kind & (HANDLER_FILTER | HANDLER_DEFAULT))
            return -E_INVAL;
        error = event_queue_make(ext);
    }
    handler->binding.memory = &ext->dispatch;
    handler->binding.closure = handler->closure;
    if (fit == FIT_CLOSURE)
        handler->binding.closure_register = (u8)(event->argument_count + 1);
    error = error ? error : event_share_join(handler, event);
    error = error ? error : order_set(handler, event, wanted);
    error = error ? error : own_guards_put(handler, event);
    return error ? error : imposed_put(handler, event, &request, &terms);
}

static i64 default_put(struct event_handler *handler, struct event *event) {
    if (event->standby)
        return -E_BUSY;
    if (event->kernel)
        return -E_INVAL;
    event->standby = dispatch_default_make(&event->dispatch, &event->procedure.binding);
    if (!event->standby)
        return -E_NOMEM;
    int error = dispatch_default(&event->dispatch, &handler->binding);
    if (error) {
        dispatch_default_drop(event->standby);
        event->standby = 0;
    }
    return event_error(error);
}

static i64 handler_link(struct event_handler *handler, struct event *event) {
    handler_code(handler, event);
    if (handler->never)
        return 0;
    if (handler->kind & HANDLER_DEFAULT)
        return default_put(handler, event);
    return event_error(dispatch_install(&event->dispatch, &handler->binding));
}

static void handler_linked(struct event_handler *handler, struct event *event) {
    handler->event = event;
    event->row->handlers++;
    if (event->kernel)
        event->kernel->handlers++;
    handler->row->state = HANDLER_LIVE;
    handler->row->count++;
    event_release(event);
    if (event->kernel && event->kernel->each)
        watch_handlers_changed(handler->ext, event->kernel, 0);
}

static struct event_handler *handler_make(struct ext *ext, struct ext_function *function,
                                          u64 closure) {
    struct event_handler *handler = memory_alloc(&ext->lasting, sizeof *handler);
    if (!handler)
        return 0;
    memset(handler, 0, sizeof *handler);
    handler->ext = ext;
    handler->function = function;
    handler->closure = closure;
    handler->name = ++ext->handler_names;
    handler->row = &nowhere;
    return handler;
}

// It is the extension's, or no more.
static void handler_list(struct event_handler *handler) {
    struct ext *ext = handler->ext;
    handler->next = ext->handlers;
    handler->link = &ext->handlers;
    if (handler->next)
        handler->next->link = &handler->next;
    ext->handlers = handler;
    event_name_add(&ext->handlers_named, handler);
}

static void handler_unlist(struct event_handler *handler) {
    *handler->link = handler->next;
    if (handler->next)
        handler->next->link = handler->link;
    event_name_remove(&handler->ext->handlers_named, handler);
}

static i64 event_of(struct ext *ext, const struct ext_function *function, struct event **event) {
    char name[64];
    if (!event_section_word(function->section, 1, name, sizeof name))
        return -E_INVAL;
    return event_meant(ext, name, event);
}

// Of a function whose section was read. Returns the handler's name.
static i64 install(struct ext *ext, struct ext_function *function, u64 closure,
                   const struct wanted *wanted) {
    struct event *event;
    i64 error = event_of(ext, function, &event);
    struct event_handler *handler = error ? 0 : handler_make(ext, function, closure);
    if (!handler)
        return error ? error : -E_NOMEM;
    error = handler_prepare(handler, event, wanted);
    if (!error) {
        row_open(handler, event);
        error = handler_link(handler, event);
        if (error)
            row_close(handler);
    }
    if (error) {
        event_handler_retire(handler);
        return error;
    }
    handler_linked(handler, event);
    handler_list(handler);
    return (i64)handler->name;
}

i64 handler_install(struct ext *ext, struct ext_function *function) {
    struct wanted wanted;
    if (!wanted_read(function, &wanted))
        return -E_INVAL;
    if (wanted.later || wanted.set)
        return 0;
    i64 name = install(ext, function, 0, &wanted);
    return name < 0 ? name : 0;
}

// --- leaving -------------------------------------------------------------------------------------

void handler_remove(struct event_handler *handler, enum handler_state state) {
    struct event *event = handler->event;
    struct dispatch_binding *binding = &handler->binding;
    if (handler->kind & HANDLER_ASYNC)
        event_queue_forget(handler);
    if (event->recode == handler)
        event->recode = (struct event_handler *)binding->next;
    if (handler->kind & HANDLER_DEFAULT && event->dispatch.default_binding == binding) {
        dispatch_default_set(&event->dispatch, &event->procedure.binding, event->standby);
        event->standby = 0;
    } else if (binding->event) {
        dispatch_remove(binding);
    }
    event->row->handlers--;
    if (event->kernel)
        event->kernel->handlers--;
    handler->row->count--;
    if (!handler->row->count)
        handler->row->state = state;
    handler->event = 0;
    event_share_leave(handler);
    event_release(event);
    if (event->kernel && event->kernel->each)
        watch_handlers_changed(handler->ext, event->kernel, state == HANDLER_DETACHED);
}

void handler_forget(struct event_handler *handler) {
    if (handler->event)
        handler_remove(handler, HANDLER_OUT);
    event_share_leave(handler);
    handler_unlist(handler);
    row_close(handler);
}

// --- while the extension lives -------------------------------------------------------------------

static struct ext_function *handler_function(const struct ext *ext, u64 hash) {
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].hash == hash && ext->functions[i].role == EXT_ROLE_HANDLER)
            return &ext->functions[i];
    return 0;
}

i64 event_handler_install(struct ext *ext, u64 function_hash, u64 closure) {
    struct wanted wanted;
    struct ext_function *function = handler_function(ext, function_hash);
    if (!function || !wanted_read(function, &wanted))
        return -E_INVAL;
    return install(ext, function, closure, &wanted);
}

i64 event_handler_remove(struct ext *ext, u64 name) {
    struct event_handler *handler = event_named(&ext->handlers_named, name);
    if (!handler)
        return -E_STALE;
    handler_forget(handler);
    event_handler_retire(handler);
    return 0;
}

// --- sets ----------------------------------------------------------------------------------------

#define SWAP_MAX 64

struct swap {
    struct ext *ext;
    struct event *event;
    struct dispatch_binding *remove[SWAP_MAX], *install[SWAP_MAX];
    u32 removed, installed;
};

static i64 swap_collect(struct swap *swap, u32 from, u32 to) {
    struct ext *ext = swap->ext;
    struct wanted wanted;
    struct event *event;
    for (struct event_handler *h = ext->handlers; h; h = h->next) {
        if (h->event != swap->event || h->set != from || h->never)
            continue;
        if (h->kind & HANDLER_DEFAULT || swap->removed == SWAP_MAX)
            return -E_LIMIT;
        swap->remove[swap->removed++] = &h->binding;
    }
    for (u32 i = 0; i < ext->function_count; i++) {
        struct ext_function *function = &ext->functions[i];
        if (function->role != EXT_ROLE_HANDLER || !wanted_read(function, &wanted) ||
            wanted.set != to || wanted.later || event_of(ext, function, &event) ||
            event != swap->event)
            continue;
        if (wanted.kind & HANDLER_DEFAULT || swap->installed == SWAP_MAX)
            return -E_LIMIT;
        struct event_handler *handler = handler_make(ext, function, 0);
        if (!handler)
            return -E_NOMEM;
        swap->install[swap->installed++] = &handler->binding;
        i64 error = handler_prepare(handler, event, &wanted);
        if (error)
            return error;
        row_open(handler, event);
        handler_code(handler, event);
        if (handler->never)
            return -E_INVAL;
    }
    return 0;
}

static void swap_undo(struct swap *swap) {
    for (u32 i = 0; i < swap->installed; i++) {
        struct event_handler *handler = (struct event_handler *)swap->install[i];
        row_close(handler);
        event_handler_retire(handler);
    }
}

// The next to be written anew is none of those that leave.
static void swap_recode(struct swap *swap) {
    struct event_handler **at = &swap->event->recode;
    for (u32 i = 0; i < swap->removed; i++)
        for (u32 k = 0; *at && k < swap->removed; k++)
            if (&(*at)->binding == swap->remove[k]) {
                *at = (struct event_handler *)(*at)->binding.next;
                break;
            }
}

static void swap_commit(struct swap *swap) {
    for (u32 i = 0; i < swap->removed; i++) {
        struct event_handler *handler = (struct event_handler *)swap->remove[i];
        swap->event->row->handlers--;
        handler->row->count--;
        handler->row->state = HANDLER_OUT;
        handler->event = 0;
        if (handler->kind & HANDLER_ASYNC)
            event_queue_forget(handler);
        handler_forget(handler);
        event_handler_retire(handler);
    }
    for (u32 i = 0; i < swap->installed; i++) {
        struct event_handler *handler = (struct event_handler *)swap->install[i];
        handler_linked(handler, swap->event);
        handler_list(handler);
    }
}

// An event that the extension has handlers for.
static struct event *event_handled(struct ext *ext, u64 hash) {
    char name[64];
    struct event *event;
    for (u32 i = 0; i < ext->function_count; i++)
        if (ext->functions[i].role == EXT_ROLE_HANDLER &&
            event_section_word(ext->functions[i].section, 1, name, sizeof name) &&
            ext_hash(name) == hash)
            return event_of(ext, &ext->functions[i], &event) ? 0 : event;
    return 0;
}

i64 event_handlers_swap(struct ext *ext, u64 hash, u32 from, u32 to) {
    static struct swap swap; // with the lock
    swap = (struct swap){.ext = ext, .event = event_handled(ext, hash)};
    if (!swap.event || swap.event->kernel || from >= HANDLER_SETS || to >= HANDLER_SETS)
        return swap.event ? -E_INVAL : -E_STALE;
    i64 error = swap_collect(&swap, from, to);
    struct event_handler *recode = swap.event->recode;
    swap_recode(&swap);
    if (!error)
        error = event_error(dispatch_swap(&swap.event->dispatch, swap.remove, swap.removed,
                                          swap.install, swap.installed));
    if (error) {
        swap.event->recode = recode;
        swap_undo(&swap);
    } else {
        swap_commit(&swap);
    }
    return error ? error : swap.installed;
}
