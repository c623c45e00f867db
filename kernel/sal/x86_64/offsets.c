// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Offsets that entry.S uses, as lines "->NAME value" in its assembly text, which the build turns
// into gen/kernel_offsets.h.

#include "abi/calls.h"
#include "abi/env.h"
#include "gen/syscalls.h"
#include "kernel/sal/x86_64/context.h"
#include "kernel/sal/x86_64/cpu.h"

#define DEFINE(name, value)       __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
#define OFFSET(name, type, field) DEFINE(name, __builtin_offsetof(struct type, field))

void offsets(void);
void offsets(void) {
    OFFSET(CPU_STACK, cpu, kernel_stack_top);
    OFFSET(CPU_USER_RSP, cpu, user_rsp);
    OFFSET(CPU_CONTEXT, cpu, context);
    OFFSET(CPU_REGS, cpu, regs);
    OFFSET(CPU_APIC, cpu, apic_registers);
    OFFSET(CPU_TIMER_DEADLINE, cpu, timer_deadline);
    OFFSET(CPU_STRAND, cpu, strand);
    OFFSET(CPU_AGAIN, cpu, again);
    OFFSET(CPU_STRAND_REGS, cpu, strand_regs);

    OFFSET(CTX_LOW, sal_context, upcall_low);
    OFFSET(CTX_SIZE, sal_context, upcall_size);
    OFFSET(CTX_ENTRY, sal_context, upcall_entry);
    OFFSET(CTX_FOREIGN, sal_context, foreign_entry);
    OFFSET(CTX_UPCALL_SHORT, sal_context, upcall_short);
    OFFSET(CTX_FOREIGN_SHORT, sal_context, foreign_short);
    OFFSET(CTX_FRAMES, sal_context, upcall_frames);
    OFFSET(CTX_EXCEPTIONS, sal_context, exceptions);
    OFFSET(CTX_RIP, sal_context, rip);
    OFFSET(CTX_RSP, sal_context, rsp);
    OFFSET(CTX_RAX, sal_context, rax);
    OFFSET(CTX_RDI, sal_context, rdi);
    OFFSET(CTX_FS, sal_context, fs_base);
    OFFSET(CTX_GS, sal_context, gs_base);
    OFFSET(CTX_REGS, sal_context, regs);

    OFFSET(FRAME_VECTOR, upcall_frame, vector);
    OFFSET(FRAME_ERROR, upcall_frame, error);
    OFFSET(FRAME_ADDRESS, upcall_frame, address);
    OFFSET(FRAME_RAX, upcall_frame, rax);
    OFFSET(FRAME_RCX, upcall_frame, rcx);
    OFFSET(FRAME_RDX, upcall_frame, rdx);
    OFFSET(FRAME_RDI, upcall_frame, rdi);
    OFFSET(FRAME_R11, upcall_frame, r11);
    OFFSET(FRAME_RIP, upcall_frame, rip);
    OFFSET(FRAME_CS, upcall_frame, cs);
    OFFSET(FRAME_RFLAGS, upcall_frame, rflags);
    OFFSET(FRAME_RSP, upcall_frame, rsp);
    OFFSET(FRAME_SS, upcall_frame, ss);

    OFFSET(REGS_CS, sal_regs, cs);
    DEFINE(REGS_BYTES, sizeof(struct sal_regs));
    DEFINE(CALLS, SYS_COUNT);
}
