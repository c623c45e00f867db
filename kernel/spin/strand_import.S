// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From a strand's own code into the kernel. Stubs of imports (load.c, stub_write) jump here; R9 is
// the run, and arguments are as in C.

#include "gen/aegis_offsets.h"
#include "gen/spin_offsets.h"

    .text

// Interrupts off, and the kernel lock; \slow with interrupts off if it is not free at once. eax and
// r11 are lost.
    .macro ENTER slow
    cli
    xor %eax, %eax
    mov $1, %r11d
    lock cmpxchg %r11d, the_kernel_lock + LOCK_HELD(%rip)
    jne \slow
    .endm
    .macro LEAVE
    movb $0, the_kernel_lock + LOCK_HELD(%rip)
    sti
    .endm

// Takes the lock, calls what is in r11, gives the lock back.
    .balign 16
    .global strand_import
strand_import:
    push %r9
    push %r11
    push %r10
    ENTER import_wait
import_locked:
    movl $RUN_LOCKED, RUN_MODE(%r9)
    movabs $(0x7fffffffffffffff - RUN_FUEL), %rax // all is left
    mov %rax, RUN_SPENT(%r9)
    call *8(%rsp)
    add $16, %rsp
    pop %r9
    movl $RUN_STRAND, RUN_MODE(%r9)
    LEAVE
    ret
import_wait:
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %r8
    push %r9
    call kernel_lock_short
    pop %r9
    pop %r8
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    mov (%rsp), %r10
    jmp import_locked

// strand_pass(rdi) the short way: to a BLOCKED strand of the same crew, which has been on this
// processor, nobody has scheduled otherwise, and nothing else is to be done. Changes just what the
// function in C does, which has all other cases.
    .balign 16
    .global strand_pass_import
strand_pass_import:
    cmpb $RUN_STRAND, RUN_MODE(%r9)
    jne strand_refused
    ENTER pass_wait
    mov %gs:SPIN_CPU_STRAND, %rsi // this one
    mov STRAND_PARTNER(%rsi), %rdx // the other one, mostly
    cmp %rdi, STRAND_ID(%rdx)
    jne pass_find
pass_found:
    mov STRAND_CREW(%rsi), %rax
    cmpw $0, CREW_DYING(%rax) // and scheduled
    jne pass_slow
    cmpw $0, STRAND_TOKEN(%rsi) // and late
    jne pass_slow
    mov STRAND_ROW(%rdx), %rcx
    cmpl $STRAND_ROW_BLOCKED, STRAND_ROW_STATE(%rcx)
    jne pass_slow
    mov %gs:SPIN_CPU_NUMBER, %r8d
    mov STRAND_FLUSHED(%rdx), %r10
    bt %r8, %r10
    jnc pass_slow
    mov STRAND_ROW(%rsi), %rax
    movl $STRAND_ROW_BLOCKED, STRAND_ROW_STATE(%rax)
    movl $STRAND_ROW_RUNNING, STRAND_ROW_STATE(%rcx)
    mov %r8d, STRAND_ROW_CPU(%rcx)
    incq STRAND_ROW_RUNS(%rcx)
    mov %rdx, %gs:SPIN_CPU_STRAND
    push $pass_back // as sal_strand_switch leaves it
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, STRAND_RSP(%rsi)
    mov STRAND_RSP(%rdx), %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
pass_back: // somebody has let this one go on, with the lock
    xor %eax, %eax
    LEAVE
    ret
pass_find:
    mov %edi, %ecx
    and $INDEX_MASK, %ecx
    cmp strand_rows(%rip), %ecx
    jae pass_slow
    mov strand_of(%rip), %rdx
    mov (%rdx, %rcx, 8), %rdx
    cmp %rdi, STRAND_ID(%rdx)
    jne pass_slow
    mov STRAND_CREW(%rdx), %rax
    cmp %rax, STRAND_CREW(%rsi)
    jne pass_slow
    mov %rdx, STRAND_PARTNER(%rsi)
    jmp pass_found
pass_slow:
    movb $0, the_kernel_lock + LOCK_HELD(%rip)
pass_wait:
    sti
    lea strand_pass_slowly(%rip), %r11
    jmp strand_import

    .section .note.GNU-stack, "", @progbits
