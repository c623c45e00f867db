// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Descriptor tables and what processes know of the tree. See fs.h for their lives.

#ifndef EXOS_FS_FILE_H
#define EXOS_FS_FILE_H

#include "libos/exos/fs/vnode.h"

#define FILES_FIRST 64u
#define FILES_MAX   65536u

// A bit set in `used` means that slot[fd] holds a reference to a file; `cloexec` is a subset of it.
struct files {
    u32 refs;
    u32 capacity; // a multiple of 64
    struct file **slot;
    u64 *used, *cloexec;
    struct file *first_slot[FILES_FIRST];
    u64 first_used, first_cloexec;
};

struct fs_ctx {
    u32 refs;
    u32 umask;
    struct dentry *root, *cwd;
};

// The file behind a descriptor, without a reference, or NULL.
static inline struct file *files_at(const struct files *files, i32 fd) {
    return (u32)fd < files->capacity ? files->slot[(u32)fd] : NULL;
}

// Installs a file (its reference is taken over) at the lowest free descriptor >= from. Descriptor,
// -EMFILE, -ENOMEM, and then the reference is still the caller's.
i64 files_install(struct files *files, struct file *file, u32 from, bool cloexec);
// Puts a file at fd, closing what was there.
i64 files_replace(struct files *files, struct file *file, i32 fd, bool cloexec);
i64 files_close(struct files *files, i32 fd);
bool files_is_cloexec(const struct files *files, i32 fd);
void files_set_cloexec(struct files *files, i32 fd, bool on);
// First descriptor >= fd in use, or -1.
i32 files_next(const struct files *files, i32 fd);

// The dentry of a file; one is made up for a file without. With a reference. -ENOMEM.
i64 file_dentry(struct file *file, struct dentry **found);

// A file over a vnode that a dentry names. Takes its own reference to the dentry.
struct file *file_new_at(const struct file_ops *ops, struct dentry *dentry, u32 flags);

// Opens. path as for path_lookup.
i64 file_open(i32 dirfd, const char *path, u32 flags, u32 mode, struct file **file);

// A program that runs from a file keeps it from being written.
bool file_is_executing(const struct vnode *v);

// The record lock commands of fcntl.
i64 file_lock_call(struct file *file, u32 command, u64 argument);

// File locks (lock.c) of a process that closes fd.
void lock_file_closed(struct files *files, struct file *file);

#endif
