// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls that tell about files, and change what is told: stat, access, modes, owners, times,
// statfs.

#include "abi/layout.h"
#include "base/string.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/fs/system.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/time.h"
#include "libos/exos/uaccess.h"

// What a path and AT_* flags name.
static i64 lookup_at(i32 dirfd, u64 path, u32 flags, struct dentry **d) {
    u32 how = (flags & LINUX_AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
              (flags & LINUX_AT_EMPTY_PATH ? PATH_EMPTY : 0);
    return path_lookup_user(dirfd, path, how, d);
}

// --- stat ------------------------------------------------------------------------------------

static u64 blocks_of(const struct vnode *v) {
    if (vnode_is_reg(v) && v->ops->file == &memfile_ops)
        return memfile_blocks(v);
    return 0;
}

static i64 put_stat(const struct vnode *v, u64 to) {
    struct linux_stat s;
    s.dev = v->dev;
    s.ino = v->ino;
    s.nlink = v->nlink;
    s.mode = v->mode;
    s.uid = v->uid;
    s.gid = v->gid;
    s.pad = 0;
    s.rdev = v->rdev;
    s.size = (i64)v->size;
    s.blksize = 4096;
    s.blocks = (i64)blocks_of(v);
    s.atime = (i64)(v->atime / TIME_SECOND);
    s.atime_ns = (i64)(v->atime % TIME_SECOND);
    s.mtime = (i64)(v->mtime / TIME_SECOND);
    s.mtime_ns = (i64)(v->mtime % TIME_SECOND);
    s.ctime = (i64)(v->ctime / TIME_SECOND);
    s.ctime_ns = (i64)(v->ctime % TIME_SECOND);
    s.reserved[0] = s.reserved[1] = s.reserved[2] = 0;
    return data_range_ok(to, sizeof(s)) && !data_copy_to(to, &s, sizeof(s)) ? 0 : -EFAULT;
}

static i64 stat_at(i32 dirfd, u64 path, u64 to, u32 flags) {
    struct dentry *d;
    i64 error = lookup_at(dirfd, path, flags, &d);
    if (error)
        return error;
    error = put_stat(d->vnode, to);
    dentry_put(d);
    return error;
}

i64 linux_stat(u64 path, u64 to) {
    return stat_at(LINUX_AT_FDCWD, path, to, 0);
}

i64 linux_lstat(u64 path, u64 to) {
    return stat_at(LINUX_AT_FDCWD, path, to, LINUX_AT_SYMLINK_NOFOLLOW);
}

i64 linux_fstat(i32 fd, u64 to) {
    struct file *f = files_at(self()->files, fd);
    return f ? put_stat(f->vnode, to) : -EBADF;
}

i64 linux_newfstatat(i32 dirfd, u64 path, u64 to, u32 flags) {
    if (flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH))
        return -EINVAL;
    if ((flags & LINUX_AT_EMPTY_PATH) && dirfd >= 0) {
        u8 first;
        if (copy_from_user(&first, path, 1))
            return -EFAULT;
        if (!first)
            return linux_fstat(dirfd, to);
    }
    return stat_at(dirfd, path, to, flags);
}

static struct linux_statx_time statx_time(u64 ns) {
    return (struct linux_statx_time){(i64)(ns / TIME_SECOND), (u32)(ns % TIME_SECOND), 0};
}

i64 linux_statx(i32 dirfd, u64 path, u32 flags, u32 mask, u64 to) {
    struct dentry *d;
    struct linux_statx s;
    if ((flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH |
                   LINUX_AT_STATX_SYNC)) ||
        (mask & 0x80000000u) || (flags & LINUX_AT_STATX_SYNC) == LINUX_AT_STATX_SYNC)
        return -EINVAL;
    i64 error = lookup_at(dirfd, path, flags, &d);
    if (error)
        return error;
    const struct vnode *v = d->vnode;
    memset(&s, 0, sizeof(s));
    s.mask = LINUX_STATX_BASIC;
    s.blksize = 4096;
    s.nlink = v->nlink;
    s.uid = v->uid;
    s.gid = v->gid;
    s.mode = (u16)v->mode;
    s.ino = v->ino;
    s.size = v->size;
    s.blocks = blocks_of(v);
    s.atime = statx_time(v->atime);
    s.mtime = statx_time(v->mtime);
    s.ctime = statx_time(v->ctime);
    s.rdev_major = LINUX_DEV_MAJOR(v->rdev);
    s.rdev_minor = LINUX_DEV_MINOR(v->rdev);
    s.dev_minor = v->dev;
    dentry_put(d);
    return copy_to_user(to, &s, sizeof(s));
}

// --- access ----------------------------------------------------------------------------------

i64 linux_faccessat2(i32 dirfd, u64 path, u32 mode, u32 flags) {
    struct process *p = self();
    struct dentry *d;
    if ((mode & ~7u) ||
        (flags & ~(LINUX_AT_EACCESS | LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)))
        return -EINVAL;
    // The question is about the real ids, on the way too.
    u32 uid = p->fsuid, gid = p->fsgid;
    if (!(flags & LINUX_AT_EACCESS)) {
        p->fsuid = p->uid;
        p->fsgid = p->gid;
    }
    i64 error = lookup_at(dirfd, path, flags, &d);
    if (!error) {
        error = mode ? path_permission(d->vnode, mode) : 0;
        dentry_put(d);
    }
    p->fsuid = uid;
    p->fsgid = gid;
    return error;
}

i64 linux_faccessat(i32 dirfd, u64 path, u32 mode) {
    return linux_faccessat2(dirfd, path, mode, 0);
}

i64 linux_access(u64 path, u32 mode) {
    return linux_faccessat2(LINUX_AT_FDCWD, path, mode, 0);
}

// --- modes and owners ------------------------------------------------------------------------

static bool is_made_up(const struct vnode *v) {
    return v->dev == FS_DEV_PROC;
}

static bool is_owner(const struct vnode *v) {
    return self()->fsuid == 0 || self()->fsuid == v->uid;
}

static i64 change_mode(struct vnode *v, u32 mode) {
    if (vnode_is_link(v))
        return -ENOTSUP;
    if (!is_owner(v) || is_made_up(v))
        return -EPERM;
    mode &= 07777;
    if (self()->fsuid != 0 && !path_in_group(v->gid))
        mode &= ~LINUX_S_ISGID;
    v->mode = (v->mode & LINUX_S_IFMT) | mode;
    vnode_touch(v, VNODE_CTIME);
    return 0;
}

i64 linux_fchmodat2(i32 dirfd, u64 path, u32 mode, u32 flags) {
    struct dentry *d;
    if (flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH))
        return -EINVAL;
    i64 error = lookup_at(dirfd, path, flags, &d);
    if (error)
        return error;
    error = change_mode(d->vnode, mode);
    dentry_put(d);
    return error;
}

i64 linux_fchmodat(i32 dirfd, u64 path, u32 mode) {
    return linux_fchmodat2(dirfd, path, mode, 0);
}

i64 linux_chmod(u64 path, u32 mode) {
    return linux_fchmodat2(LINUX_AT_FDCWD, path, mode, 0);
}

i64 linux_fchmod(i32 fd, u32 mode) {
    struct file *f = files_at(self()->files, fd);
    return f && !(f->flags & LINUX_O_PATH) ? change_mode(f->vnode, mode) : -EBADF;
}

static i64 change_owner(struct vnode *v, u32 uid, u32 gid) {
    u32 me = self()->fsuid;
    if (is_made_up(v))
        return -EPERM;
    if (me != 0) {
        bool uid_ok = uid == ~0u || (me == v->uid && uid == v->uid);
        bool gid_ok = gid == ~0u || (me == v->uid && (gid == v->gid || path_in_group(gid)));
        if (!uid_ok || !gid_ok)
            return -EPERM;
    }
    if (uid != ~0u)
        v->uid = uid;
    if (gid != ~0u)
        v->gid = gid;
    if (!vnode_is_dir(v) && (uid != ~0u || gid != ~0u)) {
        v->mode &= ~LINUX_S_ISUID;
        if (v->mode & 010)
            v->mode &= ~LINUX_S_ISGID;
    }
    vnode_touch(v, VNODE_CTIME);
    return 0;
}

i64 linux_fchownat(i32 dirfd, u64 path, u32 uid, u32 gid, u32 flags) {
    struct dentry *d;
    if (flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH))
        return -EINVAL;
    i64 error = lookup_at(dirfd, path, flags, &d);
    if (error)
        return error;
    error = change_owner(d->vnode, uid, gid);
    dentry_put(d);
    return error;
}

i64 linux_chown(u64 path, u32 uid, u32 gid) {
    return linux_fchownat(LINUX_AT_FDCWD, path, uid, gid, 0);
}

i64 linux_lchown(u64 path, u32 uid, u32 gid) {
    return linux_fchownat(LINUX_AT_FDCWD, path, uid, gid, LINUX_AT_SYMLINK_NOFOLLOW);
}

i64 linux_fchown(i32 fd, u32 uid, u32 gid) {
    struct file *f = files_at(self()->files, fd);
    return f && !(f->flags & LINUX_O_PATH) ? change_owner(f->vnode, uid, gid) : -EBADF;
}

i64 linux_umask(u32 mask) {
    u32 old = self()->fs->umask;
    self()->fs->umask = mask & 0777;
    return old;
}

// --- times -----------------------------------------------------------------------------------

static i64 time_valid(const struct linux_timespec *t) {
    if (t->nsec == LINUX_UTIME_NOW || t->nsec == LINUX_UTIME_OMIT)
        return 0;
    return t->nsec < 0 || t->nsec >= (i64)TIME_SECOND ? -EINVAL : 0;
}

static u64 time_chosen(const struct linux_timespec *t, u64 old, u64 now) {
    if (t->nsec == LINUX_UTIME_OMIT)
        return old;
    if (t->nsec == LINUX_UTIME_NOW)
        return now;
    if (t->sec < 0)
        return 0; // times before 1970 are not kept
    return (u64)t->sec * TIME_SECOND + (u64)t->nsec;
}

static i64 change_times(struct vnode *v, const struct linux_timespec times[2]) {
    u64 now = time_realtime();
    bool both_now = times[0].nsec == LINUX_UTIME_NOW && times[1].nsec == LINUX_UTIME_NOW;
    if (times[0].nsec == LINUX_UTIME_OMIT && times[1].nsec == LINUX_UTIME_OMIT)
        return 0;
    if (is_made_up(v))
        return -EPERM;
    if (!is_owner(v)) {
        if (!both_now)
            return -EPERM;
        if (path_permission(v, LINUX_W_OK))
            return -EACCES;
    }
    v->atime = time_chosen(&times[0], v->atime, now);
    v->mtime = time_chosen(&times[1], v->mtime, now);
    v->ctime = now;
    return 0;
}

static i64 set_times(i32 dirfd, u64 path, const struct linux_timespec times[2], u32 flags) {
    struct dentry *d;
    if (!path && dirfd != LINUX_AT_FDCWD) {
        struct file *f = files_at(self()->files, dirfd);
        if (flags)
            return -EINVAL;
        return f ? change_times(f->vnode, times) : -EBADF;
    }
    i64 error = lookup_at(dirfd, path, flags, &d);
    if (error)
        return error;
    error = change_times(d->vnode, times);
    dentry_put(d);
    return error;
}

i64 linux_utimensat(i32 dirfd, u64 path, u64 address, u32 flags) {
    struct linux_timespec times[2] = {{0, LINUX_UTIME_NOW}, {0, LINUX_UTIME_NOW}};
    if (flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH))
        return -EINVAL;
    if (address && copy_from_user(times, address, sizeof(times)))
        return -EFAULT;
    if (time_valid(&times[0]) || time_valid(&times[1]))
        return -EINVAL;
    return set_times(dirfd, path, times, flags);
}

i64 linux_futimesat(i32 dirfd, u64 path, u64 address) {
    struct linux_timespec times[2] = {{0, LINUX_UTIME_NOW}, {0, LINUX_UTIME_NOW}};
    struct linux_timeval old[2];
    if (address) {
        if (copy_from_user(old, address, sizeof(old)))
            return -EFAULT;
        for (int i = 0; i < 2; i++) {
            if (old[i].usec < 0 || old[i].usec >= 1000000)
                return -EINVAL;
            times[i] = (struct linux_timespec){old[i].sec, old[i].usec * 1000};
        }
    }
    return set_times(dirfd, path, times, 0);
}

i64 linux_utimes(u64 path, u64 times) {
    return linux_futimesat(LINUX_AT_FDCWD, path, times);
}

i64 linux_utime(u64 path, u64 address) {
    struct linux_timespec times[2] = {{0, LINUX_UTIME_NOW}, {0, LINUX_UTIME_NOW}};
    i64 old[2];
    if (address) {
        if (copy_from_user(old, address, sizeof(old)))
            return -EFAULT;
        times[0] = (struct linux_timespec){old[0], 0};
        times[1] = (struct linux_timespec){old[1], 0};
    }
    return set_times(LINUX_AT_FDCWD, path, times, 0);
}

// --- file systems ----------------------------------------------------------------------------

static i64 put_statfs(const struct vnode *v, u64 to) {
    struct linux_statfs s;
    memset(&s, 0, sizeof(s));
    s.type = v->dev == FS_DEV_PROC ? LINUX_PROC_MAGIC : LINUX_TMPFS_MAGIC;
    s.bsize = s.frsize = 4096;
    s.namelen = LINUX_NAME_MAX;
    if (v->dev != FS_DEV_PROC) {
        u64 room = memfile_pages_max - memfile_pages;
        u64 free = system_memory().free >> ABI_PAGE_SHIFT;
        s.blocks = s.files = memfile_pages_max;
        s.bfree = s.bavail = room < free ? room : free;
        s.ffree = vnode_count < memfile_pages_max ? memfile_pages_max - vnode_count : 0;
    }
    s.fsid[0] = (i32)v->dev;
    return copy_to_user(to, &s, sizeof(s));
}

i64 linux_statfs(u64 path, u64 to) {
    struct dentry *d;
    i64 error = path_lookup_user(LINUX_AT_FDCWD, path, PATH_FOLLOW, &d);
    if (error)
        return error;
    error = put_statfs(d->vnode, to);
    dentry_put(d);
    return error;
}

i64 linux_fstatfs(i32 fd, u64 to) {
    struct file *f = files_at(self()->files, fd);
    return f ? put_statfs(f->vnode, to) : -EBADF;
}
