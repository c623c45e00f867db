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

// --- events of the kernel that every extension may know
// --------------------------------------------

// An extension begins to live. Those that the first account pays for may handle it.
extern void extension_loaded(u64 ext, u64 account);

#endif
