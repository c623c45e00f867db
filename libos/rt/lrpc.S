// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Both ends of a call, see lrpc.h. On the way: rdx the procedure, r8, r9 and r10 the arguments; rdx the result on the way back.

#include "gen/user_offsets.h"

    .macro MESSAGE // from C's arguments: binding, procedure, a, b, c
    mov %r8, %r10
    mov %rcx, %r9
    mov %rdx, %r8
    mov %rsi, %rdx
    mov LRPC_SERVER(%rdi), %rsi
    mov LRPC_CAP(%rdi), %rdi
    mov $(0x80000000 + NUMBER_env_call), %eax
    syscall
    .endm

    .text

// --- the client ------------------------------------------------------------------------------------

// Nothing but rsp and rip is ours when the call ended without a return; before it began, all is.
    .balign 16
    .global tlrpc_call
    .type tlrpc_call, @function
tlrpc_call:
    push %rdi
    MESSAGE
    pop %rcx
    test %rax, %rax
    jnz 1f
    mov %rdx, %rax
    ret
1:  cmp $-E_RECALLED, %rax
    je 2f
    cmp $-E_DEAD, %rax
    je 2f
    ret
2:  mov %rax, %rdi
    mov LRPC_BROKEN(%rcx), %rax
    jmp *%rax
    .size tlrpc_call, . - tlrpc_call

    .balign 16
    .global lrpc_call
    .type lrpc_call, @function
lrpc_call:
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
    sub $16, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    mov $TABLES_HIGH, %eax
    shl $32, %rax
    testl $FEATURE_PKU, INFO_FEATURES(%rax)
    jnz 3f
1:  xor %ebx, %ebx
    xor %ebp, %ebp
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    MESSAGE
    fldcw 4(%rsp)
    ldmxcsr (%rsp)
    mov $TABLES_HIGH, %ecx
    shl $32, %rcx
    testl $FEATURE_PKU, INFO_FEATURES(%rcx)
    jnz 4f
2:  add $16, %rsp
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
    test %rax, %rax
    cmovz %rdx, %rax
    ret
3:  mov %rdx, %r11
    mov %rcx, %rbx
    xor %ecx, %ecx
    rdpkru
    mov %eax, 8(%rsp)
    mov %r11, %rdx
    mov %rbx, %rcx
    jmp 1b
4:  mov %rdx, %r8
    mov %rax, %r9
    xor %ecx, %ecx
    xor %edx, %edx
    mov 8(%rsp), %eax
    wrpkru
    mov %r8, %rdx
    mov %r9, %rax
    jmp 2b
    .size lrpc_call, . - lrpc_call

// --- the server ------------------------------------------------------------------------------------

    .balign 16
    .global lrpc_entry
    .type lrpc_entry, @function
lrpc_entry: // rdi: the caller
    mov SERVICE_FS + lrpc_service(%rip), %rax
    wrfsbase %rax
    mov SERVICE_GS + lrpc_service(%rip), %rax
    wrgsbase %rax
    ldmxcsr SERVICE_MXCSR + lrpc_service(%rip)
    fldcw SERVICE_CONTROL + lrpc_service(%rip)
    mov $TABLES_HIGH, %eax
    shl $32, %rax
    testl $FEATURE_PKU, INFO_FEATURES(%rax)
    jz 1f
    mov %rdx, %rsi
    xor %ecx, %ecx
    xor %edx, %edx
    mov SERVICE_PKRU + lrpc_service(%rip), %eax
    wrpkru
    mov %rsi, %rdx
1:  cmp lrpc_service(%rip), %rdx
    jae no_procedure
    mov SERVICE_PROCEDURES + lrpc_service(%rip), %rax
    mov (%rax, %rdx, 8), %rax
    mov %rdi, %rcx
    mov %r8, %rdi
    mov %r9, %rsi
    mov %r10, %rdx
    call *%rax
    mov %rax, %rdx
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    jmp answer
    .size lrpc_entry, . - lrpc_entry

    .balign 16
    .global tlrpc_entry
    .type tlrpc_entry, @function
tlrpc_entry:
    cmp lrpc_service(%rip), %rdx
    jae no_procedure
    mov SERVICE_PROCEDURES + lrpc_service(%rip), %rax
    mov (%rax, %rdx, 8), %rax
    mov %rdi, %rcx
    mov %r8, %rdi
    mov %r9, %rsi
    mov %r10, %rdx
    call *%rax
    mov %rax, %rdx
answer:
    mov $(0x80000000 + NUMBER_env_return), %eax
    syscall
// Nobody waits any more: the call was recalled, or its caller is gone.
    .global lrpc_accept
lrpc_accept:
    mov $(0x80000000 + NUMBER_env_accept), %eax
    syscall
    jmp lrpc_accept
no_procedure:
    mov $-E_NOSYS, %rdx
    jmp answer
    .size tlrpc_entry, . - tlrpc_entry

    .section .note.GNU-stack, "", @progbits
