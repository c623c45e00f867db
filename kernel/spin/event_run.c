// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Handlers that run: those that need a meter, are timed or come later are called through
// event_gate. A call that is ended early detaches its handler, in the middle of the raise, which
// goes on as if the handler's guard had not held; its owner is told.
//
// A raise may run without the kernel lock (EXT_RUN_RAISED), on several processors at once. So what
// is counted here is counted by atomic additions, and what is more than counting takes the lock.

#include "base/format.h"
#include "base/string.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/sched.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/spin/event_priv.h"

#define TRACE_DEPTH 8

// From a leaf of the dispatcher (DISPATCH_CANCELLABLE): arguments and the run as in C, the binding
// in R11. Makes an array of the arguments.
__asm__(".text\n"
        ".globl event_gate\n"
        ".type event_gate, @function\n"
        "event_gate:\n"
        "    pushq %rbp\n"
        "    movq %rsp, %rbp\n"
        "    pushq %r8\n"
        "    pushq %rcx\n"
        "    pushq %rdx\n"
        "    pushq %rsi\n"
        "    pushq %rdi\n"
        "    movq %r11, %rdi\n"
        "    movq %rsp, %rsi\n"
        "    movq %r9, %rdx\n"
        "    andq $-16, %rsp\n" // whoever raises from assembly need not have aligned it
        "    call event_activate\n"
        "    leave\n"
        "    ret\n"
        ".size event_gate, . - event_gate\n");

struct event_result {
    u64 value, cancelled; // RAX, RDX
};
struct event_result event_activate(struct event_handler *handler, const u64 *arguments,
                                   struct engine_run *run);

// --- contexts ------------------------------------------------------------------------------------

struct engine_run *event_enter(struct event_context *context, struct ext *ext) {
    struct engine_run *run = ext_run_here();
    *context = (struct event_context){.run = run,
                                      .stack_limit = run->stack_limit,
                                      .spent = run->spent,
                                      .activation = {.ext = ext, .outer = run->activation}};
    run->stack_limit = event_stack_limit_here();
    if (!run->activation)
        run->spent = SPENT_NOTHING;
    run->activation = &context->activation;
    return run;
}

void event_leave(const struct event_context *context) {
    struct engine_run *run = context->run;
    run->stack_limit = context->stack_limit;
    run->activation = context->activation.outer;
    if (!run->activation)
        run->spent = context->spent;
    if (run->activation)
        ((struct event_activation *)run->activation)->nested += context->activation.nested;
}

u64 event_raise_run(const struct kernel_event *event, u64 a, u64 b, u64 c, u64 d, u64 e) {
    struct event_context context;
    struct engine_run *run = event_enter(&context, 0);
    u64 result = ((engine_import_function *)event->address)(a, b, c, d, e, run);
    event_leave(&context);
    return result;
}

u64 event_raise_at(u64 address, u64 a) {
    struct event_context context;
    struct engine_run *run = event_enter(&context, 0);
    u64 result = ((engine_import_function *)address)(a, 0, 0, 0, 0, run);
    event_leave(&context);
    return result;
}

// --- where it was --------------------------------------------------------------------------------

static u32 function_of_slot(const struct engine_program *program, u32 slot) {
    for (u32 f = 0; f < program->function_count; f++)
        if (slot - program->functions[f].entry < program->functions[f].length)
            return f;
    return ENGINE_NO_FUNCTION;
}

// The instruction whose machine code contains an address in that function.
static u32 slot_at(const struct engine_code *code, u32 function, u64 address) {
    const struct engine_program *program = code->program;
    u32 offset = (u32)(address - code->memory.execute), best = ENGINE_NO_PC, at = 0;
    for (u32 i = 0; i < program->functions[function].length; i++) {
        u32 slot = program->functions[function].entry + i;
        if (code->offsets[slot] != ~0u && code->offsets[slot] <= offset &&
            (best == ENGINE_NO_PC || code->offsets[slot] >= at)) {
            best = slot;
            at = code->offsets[slot];
        }
    }
    return best;
}

static void trace_one(struct format_text *text, const struct ext *ext, u32 function, u32 slot) {
    const struct engine_line *line =
        slot == ENGINE_NO_PC ? 0 : engine_program_line_at(ext->program, slot);
    format_append(text, "%s%s:%u", text->length ? " " : "", ext->program->functions[function].name,
                  line ? line->line : 0);
}

// engine_run.ended: writes the functions that were being run, innermost first.
void event_ended(struct engine_run *run, const struct engine_program *program, u64 stack) {
    struct event_activation *activation = run->activation;
    const struct ext *ext = activation ? activation->ext : 0;
    if (!ext || ext->program != program)
        return;
    struct format_text text = {activation->trace, sizeof activation->trace, 0};
    u32 function = function_of_slot(program, run->status_pc), slot = run->status_pc;
    activation->slot = slot;
    for (u32 depth = 0; depth < TRACE_DEPTH && function != ENGINE_NO_FUNCTION; depth++) {
        trace_one(&text, ext, function, slot);
        stack += engine_code_entry(&ext->code, function).native_frame;
        u64 back = *(const u64 *)stack;
        stack += 8;
        function = engine_code_function_at(&ext->code, back);
        if (function != ENGINE_NO_FUNCTION)
            slot = slot_at(&ext->code, function, back - 1);
    }
}

// --- telling -------------------------------------------------------------------------------------

u32 event_line(const struct ext *ext, u32 slot) {
    const struct engine_line *line = engine_program_line_at(ext->program, slot);
    return line ? line->line : 0;
}

static void ext_failed(struct ext *ext, u32 status, const struct event_activation *at) {
    ext->row->faults++;
    ext->row->status = status;
    ext->row->fault_slot = at->slot;
    ext->row->fault_line = event_line(ext, at->slot);
    struct env *env = env_find(ext->row->env);
    if (env)
        env_tell(env, NOTIFY_HANDLER);
}

// What the exporter's own procedure is stays in its event: whoever raises it decides
// about the arguments.
static void handler_failed(struct event_handler *handler, u32 status,
                           const struct event_activation *at) {
    struct ext *ext = handler->ext;
    struct abi_handler *row = handler->row;
    row->faults++;
    row->status = status;
    row->slot = at->slot;
    row->line = event_line(ext, at->slot);
    memcpy(row->trace, at->trace, sizeof row->trace);
    ext_failed(ext, status, at);
    if (!handler->event)
        return;
    handler->event->row->faults++;
    if (handler->is_procedure)
        return;
    log_print("extension %s: %s detached from %s: %s at %s\n", ext->row->name,
              handler->function->name, handler->event->name, engine_status_name(status), at->trace);
    handler_remove(handler, HANDLER_DETACHED);
}

// --- calling -------------------------------------------------------------------------------------

static void add(u64 *count, u64 more) {
    __atomic_fetch_add(count, more, __ATOMIC_RELAXED);
}

static void raise_to(u64 *most, u64 value) {
    u64 old = __atomic_load_n(most, __ATOMIC_RELAXED);
    while (old < value &&
           !__atomic_compare_exchange_n(most, &old, value, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

// Time that was not the running env's. Rows stay where they are, whoever has them.
static void charge(const struct ext *ext, u64 ticks) {
    env_id id = ext->row->env;
    struct abi_env *row = (struct abi_env *)table_rows(ABI_TABLE_ENVS) + ABI_INDEX(id);
    const struct env *running = sched_current();
    if (!id || row->id != id)
        return;
    add(&row->handled, ticks);
    if (!running || running->id != id)
        add(&cpu_this()->since, ticks);
}

static void account(const struct event_handler *handler, u64 own) {
    struct abi_handler *row = __atomic_load_n(&handler->row, __ATOMIC_RELAXED);
    const struct event *at = __atomic_load_n(&handler->event, __ATOMIC_RELAXED);
    add(&row->calls, 1);
    add(&row->ticks, own);
    raise_to(&row->worst, own);
    if (at) {
        struct abi_event *event = at->row;
        add(&event->ticks, own);
        raise_to(&event->worst, own);
        if (handler->is_procedure)
            add(&event->unhandled, 1);
    }
    charge(handler->ext, own);
}

// Its time was its env's, in whose slices the strand ran.
void event_later_done(struct ext *ext, u32 status, u32 slot, u64 ticks) {
    struct event_handler *handler = ext->later_handler;
    struct event_activation at = {.ext = ext, .slot = slot};
    ext->later_handler = 0;
    if (!handler)
        return;
    struct format_text text = {at.trace, sizeof at.trace, 0};
    add(&handler->row->calls, 1);
    add(&handler->row->ticks, ticks);
    raise_to(&handler->row->worst, ticks);
    if (!status)
        return;
    trace_one(&text, ext, handler->function->function, slot);
    handler_failed(handler, status, &at);
}

u32 event_call(struct event_handler *handler, const u64 *arguments, struct engine_run *run,
               u64 *value) {
    struct event_activation *outer = run->activation, here = {.ext = handler->ext, .outer = outer};
    u64 from = sal_tsc();
    run->activation = &here;
    u32 status = ext_run_nested(run, handler->ext, handler->function->function, arguments,
                                handler->budget, value);
    run->activation = outer;
    u64 ticks = sal_tsc() - from;
    if (outer)
        outer->nested += ticks;
    account(handler, ticks - here.nested);
    if (status) {
        u32 mode = ext_lock(run);
        handler_failed(handler, status, &here);
        ext_unlock(run, mode);
    }
    return status;
}

struct event_result event_activate(struct event_handler *handler, const u64 *arguments,
                                   struct engine_run *run) {
    struct event_result result = {0, 0};
    int waits = (handler->kind & HANDLER_ASYNC) != 0, alone = waits || !handler->ext->concurrent;
    u32 mode = alone ? ext_lock(run) : 0;
    if (!waits) {
        result.cancelled = event_call(handler, arguments, run, &result.value);
    } else {
        if (handler->event)
            result.value = dispatch_identity(&handler->event->dispatch);
        event_put_off(handler, arguments);
    }
    if (alone)
        ext_unlock(run, mode);
    return result;
}
