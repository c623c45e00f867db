// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Opening files, in Linux's order of checks.

#include "base/format.h"
#include "base/string.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/names.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"

// Flags that stay with the open file.
#define KEPT                                                                                       \
    (LINUX_O_ACCMODE | LINUX_O_APPEND | LINUX_O_NONBLOCK | LINUX_O_SYNC | LINUX_O_ASYNC |          \
     LINUX_O_DIRECT | LINUX_O_LARGEFILE | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_NOATIME | \
     LINUX_O_PATH)

bool file_is_executing(const struct vnode *v) {
    if (!v->map_refs)
        return false;
    PROCESS_FOR_EACH(p)
    if (p->exec->vnode == v && p->state != PROCESS_ZOMBIE)
        return true;
    return false;
}

static i64 may_open(const struct vnode *v, u32 flags) {
    u32 mode = flags & LINUX_O_ACCMODE, want = 0;
    bool write = mode == LINUX_O_WRONLY || mode == LINUX_O_RDWR || mode == 3;
    switch (vnode_type(v)) {
    case LINUX_S_IFLNK:
        return -ELOOP;
    case LINUX_S_IFDIR:
        if (write || (flags & LINUX_O_TRUNC))
            return -EISDIR;
        break;
    case LINUX_S_IFSOCK:
        return -ENXIO;
    default:
        break;
    }
    if (mode != LINUX_O_WRONLY)
        want |= LINUX_R_OK;
    if (write || (flags & LINUX_O_TRUNC))
        want |= LINUX_W_OK;
    i64 error = path_permission(v, want);
    if (error)
        return error;
    if ((flags & LINUX_O_NOATIME) && self()->fsuid != 0 && self()->fsuid != v->uid)
        return -EPERM;
    if (vnode_is_reg(v) && (want & LINUX_W_OK) && file_is_executing(v))
        return -ETXTBSY;
    return 0;
}

static i64 truncate_at_open(struct vnode *v) {
    if (!vnode_is_reg(v) || v->ops->file != &memfile_ops)
        return 0;
    i64 error = memfile_truncate(v, 0);
    if (!error)
        vnode_touch(v, VNODE_MTIME | VNODE_CTIME);
    return error;
}

static const struct file_ops path_only = {.stream = true};

// Opens a dentry. created: no permission is needed.
static i64 open_dentry(struct dentry *d, u32 flags, bool created, struct file **file) {
    struct vnode *v = d->vnode;
    i64 error = 0;
    if ((flags & LINUX_O_DIRECTORY) && !vnode_is_dir(v))
        return -ENOTDIR;
    if (flags & LINUX_O_PATH) {
        *file = file_new_at(&path_only, d, flags & KEPT);
        return *file ? 0 : -ENOMEM;
    }
    if (!created)
        error = may_open(v, flags);
    if (error)
        return error;
    struct file *f = file_new_at(v->ops->file, d, flags & (KEPT | LINUX_O_NOCTTY));
    if (!f)
        return -ENOMEM;
    if (v->ops->open)
        error = v->ops->open(f);
    f->flags &= ~LINUX_O_NOCTTY; // only the device's open wants to know
    if (!error && (flags & LINUX_O_TRUNC) && !created)
        error = truncate_at_open(v);
    if (error) {
        file_put(f);
        return error;
    }
    *file = f;
    return 0;
}

// O_CREAT: stands before a last name, found or not. Goes on through links.
static i64 open_create(struct path_walk *w, u32 flags, u32 mode, struct file **file) {
    for (;;) {
        struct dentry *d;
        bool created = false;
        i64 error;
        if (w->last == PATH_LAST_JUMP) {
            error = vnode_is_dir(w->at->vnode) ? -EISDIR : open_dentry(w->at, flags, false, file);
            dentry_put(w->at);
            return error;
        }
        if (w->last != PATH_LAST_NAME || w->slash) {
            dentry_put(w->at);
            return flags & LINUX_O_EXCL && w->last != PATH_LAST_NAME ? -EEXIST : -EISDIR;
        }
        if (!vnode_is_dir(w->at->vnode)) {
            dentry_put(w->at);
            return -ENOTDIR;
        }
        error = path_walk_child(w, &d);
        if (error == -ENOENT) {
            error = names_create(w, LINUX_S_IFREG | (mode & 07777), 0, NULL, &d);
            created = true;
        }
        if (error) {
            dentry_put(w->at);
            return error;
        }
        if (!created && (flags & LINUX_O_EXCL))
            error = -EEXIST;
        else if (!created && vnode_is_link(d->vnode) && !(flags & LINUX_O_NOFOLLOW)) {
            error = path_walk_follow(w, d);
            if (error)
                return error;
            continue;
        } else if (vnode_is_dir(d->vnode)) {
            error = -EISDIR;
        } else {
            error = open_dentry(d, flags, created, file);
        }
        dentry_put(w->at);
        dentry_put(d);
        return error;
    }
}

static i64 open_tmpfile(i32 dirfd, const char *path, u32 flags, u32 mode, struct file **file) {
    struct dentry *dir;
    if (!(flags & LINUX_O_ACCMODE))
        return -EINVAL;
    i64 error = path_lookup(dirfd, path, PATH_FOLLOW, &dir);
    if (error)
        return error;
    if (!vnode_is_dir(dir->vnode))
        error = -ENOTDIR;
    else if (dir->vnode->ops->lookup)
        error = -ENOTSUP;
    else
        error = names_may_change(dir);
    struct vnode *v = NULL;
    struct dentry *d = NULL;
    if (!error) {
        mode = LINUX_S_IFREG | (mode & 07777 & ~self()->fs->umask);
        v = memfs_vnode(mode, self()->fsuid, self()->fsgid, dir->vnode->dev, 0, NULL);
        char name[24];
        u64 length = v ? format_write(name, sizeof(name), "#%lu", v->ino) : 0;
        d = v ? dentry_made_up(dir, name, (u32)length, v) : NULL;
        error = d ? 0 : -ENOMEM;
        if (v && !d)
            vnode_put(v);
    }
    dentry_put(dir);
    if (error)
        return error;
    v->nlink = 0;
    error = open_dentry(d, flags & ~LINUX_O_TMPFILE, true, file);
    dentry_put(d);
    return error;
}

i64 file_open(i32 dirfd, const char *path, u32 flags, u32 mode, struct file **file) {
    struct path_walk w;
    struct dentry *d;
    i64 error;
    if (flags & LINUX_O_PATH)
        flags &= LINUX_O_PATH | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_CLOEXEC;
    else if ((flags & LINUX_O_TMPFILE) == LINUX_O_TMPFILE)
        return open_tmpfile(dirfd, path, flags, mode, file);
    if (flags & LINUX_O_CREAT) {
        if (flags & LINUX_O_DIRECTORY)
            return -EINVAL;
        error = path_walk_start(&w, dirfd, path);
        return error ? error : open_create(&w, flags, mode, file);
    }
    error = path_lookup(dirfd, path, flags & LINUX_O_NOFOLLOW ? 0 : PATH_FOLLOW, &d);
    if (error)
        return error;
    error = open_dentry(d, flags, false, file);
    dentry_put(d);
    return error;
}

i64 fs_open_exec(i32 dirfd, const char *path, u32 flags, struct vnode **vnode, char *absolute,
                 u64 size) {
    struct dentry *d;
    char *start;
    u32 how = (flags & LINUX_AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
              (flags & LINUX_AT_EMPTY_PATH ? PATH_EMPTY : 0);
    if (!*path && !(flags & LINUX_AT_EMPTY_PATH))
        return -ENOENT;
    i64 error = path_copy(PATH_FIRST, path, &path);
    if (!error)
        error = path_lookup(dirfd, path, how, &d);
    if (error)
        return error;
    struct vnode *v = d->vnode;
    if (vnode_is_link(v))
        error = -ELOOP;
    else if (!vnode_is_reg(v) || v->ops->file != &memfile_ops)
        error = -EACCES;
    else
        error = path_permission(v, LINUX_X_OK);
    if (!error && v->writers)
        error = -ETXTBSY;
    if (!error) {
        i64 length = dentry_path(d, self()->fs->root, absolute, size, &start, true);
        if (length < 0)
            string_copy(absolute, path, size);
        else
            memmove(absolute, start, (u64)length);
        vnode_get(v);
        *vnode = v;
    }
    dentry_put(d);
    return error;
}

i64 vnode_read(struct vnode *v, u64 position, void *to, u64 bytes) {
    return memfile_read_at(v, position, (u64)to, bytes);
}
