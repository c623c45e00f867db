// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the ELF checks: one good program, and what must be refused, each a change to it; then
// single bytes changed at random, where whatever is accepted must hold elf.h's promises.

#include "libos/exos/elf.h"
#include "libos/exos/linux/uapi_errno.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOW        0x10000ul
#define HIGH       0x7fc000000000ul
#define FILE_BYTES 0x3000ul

static u64 passed, failed;
static u8 file[FILE_BYTES];

static void check(bool ok, const char *what) {
    if (ok)
        passed++;
    else if (failed++ < 20)
        printf("elf: %s\n", what);
}

static void put(u64 at, u64 value, int bytes) {
    memcpy(file + at, &value, (size_t)bytes);
}

static void header(u32 i, u32 type, u32 flags, u64 offset, u64 va, u64 filesz, u64 memsz) {
    u64 at = 64 + i * 56;
    put(at, type, 4);
    put(at + 4, flags, 4);
    put(at + 8, offset, 8);
    put(at + 16, va, 8);
    put(at + 24, va, 8);
    put(at + 32, filesz, 8);
    put(at + 40, memsz, 8);
    put(at + 48, 4096, 8);
}

// Text at 4 MiB, data with bss behind it, a stack header.
static void good(void) {
    memset(file, 0, sizeof(file));
    memcpy(file,
           "\x7f"
           "ELF\2\1\1",
           7);
    put(16, 2, 2);
    put(18, 62, 2);
    put(20, 1, 4);
    put(24, 0x400100, 8);
    put(32, 64, 8);
    put(52, 64, 2);
    put(54, 56, 2);
    put(56, 3, 2);
    header(0, 1, 5, 0, 0x400000, 0x1800, 0x1800);
    header(1, 1, 6, 0x1800, 0x402800, 0x1000, 0x5000);
    header(2, 0x6474e551, 6, 0, 0, 0, 0);
}

static i64 run(struct elf_program *p) {
    return elf_check(file, FILE_BYTES < ELF_HEAD_BYTES ? FILE_BYTES : ELF_HEAD_BYTES, FILE_BYTES,
                     LOW, HIGH, p);
}

static void refuse(const char *what, i64 error) {
    struct elf_program p;
    i64 got = run(&p);
    if (got != error)
        printf("elf: %s: %ld\n", what, got);
    check(got == error, what);
    good();
}

static void test_good(void) {
    struct elf_program p;
    good();
    check(run(&p) == 0, "a good program is refused");
    check(p.segment_count == 2 && p.entry == 0x400100 && p.low == 0x400000 && p.high == 0x408000,
          "its segments");
    check(p.brk == 0x407800 && p.header_address == 0x400040 && p.stack_prot == 3,
          "brk, headers, stack");
}

static void test_refusals(void) {
    good();
    put(0, 0, 1);
    refuse("bad magic", -ENOEXEC);
    put(4, 1, 1);
    refuse("32 bits", -ENOEXEC);
    put(18, 3, 2);
    refuse("another machine", -ENOEXEC);
    put(16, 1, 2);
    refuse("an object file", -ENOEXEC);
    put(54, 32, 2);
    refuse("header size", -ENOEXEC);
    put(56, 0, 2);
    refuse("no headers", -ENOEXEC);
    put(56, 0xffff, 2);
    refuse("headers beyond the head", -ENOEXEC);
    put(32, ~0ul - 100, 8);
    refuse("header offset wraps", -ENOEXEC);
    header(0, 1, 5, 0, 0x400000, 0x4000, 0x4000);
    refuse("longer than the file", -ENOEXEC);
    header(0, 1, 5, ~0xffful, 0x400000, 0x2000, 0x2000);
    refuse("offset wraps", -ENOEXEC);
    header(0, 1, 5, 0, 0x400000, 0x1800, 0x1000);
    refuse("more in the file than in memory", -ENOEXEC);
    header(0, 1, 5, 0, 0x400123, 0x1800, 0x1800);
    refuse("offset and address differ in the page", -ENOEXEC);
    header(1, 1, 6, 0x1800, 0x401800, 0x1000, 0x5000);
    refuse("overlap in a page", -ENOEXEC);
    header(1, 1, 6, 0x1800, 0x200800, 0x1000, 0x5000);
    refuse("out of order", -ENOEXEC);
    header(1, 1, 6, 0x1800, 0x402800, 0x1000, ~0ul - 0x402000);
    refuse("memory wraps", -ENOMEM);
    header(1, 1, 6, 0x1800, 0xffffffff80000800, 0x1000, 0x1000);
    refuse("kernel addresses", -ENOMEM);
    header(1, 1, 6, 0x1800, HIGH - 0x800, 0x1000, 0x1000);
    refuse("ExOS' addresses", -ENOMEM);
    header(0, 1, 5, 0, 0x1000, 0x1800, 0x1800);
    refuse("too low", -ENOMEM);
    header(2, 3, 4, 0x2fff, 0, 0x100, 0x100);
    refuse("interpreter beyond the file", -ENOEXEC);
    header(0, 0, 0, 0, 0, 0, 0);
    header(1, 0, 0, 0, 0, 0, 0);
    refuse("nothing to load", -ENOEXEC);
}

static bool promises_kept(const struct elf_program *p) {
    bool ok = p->segment_count && p->low < p->high && !(p->low & 4095) && !(p->high & 4095);
    u64 end = 0;
    for (u32 i = 0; i < p->segment_count; i++) {
        const struct elf_segment *s = &p->segments[i];
        ok &= s->start >= end && s->start + s->memory_bytes > s->start &&
              s->file_bytes <= s->memory_bytes && s->offset + s->file_bytes <= FILE_BYTES &&
              s->offset + s->file_bytes >= s->offset && !((s->start - s->offset) & 4095);
        end = (s->start + s->memory_bytes + 4095) & ~4095ul;
    }
    if (!p->position_independent)
        ok &= p->low >= LOW && p->high <= HIGH;
    return ok && end == p->high;
}

static void test_mutations(void) {
    struct elf_program p;
    for (u32 i = 0; i < 200000; i++) {
        good();
        for (int n = 1 + rand() % 3; n; n--)
            file[rand() % (64 + 3 * 56)] = (u8)(rand() % 3 ? rand() : 0xff * (rand() & 1));
        if (run(&p) == 0)
            check(promises_kept(&p), "a changed program breaks a promise");
    }
}

int main(void) {
    srand(1);
    test_good();
    test_refusals();
    test_mutations();
    printf("exos-elf: %lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
