// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Extensions: objects that were checked, proved and compiled, in the running kernel.
//
// Life. LOADING: the env that loads it works inside of the kernel (aegis/inside.h); nobody else
// knows the extension. LIVE. DYING: nobody can call it any more; its memory is given back some
// pages at a time. A struct ext lives in a frame of its own, which goes last.
//
// Machine code. At the start of its code pages an extension has one stub of EXT_STUB_BYTES for each
// import; then its functions. A call of a function that another extension exports goes to the stub,
// which jumps to where a word in it says. So code that others may be running is never changed.
//
// Everything here is called with the kernel lock, unless it says otherwise.

#ifndef KERNEL_SPIN_EXT_H
#define KERNEL_SPIN_EXT_H

#include "abi/extension.h"
#include "abi/tables.h"
#include "engine/engine.h"
#include "engine/signature.h"
#include "kernel/aegis/env.h"
#include "kernel/spin/counted.h"
#include "kernel/spin/dispatch/dispatch.h"
#include "kernel/spin/memory.h"
#include "kernel/spin/strand.h"

#define EXT_STUB_BYTES    64
#define EXT_STUB_WORD     56         // offset of the word that says where an event's raises begin
#define EXT_STUB_EVENT    (1u << 31) // in the place of SERVICE_*
#define EXT_STACK_ORDER   3          // pages of the loader's stack, log2
#define EXT_STACK_BYTES   ((u64)ABI_PAGE << EXT_STACK_ORDER)
#define EXT_STACK_RESERVE 12288 // of it: what the engine uses between two allocations
#define EXT_BUDGET        8000  // meter of a call in kernel context

// engine_run.mode: how code of extensions runs.
enum {
    EXT_RUN_LOCKED, // with the kernel lock
    EXT_RUN_STRAND, // a strand's own code: without the lock, preemptible
    EXT_RUN_RAISED, // below a call of a program, or a strand's raise: without the lock, interrupts
                    // off, inside as epoch.h has it
};

enum ext_role {
    EXT_ROLE_NONE,
    EXT_ROLE_ENTRY,   // section "entry": called by ext_call
    EXT_ROLE_EVENT,   // "event": exported, other extensions call it
    EXT_ROLE_HANDLER, // "handler/…"
    EXT_ROLE_GUARD,   // "guard/…"
    EXT_ROLE_INIT,    // "init", "fini": once after loading, once before unloading
    EXT_ROLE_FINI,
    EXT_ROLE_UNBLOCK, // "handler/Strand_Unblock" and so on: of its own strands (abi/ext/strand.h)
    EXT_ROLE_BLOCK,
    EXT_ROLE_CHECKPOINT,
    EXT_ROLE_RESUME,
    EXT_ROLE_MAY_LINK, // "may_link": may that importer link to us?
    EXT_ROLE_GIVE,     // "give", "take": state in a live upgrade
    EXT_ROLE_TAKE,
    EXT_ROLE_AUTHORISE,  // "authorise/EVENT": may that handler be installed?
    EXT_ROLE_IMPOSED,    // "impose/EVENT/NUMBER": a guard that the authoriser can impose
    EXT_ROLE_MERGER,     // "merger/EVENT": makes one result of two
    EXT_ROLE_DESTROY,    // "destroy/TYPE": an object of that type is dead
    EXT_ROLE_CONCURRENT, // "concurrent": its code may run on several processors at once
    EXT_ROLES
};

// A function with a role.
struct ext_function {
    const char *name;
    const char *section;
    u64 hash; // of the name: abi/extension.h
    u32 role;
    u32 function; // of the program
    u32 hook;     // of the interface; hook 0 is that of strands
    u32 btf;      // its FUNC
    const char *prototype;
    u64 shape; // of the type: ext_type_shape
    struct engine_code_entry entry;
    u32 cost;                     // instructions, at most, between two looks at the meter
    struct dispatch_guard *guard; // of guards: what it asks
    struct event_shown *shown;    // of handlers: the row of those that are installed; or null
};

#define EXT_RANGES 16
struct ext_range {
    space_id space;
    u64 va, bytes;
};

struct ext;

// What machine code of an extension and its strands know it by, as long as that code lasts.
struct ext_home {
    struct ext *ext;         // for whom it acts
    struct engine_code code; // of strands, which don't take the lock for it
    struct engine_interface interface;
};

struct ext {
    ext_id id;
    struct abi_extension *row;
    u32 doomed;          // LOADING: is to die
    struct ext *self;    // who the code is for: the one that it replaces, which may have died
    struct ext *heir;    // DYING: which has its place, while strands of its code still run
    struct ext *retired; // of those whose heir it is
    u32 elders;          // of those whose heir it is, how many are not given back yet
    struct ext *retired_next;
    // Its code and what that needs; an upgrade exchanges it (upgrade.c).
    struct ext_home *home;
    struct memory memory;
    struct memory_pages arena, code_pages;
    struct engine_host host;
    struct engine_interface interface;
    struct engine_program *program;
    struct engine_code code;
    struct ext_function *functions;
    u32 function_count;
    u32 concurrent; // its code may run without the kernel lock
    struct event_link *links;
    struct engine_counted *counted;     // its structures that are objects; null: none
    struct counted_type *counted_types; // by layout
    // Events and handlers, which outlive the code: event.c
    struct memory lasting;
    struct engine_host dispatch_host;
    struct dispatch_memory dispatch;
    struct event *events;
    u64 handler_names;          // given so far
    u32 retired_handlers;       // that wait to be freed
    struct event_share *shares; // of its events, by account: event_share.c
    struct event_queue *queue;  // of asynchronous handlers: event_later.c
    u32 forgotten;              // DYING: it is in no event any more
    u64 gone;                   // and from when on nobody is in its code (epoch_now)
    struct event_handler *handlers, *handlers_named; // in a list, and by name
    struct domain_entry *entries;                    // domain_made.c
    struct counted_room room;
    // service/strand.c
    u32 later;                           // a strand runs its asynchronous handlers,
    struct event_handler *later_handler; // now this one, if that is still installed
    struct strand_crew crew;
    struct strand_policy policy;
    int strands;         // it imports what strands need
    u64 strand_callable; // value of a function that was found to be for strands; ~0: none yet
    // service/watch.c
    struct watch *watched;               // envs whose events go to it
    struct ext_range ranges[EXT_RANGES]; // pages that can be absent, if it says so
    u32 range_count;
    struct ext *next;        // of the dying ones
    struct ext *next_of_env; // of its env's
    struct env *env;         // that it acts for and dies with; null: none
    // While it is loaded
    struct env *loader;
    u32 closes; // it keeps raises from running without the lock: epoch_closed
    struct ext_load request;
    struct ext_link link;
    struct memory scratch;
    struct memory_pages stack;
    u64 stack_top;
    struct engine_host scratch_host;
    u64 report; // user address
    void *object_copy;
    struct engine_refusal refusal;
};

struct ext *ext_find(ext_id id);

// By index of the table; null if the row is free.
struct ext *ext_at(u32 index);

// The extension, if the running env's capability in that slot allows that with it. The errors of
// capabilities; E_STALE.
i64 ext_check(u64 cap, ext_id id, u32 rights, struct ext **ext);

// Makes it uncallable; spin_reap gives its memory back.
void ext_kill(struct ext *ext, enum ext_detached why);
// The same for one that was replaced: not before its strands have ended, or its heir is killed.
void ext_retire(struct ext *ext, struct ext *heir);

// Calls a function of a live extension in kernel context, with that budget.
enum engine_status ext_run(struct ext *ext, u32 function, const u64 *arguments, i64 budget,
                           u64 *result);
struct ext_function *ext_function_of_role(struct ext *ext, enum ext_role role); // or null
// The same below a raise, in any run.
enum engine_status ext_run_nested(struct engine_run *run, struct ext *ext, u32 function,
                                  const u64 *arguments, i64 budget, u64 *result);
// The run of this processor's kernel context.
struct engine_run *ext_run_here(void);

// For whatever code of extensions comes to, in any mode (functions that release references, too):
// takes the kernel lock if the run does not have it; `mode` is what ext_unlock wants.
u32 ext_lock(struct engine_run *run);
void ext_unlock(struct engine_run *run, u32 mode);

// service/strand.c: in an upgrade, the strands of one go on in the other, which gets its code.
void ext_strands_retire(struct ext *ext, struct ext *with);

// A strand of the extension begins to run its asynchronous handlers (event_later.c). Errors of
// strand_create; E_DEAD: it can have no strands.
i64 ext_strand_later(struct ext *ext);

// load.c: from ext->object_copy to a program that can run. Inside work; 0 or an error.
i64 ext_build(struct ext *ext);

// service/watch.c: nobody is watched by it any more.
void watch_forget(struct ext *ext);
// Does it watch that env?
int watch_has(const struct ext *ext, const struct env *env);
// It has said which pages can be absent.
void watch_ranges_changed(struct ext *ext);
// A handler of an event that each extension has for itself has come, or has gone: by the
// dispatcher's own decision, if `detached`. The extension lives.
struct kernel_event;
void watch_handlers_changed(struct ext *ext, const struct kernel_event *event, int detached);

// types.c: a hash of the type with the layout of all structures, for comparison; what must not be
// wrong is compared besides.
u64 ext_type_shape(const struct engine_btf *btf, u32 func);

// load.c, inside work. For the signatures of the extension's functions; a typed import (counted.h),
// 0 if its declaration is none; what an import with references needs, 0: no memory.
struct engine_references ext_references(struct ext *ext);
int ext_import_counted(struct ext *ext, const struct engine_symbol *symbol,
                       const struct engine_btf *btf, struct engine_import *import);
int ext_import_references(struct ext *ext, const struct engine_import *import);
// Do two extensions mean the same type?
int ext_types_equal(const struct ext *a, u32 layout, const struct ext *b, u32 other);
// Of the structure behind a layout.
u64 ext_struct_shape(const struct engine_btf *btf, u32 id);

// upgrade.c: `with` is loaded and about to live; its code takes the place of the old one's, which
// is then with's. After an error nothing has changed, and `with` must be killed.
i64 ext_upgrade(struct ext *ext, struct ext *with);

// ext.c: something that the account pays for has come or gone; it does not end before all has.
void ext_pays(account_id account, int more);
// ext.c: a row and a frame for a new extension. For domain_made.c.
i64 ext_make(struct env *env, account_id payer, const struct ext_load *request, struct ext **made);
// Does the capability cover it, with these rights? E_STALE: it is gone.
i64 ext_check(u64 cap, ext_id id, u32 rights, struct ext **ext);
// Dies with the account and no more with its env.
void ext_leave_env(struct ext *ext);
int ext_name_is_valid(const char *name);

#endif
