// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Checks an ELF executable and lists what to load. Pure: no kernel state, so that host tests and
// fuzzers run it.

#ifndef KERNEL_AEGIS_ELF_H
#define KERNEL_AEGIS_ELF_H

#include "abi/types.h"

struct elf_segment {
    u64 va, file, file_bytes, bytes;
    u32 writable, executable;
};

#define ELF_SEGMENTS_MAX 16

struct elf_image {
    u64 entry;
    u32 count;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

// A static ELF64 x86-64 executable whose PT_LOAD segments are page-aligned, ascending, apart from
// each other, inside the file and below limit, and never both writable and executable. Returns
// null, or what is wrong.
const char *elf_check(const void *file, u64 bytes, u64 limit, struct elf_image *image);

#endif
