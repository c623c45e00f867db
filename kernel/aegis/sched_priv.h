// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What sched.c, sleep.c, slice.c and excess.c share.

#ifndef KERNEL_AEGIS_SCHED_PRIV_H
#define KERNEL_AEGIS_SCHED_PRIV_H

#include "kernel/aegis/sched.h"

#define SCHED_WORDS (ABI_SLICES / 64)

struct processor {
    struct abi_cpu *row;
    u64 runnable[SCHED_WORDS]; // positions whose env may run, see sched.c
    u32 position;
    struct env *owner; // of the strand that runs here, null if none does
    // The env that asked to be left alone here, null if none did; how many positions here are its
    // own, at least one, and how many are other envs'.
    struct env *whole;
    u32 own, others;
};

struct processor *sched_processor(u32 cpu);
static inline u32 processor_number(const struct processor *p) {
    return (u32)(p - sched_processor(0));
}
extern struct abi_slice *slice_rows;
extern u32 *slice_next; // links the slices of an env: number + 1
extern u64 slice_ticks; // length of a slice
extern u64 grace_ticks; // what an env that was told of its end gets to leave in
extern u32 watch_count; // processors that idle, or that an env asked to have alone
void watch_begin(void); // one more
static inline void watch_end(void) {
    watch_count--;
}

void position_mark(u32 slice, int runnable); // its env may run, or not
int state_runs(u32 state);                   // positions of an env in that state run it
void positions_kick(const struct env *env);  // wakes processors that idle for want of it
// Who called the env, or who called that one...: whose time it is.
static inline struct env *env_outermost(struct env *env) {
    while (env->caller)
        env = env->caller;
    return env;
}
// The env whose position this is now, null if nobody's.
struct env *position_env(const struct processor *p);

// A processor that an env has for itself (slice.c). Is it in effect, while that env runs here?
int whole_in_effect(const struct processor *p);

// cpu_this()->grace.
#define GRACE_TOLD 1u // the running env was told that its slice is over (x86_64/interrupt.S too)
#define GRACE_OVER 2u // and did not leave in time
#define GRACE_LEFT 3u // or did, in favour of somebody

// Excess time (excess.c). A slice ends after its env was told, and it is the turn of next, if of
// anybody.
void excess_charge(const struct processor *p, const struct env *next, u64 now);
// The running env did not leave in time. Returns whether it is to be destroyed for it.
int excess_forced(const struct processor *p, struct env *env, u64 now);
// Does the env owe a slice? Then it gets none while somebody else can run; and pays one for each
// that it does not get.
static inline int excess_owes(const struct env *env) {
    return env->row->excess >= slice_ticks;
}
void excess_pay(struct env *env);
void excess_init(void);

void sched_sleep_init(void);
u64 sched_sleep_first(void);                 // earliest deadline on this processor, ~0 if none
void sched_sleep_expire(u64 now, u64 *from); // wakes whose deadline has come, and charges them
extern u32 *slice_before;                    // the same backwards
void sched_slice_own(u64 slice, account_id owner); // 0: free; nobody runs in it

#endif
