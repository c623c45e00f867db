// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Objects of extensions, for tests/guest/test_extension.c, test_event.c, test_object.c and test_strand_ext.c.

    .macro OBJECT name file
    .balign 16
    .global object_\name, object_\name\()_end
object_\name:
    .incbin "\file"
object_\name\()_end:
    .endm

    .section .rodata
    .irp name, hello, tracer, inject, sandbox, cow, barrier, pager, kthreads, cthreads, prithreads
    OBJECT \name bpf/ext/\name\().o
    .endr
    .irp name, exporter, raiser, handlers1, handlers10, handlers50, wrong_type, wrong_guard, looping, recursive, watcher, strands, sums, sums_raiser, adders, fanout
    OBJECT \name bpf/tests/guest/ext/\name\().o
    .endr
    .irp name, large_call, large_packet, large_guard, written_packet, memory_probe, predicates, reserve, spinning_fault, watch_probe
    OBJECT \name bpf/tests/guest/ext/\name\().o
    .endr
    .irp name, cross_a, cross_b, asked, asker, eavesdrop, tally1, tally2, tally_type, tally_init, tally_state, shift1, shift2, shift_log, bulk, bulk_endless, mail, mail_sender, later, later_sender, teller, entry_pointer, ticker
    OBJECT \name bpf/tests/guest/ext/\name\().o
    .endr
    .irp name, busy, busy_raiser, busy_strands, busy_slow, busy_alone, busy_loop, busy_some, counter1, counter2, counter_teller, judge1, judge2, judge3, judged
    OBJECT \name bpf/tests/guest/ext/\name\().o
    .endr

    .irp name, objects, objects_user, objects_shower, heap, references, references_user, objects_strands
    OBJECT \name bpf/tests/guest/ext/\name\().o
    .endr

    .irp name, leak, lost, global, field, forged, forged_field, arithmetic, next, after, twice, type, kernel_type, id, slot_word, new_kind, null, header, slot, beyond, lent, event, given, many, result, log, guard, const
    OBJECT wrong_object_\name bpf/tests/guest/ext/wrong_object_\name\().o
    .endr

    .section .note.GNU-stack, "", @progbits
