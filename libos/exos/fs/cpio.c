// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// cpio archives, see cpio.h. A header is six characters of magic and thirteen numbers of eight
// hexadecimal digits; then the name, padded with its NUL to a multiple of four bytes from the
// archive's start; then the data, padded likewise.

#include "libos/exos/fs/cpio.h"

#include <stdbool.h>

#include "base/checked.h"
#include "base/string.h"

enum { MAGIC_LENGTH = 6, FIELDS = 13, FIELD_LENGTH = 8, HEADER = 110 };

static bool parse_hex(const u8 *text, u32 *value) {
    u32 v = 0;
    for (int i = 0; i < FIELD_LENGTH; i++) {
        u8 c = text[i], digit;
        if (c >= '0' && c <= '9')
            digit = (u8)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (u8)((c | 32) - 'a' + 10);
        else
            return false;
        v = v << 4 | digit;
    }
    *value = v;
    return true;
}

static bool parse_header(const u8 *header, u32 field[FIELDS]) {
    if (memcmp(header, "07070", 5) != 0 || (header[5] != '1' && header[5] != '2'))
        return false;
    for (int i = 0; i < FIELDS; i++)
        if (!parse_hex(header + MAGIC_LENGTH + i * FIELD_LENGTH, &field[i]))
            return false;
    return true;
}

static u64 round4(u64 value) {
    return (value + 3) & ~3ul;
}

enum cpio_result cpio_next(struct cpio *archive, struct cpio_entry *entry) {
    u32 field[FIELDS];
    u64 name_at, data_at;
    if (archive->at == archive->size)
        return CPIO_END;
    if (!checked_range(archive->at, HEADER, archive->size) ||
        !parse_header(archive->data + archive->at, field))
        return CPIO_BROKEN;
    u32 name_size = field[11];
    u64 size = field[6];
    name_at = archive->at + HEADER;
    if (name_size == 0 || !checked_range(name_at, name_size, archive->size))
        return CPIO_BROKEN;
    const char *name = (const char *)archive->data + name_at;
    u32 name_length = (u32)strnlen(name, name_size);
    if (name_length == name_size)
        return CPIO_BROKEN;
    if (name_length == 10 && memcmp(name, "TRAILER!!!", 10) == 0)
        return CPIO_END;
    data_at = round4(name_at + name_size);
    if (!checked_range(data_at, size, archive->size))
        return CPIO_BROKEN;
    u64 next = round4(data_at + size);
    archive->at = next < archive->size ? next : archive->size;
    *entry = (struct cpio_entry){
        .name = name,
        .name_length = name_length,
        .ino = field[0],
        .mode = field[1],
        .uid = field[2],
        .gid = field[3],
        .nlink = field[4],
        .mtime = field[5],
        .dev_major = field[7],
        .dev_minor = field[8],
        .rdev_major = field[9],
        .rdev_minor = field[10],
        .data = archive->data + data_at,
        .size = size,
    };
    return CPIO_ENTRY;
}
