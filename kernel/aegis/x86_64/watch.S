// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Foreign calls and page faults of envs that are watched (abi/ext/watch.h): an extension is asked, with the kernel lock, and
// then the call goes on to the env, is answered, or the env ends. Envs that nobody watches come here only if they have no
// foreign entry, or no upcall stack: then watch_pass is asked.
//
// What is asked is code of contract T (kernel/spin/dispatch/dispatch.h): the argument in rdi, the processor's run in r9; it may
// change what a C function may. Registers of the program that it may change lie in the structure that it gets (abi/ext/watch.h);
// rip, flags and the stack pointer lie below or above it, out of its reach.

#include "gen/aegis_offsets.h"

    .text

// The lock, without a stack of C as long as it is free; debug builds note who has it.
    .macro TAKE_LOCK // rax, the running env, stays
    .if !KERNEL_DEBUG
    xor %eax, %eax
    mov $1, %r11d
    lock cmpxchg %r11d, the_kernel_lock + LOCK_WORD(%rip)
    jnz 8f
    .else
    jmp 8f
    .endif
7:  mov %gs:AEGIS_CPU_CONTEXT, %rax
    .endm
    .macro TAKE_LOCK_SLOWLY // somewhere behind TAKE_LOCK
8:  call kernel_lock_short
    jmp 7b
    .endm
    .macro RUN // of this processor, on this stack: its limit is in it
    mov %gs:AEGIS_CPU_RUN, %r9
    movabs $(0x7fffffffffffffff - RUN_FUEL), %r11 // all is left
    mov %r11, RUN_SPENT(%r9)
    .endm
    .macro UNLOCK // keeps the flags
    .if KERNEL_DEBUG
    pushf
    call kernel_unlock_short
    popf
    .else
    movb $0, the_kernel_lock + LOCK_HELD(%rip)
    .endif
    .endm

// On entry: rax: the env; on the stack: rdi, rdx and rax (the number); all other registers are the program's, rcx its rip, r11
// its flags. struct ext_foreign_call is built around those three.
    .balign 64
    .global entry_watch_call
entry_watch_call:
    push %rsi
    push %r10
    push %r8
    push %r9
    push %rcx
    push ENV_ID(%rax)
    push %rcx
    push %r11
    TAKE_LOCK
    lea 16(%rsp), %rdi
    RUN
    call *ENV_WATCH_CALL(%rax) // the stack is not aligned: those of C behind it that want it do it
    cmp $1, %rax
    ja 6f
5:  UNLOCK
    pop %r11
    pop %rcx
    lea 16(%rsp), %rsp
    pop %r9
    pop %r8
    pop %r10
    pop %rsi
    jb entry_foreign
    pop %rdi
    pop %rdx
    pop %rax
    mov %gs:AEGIS_CPU_USER_RSP, %rsp
    swapgs
    sysretq
6:  cmp $EXT_AGAIN, %rax
    jne watch_end
    subq $2, 8(%rsp) // rip: the syscall instruction
    cmp %rax, %rax   // as if it were done
    jmp 5b
    TAKE_LOCK_SLOWLY

// On entry: rax: the env; on the stack: rdi, rdx, rcx, rax, vector, error, rip, cs, rflags, rsp, ss.
    .balign 64
    .global entry_watch_exception
entry_watch_exception:
    testl $WATCH_FAULTS, ENV_WATCH_WHAT(%rax)
    jz entry_exception
    cmpl $14, 32(%rsp)
    jne entry_exception
    push %rsi
    push %r8
    push %r9
    push %r10
    push %r11
    mov %cr2, %rdi
    push 88(%rsp) // rip
    push 88(%rsp) // error
    push %rdi
    push ENV_ID(%rax)
    cld
    TAKE_LOCK
    mov 16(%rsp), %ecx
    and $1, %ecx
    cmpl $0, ENV_WATCH_RANGED(%rax)
    jne 3f
2:  mov %rsp, %rdi
    RUN
    call *ENV_WATCH_FAULT(%rax, %rcx, 8)
    cmp $1, %rax
    ja watch_end
    UNLOCK
    lea 32(%rsp), %rsp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rsi
    jb 4f
    pop %rdi
    pop %rdx
    pop %rcx
    pop %rax
    lea 16(%rsp), %rsp
    swapgs
    iretq
    TAKE_LOCK_SLOWLY
4:  mov %gs:AEGIS_CPU_CONTEXT, %rax
    jmp entry_exception
3:  mov %rax, %rdi
    mov 8(%rsp), %rsi
    mov %ecx, %edx
    call spin_watch_fault
    mov %eax, %ecx
    mov %gs:AEGIS_CPU_CONTEXT, %rax
    jmp 2b

watch_end:
    UNLOCK
    and $-16, %rsp
    call watch_end_env

    .global watch_pass, watch_kill
watch_pass:
    xor %eax, %eax
    ret
watch_kill:
    mov $2, %eax
    ret

    .section .note.GNU-stack, "", @progbits
