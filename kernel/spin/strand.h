// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands: threads of control in the kernel, which run the code of extensions. A strand has a stack
// of its own, paid by the account of the env that its extension acts for, and belongs to a crew:
// the strands of one extension. Crews run in the positions of their owner env: where one comes up,
// the env and its crews take turns (docs/decisions/040-strands.md).
//
// A strand is READY (in its crew's queue), RUNNING, BLOCKED or SLEEPING (until unblocked, or its
// deadline), or DEAD (ended; its name and result stay until somebody joins it). Unblocking one that
// is not blocked leaves it a token: its next block returns at once, so no wake-up is lost.
//
// Preemption. A strand runs with interrupts on and without the kernel lock. Where an interrupt may
// take the processor away from it, it may also be ended: only where nothing is half done, so in
// machine code of extensions and in functions that say STRAND_ANYWHERE. Everything else that runs
// on a strand is short.
//
// Rules. All functions want the kernel lock and interrupts off, and return so. Those that may
// switch are for the running strand, which has nothing in hand that its end would lose.

#ifndef KERNEL_SPIN_STRAND_H
#define KERNEL_SPIN_STRAND_H

#include "abi/strand.h"
#include "engine/run.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/sched.h"

struct strand;

#define STRAND_CREW_MAX    128 // strands of one; bounds the work of ending it
#define STRAND_STACK_PAGES 6ul // each charged to the owner's account

// What an extension's own scheduler does for its crew. Each may be null; none may switch.
struct strand_policy {
    void (*unblocked)(void *context, struct strand *strand);  // is READY now
    void (*blocked)(void *context, struct strand *strand);    // no longer runs nor waits to
    void (*checkpoint)(void *context, struct strand *strand); // lost the processor, still READY
    strand_id (*resume)(void *context); // which READY strand is to run; anything else: the oldest
};

struct strand_crew {
    struct env *owner;
    struct strand *first, *last;  // READY, the oldest first
    struct strand *all;           // all that live or are DEAD, and the spare ones
    struct strand *spare;         // ended ones, whose stack, row and seat are kept for the next
    struct strand_crew *next;     // of the owner's crews
    struct strand_crew *runnable; // of those that are queued at the owner
    struct strand_crew *ending;   // of those whose end has begun
    const struct strand_policy *policy;
    void *policy_context;
    void (*dropped)(struct strand *strand);  // one was ended before its time; or null
    void (*empty)(struct strand_crew *crew); // its last one has ended; or null
    u32 live;                                // of count, without those that are DEAD
    u32 count, spares;                       // without, and of, the spare ones
    u32 running;                             // on how many processors
    u64 seats[STRAND_CREW_MAX / 64];         // taken
    u8 queued; // at the owner; may be so with none READY until somebody looks
    u8 dying;
    u8 scheduled; // has a policy
};

typedef u64 strand_function(u64 argument);

struct strand {
    u64 rsp;        // while it does not run
    strand_id id;   // 0: it is spare
    strand_id name; // the last id that it had
    u64 start;      // rsp of one that begins: the frame there lasts as long as the stack
    struct abi_strand *row;
    struct strand_crew *crew;
    struct strand *next, *previous;         // READY: neighbours in the queue; spare: next
    struct strand *all_next, *all_previous; // of the crew
    struct sleeper sleeper;
    strand_function *function;
    u64 argument, result;
    struct strand *joiner;  // who waits for its end
    struct strand *joining; // whose end it waits for
    struct strand *partner; // of its crew, to which it has last passed; itself: none
    u64 flushed;            // processors without stale translations of the stack
    u32 slot;
    u32 entry; // of an extension's: the function that it runs
    u32 seat;  // number among its crew, the lowest that was free
    u16 flags; // STRAND_*
    u8 token;
    u8 late; // its deadline came
    struct engine_run run;
};

enum {
    STRAND_DETACHED = 1 << 0, // nobody will join it
    STRAND_ANYWHERE = 1 << 1, // may be preempted and ended at every instruction
};

extern struct strand **strand_of; // by index of the name
extern u32 strand_rows;

// --- crews ---------------------------------------------------------------------------------------

void strand_crew_init(struct strand_crew *crew, struct env *owner);
// Who schedules it; null: nobody, the oldest runs.
void strand_crew_schedule(struct strand_crew *crew, const struct strand_policy *policy,
                          void *context);
// Ends strands of a crew, and takes from the budget what that costs, in pages that are given back;
// those that run are told to. Returns whether some are left: then it is to be called again, or
// strand_reap does it. After that the crew has no memory left, and no owner. Nothing for a crew
// without.
int strand_crew_end(struct strand_crew *crew, u32 *budget);
// Goes on elsewhere: its strands, and its places at its owner, which is not ending it. Then `from`
// is one that was never begun.
void strand_crew_move(struct strand_crew *from, struct strand_crew *to);
// Goes on with ends that were begun.
void strand_reap(u32 *budget);
int strand_ending(void); // are there any?

// --- strands -------------------------------------------------------------------------------------

// A new READY strand. E_NOMEM, E_FULL, E_LIMIT (the crew has too many), E_DEAD (it is dying).
i64 strand_create(struct strand_crew *crew, strand_function *function, u64 argument, u32 flags,
                  struct strand **made);
// The strand of that name in a crew, or null.
struct strand *strand_find(const struct strand_crew *crew, strand_id id);
void strand_unblock(struct strand *strand);

// In one instruction, so that a strand may ask for itself without the lock: it may be moved between
// two.
static inline struct strand *strand_current(void) {
    struct strand *strand;
    __asm__ volatile("mov %%gs:%c1, %0"
                     : "=r"(strand)
                     : "i"(__builtin_offsetof(struct cpu, strand)));
    return strand;
}

// These may switch.
i64 strand_block(u64 deadline);     // 0: unblocked; -E_AGAIN: the deadline came. ABI_ANY: none
i64 strand_pass(struct strand *to); // unblocks it, and blocks; if it was BLOCKED it runs next, here
void strand_yield(void);            // to the other READY ones of the crew
i64 strand_join(struct strand *strand, u64 *result); // E_BUSY: somebody else does; E_INVAL: itself
__attribute__((noreturn)) void strand_exit(u64 result);

#endif
