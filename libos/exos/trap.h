// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Ways into ExOS and out of it (entry.S), and what is on a thread's stack then.
//
// A thread enters ExOS on its own stack: at the top lies the trap_frame of the program, complete
// but for rcx and r11 of a system call. An upcall that interrupts ExOS itself puts another
// trap_frame further down. In ExOS env_uarea.masked is 1, so slice ends and notifications wait,
// except for a few instructions of entry and exit; a notification in the exit restarts it
// (exit_window_start .. exit_window_end), so that no signal is left behind.

#ifndef EXOS_TRAP_H
#define EXOS_TRAP_H

#include "abi/env.h"
#include "abi/types.h"
#include "libos/exos/process.h"

struct trap_frame {
    u64 r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rsi;
    struct upcall_frame frame;
};
ABI_ASSERT_SIZE(struct trap_frame, 208);

// In frame.reserved of a program's trap_frame:
#define TRAP_NUMBER 0 // the number of its system call, ~0 if it came by something else
#define TRAP_AFTER  1 // of a patched call: where it goes on, in its slot

// GS of a program's thread is the address of its env_uarea, by which patched calls find it, unless
// the program itself uses GS. Words of env_uarea.reserved: PATCH_MARK (patch_code.h), by which a GS
// of the program's is noticed, and the address of the program's trap_frame.
#define UAREA_MARK_WORD  5
#define UAREA_FRAME_WORD 6

#define TRAP_CONTEXT 2 // of rt_sigreturn: where the ucontext is

// In frame.vector of a program's trap_frame: all registers are to be restored (by iretq).
#define TRAP_FULL 0x100

// Thread work before going back to the program.
#define THREAD_WORK_SIGNAL 1u // look for signals
#define THREAD_WORK_TIMER  2u // timers of the process
#define THREAD_WORK_SETTID 4u // new thread: store the tid at clear_tid... see thread_begin

// Signals that are delivered by signal_entry.S.
struct signal_entry {
    u64 space, limit;        // below the stack pointer; addresses of frames are below limit
    u64 fp_bytes, selectors; // of an XSAVE area; cs and ss as in a sigcontext
    u32 vectors[7][2];       // signal and code of exceptions, 0: not here
    struct linux_fpx_sw fpx_sw;
};
extern struct signal_entry signal_entry;
// The handler of the calling thread's signal, of an exception of its program, runs now; it has been
// found that it may (signal.c). word: the third of siginfo. Lock not held.
void signal_now(int signal, i32 code, u64 word) __attribute__((noreturn));
void signal_no_room(void) __attribute__((noreturn)); // C: a frame cannot be written

// The program's registers of a thread.
static inline struct trap_frame *thread_trap_frame(struct thread *thread) {
    return (struct trap_frame *)((char *)thread->uarea + THREAD_STACK) - 1;
}

// Entries, as given to env_create.
void foreign_entry(void);
void upcall_entry(void);
// Where slots of patched calls jump to (patch.h), by the kind of call.
extern char called_slow[], called_read[], called_write[], called_kill[], called_tgkill[];
extern char called_sigreturn[];
extern const u64 called_ranges[][3], called_ranges_end[][3]; // entry.h
extern char called_locked[], called_unlocked[], called_whole[];
extern char called_getpid[], called_getppid[], called_gettid[];
extern char called_getuid[], called_geteuid[], called_getgid[], called_getegid[];
extern const u64 called_done[], called_done_end[]; // jumps back to the program, by rcx
extern void *called_table[];                       // by number
// First instruction of a new thread with a program: rsp points at its trap_frame.
void thread_start(void);
// Goes to the program of the calling thread, whatever is on the stack.
void exit_to_program(void) __attribute__((noreturn));
extern char exit_window_start[], exit_window_end[];
extern char exit_restart[];
// The same for patched calls: start .. end, and where to begin again.
extern const u64 exit_windows[][3], exit_windows_end[][3];
// Fills called_table.
void trap_boot(void);

// Calls function(argument) on the stack of the calling thread, from its top below the trap frame;
// does not return.
void stack_restart(void (*function)(void *), void *argument) __attribute__((noreturn));

// User memory (entry.S); each access has an entry in user_access_table.
u64 user_copy(void *to, const void *from, u64 bytes); // bytes not copied
u64 user_fill(void *to, u64 bytes);                   // zeroes; bytes not zeroed
i64 user_string(char *to, const char *from, u64 max); // length, max if no NUL, -1 if it faulted
i64 user_load32(u32 *value, const void *from);        // 0, or -1 if it faulted
i64 user_load64(u64 *value, const void *from);
i64 user_store32(void *to, u64 value);
i64 user_store64(void *to, u64 value);
i64 user_exchange32(u32 *value, void *to,
                    u32 expected);  // compare and exchange; *value gets what was there
i64 user_fp_save(void *to);         // vector registers, to or from 64-aligned user memory: 0, or -1
i64 user_fp_load(const void *from); // (also if what is there is no valid save area)
struct user_access {
    u64 first, last, fixup; // instructions, and where to go on if they can't
};
extern const struct user_access user_access_table[], user_access_table_end[];

// C, called by entry.S.
void syscall_handle(struct trap_frame *tf); // of a trap: counts it for patch.h
void syscall_run(struct trap_frame *tf);
void upcall_handle(struct trap_frame *tf);
void exit_work(struct trap_frame *tf);
void thread_begin(struct trap_frame *tf);

#endif
