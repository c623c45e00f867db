// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Advisory locks, see lock.h.

#include "libos/exos/fs/lock.h"

#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"

static bool overlaps(const struct lock_range *a, const struct lock_range *b) {
    return a->start <= b->last && b->start <= a->last;
}

const struct lock_range *lock_conflict(const struct vnode *v, const struct lock_range *wanted) {
    for (const struct lock_range *l = v->locks; l; l = l->next)
        if (l->owner != wanted->owner && l->whole == wanted->whole && overlaps(l, wanted) &&
            (l->write || wanted->write))
            return l;
    return NULL;
}

static struct lock_range *copy_of(const struct lock_range *from) {
    struct lock_range *l = pod_alloc(sizeof(*l));
    if (l)
        *l = *from;
    return l;
}

// Takes the range out of what the owner holds. `spare` is used, and set NULL, if a lock must be
// split.
static void carve(struct vnode *v, const struct lock_range *range, struct lock_range **spare) {
    struct lock_range **link = &v->locks, *l;
    while ((l = *link)) {
        if (l->owner != range->owner || l->whole != range->whole || !overlaps(l, range)) {
            link = &l->next;
            continue;
        }
        bool left = l->start<range->start, right = l->last> range->last;
        if (left && right) {
            struct lock_range *tail = *spare;
            *spare = NULL;
            *tail = *l;
            tail->start = range->last + 1;
            l->last = range->start - 1;
            l->next = tail;
            return;
        }
        if (left) {
            l->last = range->start - 1;
        } else if (right) {
            l->start = range->last + 1;
        } else {
            *link = l->next;
            pod_free(l);
            continue;
        }
        link = &l->next;
    }
}

i64 lock_apply(struct vnode *v, const struct lock_range *wanted, bool unlock) {
    struct lock_range *spare = copy_of(wanted), *added = unlock ? NULL : copy_of(wanted);
    if (!spare || (!unlock && !added)) {
        pod_free(spare);
        pod_free(added);
        return -ENOLCK;
    }
    carve(v, wanted, &spare);
    pod_free(spare);
    if (added) {
        added->next = v->locks;
        v->locks = added;
    }
    wait_wake_all(&v->lock_wait);
    return 0;
}

i64 lock_take(struct vnode *v, const struct lock_range *wanted, bool wait) {
    if (!wait && lock_conflict(v, wanted))
        return -EAGAIN;
    i64 error = wait_event(&v->lock_wait, !lock_conflict(v, wanted), WAIT_FOREVER);
    return error ? error : lock_apply(v, wanted, false);
}

void lock_release_owner(struct vnode *v, const void *owner) {
    struct lock_range **link = &v->locks, *l;
    bool any = false;
    while ((l = *link)) {
        if (l->owner != owner) {
            link = &l->next;
            continue;
        }
        *link = l->next;
        pod_free(l);
        any = true;
    }
    if (any)
        wait_wake_all(&v->lock_wait);
}
