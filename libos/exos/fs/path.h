// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From path names to dentries, with Linux's rules: search permission, links (at most 40), "..",
// trailing slashes.
//
// A path is a terminated string in ExOS' memory, readable for 8 bytes after its end; path_from_user
// makes such ones in one of two buffers that live until the pod lock is given up.

#ifndef EXOS_FS_PATH_H
#define EXOS_FS_PATH_H

#include "libos/exos/fs/vnode.h"

enum path_buffer { PATH_FIRST, PATH_SECOND };

// Copies a path in. *path points into the buffer. -EFAULT, -ENAMETOOLONG; -ENOENT for an empty one
// unless empty_ok.
i64 path_from_user(enum path_buffer which, u64 address, bool empty_ok, const char **path);

// The same for a string in ExOS' memory.
i64 path_copy(enum path_buffer which, const char *text, const char **path);

enum path_last {
    PATH_LAST_NAME, // name, length: an entry of `at`
    PATH_LAST_DOT,  // the path ended in ".", "..", or was "/": `at` is what it means
    PATH_LAST_DOTDOT,
    PATH_LAST_ROOT,
    PATH_LAST_JUMP, // a made-up link led to `at`
};

struct path_walk {
    struct dentry *at; // with a reference
    enum path_last last;
    const char *name;
    u32 length;
    u64 hash;
    bool slash; // something must be a directory: the path ended in a slash
    int links, depth;
    const char *rest;
    const char *outer[LINUX_LINKS_MAX];
};

// Walks to the last component. On success the caller owns walk->at; on failure nothing.
i64 path_walk_start(struct path_walk *walk, i32 dirfd, const char *path);
// After path_walk_start stopped at a name: the entry, with a reference. -ENOENT, ...
i64 path_walk_child(struct path_walk *walk, struct dentry **child);
// Goes on through a link (whose reference is taken over), to the next last component. On failure
// walk->at is gone.
i64 path_walk_follow(struct path_walk *walk, struct dentry *link);

#define PATH_FOLLOW 1u // a link at the end is followed
#define PATH_EMPTY  2u // "" means dirfd itself

// The dentry that a path names, with a reference.
i64 path_lookup(i32 dirfd, const char *path, u32 flags, struct dentry **found);
// path_from_user and path_lookup.
i64 path_lookup_user(i32 dirfd, u64 address, u32 flags, struct dentry **found);

// May the caller (by his file system ids) do what the bits want (LINUX_R_OK ...)? 0 or -EACCES.
i64 path_permission(const struct vnode *v, u32 want);
i64 path_permission_as(const struct vnode *v, u32 want, u32 uid, u32 gid);
bool path_in_group(u32 gid);

#endif
