// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the assembly of the ways in and out shares (entry.S, signal_entry.S): macros, and tables in
// sections that exos.ld bounds. For the assembler only.

#ifndef EXOS_ENTRY_H
#define EXOS_ENTRY_H
#ifdef __ASSEMBLER__
// clang-format off

    .macro PUSH_REST
    push %rsi
    push %r8
    push %r9
    push %r10
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro LOAD_SAVED // what an upcall leaves as it was
    mov TF_R15(%rsp), %r15
    mov TF_R14(%rsp), %r14
    mov TF_R13(%rsp), %r13
    mov TF_R12(%rsp), %r12
    mov TF_RBP(%rsp), %rbp
    mov TF_RBX(%rsp), %rbx
    mov TF_R10(%rsp), %r10
    mov TF_R9(%rsp), %r9
    mov TF_R8(%rsp), %r8
    mov TF_RSI(%rsp), %rsi
    .endm

    .macro LOAD_REST
    LOAD_SAVED
    mov TF_RAX(%rsp), %rax
    mov TF_RDX(%rsp), %rdx
    mov TF_RDI(%rsp), %rdi
    .endm

// Instructions that touch user memory, from first to last, and where to go on if they can't.
    .macro ACCESS first, fixup, last
    .pushsection .rodata.user_access, "a", @progbits
    .ifb \last
    .quad \first, \first, \fixup
    .else
    .quad \first, \last, \fixup
    .endif
    .popsection
    .endm

// The last instructions on the way to the program, in which upcalls are not masked: a notification
// there starts them again, so that no signal is left behind. masked is cleared at
// rsp + UAREA_MASKED - TF_AT.
    .macro EXIT_UNMASK
71: movl $0, (UAREA_MASKED - TF_AT)(%rsp)
72:
    .endm
    .macro EXIT_END again=71b
73:
    .pushsection .rodata.exit_windows, "a", @progbits
    .quad 72b, 73b, \again
    .popsection
    .endm

// Back to the program, whose registers are loaded; the last jump of a patched call.
    .macro DONE
79: jmp *%rcx
    .pushsection .rodata.called_done, "a", @progbits
    .quad 79b
    .popsection
    .endm

// Code of patched calls, first .. end, that begins with the program's stack pointer: who is
// interrupted there starts again, with this number, or as rax is (-1). The first range that matches
// counts.
    .macro CALLED_RANGE first end number
    .pushsection .rodata.called_ranges, "a", @progbits
    .quad \first, \end, \number
    .popsection
    .endm

// To the thread's own stack, at the program's trap frame.
    .macro CALLED_STACK
    movl $1, %gs:UAREA_MASKED
    mov %rsp, %gs:(TF_AT + TF_RSP)
    mov %gs:UAREA_FRAME, %rsp
    .endm

// Of the trap frame an ordinary call fills in what C does not keep. The rest follows in
// exit_called_work, if somebody wants to see it.
    .macro CALLED_SAVE
    mov %rcx, TF_AFTER(%rsp)
    mov %rax, TF_NUMBER(%rsp)
    mov %rdi, TF_RDI(%rsp)
    mov %rsi, TF_RSI(%rsp)
    mov %rdx, TF_RDX(%rsp)
    mov %r10, TF_R10(%rsp)
    mov %r8, TF_R8(%rsp)
    mov %r9, TF_R9(%rsp)
    cld
    .endm
    .macro CALLED_RELOAD
    mov TF_RDI(%rsp), %rdi
    mov TF_RSI(%rsp), %rsi
    mov TF_RDX(%rsp), %rdx
    mov TF_R10(%rsp), %r10
    mov TF_R8(%rsp), %r8
    mov TF_R9(%rsp), %r9
    .endm

// The pod lock; changes rax and rcx.
    .macro CALLED_LOCK contended
    lea (UAREA_SIZE - TF_AT)(%rsp), %rcx
    xor %eax, %eax
    lock cmpxchg %rcx, pod_lock_word(%rip)
    jne \contended
    .endm

// clang-format on
#endif
#endif
