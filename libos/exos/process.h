// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Processes and threads of a pod. A process is one address space (struct mm) and one or more
// threads; a thread is one env. All structures are in pod memory and readable by every process; the
// pod lock guards them.
//
// A thread's ExOS stack is its env's upcall stack: THREAD_STACK bytes, so aligned, in pod memory.
// Its lowest bytes are the env_uarea and after it the struct thread, so the current thread is found
// from the stack pointer.

#ifndef EXOS_PROCESS_H
#define EXOS_PROCESS_H

#include "abi/env.h"
#include "abi/tables.h"
#include "abi/types.h"
#include "libos/exos/signal.h"
#include "libos/exos/timer.h"
#include "libos/exos/wait.h"
#include <stdbool.h>
#include <stddef.h>

struct files;
struct fs_ctx;
struct mm;
struct tty;
struct vnode;
struct trap_frame;
struct vfork_wait;

#define THREAD_STACK       16384ul
#define PROCESS_GROUPS_MAX 32

struct rlimit {
    u64 soft, hard;
};

enum process_state {
    PROCESS_NEW,
    PROCESS_RUNNING,
    PROCESS_STOPPED, // by a job control signal
    PROCESS_ZOMBIE,
};

struct signal_queued {
    struct signal_queued *next;
    struct linux_siginfo info;
};

struct signal_set {
    u64 pending;
    struct signal_queued *queue; // siginfo of pending signals, oldest first
};

struct signal_action {
    u64 handler, flags, restorer, mask;
};

struct signal_actions {
    u32 users;
    struct signal_action action[LINUX_SIGNALS + 1]; // by number
};

// What exec ran; shared by forked children.
struct exec_info {
    u32 users;
    u32 cmdline_bytes;
    struct vnode *vnode; // NULL: none (init)
    char *path;          // absolute
    char *cmdline;       // NUL-separated arguments
};

struct process {
    struct process *next, **link; // all processes, newest first: process_first
    u32 pid, pgrp, session;
    u32 state;
    u32 parent_pid; // 0: none
    struct process *parent, *children, *sibling_next, **sibling_link;
    struct thread *threads;
    u32 thread_count;
    struct mm *mm;

    // Files. files, fs: shared or own, counted by FILES; NULL in a zombie.
    struct files *files;
    struct fs_ctx *fs;
    struct tty *tty;        // controlling terminal, inherited by fork
    struct exec_info *exec; // what it runs; never NULL
    char comm[16];

    u32 uid, euid, suid, fsuid;
    u32 gid, egid, sgid, fsgid;
    u32 groups[PROCESS_GROUPS_MAX];
    u32 group_count;
    struct rlimit limits[LINUX_RLIMITS];
    i32 nice;

    struct signal_actions *actions; // shared until changed
    struct signal_set signals;      // for any thread
    u32 exit_signal;                // sent to the parent at the end
    bool exiting;                   // exit_group has begun
    bool execed;                    // since fork: setpgid by the parent is refused
    bool stop_reported, continued;
    u32 stop_signal;
    u32 status;                    // of a zombie or stopped one: as wait4 gives it
    struct wait_queue child_wait;  // the parent waits here for children
    struct wait_queue thread_wait; // for its own threads to end
    struct vfork_wait *vfork;      // the parent waits there until exec or exit

    u64 start_ns;       // time_monotonic at fork
    u64 dead_ticks;     // tsc ticks of threads that have ended
    u64 children_ticks; // of waited-for children
    u64 minor_faults, major_faults, child_minor_faults;
    struct pod_timer alarm;                  // ITIMER_REAL
    u64 alarm_due_ns, alarm_interval_ns;     // when it is due, 0: off; interval, 0: once
    u64 cpu_told;                            // RLIMIT_CPU: the second SIGXCPU was last sent in
    u64 cpu_timer_ns[2], cpu_interval_ns[2]; // ITIMER_VIRTUAL, ITIMER_PROF: deadline in cpu time
};

struct thread {
    struct env_uarea *uarea; // at the start of this stack
    env_id env;
    const volatile struct abi_env *row; // of env
    struct thread *next;                // of the process
    struct process *process;
    u32 tid;
    bool sleeping;     // in wait_sleep: wait_wake clears it and wakes the env
    bool fp_saved;     // the vector registers are in fp_area
    bool exit_asked;   // another thread ended the process; signal_entry.S tests this and the next
                       // three at once
    bool restore_mask; // saved_mask goes back after the next signal or at return
    u8 work;           // THREAD_WORK_*: to be done before going back to the program
    u8 unused;         // 0
    u64 blocked, saved_mask;
    u64 waited;                 // in rt_sigtimedwait for these
    i32 self_signal, self_code; // signal_to_self: pending for the way out; 0: none
    struct signal_set signals;
    u64 altstack_base, altstack_bytes;
    u32 altstack_flags;
    u64 fs_base, gs_base;   // valid while fp_saved or sleeping
    env_id owed;            // whom wait_wake owes a wakeup (wait.h), 0: none
    u64 clear_tid, set_tid; // user addresses, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID
    u64 robust_list;
    space_id space;
    u64 slice;             // of ABI_TABLE_SLICES
    u64 ran_before;        // what the env had run when this thread got it
    void (*start)(void *); // a new thread runs start(start_argument) before it goes to its program
    void *start_argument;
    u64 restart_call;    // ERESTART_RESTARTBLOCK: the call and its
    u64 restart_args[4]; // arguments
    u32 wait_count;
    bool idle; // ended, and its env waits for the next thread (mm.idle); stays last: see
               // thread_again
};

// Where the vector registers and segment bases of a thread are while it has given up the processor.
#define THREAD_FP_OFFSET 768ul // in its stack
static inline void *thread_fp_area(const struct thread *thread) {
    return (char *)thread->uarea + THREAD_FP_OFFSET;
}

// Ticks that a thread has run.
u64 thread_ticks(const struct thread *thread);

// The calling process and thread.
static inline struct thread *current_thread(void) {
    u64 sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct thread *)((sp & ~(THREAD_STACK - 1)) + sizeof(struct env_uarea));
}
static inline struct process *current(void) {
    return current_thread()->process;
}

extern struct process *process_first; // pod lock
#define PROCESS_FOR_EACH(p) for (struct process *p = process_first; p; p = p->next)

// NULL if there is none (zombies are found).
struct process *process_find(u32 pid);
struct process *process_init(void); // pid 1

// Processor time in nanoseconds, the ended threads' included.
u64 process_cpu_ns(const struct process *process);
// Virtual size and resident pages.
u64 process_vm_bytes(const struct process *process);
u64 process_resident_pages(const struct process *process);
// One letter as in /proc/PID/stat: R S T Z.
char process_state_letter(const struct process *process);
// Text for /proc/PID/maps, cut to size; length.
u64 process_maps_text(const struct process *process, char *text, u64 size);

// Does the caller have the effective user id 0?
static inline bool process_is_super(void) {
    return current()->euid == 0;
}

// Ends the calling process (all threads). status as wait4 gives it: code << 8 or signal.
void process_exit(u32 status) __attribute__((noreturn));

#endif
