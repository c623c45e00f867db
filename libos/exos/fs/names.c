// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Changing names, see names.h.

#include "libos/exos/fs/names.h"

#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"

i64 names_may_change(const struct dentry *dir) {
    if (dir->vnode->ops->lookup)
        return -EPERM;
    if (!dentry_is_alive(dir))
        return -ENOENT;
    return path_permission(dir->vnode, LINUX_W_OK | LINUX_X_OK);
}

// May the caller take `d` out of its directory?
static i64 may_remove(const struct dentry *dir, const struct dentry *d) {
    i64 error = names_may_change(dir);
    if (error)
        return error;
    u32 uid = self()->fsuid;
    if ((dir->vnode->mode & LINUX_S_ISVTX) && uid != 0 && uid != d->vnode->uid &&
        uid != dir->vnode->uid)
        return -EPERM;
    return 0;
}

static void touch_directory(struct dentry *dir) {
    vnode_touch(dir->vnode, VNODE_MTIME | VNODE_CTIME);
}

// A change of a directory and of a file in it has one time.
static void touch_both(struct dentry *dir, struct vnode *v) {
    vnode_touch(v, VNODE_CTIME);
    dir->vnode->mtime = dir->vnode->ctime = v->ctime;
}

i64 names_create(struct path_walk *w, u32 mode, u64 rdev, const char *text, struct dentry **d) {
    struct vnode *dir = w->at->vnode;
    bool is_dir = (mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
    if (!vnode_is_dir(dir))
        return -ENOTDIR;
    if (dir->ops->lookup)
        return -ENOENT;
    i64 error = names_may_change(w->at);
    if (error)
        return error;
    if (vnode_count >= memfile_pages_max) // as many files as pages, as tmpfs has it
        return -ENOSPC;
    if ((mode & LINUX_S_IFMT) != LINUX_S_IFLNK)
        mode &= ~self()->fs->umask;
    error = memfs_make(w->at, w->name, w->length, mode, rdev, text, d);
    if (error)
        return error;
    struct vnode *v = (*d)->vnode;
    v->uid = self()->fsuid;
    v->gid = self()->fsgid;
    if (dir->mode & LINUX_S_ISGID) {
        v->gid = dir->gid;
        v->mode |= is_dir ? LINUX_S_ISGID : 0;
    }
    dir->mtime = dir->ctime = v->ctime;
    dentry_get(*d);
    return 0;
}

// Walks to the place of something new. On success the caller owns w->at, and nothing is there.
static i64 walk_to_new(struct path_walk *w, i32 dirfd, const char *path, bool directory) {
    struct dentry *child;
    i64 error = path_walk_start(w, dirfd, path);
    if (error)
        return error;
    if (w->last != PATH_LAST_NAME) {
        error = -EEXIST;
    } else {
        error = path_walk_child(w, &child);
        if (!error) {
            dentry_put(child);
            error = -EEXIST;
        } else if (error == -ENOENT) {
            error = w->slash && !directory ? -ENOENT : 0;
        }
    }
    if (error)
        dentry_put(w->at);
    return error;
}

static i64 make(i32 dirfd, const char *path, u32 mode, u64 rdev, const char *text) {
    struct path_walk w;
    struct dentry *d;
    i64 error = walk_to_new(&w, dirfd, path, (mode & LINUX_S_IFMT) == LINUX_S_IFDIR);
    if (error)
        return error;
    error = names_create(&w, mode, rdev, text, &d);
    dentry_put(w.at);
    if (!error)
        dentry_put(d);
    return error;
}

i64 names_mknod(i32 dirfd, const char *path, u32 mode, u64 rdev) {
    switch (mode & LINUX_S_IFMT) {
    case 0:
        mode |= LINUX_S_IFREG;
        break;
    case LINUX_S_IFREG:
    case LINUX_S_IFIFO:
    case LINUX_S_IFSOCK:
        rdev = 0;
        break;
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
        if (self()->euid != 0)
            return -EPERM;
        break;
    case LINUX_S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    return make(dirfd, path, mode & (LINUX_S_IFMT | 07777), rdev, NULL);
}

i64 names_mkdir(i32 dirfd, const char *path, u32 mode) {
    return make(dirfd, path, LINUX_S_IFDIR | (mode & 01777), 0, NULL);
}

i64 names_symlink(const char *text, i32 dirfd, const char *path) {
    return make(dirfd, path, LINUX_S_IFLNK | 0777, 0, text);
}

i64 names_link(i32 old_dirfd, const char *old, i32 dirfd, const char *path, u32 flags) {
    struct path_walk w;
    struct dentry *source;
    u32 how = (flags & LINUX_AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0) |
              (flags & LINUX_AT_EMPTY_PATH ? PATH_EMPTY : 0);
    i64 error = path_lookup(old_dirfd, old, how, &source);
    if (error)
        return error;
    error = walk_to_new(&w, dirfd, path, false);
    if (error) {
        dentry_put(source);
        return error;
    }
    struct vnode *v = source->vnode;
    if (w.at->vnode->dev != v->dev)
        error = -EXDEV;
    else if (vnode_is_dir(v))
        error = -EPERM;
    else if (v->nlink == 0 && !(flags & LINUX_AT_EMPTY_PATH))
        error = -ENOENT;
    else
        error = names_may_change(w.at);
    if (!error) {
        vnode_get(v);
        if (dentry_link(w.at, w.name, w.length, v)) {
            v->nlink++;
            touch_both(w.at, v);
        } else {
            vnode_put(v);
            error = -ENOMEM;
        }
    }
    dentry_put(w.at);
    dentry_put(source);
    return error;
}

i64 names_unlink(i32 dirfd, const char *path) {
    struct path_walk w;
    struct dentry *d;
    i64 error = path_walk_start(&w, dirfd, path);
    if (error)
        return error;
    if (w.last != PATH_LAST_NAME) {
        dentry_put(w.at);
        return -EISDIR;
    }
    error = path_walk_child(&w, &d);
    if (!error) {
        if (w.slash)
            error = vnode_is_dir(d->vnode) ? -EISDIR : -ENOTDIR;
        else
            error = may_remove(w.at, d);
        if (!error && vnode_is_dir(d->vnode))
            error = -EISDIR;
        if (!error) {
            touch_both(w.at, d->vnode);
            dentry_unlink(d);
        }
        dentry_put(d);
    }
    dentry_put(w.at);
    return error;
}

static i64 rmdir_checked(struct dentry *dir, struct dentry *d) {
    i64 error = may_remove(dir, d);
    if (error)
        return error;
    if (!vnode_is_dir(d->vnode))
        return -ENOTDIR;
    if (d->mounted)
        return -EBUSY;
    if (d->vnode->dir.entries)
        return -ENOTEMPTY;
    dentry_unlink(d);
    touch_directory(dir);
    return 0;
}

i64 names_rmdir(i32 dirfd, const char *path) {
    struct path_walk w;
    struct dentry *d;
    i64 error = path_walk_start(&w, dirfd, path);
    if (error)
        return error;
    switch (w.last) {
    case PATH_LAST_NAME:
        error = path_walk_child(&w, &d);
        break;
    case PATH_LAST_DOT:
        error = -EINVAL;
        break;
    case PATH_LAST_DOTDOT:
        error = -ENOTEMPTY;
        break;
    default:
        error = -EBUSY;
    }
    if (!error) {
        error = rmdir_checked(w.at, d);
        dentry_put(d);
    }
    dentry_put(w.at);
    return error;
}

// --- rename ----------------------------------------------------------------------------------

struct renaming {
    struct path_walk from, to;
    struct dentry *source, *target; // target may be NULL
    u32 flags;
};

static i64 check_directories(const struct renaming *r) {
    struct dentry *source = r->source, *target = r->target;
    bool exchange = (r->flags & LINUX_RENAME_EXCHANGE) != 0;
    if (vnode_is_dir(source->vnode) && dentry_is_below(r->to.at, source))
        return -EINVAL;
    if (target && vnode_is_dir(target->vnode) && dentry_is_below(r->from.at, target))
        return exchange ? -EINVAL : -ENOTEMPTY;
    if (!vnode_is_dir(source->vnode)) {
        if (r->from.slash || (!exchange && r->to.slash))
            return -ENOTDIR;
    }
    if (exchange && !vnode_is_dir(target->vnode) && r->to.slash)
        return -ENOTDIR;
    return 0;
}

static i64 check_permissions(const struct renaming *r) {
    struct dentry *source = r->source, *target = r->target;
    bool exchange = (r->flags & LINUX_RENAME_EXCHANGE) != 0;
    bool source_dir = vnode_is_dir(source->vnode);
    i64 error = may_remove(r->from.at, source);
    if (!error)
        error = target ? may_remove(r->to.at, target) : names_may_change(r->to.at);
    if (error)
        return error;
    if (target && !exchange) {
        if (source_dir && !vnode_is_dir(target->vnode))
            return -ENOTDIR;
        if (!source_dir && vnode_is_dir(target->vnode))
            return -EISDIR;
    }
    if (source_dir && r->from.at != r->to.at)
        error = path_permission(source->vnode, LINUX_W_OK);
    if (!error && exchange && vnode_is_dir(target->vnode) && r->from.at != r->to.at)
        error = path_permission(target->vnode, LINUX_W_OK);
    if (error)
        return error;
    if (source->mounted || (target && target->mounted))
        return -EBUSY;
    if (target && !exchange && vnode_is_dir(target->vnode) && target->vnode->dir.entries)
        return -ENOTEMPTY;
    return 0;
}

static i64 rename_found(struct renaming *r) {
    struct dentry *source = r->source, *target = r->target;
    if (target && (r->flags & LINUX_RENAME_NOREPLACE))
        return -EEXIST;
    if (!target && (r->flags & LINUX_RENAME_EXCHANGE))
        return -ENOENT;
    i64 error = check_directories(r);
    if (error)
        return error;
    if (target && target->vnode == source->vnode)
        return 0;
    error = check_permissions(r);
    if (error)
        return error;
    if (r->flags & LINUX_RENAME_EXCHANGE) {
        dentry_exchange(source, target);
    } else {
        error = dentry_move(source, r->to.at, r->to.name, r->to.length);
        if (error)
            return error;
        if (target) {
            vnode_touch(target->vnode, VNODE_CTIME);
            dentry_unlink(target);
        }
    }
    vnode_touch(source->vnode, VNODE_CTIME);
    touch_directory(r->from.at);
    touch_directory(r->to.at);
    return 0;
}

static i64 rename_walked(struct renaming *r) {
    if (r->from.at->vnode->dev != r->to.at->vnode->dev)
        return -EXDEV;
    if (r->from.last != PATH_LAST_NAME)
        return -EBUSY;
    if (r->to.last != PATH_LAST_NAME)
        return r->flags & LINUX_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    i64 error = path_walk_child(&r->from, &r->source);
    if (error)
        return error;
    error = path_walk_child(&r->to, &r->target);
    if (error == -ENOENT) {
        r->target = NULL;
        error = 0;
    }
    if (!error)
        error = rename_found(r);
    if (r->target)
        dentry_put(r->target);
    dentry_put(r->source);
    return error;
}

i64 names_rename(i32 old_dirfd, const char *old, i32 dirfd, const char *path, u32 flags) {
    struct renaming r = {.flags = flags};
    if (flags & ~(LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE) ||
        flags == (LINUX_RENAME_NOREPLACE | LINUX_RENAME_EXCHANGE))
        return -EINVAL;
    i64 error = path_walk_start(&r.from, old_dirfd, old);
    if (error)
        return error;
    error = path_walk_start(&r.to, dirfd, path);
    if (!error) {
        error = rename_walked(&r);
        dentry_put(r.to.at);
    }
    dentry_put(r.from.at);
    return error;
}
