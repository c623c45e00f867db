// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Reading of cpio archives in "newc" format (070701, and 070702 whose sums are not checked). Pure
// logic over bytes that nobody vouches for: every number is checked before it is used, and an entry
// never refers to anything outside the archive.
//
// A name field may be longer than the name and end in NULs, so that an archive can align its data
// to pages.

#ifndef EXOS_FS_CPIO_H
#define EXOS_FS_CPIO_H

#include "abi/types.h"

struct cpio {
    const u8 *data;
    u64 size;
    u64 at; // offset of the next header
};

struct cpio_entry {
    const char *name; // not terminated; name_length bytes without NUL
    u32 name_length;
    u32 mode, uid, gid, nlink, ino, mtime;
    u32 dev_major, dev_minor, rdev_major, rdev_minor;
    const u8 *data;
    u64 size;
};

enum cpio_result { CPIO_END = 0, CPIO_ENTRY = 1, CPIO_BROKEN = -1 };

static inline struct cpio cpio_open(const void *data, u64 size) {
    return (struct cpio){data, size, 0};
}

// Reads the entry at `at` and moves on. After CPIO_END or CPIO_BROKEN, `at` stays where it is.
enum cpio_result cpio_next(struct cpio *archive, struct cpio_entry *entry);

#endif
