// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Processes and threads: what only ExOS' core uses. Pod lock held.

#ifndef EXOS_PROCESS_PRIV_H
#define EXOS_PROCESS_PRIV_H

#include "libos/exos/process.h"

struct exec_plan;

// On the stack of a parent that waits for the exec or exit of its vfork child.
struct vfork_wait {
    bool done;
    struct wait_queue queue;
};

// --- slices (slice.c) ---
void slice_boot(void);
u64 slice_take(void); // a free slice where least runs; ABI_ANY: none
// Gives a thread, not the caller, a slice of the processor where least runs, if that is another one
// than its own.
void slice_choose(struct thread *thread);
void slice_give(u64 slice);
void slice_balance(void);

// --- threads (thread.c) ---
// A thread structure on a new stack, without env; NULL: no memory. Its trap frame is zero but for
// the segments.
struct thread *thread_new(struct process *process);
// Makes the env of a thread, in a space, and starts it (thread_begin). 0, -EAGAIN, -ENOMEM.
i64 thread_launch(struct thread *thread, space_id space);
// One that has ended in this address space and whose env is still there, made as new for the
// process; NULL: none. thread_launch starts it, thread_free keeps it again.
struct thread *thread_again(struct process *process);
// Ends the envs that wait in an address space; in all, and frees what else is not needed.
void thread_idle_drop(struct mm *mm);
void thread_reclaim(void);
// A thread that was not launched.
void thread_free(struct thread *thread);
void thread_link(struct thread *thread, struct process *process);
void thread_unlink(struct thread *thread);
// Makes a thread look at its work: wakes it, or interrupts its program.
void thread_kick(struct thread *thread);
// Gives back the calling thread, and the lock; does not return. It must be unlinked.
void thread_end(void) __attribute__((noreturn));
// Ends one thread; the last one ends the process with status.
void thread_exit(u32 status) __attribute__((noreturn));
// Ends all other threads of the calling process, and waits for that.
void thread_kill_others(void);
struct thread *thread_find(u32 tid);
// Frees what dead threads and address spaces left.
void process_bury_all(void);

// --- processes (process.c) ---
void process_link(struct process *process); // into the list of all
struct process *process_new(void);          // with a pid, in no list but that of all
void process_free(struct process *process);
void process_adopt(struct process *parent, struct process *child);
void process_orphan(struct process *child);
u32 pid_new(void);
struct exec_info *exec_info_get(struct exec_info *info);
void exec_info_put(struct exec_info *info);
struct signal_actions *signal_actions_own(struct process *process); // not shared; NULL: no memory
void signal_actions_put(struct signal_actions *actions);
void process_wake_parent(struct process *parent);
void process_vfork_done(struct process *process);
u64 process_ticks(const struct process *process);

// For init: takes one of its children that has ended. Its pid, or 0.
i64 process_wait_any(u32 *status);

// --- exec (exec.c) ---
// Opens and checks a program. The strings of argv and envp are in plan->strings. 0 or an error.
struct exec_strings {
    char *text; // argv strings, then envp strings, NUL-terminated
    u64 bytes, capacity;
    u32 argc, envc;
};
i64 exec_strings_add(struct exec_strings *s, const char *text);
void exec_strings_free(struct exec_strings *s);
i64 exec_prepare(int dirfd, const char *path, struct exec_strings *strings,
                 struct exec_plan **plan);
void exec_plan_free(struct exec_plan *plan);
// Makes the calling process run the plan in its mm, which must be empty; frees the plan, and
// returns with the trap frame set. For thread.start: argument is the plan.
void exec_finish(void *plan);

extern struct process init_process;

#endif
