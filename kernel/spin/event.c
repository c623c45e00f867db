// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events, their handlers, and who calls them. See event.h.

#include "kernel/spin/event.h"

#include "base/bits.h"
#include "base/string.h"
#include "engine/jit/x86.h"
#include "kernel/aegis/inside.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/spin/dispatch/dispatch.h"

#define STACK_NEED (EXT_FRAME_MAX + EXT_NATIVE_MAX + 3072) // of what one handler may call

// Counters of calls: each event and handler has numbers of its own, a processor an array.
#define COUNTERS      2048u
#define COUNTER_PAGES (COUNTERS * sizeof(u64) / ABI_PAGE)

struct event {
    struct dispatch_event dispatch;
    struct dispatch_binding intrinsic;
    struct ext *owner;
    struct ext_function *function;
    struct event_link *links; // who imports it
    struct event *next, *next_of_ext;
};

struct event_handler {
    struct dispatch_binding binding;
    struct event *event;
    struct event_handler *next;
};

struct event_link {
    struct event *event; // null: it is gone
    struct ext *importer;
    u32 index;
    struct event_link *next_of_event, *next_of_ext;
};

static struct event *events;
static u64 counters_free[COUNTERS / 64]; // bit set
static const struct dispatch_layout layout = {
    .counters_gs = __builtin_offsetof(struct cpu, counters),
    .stack_limit = __builtin_offsetof(struct engine_run, stack_limit),
    .seed = 0x9e3779b9};

void event_init(void) {
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        cpu_get(cpu)->counters = sal_frame(sal_boot_alloc(COUNTER_PAGES));
    memset(counters_free, 0xff, sizeof counters_free);
}

u64 event_stack_limit(void) {
    return cpu_this()->stack_bottom + STACK_NEED;
}

// COUNTERS if none is left.
static u32 counter_take(void) {
    for (u32 i = 0; i < COUNTERS / 64; i++)
        if (counters_free[i]) {
            u32 bit = (u32)__builtin_ctzl(counters_free[i]);
            counters_free[i] &= counters_free[i] - 1;
            for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
                cpu_get(cpu)->counters[i * 64 + bit] = 0;
            return i * 64 + bit;
        }
    return COUNTERS;
}

static void counter_give(u32 counter) {
    if (counter < COUNTERS)
        counters_free[counter / 64] |= 1ul << (counter % 64);
}

// --- memory of the dispatcher --------------------------------------------------------------------

static void *dispatch_alloc(void *cookie, size_t size) {
    struct ext *ext = cookie;
    return memory_alloc(&ext->memory, size);
}

static void dispatch_free(void *cookie, void *block, size_t size) {
    struct ext *ext = cookie;
    memory_free(&ext->memory, block, size);
}

// One page; its structure goes with it.
static bool dispatch_code_alloc(void *cookie, size_t size, struct engine_code_memory *out) {
    struct ext *ext = cookie;
    struct memory_pages pages;
    if (size != ABI_PAGE || !memory_code_reserve(&ext->memory, size, &pages))
        return false;
    if (!memory_code_take(&ext->memory, &pages, size)) {
        (void)memory_pages_tear(&ext->memory, &pages, 2);
        return false;
    }
    *out = (struct engine_code_memory){sal_frame(sal_area_frame(pages.va)), pages.va, size};
    return true;
}

static void dispatch_code_free(void *cookie, struct engine_code_memory *code) {
    struct ext *ext = cookie;
    struct memory_pages pages = {.va = code->execute, .order = 0, .count = 1};
    (void)memory_pages_tear(&ext->memory, &pages, 2);
}

static void memory_prepare(struct ext *ext) {
    ext->dispatch_host = (struct engine_host){.cookie = ext,
                                              .alloc = dispatch_alloc,
                                              .free = dispatch_free,
                                              .code_alloc = dispatch_code_alloc,
                                              .code_free = dispatch_code_free};
    ext->dispatch.host = &ext->dispatch_host;
}

static void release(struct event *event) {
    dispatch_release(dispatch_retired(&event->dispatch));
}

// --- who calls -----------------------------------------------------------------------------------

static u64 event_gone(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return 0;
}

static struct event *event_find(const char *name) {
    struct event *event = events;
    while (event && !string_equal(event->function->name, name))
        event = event->next;
    return event;
}

i64 event_import(struct ext *ext, u32 index, const char *name, const char *prototype,
                 struct engine_import *import) {
    struct event_link *link = memory_alloc(&ext->memory, sizeof *link);
    if (!link)
        return -E_NOMEM;
    inside_lock();
    struct event *event = event_find(name);
    i64 error = !event                                                 ? -E_STALE
                : !string_equal(event->function->prototype, prototype) ? -E_INVAL
                                                                       : 0;
    if (!error) {
        const struct engine_hook *hook = &event->owner->interface.hooks[event->function->hook];
        import->result = hook->result;
        import->argument_count = hook->argument_count;
        memcpy(import->arguments, hook->arguments, sizeof import->arguments);
        *link = (struct event_link){event, ext, index, event->links, ext->links};
        event->links = ext->links = link;
    }
    inside_unlock();
    return error;
}

static const struct event_link *link_find(const struct ext *ext, u32 index) {
    const struct event_link *link = ext->links;
    while (link && link->index != index)
        link = link->next_of_ext;
    return link;
}

u64 event_import_target(const struct ext *ext, u32 index) {
    const struct event_link *link = link_find(ext, index);
    if (!link)
        return 0;
    return link->event ? link->event->dispatch.address : (u64)event_gone;
}

// jmp rel32, by one aligned store; the bytes behind it are never executed.
static void link_break(struct event_link *link) {
    u64 at = link->importer->code_pages.va + (u64)link->index * EXT_STUB_BYTES;
    u64 target = (u64)event_gone - (at + 5);
    link->event = 0;
    if (link->importer->code_pages.count) // its stubs have been made
        memory_code_store(at, 0xe9 | (target & 0xffffffff) << 8);
}

static void link_forget(struct event_link *link) {
    struct event_link **at = link->event ? &link->event->links : 0;
    while (at && *at != link)
        at = &(*at)->next_of_event;
    if (at)
        *at = link->next_of_event;
}

// --- handlers ------------------------------------------------------------------------------------

i64 event_guard_analyse(struct ext *ext, const struct engine_verdict *verdict,
                        struct ext_function *function) {
    struct dispatch_guard *guard = memory_alloc(&ext->memory, sizeof *guard);
    if (!guard)
        return -E_NOMEM;
    dispatch_guard_analyse(ext->program, verdict, function->function,
                           &ext->interface.hooks[function->hook], guard);
    function->guard = guard;
    return guard->kind == DISPATCH_GUARD_OPAQUE ? -E_INVAL : 0;
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

static int may_run(const struct ext_function *function) {
    return !function->entry.metered && !function->entry.recurses;
}

// Where the function is called in a raise: itself, or, if it needs a frame, a gate that makes one
// on the native stack.
static u64 gate_make(const struct ext *ext, const struct ext_function *function) {
    u8 bytes[EXT_STUB_BYTES];
    struct x86 x = {bytes, sizeof bytes, 0};
    u64 index = ext->interface.import_count + (u64)(function - ext->functions);
    u64 at = ext->code_pages.va + index * EXT_STUB_BYTES;
    i32 frame = (i32)bits_align_up(function->entry.frame_need, 16);
    if (!frame)
        return function->entry.address;
    x86_alu_ri(&x, X86_SUB, X86_W, X86_RSP, frame + 8);
    x86_lea(&x, X86_W, X86_R10, (struct x86_mem){X86_RSP, X86_NONE, 0, frame});
    x86_byte(&x, 0xe8);
    x86_u32(&x, (u32)(function->entry.address - (at + x.at + 4)));
    x86_alu_ri(&x, X86_ADD, X86_W, X86_RSP, frame + 8);
    x86_byte(&x, 0xc3);
    ASSERT(x.at <= sizeof bytes);
    while (x.at < sizeof bytes)
        x86_byte(&x, 0xcc);
    memory_code_write(at, bytes, sizeof bytes);
    return at;
}

static u32 binding_flags(const struct ext *ext) {
    return ext->links ? DISPATCH_CHECKED : 0;
}

static i64 dispatch_result(int error) {
    return error == DISPATCH_OK ? 0 : error == DISPATCH_MEMORY ? -E_NOMEM : -E_INVAL;
}

static i64 event_open(struct ext *ext, struct ext_function *function) {
    struct event *event = memory_alloc(&ext->memory, sizeof *event);
    if (!event)
        return -E_NOMEM;
    if (!may_run(function) || event_find(function->name))
        return -E_INVAL;
    memset(event, 0, sizeof *event);
    event->owner = ext;
    event->function = function;
    event->dispatch.memory = event->intrinsic.memory = &ext->dispatch;
    event->dispatch.layout = &layout;
    event->dispatch.arguments = (u8)ext->interface.hooks[function->hook].argument_count;
    event->dispatch.counter_misses = counter_take();
    event->dispatch.counter_adjust = counter_take();
    event->intrinsic.counter = counter_take();
    event->intrinsic.handler = gate_make(ext, function);
    event->intrinsic.flags = binding_flags(ext);
    int error = DISPATCH_MEMORY;
    if (event->dispatch.counter_misses < COUNTERS && event->dispatch.counter_adjust < COUNTERS &&
        event->intrinsic.counter < COUNTERS)
        error = dispatch_event_open(&event->dispatch);
    if (error) {
        counter_give(event->dispatch.counter_misses);
        counter_give(event->dispatch.counter_adjust);
        counter_give(event->intrinsic.counter);
        return dispatch_result(error);
    }
    event->next = events;
    events = event;
    event->next_of_ext = ext->events;
    ext->events = event;
    return dispatch_result(dispatch_default(&event->dispatch, &event->intrinsic));
}

// Same arguments; a guard's result is a number.
static int arguments_equal(const char *a, const char *b) {
    a = strchr(a, '(');
    b = strchr(b, '(');
    return a && b && string_equal(a, b);
}

static i64 handler_install(struct ext *ext, const struct ext_function *function) {
    char name[64], word[16] = "";
    if (!section_word(function->section, 1, name, sizeof name) ||
        (section_word(function->section, 2, word, sizeof word) && !string_equal(word, "first") &&
         !string_equal(word, "last")))
        return -E_INVAL;
    struct event *event = event_find(name);
    if (!event)
        return -E_STALE;
    const struct ext_function *guard = guard_of(ext, function->name);
    if (!may_run(function) || !string_equal(event->function->prototype, function->prototype) ||
        (guard && !arguments_equal(guard->prototype, function->prototype)))
        return -E_INVAL;
    if (guard && guard->guard->kind == DISPATCH_GUARD_NEVER)
        return 0;
    struct event_handler *handler = memory_alloc(&ext->memory, sizeof *handler);
    if (!handler)
        return -E_NOMEM;
    memset(handler, 0, sizeof *handler);
    struct dispatch_binding *binding = &handler->binding;
    binding->memory = &ext->dispatch;
    binding->handler = gate_make(ext, function);
    binding->flags = binding_flags(ext);
    binding->order = string_equal(word, "first")  ? DISPATCH_ORDER_FIRST
                     : string_equal(word, "last") ? DISPATCH_ORDER_LAST
                                                  : DISPATCH_ORDER_NONE;
    if (guard) {
        binding->test_count = guard->guard->count;
        memcpy(binding->tests, guard->guard->tests, sizeof binding->tests);
    }
    binding->counter = counter_take();
    int error =
        binding->counter < COUNTERS ? dispatch_install(&event->dispatch, binding) : DISPATCH_MEMORY;
    if (error) {
        counter_give(binding->counter);
        return dispatch_result(error);
    }
    release(event);
    handler->event = event;
    handler->next = ext->handlers;
    ext->handlers = handler;
    return 0;
}

i64 event_install(struct ext *ext) {
    i64 error = 0;
    memory_prepare(ext);
    for (u32 i = 0; i < ext->function_count && !error; i++)
        if (ext->functions[i].role == EXT_ROLE_EVENT)
            error = event_open(ext, &ext->functions[i]);
    for (u32 i = 0; i < ext->function_count && !error; i++)
        if (ext->functions[i].role == EXT_ROLE_HANDLER)
            error = handler_install(ext, &ext->functions[i]);
    return error;
}

// --- the end -------------------------------------------------------------------------------------

static void handler_remove(struct event_handler *handler) {
    dispatch_remove(&handler->binding);
    counter_give(handler->binding.counter);
    release(handler->event);
    handler->event = 0;
}

// Handlers of other extensions lose the event that they were for.
static void event_close(struct event *event) {
    struct event **at = &events;
    while (*at != event)
        at = &(*at)->next;
    *at = event->next;
    for (struct event_link *link = event->links; link; link = link->next_of_event)
        link_break(link);
    while (event->dispatch.handlers) {
        struct event_handler *handler = (struct event_handler *)event->dispatch.handlers;
        _Static_assert(!__builtin_offsetof(struct event_handler, binding), "binding is first");
        handler_remove(handler);
    }
    dispatch_event_close(&event->dispatch);
    release(event);
    counter_give(event->dispatch.counter_misses);
    counter_give(event->dispatch.counter_adjust);
    counter_give(event->intrinsic.counter);
}

void event_forget(struct ext *ext) {
    for (struct event_handler *handler = ext->handlers; handler; handler = handler->next)
        if (handler->event)
            handler_remove(handler);
    for (struct event_link *link = ext->links; link; link = link->next_of_ext)
        link_forget(link);
    for (struct event *event = ext->events; event; event = event->next_of_ext)
        event_close(event);
    ext->handlers = 0;
    ext->links = 0;
    ext->events = 0;
}
