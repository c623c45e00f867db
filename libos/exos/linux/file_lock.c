// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// flock, and the record locks of fcntl.

#include "libos/exos/fs/file.h"
#include "libos/exos/fs/lock.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/uaccess.h"

#define END_OF_ALL 0x7ffffffffffffffful

i64 linux_flock(i32 fd, u32 operation) {
    struct file *f = files_at(self()->files, fd);
    u32 type = operation & ~(u32)LINUX_LOCK_NB;
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (type != LINUX_LOCK_SH && type != LINUX_LOCK_EX && type != LINUX_LOCK_UN)
        return -EINVAL;
    struct lock_range wanted = {.owner = f,
                                .pid = self()->pid,
                                .write = type == LINUX_LOCK_EX,
                                .whole = true,
                                .last = END_OF_ALL};
    if (type == LINUX_LOCK_UN)
        return lock_apply(f->vnode, &wanted, true);
    file_get(f);
    i64 error = lock_take(f->vnode, &wanted, !(operation & LINUX_LOCK_NB));
    if (!error)
        f->lock_type = type;
    file_put(f);
    return error;
}

// Start and end of what a struct flock says.
static i64 range_of(const struct file *f, const struct linux_flock *l, struct lock_range *range) {
    i64 start = l->start;
    if (l->whence == LINUX_SEEK_CUR)
        start += (i64)f->position;
    else if (l->whence == LINUX_SEEK_END)
        start += (i64)f->vnode->size;
    else if (l->whence != LINUX_SEEK_SET)
        return -EINVAL;
    i64 length = l->length;
    if (length < 0) {
        start += length;
        length = -length;
    }
    if (start < 0)
        return -EINVAL;
    range->start = (u64)start;
    range->last = length ? (u64)start + (u64)length - 1 : END_OF_ALL;
    return 0;
}

static i64 get_lock(struct file *f, struct linux_flock *l, const struct lock_range *wanted,
                    u64 argument) {
    const struct lock_range *other = lock_conflict(f->vnode, wanted);
    if (!other) {
        l->type = LINUX_F_UNLCK;
    } else {
        l->type = other->write ? LINUX_F_WRLCK : LINUX_F_RDLCK;
        l->whence = LINUX_SEEK_SET;
        l->start = (i64)other->start;
        l->length = other->last == END_OF_ALL ? 0 : (i64)(other->last - other->start + 1);
        l->pid = (i32)other->pid;
    }
    return copy_to_user(argument, l, sizeof(*l));
}

i64 file_lock_call(struct file *f, u32 command, u64 argument) {
    struct linux_flock l;
    bool ofd = command >= LINUX_F_OFD_GETLK && command <= LINUX_F_OFD_SETLKW;
    bool wait = command == LINUX_F_SETLKW || command == LINUX_F_OFD_SETLKW;
    bool get = command == LINUX_F_GETLK || command == LINUX_F_OFD_GETLK;
    if (copy_from_user(&l, argument, sizeof(l)))
        return -EFAULT;
    struct lock_range wanted = {.owner = ofd ? (void *)f : (void *)self()->files,
                                .pid = ofd ? ~0u : self()->pid,
                                .write = l.type == LINUX_F_WRLCK};
    i64 error = range_of(f, &l, &wanted);
    if (error)
        return error;
    if (l.type != LINUX_F_RDLCK && l.type != LINUX_F_WRLCK && (l.type != LINUX_F_UNLCK || get))
        return -EINVAL;
    if (ofd && l.pid)
        return -EINVAL;
    if (get)
        return get_lock(f, &l, &wanted, argument);
    if (l.type == LINUX_F_UNLCK)
        return lock_apply(f->vnode, &wanted, true);
    if (l.type == LINUX_F_RDLCK ? !file_may_read(f) : !file_may_write(f))
        return -EBADF;
    file_get(f);
    error = lock_take(f->vnode, &wanted, wait);
    file_put(f);
    return error;
}
