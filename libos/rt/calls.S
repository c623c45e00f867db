// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Stubs of the system calls that lose registers (abi/syscalls.def: switches, message). To C they look like ordinary functions:
// the callee-saved registers, the control words of x87 and SSE and the bases of FS and GS are as before on return. Vector
// registers and x87 contents are not: ExOS saves them itself where the program's are live.

#include "gen/user_offsets.h"

    .macro SAVE
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
    sub $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    .endm

    .macro RESTORE
    fldcw 4(%rsp)
    ldmxcsr (%rsp)
    add $8, %rsp
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
    .endm

    .macro SWITCHING name number
    .global sys_\name
    .type sys_\name, @function
sys_\name:
    SAVE
    mov %rcx, %r10 // a fourth argument
    mov $(0x80000000 + \number), %eax
    syscall
    RESTORE
    ret
    .size sys_\name, . - sys_\name
    .endm

// The same for one that may take the registers along to another env: that finds nothing there but the arguments.
    .macro GIVING name number
    .global sys_\name
    .type sys_\name, @function
sys_\name:
    SAVE
    xor %ebx, %ebx
    xor %ebp, %ebp
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    mov $(0x80000000 + \number), %eax
    syscall
    RESTORE
    ret
    .size sys_\name, . - sys_\name
    .endm

    .text
    SWITCHING env_sleep NUMBER_env_sleep
    GIVING env_yield NUMBER_env_yield
    SWITCHING env_run NUMBER_env_run
    SWITCHING env_call NUMBER_env_call
    SWITCHING env_send NUMBER_env_send
    SWITCHING env_accept NUMBER_env_accept
    SWITCHING ext_load NUMBER_ext_load
    SWITCHING env_wait NUMBER_env_wait
    SWITCHING env_sleep_until NUMBER_env_sleep_until

    .global sys_env_pass
    .type sys_env_pass, @function
sys_env_pass:
    SAVE
    mov %rcx, %r10
    mov $(0x80000000 + NUMBER_env_pass), %eax
    syscall
    RESTORE
    ret
    .size sys_env_pass, . - sys_env_pass

// Does not return here: the callee's registers are the caller's answer.
    .global sys_env_return
    .type sys_env_return, @function
sys_env_return:
    mov $(0x80000000 + NUMBER_env_return), %eax
    syscall
    ret
    .size sys_env_return, . - sys_env_return

    .section .note.GNU-stack, "", @progbits
