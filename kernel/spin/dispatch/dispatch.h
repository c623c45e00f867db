// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Dispatch of events: from a set of handlers with guards to machine code that runs those that a
// raise is for. A pure library: it knows no kernel; memory and code pages come from its embedder.
//
// An event has one address, its stub, at which it is raised: called with up to five arguments in
// RDI, RSI, RDX, RCX, R8 and the run in R9. What that does:
//
//   * each handler whose guards hold is called, in an order that agrees with the constraints; its
//     result is merged into the raise's (see DISPATCH_MERGE_*);
//   * a filter may rewrite the arguments for those behind it. Guards are asked about the arguments
//     as they are then; whether a guard sees what an ordinary handler of the same raise has just
//     written to memory is not defined;
//   * if no handler ran, the default handler is called; without one the result is `none`.
//
// Structure. Bindings are the leaves of a tree. A *set* is a list of *stages*, in order. A stage is
// one binding (leaf), or a *table*: all its bindings test one field for equality with some
// constant, and each constant leads to the set of its bindings, whose other tests are asked there.
// So tests are shared, a lookup is a hash, and the cost of a raise follows the handlers that run.
// Bindings whose tables others pay for are in tables of their own: so what one payer's bindings
// share goes with the last of them, and a raise looks into one table for each payer and field.
// Invariants: a binding's leaf asks exactly those of its tests that no table above it has decided
// (`done`); the stages of a set are sorted by section; a filter is a leaf of the root set.
//
// Code. Every piece is a small block, written once and linked by words that hold addresses (`jmp
// [word]`). Changing an event means: write new blocks, then store one word. So readers need no
// lock, no running code is ever modified, and work per change is bounded by a constant times the
// depth of the structure. What is unlinked is handed back for release when no reader can be in it
// (dispatch_retired).
//
// Contracts of code: T (top): arguments and run in their registers, returns the result. I (inner):
// the same, and R11 holds where to jump, with everything but RAX, R10 intact, if no handler ran. A
// word is only ever changed to another address of the same contract.
//
// Rules for the caller. One change of an event at a time (changes of different events whose memory
// is the same, too). A change that fails changes nothing. Fields marked "embedder" are set before
// the call and then left alone. Handlers, guards and code must be within 2 GiB of one another, and
// code at addresses that are sign-extended 32-bit numbers.

#ifndef KERNEL_SPIN_DISPATCH_DISPATCH_H
#define KERNEL_SPIN_DISPATCH_DISPATCH_H

#include "engine/guard.h"

enum dispatch_error {
    DISPATCH_OK = 0,
    DISPATCH_MEMORY = -1,
    DISPATCH_REACH = -2, // an address is too far away
};

// How results of several handlers of one raise become one. The operation must be associative: the
// results of handlers that share a constant may be merged with one another first.
enum dispatch_merge {
    DISPATCH_MERGE_LAST, // of the handler that ran last
    DISPATCH_MERGE_FIRST,
    DISPATCH_MERGE_OR,
    DISPATCH_MERGE_AND,
    DISPATCH_MERGE_SUM,
    DISPATCH_MERGE_CUSTOM, // merger(so far, next)
};

enum dispatch_order {
    DISPATCH_ORDER_NONE,
    DISPATCH_ORDER_FIRST, // before all that are not FIRST; of several the youngest runs first
    DISPATCH_ORDER_LAST,
    DISPATCH_ORDER_BEFORE, // the anchor
    DISPATCH_ORDER_AFTER,
};

enum {
    DISPATCH_FILTER = 1 << 0, // called with R1 = address of the arguments, as an array; its result
                              // is dropped, and it does not count as a handler that ran
    DISPATCH_ASYNC = 1 << 1,  // its result is not merged, and must be dispatch_identity; it counts
                              // as a handler that ran
    DISPATCH_CANCELLABLE = 1 << 2, // returns RDX != 0 if it was cancelled: then it has not run
                                   // Its handler finds the binding's cookie in R11
    DISPATCH_CHECKED = 1 << 3,     // may raise events: refused (it has not run) if RSP is below the
                                   // word at R9 + stack_limit
};

// ---- Memory of one payer

struct dispatch_chunk;
struct dispatch_block;

struct dispatch_memory {
    // Embedder. code_alloc gives pages whose write view stays until code_free; code_seal is not
    // called.
    const struct engine_host *host;
    // Kept by the library.
    struct dispatch_chunk *chunks;
    u64 blocks; // code blocks in use or retired: the memory must outlive them
    u64 heap_bytes, code_bytes;
};

// Gives back what changes have unlinked, when no processor can be in it any more.
void dispatch_release(struct dispatch_block *list);
// Puts the block before a list instead of what came behind it, which is returned.
struct dispatch_block *dispatch_block_chain(struct dispatch_block *block,
                                            struct dispatch_block *list);

// ---- Bindings and events

struct dispatch_stage;
struct dispatch_event;

struct dispatch_binding {
    // Embedder.
    struct dispatch_memory *memory; // pays for the leaf
    struct dispatch_memory *shared; // pays for what it shares with others of the same; NULL: the
                                    // event's. It must not go before all of them are removed
    u64 handler;                    // address, contract T
    u32 flags;                      // DISPATCH_*
    u32 counter;                    // number of its counter of calls
    u32 cost, guard_cost;           // what a call of it, of one of `opaques` is charged with
    u64 cookie;                     // in R11 when a CANCELLABLE handler is called
    u8 closure_register;            // 1 + number of the argument that is `closure`; 0: none
    u64 closure;
    u8 order;                        // enum dispatch_order
    struct dispatch_binding *anchor; // BEFORE, AFTER: installed on the same event
    u32 test_count, opaque_count;
    struct dispatch_test tests[DISPATCH_TESTS];
    u64 opaques[DISPATCH_OPAQUES]; // addresses of guards, contract T
    u64 words[DISPATCH_OPAQUES];   // their closures
    // Kept by the library.
    struct dispatch_event *event;
    struct dispatch_stage *stage;
    struct dispatch_binding *next, *previous;             // of the event, oldest first
    struct dispatch_binding *dependents;                  // that have it as their anchor
    struct dispatch_binding *dependent, **dependent_link; // among those of its anchor
    u16 test_done; // bit i: a table above has decided tests[i]
};

// Where machine code finds what is the processor's or the run's.
struct dispatch_layout {
    u32 counters_gs; // GS offset of the address of the processor's counters, an array of u64
    u32 spent;       // offset in the run of what handlers have cost; 0: not wanted. When it becomes
                     // negative, handlers are refused (they have not run)
    u32 stack_limit; // offset in the run of the lowest stack pointer with which handlers may go on
    u32 seed;        // of hashes, so that nobody can choose constants that collide
};

struct dispatch_set {
    struct dispatch_event *event;
    struct dispatch_stage *first, *last;
    struct dispatch_stage *edge[3]; // last stage of each section
    struct dispatch_entry *parent;  // NULL: root
    u32 stages;
    bool framed;
    struct dispatch_block *frame, *end; // framed
};

struct dispatch_event {
    // Embedder.
    struct dispatch_memory *memory; // pays for the stub, the root set, and what handlers without
                                    // a `shared` share
    const struct dispatch_layout *layout;
    u8 arguments;                       // 0..5
    u8 merge;                           // enum dispatch_merge
    bool uncounted;                     // calls and raises are not counted
    u64 raises;                         // address of a word that the stub counts raises in; 0: none
    u64 none;                           // result if no handler ran and there is no default
    u64 merger;                         // CUSTOM: its address
    u32 counter_misses, counter_adjust; // numbers of two counters, see dispatch_raises
    // Kept by the library.
    u64 address; // of the stub: call it to raise the event
    struct dispatch_block *stub, *miss, *abandon, *none_block, *fallback;
    struct dispatch_block *retired;
    u64 *shadow; // while a new set is built: the word that takes the root's address
    struct dispatch_binding *handlers, *handlers_last, *default_binding;
    struct dispatch_set root;
};

int dispatch_event_open(struct dispatch_event *event);
// Removes all bindings.
void dispatch_event_close(struct dispatch_event *event);

int dispatch_install(struct dispatch_event *event, struct dispatch_binding *binding);
void dispatch_remove(struct dispatch_binding *binding);

// The default handler: NULL for none. Its guards are not asked, its order is meaningless.
int dispatch_default(struct dispatch_event *event, struct dispatch_binding *binding);

// The same in two steps, of which only the first can fail (NULL): code for a default handler, which
// reads the binding now; and putting it, with the binding, into its place.
struct dispatch_block *dispatch_default_make(struct dispatch_event *event,
                                             const struct dispatch_binding *binding);
void dispatch_default_set(struct dispatch_event *event, struct dispatch_binding *binding,
                          struct dispatch_block *block);
void dispatch_default_drop(struct dispatch_block *block); // that was made and not set; NULL is fine

// Code that jumps to an address which one store can change: for opaque guards and mergers of an
// event that are to be exchanged. NULL: no memory. It is dropped before anybody has its address, or
// retired.
struct dispatch_block *dispatch_thunk_make(struct dispatch_memory *memory, u64 target);
u64 dispatch_thunk_address(const struct dispatch_block *thunk);
void dispatch_thunk_set(struct dispatch_block *thunk, u64 target);
void dispatch_thunk_drop(struct dispatch_block *thunk); // NULL is fine
void dispatch_thunk_retire(struct dispatch_event *event, struct dispatch_block *thunk); // too

// Removes some bindings and installs others such that each raise sees all of it or nothing. Work is
// proportional to the event's handlers. An anchor must not be removed.
int dispatch_swap(struct dispatch_event *event, struct dispatch_binding *const *remove, u32 removed,
                  struct dispatch_binding *const *install, u32 installed);

// Writes the code of an installed binding anew: what says how its handler is called has changed.
int dispatch_renew(struct dispatch_binding *binding);

// Makes a new stub, at another address: `raises` has changed.
int dispatch_stub_renew(struct dispatch_event *event);

// Where a raise may begin instead of at the event's address, until the next change.
u64 dispatch_target(const struct dispatch_event *event);

// What was unlinked by changes of the event so far; NULL if nothing was.
struct dispatch_block *dispatch_retired(struct dispatch_event *event);

// The result of a raise that ran asynchronous handlers only.
u64 dispatch_identity(const struct dispatch_event *event);

// How often an event was raised, exactly:
//     misses + calls of its handlers (without filters and default, with those removed meanwhile)
//     + adjust - cancellations, each summed over processors, modulo 2^64
// A raise that runs one handler is counted by that handler alone; frames, in which several may run,
// correct by 1 - (those that ran).
static inline u64 dispatch_raises(u64 misses, u64 calls, u64 adjust, u64 cancellations) {
    return misses + calls + adjust - cancellations;
}

#endif
