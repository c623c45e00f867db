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

#include "kernel/spin/epoch.h"
#include "kernel/spin/event.h"

// A function of an extension on an event.
struct event_handler {
    struct dispatch_binding binding; // first
    struct epoch_node node;          // when it is gone
    u64 name;                        // among those of its extension
    struct abi_handler *row;
    struct event_shown *shown; // whose row that is; or null
    struct ext *ext;
    struct ext_function *function;
    struct event *event;                // null: it is not installed
    struct event_handler *next, **link; // of its extension, and what points at it
    struct event_handler *child[2];     // by name: event_name.c
    u64 closure;
    struct event_share *share; // whose memory it shares; null: the exporter's
    u32 kind, budget, set;
    u32 coded;       // the event's `coding` when its code was made
    u8 is_procedure; // the exporter's own
    u8 never;        // its guards can't hold: the dispatcher does not know it
};

// The row of a function's handlers of an event: those with other closures share it.
struct event_shown {
    struct abi_handler *row;
    u64 id, event;
    u32 users;
};

#define EVENT_IMPOSED 8 // guards that an exporter can impose

#define EVENT_STACK_LEAF 1024 // stack that handlers may need that nobody checks there is

struct event {
    struct dispatch_event dispatch; // first
    struct event_handler procedure; // the exporter's own, which runs if no handler does
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
    struct dispatch_block *standby;   // code of the procedure, while there is a default handler
    u64 target;                       // where its raises begin
    u32 withdrawn;                    // nobody finds it any more
    struct event_handler *recode;     // the next to be written anew (event_count); null: none
    u32 coding;                       // how often that was begun
    struct dispatch_block *merger;    // what its handlers call of its exporter: the merger,
    struct dispatch_block *imposed[EVENT_IMPOSED]; // and guards that are imposed; or null
    struct event *next, *next_of_ext;              // of the bucket of its name
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

// The one that an extension means: found by name, or a kernel event of its own, which is made when
// it is first handled. E_STALE, E_NOMEM.
i64 event_meant(struct ext *ext, const char *name, struct event **event);
// After changes: raises begin where they must, and what was unlinked waits to be given back.
void event_release(struct event *event);
void event_handler_retire(struct event_handler *handler); // the same for what nobody has in a list
// Before an event or handler of the extension: where their memory comes from.
void event_memory_prepare(struct ext *ext);
void event_memory_host(struct memory *memory, struct engine_host *host);

// Where a function is called in a raise: itself, or a gate, which makes a frame on the native stack
// if it needs one, and with `locks` takes the kernel lock if the raise does not have it.
u64 event_gate_make(const struct ext *ext, const struct ext_function *function, int locks);
int event_may_run(const struct ext_function *function);
int event_merger_may_run(const struct ext_function *merger);
i64 event_error(int dispatch_error);

i64 event_open(struct ext *ext, struct ext_function *function);
void event_close(struct event *event);
// What that function says of the event.
void event_describe(struct event *event, struct ext *ext, struct ext_function *function);

// event_handler.c
void handler_init(u32 count);
i64 handler_install(struct ext *ext, struct ext_function *function);
void handler_remove(struct event_handler *handler, enum handler_state state);
// It leaves its event and its extension, and its row ends; then it can be retired.
void handler_forget(struct event_handler *handler);
// How its function is called, for the dispatcher.
void handler_code(struct event_handler *handler, const struct event *event);
// The exporter's function of that role for the event, or null.
struct ext_function *event_function(const struct event *event, enum ext_role role);
// In an upgrade: can `with` go on with what handlers of the event call of its exporter? And, when
// its exporter has that code: they call it from now on.
int event_next_fits(const struct event *event, const struct ext *with);
void event_next_set(struct event *event);
// Word number `index` between the slashes of "handler/NAME/first"; 0: there is none.
int event_section_word(const char *section, u32 index, char *word, u64 size);

// event_run.c. event_gate is machine code: contract T, the handler in R11.
extern const char event_gate[];
// Calls a handler with its budget; returns enum engine_status. If that is not 0, it was detached.
u32 event_call(struct event_handler *handler, const u64 *arguments, struct engine_run *run,
               u64 *value);

// event_name.c: handlers of an extension, by name.
struct event_handler *event_named(struct event_handler *const *root, u64 name);
void event_name_add(struct event_handler **root, struct event_handler *handler);
void event_name_remove(struct event_handler **root, struct event_handler *handler);

// event_share.c: before it is installed (E_NOMEM), and when it is out; more often does no harm.
i64 event_share_join(struct event_handler *handler, const struct event *event);
void event_share_leave(struct event_handler *handler);
u32 event_shares_reap(u32 budget);
int event_shares_ending(void); // is there anything to reap?

// event_later.c
int event_can_wait(const struct event *event); // can its arguments be copied?
i64 event_queue_make(struct ext *ext);
void event_put_off(struct event_handler *handler, const u64 *arguments);
void event_queue_forget(const struct event_handler *handler);
void event_queue_drop(struct ext *ext); // the extension dies
// In an upgrade: calls that wait for handlers of the version that goes are for those of the same
// name of the one that comes, which are the first of the extension's, until `old`.
void event_queue_inherit(struct ext *ext, const struct event_handler *old);

#endif
