// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The per-processor area. In the kernel GS points at it; user mode has its own GS base, and entry
// and exit swap the two. Only its own processor writes it, except for the fields that say
// otherwise.

#ifndef KERNEL_SAL_X86_64_CPU_H
#define KERNEL_SAL_X86_64_CPU_H

#include "abi/types.h"

#define CPU_GDT_ENTRIES   7 // null, kernel code, kernel data, user data, user code, TSS (two)
#define CPU_IST_COUNT     3
#define CPU_BACKTRACE_MAX 24

struct cpu_tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7]; // ist[i] is stack IST i + 1
    u64 reserved2;
    u16 reserved3;
    u16 io_map;
} __attribute__((packed));
ABI_ASSERT_SIZE(struct cpu_tss, 104);

// What a processor that was stopped by a panic leaves for the one that prints.
struct cpu_stopped {
    volatile u32 done;
    u32 frames;
    u64 rip, rsp, rflags, cr3;
    u64 backtrace[CPU_BACKTRACE_MAX];
};

struct cpu {
    // Known to entry.S.
    struct cpu *self;
    u64 kernel_stack_top; // also in tss.rsp[0]
    u64 user_rsp;         // scratch of the system-call entry
    void *context;        // struct sal_context of what runs in user mode here
    void *regs;           // struct sal_regs of what the last interrupt interrupted
    u64 loaded_root;      // CR3
    void *vector_owner;   // struct env whose vector state the registers hold
    void *strand;         // struct strand that runs in kernel mode here, on its own stack, or null
    void *strand_regs;    // struct sal_regs of a strand that was interrupted, on its stack

    void *apic_registers; // local APIC, if its timer is set through memory; else null

    // Aegis' own, known to its short ways (kernel/aegis/x86_64).
    void *row;        // struct abi_cpu
    u64 since;        // when the time that is not charged yet began
    void *payer;      // struct abi_env of who pays for it, or null
    u64 yield_slots;  // CAP_SLOTS; 0: directed yields go the long way here (sched.c)
    u64 user_flags;   // scratch of the short ways
    u64 again[7];     // of sal_call_again: rax, rdi, rsi, rdx, r10, r8, r9
    u64 timer;        // what the hardware is set to
    u64 sleeper;      // earliest deadline of who sleeps here, ~0 if none
    u32 grace;        // the running env was told that its slice is over
    u32 slice_first;  // number of its first position, + 1
    u64 *runnable;    // a bit for each of its positions
    u32 *slice_links; // of its positions: the next of the same env
    u32 traced;       // entry_syscall_traced is the way in (kernel/aegis/trace.h)
    u32 reserved;

    u64 *counters; // of events (kernel/spin/event.c)
    void *run;     // struct engine_run of extensions in kernel context here
    u64 epoch;     // odd: it is in code of extensions without the kernel lock (kernel/spin/epoch.h)
    u32 number;    // 0 .. sal_machine.cpus - 1
    u32 apic;      // local APIC id
    volatile u32 online;
    u32 locks_held; // debug builds: how many, and their ranks (kernel/sal/lock.h)
    const void *locks[8];

    u64 timer_deadline; // time-stamp value, ~0 if the timer is off
    u64 stack_bottom;   // of the kernel stack; the page below is a guard
    struct cpu_stopped stopped;

    u64 gdt[CPU_GDT_ENTRIES] __attribute__((aligned(16)));
    struct cpu_tss tss __attribute__((aligned(16)));
} __attribute__((aligned(64)));

ABI_ASSERT_OFFSET(struct cpu, self, 0);
ABI_ASSERT_OFFSET(struct cpu, kernel_stack_top, 8);
ABI_ASSERT_OFFSET(struct cpu, user_rsp, 16);
ABI_ASSERT_OFFSET(struct cpu, context, 24);
ABI_ASSERT_OFFSET(struct cpu, regs, 32);

// This processor's. Valid from the time it loaded GS, which is before anything but early boot code
// runs.
static inline struct cpu *cpu_this(void) {
    struct cpu *cpu;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

// The context of this processor. A load like any other: it is not done again as long as nothing can
// have changed it.
#ifdef __clang__
#define CPU_IN_GS __attribute__((address_space(256)))
#else
#define CPU_IN_GS __seg_gs
#endif
static inline void *cpu_context(void) {
    return ((const struct cpu CPU_IN_GS *)0)->context;
}

// By number; 0 .. sal_machine.cpus - 1.
struct cpu *cpu_get(u32 number);

#endif
