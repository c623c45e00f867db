// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Objects of extensions, for tests/guest/test_extension.c and test_event.c.

    .macro OBJECT name file
    .balign 16
    .global object_\name, object_\name\()_end
object_\name:
    .incbin "\file"
object_\name\()_end:
    .endm

    .section .rodata
    OBJECT hello bpf/ext/hello.o
    .irp name, exporter, raiser, handlers10, handlers50, wrong_type, wrong_guard, looping, recursive, watcher
    OBJECT \name bpf/tests/guest/ext/\name\().o
    .endr

    .section .note.GNU-stack, "", @progbits
