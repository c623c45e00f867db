// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From a strand's own code into the kernel: takes the lock, calls what is in r11 with the arguments
// as they are, gives the lock back. R9 is the run (load.c, stub_write).

    .text
    .balign 16
    .global strand_import
strand_import:
    push %rbp
    mov %rsp, %rbp
    push %r9
    push %r11
    push %r10
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %r8
    mov %r9, %rdi
    call strand_import_begin
    pop %r8
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    pop %r10
    call *(%rsp)
    mov %rax, (%rsp)
    mov 8(%rsp), %rdi
    call strand_import_end
    pop %rax
    pop %r9
    pop %rbp
    ret

    .section .note.GNU-stack, "", @progbits
