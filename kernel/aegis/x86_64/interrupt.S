// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The short way of the timer's interrupt of user mode, without the lock and without C, when it says no more than that the
// slice is over: UPCALL_SLICE_END, and the grace begins. It looks only at what this processor and the running env have to
// themselves; another processor may only make AEGIS_CPU_SLEEPER later, and sends an interrupt after it set notify or stop.
// Everything else goes the long way (`interrupt`, aegis_interrupt), which would come to the same result.
//
// On entry: on the stack vector, error, rip, cs, rflags, rsp, ss.

#include "gen/aegis_offsets.h"
#include "gen/kernel_offsets.h"

#define RFLAGS_CLEAN 0x202
#define APIC_EOI 0xb0
#define APIC_TIMER 0x380

    .text

    .macro BEGIN
    testb $3, 24(%rsp)
    jz interrupt
    swapgs
    push %rax
    push %rcx
    push %rdx
    push %rdi
    mov %gs:CPU_CONTEXT, %rax
    .endm

// rcx: where on the upcall stack the frame goes, as an offset. Jumps if that is in the lower half, or the program wants no upcall now.
    .macro ROOM
    mov 72(%rsp), %rcx
    sub CTX_LOW(%rax), %rcx
    cmp CTX_SIZE(%rax), %rcx
    lea -128(%rcx), %rcx
    cmova CTX_SIZE(%rax), %rcx
    sub $128, %rcx
    and $-128, %rcx
    mov CTX_SIZE(%rax), %rdx
    shr %rdx
    cmp %rdx, %rcx
    jl long_way
    mov CTX_FRAMES(%rax), %rdx
    cmpl $0, UAREA_MASKED(%rdx)
    jne long_way
    .endm

// Enters the env with an upcall; rdi: the vector. The four registers that BEGIN pushed are on the stack.
    .macro UPCALL
    mov ENV_ROW(%rax), %rdx
    incl ROW_UPCALLS(%rdx)
    mov %gs:CPU_APIC, %rdx
    movl $0, APIC_EOI(%rdx)
    mov %ecx, %edx
    shr $12, %edx
    mov CTX_FRAMES(%rax, %rdx, 8), %rdx
    mov %rdi, 32(%rsp) // instead of the interrupt's vector
    mov %ecx, %edi
    and $4095, %edi
    add %rdi, %rdx
    pop FRAME_RDI(%rdx)
    pop FRAME_RDX(%rdx)
    pop FRAME_RCX(%rdx)
    pop FRAME_RAX(%rdx)
    pop FRAME_VECTOR(%rdx)
    pop FRAME_ERROR(%rdx)
    pop FRAME_RIP(%rdx)
    pop FRAME_CS(%rdx)
    pop FRAME_RFLAGS(%rdx)
    pop FRAME_RSP(%rdx)
    pop FRAME_SS(%rdx)
    mov %r11, FRAME_R11(%rdx)
    movq $0, FRAME_ADDRESS(%rdx)
    mov %rcx, %rdi
    add CTX_LOW(%rax), %rdi
    mov CTX_ENTRY(%rax), %rcx
    mov FRAME_VECTOR(%rdx), %eax
    mov %rdi, %rsp
    xor %edx, %edx
    mov $RFLAGS_CLEAN, %r11d
    swapgs
    sysretq
    .endm

    .balign 64
    .global entry_timer
entry_timer:
    BEGIN
    cmpl $0, ENV_SLOW(%rax) // notify and stop
    jne long_way
    cmpl $0, spin_work(%rip) // extensions' memory is to be given back, handlers wait
    jne long_way
    ROOM
    mov %gs:CPU_APIC, %rdi
    test %rdi, %rdi
    jz long_way // registers by MSR
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %gs:AEGIS_CPU_ROW, %rdx
    cmp CPU_ROW_SLICE_END(%rdx), %rax
    jb long_way
    cmpl $0, %gs:AEGIS_CPU_GRACE
    jne long_way
    add grace_ticks(%rip), %rax
    cmp %gs:AEGIS_CPU_SLEEPER, %rax // somebody is to be woken by then
    jae long_way
    incq CPU_ROW_INTERRUPTS(%rdx)
    incq CPU_ROW_TIMERS(%rdx)
    movl $1, %gs:AEGIS_CPU_GRACE
    movq $0, %gs:AEGIS_CPU_YIELD_SLOTS
    mov %rax, CPU_ROW_SLICE_END(%rdx)
    mov %rax, %gs:AEGIS_CPU_TIMER
    mov %rax, %gs:CPU_TIMER_DEADLINE
    mov grace_apic(%rip), %eax
    mov %eax, APIC_TIMER(%rdi)
    mov %gs:CPU_CONTEXT, %rax
    mov $UPCALL_SLICE_END, %edi
    UPCALL

long_way:
    pop %rdi
    pop %rdx
    pop %rcx
    pop %rax
    swapgs
    jmp interrupt

    .section .note.GNU-stack, "", @progbits
