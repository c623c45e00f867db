// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Fills the tree from an archive. File contents stay in the archive until they are written.

#ifndef EXOS_FS_FILL_H
#define EXOS_FS_FILL_H

#include "libos/exos/fs/cpio.h"
#include <stdbool.h>

struct dentry;

struct fill_result {
    u32 made, refused; // entries
    bool broken;       // the archive ended in the middle of something
    bool no_memory;
};

// Takes the entries under root/ over into the tree below `root`. Entries whose names are not plain
// relative paths, or that clash with what is there, are refused.
struct fill_result fill_from_archive(struct dentry *root, const void *archive, u64 bytes);

#endif
