// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the parts of events share: events (event.c), handlers (event_handler.c), who calls them
// (domain.c), upgrades (upgrade.c).
//
// What outlives an upgrade of its extension (events, handlers, what the dispatcher made of them) is
// in ext->lasting; links belong to the code that calls through them, and are in ext->memory.

#ifndef KERNEL_SPIN_EVENT_PRIV_H
#define KERNEL_SPIN_EVENT_PRIV_H

#include "kernel/spin/event.h"

struct event {
    struct dispatch_event dispatch; // first
    struct dispatch_binding intrinsic;
    u64 id;
    struct abi_event *row;
    struct ext *owner;            // null: the kernel
    struct kernel_event *kernel;  // or null
    const char *name, *prototype; // canonical text
    const struct engine_type *result, *arguments;
    u32 argument_count;
    u64 hash, shape;                  // of name and type; shape 0: any
    struct event_link *links;         // who imports it
    struct domain_entry *entries;     // of domains that were made
    struct dispatch_block *successor; // in an upgrade: the next version's procedure
    struct event *next, *next_of_ext; // of the bucket of its name
};

// An import that is no service. Its stub leads to the event, or, without one, to a procedure that
// answers 0.
struct event_link {
    struct event *event;
    struct ext *importer;
    u32 index; // of the importer's imports
    const char *name, *prototype;
    u64 hash, shape;
    struct event_link *next_of_event, *next_of_ext;
};

// A function of an extension on an event.
struct event_handler {
    struct dispatch_binding binding; // first
    u64 id;
    struct abi_handler *row;
    struct ext *ext;
    const struct ext_function *function;
    struct event *event; // null: it is not installed
    struct event_handler *next;
};

// The one that an extension means: found by name, or a kernel event of its own, which is made when
// it is first handled. E_STALE, E_NOMEM.
i64 event_meant(struct ext *ext, const char *name, struct event **event);
// Gives back what changes of the event have unlinked.
void event_release(struct event *event);
// Before an event or handler of the extension: where their memory comes from.
void event_memory_prepare(struct ext *ext);

// Counters of calls: a number each, COUNTERS if none is left.
#define COUNTERS 2048u
u32 event_counter_take(void);
void event_counter_give(u32 counter);

// Where a function is called in a raise: itself, or, if it needs a frame, a gate that makes one on
// the native stack.
u64 event_gate_make(const struct ext *ext, const struct ext_function *function);
u32 event_binding_flags(const struct ext *ext);
int event_may_run(const struct ext_function *function);
i64 event_error(int dispatch_error);

i64 event_open(struct ext *ext, struct ext_function *function);
void event_close(struct event *event);
// What that function says of the event.
void event_describe(struct event *event, struct ext *ext, const struct ext_function *function);

void handler_init(u32 count);
i64 handler_install(struct ext *ext, const struct ext_function *function);
void handler_remove(struct event_handler *handler, enum handler_state state);
void handler_forget(struct event_handler *handler); // its row ends

#endif
