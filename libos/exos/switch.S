// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Giving up the processor: void thread_switch(struct thread *me, env_id to, u64 seen, u64 deadline), see pod_priv.h.
//
// After a call that switches only rsp and rax hold. The vector registers and the bases of FS and GS are the program's; they are
// in the thread while it is away, and fp_saved says so.

#include "gen/user_offsets.h"

    .text
    .balign 16
    .global thread_switch
    .type thread_switch, @function
thread_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdi
    mov %rdx, %r9
    mov %rcx, %r10
    movb $1, THREAD_FP_SAVED(%rdi)
    mov THREAD_FP_AREA(%rdi), %r8
    cmpb $0, pod_has_xsave(%rip)
    je 4f
    mov $-1, %eax
    mov $-1, %edx
    xsave64 (%r8)
1:  rdfsbase %rax
    mov %rax, THREAD_FS_BASE(%rdi)
    rdgsbase %rax
    mov %rax, THREAD_GS_BASE(%rdi)
    test %rsi, %rsi
    jz 5f
    mov $POD_CAP_SLOT, %edi
    mov %r9, %rdx
    mov $(0x80000000 + NUMBER_env_pass), %eax
2:  syscall
    pop %rdi
    mov THREAD_FP_AREA(%rdi), %r8
    cmpb $0, pod_has_xsave(%rip)
    je 6f
    mov $-1, %eax
    mov $-1, %edx
    xrstor64 (%r8)
3:  mov THREAD_FS_BASE(%rdi), %rax
    wrfsbase %rax
    mov THREAD_GS_BASE(%rdi), %rax
    wrgsbase %rax
    movb $0, THREAD_FP_SAVED(%rdi)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
4:  fxsave64 (%r8)
    jmp 1b
5:  mov %r9, %rdi
    mov %r10, %rsi
    mov $(0x80000000 + NUMBER_env_sleep), %eax
    jmp 2b
6:  fxrstor64 (%r8)
    jmp 3b
    .size thread_switch, . - thread_switch

    .section .note.GNU-stack, "", @progbits
