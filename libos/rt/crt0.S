// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Entry of a native program or library OS: rdi is what its creator passed (struct rt_start, or 0). rt_main must not return.

    .text
    .global _start
    .type _start, @function
_start:
    xor %ebp, %ebp
    and $-16, %rsp
    call rt_main
    ud2
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
