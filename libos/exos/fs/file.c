// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Open files and the tables that name them.

#include "libos/exos/fs/file.h"

#include "base/format.h"
#include "base/string.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/epoll.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/lock.h"
#include "libos/exos/fs/pool.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"

// --- open files ------------------------------------------------------------------------------

static struct pool file_pool = {.bytes = sizeof(struct file)};

struct file *file_new(const struct file_ops *ops, struct vnode *v, u32 flags) {
    struct file *f = pool_take(&file_pool);
    if (!f)
        return NULL;
    f->ops = ops;
    f->refs = 1;
    f->flags = flags;
    f->vnode = v;
    if (file_may_write(f) && vnode_is_reg(v))
        v->writers++;
    return f;
}

struct file *file_new_at(const struct file_ops *ops, struct dentry *d, u32 flags) {
    struct file *f = file_new(ops, d->vnode, flags);
    if (f) {
        f->dentry = d;
        dentry_get(d);
    }
    return f;
}

void file_put(struct file *f) {
    if (--f->refs)
        return;
    if (f->watchers)
        epoll_file_closed(f);
    if (f->lock_type || f->vnode->locks)
        lock_release_owner(f->vnode, f);
    if (f->ops->release)
        f->ops->release(f);
    if (file_may_write(f) && vnode_is_reg(f->vnode))
        f->vnode->writers--;
    if (f->dentry)
        dentry_put(f->dentry);
    else
        vnode_put(f->vnode);
    pool_give(&file_pool, f);
}

i64 file_dentry(struct file *f, struct dentry **found) {
    if (f->dentry) {
        *found = f->dentry;
        dentry_get(*found);
        return 0;
    }
    char name[40];
    u32 type = vnode_type(f->vnode);
    const char *kind = type == LINUX_S_IFIFO ? "pipe" : type == LINUX_S_IFSOCK ? "socket" : "anon";
    u64 length = format_write(name, sizeof(name), "%s:[%lu]", kind, f->vnode->ino);
    struct dentry *d = dentry_made_up(dentry_root, name, (u32)length, f->vnode);
    if (!d)
        return -ENOMEM;
    vnode_get(f->vnode);
    *found = d;
    return 0;
}

// --- tables ----------------------------------------------------------------------------------

static u64 bit_of(u32 fd) {
    return 1ul << (fd & 63);
}

struct files *files_new(void) {
    struct files *t = pod_alloc(sizeof(*t));
    if (!t)
        return NULL;
    t->refs = 1;
    t->capacity = FILES_FIRST;
    t->slot = t->first_slot;
    t->used = &t->first_used;
    t->cloexec = &t->first_cloexec;
    return t;
}

static i64 files_grow(struct files *t, u32 fd) {
    u32 capacity = t->capacity;
    while (capacity <= fd)
        capacity *= 2;
    u32 words = capacity / 64, old_words = t->capacity / 64;
    struct file **slot = pod_alloc(capacity * sizeof(*slot));
    u64 *bits = pod_alloc(2ul * words * sizeof(*bits));
    if (!slot || !bits) {
        pod_free(slot);
        pod_free(bits);
        return -ENOMEM;
    }
    memcpy(slot, t->slot, t->capacity * sizeof(*slot));
    memcpy(bits, t->used, old_words * sizeof(*bits));
    memcpy(bits + words, t->cloexec, old_words * sizeof(*bits));
    if (t->slot != t->first_slot) {
        pod_free(t->slot);
        pod_free(t->used);
    }
    t->slot = slot;
    t->used = bits;
    t->cloexec = bits + words;
    t->capacity = capacity;
    return 0;
}

i32 files_next(const struct files *t, i32 fd) {
    for (u32 word = (u32)fd / 64; word < t->capacity / 64; word++) {
        u64 bits = t->used[word];
        if (word == (u32)fd / 64)
            bits &= ~0ul << (fd & 63);
        if (bits)
            return (i32)(word * 64 + (u32)__builtin_ctzl(bits));
    }
    return -1;
}

static u32 lowest_free(const struct files *t, u32 from) {
    for (u32 word = from / 64; word < t->capacity / 64; word++) {
        u64 bits = ~t->used[word];
        if (word == from / 64)
            bits &= ~0ul << (from & 63);
        if (bits)
            return word * 64 + (u32)__builtin_ctzl(bits);
    }
    return from > t->capacity ? from : t->capacity;
}

static u32 descriptor_limit(void) {
    u64 limit = self()->limits[RLIMIT_NOFILE].soft;
    return limit < FILES_MAX ? (u32)limit : FILES_MAX;
}

static void put_at(struct files *t, struct file *file, u32 fd, bool cloexec) {
    t->slot[fd] = file;
    t->used[fd / 64] |= bit_of(fd);
    if (cloexec)
        t->cloexec[fd / 64] |= bit_of(fd);
    else
        t->cloexec[fd / 64] &= ~bit_of(fd);
}

i64 files_install(struct files *t, struct file *file, u32 from, bool cloexec) {
    u32 fd = lowest_free(t, from);
    if (fd >= descriptor_limit())
        return -EMFILE;
    if (fd >= t->capacity) {
        i64 error = files_grow(t, fd);
        if (error)
            return error;
    }
    put_at(t, file, fd, cloexec);
    return fd;
}

i64 files_replace(struct files *t, struct file *file, i32 fd, bool cloexec) {
    if (fd < 0 || (u32)fd >= descriptor_limit())
        return -EBADF;
    if ((u32)fd >= t->capacity) {
        i64 error = files_grow(t, (u32)fd);
        if (error)
            return error;
    }
    struct file *old = t->slot[fd];
    put_at(t, file, (u32)fd, cloexec);
    if (old) {
        lock_file_closed(t, old);
        file_put(old);
    }
    return fd;
}

i64 files_close(struct files *t, i32 fd) {
    struct file *file = files_at(t, fd);
    if (!file)
        return -EBADF;
    t->slot[fd] = NULL;
    t->used[(u32)fd / 64] &= ~bit_of((u32)fd);
    t->cloexec[(u32)fd / 64] &= ~bit_of((u32)fd);
    lock_file_closed(t, file);
    file_put(file);
    return 0;
}

bool files_is_cloexec(const struct files *t, i32 fd) {
    return (t->cloexec[(u32)fd / 64] & bit_of((u32)fd)) != 0;
}

void files_set_cloexec(struct files *t, i32 fd, bool on) {
    put_at(t, t->slot[fd], (u32)fd, on);
}

struct files *files_get(struct files *t) {
    t->refs++;
    return t;
}

struct files *files_clone(struct files *from) {
    struct files *t = files_new();
    if (!t)
        return NULL;
    if (from->capacity > t->capacity && files_grow(t, from->capacity - 1)) {
        pod_free(t);
        return NULL;
    }
    for (i32 fd = files_next(from, 0); fd >= 0; fd = files_next(from, fd + 1)) {
        file_get(from->slot[fd]);
        put_at(t, from->slot[fd], (u32)fd, files_is_cloexec(from, fd));
        if ((u32)fd + 1 >= from->capacity)
            break;
    }
    return t;
}

void files_put(struct files *t) {
    if (--t->refs)
        return;
    for (i32 fd = files_next(t, 0); fd >= 0; fd = files_next(t, fd))
        files_close(t, fd);
    if (t->slot != t->first_slot) {
        pod_free(t->slot);
        pod_free(t->used);
    }
    pod_free(t);
}

void files_close_on_exec(struct files *t) {
    for (u32 word = 0; word < t->capacity / 64; word++)
        while (t->cloexec[word])
            files_close(t, (i32)(word * 64 + (u32)__builtin_ctzl(t->cloexec[word])));
}

void lock_file_closed(struct files *t, struct file *file) {
    if (file->vnode->locks)
        lock_release_owner(file->vnode, t);
}

// --- root, working directory, umask ----------------------------------------------------------

struct fs_ctx *fs_ctx_new(void) {
    struct fs_ctx *fs = pod_alloc(sizeof(*fs));
    if (!fs)
        return NULL;
    fs->refs = 1;
    fs->umask = 022;
    fs->root = fs->cwd = dentry_root;
    dentry_root->refs += 2;
    return fs;
}

struct fs_ctx *fs_ctx_get(struct fs_ctx *fs) {
    fs->refs++;
    return fs;
}

struct fs_ctx *fs_ctx_clone(struct fs_ctx *from) {
    struct fs_ctx *fs = pod_alloc(sizeof(*fs));
    if (!fs)
        return NULL;
    *fs = *from;
    fs->refs = 1;
    dentry_get(fs->root);
    dentry_get(fs->cwd);
    return fs;
}

void fs_ctx_put(struct fs_ctx *fs) {
    if (--fs->refs)
        return;
    dentry_put(fs->root);
    dentry_put(fs->cwd);
    pod_free(fs);
}
