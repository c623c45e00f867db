// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Checking ELF programs. Pure: works on the file's first bytes and its size.

#ifndef EXOS_ELF_H
#define EXOS_ELF_H

#include "abi/types.h"
#include <stdbool.h>

#define ELF_SEGMENTS_MAX 16
#define ELF_HEAD_BYTES   4096ul // program headers must lie in the first so many bytes

struct elf_segment {
    u64 start; // address, as in the file (page offset equal to that of offset)
    u64 offset, file_bytes, memory_bytes;
    u32 prot; // PROT_*
};

struct elf_program {
    bool position_independent; // addresses are relative to where it is put
    u64 entry;
    u64 header_address; // of the program headers in memory, 0 if no segment holds them
    u32 header_count;
    u64 low, high; // page range of the segments
    u64 brk;       // end of the last segment
    u32 segment_count;
    u32 stack_prot;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    u64 interpreter_offset, interpreter_bytes; // path in the file; bytes 0: none
};

// How many bytes of a file its headers take, if it is one: head has at least 64 bytes.
u64 elf_head_bytes(const void *head);
// Checks that head[head_bytes], the beginning of a file of file_bytes, is a program for user
// addresses low .. high - 1, and describes it. 0, -ENOEXEC (not one, damaged, overlapping or
// unordered segments), -ENOMEM (does not fit there).
i64 elf_check(const void *head, u64 head_bytes, u64 file_bytes, u64 low, u64 high,
              struct elf_program *program);

#endif
