// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The tree of names. Permission checks, sticky bits and "may this be done to a directory" are the
// caller's (path.h, names.h); here are the mechanics. All under the pod lock.

#ifndef EXOS_FS_DENTRY_H
#define EXOS_FS_DENTRY_H

#include "base/bits.h"
#include "libos/exos/fs/vnode.h"

extern struct dentry *dentry_root;

#define NAME_ONES  0x0101010101010101ul
#define NAME_HIGHS 0x8080808080808080ul

// Hash of a name, eight bytes at a time; the name must be readable to a multiple of 8. Each step
// can be undone, so names of less than eight bytes with one hash are the same name.
static inline u64 name_mix(u64 hash, u64 word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ul;
    return hash ^ hash >> 32;
}
static inline u64 name_hash(const char *name, u32 length) {
    u64 hash = 0;
    for (; length >= 8; length -= 8, name += 8)
        hash = name_mix(hash, bits_load64(name));
    return length ? name_mix(hash, bits_load64(name) & ((1ul << (length * 8)) - 1)) : hash;
}

// The table and a root directory. 0 or -ENOMEM.
i64 dentry_init(void);

static inline void dentry_get(struct dentry *d) {
    d->refs++;
}
void dentry_put(struct dentry *d);

// The hash table: chains of dentries by parent and name (dentry.c).
extern struct dentry **dentry_table;
extern u64 dentry_table_mask;

static inline u64 dentry_bucket(const struct dentry *parent, u64 hash) {
    return (hash ^ (u64)parent >> 7) & dentry_table_mask;
}

static inline bool name_same(const char *a, const char *b, u32 length) {
    for (; length >= 8; length -= 8, a += 8, b += 8)
        if (bits_load64(a) != bits_load64(b))
            return false;
    return !length || ((bits_load64(a) ^ bits_load64(b)) << (64 - length * 8)) == 0;
}

// The linked child, without a reference, or NULL. Name readable to a multiple of 8.
static inline struct dentry *dentry_find(const struct dentry *parent, const char *name, u32 length,
                                         u64 hash) {
    for (struct dentry *d = dentry_table[dentry_bucket(parent, hash)]; d; d = d->hash_next)
        if (d->hash == hash && d->parent == parent && d->length == length &&
            (length < 8 || name_same(d->name, name, length))) // short names: the hash says it all
            return d;
    return NULL;
}

// A name for a vnode, whose reference is taken over (not on failure). Linked: in the tree; else:
// made up, one reference for the caller. NULL: no memory.
struct dentry *dentry_link(struct dentry *parent, const char *name, u32 length, struct vnode *v);
struct dentry *dentry_made_up(struct dentry *parent, const char *name, u32 length, struct vnode *v);

// The same for a vnode whose ops have their own directories (vnode->dir is not used).
struct dentry *dentry_plain(struct dentry *parent, const char *name, u32 length, struct vnode *v);

// Takes a linked dentry out of the tree and drops the reference for being linked.
void dentry_unlink(struct dentry *d);

// Moves a linked dentry. 0 or -ENOMEM, nothing changed.
i64 dentry_move(struct dentry *d, struct dentry *parent, const char *name, u32 length);
void dentry_exchange(struct dentry *a, struct dentry *b);

bool dentry_is_below(const struct dentry *d, const struct dentry *ancestor); // or the same

// Absolute path as seen from root: the length with NUL, written to the end of buffer[size] from
// *start on; -ERANGE. A dentry that root does not reach gets "(unreachable)" in front; `deleted`
// appends " (deleted)" to one that was removed.
i64 dentry_path(struct dentry *d, const struct dentry *root, char *buffer, u64 size, char **start,
                bool deleted);

// Is the dentry still to be found by its name?
static inline bool dentry_is_alive(const struct dentry *d) {
    return d->linked || d == dentry_root;
}

#endif
