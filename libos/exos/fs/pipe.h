// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pipes and fifos: a ring of pages between readers and writers. The ring's own functions are pure;
// the rest waits and signals.
//
// Invariants: tail <= head <= tail + pages * 4096 (free-running byte counts); page i holds bytes of
// positions with position / 4096 % pages = i, and may be NULL where there are none.

#ifndef EXOS_FS_PIPE_H
#define EXOS_FS_PIPE_H

#include "libos/exos/fs/vnode.h"

#define PIPE_PAGES     16u
#define PIPE_PAGES_MAX 256u

struct pipe {
    u64 head, tail;
    u32 pages;
    u32 readers, writers;
    u32 reader_opens, writer_opens; // ever: a blocked open waits for a change
    u64 activity;
    struct wait_queue read_wait, write_wait;
    u8 **page;
    u8 *first_page[PIPE_PAGES];
};

struct pipe *pipe_new(void);
void pipe_free(struct pipe *pipe);
static inline u64 pipe_used(const struct pipe *p) {
    return p->head - p->tail;
}
static inline u64 pipe_room(const struct pipe *p) {
    return (u64)p->pages * 4096 - pipe_used(p);
}
// Moves as much as there is, or fits. Bytes; -EFAULT or -ENOMEM if that stopped it before the
// first.
i64 pipe_take(struct pipe *pipe, u64 to, u64 bytes);
i64 pipe_put(struct pipe *pipe, u64 from, u64 bytes);
// Number of pages, when it is empty; -EBUSY.
i64 pipe_resize(struct pipe *pipe, u64 bytes);

// Blocking transfers with the rules of pipe(7); flags are the file's.
i64 pipe_read_wait(struct pipe *pipe, u64 to, u64 bytes, u32 flags);
i64 pipe_write_wait(struct pipe *pipe, u64 from, u64 bytes, u32 flags);

// Two files over a new pipe. 0, -ENOMEM.
i64 pipe_create(u32 flags, struct file **reader, struct file **writer);
// Opens a fifo, or a pipe again through /proc/PID/fd; waits for the other side.
i64 pipe_open_fifo(struct file *file);
// The pipe of a file, or NULL if it is none.
struct pipe *pipe_of(const struct file *file);

#endif
