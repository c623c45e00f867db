// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Entry of tri-top and tri-trace: rdi is a struct rt_start if the first program started it, 0 if ExOS did, which then put argc
// and what follows at rsp.

    .text
    .global _start
    .type _start, @function
_start:
    xor %ebp, %ebp
    mov %rsp, %rsi
    and $-16, %rsp
    call tri_start
    ud2
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
