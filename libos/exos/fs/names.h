// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What programs do to names: make, link, remove, rename, with Linux's rules about who may, and its
// order of errors. Paths as for path_lookup; the second path must lie in the second path buffer.

#ifndef EXOS_FS_NAMES_H
#define EXOS_FS_NAMES_H

#include "libos/exos/fs/path.h"

// Makes the entry that a walk stopped at: mode with type, before umask (links: 0777). *d gets a
// reference.
i64 names_create(struct path_walk *walk, u32 mode, u64 rdev, const char *text, struct dentry **d);

i64 names_mknod(i32 dirfd, const char *path, u32 mode, u64 rdev);
i64 names_mkdir(i32 dirfd, const char *path, u32 mode);
i64 names_symlink(const char *text, i32 dirfd, const char *path);
i64 names_link(i32 old_dirfd, const char *old, i32 dirfd, const char *path, u32 flags);
i64 names_unlink(i32 dirfd, const char *path);
i64 names_rmdir(i32 dirfd, const char *path);
i64 names_rename(i32 old_dirfd, const char *old, i32 dirfd, const char *path, u32 flags);

// May the caller write into the directory (it exists still, and is one that can be written)?
i64 names_may_change(const struct dentry *directory);

#endif
