// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events, their handlers, and who calls them. See event.h.

#include "kernel/spin/event_priv.h"

#include "base/bits.h"
#include "base/string.h"
#include "engine/jit/x86.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/inside.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/spin/domain.h"
#include "kernel/spin/service.h"
#include "kernel/spin/strand_priv.h"

#define STACK_NEED  (EXT_FRAME_MAX + EXT_NATIVE_MAX + 5 * 1024) // of what one handler may call
#define FORGET_COST 8  // pages whose freeing takes as long as taking a handler out
#define RECLAIM     16 // blocks given back at once

static struct object_table table;
static struct abi_event nowhere; // row of those that are not shown
static struct dispatch_layout layout = {.spent = __builtin_offsetof(struct engine_run, spent),
                                        .stack_limit =
                                            __builtin_offsetof(struct engine_run, stack_limit)};

// Not to be guessed, so that nobody can choose constants that share a bucket; but the boot option
// event_seed=N makes runs alike.
static u32 seed_make(void) {
    u64 seed = sal_tsc() * 0x9e3779b97f4a7c15ul, given = sal_option("event_seed", 0);
    if (given)
        return (u32)given >> 1 | 1;
    if (sal_machine.features & ABI_FEATURE_RDRAND)
        for (u32 i = 0; i < 10; i++) {
            u64 word;
            u8 ok;
            __asm__ volatile("rdrand %0\n setc %1" : "=r"(word), "=qm"(ok) : : "cc");
            if (ok)
                return (u32)(seed ^ word) >> 1 | 1;
        }
    return (u32)(seed >> 32) >> 1 | 1;
}

void event_init(u32 count) {
    object_table_init(&table, ABI_TABLE_EVENTS, sizeof(struct abi_event), count);
    handler_init(count);
    layout.seed = seed_make();
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

void event_memory_host(struct memory *memory, struct engine_host *host) {
    *host = (struct engine_host){.cookie = memory,
                                 .alloc = host_alloc,
                                 .free = host_free,
                                 .code_alloc = host_code_alloc,
                                 .code_free = host_code_free};
}

void event_memory_prepare(struct ext *ext) {
    event_memory_host(&ext->lasting, &ext->dispatch_host);
    ext->dispatch.host = &ext->dispatch_host;
}

extern struct kernel_event *const spin_events_start[], *const spin_events_end[]; // kernel.ld

// The kernel event of that name, if each extension has it for itself.
static struct kernel_event *kernel_event_each(const char *name) {
    for (struct kernel_event *const *at = spin_events_start; at < spin_events_end; at++)
        if ((*at)->each && string_equal((*at)->name, name))
            return *at;
    return 0;
}

// --- what was unlinked ---------------------------------------------------------------------------

// Blocks are collected while those collected before wait for their period to pass.
static struct {
    struct dispatch_block *fresh, *waiting;
    u64 when;
} retired;

void event_release(struct event *event) {
    struct dispatch_block *block = dispatch_retired(&event->dispatch);
    u64 target = dispatch_target(&event->dispatch);
    if (event->target != target) {
        event->target = target;
        domain_retarget(event);
    }
    if (event->kernel && !event->owner)
        event->kernel->address = event->dispatch.address;
    while (block) {
        struct dispatch_block *next = dispatch_block_chain(block, retired.fresh);
        retired.fresh = block;
        block = next;
        spin_work = 1;
    }
}

static void handler_free(struct epoch_node *node) {
    u64 offset = __builtin_offsetof(struct event_handler, node);
    struct event_handler *handler = (struct event_handler *)((u8 *)node - offset);
    handler->ext->retired_handlers--;
    memory_free(&handler->ext->lasting, handler, sizeof *handler);
}

void event_handler_retire(struct event_handler *handler) {
    event_share_leave(handler);
    handler->ext->retired_handlers++;
    epoch_retire(&handler->node, handler_free);
}

static void blocks_reclaim(u32 budget) {
    for (; budget; budget--) {
        if (!retired.waiting && retired.fresh) {
            retired.waiting = retired.fresh;
            retired.fresh = 0;
            retired.when = epoch_now();
        }
        struct dispatch_block *block = retired.waiting;
        if (!block || !epoch_passed(retired.when))
            return;
        retired.waiting = dispatch_block_chain(block, 0);
        dispatch_release(block);
    }
}

// Changes come also from below raises with the lock, whose way back leads through what they have
// unlinked: so this waits until the processor has left all code of extensions.
void event_reclaim(void) {
    if (ext_run_here()->activation)
        return;
    (void)epoch_reclaim(RECLAIM);
    blocks_reclaim(RECLAIM);
    (void)event_shares_reap(RECLAIM);
}

int event_resting(void) {
    return retired.fresh || retired.waiting || epoch_waiting() || event_shares_ending();
}

int event_idle(const struct ext *ext) {
    return !ext->dispatch.blocks && !ext->retired_handlers;
}

// --- code ----------------------------------------------------------------------------------------

int event_may_run(const struct ext_function *function) {
    return !function->entry.recurses;
}

// Where the function is called in a raise: itself, or, if it needs a frame, a gate that makes one
// on the native stack.
static void gate_lock(struct x86 *x, u64 at) {
    struct x86_mem mode = {X86_R9, X86_NONE, 0, __builtin_offsetof(struct engine_run, mode)};
    x86_alu_mi(x, X86_CMP, 1, mode, EXT_RUN_LOCKED);
    x86_jcc(x, X86_E, false, 12); // over the next two
    u64 from = x->at;
    x86_mov_ri(x, X86_R11, at);
    x86_jmp(x, true, (i32)((u64)strand_import - (at + x->at + 5)));
    ASSERT(x->at == from + 12);
}

static void gate_call(struct x86 *x, u64 at, const struct ext_function *function, i32 frame) {
    if (!frame) {
        x86_jmp(x, true, (i32)(function->entry.address - (at + x->at + 5)));
        return;
    }
    x86_alu_ri(x, X86_SUB, X86_W, X86_RSP, frame + 8);
    x86_lea(x, X86_W, X86_R10, (struct x86_mem){X86_RSP, X86_NONE, 0, frame});
    x86_byte(x, 0xe8);
    x86_u32(x, (u32)(function->entry.address - (at + x->at + 4)));
    x86_alu_ri(x, X86_ADD, X86_W, X86_RSP, frame + 8);
    x86_byte(x, 0xc3);
}

u64 event_gate_make(const struct ext *ext, const struct ext_function *function, int locks) {
    u8 bytes[EXT_STUB_BYTES];
    struct x86 x = {bytes, sizeof bytes, 0};
    u64 index = ext->interface.import_count + (u64)(function - ext->functions);
    u64 at = ext->code_pages.va + index * EXT_STUB_BYTES;
    i32 frame = (i32)bits_align_up(function->entry.frame_need, 16);
    if (!frame && !locks)
        return function->entry.address;
    if (locks)
        gate_lock(&x, at);
    gate_call(&x, at, function, frame);
    ASSERT(x.at <= sizeof bytes);
    while (x.at < sizeof bytes)
        x86_byte(&x, 0xcc);
    if (memcmp((const void *)at, bytes, sizeof bytes)) // else others may be running it
        memory_code_write(at, bytes, sizeof bytes);
    return at;
}

i64 event_error(int error) {
    return error == DISPATCH_OK ? 0 : error == DISPATCH_MEMORY ? -E_NOMEM : -E_INVAL;
}

// Gives the event its row and code; what it is, and its memory, are set. Without a row it works,
// but is not shown.
static struct abi_handler no_handler; // row of procedures

static i64 event_begin(struct event *event, account_id account) {
    event->dispatch.memory = event->procedure.binding.memory;
    event->dispatch.layout = &layout;
    event->dispatch.arguments = (u8)event->argument_count;
    event->dispatch.uncounted = true;
    int error = dispatch_event_open(&event->dispatch);
    if (error)
        return event_error(error);
    event->row = object_take(&table, &event->id) ? &nowhere : object_row(&table, event->id);
    event->row->ext = event->owner ? event->owner->id : 0;
    event->row->account = account;
    event->row->arguments = event->argument_count;
    string_copy(event->row->name, event->name, sizeof event->row->name);
    return 0;
}

void event_describe(struct event *event, struct ext *ext, struct ext_function *function) {
    const struct engine_hook *hook = &ext->interface.hooks[function->hook];
    event->name = function->name;
    event->prototype = function->prototype;
    event->hash = function->hash;
    event->shape = function->shape;
    event->result = &hook->result;
    event->arguments = hook->arguments;
    event->argument_count = hook->argument_count;
    event->procedure.ext = ext;
    event->procedure.function = function;
}

// How results become one: "event/NAME/or", or a function in "merger/NAME".
static i64 merge_set(struct event *event, const struct ext_function *function) {
    static const char *const words[] = {[DISPATCH_MERGE_LAST] = "last",
                                        [DISPATCH_MERGE_FIRST] = "first",
                                        [DISPATCH_MERGE_OR] = "or",
                                        [DISPATCH_MERGE_AND] = "and",
                                        [DISPATCH_MERGE_SUM] = "sum"};
    char word[16];
    const struct ext_function *merger = event_function(event, EXT_ROLE_MERGER);
    if (event_section_word(function->section, 2, word, sizeof word)) {
        u32 i = 0;
        while (i < sizeof words / sizeof *words && !string_equal(word, words[i]))
            i++;
        if (merger || i == sizeof words / sizeof *words)
            return -E_INVAL;
        event->dispatch.merge = (u8)i;
    }
    if (!merger)
        return 0;
    if (!event_merger_may_run(merger))
        return -E_INVAL;
    event->merger = dispatch_thunk_make(
        &event->owner->dispatch, event_gate_make(event->owner, merger, !event->owner->concurrent));
    if (!event->merger)
        return -E_NOMEM;
    event->dispatch.merge = DISPATCH_MERGE_CUSTOM;
    event->dispatch.merger = dispatch_thunk_address(event->merger);
    return 0;
}

i64 event_open(struct ext *ext, struct ext_function *function) {
    struct event *event = memory_alloc(&ext->lasting, sizeof *event);
    if (!event)
        return -E_NOMEM;
    memset(event, 0, sizeof *event);
    i64 error = -E_INVAL;
    event->owner = ext;
    event_describe(event, ext, function);
    if (event_may_run(function) && !domain_taken(ext, function->name) &&
        !kernel_event_each(function->name))
        error = merge_set(event, function);
    event->procedure.binding.memory = &ext->dispatch;
    event->procedure.is_procedure = 1;
    event->procedure.budget = EXT_BUDGET;
    event->procedure.event = event;
    event->procedure.row = &no_handler;
    if (!error)
        error = event_begin(event, ext->memory.account);
    if (error) {
        dispatch_thunk_drop(event->merger);
        memory_free(&ext->lasting, event, sizeof *event);
        return error;
    }
    domain_publish(event);
    handler_code(&event->procedure, event);
    event->next_of_ext = ext->events;
    ext->events = event;
    error = event_error(dispatch_default(&event->dispatch, &event->procedure.binding));
    event_release(event);
    return error;
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

static void event_withdraw(struct event *event) {
    if (!event->withdrawn)
        domain_withdraw(event);
    event->withdrawn = 1;
}

// Handlers of other extensions lose the event that they were for.
void event_close(struct event *event) {
    event_withdraw(event);
    while (event->dispatch.handlers) {
        struct event_handler *handler = (struct event_handler *)event->dispatch.handlers;
        _Static_assert(!__builtin_offsetof(struct event_handler, binding), "binding is first");
        handler_remove(handler, HANDLER_GONE);
    }
    if (event->dispatch.default_binding && event->standby)
        handler_remove((struct event_handler *)event->dispatch.default_binding, HANDLER_GONE);
    dispatch_event_close(&event->dispatch);
    dispatch_thunk_retire(&event->dispatch, event->merger);
    for (u32 i = 0; i < EVENT_IMPOSED; i++)
        dispatch_thunk_retire(&event->dispatch, event->imposed[i]);
    event_release(event);
    if (event->id)
        object_release(&table, event->id);
}

void event_hide(struct ext *ext) {
    event_queue_drop(ext);
    for (struct event *event = ext->events; event; event = event->next_of_ext)
        event_withdraw(event);
}

// The handlers of an event that ends, some at a time.
static u32 handlers_end(struct event *event, u32 budget) {
    while (event->dispatch.handlers && budget >= FORGET_COST) {
        handler_remove((struct event_handler *)event->dispatch.handlers, HANDLER_GONE);
        budget -= FORGET_COST;
    }
    return event->dispatch.handlers ? 0 : budget;
}

u32 event_forget(struct ext *ext, u32 budget) {
    while (ext->handlers && budget >= FORGET_COST) {
        struct event_handler *handler = ext->handlers;
        handler_forget(handler);
        event_handler_retire(handler);
        budget -= FORGET_COST;
    }
    while (!ext->handlers && ext->events && budget >= FORGET_COST) {
        struct event *event = ext->events;
        budget = handlers_end(event, budget);
        if (!budget)
            return 0;
        ext->events = event->next_of_ext;
        event_close(event);
        budget -= budget < FORGET_COST ? budget : FORGET_COST;
    }
    return ext->handlers || ext->events ? 0 : budget;
}

// --- counting ------------------------------------------------------------------------------------

#define RECODE 2 // handlers written anew by one call

static void count_set(struct event *event, u32 flags) {
    event->row->flags = flags;
    event->dispatch.raises = flags & EVENT_COUNTED ? (u64)&event->row->raises : 0;
}

// The stub, and how the procedure is called; the handlers remain.
static i64 count_begin(struct event *event, u32 flags) {
    u32 before = event->row->flags;
    count_set(event, flags);
    event->coding++;
    handler_code(&event->procedure, event);
    struct dispatch_block *procedure =
        event->standby ? 0 : dispatch_default_make(&event->dispatch, &event->procedure.binding);
    int error = procedure || event->standby ? DISPATCH_OK : DISPATCH_MEMORY;
    if (!error)
        error = dispatch_stub_renew(&event->dispatch);
    if (error) {
        dispatch_default_drop(procedure);
        count_set(event, before);
        handler_code(&event->procedure, event);
        return event_error(error);
    }
    if (procedure)
        dispatch_default_set(&event->dispatch, &event->procedure.binding, procedure);
    event->recode = (struct event_handler *)event->dispatch.handlers;
    return event->recode ? -E_AGAIN : 0;
}

// Writes some of them anew.
static i64 count_go_on(struct event *event) {
    for (u32 i = 0; i < RECODE && event->recode; i++) {
        struct event_handler *handler = event->recode;
        if (handler->coded == event->coding) { // this one and all behind it came since
            event->recode = 0;
            break;
        }
        handler_code(handler, event);
        int error = dispatch_renew(&handler->binding);
        if (error)
            return event_error(error);
        event->recode = (struct event_handler *)handler->binding.next;
    }
    return event->recode ? -E_AGAIN : 0;
}

i64 event_count(struct ext *ext, u64 event_hash, int on) {
    struct event *event = ext->events;
    u32 flags = on ? EVENT_COUNTED : 0;
    while (event && event->hash != event_hash)
        event = event->next_of_ext;
    if (!event)
        return -E_STALE;
    if (!event->id)
        return -E_FULL;
    i64 error = event->row->flags == flags ? count_go_on(event) : count_begin(event, flags);
    event_release(event);
    return error;
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
    event->procedure.binding.memory = &own.dispatch;
    event->procedure.binding.handler = (u64)kernel->intrinsic;
    event->procedure.binding.cost = 1;
    i64 error = event_begin(event, account_first());
    if (!error && kernel->intrinsic)
        error = dispatch_default(&event->dispatch, &event->procedure.binding);
    event_release(event);
    ASSERT(!error);
    domain_publish(event);
    kernel->event = event;
    kernel->address = event->dispatch.address;
}

void event_open_kernel(void) {
    own.memory.account = account_first();
    event_memory_host(&own.memory, &own.host);
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

int event_ext_handles(const struct ext *ext, const struct kernel_event *kernel) {
    const struct event *event = own_event(ext, kernel);
    return event && event->dispatch.handlers;
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
    event->procedure.binding.memory = &ext->dispatch;
    i64 error = event_begin(event, ext->memory.account);
    if (error) {
        memory_free(&ext->lasting, event, sizeof *event);
        return error;
    }
    event->next_of_ext = ext->events;
    ext->events = event;
    return 0;
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
