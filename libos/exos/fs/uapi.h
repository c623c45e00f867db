// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Linux's numbers and structures for files, x86-64.

#ifndef EXOS_FS_UAPI_H
#define EXOS_FS_UAPI_H

#include "abi/types.h"

#define LINUX_PATH_MAX  4096u
#define LINUX_NAME_MAX  255u
#define LINUX_PIPE_BUF  4096u
#define LINUX_LINKS_MAX 40
#define LINUX_IOV_MAX   1024u
#define LINUX_RW_MAX    0x7ffff000ul

#define LINUX_S_IFMT   0170000u
#define LINUX_S_IFSOCK 0140000u
#define LINUX_S_IFLNK  0120000u
#define LINUX_S_IFREG  0100000u
#define LINUX_S_IFBLK  0060000u
#define LINUX_S_IFDIR  0040000u
#define LINUX_S_IFCHR  0020000u
#define LINUX_S_IFIFO  0010000u
#define LINUX_S_ISUID  04000u
#define LINUX_S_ISGID  02000u
#define LINUX_S_ISVTX  01000u

#define LINUX_O_ACCMODE   03u
#define LINUX_O_RDONLY    0u
#define LINUX_O_WRONLY    1u
#define LINUX_O_RDWR      2u
#define LINUX_O_CREAT     0100u
#define LINUX_O_EXCL      0200u
#define LINUX_O_NOCTTY    0400u
#define LINUX_O_TRUNC     01000u
#define LINUX_O_APPEND    02000u
#define LINUX_O_NONBLOCK  04000u
#define LINUX_O_DSYNC     010000u
#define LINUX_O_ASYNC     020000u
#define LINUX_O_DIRECT    040000u
#define LINUX_O_LARGEFILE 0100000u
#define LINUX_O_DIRECTORY 0200000u
#define LINUX_O_NOFOLLOW  0400000u
#define LINUX_O_NOATIME   01000000u
#define LINUX_O_CLOEXEC   02000000u
#define LINUX_O_SYNC      04010000u
#define LINUX_O_PATH      010000000u
#define LINUX_O_TMPFILE   020200000u

#define LINUX_AT_FDCWD            (-100)
#define LINUX_AT_SYMLINK_NOFOLLOW 0x100u
#define LINUX_AT_EACCESS          0x200u
#define LINUX_AT_REMOVEDIR        0x200u
#define LINUX_AT_SYMLINK_FOLLOW   0x400u
#define LINUX_AT_NO_AUTOMOUNT     0x800u
#define LINUX_AT_EMPTY_PATH       0x1000u
#define LINUX_AT_STATX_SYNC       0x6000u

#define LINUX_R_OK 4u
#define LINUX_W_OK 2u
#define LINUX_X_OK 1u

#define LINUX_RENAME_NOREPLACE 1u
#define LINUX_RENAME_EXCHANGE  2u

#define LINUX_SEEK_SET  0
#define LINUX_SEEK_CUR  1
#define LINUX_SEEK_END  2
#define LINUX_SEEK_DATA 3
#define LINUX_SEEK_HOLE 4

#define LINUX_F_DUPFD         0
#define LINUX_F_GETFD         1
#define LINUX_F_SETFD         2
#define LINUX_F_GETFL         3
#define LINUX_F_SETFL         4
#define LINUX_F_GETLK         5
#define LINUX_F_SETLK         6
#define LINUX_F_SETLKW        7
#define LINUX_F_SETOWN        8
#define LINUX_F_GETOWN        9
#define LINUX_F_SETSIG        10
#define LINUX_F_GETSIG        11
#define LINUX_F_OFD_GETLK     36
#define LINUX_F_OFD_SETLK     37
#define LINUX_F_OFD_SETLKW    38
#define LINUX_F_SETPIPE_SZ    1031
#define LINUX_F_GETPIPE_SZ    1032
#define LINUX_F_ADD_SEALS     1033
#define LINUX_F_GET_SEALS     1034
#define LINUX_F_DUPFD_CLOEXEC 1030
#define LINUX_FD_CLOEXEC      1

#define LINUX_F_RDLCK 0
#define LINUX_F_WRLCK 1
#define LINUX_F_UNLCK 2

#define LINUX_LOCK_SH 1
#define LINUX_LOCK_EX 2
#define LINUX_LOCK_NB 4
#define LINUX_LOCK_UN 8

struct linux_flock {
    i16 type, whence;
    i32 pad;
    i64 start, length;
    i32 pid;
    i32 pad2;
};
ABI_ASSERT_SIZE(struct linux_flock, 32);

struct linux_stat {
    u64 dev, ino, nlink;
    u32 mode, uid, gid, pad;
    u64 rdev;
    i64 size, blksize, blocks;
    i64 atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
    i64 reserved[3];
};
ABI_ASSERT_SIZE(struct linux_stat, 144);

struct linux_statx_time {
    i64 sec;
    u32 nsec;
    i32 pad;
};

struct linux_statx {
    u32 mask, blksize;
    u64 attributes;
    u32 nlink, uid, gid;
    u16 mode, pad;
    u64 ino, size, blocks, attributes_mask;
    struct linux_statx_time atime, btime, ctime, mtime;
    u32 rdev_major, rdev_minor, dev_major, dev_minor;
    u64 reserved[14];
};
ABI_ASSERT_SIZE(struct linux_statx, 256);
#define LINUX_STATX_BASIC 0x7ffu

struct linux_statfs {
    u64 type, bsize, blocks, bfree, bavail, files, ffree;
    i32 fsid[2];
    u64 namelen, frsize, flags;
    u64 spare[4];
};
ABI_ASSERT_SIZE(struct linux_statfs, 120);
#define LINUX_TMPFS_MAGIC 0x01021994u
#define LINUX_PROC_MAGIC  0x9fa0u

// What getdents64 writes; the name and its NUL follow, padded to 8.
struct linux_dirent64 {
    u64 ino;
    i64 next;
    u16 reclen;
    u8 type;
    char name[];
} __attribute__((packed));

struct linux_dirent {
    u64 ino;
    u64 next;
    u16 reclen;
    char name[];
} __attribute__((packed));

struct linux_iovec {
    u64 base, bytes;
};

#define LINUX_POLLIN     0x001u
#define LINUX_POLLPRI    0x002u
#define LINUX_POLLOUT    0x004u
#define LINUX_POLLERR    0x008u
#define LINUX_POLLHUP    0x010u
#define LINUX_POLLNVAL   0x020u
#define LINUX_POLLRDNORM 0x040u
#define LINUX_POLLRDBAND 0x080u
#define LINUX_POLLWRNORM 0x100u
#define LINUX_POLLWRBAND 0x200u
#define LINUX_POLLRDHUP  0x2000u

struct linux_pollfd {
    i32 fd;
    i16 events, revents;
};

#define LINUX_UTIME_NOW  0x3fffffff
#define LINUX_UTIME_OMIT 0x3ffffffe

#define LINUX_EFD_SEMAPHORE       1u
#define LINUX_MFD_CLOEXEC         1u
#define LINUX_MFD_ALLOW_SEALING   2u
#define LINUX_CLOSE_RANGE_UNSHARE 2u
#define LINUX_CLOSE_RANGE_CLOEXEC 4u

#define LINUX_FALLOC_KEEP_SIZE  1u
#define LINUX_FALLOC_PUNCH_HOLE 2u
#define LINUX_FALLOC_ZERO_RANGE 16u

#define LINUX_DEV(major, minor)                                                                    \
    ((u64)(minor & 0xff) | (u64)(major & 0xfff) << 8 | (u64)(minor & ~0xffu) << 12 |               \
     (u64)(major & ~0xfffu) << 32)
#define LINUX_DEV_MAJOR(dev) ((u32)((dev) >> 8 & 0xfff) | (u32)((dev) >> 32 & ~0xffful))
#define LINUX_DEV_MINOR(dev) ((u32)((dev)&0xff) | (u32)((dev) >> 12 & ~0xfful))

#endif
