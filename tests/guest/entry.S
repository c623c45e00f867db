// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Upcall entry of the test program: saves all registers, calls guest_upcall(frame), goes on where it was interrupted.

#include "gen/syscalls_asm.h"

#define FRAME_RAX 24
#define FRAME_RCX 32
#define FRAME_RDX 40
#define FRAME_RDI 48
#define FRAME_R11 56
#define FRAME_RIP 88

    .text
    .global guest_upcall_entry
guest_upcall_entry:
    push %rbx
    push %rsi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rdi, %rbx
    mov %rsp, %rbp
    and $-16, %rsp
    cld
    call guest_upcall
    mov %rbp, %rsp
    mov %rbx, %rdi
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rsi
    pop %rbx
    mov FRAME_RAX(%rsp), %rax
    mov FRAME_RCX(%rsp), %rcx
    mov FRAME_RDX(%rsp), %rdx
    mov FRAME_RDI(%rsp), %rdi
    mov FRAME_R11(%rsp), %r11
    add $FRAME_RIP, %rsp
    iretq

// Foreign calls: answers number + 1000 in rax.
    .global guest_foreign_entry
guest_foreign_entry:
    add $1000, %rax
    mov FRAME_RIP(%rsp), %rcx
    mov FRAME_RIP + 24(%rsp), %rsp
    jmp *%rcx

// Yields, or passes with env_pass's arguments, and returns the OR of every register that is not defined then.
    .global yield_and_look
yield_and_look:
    xor %edi, %edi
    xor %esi, %esi
    mov $0x80000000 + NUMBER_env_yield, %eax
    jmp 1f
    .global pass_and_look
pass_and_look:
    mov %rcx, %r10
    mov $0x80000000 + NUMBER_env_pass, %eax
1:  push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    syscall
    or %rbx, %rax
    or %rbp, %rax
    or %rdi, %rax
    or %rsi, %rax
    or %rdx, %rax
    or %r8, %rax
    or %r9, %rax
    or %r10, %rax
    or %r12, %rax
    or %r13, %rax
    or %r14, %rax
    or %r15, %rax
    rdfsbase %rcx
    or %rcx, %rax
    rdgsbase %rcx
    or %rcx, %rax
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movq %xmm\n, %rcx
    or %rcx, %rax
    .endr
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

// void yield_registers(u64 slot, env_id env, u64 pattern, u64 *seen): directed yield with the pattern in all registers that
// the caller may choose and in the bases of FS and GS; seen: what they hold afterwards, rax first (YIELD_SEEN words).
    .global yield_registers
yield_registers:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    rdfsbase %rax
    push %rax
    rdgsbase %rax
    push %rax
    push %rcx
    mov %rdx, %rax
    wrfsbase %rax
    wrgsbase %rax
    .irp r, rbx, rbp, rdx, r8, r9, r10, r12, r13, r14, r15
    mov %rax, %\r
    .endr
    mov $0x80000000 + NUMBER_env_yield, %eax
    syscall
    push %rbx
    mov 8(%rsp), %rbx
    mov %rax, (%rbx)
    pop %rax
    mov %rax, 8(%rbx)
    .set at, 16
    .irp r, rbp, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    mov %\r, at(%rbx)
    .set at, at + 8
    .endr
    rdfsbase %rax
    mov %rax, at(%rbx)
    rdgsbase %rax
    mov %rax, at + 8(%rbx)
    pop %rcx
    pop %rcx
    wrgsbase %rcx
    pop %rcx
    wrfsbase %rcx
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
