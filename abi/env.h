// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// An env: the processor, as one thread of control owns it (Aegis' processor environment). It names
// a space to run in and the places where the kernel may enter it. The kernel never saves more of it
// than it must:
//
//  * Upcalls. Exceptions, foreign system calls, the end of a slice and notifications enter the env
//  at a procedure of its
//    own. The kernel pushes an upcall_frame on the upcall stack, and jumps. If the interrupted
//    stack pointer already lies in the upcall stack, the frame goes below it, after 128 bytes of
//    red zone; otherwise at the stack's top. The program goes on by restoring its registers and
//    executing iretq on the last five words of the frame: no system call.
//  * The upcall stack is 1 to ENV_UPCALL_PAGES pages of writable memory that the kernel pins when
//  the env is created. Its
//    lowest 64 bytes are the env_uarea. An env without room for a frame is stopped with
//    ENV_STOP_STACK.
//  * Calls that give up the processor (marked "switches" in syscalls.def) keep rip, rsp and the
//  result only: every other
//    register, the vector state and the FS and GS bases included, is lost, but for PKRU. Save
//    before what must live on.
//  * An env whose slice ends by force, because it has no upcall entry or ignored the upcall, is
//  saved and resumed whole.
//  * Registers go from one env to another only where one hands the processor to the other by name:
//  in
//    env_call, env_return and env_send they are the message, and env_yield to a named env may leave
//    in them what the yielder had there. What it leaves is its own choice. Vector state, bases and
//    protection keys never go along, and by no other way does an env see another's registers.

#ifndef ABI_ENV_H
#define ABI_ENV_H

#include "abi/types.h"

// What an upcall is about: 0..31 are the processor's exception vectors.
enum upcall_vector {
    UPCALL_DE = 0,  // divide error
    UPCALL_DB = 1,  // debug
    UPCALL_BP = 3,  // breakpoint
    UPCALL_OF = 4,  // overflow
    UPCALL_UD = 6,  // invalid opcode
    UPCALL_NP = 11, // segment not present
    UPCALL_SS = 12, // stack segment
    UPCALL_GP = 13, // general protection
    UPCALL_PF = 14, // page fault; address holds CR2
    UPCALL_MF = 16, // x87 floating point
    UPCALL_AC = 17, // alignment check
    UPCALL_XM = 19, // SIMD floating point
    UPCALL_CP = 21, // control protection
    UPCALL_SLICE_END = 32,
    UPCALL_NOTIFY = 33,
    UPCALL_SYSCALL = 34, // a syscall instruction whose number is below 2^31; enters foreign_entry
};

// The stack pointer at entry points at this; it is aligned to 128. rdi holds its address and rax
// the vector; rcx, rdx and r11 are lost; the other registers are as they were. Flags: interrupts
// on, all else clear. At foreign_entry rax, rdx and rdi are as they were too, and of the registers
// only rax, rdx and rdi are saved here, because a system call loses rcx and r11.
struct upcall_frame {
    u64 vector;
    u64 error;   // the processor's error code; of UPCALL_NOTIFY: NOTIFY_*; otherwise 0
    u64 address; // CR2 of a page fault, otherwise 0
    u64 rax;
    u64 rcx;
    u64 rdx;
    u64 rdi;
    u64 r11;
    u64 reserved[3];
    u64 rip; // from here on: what iretq takes
    u64 cs;
    u64 rflags;
    u64 rsp;
    u64 ss;
};
ABI_ASSERT_SIZE(struct upcall_frame, 128);
ABI_ASSERT_OFFSET(struct upcall_frame, rip, 88);

// The lowest bytes of the upcall stack, shared by the program and the kernel. SLICE_END and NOTIFY
// use the upper half of that stack only: while what they interrupt is deeper, they are noted in
// pending too, so that no flood of them can bring a program to its end.
struct env_uarea {
    u32 masked;  // written by the program: while not 0, SLICE_END and NOTIFY are not delivered but
                 // noted in pending
    u32 pending; // bits set by the kernel, cleared by the program: ENV_PENDING_*
    u64 reserved[7];
};
ABI_ASSERT_SIZE(struct env_uarea, 64);

#define ENV_PENDING_SLICE_END 1u
#define ENV_PENDING_NOTIFY    2u

// The error field of UPCALL_NOTIFY: why, beside env_notify. An env that masks upcalls looks at the
// row of its account instead.
#define NOTIFY_ASKED   1u // the account is asked to give something back (abi/revoke.h)
#define NOTIFY_TAKEN   2u // something was taken from it by force
#define NOTIFY_HANDLER 4u // a handler of its extensions was detached: table HANDLERS
#define NOTIFY_WATCH   8u // extensions begin to watch its foreign calls, or do so no more (env_watch)
#define NOTIFY_OVERRUN 16u // an env of the account was destroyed: it overran for ENV_OVERRUN_MS

#define ENV_UPCALL_PAGES 8
#define ENV_SLICES_MAX   512 // positions that one env may have

// Excess time. An env that was told that its slice is over (SLICE_END, or ENV_PENDING_SLICE_END
// while it masks upcalls) has a fifth of a millisecond (at most a quarter of a slice) to leave;
// then it goes by force. What it takes of that time while others wait is its excess (its row); for
// each slice's length of it, it forfeits one of its slices. An env that was gone by force so often
// that this time adds up to ENV_OVERRUN_MS, in its own slices and without once leaving by itself,
// is destroyed. One without upcall entry is never told, and has no excess.
#define ENV_OVERRUN_MS 50

// How an env is made (env_create) and changed (env_set). An entry of 0 means none: an exception
// without an upcall entry stops the env with ENV_STOP_EXCEPTION, a foreign system call returns
// -E_NOSYS, a slice ends by force, a call is refused.
struct env_setup {
    u64 rip;           // where it starts
    u64 rsp;           // its first stack pointer
    u64 arg;           // its first rdi
    u64 fs_base;       // its first FS base
    u64 upcall_entry;  // exceptions, SLICE_END, NOTIFY
    u64 foreign_entry; // foreign system calls
    u64 upcall_stack;  // lowest address, page aligned; 0: none
    u64 upcall_pages;  // 1 .. ENV_UPCALL_PAGES
    u64 call_entry;    // env_call enters here
    u64 send_entry;    // env_send enters here
    u64 call_stack;    // stack pointer for both
    u64 flags;         // ENV_START, ENV_TELL_WATCH
};
ABI_ASSERT_SIZE(struct env_setup, 96);

#define ENV_START 1u // runnable at once
#define ENV_TELL_WATCH                                                                             \
    2u // NOTIFY_WATCH is wanted: for who does without syscall instructions otherwise

#define ENV_WAIT_MESSAGE 1u // env_wait: accept env_call and env_send meanwhile

enum env_state {
    ENV_FREE = 0,
    ENV_STOPPED = 1,   // runs only after env_start
    ENV_READY = 2,     // waits for a slice
    ENV_RUNNING = 3,   // on the processor that its row names
    ENV_SLEEPING = 4,  // in env_sleep
    ENV_ACCEPTING = 5, // in env_accept: env_call and env_send may enter it
    ENV_CALLING = 6,   // in env_call: its slices run the env it called
    ENV_DYING = 7,
    ENV_WAITING = 8, // in env_sleep_until
};

// Why an env is ENV_STOPPED.
enum env_stop_reason {
    ENV_STOP_NONE = 0,
    ENV_STOP_NEW = 1,
    ENV_STOP_REQUEST = 2,   // env_stop
    ENV_STOP_EXCEPTION = 3, // an exception with no upcall entry
    ENV_STOP_STACK = 4,     // an upcall with no room on the upcall stack
    ENV_STOP_TAKEN = 5,     // a page of its upcall stack was taken; env_set, then env_start
};

#endif
