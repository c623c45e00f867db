// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A server for transfer tests, position independent, to be copied into a space of its own; and the client's side.

#include "gen/syscalls_asm.h"

    .section .rodata
    .balign 16
    .global server_start, server_call, server_call_end, server_send, server_spin, server_die
    .global server_counts, server_sleepy, server_relay, server_traitor, server_back, server_returns, server_trash, server_end
server_start: // accepts for ever
    mov $0x80000000 + NUMBER_env_accept, %eax
    syscall
    jmp server_start
server_call: // answers each message register plus one, and in rsi who called
    mov %rdi, %rsi
    inc %rbx
    inc %rbp
    inc %rdx
    inc %r8
    inc %r9
    inc %r10
    inc %r12
    inc %r13
    inc %r14
    inc %r15
    mov $0x80000000 + NUMBER_env_return, %eax
    syscall
    ud2
server_send: // counts in its data page, then accepts again
    mov $0x500000, %eax
    lock incq (%rax)
    jmp server_start
server_spin: // never returns
    jmp server_spin
server_die:
    ud2
// --- those that have a page at 0x600000 to share with the test: how often env_accept came back, whether to return, and what
// env_return said if it came back, negated
// Accepts, and counts how often env_accept came back.
server_counts:
    mov $0x80000000 + NUMBER_env_accept, %eax
    syscall
    mov $0x600000, %eax
    lock incq (%rax)
    jmp server_counts
server_spins_called: // counts and never returns
    .global server_spins_called
    mov $0x600000, %eax
1:  incq (%rax)
    jmp 1b
server_sleepy: // gives up the processor before it returns: sleeps until the time in rdx, with rbx the wake count
    mov %rbx, %rdi
    mov %rdx, %rsi
    mov $0x80000000 + NUMBER_env_sleep, %eax
    syscall
    mov $0x80000000 + NUMBER_env_return, %eax
    syscall
    ud2
server_relay: // calls the env in r8 by its account's capability, and answers in rdx what came of it
    mov $1, %edi
    mov %r8, %rsi
    mov $0x80000000 + NUMBER_env_call, %eax
    syscall
    mov %rax, %rdx
    jmp server_returns
server_traitor: // recalls its own caller
    mov %rdi, %rsi
    mov $1, %edi
    mov $0x80000000 + NUMBER_env_recall, %eax
    syscall
server_back: // spins until it is told to return; if nobody waits any more, accepts again
    mov $0x600008, %eax
1:  pause
    cmpq $0, (%rax)
    je 1b
server_returns:
    mov $0x80000000 + NUMBER_env_return, %eax
    syscall
    mov $0x600010, %ecx
    neg %rax
    mov %rax, (%rcx)
    jmp server_counts
server_trash: // returns with as much changed as it can
    mov $0x123456, %eax
    wrfsbase %rax
    wrgsbase %rax
    mov %rbx, %rdx // what it was shown
    or %rbp, %rdx
    or %r12, %rdx
    or %r13, %rdx
    or %r14, %rdx
    or %r15, %rdx
    mov %rax, %rbx
    mov %rax, %rbp
    mov %rax, %r12
    mov %rax, %r13
    mov %rax, %r14
    mov %rax, %r15
    push $0x5f80
    ldmxcsr (%rsp)
    movw $0x77f, (%rsp)
    fldcw (%rsp)
    pop %rax
    std
    mov $0x80000000 + NUMBER_env_return, %eax
    syscall
    ud2
server_end:

    .text
// i64 client_call(u64 cap, env_id env, u64 message[10]): rbx rbp rdx r8 r9 r10 r12 r13 r14 r15 out and in; message[10] gets
// rdi, message[11] rsi.
    .global client_call
client_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdx
    mov %rdx, %rax
    mov 0(%rax), %rbx
    mov 8(%rax), %rbp
    mov 16(%rax), %rdx
    mov 24(%rax), %r8
    mov 32(%rax), %r9
    mov 40(%rax), %r10
    mov 48(%rax), %r12
    mov 56(%rax), %r13
    mov 64(%rax), %r14
    mov 72(%rax), %r15
    mov $0x80000000 + NUMBER_env_call, %eax
    syscall
    mov (%rsp), %rcx
    mov %rbx, 0(%rcx)
    mov %rbp, 8(%rcx)
    mov %rdx, 16(%rcx)
    mov %r8, 24(%rcx)
    mov %r9, 32(%rcx)
    mov %r10, 40(%rcx)
    mov %r12, 48(%rcx)
    mov %r13, 56(%rcx)
    mov %r14, 64(%rcx)
    mov %r15, 72(%rcx)
    mov %rdi, 80(%rcx)
    mov %rsi, 88(%rcx)
    pop %rdx
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
