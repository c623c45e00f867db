// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Signals: what only ExOS' core uses. Pod lock held.

#ifndef EXOS_SIGNAL_PRIV_H
#define EXOS_SIGNAL_PRIV_H

#include "libos/exos/process.h"
#include "libos/exos/signal.h"

struct trap_frame;

// Is the calling thread to die?
bool signal_kill_pending(void);
// Acts on the signals of the calling thread until none is left: may end the process, stop it, or
// change tf so that a handler runs. Decides what becomes of an interrupted system call.
void signal_deliver(struct trap_frame *tf);
// Pushes a handler's frame on the program's stack. -EFAULT if that is not possible.
i64 signal_frame_push(struct trap_frame *tf, const struct linux_siginfo *info,
                      const struct signal_action *action, u64 saved_mask);
// A synchronous signal to the calling thread, whose program's registers are in tf: runs its handler
// at once, if it has one and nothing else is to be done. False: use signal_force.
bool signal_run_now(struct trap_frame *tf, const struct linux_siginfo *info);
// May a synchronous signal to the calling thread be delivered by signal_now (trap.h)? Its handler
// has a plain frame, and nothing else is to be done.
bool signal_may_now(const struct thread *thread, int signal);
// Numbers for signal_entry.S.
void signal_entry_boot(void);
// A signal of a single-threaded process to itself that only waits for the way out: true if it is
// such a one.
bool signal_to_self(int signal, i32 code);

// A cleared siginfo; a copy of one.
static inline void signal_info_clear(struct linux_siginfo *info) {
    u64 words = sizeof(*info) / 8;
    __asm__ volatile("rep stosq" : "+D"(info), "+c"(words) : "a"(0) : "memory");
}
static inline void signal_info_copy(struct linux_siginfo *to, const struct linux_siginfo *from) {
    u64 words = sizeof(*to) / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}
// The blocked set of the calling thread from now on (SIGKILL and SIGSTOP excepted).
void signal_set_blocked(u64 mask);
// Empties a set, freeing its queue.
void signal_set_clear(struct signal_set *set);
void signal_discard(struct process *process, u64 mask);
// A siginfo of what the caller did to somebody (SI_USER and the like).
struct linux_siginfo signal_info_user(int signal, i32 code);
// Takes a pending signal in mask from thread or process into *info: its number, or 0.
int signal_take(struct thread *thread, u64 mask, struct linux_siginfo *info);
// Tells the parent of a child's stop, continuation or end.
void signal_child_event(struct process *child, i32 code, u32 status);

// ITIMER_VIRTUAL, ITIMER_PROF and RLIMIT_CPU, and the timers of the pod: does what is due.
void timer_check(struct process *process);
static inline bool timer_armed(const struct process *p) {
    return pod_timer_first() != WAIT_FOREVER || p->cpu_timer_ns[0] || p->cpu_timer_ns[1] ||
           p->limits[RLIMIT_CPU].soft != RLIM_INFINITY;
}

#endif
