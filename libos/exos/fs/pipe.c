// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pipes, see pipe.h. An empty ring starts again at its first page, so that small messages stay in
// one page.

#include "libos/exos/fs/pipe.h"

#include "libos/exos/fs/data.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/poll.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/sleep.h"
#include "libos/exos/tty/termios.h"

#define PAGE 4096ul

// Pages in all pipes. They may take half of what files may, and no more: programs live on the rest.
static u64 pipe_pages;

static u8 *ring_page_new(void) {
    u8 *page = pipe_pages < memfile_pages_max / 2 ? pod_page_alloc() : NULL;
    pipe_pages += page != NULL;
    return page;
}

// --- the ring --------------------------------------------------------------------------------

struct pipe *pipe_new(void) {
    struct pipe *p = pod_alloc(sizeof(*p));
    if (!p)
        return NULL;
    p->pages = PIPE_PAGES;
    p->page = p->first_page;
    return p;
}

static void free_pages(struct pipe *p) {
    for (u32 i = 0; i < p->pages; i++) {
        if (!p->page[i])
            continue;
        pod_page_free(p->page[i]);
        pipe_pages--;
        p->page[i] = NULL;
    }
}

void pipe_free(struct pipe *p) {
    free_pages(p);
    if (p->page != p->first_page)
        pod_free(p->page);
    pod_free(p);
}

i64 pipe_resize(struct pipe *p, u64 bytes) {
    if (bytes > (u64)PIPE_PAGES_MAX * PAGE)
        return -EPERM;
    u32 pages = 1;
    while (pages * PAGE < bytes)
        pages *= 2;
    if (pages == p->pages)
        return (i64)(pages * PAGE);
    if (pipe_used(p))
        return -EBUSY;
    u8 **array = pages <= PIPE_PAGES ? p->first_page : pod_alloc(pages * sizeof(*array));
    if (!array)
        return -ENOMEM;
    free_pages(p);
    if (p->page != p->first_page && p->page != array)
        pod_free(p->page);
    p->page = array;
    p->pages = pages;
    p->head = p->tail = 0;
    return (i64)(pages * PAGE);
}

// Of bytes from that position on, those in its page.
static inline u64 in_page(u64 position, u64 bytes) {
    u64 rest = PAGE - (position & (PAGE - 1));
    return bytes < rest ? bytes : rest;
}

static inline u8 **page_of(struct pipe *p, u64 position) {
    return &p->page[position / PAGE & (p->pages - 1)];
}

__attribute__((noinline)) static i64 take_long(struct pipe *p, u64 to, u64 bytes) {
    u64 done = 0;
    while (done < bytes) {
        u64 part = in_page(p->tail, bytes - done);
        u64 copied = data_put(to + done, *page_of(p, p->tail) + (p->tail & (PAGE - 1)), part);
        done += copied;
        p->tail += copied;
        if (copied < part)
            return done ? (i64)done : -EFAULT;
    }
    return (i64)done;
}

i64 pipe_take(struct pipe *p, u64 to, u64 bytes) {
    u64 used = pipe_used(p), at = p->tail & (PAGE - 1);
    if (bytes > used)
        bytes = used;
    // All from one page: nothing has to live across the copy but p and bytes.
    if (at + bytes > PAGE || data_put(to, *page_of(p, p->tail) + at, bytes) < bytes)
        return take_long(p, to, bytes);
    p->tail += bytes;
    if (bytes == used)
        p->head = p->tail = 0;
    return (i64)bytes;
}

__attribute__((noinline)) static i64 put_long(struct pipe *p, u64 from, u64 bytes) {
    u64 done = 0;
    if (bytes > pipe_room(p))
        bytes = pipe_room(p);
    while (done < bytes) {
        u64 part = in_page(p->head, bytes - done);
        u8 **page = page_of(p, p->head);
        if (!*page && !(*page = ring_page_new()))
            return done ? (i64)done : -ENOMEM;
        u64 copied = data_get(*page + (p->head & (PAGE - 1)), from + done, part);
        done += copied;
        p->head += copied;
        if (copied < part)
            return done ? (i64)done : -EFAULT;
    }
    return (i64)done;
}

i64 pipe_put(struct pipe *p, u64 from, u64 bytes) {
    u64 at = p->head & (PAGE - 1);
    u8 *page = *page_of(p, p->head);
    if (at + bytes > PAGE || bytes > pipe_room(p) || !page ||
        data_get(page + at, from, bytes) < bytes)
        return put_long(p, from, bytes);
    p->head += bytes;
    return (i64)bytes;
}

// --- waiting ---------------------------------------------------------------------------------

static inline i64 take_and_wake(struct pipe *p, u64 to, u64 bytes) {
    i64 done = pipe_take(p, to, bytes);
    if (done > 0) {
        p->activity++;
        wait_wake_all(&p->write_wait);
    }
    return done;
}

__attribute__((noinline)) static i64 read_empty(struct pipe *p, u64 to, u64 bytes, u32 flags) {
    if (!bytes || !p->writers)
        return 0;
    if (flags & LINUX_O_NONBLOCK)
        return -EAGAIN;
    struct wait_entry entry;
    i64 error;
    sleep_enter(&p->read_wait, &entry);
    do
        error = sleep_here();
    while (!error && !pipe_used(p) && p->writers);
    sleep_leave(&entry);
    return error && !pipe_used(p) && p->writers ? error : take_and_wake(p, to, bytes);
}

i64 pipe_read_wait(struct pipe *p, u64 to, u64 bytes, u32 flags) {
    return bytes && pipe_used(p) ? take_and_wake(p, to, bytes) : read_empty(p, to, bytes, flags);
}

static i64 broken_pipe(u64 done) {
    signal_send(self(), SIGPIPE);
    return done ? (i64)done : -EPIPE;
}

static inline i64 put_and_wake(struct pipe *p, u64 from, u64 bytes) {
    i64 done = pipe_put(p, from, bytes);
    if (done > 0) {
        p->activity++;
        wait_wake_all(&p->read_wait);
    }
    return done;
}

__attribute__((noinline)) static i64 write_long(struct pipe *p, u64 from, u64 bytes, u32 flags) {
    u64 done = 0;
    u64 need = bytes <= LINUX_PIPE_BUF ? bytes : 1; // small writes are not split
    if (need > (u64)p->pages * PAGE)
        need = 1;
    for (;;) {
        if (!p->readers)
            return broken_pipe(done);
        if (pipe_room(p) >= need) {
            i64 part = put_and_wake(p, from + done, bytes - done);
            if (part > 0)
                done += (u64)part;
            if (done == bytes)
                return (i64)done;
            if (part < 0)
                return done ? (i64)done : part;
            need = 1;
        }
        if (flags & LINUX_O_NONBLOCK)
            return done ? (i64)done : -EAGAIN;
        i64 error = wait_event(&p->write_wait, pipe_room(p) >= need || !p->readers, WAIT_FOREVER);
        if (error)
            return done ? (i64)done : error;
    }
}

i64 pipe_write_wait(struct pipe *p, u64 from, u64 bytes, u32 flags) {
    if (!bytes)
        return 0;
    if (p->readers && bytes <= pipe_room(p))
        return put_and_wake(p, from, bytes);
    return write_long(p, from, bytes, flags);
}

// --- files -----------------------------------------------------------------------------------

static i64 pipe_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    (void)position;
    return pipe_read_wait(f->object, to, bytes, f->flags);
}

static i64 pipe_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    (void)position;
    return pipe_write_wait(f->object, from, bytes, f->flags);
}

static u32 pipe_poll(struct file *f, struct poll_table *table) {
    struct pipe *p = f->object;
    u32 mask = 0;
    if (file_may_read(f)) {
        poll_add(table, &p->read_wait, p->activity);
        if (pipe_used(p))
            mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
        // position: how many writers had come when this end was opened without one (see open).
        if (!p->writers && f->position != p->writer_opens)
            mask |= LINUX_POLLHUP;
    }
    if (file_may_write(f)) {
        poll_add(table, &p->write_wait, p->activity);
        if (pipe_room(p) >= LINUX_PIPE_BUF)
            mask |= LINUX_POLLOUT | LINUX_POLLWRNORM;
        if (!p->readers)
            mask |= LINUX_POLLERR;
    }
    return mask;
}

static i64 pipe_ioctl(struct file *f, u32 request, u64 argument) {
    struct pipe *p = f->object;
    if (request == TTY_FIONREAD)
        return put_user_u32(argument, (u32)pipe_used(p));
    return -ENOTTY;
}

// One end less; the last one takes the pipe with it.
static void end_closed(struct vnode *v, struct pipe *p, u32 flags) {
    u32 mode = flags & LINUX_O_ACCMODE;
    if (mode != LINUX_O_WRONLY)
        p->readers--;
    if (mode != LINUX_O_RDONLY)
        p->writers--;
    p->activity++;
    if (!p->readers && !p->writers) {
        v->pipe = NULL;
        pipe_free(p);
        return;
    }
    if (!p->readers)
        wait_wake_all(&p->write_wait);
    if (!p->writers)
        wait_wake_all(&p->read_wait);
}

static void pipe_release(struct file *f) {
    end_closed(f->vnode, f->object, f->flags);
}

static const struct file_ops pipe_ops = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
    .stream = true,
};

struct pipe *pipe_of(const struct file *f) {
    return f->ops == &pipe_ops ? f->object : NULL;
}

static void join(struct pipe *p, u32 mode) {
    if (mode != LINUX_O_WRONLY) {
        p->readers++;
        p->reader_opens++;
    }
    if (mode != LINUX_O_RDONLY) {
        p->writers++;
        p->writer_opens++;
    }
    wait_wake_all(&p->read_wait);
    wait_wake_all(&p->write_wait);
}

static const struct vnode_ops pipe_vnode_ops = {.file = &pipe_ops, .open = pipe_open_fifo};

i64 pipe_open_fifo(struct file *f) {
    struct vnode *v = f->vnode;
    u32 mode = f->flags & LINUX_O_ACCMODE;
    bool named = v->ops != &pipe_vnode_ops; // a pipe that is opened again waits for nobody
    i64 error = 0;
    if (mode == 3)
        return -EINVAL;
    if (named && mode == LINUX_O_WRONLY && (f->flags & LINUX_O_NONBLOCK) &&
        (!v->pipe || !v->pipe->readers))
        return -ENXIO;
    if (!v->pipe && !(v->pipe = pipe_new()))
        return -ENOMEM;
    struct pipe *p = v->pipe;
    join(p, mode);
    // A reader who came before any writer, and did not wait, is not told of a hang-up until one has
    // come and gone.
    f->position = 0;
    if (named && mode == LINUX_O_RDONLY && !p->writers) {
        u32 seen = p->writer_opens;
        if (f->flags & LINUX_O_NONBLOCK)
            f->position = seen;
        else
            error = wait_event(&p->read_wait, p->writer_opens != seen, WAIT_FOREVER);
    } else if (named && mode == LINUX_O_WRONLY && !p->readers) {
        u32 seen = p->reader_opens;
        error = wait_event(&p->write_wait, p->reader_opens != seen, WAIT_FOREVER);
    }
    if (error) {
        end_closed(v, p, f->flags);
        return error;
    }
    f->object = p;
    f->ops = &pipe_ops;
    return 0;
}

i64 pipe_create(u32 flags, struct file **reader, struct file **writer) {
    struct vnode *v =
        vnode_new(&pipe_vnode_ops, LINUX_S_IFIFO | 0600, self()->fsuid, self()->fsgid, FS_DEV_PIPE);
    struct pipe *p = pipe_new();
    struct file *r = v ? file_new(&pipe_ops, v, LINUX_O_RDONLY | flags) : NULL;
    struct file *w = v ? file_new(&pipe_ops, v, LINUX_O_WRONLY | flags) : NULL;
    if (!v || !p || !r || !w) {
        pod_free(r);
        pod_free(w);
        if (p)
            pipe_free(p);
        if (v)
            vnode_put(v);
        return -ENOMEM;
    }
    vnode_get(v); // one reference for each file
    v->pipe = p;
    join(p, LINUX_O_RDWR);
    r->object = w->object = p;
    *reader = r;
    *writer = w;
    return 0;
}
