// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the poll operation of files fills in: the queues to wait in. A table without entries only
// asks. Poll operations also add up `activity`, which objects count at each event, so that
// edge-triggered waiting sees events between two looks.

#ifndef EXOS_FS_POLL_H
#define EXOS_FS_POLL_H

#include "libos/exos/fs/vnode.h"

#define POLL_QUEUES 2u // most queues that one file enters

struct poll_table {
    struct wait_entry *entries;
    u32 used, capacity;
    u64 activity;
};

static inline void poll_add(struct poll_table *table, struct wait_queue *queue, u64 activity) {
    if (!table)
        return;
    table->activity += activity;
    if (table->used < table->capacity)
        wait_add(queue, &table->entries[table->used++]);
}

static inline void poll_leave(struct poll_table *table) {
    while (table->used)
        wait_remove(&table->entries[--table->used]);
}

// What is true of a file now; a file without poll operation is always ready.
static inline u32 file_poll(struct file *file, struct poll_table *table) {
    if (file->ops->poll)
        return file->ops->poll(file, table);
    return LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLRDNORM | LINUX_POLLWRNORM;
}

#endif
