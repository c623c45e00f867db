// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events, their handlers, and who calls them. See event.h.

#include "kernel/spin/event_priv.h"

#include "base/bits.h"
#include "base/string.h"
#include "engine/jit/x86.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/inside.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/spin/domain.h"
#include "kernel/spin/strand_priv.h"

#define STACK_NEED    (EXT_FRAME_MAX + EXT_NATIVE_MAX + 3072) // of what one handler may call
#define COUNTER_PAGES (COUNTERS * sizeof(u64) / ABI_PAGE)

static struct object_table table;
static u64 counters_free[COUNTERS / 64]; // bit set
static const struct dispatch_layout layout = {
    .counters_gs = __builtin_offsetof(struct cpu, counters),
    .stack_limit = __builtin_offsetof(struct engine_run, stack_limit),
    .seed = 0x9e3779b9};

void event_init(u32 count) {
    object_table_init(&table, ABI_TABLE_EVENTS, sizeof(struct abi_event), count);
    handler_init(count);
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++)
        cpu_get(cpu)->counters = sal_frame(sal_boot_alloc(COUNTER_PAGES));
    memset(counters_free, 0xff, sizeof counters_free);
}

u64 event_stack_limit(u64 bottom) {
    return bottom + STACK_NEED;
}

u64 event_stack_limit_here(void) {
    const struct strand *strand = strand_current();
    u64 at = (u64)__builtin_frame_address(0);
    if (strand && at >= stack_low(strand) && at < stack_top(strand))
        return event_stack_limit(stack_low(strand));
    return event_stack_limit(cpu_this()->stack_bottom);
}

u32 event_counter_take(void) {
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

void event_counter_give(u32 counter) {
    if (counter < COUNTERS)
        counters_free[counter / 64] |= 1ul << (counter % 64);
}

// --- memory of the dispatcher --------------------------------------------------------------------

static void *host_alloc(void *cookie, size_t size) {
    return memory_alloc(cookie, size);
}

static void host_free(void *cookie, void *block, size_t size) {
    memory_free(cookie, block, size);
}

// One page; its structure goes with it.
static bool host_code_alloc(void *cookie, size_t size, struct engine_code_memory *out) {
    struct memory *memory = cookie;
    struct memory_pages pages;
    if (size != ABI_PAGE || !memory_code_reserve(memory, size, &pages))
        return false;
    if (!memory_code_take(memory, &pages, size)) {
        (void)memory_pages_tear(memory, &pages, 2);
        return false;
    }
    *out = (struct engine_code_memory){sal_frame(sal_area_frame(pages.va)), pages.va, size};
    return true;
}

static void host_code_free(void *cookie, struct engine_code_memory *code) {
    struct memory_pages pages = {.va = code->execute, .order = 0, .count = 1};
    (void)memory_pages_tear(cookie, &pages, 2);
}

static void memory_host(struct memory *memory, struct engine_host *host) {
    *host = (struct engine_host){.cookie = memory,
                                 .alloc = host_alloc,
                                 .free = host_free,
                                 .code_alloc = host_code_alloc,
                                 .code_free = host_code_free};
}

void event_memory_prepare(struct ext *ext) {
    memory_host(&ext->lasting, &ext->dispatch_host);
    ext->dispatch.host = &ext->dispatch_host;
}

void event_release(struct event *event) {
    dispatch_release(dispatch_retired(&event->dispatch));
}

extern struct kernel_event *const spin_events_start[], *const spin_events_end[]; // kernel.ld

// The kernel event of that name, if each extension has it for itself.
static struct kernel_event *kernel_event_each(const char *name) {
    for (struct kernel_event *const *at = spin_events_start; at < spin_events_end; at++)
        if ((*at)->each && string_equal((*at)->name, name))
            return *at;
    return 0;
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

int event_may_run(const struct ext_function *function) {
    return !function->entry.metered && !function->entry.recurses;
}

// Where the function is called in a raise: itself, or, if it needs a frame, a gate that makes one
// on the native stack.
u64 event_gate_make(const struct ext *ext, const struct ext_function *function) {
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

u32 event_binding_flags(const struct ext *ext) {
    return ext->links ? DISPATCH_CHECKED : 0;
}

i64 event_error(int error) {
    return error == DISPATCH_OK ? 0 : error == DISPATCH_MEMORY ? -E_NOMEM : -E_INVAL;
}

// Gives the event its row and code; what it is, and its memory, are set. Without a row it works,
// but is not shown.
static i64 event_begin(struct event *event, account_id account) {
    static struct abi_event nowhere;
    event->dispatch.memory = event->intrinsic.memory;
    event->dispatch.layout = &layout;
    event->dispatch.arguments = (u8)event->argument_count;
    event->dispatch.counter_misses = event_counter_take();
    event->dispatch.counter_adjust = event_counter_take();
    event->intrinsic.counter = event_counter_take();
    int error = DISPATCH_MEMORY;
    if (event->dispatch.counter_misses < COUNTERS && event->dispatch.counter_adjust < COUNTERS &&
        event->intrinsic.counter < COUNTERS)
        error = dispatch_event_open(&event->dispatch);
    if (error) {
        event_counter_give(event->dispatch.counter_misses);
        event_counter_give(event->dispatch.counter_adjust);
        event_counter_give(event->intrinsic.counter);
        return event_error(error);
    }
    event->row = object_take(&table, &event->id) ? &nowhere : object_row(&table, event->id);
    event->row->ext = event->owner ? event->owner->id : 0;
    event->row->account = account;
    event->row->arguments = event->argument_count;
    string_copy(event->row->name, event->name, sizeof event->row->name);
    return 0;
}

void event_describe(struct event *event, struct ext *ext, const struct ext_function *function) {
    const struct engine_hook *hook = &ext->interface.hooks[function->hook];
    event->name = function->name;
    event->prototype = function->prototype;
    event->hash = function->hash;
    event->shape = function->shape;
    event->result = &hook->result;
    event->arguments = hook->arguments;
    event->argument_count = hook->argument_count;
}

i64 event_open(struct ext *ext, struct ext_function *function) {
    struct event *event = memory_alloc(&ext->lasting, sizeof *event);
    if (!event)
        return -E_NOMEM;
    if (!event_may_run(function) || domain_taken(ext, function->name) ||
        kernel_event_each(function->name))
        return -E_INVAL;
    memset(event, 0, sizeof *event);
    event->owner = ext;
    event_describe(event, ext, function);
    event->intrinsic.memory = &ext->dispatch;
    event->intrinsic.handler = event_gate_make(ext, function);
    event->intrinsic.flags = event_binding_flags(ext);
    i64 error = event_begin(event, ext->memory.account);
    if (error)
        return error;
    domain_publish(event);
    event->next_of_ext = ext->events;
    ext->events = event;
    return event_error(dispatch_default(&event->dispatch, &event->intrinsic));
}

i64 event_install(struct ext *ext) {
    i64 error = 0;
    event_memory_prepare(ext);
    for (u32 i = 0; i < ext->function_count && !error; i++)
        if (ext->functions[i].role == EXT_ROLE_EVENT)
            error = event_open(ext, &ext->functions[i]);
    for (u32 i = 0; i < ext->function_count && !error; i++)
        if (ext->functions[i].role == EXT_ROLE_HANDLER)
            error = handler_install(ext, &ext->functions[i]);
    return error;
}

// --- the end -------------------------------------------------------------------------------------

// Handlers of other extensions lose the event that they were for.
void event_close(struct event *event) {
    domain_withdraw(event);
    while (event->dispatch.handlers) {
        struct event_handler *handler = (struct event_handler *)event->dispatch.handlers;
        _Static_assert(!__builtin_offsetof(struct event_handler, binding), "binding is first");
        handler_remove(handler, HANDLER_GONE);
    }
    dispatch_event_close(&event->dispatch);
    event_release(event);
    if (event->id)
        object_release(&table, event->id);
    event_counter_give(event->dispatch.counter_misses);
    event_counter_give(event->dispatch.counter_adjust);
    event_counter_give(event->intrinsic.counter);
}

void event_forget(struct ext *ext) {
    for (struct event_handler *handler = ext->handlers; handler; handler = handler->next)
        handler_forget(handler);
    domain_forget(ext);
    for (struct event *event = ext->events; event; event = event->next_of_ext)
        event_close(event);
    ext->handlers = 0;
    ext->events = 0;
}

// --- events of the kernel ------------------------------------------------------------------------

// Their memory is the first account's; they never end.
static struct {
    struct memory memory;
    struct dispatch_memory dispatch;
    struct engine_host host;
} own;

static void kernel_event_fill(struct event *event, struct kernel_event *kernel) {
    memset(event, 0, sizeof *event);
    event->kernel = kernel;
    event->name = kernel->name;
    event->hash = ext_hash(kernel->name);
    event->prototype = kernel->prototype;
    event->result = &kernel->result;
    event->arguments = kernel->arguments;
    event->argument_count = kernel->argument_count;
    event->dispatch.merge = (u8)kernel->merge;
    event->dispatch.none = kernel->none;
}

static void kernel_event_open(struct kernel_event *kernel) {
    struct event *event = memory_alloc(&own.memory, sizeof *event);
    ASSERT(event);
    kernel_event_fill(event, kernel);
    event->intrinsic.memory = &own.dispatch;
    event->intrinsic.handler = (u64)kernel->intrinsic;
    i64 error = event_begin(event, account_first());
    if (!error && kernel->intrinsic)
        error = dispatch_default(&event->dispatch, &event->intrinsic);
    ASSERT(!error);
    domain_publish(event);
    kernel->event = event;
    kernel->address = event->dispatch.address;
}

void event_open_kernel(void) {
    own.memory.account = account_first();
    memory_host(&own.memory, &own.host);
    own.dispatch.host = &own.host;
    for (struct kernel_event *const *at = spin_events_start; at < spin_events_end; at++)
        if (!(*at)->each)
            kernel_event_open(*at);
}

static struct event *own_event(const struct ext *ext, const struct kernel_event *kernel) {
    struct event *event = ext->events;
    while (event && event->kernel != kernel)
        event = event->next_of_ext;
    return event;
}

u64 event_of_ext(const struct ext *ext, const struct kernel_event *kernel) {
    const struct event *event = own_event(ext, kernel);
    return event ? event->dispatch.address : 0;
}

i64 event_meant(struct ext *ext, const char *name, struct event **found) {
    struct kernel_event *kernel = kernel_event_each(name);
    struct event *event = *found = kernel ? own_event(ext, kernel) : domain_find(ext, name);
    if (event || !kernel)
        return event ? 0 : -E_STALE;
    *found = event = memory_alloc(&ext->lasting, sizeof *event);
    if (!event)
        return -E_NOMEM;
    kernel_event_fill(event, kernel);
    event->owner = ext;
    event->intrinsic.memory = &ext->dispatch;
    i64 error = event_begin(event, ext->memory.account);
    if (error)
        return error;
    event->next_of_ext = ext->events;
    ext->events = event;
    return 0;
}

u64 event_raise_run(const struct kernel_event *event, u64 a, u64 b, u64 c, u64 d, u64 e) {
    struct engine_run *run = ext_run_here();
    u64 limit = run->stack_limit;
    run->stack_limit = event_stack_limit_here();
    u64 result = ((engine_import_function *)event->address)(a, b, c, d, e, run);
    run->stack_limit = limit;
    return result;
}

void event_impose(struct event_terms *terms, u32 argument, u32 offset, u32 bytes, u64 value) {
    ASSERT(terms->count < sizeof terms->tests / sizeof *terms->tests);
    u64 mask = bytes && bytes < 8 ? (1ul << 8 * bytes) - 1 : ~0ul;
    terms->tests[terms->count++] =
        (struct dispatch_test){.field = {.argument = (u8)argument,
                                         .memory = bytes != 0,
                                         .bytes = (u8)(bytes ? bytes : 8),
                                         .sure = 1,
                                         .offset = (i32)offset,
                                         .mask = mask},
                               .relation = DISPATCH_EQ,
                               .value = value};
}
