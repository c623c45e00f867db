// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// epoll, see fs/epoll.h. An item knows how active its file had been (poll.h) when it was last
// reported: an edge-triggered one is reported again only after that has changed.

#include "libos/exos/fs/epoll.h"

#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/poll.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/poll_wait.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/uaccess.h"

#define CTL_ADD       1
#define CTL_DEL       2
#define CTL_MOD       3
#define EVENT_ET      (1u << 31)
#define EVENT_ONESHOT (1u << 30)
#define EVENT_FLAGS   (0xfu << 28)
#define DEPTH_MAX     5

struct linux_epoll_event {
    u32 events;
    u64 data;
} __attribute__((packed));

// One file watched by one epoll. In two lists: the epoll's, and the file's watchers.
struct epoll_item {
    struct epoll_item *next;
    struct epoll_item *next_watcher;
    struct epoll *owner;
    struct file *file; // not counted: the item goes when the file goes
    i32 fd;
    u32 events;
    u64 data;
    u64 activity;
    bool reported, off;
};

struct epoll {
    struct epoll_item *items;
    u32 count;
};

static void forget_watcher(struct epoll_item *item) {
    struct epoll_item **link = &item->file->watchers;
    while (*link != item)
        link = &(*link)->next_watcher;
    *link = item->next_watcher;
}

static void forget_item(struct epoll_item *item) {
    struct epoll_item **link = &item->owner->items;
    while (*link != item)
        link = &(*link)->next;
    *link = item->next;
    item->owner->count--;
}

void epoll_file_closed(struct file *f) {
    while (f->watchers) {
        struct epoll_item *item = f->watchers;
        f->watchers = item->next_watcher;
        forget_item(item);
        pod_free(item);
    }
}

static void epoll_release(struct file *f) {
    struct epoll *e = f->object;
    while (e->items) {
        struct epoll_item *item = e->items;
        e->items = item->next;
        forget_watcher(item);
        pod_free(item);
    }
    pod_free(e);
}

// What is true of an item now, and how active its file has been.
static u32 item_look(struct epoll_item *item, struct poll_table *table) {
    struct poll_table none = {NULL, 0, 0, 0};
    struct poll_table *t = table ? table : &none;
    t->activity = 0;
    u32 seen =
        file_poll(item->file, t) & ((item->events & ~EVENT_FLAGS) | LINUX_POLLERR | LINUX_POLLHUP);
    if (item->off || !seen)
        return 0;
    if ((item->events & EVENT_ET) && item->reported && item->activity == t->activity)
        return 0;
    return seen;
}

static u32 epoll_poll(struct file *f, struct poll_table *table) {
    struct epoll *e = f->object;
    u64 before = table ? table->activity : 0, sum = 0;
    u32 mask = 0;
    for (struct epoll_item *item = e->items; item; item = item->next) {
        if (item_look(item, table))
            mask = LINUX_POLLIN | LINUX_POLLRDNORM;
        sum += table ? table->activity : 0;
    }
    if (table)
        table->activity = before + sum;
    return mask;
}

static const struct file_ops epoll_ops = {
    .poll = epoll_poll, .release = epoll_release, .stream = true};
static const struct vnode_ops epoll_vnode = {.file = &epoll_ops};

static struct epoll *epoll_of(i32 fd, i64 *error) {
    struct file *f = files_at(self()->files, fd);
    *error = !f ? -EBADF : f->ops != &epoll_ops ? -EINVAL : 0;
    return *error ? NULL : f->object;
}

i64 linux_epoll_create1(u32 flags) {
    if (flags & ~LINUX_O_CLOEXEC)
        return -EINVAL;
    struct epoll *e = pod_alloc(sizeof(*e));
    struct vnode *v = vnode_new(&epoll_vnode, 0600, 0, 0, FS_DEV_ANON);
    struct file *f = e && v ? file_new(&epoll_ops, v, LINUX_O_RDWR) : NULL;
    if (!f) {
        pod_free(e);
        if (v)
            vnode_put(v);
        return -ENOMEM;
    }
    f->object = e;
    i64 fd = files_install(self()->files, f, 0, (flags & LINUX_O_CLOEXEC) != 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

i64 linux_epoll_create(i32 size) {
    return size <= 0 ? -EINVAL : linux_epoll_create1(0);
}

// Does f, being an epoll, watch `target` in the end, or is it nested too deep?
static bool watches(const struct file *f, const struct file *target, int depth) {
    if (f == target || depth > DEPTH_MAX)
        return true;
    if (f->ops != &epoll_ops)
        return false;
    const struct epoll *e = f->object;
    for (const struct epoll_item *item = e->items; item; item = item->next)
        if (watches(item->file, target, depth + 1))
            return true;
    return false;
}

static i64 add_item(struct epoll *e, struct file *f, i32 fd, const struct linux_epoll_event *ev) {
    struct epoll_item *item = pod_alloc(sizeof(*item));
    if (!item)
        return -ENOMEM;
    *item = (struct epoll_item){.next = e->items,
                                .next_watcher = f->watchers,
                                .owner = e,
                                .file = f,
                                .fd = fd,
                                .events = ev->events,
                                .data = ev->data};
    e->items = f->watchers = item;
    e->count++;
    return 0;
}

i64 linux_epoll_ctl(i32 fd, i32 operation, i32 target, u64 address) {
    struct linux_epoll_event ev = {0, 0};
    i64 error;
    if (operation != CTL_DEL && copy_from_user(&ev, address, sizeof(ev)))
        return -EFAULT;
    struct file *own = files_at(self()->files, fd), *f = files_at(self()->files, target);
    if (!own || !f)
        return -EBADF;
    struct epoll *e = epoll_of(fd, &error);
    if (!e || own == f)
        return -EINVAL;
    if (!f->ops->poll)
        return -EPERM;
    struct epoll_item *item = e->items;
    while (item && (item->file != f || item->fd != target))
        item = item->next;
    if (operation == CTL_ADD) {
        if (item)
            return -EEXIST;
        if (watches(f, own, 0))
            return -ELOOP;
        return add_item(e, f, target, &ev);
    }
    if (operation != CTL_DEL && operation != CTL_MOD)
        return -EINVAL;
    if (!item)
        return -ENOENT;
    if (operation == CTL_DEL) {
        forget_watcher(item);
        forget_item(item);
        pod_free(item);
        return 0;
    }
    item->events = ev.events;
    item->data = ev.data;
    item->reported = item->off = false;
    return 0;
}

// Fills events to `to` for at most `max` items: how many, or -EFAULT.
static i64 collect(struct epoll *e, u64 to, u32 max) {
    u32 found = 0;
    for (struct epoll_item *item = e->items; item && found < max; item = item->next) {
        struct poll_table look = {NULL, 0, 0, 0};
        u32 seen = item_look(item, &look);
        if (!seen)
            continue;
        struct linux_epoll_event ev = {seen, item->data};
        if (copy_to_user(to + found * sizeof(ev), &ev, sizeof(ev)))
            return found ? (i64)found : -EFAULT;
        item->activity = look.activity;
        item->reported = true;
        item->off = (item->events & EVENT_ONESHOT) != 0;
        found++;
    }
    return found;
}

static i64 do_wait(i32 fd, u64 events, i32 max, u64 deadline) {
    i64 error;
    struct file *f = files_at(self()->files, fd);
    struct epoll *e = epoll_of(fd, &error);
    if (!e)
        return error;
    if (max <= 0 || (u32)max > 0x7fffffff / sizeof(struct linux_epoll_event))
        return -EINVAL;
    file_get(f);
    i64 found = collect(e, events, (u32)max);
    while (!found && deadline) {
        // Files can be added while this sleeps: the queues are entered anew each time, and looked
        // at after.
        u32 capacity = (e->count + 1) * POLL_QUEUES;
        struct poll_table table = {pod_alloc(capacity * sizeof(struct wait_entry)), 0, capacity, 0};
        if (!table.entries) {
            found = -ENOMEM;
            break;
        }
        if (!epoll_poll(f, &table))
            error = wait_sleep(deadline);
        poll_leave(&table);
        pod_free(table.entries);
        found = collect(e, events, (u32)max);
        if (!found && error) {
            found = error == -ETIMEDOUT ? 0 : -EINTR;
            break;
        }
    }
    file_put(f);
    return found;
}

i64 linux_epoll_wait(i32 fd, u64 events, i32 count, i32 timeout) {
    return do_wait(fd, events, count, poll_deadline_ms(timeout));
}

i64 linux_epoll_pwait(i32 fd, u64 events, i32 count, i32 timeout, u64 mask, u64 mask_bytes) {
    struct poll_mask m;
    i64 result = poll_mask_enter(&m, mask, mask_bytes);
    if (result)
        return result;
    result = do_wait(fd, events, count, poll_deadline_ms(timeout));
    poll_mask_leave(&m, result);
    return result;
}
