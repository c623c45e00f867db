// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Pairs of connected sockets: two pipes crosswise. There are no other sockets yet: socket() knows
// no address family.

#include "libos/exos/fs/data.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/pipe.h"
#include "libos/exos/fs/poll.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/tty/termios.h"

#define AF_UNIX_NUMBER   1
#define TYPE_STREAM      1
#define MESSAGE_DONTWAIT 0x40u
#define MESSAGE_NOSIGNAL 0x4000u

// pipe[i] carries what side i writes. Freed with the second side.
struct pair {
    struct pipe *pipe[2];
    u32 open;
};

// A side is in its vnode.
struct side {
    struct pair *pair;
    u32 number;
};

static struct pipe *pipe_in(const struct file *f) {
    const struct side *s = f->object;
    return s->pair->pipe[1 - s->number];
}

static struct pipe *pipe_out(const struct file *f) {
    const struct side *s = f->object;
    return s->pair->pipe[s->number];
}

static i64 pair_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    (void)position;
    return pipe_read_wait(pipe_in(f), to, bytes, f->flags);
}

static i64 pair_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    (void)position;
    return pipe_write_wait(pipe_out(f), from, bytes, f->flags);
}

static u32 pair_poll(struct file *f, struct poll_table *table) {
    struct pipe *in = pipe_in(f), *out = pipe_out(f);
    u32 mask = 0;
    poll_add(table, &in->read_wait, in->activity);
    poll_add(table, &out->write_wait, out->activity);
    if (pipe_used(in) || !in->writers)
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (!in->writers)
        mask |= LINUX_POLLRDHUP;
    if (!in->writers && !out->readers)
        mask |= LINUX_POLLHUP;
    if (pipe_room(out) >= LINUX_PIPE_BUF || !out->readers)
        mask |= LINUX_POLLOUT | LINUX_POLLWRNORM;
    return mask;
}

static i64 pair_ioctl(struct file *f, u32 request, u64 argument) {
    if (request == TTY_FIONREAD)
        return put_user_u32(argument, (u32)pipe_used(pipe_in(f)));
    return -ENOTTY;
}

static void end_writing(struct pipe *p) {
    p->writers = 0;
    p->activity++;
    wait_wake_all(&p->read_wait);
}

static void end_reading(struct pipe *p) {
    p->readers = 0;
    p->activity++;
    wait_wake_all(&p->write_wait);
}

static void pair_release(struct file *f) {
    struct side *s = f->object;
    struct pair *pair = s->pair;
    end_writing(pipe_out(f));
    end_reading(pipe_in(f));
    if (--pair->open == 0) {
        pipe_free(pair->pipe[0]);
        pipe_free(pair->pipe[1]);
        pod_free(pair);
    }
    pod_free(s);
}

static const struct file_ops pair_ops = {
    .read = pair_read,
    .write = pair_write,
    .poll = pair_poll,
    .ioctl = pair_ioctl,
    .release = pair_release,
    .stream = true,
};
static const struct vnode_ops pair_vnode = {.file = &pair_ops};

static struct file *side_new(struct pair *pair, u32 number, u32 flags) {
    struct side *s = pod_alloc(sizeof(*s));
    struct vnode *v =
        vnode_new(&pair_vnode, LINUX_S_IFSOCK | 0777, self()->fsuid, self()->fsgid, FS_DEV_ANON);
    struct file *f = s && v ? file_new(&pair_ops, v, LINUX_O_RDWR | flags) : NULL;
    if (!f) {
        pod_free(s);
        if (v)
            vnode_put(v);
        return NULL;
    }
    *s = (struct side){pair, number};
    f->object = s;
    pair->open++;
    return f;
}

static struct pair *pair_new(void) {
    struct pair *pair = pod_alloc(sizeof(*pair));
    if (!pair)
        return NULL;
    pair->pipe[0] = pipe_new();
    pair->pipe[1] = pipe_new();
    if (!pair->pipe[0] || !pair->pipe[1]) {
        for (int i = 0; i < 2; i++)
            if (pair->pipe[i])
                pipe_free(pair->pipe[i]);
        pod_free(pair);
        return NULL;
    }
    for (int i = 0; i < 2; i++)
        pair->pipe[i]->readers = pair->pipe[i]->writers = 1;
    return pair;
}

// Both sides as files; none on failure.
static i64 sides_open(u32 flags, struct file *file[2]) {
    struct pair *pair = pair_new();
    if (!pair)
        return -ENOMEM;
    file[0] = side_new(pair, 0, flags);
    file[1] = file[0] ? side_new(pair, 1, flags) : NULL;
    if (file[1])
        return 0;
    if (file[0]) {
        file_put(file[0]);
    } else {
        pipe_free(pair->pipe[0]);
        pipe_free(pair->pipe[1]);
        pod_free(pair);
    }
    return -ENOMEM;
}

i64 linux_socketpair(i32 family, u32 type, i32 protocol, u64 address) {
    struct file *file[2];
    i64 fd[2] = {-1, -1};
    bool cloexec = (type & LINUX_O_CLOEXEC) != 0;
    if (family != AF_UNIX_NUMBER)
        return -EAFNOSUPPORT;
    if ((type & ~(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK)) != TYPE_STREAM)
        return -ESOCKTNOSUPPORT;
    if (protocol && protocol != AF_UNIX_NUMBER)
        return -EPROTONOSUPPORT;
    i64 error = sides_open(type & LINUX_O_NONBLOCK, file);
    if (error)
        return error;
    for (int i = 0; i < 2 && !error; i++) {
        fd[i] = files_install(self()->files, file[i], 0, cloexec);
        error = fd[i] < 0 ? fd[i] : 0;
    }
    i32 both[2] = {(i32)fd[0], (i32)fd[1]};
    if (!error && copy_to_user(address, both, sizeof(both)))
        error = -EFAULT;
    for (int i = 0; error && i < 2; i++) {
        if (fd[i] >= 0)
            files_close(self()->files, (i32)fd[i]);
        else
            file_put(file[i]);
    }
    return error;
}

i64 linux_socket(i32 family, u32 type, i32 protocol) {
    (void)family, (void)type, (void)protocol;
    return -EAFNOSUPPORT;
}

// The socket behind a descriptor, or why not.
static i64 socket_at(i32 fd, struct file **file) {
    struct file *f = files_at(self()->files, fd);
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (f->ops != &pair_ops)
        return -ENOTSOCK;
    *file = f;
    return 0;
}

i64 linux_sendto(i32 fd, u64 from, u64 bytes, u32 flags, u64 address, u32 address_bytes) {
    struct file *f;
    i64 error = socket_at(fd, &f);
    (void)address_bytes;
    if (error)
        return error;
    if (address)
        return -EISCONN;
    if (flags & ~(MESSAGE_DONTWAIT | MESSAGE_NOSIGNAL))
        return -ENOTSUP;
    if (!data_range_ok(from, bytes))
        return -EFAULT;
    struct pipe *out = pipe_out(f);
    if ((flags & MESSAGE_NOSIGNAL) && !out->readers)
        return -EPIPE;
    file_get(f);
    i64 done = pipe_write_wait(out, from, bytes < LINUX_RW_MAX ? bytes : LINUX_RW_MAX,
                               f->flags | (flags & MESSAGE_DONTWAIT ? LINUX_O_NONBLOCK : 0));
    file_put(f);
    return done;
}

i64 linux_recvfrom(i32 fd, u64 to, u64 bytes, u32 flags, u64 address, u64 address_bytes) {
    struct file *f;
    i64 error = socket_at(fd, &f);
    if (error)
        return error;
    if (flags & ~(MESSAGE_DONTWAIT | MESSAGE_NOSIGNAL))
        return -ENOTSUP;
    if (!data_range_ok(to, bytes))
        return -EFAULT;
    if (address && put_user_u32(address_bytes, 0))
        return -EFAULT;
    file_get(f);
    i64 done = pipe_read_wait(pipe_in(f), to, bytes < LINUX_RW_MAX ? bytes : LINUX_RW_MAX,
                              f->flags | (flags & MESSAGE_DONTWAIT ? LINUX_O_NONBLOCK : 0));
    file_put(f);
    return done;
}

i64 linux_shutdown(i32 fd, i32 how) {
    struct file *f;
    i64 error = socket_at(fd, &f);
    if (error)
        return error;
    if (how < 0 || how > 2)
        return -EINVAL;
    if (how != 1)
        end_reading(pipe_in(f));
    if (how != 0)
        end_writing(pipe_out(f));
    return 0;
}
