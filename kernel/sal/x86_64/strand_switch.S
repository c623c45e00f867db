// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Switching between stacks in kernel mode. See strand.h.

#include "gen/kernel_offsets.h"

    .text

    .macro KEEP
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .balign 16
    .global sal_strand_switch
sal_strand_switch:
    KEEP
    mov %rsp, (%rdi)
    mov %rsi, %rsp
go_on:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret

    .global sal_strand_enter
sal_strand_enter:
    mov %rdi, %rsp
    jmp go_on

    .global sal_strand_leave
sal_strand_leave:
    KEEP
    mov %rsp, (%rdi)
    mov %gs:CPU_STACK, %rsp
    xor %ebp, %ebp
    mov %rdx, %rdi
    call *%rsi
    ud2

// Where a new strand begins: r12 is what it does, r13 the argument.
    .global sal_strand_first
sal_strand_first:
    sub $64, %rsp // the frame stays; 16-aligned
    mov %r13, %rdi
    call *%r12
    ud2

// Where an interrupted strand goes on: its registers lie at the stack pointer.
    .global sal_strand_again
sal_strand_again:
    call aegis_strand_resumed
    jmp restore_regs

    .section .note.GNU-stack, "", @progbits
