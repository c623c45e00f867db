// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The memory file system: what vnodes of each type are made of. No permission checks here; names.h
// has those.

#ifndef EXOS_FS_MEMFS_H
#define EXOS_FS_MEMFS_H

#include "libos/exos/fs/vnode.h"

// A vnode of any type. Links get a copy of text (else NULL). One reference. NULL: no memory.
struct vnode *memfs_vnode(u32 mode, u32 uid, u32 gid, u32 dev, u64 rdev, const char *text);

// A named vnode in a directory, owned by uid, gid: *d is linked, no reference is given. -ENOMEM.
i64 memfs_make(struct dentry *parent, const char *name, u32 length, u32 mode, u64 rdev,
               const char *text, struct dentry **d);

// "." and ".." and the linked entries of a directory.
i64 memfs_readdir(struct file *file, struct dir_sink *sink);

extern const struct file_ops memfs_dir_file;

#endif
