// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Upcall handlers that do one thing and go on. An upcall saves rax, rcx, rdx, rdi and r11; these touch no other register
// except where a system call loses it, and then they save it. rdi: the frame.

#include "gen/syscalls_asm.h"

#define FRAME_ADDRESS 16
#define FRAME_RAX 24
#define FRAME_RCX 32
#define FRAME_RDX 40
#define FRAME_RDI 48
#define FRAME_R11 56
#define FRAME_RIP 88
#define FRAME_RSP 112

    .macro GO_ON
    mov FRAME_RAX(%rsp), %rax
    mov FRAME_RCX(%rsp), %rcx
    mov FRAME_RDX(%rsp), %rdx
    mov FRAME_RDI(%rsp), %rdi
    mov FRAME_R11(%rsp), %r11
    add $FRAME_RIP, %rsp
    iretq
    .endm

// The end of a slice may come in any row; nothing is done about it.
    .macro NOT_SLICE_END
    cmp $32, %eax // UPCALL_SLICE_END
    je upcall_skip0
    .endm

    .text
    .global upcall_skip2, upcall_skip0, upcall_map, upcall_unprotect, upcall_enter, trap_resume
upcall_skip2: // the instruction was two bytes long
    NOT_SLICE_END
    addq $2, FRAME_RIP(%rsp)
upcall_skip0:
    GO_ON

// Leaves the handler for trap_resume without going back: the time to here is what "trap" asks.
upcall_enter:
    NOT_SLICE_END
    mov FRAME_RSP(%rsp), %rsp
    ret

    .macro CALL_KEEPING
    push %rsi
    push %r8
    push %r9
    push %r10
    .endm
    .macro CALL_BACK
    syscall
    pop %r10
    pop %r9
    pop %r8
    pop %rsi
    .endm

upcall_map: // maps bench_frame at the faulting page
    NOT_SLICE_END
    CALL_KEEPING
    mov FRAME_ADDRESS(%rdi), %rdx
    and $-4096, %rdx
    mov bench_caps, %rdi
    mov my_space, %rsi
    mov bench_frame, %r10
    mov $1, %r8d
    mov bench_flags, %r9
    mov $0x80000000 + NUMBER_space_map, %eax
    CALL_BACK
    GO_ON

upcall_unprotect: // makes the page writable
    NOT_SLICE_END
    CALL_KEEPING
    mov FRAME_ADDRESS(%rdi), %rdx
    and $-4096, %rdx
    mov $3, %edi // CAP_SLOT_SPACE
    mov my_space, %rsi
    mov $1, %r10d
    xor %r8d, %r8d
    mov $2, %r9d
    mov $0x80000000 + NUMBER_space_protect, %eax
    CALL_BACK
    GO_ON

// By a library OS' pager, in C.
    .macro CALL_C procedure
    push %rsi
    push %r8
    push %r9
    push %r10
    push %rbp
    mov %rsp, %rbp
    and $-16, %rsp
    call \procedure
    mov %rbp, %rsp
    pop %rbp
    pop %r10
    pop %r9
    pop %r8
    pop %rsi
    .endm
    .global upcall_pager, upcall_enter_pager
upcall_pager:
    CALL_C pager_upcall
    GO_ON
upcall_enter_pager: // leaves the handler once the page is found
    NOT_SLICE_END
    CALL_C pager_look
    mov FRAME_RSP(%rsp), %rsp
    ret

// The end of a slice: ticks since the loop in wait_for_interrupt last looked.
    .global upcall_irq, wait_for_interrupt
upcall_irq:
    cmp $32, %eax // UPCALL_SLICE_END
    jne 1f
    rdtsc
    sub irq_seen, %eax
    mov %eax, irq_ticks
1:  GO_ON

// void wait_for_interrupt(void): until upcall_irq has come
wait_for_interrupt:
    movl $0, irq_ticks
1:  rdtsc
    mov %eax, irq_seen
    cmpl $0, irq_ticks
    je 1b
    ret

    .bss
    .balign 4
    .global irq_ticks
irq_seen:
    .skip 4
irq_ticks:
    .skip 4

    .section .note.GNU-stack, "", @progbits
