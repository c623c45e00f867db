// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// eventfd: a counter that can be waited for.

#include "libos/exos/fs/data.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/poll.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/sleep.h"

struct eventfd {
    u64 value, activity;
    bool semaphore;
    struct wait_queue wait;
};

#define VALUE_MAX 0xfffffffffffffffeul

static void changed(struct eventfd *e) {
    e->activity++;
    wait_wake_all(&e->wait);
}

static i64 take(struct eventfd *e, u64 to) {
    u64 value = e->semaphore ? 1 : e->value;
    if (!data_put_u64(to, value))
        return -EFAULT;
    e->value -= value;
    changed(e);
    return 8;
}

static i64 wait_value(struct eventfd *e) {
    struct wait_entry entry;
    i64 error;
    sleep_enter(&e->wait, &entry);
    do
        error = sleep_here();
    while (!error && !e->value);
    sleep_leave(&entry);
    return e->value ? 0 : error;
}

static i64 eventfd_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    struct eventfd *e = f->object;
    (void)position;
    if (bytes < 8)
        return -EINVAL;
    if (!e->value) {
        i64 error = f->flags & LINUX_O_NONBLOCK ? -EAGAIN : wait_value(e);
        if (error)
            return error;
    }
    return take(e, to);
}

static i64 eventfd_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    struct eventfd *e = f->object;
    u64 value;
    (void)position;
    if (bytes < 8)
        return -EINVAL;
    if (!data_get_u64(&value, from))
        return -EFAULT;
    if (value > VALUE_MAX)
        return -EINVAL;
    if (value > VALUE_MAX - e->value) {
        if (f->flags & LINUX_O_NONBLOCK)
            return -EAGAIN;
        i64 error = wait_event(&e->wait, value <= VALUE_MAX - e->value, WAIT_FOREVER);
        if (error)
            return error;
    }
    e->value += value;
    changed(e);
    return 8;
}

static u32 eventfd_poll(struct file *f, struct poll_table *table) {
    struct eventfd *e = f->object;
    poll_add(table, &e->wait, e->activity);
    return (e->value ? LINUX_POLLIN | LINUX_POLLRDNORM : 0) |
           (e->value < VALUE_MAX ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0);
}

static void eventfd_release(struct file *f) {
    pod_free(f->object);
}

static const struct file_ops eventfd_ops = {.read = eventfd_read,
                                            .write = eventfd_write,
                                            .poll = eventfd_poll,
                                            .release = eventfd_release,
                                            .stream = true};
static const struct vnode_ops eventfd_vnode = {.file = &eventfd_ops};

i64 linux_eventfd2(u32 value, u32 flags) {
    if (flags & ~(LINUX_EFD_SEMAPHORE | LINUX_O_NONBLOCK | LINUX_O_CLOEXEC))
        return -EINVAL;
    struct eventfd *e = pod_alloc(sizeof(*e));
    struct vnode *v = vnode_new(&eventfd_vnode, 0600, 0, 0, FS_DEV_ANON);
    struct file *f =
        e && v ? file_new(&eventfd_ops, v, LINUX_O_RDWR | (flags & LINUX_O_NONBLOCK)) : NULL;
    if (!f) {
        pod_free(e);
        if (v)
            vnode_put(v);
        return -ENOMEM;
    }
    e->value = value;
    e->semaphore = (flags & LINUX_EFD_SEMAPHORE) != 0;
    f->object = e;
    i64 fd = files_install(self()->files, f, 0, (flags & LINUX_O_CLOEXEC) != 0);
    if (fd < 0)
        file_put(f);
    return fd;
}

i64 linux_eventfd(u32 value) {
    return linux_eventfd2(value, 0);
}
