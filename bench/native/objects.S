// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Objects of extensions, for extensions.c.

    .section .rodata
    .irp name, target, caller, handlers1, handlers10, handlers50, closures, strands, answer, objects
    .balign 16
    .global object_\name, object_\name\()_end
object_\name:
    .incbin "bpf/bench/ext/\name\().o"
object_\name\()_end:
    .endr

    .section .note.GNU-stack, "", @progbits
