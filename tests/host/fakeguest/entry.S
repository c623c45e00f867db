// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// PVH entry of the fake guest: 32-bit protected mode, flat, no paging; %ebx holds the start information.

    .section .note.pvh, "a", @note
    .align 4
    .long 4, 4, 18 // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long fake_entry

    .text
    .code32
    .globl fake_entry
fake_entry:
    movl $fake_stack_top, %esp
    pushl %ebx
    call fake_main
1:  hlt
    jmp 1b

    .globl fake_reset // a triple fault
fake_reset:
    lidt fake_no_idt
    ud2
fake_no_idt:
    .word 0
    .long 0

    .bss
    .align 16
    .skip 16384
fake_stack_top:

    .section .note.GNU-stack, "", @progbits
