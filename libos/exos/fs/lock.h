// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Advisory locks: byte ranges of fcntl (owner: the descriptor table, or the open file for OFD
// locks) and whole files of flock (owner: the open file). One list per vnode; ranges of one owner
// and kind never overlap.

#ifndef EXOS_FS_LOCK_H
#define EXOS_FS_LOCK_H

#include "libos/exos/fs/vnode.h"

struct lock_range {
    struct lock_range *next;
    void *owner;
    u32 pid;
    bool write, whole; // whole: of flock
    u64 start, last;   // inclusive
};

// The first lock that stands against the wanted one, or NULL.
const struct lock_range *lock_conflict(const struct vnode *v, const struct lock_range *wanted);
// Sets what the owner holds in the range to wanted's type (unlock: to nothing). No conflict may be
// left. 0 or -ENOLCK.
i64 lock_apply(struct vnode *v, const struct lock_range *wanted, bool unlock);
// Waits until there is no conflict, then applies. -EAGAIN if it must not wait, -ERESTARTSYS.
i64 lock_take(struct vnode *v, const struct lock_range *wanted, bool wait);
// Removes all locks of an owner.
void lock_release_owner(struct vnode *v, const void *owner);

#endif
