// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// ELF-64 for x86-64, see elf.h.

#include "libos/exos/elf.h"
#include "base/checked.h"
#include "base/string.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"

#define PAGE            4096ul
#define ET_EXEC         2
#define ET_DYN          3
#define EM_X86_64       62
#define PT_LOAD         1
#define PT_INTERP       3
#define PT_GNU_STACK    0x6474e551
#define INTERPRETER_MAX 4096ul

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_phdr) == 56, "ELF-64");

static bool header_ok(const struct elf_header *h, u64 head_bytes) {
    static const u8 ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    return head_bytes >= sizeof(*h) && !memcmp(h->ident, ident, sizeof(ident)) &&
           (h->type == ET_EXEC || h->type == ET_DYN) && h->machine == EM_X86_64 &&
           h->phentsize == sizeof(struct elf_phdr) && h->phnum &&
           checked_range(h->phoff, (u64)h->phnum * sizeof(struct elf_phdr), head_bytes);
}

static u32 flags_to_prot(u32 flags) {
    return (flags & 4 ? PROT_READ : 0) | (flags & 2 ? PROT_WRITE : 0) | (flags & 1 ? PROT_EXEC : 0);
}

static i64 add_segment(struct elf_program *p, const struct elf_phdr *h, u64 file_bytes) {
    u64 end, end_page;
    if (!h->memsz)
        return 0;
    if (p->segment_count == ELF_SEGMENTS_MAX || h->filesz > h->memsz ||
        !checked_range(h->offset, h->filesz, file_bytes) || (h->vaddr - h->offset) % PAGE)
        return -ENOEXEC;
    if (!checked_add(h->vaddr, h->memsz, &end) || !checked_add(end, PAGE - 1, &end_page))
        return -ENOMEM;
    u64 start_page = h->vaddr & ~(PAGE - 1);
    end_page &= ~(PAGE - 1);
    if (p->segment_count && start_page < p->high)
        return -ENOEXEC; // out of order or overlapping
    if (!p->segment_count)
        p->low = start_page;
    p->high = end_page;
    p->brk = end;
    p->segments[p->segment_count++] =
        (struct elf_segment){h->vaddr, h->offset, h->filesz, h->memsz, flags_to_prot(h->flags)};
    return 0;
}

// The headers are in memory where the segment that holds their part of the file puts them.
static u64 headers_in_memory(const struct elf_program *p, u64 offset, u64 bytes) {
    for (u32 i = 0; i < p->segment_count; i++) {
        const struct elf_segment *s = &p->segments[i];
        if (offset >= s->offset && checked_range(offset - s->offset, bytes, s->file_bytes))
            return s->start + (offset - s->offset);
    }
    return 0;
}

static i64 header_take(struct elf_program *p, const struct elf_phdr *ph, u64 file_bytes) {
    switch (ph->type) {
    case PT_LOAD:
        return add_segment(p, ph, file_bytes);
    case PT_GNU_STACK:
        p->stack_prot = flags_to_prot(ph->flags) | PROT_READ | PROT_WRITE;
        return 0;
    case PT_INTERP:
        if (ph->filesz < 2 || ph->filesz > INTERPRETER_MAX ||
            !checked_range(ph->offset, ph->filesz, file_bytes))
            return -ENOEXEC;
        p->interpreter_offset = ph->offset;
        p->interpreter_bytes = ph->filesz;
        return 0;
    default:
        return 0;
    }
}

u64 elf_head_bytes(const void *head) {
    const struct elf_header *h = head;
    return h->phoff > ELF_HEAD_BYTES ? ~0ul : h->phoff + h->phnum * sizeof(struct elf_phdr);
}

i64 elf_check(const void *head, u64 head_bytes, u64 file_bytes, u64 low, u64 high,
              struct elf_program *p) {
    const struct elf_header *h = head;
    memset(p, 0, sizeof(*p));
    if (head_bytes > file_bytes || !header_ok(h, head_bytes))
        return -ENOEXEC;
    p->position_independent = h->type == ET_DYN;
    p->entry = h->entry;
    p->header_count = h->phnum;
    p->stack_prot = PROT_READ | PROT_WRITE;
    for (u32 i = 0; i < h->phnum; i++) {
        struct elf_phdr ph; // phoff need not be aligned
        memcpy(&ph, (const char *)head + h->phoff + i * sizeof(ph), sizeof(ph));
        i64 error = header_take(p, &ph, file_bytes);
        if (error)
            return error;
    }
    if (!p->segment_count)
        return -ENOEXEC;
    if (p->position_independent ? p->high - p->low > (high - low) / 2
                                : p->low < low || p->high > high)
        return -ENOMEM;
    p->header_address = headers_in_memory(p, h->phoff, (u64)h->phnum * sizeof(struct elf_phdr));
    return 0;
}
