// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events that the kernel raises for the envs that an extension watches (env_watch). Each extension
// hears of its own envs, and of no others. Its handlers run on the env's time, with the kernel
// lock, and say what happens next:
//
//     HANDLER(foreign_call, u64, mine, (struct ext_foreign_call *call)) { …; return EXT_PASS; }
//
// The answers:
//
// - EXT_PASS: the env hears of it, as if nobody watched. Also if no handler's guard holds.
// - EXT_DONE: the env goes on, with `rax` as the call's result, or at the instruction that faulted.
// - EXT_END: the env ends.
// - EXT_AGAIN: the env makes the foreign call again, and can lose the processor before. For
// handlers
//   that have more to do than they may in one go.
//
// What a handler writes to the registers of a foreign call is so afterwards: those that the env
// sees if the call is passed on.
//
// Several watchers of one env are asked one after the other: first those without WATCH_STRICT, then
// those with it, of each kind the oldest first. The first answer that is not EXT_PASS is the
// answer, and those behind are not asked. So a tracer sees what the program wants, and a sandbox
// what the library OS would get; nobody can undo a refusal, or change registers behind the first
// strict watcher: what one behind it writes counts only with EXT_DONE.

#ifndef ABI_EXT_WATCH_H
#define ABI_EXT_WATCH_H

#include "abi/ext/extension.h"

#define EXT_PASS  0ul
#define EXT_DONE  1ul
#define EXT_END   2ul
#define EXT_AGAIN 3ul

// foreign_call: a syscall instruction whose number is below 2^31.
struct ext_foreign_call {
    u64 env;
    u64 rip; // behind the instruction
    u64 r9, r8, r10, rsi, rdi, rdx;
    u64 rax; // the number; the result
};

// foreign_result (WATCH_RESULTS): a foreign call is over. What the library OS says (the system call
// foreign_result), or what a watcher that was asked later has answered. The answers of handlers are
// not looked at. Calls that do not return, as exit, have no result.
struct ext_foreign_result {
    u64 env;
    u64 rip; // behind the instruction; 0: not known
    u64 number;
    u64 result;
};

// own_call (WATCH_OWN): a system call of Tricolor itself, also one within a batch, begins.
// EXT_DONE: it is not made, and its result is -E_NOSYS.
struct ext_own_call {
    u64 env;
    u64 rip;    // behind the instruction
    u64 number; // without ABI_SYSCALL_BASE
    u64 arguments[6];
};

// page_absent, page_protected, page_bad: a page fault. Which it is: the page is mapped, but not for
// such an access; or it is absent; or it is absent and the extension has said (virt_claim) that
// other pages are the ones that can be.
#define EXT_FAULT_WRITE 2ul // in error
struct ext_fault {
    u64 env;
    u64 address;
    u64 error; // the processor's: bit 0 mapped, 1 write, 2 user, 4 instruction
    u64 rip;
};

// phys_reclaim: the account that pays for the extension is asked to give back frames
// (account_ask). The handler may free some at once; its result is not looked at. It runs on the
// asker's time.
struct ext_reclaim {
    u64 account;
    u64 frames; // wanted
    u64 first;  // particular ones; ABI_ANY: any
    u64 deadline;
};

#endif
