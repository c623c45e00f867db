// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Dentries and vnodes, see vnode.h and dentry.h. The hash table doubles when it has two entries per
// chain.

#include "libos/exos/fs/dentry.h"

#include "base/string.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/lock.h"
#include "libos/exos/fs/pool.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/time.h"

struct dentry *dentry_root;
u64 vnode_count;

struct dentry **dentry_table;
u64 dentry_table_mask;
static u64 table_count;
static u64 next_ino = 1;

#define TABLE_FIRST 512u
#define ENTRY_SIZE  20u // what an entry adds to the size of its directory: tmpfs says so too

// --- vnodes ----------------------------------------------------------------------------------

static struct pool vnode_pool = {.bytes = sizeof(struct vnode)};
static struct pool dentry_pool = {.bytes = sizeof(struct dentry)};

struct vnode *vnode_new(const struct vnode_ops *ops, u32 mode, u32 uid, u32 gid, u32 dev) {
    struct vnode *v = pool_take(&vnode_pool);
    if (!v)
        return NULL;
    vnode_count++;
    v->ops = ops;
    v->refs = 1;
    v->mode = mode;
    v->uid = uid;
    v->gid = gid;
    v->dev = dev;
    v->nlink = 1;
    v->ino = next_ino++;
    v->atime = v->mtime = v->ctime = time_realtime();
    return v;
}

void vnode_get(struct vnode *v) {
    v->refs++;
}

void vnode_put(struct vnode *v) {
    if (--v->refs)
        return;
    if (v->ops->free)
        v->ops->free(v);
    POD_ASSERT(!v->locks);
    vnode_count--;
    pool_give(&vnode_pool, v);
}

void vnode_touch(struct vnode *v, u32 which) {
    u64 now = time_realtime();
    if (which & VNODE_ATIME)
        v->atime = now;
    if (which & VNODE_MTIME)
        v->mtime = now;
    if (which & VNODE_CTIME)
        v->ctime = now;
}

u64 vnode_size(const struct vnode *v) {
    return v->size;
}
u32 vnode_mode(const struct vnode *v) {
    return v->mode;
}
u32 vnode_uid(const struct vnode *v) {
    return v->uid;
}
u32 vnode_gid(const struct vnode *v) {
    return v->gid;
}
u64 vnode_ino(const struct vnode *v) {
    return v->ino;
}
u32 vnode_dev(const struct vnode *v) {
    return v->dev;
}

// --- hash table ------------------------------------------------------------------------------

static void hash_insert(struct dentry *d) {
    struct dentry **bucket = &dentry_table[dentry_bucket(d->parent, d->hash)];
    d->hash_next = *bucket;
    d->hash_link = bucket;
    if (*bucket)
        (*bucket)->hash_link = &d->hash_next;
    *bucket = d;
}

static void hash_remove(struct dentry *d) {
    *d->hash_link = d->hash_next;
    if (d->hash_next)
        d->hash_next->hash_link = d->hash_link;
    d->hash_link = NULL;
}

static void hash_grow(void) {
    u64 old_size = dentry_table_mask + 1;
    struct dentry **old = dentry_table, **bigger = pod_alloc(old_size * 2 * sizeof(*bigger));
    if (!bigger)
        return; // longer chains, then
    dentry_table = bigger;
    dentry_table_mask = old_size * 2 - 1;
    for (u64 i = 0; i < old_size; i++)
        for (struct dentry *d = old[i], *next; d; d = next) {
            next = d->hash_next;
            hash_insert(d);
        }
    pod_free(old);
}

// --- life of a dentry ------------------------------------------------------------------------

static char *name_room(struct dentry *d, u32 length) {
    return length < DENTRY_INLINE ? d->local : pod_alloc(((u64)length + 8) & ~7ul);
}

static struct dentry *dentry_alloc(struct dentry *parent, const char *name, u32 length,
                                   struct vnode *v) {
    struct dentry *d = pool_take(&dentry_pool);
    if (!d)
        return NULL;
    d->name = name_room(d, length);
    if (!d->name) {
        pool_give(&dentry_pool, d);
        return NULL;
    }
    memcpy(d->name, name, length);
    d->length = (u16)length;
    d->vnode = v;
    d->refs = 1;
    d->parent = parent ? parent : d;
    if (parent)
        dentry_get(parent);
    return d;
}

static void list_add(struct dentry *d) {
    struct vnode *dir = d->parent->vnode;
    d->cookie = dir->dir.next_cookie++;
    d->prev = NULL;
    d->next = dir->dir.first;
    *(d->next ? &d->next->prev : &dir->dir.last) = d;
    dir->dir.first = d;
    dir->dir.entries++;
    dir->size += ENTRY_SIZE;
}

static void list_remove(struct dentry *d) {
    struct vnode *dir = d->parent->vnode;
    *(d->prev ? &d->prev->next : &dir->dir.first) = d->next;
    *(d->next ? &d->next->prev : &dir->dir.last) = d->prev;
    dir->dir.entries--;
    dir->size -= ENTRY_SIZE;
}

static void enter(struct dentry *d) {
    d->hash = name_hash(d->name, d->length);
    d->linked = true;
    hash_insert(d);
    list_add(d);
    if (++table_count > 2 * (dentry_table_mask + 1))
        hash_grow();
}

struct dentry *dentry_link(struct dentry *parent, const char *name, u32 length, struct vnode *v) {
    struct dentry *d = dentry_alloc(parent, name, length, v);
    if (!d)
        return NULL;
    enter(d);
    if (vnode_is_dir(v) && !v->ops->lookup) {
        v->dir.self = d;
        v->dir.next_cookie = 3;
        v->nlink = 2;
    }
    if (vnode_is_dir(v))
        parent->vnode->nlink++;
    return d;
}

struct dentry *dentry_made_up(struct dentry *parent, const char *name, u32 length,
                              struct vnode *v) {
    struct dentry *d = dentry_alloc(parent, name, length, v);
    if (d && vnode_is_dir(v))
        v->dir.self = d;
    return d;
}

struct dentry *dentry_plain(struct dentry *parent, const char *name, u32 length, struct vnode *v) {
    return dentry_alloc(parent, name, length, v);
}

void dentry_put(struct dentry *d) {
    while (--d->refs == 0) {
        struct dentry *parent = d->parent;
        vnode_put(d->vnode);
        if (d->name != d->local)
            pod_free(d->name);
        pool_give(&dentry_pool, d);
        d = parent;
    }
}

void dentry_unlink(struct dentry *d) {
    struct vnode *v = d->vnode;
    hash_remove(d);
    list_remove(d);
    table_count--;
    d->linked = false;
    if (vnode_is_dir(v)) {
        v->nlink = 0;
        d->parent->vnode->nlink--;
    } else {
        v->nlink--;
    }
    dentry_put(d);
}

// Both leave and enter keep references and link counts of the vnode as they are.
static void leave_place(struct dentry *d) {
    hash_remove(d);
    list_remove(d);
    if (vnode_is_dir(d->vnode))
        d->parent->vnode->nlink--;
}

static void enter_place(struct dentry *d) {
    d->hash = name_hash(d->name, d->length);
    hash_insert(d);
    list_add(d);
    if (vnode_is_dir(d->vnode))
        d->parent->vnode->nlink++;
}

i64 dentry_move(struct dentry *d, struct dentry *parent, const char *name, u32 length) {
    char *room = length < DENTRY_INLINE ? d->local : pod_alloc(((u64)length + 8) & ~7ul);
    if (!room)
        return -ENOMEM;
    leave_place(d);
    if (d->name != d->local)
        pod_free(d->name);
    memset(d->local, 0, sizeof(d->local));
    memcpy(room, name, length);
    d->name = room;
    d->length = (u16)length;
    struct dentry *old = d->parent;
    d->parent = parent;
    dentry_get(parent);
    enter_place(d);
    dentry_put(old);
    return 0;
}

void dentry_exchange(struct dentry *a, struct dentry *b) {
    char local[DENTRY_INLINE];
    struct dentry *parent = a->parent;
    char *name = a->name;
    u16 length = a->length;
    leave_place(a);
    leave_place(b);
    memcpy(local, a->local, sizeof(local));
    memcpy(a->local, b->local, sizeof(local));
    memcpy(b->local, local, sizeof(local));
    bool a_was_local = name == a->local, b_was_local = b->name == b->local;
    a->name = b_was_local ? a->local : b->name;
    b->name = a_was_local ? b->local : name;
    a->length = b->length;
    b->length = length;
    a->parent = b->parent;
    b->parent = parent;
    enter_place(a);
    enter_place(b);
}

bool dentry_is_below(const struct dentry *d, const struct dentry *ancestor) {
    for (;; d = d->parent) {
        if (d == ancestor)
            return true;
        if (d == d->parent)
            return false;
    }
}

static bool prepend(char *buffer, char **at, const char *text, u64 length) {
    if ((u64)(*at - buffer) < length)
        return false;
    *at -= length;
    memcpy(*at, text, length);
    return true;
}

i64 dentry_path(struct dentry *d, const struct dentry *root, char *buffer, u64 size, char **start,
                bool deleted) {
    char *at = buffer + size;
    bool ok = prepend(buffer, &at, "", 1);
    if (deleted && !dentry_is_alive(d) && d->hash)
        ok = ok && prepend(buffer, &at, " (deleted)", 10);
    if (d == root || d == d->parent)
        ok = ok && prepend(buffer, &at, "/", 1);
    for (; ok && d != root && d != d->parent; d = d->parent)
        ok = prepend(buffer, &at, d->name, d->length) && prepend(buffer, &at, "/", 1);
    if (d != root)
        ok = ok && prepend(buffer, &at, "(unreachable)", 13);
    *start = at;
    return ok ? buffer + size - at : -ERANGE;
}

i64 dentry_init(void) {
    dentry_table = pod_alloc(TABLE_FIRST * sizeof(*dentry_table));
    dentry_table_mask = TABLE_FIRST - 1;
    return dentry_table ? 0 : -ENOMEM;
}
