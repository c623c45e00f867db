// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The other side of transfers and yields, to be copied into a space of its own.

#include "gen/syscalls_asm.h"

    .section .rodata
    .balign 16
    .global server_start, server_call, server_yield, server_end
server_start:
    mov $0x80000000 + NUMBER_env_accept, %eax
    syscall
    jmp server_start
server_call:
    mov $0x80000000 + NUMBER_env_return, %eax
    syscall
server_yield: // gives the processor back to whoever is named in its data page, for ever
    mov $0x500000, %ecx
    mov (%rcx), %rsi
    mov $8, %edi // CAP_SLOT_FREE: for just that env
    mov $0x80000000 + NUMBER_env_yield, %eax
    syscall
    jmp server_yield
server_end:

    .text
// void call_times(u64 tens, u64 cap, env_id env): ten calls a turn, so that the loop weighs nothing
    .global call_times
call_times:
    push %rbx
    push %rbp
    push %r12
    mov %rdi, %r12
    mov %rsi, %rbx
    mov %rdx, %rbp
1:  sub $1, %r12
    jc 2f
    .rept 10
    mov %rbx, %rdi
    mov %rbp, %rsi
    mov $0x80000000 + NUMBER_env_call, %eax
    syscall
    .endr
    jmp 1b
2:  pop %r12
    pop %rbp
    pop %rbx
    ret

// void yield_times(u64 count, u64 cap, env_id env): only rsp and rip live across the call
    .global yield_times
yield_times:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdx
    push %rsi
    push %rdi
1:  subq $1, (%rsp)
    jc 2f
    mov 8(%rsp), %rdi
    mov 16(%rsp), %rsi
    mov $0x80000000 + NUMBER_env_yield, %eax
    syscall
    jmp 1b
2:  add $24, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
