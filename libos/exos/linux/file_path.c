// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls about names: make, link, remove, rename, read links and directories, move about.

#include "base/string.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/names.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"

// --- making and removing ---------------------------------------------------------------------

i64 linux_mknodat(i32 dirfd, u64 address, u32 mode, u64 dev) {
    const char *path;
    i64 error = path_from_user(PATH_FIRST, address, false, &path);
    return error ? error : names_mknod(dirfd, path, mode, dev & 0xffffffff);
}

i64 linux_mknod(u64 path, u32 mode, u64 dev) {
    return linux_mknodat(LINUX_AT_FDCWD, path, mode, dev);
}

i64 linux_mkdirat(i32 dirfd, u64 address, u32 mode) {
    const char *path;
    i64 error = path_from_user(PATH_FIRST, address, false, &path);
    return error ? error : names_mkdir(dirfd, path, mode);
}

i64 linux_mkdir(u64 path, u32 mode) {
    return linux_mkdirat(LINUX_AT_FDCWD, path, mode);
}

i64 linux_symlinkat(u64 text_address, i32 dirfd, u64 address) {
    const char *text, *path;
    i64 error = path_from_user(PATH_SECOND, text_address, false, &text);
    if (!error)
        error = path_from_user(PATH_FIRST, address, false, &path);
    return error ? error : names_symlink(text, dirfd, path);
}

i64 linux_symlink(u64 text, u64 path) {
    return linux_symlinkat(text, LINUX_AT_FDCWD, path);
}

i64 linux_linkat(i32 old_dirfd, u64 old_address, i32 dirfd, u64 address, u32 flags) {
    const char *old, *path;
    if (flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH))
        return -EINVAL;
    i64 error = path_from_user(PATH_FIRST, old_address, (flags & LINUX_AT_EMPTY_PATH) != 0, &old);
    if (!error)
        error = path_from_user(PATH_SECOND, address, false, &path);
    return error ? error : names_link(old_dirfd, old, dirfd, path, flags);
}

i64 linux_link(u64 old, u64 path) {
    return linux_linkat(LINUX_AT_FDCWD, old, LINUX_AT_FDCWD, path, 0);
}

i64 linux_unlinkat(i32 dirfd, u64 address, u32 flags) {
    const char *path;
    if (flags & ~LINUX_AT_REMOVEDIR)
        return -EINVAL;
    i64 error = path_from_user(PATH_FIRST, address, false, &path);
    if (error)
        return error;
    return flags ? names_rmdir(dirfd, path) : names_unlink(dirfd, path);
}

i64 linux_unlink(u64 path) {
    return linux_unlinkat(LINUX_AT_FDCWD, path, 0);
}

i64 linux_rmdir(u64 path) {
    return linux_unlinkat(LINUX_AT_FDCWD, path, LINUX_AT_REMOVEDIR);
}

i64 linux_renameat2(i32 old_dirfd, u64 old_address, i32 dirfd, u64 address, u32 flags) {
    const char *old, *path;
    i64 error = path_from_user(PATH_FIRST, old_address, false, &old);
    if (!error)
        error = path_from_user(PATH_SECOND, address, false, &path);
    return error ? error : names_rename(old_dirfd, old, dirfd, path, flags);
}

i64 linux_renameat(i32 old_dirfd, u64 old, i32 dirfd, u64 path) {
    return linux_renameat2(old_dirfd, old, dirfd, path, 0);
}

i64 linux_rename(u64 old, u64 path) {
    return linux_renameat2(LINUX_AT_FDCWD, old, LINUX_AT_FDCWD, path, 0);
}

// --- links -----------------------------------------------------------------------------------

i64 linux_readlinkat(i32 dirfd, u64 path, u64 to, i32 size) {
    static char text[LINUX_PATH_MAX];
    struct dentry *d;
    if (size <= 0)
        return -EINVAL;
    i64 length = path_lookup_user(dirfd, path, PATH_EMPTY, &d);
    if (length)
        return length;
    const struct vnode *v = d->vnode;
    u64 room = (u64)size < sizeof(text) ? (u64)size : sizeof(text);
    if (!vnode_is_link(v)) {
        length = -EINVAL;
    } else if (v->ops->readlink) {
        length = v->ops->readlink(d, text, room);
        if (length > 0 && copy_to_user(to, text, (u64)length))
            length = -EFAULT;
    } else {
        length = (i64)(v->size < room ? v->size : room);
        if (copy_to_user(to, v->link, (u64)length))
            length = -EFAULT;
    }
    dentry_put(d);
    return length;
}

i64 linux_readlink(u64 path, u64 to, i32 size) {
    const char *text;
    i64 error = path_from_user(PATH_FIRST, path, false, &text);
    return error ? error : linux_readlinkat(LINUX_AT_FDCWD, path, to, size);
}

// --- where one is ----------------------------------------------------------------------------

static i64 enter(struct dentry *d, struct dentry **place) {
    i64 error = vnode_is_dir(d->vnode) ? path_permission(d->vnode, LINUX_X_OK) : -ENOTDIR;
    if (error) {
        dentry_put(d);
        return error;
    }
    dentry_put(*place);
    *place = d;
    return 0;
}

i64 linux_chdir(u64 path) {
    struct dentry *d;
    i64 error = path_lookup_user(LINUX_AT_FDCWD, path, PATH_FOLLOW, &d);
    return error ? error : enter(d, &self()->fs->cwd);
}

i64 linux_fchdir(i32 fd) {
    struct file *f = files_at(self()->files, fd);
    if (!f)
        return -EBADF;
    if (!f->dentry)
        return -ENOTDIR;
    dentry_get(f->dentry);
    return enter(f->dentry, &self()->fs->cwd);
}

i64 linux_chroot(u64 path) {
    struct dentry *d;
    i64 error = path_lookup_user(LINUX_AT_FDCWD, path, PATH_FOLLOW, &d);
    if (error)
        return error;
    if (self()->euid != 0) {
        error = vnode_is_dir(d->vnode) ? -EPERM : -ENOTDIR;
        dentry_put(d);
        return error;
    }
    return enter(d, &self()->fs->root);
}

i64 linux_getcwd(u64 to, u64 size) {
    static char text[LINUX_PATH_MAX];
    char *start;
    struct fs_ctx *fs = self()->fs;
    if (!dentry_is_alive(fs->cwd) && !fs->cwd->vnode->ops->lookup)
        return -ENOENT;
    i64 length = dentry_path(fs->cwd, fs->root, text, sizeof(text), &start, false);
    if (length < 0)
        return -ENAMETOOLONG;
    if ((u64)length > size)
        return -ERANGE;
    return copy_to_user(to, start, (u64)length) ? -EFAULT : length;
}

i64 linux_mount(u64 source, u64 target, u64 type, u64 flags, u64 data) {
    (void)source, (void)target, (void)type, (void)flags, (void)data;
    return self()->euid ? -EPERM : -ENOSYS;
}

i64 linux_umount2(u64 target, i32 flags) {
    struct dentry *d;
    (void)flags;
    if (self()->euid)
        return -EPERM;
    i64 error = path_lookup_user(LINUX_AT_FDCWD, target, PATH_FOLLOW, &d);
    if (error)
        return error;
    error = d->mounted ? -EBUSY : -EINVAL;
    dentry_put(d);
    return error;
}

// --- directories -----------------------------------------------------------------------------

struct user_sink {
    struct dir_sink sink;
    u64 to, bytes, used;
    i64 error;
    bool old; // the format of getdents
};

#define RECORD_MAX (32 + LINUX_NAME_MAX + 8)

static u64 put_record(u8 *record, const struct user_sink *s, const char *name, u32 length, u64 ino,
                      u32 mode, u64 next) {
    u64 header = s->old ? sizeof(struct linux_dirent) : sizeof(struct linux_dirent64);
    u64 size = (header + length + 1 + (s->old ? 1 : 0) + 7) & ~7ul;
    u8 type = (u8)(mode >> 12 & 15);
    memset(record + size - 8, 0, 8);
    if (s->old) {
        struct linux_dirent *d = (struct linux_dirent *)record;
        d->ino = ino;
        d->next = next;
        d->reclen = (u16)size;
        record[size - 1] = type;
    } else {
        struct linux_dirent64 *d = (struct linux_dirent64 *)record;
        d->ino = ino;
        d->next = (i64)next;
        d->reclen = (u16)size;
        d->type = type;
    }
    memcpy(record + header, name, length);
    record[header + length] = 0;
    return size;
}

static bool add_record(struct dir_sink *sink, const char *name, u32 length, u64 ino, u32 mode,
                       u64 next) {
    struct user_sink *s = (struct user_sink *)sink;
    u8 record[RECORD_MAX] __attribute__((aligned(8)));
    u64 size = put_record(record, s, name, length, ino, mode, next);
    if (size > s->bytes - s->used) {
        s->error = -EINVAL; // if it was the first
        return false;
    }
    if (copy_to_user(s->to + s->used, record, size)) {
        s->error = -EFAULT;
        return false;
    }
    s->used += size;
    return true;
}

static i64 list(i32 fd, u64 to, u32 bytes, bool old) {
    struct file *f = files_at(self()->files, fd);
    struct user_sink s = {.sink = {add_record}, .to = to, .bytes = bytes, .old = old};
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (!f->ops->readdir)
        return -ENOTDIR;
    if (!data_range_ok(to, bytes))
        return -EFAULT;
    if (!dentry_is_alive(f->dentry) && !f->vnode->ops->lookup)
        return -ENOENT;
    i64 error = f->ops->readdir(f, &s.sink);
    vnode_accessed(f->vnode);
    if (error)
        return error;
    return s.used ? (i64)s.used : s.error;
}

i64 linux_getdents64(i32 fd, u64 to, u32 bytes) {
    return list(fd, to, bytes, false);
}

i64 linux_getdents(i32 fd, u64 to, u32 bytes) {
    return list(fd, to, bytes, true);
}
