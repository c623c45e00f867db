// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events: procedures that extensions export, and that any extension may handle. A call of such a
// procedure raises it: the handlers whose guards hold run, or, if none does, the procedure itself.
//
// The exporter's object has the procedure in section "event/NAME". Another extension that imports
// NAME, with the same type, calls a stub in its own code pages, which jumps to the event; one that
// has a function in section "handler/NAME[/first|/last]" handles it from the end of its loading
// until it dies, if the function in section "guard/HANDLER" allows it. Events of a dead exporter
// answer 0.
//
// What runs in a raise is proved to end within EXT_COST_MAX instructions each: handlers, guards and
// exported procedures must not need the meter. An event that is raised below another one too deeply
// does not run (dispatch.h, CHECKED).
//
// Raises run with the kernel lock (those by the kernel itself, and of extensions that are not
// CONCURRENT), or without it (by strands, and by entries of those that are): in EXT_RUN_RAISED.
// Handlers of extensions that are not CONCURRENT take it for themselves. What a change unlinks is
// given back when no raise can be in it (epoch.h). Everything here is called with the kernel lock,
// unless it says otherwise.

#ifndef KERNEL_SPIN_EVENT_H
#define KERNEL_SPIN_EVENT_H

#include "kernel/spin/ext.h"

struct event;
struct event_handler;

void event_init(u32 count);   // boot: rows of tables
void event_open_kernel(void); // boot, when frames can be taken

// The lowest stack pointer with which handlers may go on, on a stack that begins there.
u64 event_stack_limit(u64 bottom);
// On this one: the processor's, or that of a strand which called.
u64 event_stack_limit_here(void);

// --- events of the kernel ------------------------------------------------------------------------

// Who wants to handle an event, and how. See struct event_request in abi/ext/extension.h.
struct event_terms {
    u32 count; // guards that are imposed: all of them must hold beside the handler's own
    struct dispatch_test tests[4];
};

// An event that the kernel defines, registered anywhere in this room:
//
//     KERNEL_EVENT(page_absent) = {.name = "page_absent", .prototype = "u64(struct absence *)",
//                                  .result = SERVICE_NUMBER,
//                                  .arguments = {EVENT_STRUCT_IN(struct absence)},
//                                  .argument_count = 1, .authorise = …, .intrinsic = …};
//
// and raised by event_raise(&page_absent, (u64)&absence). prototype is the canonical text
// (engine/btf.h); extensions declare the function and its structures in abi/ext/.
struct kernel_event {
    const char *name, *prototype;
    struct engine_type result, arguments[ENGINE_ARGS];
    u32 argument_count;
    u32 merge; // enum dispatch_merge
    u64 none;  // result if no handler ran and there is no intrinsic
    // Each extension that handles it has it for itself, and pays for all of it: the kernel raises
    // it where something has agreed that this extension is asked (event_of_ext).
    u32 each;
    // May that extension handle it? 0, or -E_RIGHTS; it may lower the budget, set `force` in the
    // request, and impose guards. Null: only extensions that the first account pays for.
    i64 (*authorise)(struct event_request *request, struct event_terms *terms);
    // Runs if no handler did; or null.
    u64 (*intrinsic)(u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run);
    // Kept by event.c.
    struct event *event;
    u64 address;  // of the stub
    u32 handlers; // installed: 0 means that raising it runs the intrinsic alone
};

#define KERNEL_EVENT(variable)                                                                     \
    extern struct kernel_event variable;                                                           \
    static struct kernel_event *const kernel_event_at_##variable                                   \
        __attribute__((used, section("spin_events"))) = &variable;                                 \
    struct kernel_event variable
#define EVENT_STRUCT_IN(type)                                                                      \
    { .kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_READ, .size = sizeof(type) }
#define EVENT_STRUCT(type)                                                                         \
    { .kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE, .size = sizeof(type) }

// Raises an event of the kernel, in kernel context, with the kernel lock and interrupts off, on
// the processor's stack, from wherever the kernel may be left for as long as handlers take (see
// EXT_FUEL). Pointers are to structures of the declared size; they and what they point to need be
// good only until it returns. Handlers cannot block. Nesting is fine.
u64 event_raise_run(const struct kernel_event *event, u64 a, u64 b, u64 c, u64 d, u64 e);
static inline u64 event_raise5(const struct kernel_event *event, u64 a, u64 b, u64 c, u64 d,
                               u64 e) {
    if (!event->handlers && !event->intrinsic)
        return event->none;
    return event_raise_run(event, a, b, c, d, e);
}
#define event_raise1(event, a)          event_raise5(event, a, 0, 0, 0, 0)
#define event_raise2(event, a, b)       event_raise5(event, a, b, 0, 0, 0)
#define event_raise3(event, a, b, c)    event_raise5(event, a, b, c, 0, 0)
#define event_raise4(event, a, b, c, d) event_raise5(event, a, b, c, d, 0)

// Where a kernel event that each has for itself is raised for that extension (dispatch.h, contract
// T); 0: it has no handler of it. Holds as long as the extension lives.
u64 event_of_ext(const struct ext *ext, const struct kernel_event *kernel);
// Has it any handler of it now?
int event_ext_handles(const struct ext *ext, const struct kernel_event *kernel);
// Raises it there. As event_raise_run.
u64 event_raise_at(u64 address, u64 a);

// Imposes `the word of that size at that offset behind argument number n is value`; or, with
// bytes 0, of the argument itself.
void event_impose(struct event_terms *terms, u32 argument, u32 offset, u32 bytes, u64 value);

// --- running -------------------------------------------------------------------------------------

// What is being run: the innermost is the run's activation.
struct event_activation {
    struct ext *ext; // whose code; null: none, the kernel raises an event
    struct event_activation *outer;
    u64 nested;      // ticks of what ran below it
    u32 slot;        // where it was ended early
    char trace[128]; // which functions were being run then
};

// Kernel context goes into the code of extensions, and out of it again.
struct event_context {
    struct engine_run *run;
    u64 stack_limit;
    i64 spent;
    struct event_activation activation;
};
struct engine_run *event_enter(struct event_context *context, struct ext *ext);
void event_leave(const struct event_context *context);
// For engine_run.ended.
void event_ended(struct engine_run *run, const struct engine_program *program, u64 stack);
// Source line of an instruction, 0 if it is not known.
u32 event_line(const struct ext *ext, u32 slot);

// Runs some asynchronous handlers; whether more wait. Not below a raise.
int event_run_later(void);
int event_waiting(void); // do any?

// For the strand that runs them for an extension: the next of its queue, and what came of it.
#define EVENT_COPY_BYTES 128
struct event_item {
    struct event_handler *handler;
    u64 arguments[ENGINE_ARGS];
    u8 copy[EVENT_COPY_BYTES] __attribute__((aligned(8)));
};
struct event_later {
    struct event_item item;
    u32 function;
    i64 budget;
};
int event_later_take(struct ext *ext, struct event_later *later); // 0: there is none
void event_later_done(struct ext *ext, u32 status, u32 slot, u64 ticks);
// Gives back what changes have unlinked, when nobody can be in it any more. Not below a raise.
void event_reclaim(void);
int event_resting(void); // is there anything to give back?
// Is nothing of what the extension paid for left in use?
int event_idle(const struct ext *ext);

// --- what loading an extension needs -------------------------------------------------------------

// Inside work: what a guard asks. E_LIMIT: it has to be called, and is too long.
i64 event_guard_analyse(struct ext *ext, const struct engine_verdict *verdict,
                        struct ext_function *function);

// Opens the extension's events and installs its handlers. E_STALE: no such event; E_INVAL: the
// types differ, or a function may not run in a raise; E_RIGHTS: the exporter refuses; E_NOMEM.
// After an error the extension must be killed.
i64 event_install(struct ext *ext);
// The extension dies: nobody finds its events any more, nor raises them.
void event_hide(struct ext *ext);
// Takes it out of all events, and its events from their handlers, a part of them at a time; returns
// what is left of the budget, 0 if it has to be called again.
u32 event_forget(struct ext *ext, u32 budget);

// --- while an extension lives --------------------------------------------------------------------

// Installs a function in section "handler/…", by the hash of its name, with a closure; returns the
// handler's name, for removal. Also below a raise.
i64 event_handler_install(struct ext *ext, u64 function_hash, u64 closure);
i64 event_handler_remove(struct ext *ext, u64 name);
// Takes the handlers of one set out of an event, and installs those of another, such that each
// raise sees all of it or nothing. Returns how many were installed.
i64 event_handlers_swap(struct ext *ext, u64 event_hash, u32 from, u32 to);
// Counts and times raises and handlers of an extension's event, or no more.
i64 event_count(struct ext *ext, u64 event_hash, int on);

#endif
