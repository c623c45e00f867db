// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Envs. An env is one frame of kernel memory (this structure, capabilities included) and one for
// its vector state, both paid by its account.

#ifndef KERNEL_AEGIS_ENV_H
#define KERNEL_AEGIS_ENV_H

#include "abi/env.h"
#include "abi/predicate.h"
#include "kernel/aegis/cap.h"
#include "kernel/sal/x86_64/context.h"

// Sleeps until a deadline: an env, or a strand (sleep.c).
struct sleeper {
    u64 deadline;
    u32 place; // in its processor's heap + 1, 0 if none
    u16 cpu;
    u16 strand; // it is part of a struct strand, not env
};

struct strand_crew;
struct ext;
struct watch;

// A word of an exposed table, or (own) of the env's memory by its address there, and what is asked
// of it (abi/predicate.h).
struct predicate_word {
    u64 word;
    u64 mask, value;
    u8 bytes, relation, last, own;
};

// What it is ENV_WAITING for (kernel/spin/service/predicate.c).
struct env_predicate {
    struct env *next, *previous; // in its processor's ring; null: not waiting
    u32 cpu;
    u32 count; // of terms; 0: an extension's function
    union {
        struct predicate_word term[PREDICATE_TERMS];
        struct {
            ext_id ext;
            u64 args[2];
            u32 function;
        };
    };
};

struct env {
    struct sal_context context; // first: entry.S knows an env by it
    env_id id;
    struct abi_env *row;
    u64 call_entry, send_entry, call_stack;
    // ENV_ACCEPTING, and while it is being called: where its env_accept continues. Its context does
    // not say that any more once it gave up the processor in a call.
    struct {
        u64 rip, rsp, pkru;
    } accept;
    u64 cr3; // of its space
    // For the fast way of transfer (kernel/aegis/x86_64/transfer.S): call_entry, while it is
    // ENV_ACCEPTING and nothing but its state would have to be changed to enter it; otherwise 0.
    u64 fast_entry;
    struct env *callee;     // ENV_CALLING: whom it called
    struct env *caller;     // who called it, until env_return
    struct ext *extensions; // that die with it
    // Its id if the short way of env_yield may enter it when it is READY: nothing is to be
    // delivered or done first, and its context is all 0 but for rip, rsp and PKRU. Otherwise 0. Set
    // when it is entered by C; whoever gives a reason makes it 0 (env_unplain).
    u64 plain;
    // Any of these not 0 keeps the env off the fast way.
    union {
        struct {
            u8 notify;  // UPCALL_NOTIFY is to be delivered
            u8 traced;  // TRACED_* (trace.h)
            u8 stop;    // what another processor is to do when it leaves user mode: ENV_STOP_*
            u8 waits;   // its last env_accept or env_wait was an env_wait
            u32 slices; // first of its slices + 1, 0 if none (sched.c)
        };
        u64 slow;
    };
    struct sleeper sleeper; // ENV_SLEEPING, or in env_wait
    // In env_wait for a word (word.h): where that is, 0 if it is not; and the frame's other
    // waiters.
    pfn_t word_frame;
    u32 word_offset;
    struct env *word_next, *word_before;
    // Strands that its extensions own (kernel/spin/strand.h).
    struct strand_crew *all_crews;
    struct strand_crew *crews; // those with READY strands, in the order in which they get positions
    u32 crew_turn;             // in its positions, its crews are next
    u32 reasons;               // NOTIFY_*, of the next UPCALL_NOTIFY
    struct env *next_grave;    // of envs that end, and have capabilities left
    u32 inside; // it works inside of the kernel (inside.h), where context.regs holds when it is
                // READY or STOPPED
    u32 whole;  // the processor, + 1, that it asked to have alone (slice.c)
    u32 recall; // that work is to end as soon as it is seen, with E_DEAD
    struct trace *trace;     // that it began
    u32 traced_call;         // the call that it is in
    u64 mint_first;          // of the cap_mint that goes on: its range,
    u64 mint_done;           // and how much of it was looked at
    struct env_watch {       // kernel/spin/service/watch.c
        u64 call;            // code that is asked at foreign calls
        u64 fault[3];        // and at page faults, by enum watch_fault
        struct watch *first; // by whom, in the order in which they are asked
        env_id consent;      // who allowed a strict watcher that is gone
        u32 what;            // WATCH_*, of all of them
        u32 ranged;          // the only one says which pages can be absent
        u16 gone;            // WATCH_*, of strict watchers that are gone
        u16 tell;            // ENV_TELL_WATCH
    } watch;
    struct env_predicate predicate;
    struct cap caps[CAP_SLOTS];
};
_Static_assert(sizeof(struct env) <= ABI_PAGE, "an env fits a frame");

// Of a page fault: error bit P, or of an absent page that nobody has allocated.
enum watch_fault { WATCH_ABSENT, WATCH_PROTECTION, WATCH_BAD, WATCH_FAULT_KINDS };

// It goes on when it is woken.
static inline int env_sleeps(const struct env *env) {
    u32 state = env->row->state;
    return state == ENV_SLEEPING || state == ENV_ACCEPTING || state == ENV_WAITING;
}

static inline void env_unplain(struct env *env) {
    env->plain = 0;
}
static inline void env_update_plain(struct env *env) {
    int may = sal_machine.features & ABI_FEATURE_XSAVE && !env->notify && !env->traced &&
              !env->stop && !env->inside;
    env->plain = may ? env->id : 0;
}

// By row, for the short ways: env_none where there is none.
extern struct env **env_short;

void env_init(u32 count);
struct env *env_find(env_id id);
// By row; null if it is free.
static inline struct env *env_at(u32 index) {
    extern struct env **env_of;
    return env_of[index];
}

// The first env, stopped.
i64 env_make(account_id account, struct abi_space *space, const struct env_setup *setup,
             struct env **made);
// Frees an env that runs nowhere. Whoever waits for it gets -E_DEAD. If more was minted from its
// capabilities than one call may move, it is ENV_DYING with the dead bit in its id, found by
// nobody, until env_reap has come to the end of them.
void env_free(struct env *env);
#define ENV_DEAD (1ul << 63)

// Some of that work, if there is any: when processors choose what to run, envs are made, accounts
// end.
extern struct env *env_graves;
void env_reap(void);
static inline void env_reap_some(void) {
    if (__builtin_expect(env_graves != 0, 0))
        env_reap();
}

// Asks an env that runs on another processor for that.
void env_ask_stop(struct env *env, u8 what);
// What stop asks for: to become ENV_STOPPED, or only to leave the processor.
#define ENV_STOP_STOPPED 1
#define ENV_STOP_LEAVE   2

// It begins to accept, its continuation is saved.
void env_note_accept(struct env *env);
// Its env_accept ends by something else than a call: it is to go on there.
void env_unaccept(struct env *env);

// Nobody waits any longer for the env that this one, ENV_CALLING, has called. That goes on by
// itself, but not in slices that were lent to it: whoever runs at the end of the chain leaves its
// processor.
void env_uncall(struct env *env);
// An env that waited for a call goes on, with this as its result.
void env_answer(struct env *caller, i64 result);

// Sets fast_entry by the rule above.
void env_update_fast(struct env *env);

// Sets what the entries look at first (context.h), when entries or watch have changed.
void env_update_short(struct env *env);

// Keeps where the running env goes on after a call that gives up the processor, and with which
// result.
void env_save_switched(struct env *env, i64 result);

// Takes a frame out of an env's upcall stack, and so the whole stack; the env is stopped, unless it
// is the caller's own or in a call. Returns 0 if it runs on another processor: that was told, ask
// again. An env whose stack is elsewhere stays as it is.
int env_lose_stack(struct env *env, pfn_t pfn);

// Notifies an env, with a reason (NOTIFY_*).
void env_tell(struct env *env, u32 reason);

// Delivers an upcall that is not an exception to an env interrupted in user mode, or (regs null)
// not running. Notes it instead if the env masks upcalls. Returns 0 if it can't have one.
int upcall_deliver(struct env *env, struct sal_regs *regs, enum upcall_vector vector);

#endif
