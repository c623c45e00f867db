// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Slices and what runs. Each processor goes round its vector of positions; a position names the env
// that runs in it. An env that is in env_call lends its positions to the one it called.

#ifndef KERNEL_AEGIS_SCHED_H
#define KERNEL_AEGIS_SCHED_H

#include "kernel/aegis/env.h"
#include "kernel/sal/x86_64/cpu.h"

void sched_init(void);

// The env running on this processor, or null.
static inline struct env *sched_current(void) {
    return cpu_context();
}

// Makes an env that was not runnable READY, and wakes a processor that idles for want of it.
void sched_ready(struct env *env);
// The same for an env that the caller of this enters at once: no other processor has to know.
void sched_ready_here(struct env *env);
// The running env gives up its processor but could go on: others on which it has positions may take
// it at once.
void sched_offer(struct env *env);
// The env's state is no longer one that can run, lend its positions, or sleep.
void sched_unready(struct env *env);
// The same for one that begins env_wait: the word that it waits for stays.
void sched_unready_waiting(struct env *env);

// Leaves the running env, whose continuation is saved and state set, and runs the next position.
// Does not return.
__attribute__((noreturn)) void sched_next(void);
// The same, and frees the running env.
__attribute__((noreturn)) void sched_end(void);
// The same as sched_next, but to a particular READY env for what is left of the slice. Who pays for
// it does not change.
__attribute__((noreturn)) void sched_switch(struct env *env);
// Makes env (READY or ACCEPTING or CALLING) the running one of this processor and loads its space:
// for transfer. Who pays for the time does not change.
void sched_enter(struct env *env);

// From now on the env pays for this processor's time, or whoever called it: it gets the rest of a
// slice at its own expense.
void sched_pay(struct env *env);
// The env dies: nobody pays for what it was to pay for, unless it is who runs.
void sched_payer_gone(const struct env *env);
// The running env hands the processor over by itself: if it was told to leave, it did.
void sched_note_left(void);

// Positions that slice_alloc and slice_free take at a time; beyond them they give CALL_AGAIN.
#define SLICES_PER_PIECE 64u
// Positions.
const struct abi_slice *sched_slices(void);
i64 sched_assign(u64 slice, struct env *env); // E_LIMIT
// All its positions become free. E_AGAIN while some are left.
i64 sched_release_account(account_id account);
void sched_forget(struct env *env); // all its positions become nobody's
void sched_sleep(struct sleeper *sleeper, u64 deadline);
void sched_unsleep(struct sleeper *sleeper);

// The time since *from was spent on an interrupt that is this env's, null: nobody's.
void sched_charge_interrupt(struct env *owner, u64 *from);

void sched_timer_update(void); // a deadline of this processor changed, and it goes on

// Strands (kernel/spin/strand.c) run in the positions of their owner.
void sched_strands_ready(struct env *owner); // there are some in owner->crews now
void sched_strands_offer(struct env *owner); // there is one more
void sched_strands_gone(struct env *owner);  // there are none
// The running strand leaves the processor: the owner is charged.
void sched_strand_charge(void);
// The same, and its owner gets what is left of the slice, if it is the owner's.
__attribute__((noreturn)) void sched_strand_left(struct env *owner);

void sched_count_shootdown(void); // in this processor's row; no lock needed

// Charges the time that a RUNNING env, wherever it runs, has had so far, to whoever pays for it.
void sched_charge(struct env *env);

// Tells the processor that runs an env to look at it.
void sched_poke(struct env *env);

#endif
