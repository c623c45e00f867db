// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Path names, see path.h. A walk keeps what is left of the path in `rest`; a link in the middle
// pushes that on `outer` and goes on with its own text, a link at the end just replaces it, so that
// `rest` being empty with nothing pushed means: the end.

#include "libos/exos/fs/path.h"

#include "base/string.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"

#define SLASHES 0x2f2f2f2f2f2f2f2ful

static char buffers[2][LINUX_PATH_MAX + 16];

static inline i64 take_path(char *to, u64 address, bool empty_ok) {
    if (address < EXOS_USER_END - LINUX_PATH_MAX &&
        (u64)data_string(to, address, LINUX_PATH_MAX) - 1 < LINUX_PATH_MAX - 1)
        return 0;
    i64 length = strncpy_from_user(to, address, LINUX_PATH_MAX);
    if (length < 0)
        return length;
    return length == 0 && !empty_ok ? -ENOENT : 0;
}

i64 path_from_user(enum path_buffer which, u64 address, bool empty_ok, const char **path) {
    *path = buffers[which];
    return take_path(buffers[which], address, empty_ok);
}

i64 path_copy(enum path_buffer which, const char *text, const char **path) {
    *path = buffers[which];
    return string_copy(buffers[which], text, LINUX_PATH_MAX) ? 0 : -ENAMETOOLONG;
}

// --- permissions -----------------------------------------------------------------------------

bool path_in_group(u32 gid) {
    const struct process *p = self();
    if (gid == p->fsgid)
        return true;
    for (u32 i = 0; i < p->group_count; i++)
        if (p->groups[i] == gid)
            return true;
    return false;
}

i64 path_permission_as(const struct vnode *v, u32 want, u32 uid, u32 gid) {
    u32 mode = v->mode;
    if (uid == 0) {
        // The super-user needs an x bit somewhere to execute what is not a directory.
        bool ok = !(want & LINUX_X_OK) || (mode & 0111) || vnode_is_dir(v);
        return ok ? 0 : -EACCES;
    }
    if (uid == v->uid)
        mode >>= 6;
    else if (gid == v->gid || path_in_group(v->gid))
        mode >>= 3;
    return (want & ~mode & 7) ? -EACCES : 0;
}

i64 path_permission(const struct vnode *v, u32 want) {
    const struct process *p = self();
    return path_permission_as(v, want, p->fsuid, p->fsgid);
}

// --- walking ---------------------------------------------------------------------------------

static u64 zero_bytes(u64 word) {
    return (word - NAME_ONES) & ~word & NAME_HIGHS;
}

// Length and hash of the name at text, which ends at a slash or NUL.
static u32 scan_name(const char *text, u64 *hash) {
    const char *at = text;
    u64 h = 0;
    for (;;) {
        u64 word = bits_load64(at), end = zero_bytes(word) | zero_bytes(word ^ SLASHES);
        if (end) {
            u32 bytes = (u32)__builtin_ctzl(end) >> 3;
            if (bytes)
                h = name_mix(h, word & ((1ul << (bytes * 8)) - 1));
            *hash = h;
            return (u32)(at - text) + bytes;
        }
        h = name_mix(h, word);
        at += 8;
    }
}

// Where a path starts; *error says why there is nothing.
static struct dentry *start_of(i32 dirfd, const char *path, i64 *error) {
    const struct process *p = self();
    if (*path == '/')
        return p->fs->root;
    *error = -ENOENT;
    if (dirfd == LINUX_AT_FDCWD)
        return *path ? p->fs->cwd : NULL;
    struct file *file = files_at(p->files, dirfd);
    if (!file)
        *error = -EBADF;
    else if (*path && (!file->dentry || !vnode_is_dir(file->vnode)))
        *error = -ENOTDIR;
    else if (*path)
        return file->dentry;
    return NULL;
}

// The way most paths go: plain names in memory directories that the caller may search, no links, no
// dots. Without references. NULL: it is not such a path, or there is no such file; the walk proper
// finds out. `from` is the caller's.
static struct dentry *walk_plain(struct dentry *from, const char *path, bool follow) {
    for (;;) {
        u64 hash;
        while (*path == '/')
            path++;
        u32 length = scan_name(path, &hash);
        const struct vnode *dir = from->vnode;
        if ((dir->mode & (LINUX_S_IFMT | 0111)) != (LINUX_S_IFDIR | 0111) || *path == '.' ||
            !length)
            return NULL;
        from = dentry_find(from, path, length, hash);
        path += length;
        if (!from)
            return NULL;
        if (!*path)
            return vnode_is_link(from->vnode) && follow ? NULL : from;
    }
}

// The same up to the last name: w is filled as by the walk proper.
static bool walk_plain_parent(struct path_walk *w, struct dentry *from, const char *path) {
    for (;;) {
        u64 hash;
        while (*path == '/')
            path++;
        u32 length = scan_name(path, &hash);
        const struct vnode *dir = from->vnode;
        if ((dir->mode & (LINUX_S_IFMT | 0111)) != (LINUX_S_IFDIR | 0111) || *path == '.' ||
            !length)
            return false;
        if (!path[length]) {
            dentry_get(from);
            w->at = from;
            w->last = PATH_LAST_NAME;
            w->name = path;
            w->length = length;
            w->hash = hash;
            w->rest = path + length;
            return true;
        }
        from = dentry_find(from, path, length, hash);
        path += length;
        if (!from)
            return false;
    }
}

static void walk_to(struct path_walk *w, struct dentry *d) {
    dentry_get(d);
    dentry_put(w->at);
    w->at = d;
}

static i64 may_search(const struct vnode *v) {
    if (!vnode_is_dir(v))
        return -ENOTDIR;
    if (self()->fsuid == 0)
        return 0;
    return path_permission(v, LINUX_X_OK);
}

i64 path_walk_child(struct path_walk *w, struct dentry **child) {
    struct vnode *dir = w->at->vnode;
    if (w->length > LINUX_NAME_MAX)
        return -ENAMETOOLONG;
    if (dir->ops->lookup)
        return dir->ops->lookup(w->at, w->name, w->length, child);
    struct dentry *d = dentry_find(w->at, w->name, w->length, w->hash);
    if (!d)
        return -ENOENT;
    dentry_get(d);
    *child = d;
    return 0;
}

// Takes w->rest from a link's target on. The link's own reference is the caller's.
static i64 enter_link(struct path_walk *w, struct dentry *link, bool *jumped) {
    *jumped = false;
    if (++w->links > LINUX_LINKS_MAX)
        return -ELOOP;
    if (link->vnode->ops->follow) {
        struct dentry *target;
        i64 error = link->vnode->ops->follow(link, &target);
        if (error)
            return error;
        dentry_put(w->at);
        w->at = target;
        *jumped = true;
        return 0;
    }
    if (*w->rest)
        w->outer[w->depth++] = w->rest;
    w->rest = link->vnode->link;
    if (!*w->rest)
        return -ENOENT;
    if (*w->rest == '/')
        walk_to(w, self()->fs->root);
    return 0;
}

// One component that is not the last, or a pop. Returns 1 when the walk stands before the last one.
static i64 walk_step(struct path_walk *w) {
    while (*w->rest == '/')
        w->rest++;
    if (!*w->rest) {
        if (w->depth) {
            w->rest = w->outer[--w->depth];
            return 0;
        }
        w->last = PATH_LAST_ROOT;
        return 1;
    }
    i64 error = may_search(w->at->vnode);
    if (error)
        return error;
    w->name = w->rest;
    w->length = scan_name(w->name, &w->hash);
    w->rest += w->length;
    bool slash = *w->rest == '/';
    while (*w->rest == '/')
        w->rest++;
    bool last = !*w->rest && !w->depth;
    if (last && slash)
        w->slash = true;
    if (w->name[0] == '.' && w->length == 1) {
        w->last = PATH_LAST_DOT;
        return last;
    }
    if (w->name[0] == '.' && w->length == 2 && w->name[1] == '.') {
        w->last = PATH_LAST_DOTDOT;
        if (w->at != self()->fs->root)
            walk_to(w, w->at->parent);
        return last;
    }
    w->last = PATH_LAST_NAME;
    if (last)
        return 1;
    struct dentry *child;
    error = path_walk_child(w, &child);
    if (error)
        return error;
    if (vnode_is_link(child->vnode)) {
        bool jumped;
        error = enter_link(w, child, &jumped);
        dentry_put(child);
        return error;
    }
    dentry_put(w->at);
    w->at = child;
    return 0;
}

static i64 walk_on(struct path_walk *w) {
    i64 result;
    while (!(result = walk_step(w)))
        ;
    if (result > 0)
        return 0;
    dentry_put(w->at);
    return result;
}

i64 path_walk_start(struct path_walk *w, i32 dirfd, const char *path) {
    i64 error;
    struct dentry *from = start_of(dirfd, path, &error);
    if (!from)
        return error;
    w->depth = w->links = 0;
    w->slash = false;
    if (walk_plain_parent(w, from, path))
        return 0;
    dentry_get(from);
    w->at = from;
    w->rest = path;
    return walk_on(w);
}

i64 path_walk_follow(struct path_walk *w, struct dentry *link) {
    bool jumped;
    i64 error = enter_link(w, link, &jumped);
    dentry_put(link);
    if (error) {
        dentry_put(w->at);
        return error;
    }
    if (jumped) {
        w->last = PATH_LAST_JUMP;
        return 0;
    }
    return walk_on(w);
}

// dirfd itself, whatever it is.
static i64 lookup_empty(i32 dirfd, struct dentry **found) {
    if (dirfd == LINUX_AT_FDCWD) {
        *found = self()->fs->cwd;
        dentry_get(*found);
        return 0;
    }
    struct file *file = files_at(self()->files, dirfd);
    if (!file)
        return -EBADF;
    return file_dentry(file, found);
}

// Any path.
__attribute__((noinline)) static i64 lookup_slowly(i32 dirfd, const char *path, u32 flags,
                                                   struct dentry **found) {
    struct path_walk w;
    i64 error = path_walk_start(&w, dirfd, path);
    while (!error) {
        struct dentry *child;
        if (w.last != PATH_LAST_NAME) {
            child = w.at;
        } else {
            error = path_walk_child(&w, &child);
            if (!error && vnode_is_link(child->vnode) && ((flags & PATH_FOLLOW) || w.slash)) {
                error = path_walk_follow(&w, child);
                continue;
            }
            dentry_put(w.at);
            if (error)
                return error;
        }
        if (w.slash && !vnode_is_dir(child->vnode)) {
            dentry_put(child);
            return -ENOTDIR;
        }
        *found = child;
        return 0;
    }
    return error;
}

__attribute__((always_inline)) static inline i64 lookup(i32 dirfd, const char *path, u32 flags,
                                                        struct dentry **found) {
    if (!*path && (flags & PATH_EMPTY))
        return lookup_empty(dirfd, found);
    i64 error;
    struct dentry *from = start_of(dirfd, path, &error);
    if (!from)
        return error;
    struct dentry *plain = walk_plain(from, path, (flags & PATH_FOLLOW) != 0);
    if (!plain)
        return lookup_slowly(dirfd, path, flags, found);
    dentry_get(plain);
    *found = plain;
    return 0;
}

i64 path_lookup(i32 dirfd, const char *path, u32 flags, struct dentry **found) {
    return lookup(dirfd, path, flags, found);
}

i64 path_lookup_user(i32 dirfd, u64 address, u32 flags, struct dentry **found) {
    i64 error = take_path(buffers[PATH_FIRST], address, (flags & PATH_EMPTY) != 0);
    return error ? error : lookup(dirfd, buffers[PATH_FIRST], flags, found);
}
