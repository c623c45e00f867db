// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls that make, copy and close descriptors, and those that change a file's size or
// position.

#include "base/format.h"
#include "base/string.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/fs/pipe.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/tty/termios.h"

static struct files *files(void) {
    return self()->files;
}

// Gives a new file a descriptor; the file goes if there is none.
static i64 install(struct file *f, bool cloexec) {
    i64 fd = files_install(files(), f, 0, cloexec);
    if (fd < 0)
        file_put(f);
    return fd;
}

// --- open and close --------------------------------------------------------------------------

i64 linux_openat(i32 dirfd, u64 address, u32 flags, u32 mode) {
    const char *path;
    struct file *f;
    i64 error = path_from_user(PATH_FIRST, address, false, &path);
    if (!error)
        error = file_open(dirfd, path, flags, mode, &f);
    return error ? error : install(f, (flags & LINUX_O_CLOEXEC) != 0);
}

i64 linux_open(u64 path, u32 flags, u32 mode) {
    return linux_openat(LINUX_AT_FDCWD, path, flags, mode);
}

i64 linux_creat(u64 path, u32 mode) {
    return linux_openat(LINUX_AT_FDCWD, path, LINUX_O_CREAT | LINUX_O_WRONLY | LINUX_O_TRUNC, mode);
}

i64 linux_close(i32 fd) {
    return files_close(files(), fd);
}

i64 linux_close_range(u32 first, u32 last, u32 flags) {
    struct process *p = self();
    if (first > last || (flags & ~(LINUX_CLOSE_RANGE_UNSHARE | LINUX_CLOSE_RANGE_CLOEXEC)))
        return -EINVAL;
    if ((flags & LINUX_CLOSE_RANGE_UNSHARE) && p->files->refs > 1) {
        struct files *own = files_clone(p->files);
        if (!own)
            return -ENOMEM;
        files_put(p->files);
        p->files = own;
    }
    if (first > 0x7fffffff)
        return 0;
    for (i32 fd = files_next(files(), (i32)first); fd >= 0 && (u32)fd <= last;
         fd = files_next(files(), fd + 1)) {
        if (flags & LINUX_CLOSE_RANGE_CLOEXEC)
            files_set_cloexec(files(), fd, true);
        else
            files_close(files(), fd);
    }
    return 0;
}

i64 linux_pipe2(u64 address, u32 flags) {
    struct file *reader, *writer;
    i32 fds[2];
    if (flags & ~(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK | LINUX_O_DIRECT))
        return -EINVAL;
    i64 error = pipe_create(flags & LINUX_O_NONBLOCK, &reader, &writer);
    if (error)
        return error;
    bool cloexec = (flags & LINUX_O_CLOEXEC) != 0;
    i64 first = install(reader, cloexec);
    if (first < 0) {
        file_put(writer);
        return first;
    }
    i64 second = install(writer, cloexec);
    if (second < 0) {
        files_close(files(), (i32)first);
        return second;
    }
    fds[0] = (i32)first;
    fds[1] = (i32)second;
    if (copy_to_user(address, fds, sizeof(fds))) {
        files_close(files(), fds[0]);
        files_close(files(), fds[1]);
        return -EFAULT;
    }
    return 0;
}

i64 linux_pipe(u64 fds) {
    return linux_pipe2(fds, 0);
}

i64 linux_memfd_create(u64 name, u32 flags) {
    char text[256];
    u32 known = LINUX_MFD_CLOEXEC | LINUX_MFD_ALLOW_SEALING;
    i64 length = strncpy_from_user(text, name, 250);
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    if (flags & ~known)
        return -EINVAL;
    struct vnode *v =
        memfs_vnode(LINUX_S_IFREG | 0777, self()->fsuid, self()->fsgid, FS_DEV_ANON, 0, NULL);
    if (!v)
        return -ENOMEM;
    v->nlink = 0;
    struct file *f = file_new(&memfile_ops, v, LINUX_O_RDWR | LINUX_O_LARGEFILE);
    if (!f) {
        vnode_put(v);
        return -ENOMEM;
    }
    return install(f, (flags & LINUX_MFD_CLOEXEC) != 0);
}

// --- copies ----------------------------------------------------------------------------------

static i64 duplicate(struct file *f, u32 from, bool cloexec) {
    i64 fd = files_install(files(), f, from, cloexec);
    if (fd >= 0)
        file_get(f);
    return fd;
}

i64 linux_dup(i32 fd) {
    struct file *f = files_at(files(), fd);
    return f ? duplicate(f, 0, false) : -EBADF;
}

static i64 duplicate_to(i32 fd, i32 to, bool cloexec) {
    struct file *f = files_at(files(), fd);
    if (!f)
        return -EBADF;
    file_get(f);
    i64 result = files_replace(files(), f, to, cloexec);
    if (result < 0)
        file_put(f);
    return result;
}

i64 linux_dup2(i32 fd, i32 to) {
    if (fd == to)
        return files_at(files(), fd) ? to : -EBADF;
    return duplicate_to(fd, to, false);
}

i64 linux_dup3(i32 fd, i32 to, u32 flags) {
    if (fd == to || (flags & ~LINUX_O_CLOEXEC))
        return -EINVAL;
    return duplicate_to(fd, to, (flags & LINUX_O_CLOEXEC) != 0);
}

// --- fcntl and ioctl -------------------------------------------------------------------------

#define SETTABLE                                                                                   \
    (LINUX_O_APPEND | LINUX_O_NONBLOCK | LINUX_O_ASYNC | LINUX_O_DIRECT | LINUX_O_NOATIME)

static i64 pipe_size(struct file *f, u32 command, u64 argument) {
    struct pipe *p = pipe_of(f);
    if (!p)
        return -EBADF;
    return command == LINUX_F_GETPIPE_SZ ? (i64)p->pages * 4096 : pipe_resize(p, (u32)argument);
}

static i64 duplicate_from(struct file *f, u64 from, bool cloexec) {
    u64 limit = self()->limits[RLIMIT_NOFILE].soft;
    if (from >= limit || from >= FILES_MAX)
        return -EINVAL;
    return duplicate(f, (u32)from, cloexec);
}

i64 linux_fcntl(i32 fd, u32 command, u64 argument) {
    struct file *f = files_at(files(), fd);
    if (!f)
        return -EBADF;
    if ((f->flags & LINUX_O_PATH) && command != LINUX_F_DUPFD && command != LINUX_F_DUPFD_CLOEXEC &&
        command != LINUX_F_GETFD && command != LINUX_F_SETFD && command != LINUX_F_GETFL)
        return -EBADF;
    switch (command) {
    case LINUX_F_DUPFD:
    case LINUX_F_DUPFD_CLOEXEC:
        return duplicate_from(f, argument & 0xffffffff, command == LINUX_F_DUPFD_CLOEXEC);
    case LINUX_F_GETFD:
        return files_is_cloexec(files(), fd) ? LINUX_FD_CLOEXEC : 0;
    case LINUX_F_SETFD:
        files_set_cloexec(files(), fd, (argument & LINUX_FD_CLOEXEC) != 0);
        return 0;
    case LINUX_F_GETFL:
        return f->flags | LINUX_O_LARGEFILE;
    case LINUX_F_SETFL:
        f->flags = (f->flags & ~SETTABLE) | ((u32)argument & SETTABLE);
        return 0;
    case LINUX_F_GETLK:
    case LINUX_F_SETLK:
    case LINUX_F_SETLKW:
    case LINUX_F_OFD_GETLK:
    case LINUX_F_OFD_SETLK:
    case LINUX_F_OFD_SETLKW:
        return file_lock_call(f, command, argument);
    case LINUX_F_SETOWN:
        f->owner = (u32)argument;
        return 0;
    case LINUX_F_GETOWN:
        return f->owner;
    case LINUX_F_SETSIG:
    case LINUX_F_GETSIG:
        return 0;
    case LINUX_F_SETPIPE_SZ:
    case LINUX_F_GETPIPE_SZ:
        return pipe_size(f, command, argument);
    default:
        return -EINVAL;
    }
}

static i64 set_flag(struct file *f, u64 argument, u32 flag) {
    u32 on;
    if (get_user_u32(&on, argument))
        return -EFAULT;
    f->flags = on ? f->flags | flag : f->flags & ~flag;
    return 0;
}

i64 linux_ioctl(i32 fd, u32 request, u64 argument) {
    struct file *f = files_at(files(), fd);
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    switch (request) {
    case TTY_FIOCLEX:
    case TTY_FIONCLEX:
        files_set_cloexec(files(), fd, request == TTY_FIOCLEX);
        return 0;
    case TTY_FIONBIO:
        return set_flag(f, argument, LINUX_O_NONBLOCK);
    case TTY_FIOASYNC:
        return set_flag(f, argument, LINUX_O_ASYNC);
    case TTY_FIONREAD:
        if (vnode_is_reg(f->vnode))
            return put_user_u32(argument, (u32)(f->vnode->size - f->position));
        break;
    case TTY_FIOQSIZE:
        if (vnode_is_reg(f->vnode) || vnode_is_dir(f->vnode))
            return put_user_u64(argument, f->vnode->size);
        return -ENOTTY;
    default:
        break;
    }
    if (!f->ops->ioctl)
        return -ENOTTY;
    file_get(f);
    i64 result = f->ops->ioctl(f, request, argument);
    file_put(f);
    return result;
}

// --- position and size -----------------------------------------------------------------------

i64 linux_lseek(i32 fd, i64 offset, i32 whence) {
    struct file *f = files_at(files(), fd);
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (whence < LINUX_SEEK_SET || whence > LINUX_SEEK_HOLE)
        return -EINVAL;
    if (f->ops->stream)
        return -ESPIPE;
    struct vnode *v = f->vnode;
    i64 base = 0;
    if (vnode_type(v) == LINUX_S_IFCHR)
        return 0; // memory devices have no position
    if (whence == LINUX_SEEK_CUR) {
        base = (i64)f->position;
    } else if (whence == LINUX_SEEK_END) {
        base = vnode_is_dir(v) ? 0 : (i64)v->size;
    } else if (whence != LINUX_SEEK_SET) {
        if (offset < 0)
            return -ENXIO;
        if (!vnode_is_reg(v) || v->ops->file != &memfile_ops)
            return -EINVAL;
        offset = memfile_seek(v, (u64)offset, whence == LINUX_SEEK_HOLE);
        if (offset < 0)
            return offset;
    }
    i64 position;
    if (__builtin_add_overflow(base, offset, &position))
        return -EOVERFLOW;
    if (position < 0)
        return -EINVAL;
    f->position = (u64)position;
    return position;
}

// The size of a regular file, and what goes with changing it.
static i64 resize(struct vnode *v, i64 size) {
    if (size < 0)
        return -EINVAL;
    if (!vnode_is_reg(v) || v->ops->file != &memfile_ops)
        return -EINVAL;
    if ((u64)size > self()->limits[RLIMIT_FSIZE].soft) {
        signal_send(self(), SIGXFSZ);
        return -EFBIG;
    }
    i64 error = memfile_truncate(v, (u64)size);
    if (!error)
        vnode_touch(v, VNODE_MTIME | VNODE_CTIME);
    return error;
}

i64 linux_truncate(u64 path, i64 size) {
    struct dentry *d;
    if (size < 0)
        return -EINVAL;
    i64 error = path_lookup_user(LINUX_AT_FDCWD, path, PATH_FOLLOW, &d);
    if (error)
        return error;
    if (vnode_is_dir(d->vnode))
        error = -EISDIR;
    else
        error = path_permission(d->vnode, LINUX_W_OK);
    if (!error && file_is_executing(d->vnode))
        error = -ETXTBSY;
    if (!error)
        error = resize(d->vnode, size);
    dentry_put(d);
    return error;
}

i64 linux_ftruncate(i32 fd, i64 size) {
    struct file *f = files_at(files(), fd);
    if (size < 0)
        return -EINVAL;
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (!vnode_is_reg(f->vnode) || !file_may_write(f))
        return -EINVAL;
    return resize(f->vnode, size);
}

i64 linux_fallocate(i32 fd, u32 mode, i64 offset, i64 bytes) {
    struct file *f = files_at(files(), fd);
    if (!f || !file_may_write(f))
        return -EBADF;
    if (offset < 0 || bytes <= 0)
        return -EINVAL;
    if (mode & ~(LINUX_FALLOC_KEEP_SIZE | LINUX_FALLOC_PUNCH_HOLE | LINUX_FALLOC_ZERO_RANGE))
        return -ENOTSUP;
    struct vnode *v = f->vnode;
    if (vnode_type(v) == LINUX_S_IFIFO)
        return -ESPIPE;
    if (vnode_is_dir(v))
        return -EISDIR;
    if (!vnode_is_reg(v) || v->ops->file != &memfile_ops)
        return -ENODEV;
    u64 end = (u64)offset + (u64)bytes;
    if (end > MEMFILE_MAX)
        return -EFBIG;
    bool punch = (mode & LINUX_FALLOC_PUNCH_HOLE) != 0;
    if (punch && !(mode & LINUX_FALLOC_KEEP_SIZE))
        return -ENOTSUP;
    i64 error = 0;
    if (mode & (LINUX_FALLOC_PUNCH_HOLE | LINUX_FALLOC_ZERO_RANGE))
        error = memfile_punch(v, (u64)offset, end);
    if (!error && !punch && !(mode & LINUX_FALLOC_KEEP_SIZE) && end > v->size)
        error = resize(v, (i64)end);
    if (!error && !punch)
        error = memfile_reserve(v, (u64)offset, end < v->size ? end : v->size);
    if (!error)
        vnode_touch(v, VNODE_MTIME | VNODE_CTIME);
    return error;
}

// --- nothing to write back -------------------------------------------------------------------

static i64 accept_file(i32 fd) {
    struct file *f = files_at(files(), fd);
    return f && !(f->flags & LINUX_O_PATH) ? 0 : -EBADF;
}

static i64 sync_file(i32 fd) {
    struct file *f = files_at(files(), fd);
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    return vnode_is_reg(f->vnode) || vnode_is_dir(f->vnode) ? 0 : -EINVAL;
}

i64 linux_fsync(i32 fd) {
    return sync_file(fd);
}
i64 linux_fdatasync(i32 fd) {
    return sync_file(fd);
}
i64 linux_syncfs(i32 fd) {
    return accept_file(fd);
}
i64 linux_sync(void) {
    return 0;
}
i64 linux_sync_file_range(i32 fd, i64 offset, i64 bytes, u32 flags) {
    (void)flags;
    return offset < 0 || bytes < 0 ? -EINVAL : sync_file(fd);
}
i64 linux_readahead(i32 fd, i64 offset, u64 bytes) {
    (void)offset, (void)bytes;
    return accept_file(fd);
}
i64 linux_fadvise64(i32 fd, i64 offset, i64 bytes, i32 advice) {
    struct file *f = files_at(files(), fd);
    (void)offset;
    if (!f)
        return -EBADF;
    if (vnode_type(f->vnode) == LINUX_S_IFIFO)
        return -ESPIPE;
    return bytes < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}
