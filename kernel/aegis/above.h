// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the room above (kernel/spin) provides to this one: the ends of things that it keeps for
// envs, and the strands that the scheduler runs. With the kernel lock.

#ifndef KERNEL_AEGIS_ABOVE_H
#define KERNEL_AEGIS_ABOVE_H

#include "kernel/aegis/env.h"

// Instructions that all handlers of events below one entry of the kernel may cost together, at
// most; then no more run. engine_run.spent begins at SPENT_NOTHING.
#define EXT_FUEL      4000000
#define SPENT_NOTHING (INT64_MAX - EXT_FUEL)

void strand_init(void); // boot: before sched_init

// Ends strands of an env, some at a time; those that run are told to. Returns whether some are
// left. That goes on by itself; an env that is ENV_DYING is freed then.
int strand_end_all(struct env *owner);

// Has any crew of the env something READY?
int strand_any(struct env *owner);
// Runs one, on the processor's stack.
__attribute__((noreturn)) void strand_run(struct env *owner);
// An interrupt came while a strand ran: takes the processor from it if it must end, or if its slice
// is over; then it does not return. 0: it goes on; 1: it goes on, ask again soon.
int strand_interrupted(int slice_over);
// Its deadline came. Returns whose strand it is.
struct env *strand_woken(struct sleeper *sleeper);

// Boot: tables for that many extensions.
void spin_start(u32 extensions);
// Boot, when frames can be taken: opens the kernel's own events.
void spin_open(void);

// The env that is about to be freed takes its extensions with it.
void spin_env_dies(struct env *env);
// 0 when no extension of the account is left. E_AGAIN.
i64 spin_account_dies(account_id account);

// Gives back what dead extensions had, so many pages; returns whether something is left. The
// scheduler calls it when it idles, and at timer interrupts.
int spin_reap(u32 pages);
extern u32 spin_work; // it may have something to do

// The kernel's own answers where nobody watches (kernel/aegis/x86_64/watch.S).
u64 watch_pass(void); // the env itself is to hear of it
u64 watch_kill(void); // the env ends

// Wakes envs whose predicates hold, of those that went to sleep here; bounded work.
void spin_predicates_look(void);
static inline void spin_predicates(void) {
    extern u32 spin_waiting;
    if (__builtin_expect(spin_waiting != 0, 0))
        spin_predicates_look();
}
int spin_predicates_wait(void); // are there any?
// It waits no more.
void spin_predicate_drop(struct env *env);

// The account was asked for frames: its extensions may give some back.
void spin_account_asked(const struct abi_account *account);

// Nobody watches the env any more.
void spin_unwatch(struct env *env);
// The env is watched as another one is, which made it. E_NOMEM: it must not be.
i64 spin_watch_too(struct env *env, const struct env *like);
// A system call of a TRACED_WATCHED env begins. 0: it may be made; 1: it may not. It does not
// return if the env is to end.
int spin_own_call(u64 rip, u64 number, const u64 *arguments);

#endif
