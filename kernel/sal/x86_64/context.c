// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Saving and clearing what entry.S does not touch: segment bases, selectors and vector state.

#include "kernel/sal/x86_64/context.h"

#include "abi/calls.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/cpu.h"
#include "kernel/sal/x86_64/x86.h"

// An XSAVE area in its initial configuration: XRSTOR from it resets every component.
// Aegis' short way of env_yield does so too.
extern u8 sal_vector_initial[576];
u8 sal_vector_initial[576] __attribute__((aligned(64))) = {
    [0] = 0x7f,  [1] = 0x03,  // FCW
    [24] = 0x80, [25] = 0x1f, // MXCSR
    [28] = 0xff, [29] = 0xff, // MXCSR mask
};

static u64 selectors_now(void) {
    u16 ds, es, fs, gs;
    __asm__ volatile("mov %%ds, %0\n mov %%es, %1\n mov %%fs, %2\n mov %%gs, %3"
                     : "=rm"(ds), "=rm"(es), "=rm"(fs), "=rm"(gs));
    return ds | (u64)es << 16 | (u64)fs << 32 | (u64)gs << 48;
}

// What a program could load into them by itself, too. The kernel's GS base stays.
static void selectors_load(u64 selectors) {
    if (selectors == selectors_now())
        return;
    u32 ds = (u16)selectors, es = (u16)(selectors >> 16), fs = (u16)(selectors >> 32);
    u64 base;
    __asm__ volatile("mov %0, %%ds\n mov %1, %%es\n mov %2, %%fs" : : "r"(ds), "r"(es), "r"(fs));
    __asm__ volatile("rdgsbase %0\n mov %1, %%gs\n wrgsbase %0"
                     : "=&r"(base)
                     : "r"((u32)(selectors >> 48))
                     : "memory");
}

void sal_context_save_full(struct sal_context *context, const struct sal_regs *regs) {
    context->full = 1;
    context->xsave_used = 1;
    context->regs = *regs;
    context->selectors = selectors_now();
    __asm__ volatile("rdfsbase %0" : "=r"(context->fs_base));
    // In the kernel the program's GS base is the one that SWAPGS would bring back.
    u32 lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000102));
    context->gs_base = (u64)hi << 32 | lo;
    if (sal_machine.features & ABI_FEATURE_XSAVE)
        __asm__ volatile("xsave64 (%0)"
                         :
                         : "r"(context->xsave), "a"((u32)sal_machine.xcr0), "d"(0)
                         : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(context->xsave) : "memory");
}

void sal_context_load_vector(const struct sal_context *context) {
    selectors_load(context->selectors);
    if (sal_machine.features & ABI_FEATURE_XSAVE)
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(context->xsave), "a"((u32)sal_machine.xcr0), "d"(0)
                         : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(context->xsave) : "memory");
}

void sal_vector_clear(void) {
    selectors_load(0);
    if (sal_machine.features & ABI_FEATURE_XSAVE)
        __asm__ volatile("xrstor64 (%0)"
                         :
                         : "r"(sal_vector_initial), "a"((u32)sal_machine.xcr0), "d"(0)
                         : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(sal_vector_initial) : "memory");
}

extern const char entry_syscall[], entry_syscall_traced[];
void sal_entry_trace(int traced) {
    x86_msr_write(MSR_LSTAR, (u64)(traced ? entry_syscall_traced : entry_syscall));
}

// On the kernel stack, from its top: rip, flags, and where the call's function returns to.
extern const char syscall_again[];
void sal_call_again(u64 number, const u64 *arguments) {
    struct cpu *cpu = cpu_this();
    u64 *top = (u64 *)cpu->kernel_stack_top;
    cpu->again[0] = ABI_SYSCALL_BASE + number;
    for (u32 i = 0; i < 6; i++)
        cpu->again[1 + i] = arguments[i];
    top[-1] -= 2; // the length of SYSCALL
    top[-3] = (u64)syscall_again;
}
