// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From code of extensions that runs without the kernel lock into the kernel, or to events. Stubs of
// imports (load.c, stub_write) and gates of handlers (event_gate_make) jump here; R9 is the run, and
// arguments are as in C.

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

    .macro ALL_IS_LEFT
    movabs $(0x7fffffffffffffff - RUN_FUEL), %rax
    mov %rax, RUN_SPENT(%r9)
    .endm

// Takes the lock, calls what is in r11, gives the lock back.
    .balign 16
    .global strand_import
strand_import:
    push %r9
    push %r11
    mov RUN_MODE(%r9), %r10d
    push %r10
    ENTER import_wait
import_locked:
    movl $RUN_LOCKED, RUN_MODE(%r9)
    cmpb $RUN_STRAND, (%rsp)
    jne 1f
    ALL_IS_LEFT
1:  call *8(%rsp)
    pop %r10
    pop %r11
    pop %r9
    mov %r10d, RUN_MODE(%r9)
    cmp $RUN_STRAND, %r10d
    jne 2f
    LEAVE
    ret
2:  movb $0, the_kernel_lock + LOCK_HELD(%rip)
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
    jmp import_locked

// Raises an event from a strand's own code: calls what is in r11, the stub, again, with the mode of
// raises. Inside (epoch.h) interrupts are off, so it is not preempted; what waits is taken at the end.
    .balign 16
    .global strand_raise
strand_raise:
    push %r9
    push %r11
    push %r11
    cli
    lock incq %gs:SPIN_CPU_EPOCH
    cmpl $0, epoch_closed(%rip)
    jne raise_closed
    movl $RUN_RAISED, RUN_MODE(%r9)
    ALL_IS_LEFT
    call *(%rsp)
    add $16, %rsp
    pop %r9
    movl $RUN_STRAND, RUN_MODE(%r9)
    incq %gs:SPIN_CPU_EPOCH
    sti
    ret
raise_closed: // with the lock, then
    incq %gs:SPIN_CPU_EPOCH
    sti
    pop %r11
    pop %r11
    pop %r9
    jmp strand_import

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
