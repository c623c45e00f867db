// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Trace points: abi/trace.h says what programs see.
//
// An account may have a trace; its envs, and those of accounts below it, are traced. A traced env
// has no short ways: env->traced is among the reasons for the long one in transfer.S and
// interrupt.S; context.upcall_size is 0, so that exceptions come to upcall_refused; and while it
// runs, the processor's entry for system calls is entry_syscall_traced. So an env that is not
// traced pays for trace points by a comparison in C code, and nothing in assembly.
//
// Invariants: what is written goes to frames that the trace has pinned. An env that runs, traced,
// has cpu.traced set, or an interrupt is on its way that will set it. env->traced may outlive the
// trace: then the next event clears it.

#ifndef KERNEL_AEGIS_TRACE_H
#define KERNEL_AEGIS_TRACE_H

#include "abi/trace.h"
#include "kernel/aegis/env.h"
#include "kernel/sal/x86_64/cpu.h"

struct trace;

// env->traced.
#define TRACED_POINTS  1u // trace points are written
#define TRACED_WATCHED 2u // extensions are asked at its system calls (WATCH_OWN)

void trace_init(u32 accounts);

void trace_write(struct env *env, enum trace_point point, u64 a, u64 b, u64 c, u64 d);
static inline void trace_env(struct env *env, enum trace_point point, u64 a, u64 b, u64 c, u64 d) {
    if (__builtin_expect(env->traced, 0))
        trace_write(env, point, a, b, c, d);
}
// An event of an account.
void trace_account(account_id account, enum trace_point point, u64 b, u64 c, u64 d);

// An env is made: it is traced if its account is.
void trace_env_made(struct env *env);
// Extensions are asked at its system calls, or no more.
void trace_watch(struct env *env, int on);
// The trace that an env began ends.
void trace_env_dies(struct env *env);
// The trace of an account ends.
void trace_account_dies(account_id account);
// Ends the trace that an env began, if its ring has that frame.
void trace_lose(struct env *env, pfn_t pfn);

// The processor's entry for system calls is as the running env needs it.
void trace_entry_set(const struct env *env);
static inline void trace_entry_update(const struct env *env) {
    if (__builtin_expect(env->traced != cpu_this()->traced, 0))
        trace_entry_set(env);
}

#endif
