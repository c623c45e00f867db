// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the processor-specific layer knows of an env: where to enter it, and how to go on with it.
// An env embeds one; the running one is in struct cpu. entry.S reads it on every upcall, so its
// offsets are exported (offsets.c).
//
// Invariant: upcall_bytes is 0 if there is no upcall stack or no upcall_entry; otherwise
// upcall_frames[] hold direct-map addresses of upcall_bytes / 4096 pinned frames. upcall_size is
// the same, or 0 to have everything come to upcall_refused. Addresses in it are user addresses
// below ABI_USER_END, so that SYSRET never sees a non-canonical one.

#ifndef KERNEL_SAL_X86_64_CONTEXT_H
#define KERNEL_SAL_X86_64_CONTEXT_H

#include "abi/env.h"
#include "abi/types.h"
#include "kernel/sal/sal.h"

// All general registers, as entry.S pushes them on interrupts and on exceptions of the kernel.
struct sal_regs {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

struct sal_context {
    u64 upcall_low;
    u64 upcall_size;
    u64 upcall_entry;
    u64 foreign_entry;
    // upcall_size and foreign_entry, or 0 if exceptions, or foreign calls, are to go the long way,
    // where extensions that watch the env are asked (kernel/aegis/x86_64/watch.S).
    u64 upcall_short, foreign_short;
    u64 upcall_frames[ENV_UPCALL_PAGES];
    u64 upcall_bytes;
    // How to go on. After a call that switches: rip, rsp, rax, and fs_base and rdi of the first
    // start (0 later). After a forced end of a slice: everything, in regs and xsave. While it runs
    // full, rax, rdi and fs_base are 0: a short way that leaves it has only rip and rsp to write.
    u64 full; // 1: regs, fs_base, gs_base and xsave hold
    u64 rip, rsp, rax, rdi;
    u64 fs_base, gs_base;
    u64 selectors; // of data segments, when full: ds, es, fs, gs from bit 0
    u64 pkru;      // after a call that switches
    struct sal_regs regs;
    u64 exceptions; // delivered
    void *xsave;    // one frame, direct map
    u64 xsave_used; // it was ever written
};

#define SAL_USER_CS      0x23
#define SAL_USER_SS      0x1b
#define SAL_RFLAGS_CLEAN 0x202ul // interrupts on, nothing else

// Leave the kernel for user mode; the stack is abandoned. The space is loaded, the kernel lock not
// held.
__attribute__((noreturn)) void sal_resume_switched(struct sal_context *context);
__attribute__((noreturn)) void sal_resume_full(struct sal_context *context);
// Goes on inside of the kernel, where regs say; on another stack, with interrupts on.
__attribute__((noreturn)) void sal_resume_inside(const struct sal_context *context);

// Leaves this stack for good.
__attribute__((noreturn)) void sal_stack_switch(u64 top, void (*function)(void *), void *argument);
static inline void sal_interrupts_on(void) {
    __asm__ volatile("sti" : : : "memory");
}
static inline void sal_interrupts_off(void) {
    __asm__ volatile("cli" : : : "memory");
}

// Saves everything of the interrupted user mode that regs does not hold: bases, vector state, and
// the selectors of data segments.
void sal_context_save_full(struct sal_context *context, const struct sal_regs *regs);

// Brings back the vector state and selectors of a context that was saved in full. Before its bases,
// which the selectors change.
void sal_context_load_vector(const struct sal_context *context);

// Puts vector state and selectors into their initial configuration, so that an env sees nothing of
// the one before. Before the bases.
void sal_vector_clear(void);

// The rights of protection keys are the program's, and outlive calls that switch: saved, and, after
// sal_vector_clear made them 0, brought back.
static inline void sal_pkru_save(struct sal_context *context) {
    u32 lo, hi;
    if (sal_machine.features & ABI_FEATURE_PKU) {
        __asm__ volatile("rdpkru" : "=a"(lo), "=d"(hi) : "c"(0));
        context->pkru = lo;
    }
}
static inline void sal_pkru_load(const struct sal_context *context) {
    if (context->pkru)
        __asm__ volatile("wrpkru" : : "a"((u32)context->pkru), "c"(0), "d"(0) : "memory");
}

// System calls of this processor enter at entry_syscall_traced, or at entry_syscall.
void sal_entry_trace(int traced);

// The system call that the running env is in, of entry_in_c, is made again as soon as it returns,
// with this number and these arguments: a preemption point, as interrupts that wait come first.
void sal_call_again(u64 number, const u64 *arguments);

// Where the running env entered the kernel by a system call.
u64 sal_entry_rip(void);
u64 sal_entry_rsp(void);

#endif
