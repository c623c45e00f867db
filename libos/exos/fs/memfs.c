// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The memory file system, see memfs.h.

#include "libos/exos/fs/memfs.h"

#include "base/string.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/dev.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/pipe.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"

// Position 0 is ".", 1 is "..", 2 the newest entry, and from 3 on it is the cookie of the entry
// listed last: the newest come first, so what is made while somebody lists does not lengthen his
// list.
i64 memfs_readdir(struct file *file, struct dir_sink *sink) {
    struct dentry *dir = file->vnode->dir.self;
    u64 *position = &file->position;
    if (*position == 0) {
        if (!sink->add(sink, ".", 1, file->vnode->ino, LINUX_S_IFDIR, 1))
            return 0;
        *position = 1;
    }
    if (*position == 1) {
        if (!sink->add(sink, "..", 2, dir->parent->vnode->ino, LINUX_S_IFDIR, 2))
            return 0;
        *position = 2;
    }
    for (struct dentry *d = file->vnode->dir.first; d; d = d->next) {
        if (*position >= 3 && d->cookie >= *position)
            continue;
        if (!sink->add(sink, d->name, d->length, d->vnode->ino, d->vnode->mode, d->cookie))
            return 0;
        *position = d->cookie;
    }
    return 0;
}

static i64 dir_read(struct file *file, u64 to, u64 bytes, u64 *position) {
    (void)file, (void)to, (void)bytes, (void)position;
    return -EISDIR;
}

const struct file_ops memfs_dir_file = {.read = dir_read, .readdir = memfs_readdir};

static i64 special_open(struct file *file) {
    switch (vnode_type(file->vnode)) {
    case LINUX_S_IFCHR:
        return dev_open(file);
    case LINUX_S_IFIFO:
        return pipe_open_fifo(file);
    default:
        return -ENXIO;
    }
}

static void link_free(struct vnode *v) {
    pod_free(v->link);
}

static const struct file_ops no_file = {.stream = true};
static const struct vnode_ops dir_ops = {.file = &memfs_dir_file};
static const struct vnode_ops reg_ops = {.file = &memfile_ops, .free = memfile_free};
static const struct vnode_ops link_ops = {.file = &no_file, .free = link_free};
static const struct vnode_ops special_ops = {.file = &no_file, .open = special_open};

static const struct vnode_ops *ops_of(u32 mode) {
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
        return &dir_ops;
    case LINUX_S_IFREG:
        return &reg_ops;
    case LINUX_S_IFLNK:
        return &link_ops;
    default:
        return &special_ops;
    }
}

struct vnode *memfs_vnode(u32 mode, u32 uid, u32 gid, u32 dev, u64 rdev, const char *text) {
    struct vnode *v = vnode_new(ops_of(mode), mode, uid, gid, dev);
    if (!v)
        return NULL;
    v->rdev = rdev;
    if (vnode_is_dir(v))
        v->size = 40;
    if (vnode_is_link(v)) {
        u64 length = strlen(text);
        v->link = pod_alloc(length + 16);
        if (!v->link) {
            vnode_put(v);
            return NULL;
        }
        memcpy(v->link, text, length);
        v->size = length;
    }
    return v;
}

i64 memfs_make(struct dentry *parent, const char *name, u32 length, u32 mode, u64 rdev,
               const char *text, struct dentry **d) {
    struct vnode *dir = parent->vnode;
    struct vnode *v = memfs_vnode(mode, 0, 0, dir->dev, rdev, text);
    if (!v)
        return -ENOMEM;
    *d = dentry_link(parent, name, length, v);
    if (*d)
        return 0;
    vnode_put(v);
    return -ENOMEM;
}
