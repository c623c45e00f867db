// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory devices and the contents of /dev. Numbers are Linux's.

#include "libos/exos/fs/dev.h"

#include "base/string.h"
#include "libos/exos/fs/breathe.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/random.h"
#include "libos/exos/tty/tty.h"

static i64 null_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    (void)f, (void)to, (void)bytes, (void)position;
    return 0;
}

static i64 null_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    (void)f, (void)from, (void)position;
    return (i64)bytes;
}

static i64 zero_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    (void)f, (void)position;
    if (to >= EXOS_USER_END) {
        memset((void *)to, 0, bytes);
        return (i64)bytes;
    }
    if (bytes <= BREATH_BYTES) {
        i64 error = clear_user(to, bytes);
        return error ? error : (i64)bytes;
    }
    for (u64 done = 0;;) {
        u64 part = bytes - done < BREATH_BYTES ? bytes - done : BREATH_BYTES;
        if (clear_user(to + done, part))
            return done ? (i64)done : -EFAULT;
        done += part;
        if (done == bytes || fs_breathe() || signal_pending())
            return (i64)done;
    }
}

static i64 full_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    (void)f, (void)from, (void)position;
    return bytes ? -ENOSPC : 0;
}

static i64 random_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    u8 part[256];
    u64 done = 0;
    (void)f, (void)position;
    while (done < bytes) {
        u64 now = bytes - done < sizeof(part) ? bytes - done : sizeof(part);
        random_bytes(part, now);
        u64 copied = data_put(to + done, part, now);
        done += copied;
        if (copied < now)
            return done ? (i64)done : -EFAULT;
        if (!(done & 0x3fff) && (fs_breathe() || signal_pending()))
            break;
    }
    return (i64)done;
}

// Not .stream: lseek on these succeeds on Linux.
#ifdef TRICOLOR_HOST
#define NOW(function) NULL
#else
#define NOW(function) now_##function
#endif
static const struct file_ops null_ops = {.read = null_read,
                                         .write = null_write,
                                         .read_now = NOW(read_nothing),
                                         .write_now = NOW(write_all)};
static const struct file_ops zero_ops = {.read = zero_read,
                                         .write = null_write,
                                         .read_now = NOW(read_zeros),
                                         .write_now = NOW(write_all)};
static const struct file_ops full_ops = {
    .read = zero_read, .write = full_write, .read_now = NOW(read_zeros)};
static const struct file_ops random_ops = {.read = random_read, .write = null_write};

enum {
    MEM_MAJOR = 1,
    MEM_NULL = 3,
    MEM_ZERO = 5,
    MEM_FULL = 7,
    MEM_RANDOM = 8,
    MEM_URANDOM = 9,
};

static i64 memory_open(struct file *f, u32 minor) {
    switch (minor) {
    case MEM_NULL:
        f->ops = &null_ops;
        return 0;
    case MEM_ZERO:
        f->ops = &zero_ops;
        return 0;
    case MEM_FULL:
        f->ops = &full_ops;
        return 0;
    case MEM_RANDOM:
    case MEM_URANDOM:
        f->ops = &random_ops;
        return 0;
    default:
        return -ENXIO;
    }
}

i64 dev_open(struct file *f) {
    u64 rdev = f->vnode->rdev;
    if (LINUX_DEV_MAJOR(rdev) == MEM_MAJOR)
        return memory_open(f, LINUX_DEV_MINOR(rdev));
    return tty_open_device(f, rdev);
}

struct device_name {
    const char *name;
    u32 mode, major, minor;
};

static const struct device_name devices[] = {
    {"null", 0666, MEM_MAJOR, MEM_NULL},
    {"zero", 0666, MEM_MAJOR, MEM_ZERO},
    {"full", 0666, MEM_MAJOR, MEM_FULL},
    {"random", 0666, MEM_MAJOR, MEM_RANDOM},
    {"urandom", 0666, MEM_MAJOR, MEM_URANDOM},
    {"tty", 0666, TTY_MAJOR_AUX, TTY_MINOR_CURRENT},
    {"console", 0600, TTY_MAJOR_AUX, TTY_MINOR_CONSOLE},
    {"tty1", 0620, TTY_MAJOR, 1},
};

struct link_name {
    const char *name, *text;
};

static const struct link_name links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

i64 dev_populate(struct dentry *dev) {
    struct dentry *d;
    for (u32 i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        const struct device_name *n = &devices[i];
        i64 error = memfs_make(dev, n->name, (u32)strlen(n->name), LINUX_S_IFCHR | n->mode,
                               LINUX_DEV(n->major, n->minor), NULL, &d);
        if (error)
            return error;
    }
    for (u32 i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        i64 error = memfs_make(dev, links[i].name, (u32)strlen(links[i].name), LINUX_S_IFLNK | 0777,
                               0, links[i].text, &d);
        if (error)
            return error;
    }
    i64 error = memfs_make(dev, "shm", 3, LINUX_S_IFDIR | 01777, 0, NULL, &d);
    return error;
}
