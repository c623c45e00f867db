// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What every extension includes. Extensions are C for the bytecode (docs/extensions.md):
//
//     clang -target bpf -mcpu=v3 -O2 -g -ffreestanding -fno-builtin -I… -c hello.c
//
//     ENTRY(u64, name, (u64 a, u64 b)) { … }     a function that programs call, by ext_call
//     INIT(name) { … return 0; }                 runs once after loading; another result gives it
//     up FINI(name) { … }                           runs once before the extension is unloaded
//     EVENT(u64, name, (…)) { … }                a procedure for other extensions; they call it
//                                                by its name, and may handle it
//     HANDLER(event, u64, name, (…)) { … }       runs when the event is raised, in its place;
//                                                HANDLER_AT(event, first|last, …) in that order
//     GUARD(handler, name, (…)) { return …; }    only if this holds: comparisons of arguments, or
//                                                of fields behind them, with constants
//     MAY_LINK(name) { return …; }               whether *importer may link to what this one
//     exports GIVE(name, (struct state *state, u64 part))         live upgrade: the old version
//     fills in TAKE(name, (const struct state *state, u64 part))   its state, and the new one takes
//     it; part
//                                                is 0, 1, … as long as GIVE returns non-zero
//
// Global variables are the extension's arena: its own memory, kept between calls.
//
// Only one processor at a time runs functions of an extension (but for its strands' own code, and
// guards), unless it says
//
//     CONCURRENT
//
// Then they may run on several processors at once, and without the kernel lock: what they change in
// global variables they change by atomic operations (__atomic_fetch_add and so on).

#ifndef ABI_EXT_EXTENSION_H
#define ABI_EXT_EXTENSION_H

#include "abi/event.h"
#include "abi/ext/importer.h"
#include "abi/types.h"

#define EXT_SECTION(name) __attribute__((section(name), used))

#define ENTRY(result, name, arguments) EXT_SECTION("entry/" #name) result name arguments
#define INIT(name)                     EXT_SECTION("init/" #name) int name(void)
#define FINI(name)                     EXT_SECTION("fini/" #name) void name(void)

#define EVENT(result, name, arguments) EXT_SECTION("event/" #name) result name arguments
#define HANDLER(event, result, name, arguments)                                                    \
    result name arguments;                                                                         \
    EXT_SECTION("handler/" #event) result name arguments
#define HANDLER_AT(event, order, result, name, arguments)                                          \
    EXT_SECTION("handler/" #event "/" #order) result name arguments
#define GUARD(handler, name, arguments) EXT_SECTION("guard/" #handler) u64 name arguments

#define CONCURRENT                                                                                 \
    u64 ext_concurrent(void);                                                                      \
    EXT_SECTION("concurrent") u64 ext_concurrent(void) {                                           \
        return 1;                                                                                  \
    }

// More of handlers. `order` is words with slashes between: first, last, before(NAME), after(NAME)
// (of another handler), async, budget(NUMBER), set(NUMBER) (not installed before handlers_swap),
// later (not installed before handler_install). A handler and its guards may take one u64 more than
// the event has arguments: the closure.
//
// A filter gets the event's arguments, which must all be numbers, as a structure, and may change
// them for the handlers behind it. A default handler runs if no other did.
#define FILTER(event, name, arguments) EXT_SECTION("handler/" #event "/filter") void name arguments
#define DEFAULT(event, result, name, arguments)                                                    \
    EXT_SECTION("handler/" #event "/default") result name arguments

// More of events, for their exporter. How the results of several handlers become one: EVENT_MERGED
// with or, and, sum, first, last; or MERGER. Who may handle it: AUTHORISER, which denies by 0, or
// changes the request; of guards that it imposes, number 0 to 7, IMPOSED gives the code.
#define EVENT_MERGED(merge, result, name, arguments)                                               \
    EXT_SECTION("event/" #name "/" #merge) result name arguments
#define MERGER(event, name) EXT_SECTION("merger/" #event) u64 name(u64 so_far, u64 next)
#define AUTHORISER(event, name)                                                                    \
    EXT_SECTION("authorise/" #event) int name(struct event_request *request)
#define IMPOSED(event, number, name, arguments)                                                    \
    EXT_SECTION("impose/" #event "/" #number) u64 name arguments

#define MAY_LINK(name)        EXT_SECTION("may_link/" #name) u64 name(const struct ext_importer *importer)
#define GIVE(name, arguments) EXT_SECTION("give/" #name) u64 name arguments
#define TAKE(name, arguments) EXT_SECTION("take/" #name) u64 name arguments

// --- what the kernel offers to every extension ---------------------------------------------------

// Text for the kernel's log, at most 256 bytes.
extern void log_text(const char *text, u64 length);
#define LOG(literal) log_text(literal, sizeof(literal) - 1)

// For the console, at most 64 bytes; `cap` is a slot of the env that loaded the extension, with
// WRITE. Returns the length, or an error.
extern i64 console_text(u64 cap, const char *text, u64 length);

// The time-stamp counter, how often it ticks in a second, and nanoseconds since 1970.
extern u64 clock_ticks(void);
extern u64 clock_hz(void);
extern u64 clock_wall_ns(void);

// --- handlers, while the extension lives
// -----------------------------------------------------------

// Installs one of the extension's handlers, by its name; returns what handler_remove wants, or a
// negative error.
extern i64 handler_install(const char *name, u64 length, u64 closure);
#define HANDLER_INSTALL(name, closure) handler_install(#name, sizeof(#name) - 1, closure)
extern i64 handler_remove(u64 installed);
// Takes all handlers of an event that are in set `from` out, and installs those of set `to`, at
// once. Handlers without a set are in set 0. Returns how many were installed, or a negative error.
extern i64 handlers_swap(const char *event, u64 length, u64 from, u64 to);
#define HANDLERS_SWAP(event, from, to) handlers_swap(#event, sizeof(#event) - 1, from, to)

// --- events of the kernel that every extension may know
// --------------------------------------------

// An extension begins to live. Those that the first account pays for may handle it.
extern void extension_loaded(u64 ext, u64 account);

#endif
