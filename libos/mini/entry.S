// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// mini's assembly: the upcall entry and the switch between threads.

#define FRAME_RAX 24
#define FRAME_RCX 32
#define FRAME_RDX 40
#define FRAME_RDI 48
#define FRAME_R11 56
#define FRAME_RIP 88

    .text

// The kernel has put a frame on the upcall stack (rsp and rdi point at it) and saved rax, rcx, rdx, rdi and r11 in it. What C
// may change beyond these is saved here. IRETQ goes back to where we were interrupted, without the kernel.
    .global mini_upcall_entry
mini_upcall_entry:
    push %rbx
    push %rsi
    push %rbp
    push %r8
    push %r9
    push %r10
    mov %rsp, %rbp
    call mini_upcall
    mov %rbp, %rsp
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

// void context_switch(u64 *from, u64 to)
    .global context_switch
context_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .global context_start
context_start:
    mov %r12, %rdi
    call *%rbx
    call thread_end
    ud2

    .section .note.GNU-stack, "", @progbits
