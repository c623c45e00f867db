// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls that move bytes: read, write and their vectors, sendfile, copy_file_range.

#include "libos/exos/fs/breathe.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/memfile.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"

enum direction { READ, WRITE };

#define INLINE __attribute__((always_inline)) static inline

INLINE bool may_move(const struct file *f, enum direction direction) {
    return direction == READ ? file_may_read(f) : file_may_write(f);
}

// The file of a descriptor that may be read or written, or NULL.
INLINE struct file *file_for(i32 fd, enum direction direction) {
    struct file *f = files_at(self()->files, fd);
    return f && may_move(f, direction) ? f : NULL;
}

static inline void release(struct file *f) {
    if (f->refs > 1)
        f->refs--;
    else
        file_put(f);
}

// position NULL: the file's own. It is known that the caller may.
INLINE i64 move_at(struct file *f, u64 address, u64 bytes, u64 *position,
                   enum direction direction) {
    if (!data_range_plain(address, bytes)) {
        if (!data_range_ok(address, bytes))
            return -EFAULT;
        if (bytes > LINUX_RW_MAX)
            bytes = LINUX_RW_MAX;
    }
    i64 (*operation)(struct file *, u64, u64, u64 *) =
        direction == READ ? f->ops->read : f->ops->write;
    if (!operation)
        return -EINVAL;
    file_get(f);
    i64 done = operation(f, address, bytes, position ? position : &f->position);
    release(f);
    return done;
}

INLINE i64 move(i32 fd, u64 address, u64 bytes, enum direction direction) {
    struct file *f = file_for(fd, direction);
    return f ? move_at(f, address, bytes, NULL, direction) : -EBADF;
}

INLINE i64 move_positioned(i32 fd, u64 address, u64 bytes, i64 position, enum direction direction) {
    u64 at = (u64)position;
    if (position < 0)
        return -EINVAL;
    struct file *f = files_at(self()->files, fd);
    if (!f || (f->flags & LINUX_O_PATH))
        return -EBADF;
    if (f->ops->stream)
        return -ESPIPE;
    return may_move(f, direction) ? move_at(f, address, bytes, &at, direction) : -EBADF;
}

// entry.S does what these two do, for plain cases.
i64 linux_read(i32 fd, u64 to, u64 bytes) {
    return move(fd, to, bytes, READ);
}

i64 linux_write(i32 fd, u64 from, u64 bytes) {
    return move(fd, from, bytes, WRITE);
}

i64 linux_pread64(i32 fd, u64 to, u64 bytes, i64 position) {
    return move_positioned(fd, to, bytes, position, READ);
}

i64 linux_pwrite64(i32 fd, u64 from, u64 bytes, i64 position) {
    return move_positioned(fd, from, bytes, position, WRITE);
}

// --- vectors ---------------------------------------------------------------------------------

// A vector copied in. `buffer` holds the short ones.
struct vector {
    struct linux_iovec *part;
    u64 count;
    struct linux_iovec buffer[8];
};

static void vector_drop(struct vector *v) {
    if (v->part != v->buffer)
        pod_free(v->part);
}

static i64 vector_take(struct vector *v, u64 address, u64 count) {
    if (count > LINUX_IOV_MAX)
        return -EINVAL;
    v->count = count;
    v->part = count <= 8 ? v->buffer : pod_alloc(count * sizeof(*v->part));
    if (!v->part)
        return -ENOMEM;
    i64 error = copy_from_user(v->part, address, count * sizeof(*v->part));
    u64 total = 0;
    for (u64 i = 0; !error && i < count; i++) {
        struct linux_iovec *p = &v->part[i];
        if ((i64)p->bytes < 0)
            error = -EINVAL;
        else if (!data_range_ok(p->base, p->bytes))
            error = -EFAULT;
        else if (p->bytes > LINUX_RW_MAX - total)
            p->bytes = LINUX_RW_MAX - total;
        total += p->bytes;
    }
    if (error)
        vector_drop(v);
    return error;
}

// Streams get the whole of a small vector in one write, so that it stays in one piece.
#define GATHER_MAX 4096u

static i64 write_gathered(struct file *f, const struct vector *v, u64 total) {
    u8 *all = pod_alloc(total);
    u64 have = 0;
    if (!all)
        return -ENOMEM;
    for (u64 i = 0; i < v->count; i++) {
        u64 got = data_get(all + have, v->part[i].base, v->part[i].bytes);
        have += got;
        if (got < v->part[i].bytes)
            break;
    }
    i64 done = have ? f->ops->write(f, (u64)all, have, &f->position) : -EFAULT;
    pod_free(all);
    return done;
}

static u64 vector_total(const struct vector *v) {
    u64 total = 0;
    for (u64 i = 0; i < v->count; i++)
        total += v->part[i].bytes;
    return total;
}

static i64 move_vector(struct file *f, const struct vector *v, u64 *position,
                       enum direction direction) {
    u64 done = 0, total = vector_total(v);
    if (direction == WRITE && f->ops->stream && v->count > 1 && total && total <= GATHER_MAX)
        return write_gathered(f, v, total);
    for (u64 i = 0; i < v->count; i++) {
        const struct linux_iovec *p = &v->part[i];
        if (!p->bytes)
            continue;
        i64 part = direction == READ ? f->ops->read(f, p->base, p->bytes, position)
                                     : f->ops->write(f, p->base, p->bytes, position);
        if (part < 0)
            return done ? (i64)done : part;
        done += (u64)part;
        if ((u64)part < p->bytes)
            break;
        // A stream that has given something must not block for more.
        if (direction == READ && f->ops->stream)
            break;
    }
    return (i64)done;
}

static i64 vector_call(i32 fd, u64 address, u64 count, u64 *position, enum direction direction) {
    struct file *f = file_for(fd, direction);
    struct vector v;
    if (!f)
        return -EBADF;
    if (position && f->ops->stream)
        return -ESPIPE;
    if (direction == READ ? !f->ops->read : !f->ops->write)
        return -EINVAL;
    i64 done = vector_take(&v, address, count);
    if (done)
        return done;
    file_get(f);
    done = move_vector(f, &v, position ? position : &f->position, direction);
    vector_drop(&v);
    release(f);
    return done;
}

i64 linux_readv(i32 fd, u64 vector, u64 count) {
    return vector_call(fd, vector, count, NULL, READ);
}

i64 linux_writev(i32 fd, u64 vector, u64 count) {
    return vector_call(fd, vector, count, NULL, WRITE);
}

i64 linux_preadv(i32 fd, u64 vector, u64 count, i64 position) {
    u64 at = (u64)position;
    return position < 0 ? -EINVAL : vector_call(fd, vector, count, &at, READ);
}

i64 linux_pwritev(i32 fd, u64 vector, u64 count, i64 position) {
    u64 at = (u64)position;
    return position < 0 ? -EINVAL : vector_call(fd, vector, count, &at, WRITE);
}

i64 linux_preadv2(i32 fd, u64 vector, u64 count, i64 position, u64 high, u32 flags) {
    (void)high;
    if (flags)
        return -ENOTSUP;
    return position == -1 ? linux_readv(fd, vector, count)
                          : linux_preadv(fd, vector, count, position);
}

i64 linux_pwritev2(i32 fd, u64 vector, u64 count, i64 position, u64 high, u32 flags) {
    (void)high;
    if (flags)
        return -ENOTSUP;
    return position == -1 ? linux_writev(fd, vector, count)
                          : linux_pwritev(fd, vector, count, position);
}

// --- from file to file -----------------------------------------------------------------------

#define MOVE_BYTES 16384ul

// Moves bytes through a buffer of ExOS. What was read and could not be written is given back by the
// position only when `in` has one of its own.
static i64 move_between(struct file *in, u64 *in_at, struct file *out, u64 *out_at, u64 bytes) {
    u64 done = 0;
    i64 error = 0;
    u8 *buffer = pod_alloc(MOVE_BYTES);
    if (!buffer)
        return -ENOMEM;
    while (done < bytes) {
        u64 want = bytes - done < MOVE_BYTES ? bytes - done : MOVE_BYTES, before = *in_at;
        i64 got = in->ops->read(in, (u64)buffer, want, in_at);
        if (got <= 0) {
            error = got;
            break;
        }
        i64 put = out->ops->write(out, (u64)buffer, (u64)got, out_at);
        if (put < got) {
            if (!in->ops->stream)
                *in_at = before + (put > 0 ? (u64)put : 0);
            error = put < 0 ? put : 0;
            done += put > 0 ? (u64)put : 0;
            break;
        }
        done += (u64)put;
        if (fs_breathe() || signal_pending())
            break;
    }
    pod_free(buffer);
    return done ? (i64)done : error;
}

i64 linux_sendfile(i32 out_fd, i32 in_fd, u64 offset, u64 bytes) {
    struct file *in = file_for(in_fd, READ), *out = file_for(out_fd, WRITE);
    u64 at = 0;
    if (!in || !out)
        return -EBADF;
    if (offset) {
        if (in->ops->stream)
            return -ESPIPE;
        if (get_user_u64(&at, offset))
            return -EFAULT;
        if ((i64)at < 0)
            return -EINVAL;
    }
    if (in->ops->stream || !out->ops->write || !in->ops->read || (out->flags & LINUX_O_APPEND))
        return -EINVAL;
    if (bytes > LINUX_RW_MAX)
        bytes = LINUX_RW_MAX;
    file_get(in);
    file_get(out);
    i64 done = move_between(in, offset ? &at : &in->position, out, &out->position, bytes);
    release(in);
    release(out);
    if (offset && put_user_u64(offset, at))
        return -EFAULT;
    return done;
}

i64 linux_copy_file_range(i32 in_fd, u64 in_offset, i32 out_fd, u64 out_offset, u64 bytes,
                          u32 flags) {
    struct file *in = file_for(in_fd, READ), *out = file_for(out_fd, WRITE);
    u64 in_at, out_at;
    if (!in || !out || (out->flags & LINUX_O_APPEND))
        return -EBADF;
    if (flags)
        return -EINVAL;
    if (vnode_is_dir(in->vnode) || vnode_is_dir(out->vnode))
        return -EISDIR;
    if (!vnode_is_reg(in->vnode) || !vnode_is_reg(out->vnode))
        return -EINVAL;
    in_at = in->position;
    out_at = out->position;
    if ((in_offset && get_user_u64(&in_at, in_offset)) ||
        (out_offset && get_user_u64(&out_at, out_offset)))
        return -EFAULT;
    if ((i64)in_at < 0 || (i64)out_at < 0)
        return -EINVAL;
    if (bytes > LINUX_RW_MAX)
        bytes = LINUX_RW_MAX;
    if (in->vnode == out->vnode && in_at < out_at + bytes && out_at < in_at + bytes)
        return -EINVAL;
    i64 done = move_between(in, &in_at, out, &out_at, bytes);
    if (done < 0)
        return done;
    if (in_offset ? put_user_u64(in_offset, in_at) : 0)
        return -EFAULT;
    if (out_offset ? put_user_u64(out_offset, out_at) : 0)
        return -EFAULT;
    if (!in_offset)
        in->position = in_at;
    if (!out_offset)
        out->position = out_at;
    return done;
}
