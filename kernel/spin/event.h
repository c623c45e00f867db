// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events: procedures that extensions export, and that any extension may handle. A call of such a
// procedure raises it: the handlers whose guards hold run, or, if none does, the procedure itself.
//
// The exporter's object has the procedure in section "event/NAME". Another extension that imports
// NAME, with the same type, calls the event's stub, by a jump in its own code pages; one that has a
// function in section "handler/NAME[/first|/last]" handles it from the end of its loading
// until it dies, if the function in section "guard/HANDLER" allows it. Events of a dead exporter
// answer 0.
//
// What runs in a raise is proved to end within EXT_COST_MAX instructions each: handlers, guards and
// exported procedures must not need the meter. An event that is raised below another one too deeply
// does not run (dispatch.h, CHECKED).
//
// Code that raises runs with the kernel lock held, so what a change unlinks has no readers and is
// released at once. Everything here is called with the kernel lock, unless it says otherwise.

#ifndef KERNEL_SPIN_EVENT_H
#define KERNEL_SPIN_EVENT_H

#include "kernel/spin/ext.h"

struct event;

void event_init(void); // boot

// The run's lowest stack pointer with which handlers may go on.
u64 event_stack_limit(void);

// Inside work: links import number `index` of a loading extension to an event of that name and
// type. 0; E_STALE: there is none; E_INVAL: its type differs; E_NOMEM.
i64 event_import(struct ext *ext, u32 index, const char *name, const char *prototype,
                 struct engine_import *import);
// Where the stub of that import is to lead; 0 if the import is none of an event.
u64 event_import_target(const struct ext *ext, u32 index);

// Inside work: what a guard asks. Guards that are more than comparisons are refused: E_INVAL.
i64 event_guard_analyse(struct ext *ext, const struct engine_verdict *verdict,
                        struct ext_function *function);

// Opens the extension's events and installs its handlers. E_STALE: no such event; E_INVAL: the
// types differ, or a function may not run in a raise; E_NOMEM. After an error the extension must be
// killed.
i64 event_install(struct ext *ext);
// Takes the extension out of all events.
void event_forget(struct ext *ext);

#endif
