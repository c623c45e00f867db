// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The objects of the file layer, all in pod memory, all under the pod lock:
//
//   vnode    a file, directory, link, device, pipe. Counted: one reference for each dentry, open
//   file without dentry, and
//            mapping. Freed with its contents at 0.
//   dentry   a name in a directory, bound to one vnode for good. The tree of dentries *is* the
//   memory file system: there is
//            nothing behind it to ask. Linked dentries are found by a hash of (parent, name), and
//            lie in their parent's list in the order of their cookies. Counted: one reference while
//            linked, one for each child, open file and working directory. File systems that make
//            their entries up (/proc) create unlinked dentries on each look-up.
//   file     an open file: position, flags, and how to read and write it (file_ops).

#ifndef EXOS_FS_VNODE_H
#define EXOS_FS_VNODE_H

#include "abi/types.h"
#include "libos/exos/fs/uapi.h"
#include "libos/exos/wait.h"
#include <stdbool.h>

struct dentry;
struct file;
struct lock_range;
struct pipe;
struct poll_table;
struct proc_entry;
struct vnode;

// A directory being listed: add returns false when the entry did not fit.
struct dir_sink {
    bool (*add)(struct dir_sink *sink, const char *name, u32 length, u64 ino, u32 mode,
                u64 next_cookie);
};

// What read and write do of a file that only the calling thread can reach, if that takes no lock
// and never waits: assembly (entry.S) that keeps all registers but that of the result; negative:
// the ordinary ones are to be asked.
typedef i64 file_now(i32 fd, u64 address, u64 bytes);
file_now now_read_nothing, now_read_zeros, now_write_all;

struct file_ops {
    // to and from: addresses that passed data_range_ok, or of ExOS' memory (data.h). position is
    // &file->position, or the caller's own (pread). Result: bytes or error.
    i64 (*read)(struct file *file, u64 to, u64 bytes, u64 *position);
    i64 (*write)(struct file *file, u64 from, u64 bytes, u64 *position);
    // Which of POLL* are true now; enters the queues that would tell of a change if table is not
    // NULL. NULL: always ready.
    u32 (*poll)(struct file *file, struct poll_table *table);
    i64 (*ioctl)(struct file *file, u32 request, u64 argument); // NULL: -ENOTTY
    i64 (*readdir)(struct file *file, struct dir_sink *sink);   // NULL: -ENOTDIR
    void (*release)(struct file *file);
    bool stream;                    // no position: lseek and pread give -ESPIPE
    file_now *read_now, *write_now; // or NULL
};

struct vnode_ops {
    const struct file_ops *file;
    i64 (*open)(struct file *file);    // may replace file->ops; NULL: nothing to do
    void (*free)(struct vnode *vnode); // contents; NULL: none
    u64 (*size)(struct vnode *vnode);  // NULL: vnode->size
    // Made-up directories. lookup: *found gets a reference, or -ENOENT.
    i64 (*lookup)(struct dentry *directory, const char *name, u32 length, struct dentry **found);
    // Made-up links. follow: a dentry to go on from, with a reference. readlink: text of at most
    // size bytes; length.
    i64 (*follow)(struct dentry *link, struct dentry **target);
    i64 (*readlink)(struct dentry *link, char *to, u64 size);
};

// Contents of a regular file: a tree of pages, 64 ways at each level; level 0 is the page itself.
// Where there is no page, bytes below rom_size come from the archive, and others are 0.
struct page_tree {
    void *root;
    u32 levels;
    u64 pages;
};

struct vnode {
    const struct vnode_ops *ops;
    u32 refs;
    u32 mode;
    u32 uid, gid;
    u32 nlink;
    u32 dev;
    u64 ino, rdev, size;
    u64 atime, mtime, ctime; // nanoseconds since 1970
    u32 map_refs;
    u32 writers; // open files that may write; execs keep it at 0
    struct lock_range *locks;
    struct wait_queue lock_wait;
    union {
        struct {
            struct page_tree tree;
            const u8 *rom;
            u64 rom_size;
            struct page_tree held; // pages cut off while mapped
            u32 seals;
        } reg;
        struct {
            struct dentry *self; // not counted
            struct dentry *first, *last;
            u64 next_cookie;
            u32 entries;
        } dir;
        char *link;        // text of a symbolic link: terminated, readable to a multiple of 8
        struct pipe *pipe; // fifo, while open
        struct {
            const struct proc_entry *entry;
            u32 pid, number;
        } proc;
        void *object;
    };
};

#define DENTRY_INLINE 32

struct dentry {
    struct dentry *hash_next, **hash_link; // NULL link: not hashed
    struct dentry *parent;                 // the root's own parent is itself
    struct dentry *prev, *next;            // in the parent's list
    struct vnode *vnode;
    u64 hash, cookie;
    u32 refs;
    u16 length;
    bool linked;
    bool mounted; // root of a file system: may not be removed
    char *name;   // local, or allocated; terminated, readable to a multiple of 8
    char local[DENTRY_INLINE];
};

struct file {
    const struct file_ops *ops;
    u32 refs;
    u32 flags; // LINUX_O_*, without those of opening only
    struct vnode *vnode;
    struct dentry *dentry; // NULL: the file owns a reference to vnode instead
    u64 position;
    void *object;                // of the ops
    u32 lock_type;               // flock
    u32 owner;                   // F_SETOWN
    struct epoll_item *watchers; // that look at this file
};

#define FS_DEV_ROOT 1u
#define FS_DEV_PROC 4u
#define FS_DEV_DEV  5u
#define FS_DEV_PIPE 6u
#define FS_DEV_ANON 7u

static inline u32 vnode_type(const struct vnode *v) {
    return v->mode & LINUX_S_IFMT;
}
static inline bool vnode_is_dir(const struct vnode *v) {
    return vnode_type(v) == LINUX_S_IFDIR;
}
static inline bool vnode_is_reg(const struct vnode *v) {
    return vnode_type(v) == LINUX_S_IFREG;
}
static inline bool vnode_is_link(const struct vnode *v) {
    return vnode_type(v) == LINUX_S_IFLNK;
}

// A fresh vnode with one reference, the next inode number, the caller's time; NULL: no memory.
struct vnode *vnode_new(const struct vnode_ops *ops, u32 mode, u32 uid, u32 gid, u32 dev);

extern u64 vnode_count; // there are now

#define VNODE_ATIME 1u
#define VNODE_MTIME 2u
#define VNODE_CTIME 4u
void vnode_touch(struct vnode *vnode, u32 which);
// A read: the access time moves only if it was not later than the last change ("relatime"), so most
// reads need no clock.
static inline void vnode_accessed(struct vnode *vnode) {
    if (vnode->atime <= vnode->mtime || vnode->atime <= vnode->ctime)
        vnode_touch(vnode, VNODE_ATIME);
}

// A file over a vnode (whose reference is taken over) that no directory names. NULL: no memory; the
// reference is not taken.
struct file *file_new(const struct file_ops *ops, struct vnode *vnode, u32 flags);
static inline void file_get(struct file *file) {
    file->refs++;
}
void file_put(struct file *file);

// The access mode 3 is for ioctl only.
static inline bool file_may_read(const struct file *f) {
    return !(f->flags & (LINUX_O_WRONLY | LINUX_O_PATH));
}
static inline bool file_may_write(const struct file *f) {
    return (f->flags + 1) & 2 && !(f->flags & LINUX_O_PATH);
}

#endif
