// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// ELF executables (System V ABI, ELF-64 object file format). See elf.h.

#include "kernel/aegis/elf.h"

#include "base/checked.h"
#include "base/string.h"

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_bytes, program_bytes, program_count, section_bytes, section_count, section_names;
};

struct elf_program {
    u32 type, flags;
    u64 offset, va, physical, file_bytes, bytes, alignment;
};

#define ET_EXEC   2
#define EM_X86_64 62
#define PT_LOAD   1
#define PF_X      1
#define PF_W      2
#define PAGE      4096ul

static const char *segment_check(const struct elf_program *program, u64 file_bytes, u64 limit,
                                 struct elf_image *image) {
    u64 end, file_end;
    if (!program->bytes)
        return 0;
    if (image->count == ELF_SEGMENTS_MAX)
        return "too many segments";
    if (program->va % PAGE || program->offset % PAGE)
        return "a segment is not page-aligned";
    if (program->file_bytes > program->bytes || !checked_add(program->va, program->bytes, &end) ||
        end > limit)
        return "a segment is out of range";
    if (!checked_add(program->offset, program->file_bytes, &file_end) || file_end > file_bytes)
        return "a segment is not in the file";
    if ((program->flags & (PF_W | PF_X)) == (PF_W | PF_X))
        return "a segment is both writable and executable";
    if (image->count) {
        const struct elf_segment *last = &image->segment[image->count - 1];
        if (program->va < ((last->va + last->bytes + PAGE - 1) & ~(PAGE - 1)))
            return "segments overlap or are out of order";
    }
    image->segment[image->count++] =
        (struct elf_segment){program->va,    program->offset,           program->file_bytes,
                             program->bytes, !!(program->flags & PF_W), !!(program->flags & PF_X)};
    return 0;
}

const char *elf_check(const void *file, u64 bytes, u64 limit, struct elf_image *image) {
    static const u8 ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    struct elf_header header;
    u64 table, end;
    image->count = 0;
    if (bytes < sizeof header)
        return "too short";
    memcpy(&header, file, sizeof header);
    if (memcmp(header.ident, ident, sizeof ident) || header.type != ET_EXEC ||
        header.machine != EM_X86_64)
        return "not a static x86-64 executable";
    table = (u64)header.program_count * sizeof(struct elf_program);
    if (header.program_bytes != sizeof(struct elf_program) ||
        !checked_add(header.program_headers, table, &end) || end > bytes)
        return "program headers are not in the file";
    for (u32 i = 0; i < header.program_count; i++) {
        struct elf_program program;
        memcpy(&program, (const u8 *)file + header.program_headers + i * sizeof program,
               sizeof program);
        const char *wrong =
            program.type == PT_LOAD ? segment_check(&program, bytes, limit, image) : 0;
        if (wrong)
            return wrong;
    }
    for (u32 i = 0; i < image->count; i++)
        if (image->segment[i].executable &&
            header.entry - image->segment[i].va < image->segment[i].bytes) {
            image->entry = header.entry;
            return 0;
        }
    return "the entry is not in an executable segment";
}
