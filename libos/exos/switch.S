// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Giving up the processor: thread_sleep, see sleep.h.
//
// After a call that switches only rsp and rax hold. The vector registers and the bases of FS and GS are the program's; they are
// in the thread while it is away. Upcalls are masked all the time, so nobody else looks at them there meanwhile.

#include "gen/user_offsets.h"

    .text
    .balign 16
    .global thread_sleep
    .type thread_sleep, @function
thread_sleep: // rdi: the calling thread, which has the pod lock, rsi: deadline. Loses all registers but rbp.
    push %rbp
    mov THREAD_ROW(%rdi), %rdx
    mov ROW_WAKES(%rdx), %r9 // before the lock is given up: a wakeup between the two counts
    movb $1, THREAD_SLEEPING(%rdi)
    cmpb $0, pod_has_xsave(%rip)
    je 4f
    mov $-1, %eax
    mov $-1, %edx
    xsave64 THREAD_FP_AREA(%rdi)
1:  rdfsbase %rax
    mov %rax, THREAD_FS_BASE(%rdi)
    rdgsbase %rax
    mov %rax, THREAD_GS_BASE(%rdi)
    mov %rsi, %r10
    mov THREAD_OWED(%rdi), %rsi
    movq $0, THREAD_OWED(%rdi)
    movq $0, pod_lock_word(%rip)
    test %rsi, %rsi
    jz 5f
    mov $POD_CAP_SLOT, %edi
    mov %r9, %rdx
    mov $(0x80000000 + NUMBER_env_pass), %eax
2:  syscall
    mov %rsp, %rdi
    and $-(THREAD_STACK_BYTES), %rdi
    add $UAREA_SIZE, %rdi
    cmpb $0, pod_has_xsave(%rip)
    je 6f
    mov $-1, %eax
    mov $-1, %edx
    xrstor64 THREAD_FP_AREA(%rdi)
3:  mov THREAD_FS_BASE(%rdi), %rax
    wrfsbase %rax
    mov THREAD_GS_BASE(%rdi), %rax
    wrgsbase %rax
    xor %eax, %eax
    lock cmpxchg %rdi, pod_lock_word(%rip)
    jne 7f
    movb $0, THREAD_SLEEPING(%rdi)
    pop %rbp
    ret
4:  fxsave64 THREAD_FP_AREA(%rdi)
    jmp 1b
5:  mov %r9, %rdi
    mov %r10, %rsi
    mov $(0x80000000 + NUMBER_env_sleep), %eax
    jmp 2b
6:  fxrstor64 THREAD_FP_AREA(%rdi)
    jmp 3b
7:  mov %rdi, %rbx
    mov %rsp, %rbp
    and $-16, %rsp
    call pod_lock_contended
    mov %rbp, %rsp
    movb $0, THREAD_SLEEPING(%rbx)
    pop %rbp
    ret
    .size thread_sleep, . - thread_sleep

    .section .note.GNU-stack, "", @progbits
