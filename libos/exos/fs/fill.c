// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Filling the tree, see fill.h.

#include "libos/exos/fs/fill.h"

#include "base/string.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/memfs.h"
#include "libos/exos/linux/uapi_errno.h"

#define NANOSECONDS 1000000000ul

// One component of a name, with its padding for name_hash. Returns its length, 0 when there is
// none, -1 if it will not do.
struct component {
    u32 length;
    char text[LINUX_NAME_MAX + 9];
};

static bool next_component(const char **at, const char *end, struct component *c) {
    const char *start = *at;
    while (*at < end && **at != '/')
        (*at)++;
    u64 length = (u64)(*at - start);
    if (*at < end)
        (*at)++;
    if (length == 0 || length > LINUX_NAME_MAX || (length == 1 && start[0] == '.') ||
        (length == 2 && start[0] == '.' && start[1] == '.'))
        return false;
    memset(c->text + (length & ~7ul), 0, 16);
    memcpy(c->text, start, length);
    c->length = (u32)length;
    return true;
}

static struct dentry *child_of(const struct dentry *parent, const struct component *c) {
    return dentry_find(parent, c->text, c->length, name_hash(c->text, c->length));
}

static bool can_hold(const struct dentry *d) {
    return vnode_is_dir(d->vnode) && !d->vnode->ops->lookup;
}

// Walks to the directory of the last component, making what is missing.
static i64 find_place(struct dentry *root, const char *name, const char *end,
                      struct dentry **parent, struct component *last) {
    struct dentry *at = root;
    if (!next_component(&name, end, last))
        return -EINVAL;
    while (name < end) {
        struct dentry *child = child_of(at, last);
        if (!child) {
            i64 error =
                memfs_make(at, last->text, last->length, LINUX_S_IFDIR | 0755, 0, NULL, &child);
            if (error)
                return error;
        }
        if (!can_hold(child))
            return -ENOTDIR;
        at = child;
        if (!next_component(&name, end, last))
            return -EINVAL;
    }
    *parent = at;
    return 0;
}

static void set_attributes(struct vnode *v, const struct cpio_entry *e) {
    v->mode = (v->mode & LINUX_S_IFMT) | (e->mode & 07777);
    v->uid = e->uid;
    v->gid = e->gid;
    v->atime = v->mtime = v->ctime = e->mtime * NANOSECONDS;
}

static i64 make_entry(struct dentry *parent, const struct component *c,
                      const struct cpio_entry *e) {
    char text[LINUX_PATH_MAX];
    u32 type = e->mode & LINUX_S_IFMT;
    struct dentry *d = child_of(parent, c);
    if (d && vnode_is_dir(d->vnode)) {
        if (type != LINUX_S_IFDIR)
            return -EISDIR;
        if (!d->vnode->ops->lookup)
            set_attributes(d->vnode, e);
        return 0;
    }
    if (type == LINUX_S_IFLNK) {
        if (e->size == 0 || e->size >= sizeof(text) || memchr(e->data, 0, e->size))
            return -EINVAL;
        memcpy(text, e->data, e->size);
        text[e->size] = 0;
    } else if (type != LINUX_S_IFREG && type != LINUX_S_IFDIR && type != LINUX_S_IFIFO &&
               type != LINUX_S_IFCHR && type != LINUX_S_IFBLK) {
        return -EINVAL;
    }
    if (d)
        dentry_unlink(d);
    i64 error = memfs_make(parent, c->text, c->length, type | (e->mode & 07777),
                           LINUX_DEV(e->rdev_major, e->rdev_minor), text, &d);
    if (error)
        return error;
    if (type == LINUX_S_IFREG) {
        d->vnode->reg.rom = e->data;
        d->vnode->reg.rom_size = d->vnode->size = e->size;
    }
    set_attributes(d->vnode, e);
    return 0;
}

static i64 take_entry(struct dentry *root, const struct cpio_entry *e) {
    const char *name = e->name, *end = name + e->name_length;
    struct component last;
    struct dentry *parent;
    while (end > name && end[-1] == '/')
        end--;
    if (end - name == 4) {
        set_attributes(root->vnode, e);
        return 0;
    }
    i64 error = find_place(root, name + 5, end, &parent, &last);
    return error ? error : make_entry(parent, &last, e);
}

static bool is_ours(const struct cpio_entry *e) {
    return e->name_length >= 4 && memcmp(e->name, "root", 4) == 0 &&
           (e->name_length == 4 || e->name[4] == '/');
}

struct fill_result fill_from_archive(struct dentry *root, const void *archive, u64 bytes) {
    struct cpio cpio = cpio_open(archive, bytes);
    struct cpio_entry entry;
    struct fill_result result = {0};
    enum cpio_result got;
    while ((got = cpio_next(&cpio, &entry)) == CPIO_ENTRY) {
        if (!is_ours(&entry))
            continue;
        i64 error = take_entry(root, &entry);
        if (error == -ENOMEM) {
            result.no_memory = true;
            return result;
        }
        *(error ? &result.refused : &result.made) += 1;
    }
    result.broken = got == CPIO_BROKEN;
    return result;
}
