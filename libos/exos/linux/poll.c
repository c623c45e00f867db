// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// poll and select in all their forms.
//
// The caller enters the queues of every file at the first look, stays in them while it sleeps, and
// looks again at each wakeup.

#include "libos/exos/fs/poll.h"

#include "base/string.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/poll_wait.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/time.h"
#include "libos/exos/uaccess.h"

#define ALWAYS (LINUX_POLLERR | LINUX_POLLHUP | LINUX_POLLNVAL)

struct watch {
    struct file *file; // with a reference; NULL: no such descriptor, or not asked for
    u32 events, seen;
    bool bad; // no such descriptor
};

struct watch_set {
    struct watch *watch;
    u32 count;
    struct poll_table table;
    struct watch first_watch[4];
    struct wait_entry first_entry[4 * POLL_QUEUES];
};

static i64 set_open(struct watch_set *s, u32 count) {
    s->count = count;
    s->watch = s->first_watch;
    s->table = (struct poll_table){s->first_entry, 0, 4 * POLL_QUEUES, 0};
    if (count <= 4)
        return 0;
    s->watch = pod_alloc(count * (sizeof(*s->watch) + POLL_QUEUES * sizeof(struct wait_entry)));
    if (!s->watch)
        return -ENOMEM;
    s->table.entries = (struct wait_entry *)(s->watch + count);
    s->table.capacity = count * POLL_QUEUES;
    return 0;
}

static void set_fill(struct watch_set *s, u32 i, i32 fd, u32 events) {
    struct watch *w = &s->watch[i];
    w->file = fd >= 0 ? files_at(self()->files, fd) : NULL;
    w->bad = fd >= 0 && !w->file;
    w->events = events | ALWAYS;
    w->seen = 0;
    if (w->file)
        file_get(w->file);
}

static void set_close(struct watch_set *s) {
    poll_leave(&s->table);
    for (u32 i = 0; i < s->count; i++)
        if (s->watch[i].file)
            file_put(s->watch[i].file);
    if (s->watch != s->first_watch)
        pod_free(s->watch);
}

// How many files have something.
static u32 set_look(struct watch_set *s, struct poll_table *table) {
    u32 ready = 0;
    for (u32 i = 0; i < s->count; i++) {
        struct watch *w = &s->watch[i];
        if (w->file)
            w->seen = file_poll(w->file, table) & w->events;
        else
            w->seen = w->bad ? LINUX_POLLNVAL : 0;
        ready += w->seen != 0;
    }
    return ready;
}

// Waits until something is ready or the deadline has come: how many, or -ERESTARTNOHAND.
static i64 set_wait(struct watch_set *s, u64 deadline) {
    u32 ready = set_look(s, deadline ? &s->table : NULL);
    while (!ready && deadline) {
        i64 error = wait_sleep(deadline);
        if (error == -ETIMEDOUT)
            break;
        ready = set_look(s, NULL);
        if (error && !ready)
            return -ERESTARTNOHAND;
    }
    return ready;
}

// --- deadlines and masks ---------------------------------------------------------------------

u64 poll_deadline_ms(i64 ms) {
    return ms < 0 ? WAIT_FOREVER : ms == 0 ? 0 : time_monotonic() + (u64)ms * 1000000;
}

i64 poll_deadline(u64 address, bool microseconds, u64 *deadline) {
    i64 value[2];
    *deadline = WAIT_FOREVER;
    if (!address)
        return 0;
    if (copy_from_user(value, address, sizeof(value)))
        return -EFAULT;
    i64 fraction = microseconds ? value[1] * 1000 : value[1];
    if (value[0] < 0 || value[1] < 0 || (!microseconds && fraction >= (i64)TIME_SECOND))
        return -EINVAL;
    if (!value[0] && !fraction)
        *deadline = 0;
    else if (value[0] < 1000000000)
        *deadline = time_monotonic() + (u64)value[0] * TIME_SECOND + (u64)fraction;
    return 0;
}

i64 poll_mask_enter(struct poll_mask *m, u64 address, u64 bytes) {
    u64 mask;
    m->changed = address != 0;
    if (!address)
        return 0;
    if (bytes != 8)
        return -EINVAL;
    if (get_user_u64(&mask, address))
        return -EFAULT;
    m->old = current_thread()->blocked;
    poll_set_blocked(mask);
    return 0;
}

void poll_mask_leave(struct poll_mask *m, i64 result) {
    if (!m->changed)
        return;
    if (result == -ERESTARTNOHAND || result == -EINTR) {
        // The handler runs under the call's mask; then the old one comes back.
        current_thread()->saved_mask = m->old;
        current_thread()->restore_mask = true;
    } else {
        poll_set_blocked(m->old);
    }
}

// --- poll ------------------------------------------------------------------------------------

static i64 do_poll(u64 address, u32 count, u64 deadline) {
    struct linux_pollfd few[8], *fds = few;
    struct watch_set set;
    if (count > self()->limits[RLIMIT_NOFILE].soft)
        return -EINVAL;
    if (count > 8 && !(fds = pod_alloc(count * sizeof(*fds))))
        return -ENOMEM;
    i64 result = copy_from_user(fds, address, count * sizeof(*fds)) ? -EFAULT : 0;
    if (!result)
        result = set_open(&set, count);
    if (!result) {
        for (u32 i = 0; i < count; i++)
            set_fill(&set, i, fds[i].fd, (u16)fds[i].events);
        result = set_wait(&set, deadline);
        for (u32 i = 0; i < count; i++)
            fds[i].revents = (i16)set.watch[i].seen;
        set_close(&set);
        if (result >= 0 && copy_to_user(address, fds, count * sizeof(*fds)))
            result = -EFAULT;
    }
    if (fds != few)
        pod_free(fds);
    return result;
}

i64 linux_poll(u64 fds, u32 count, i32 timeout) {
    return do_poll(fds, count, poll_deadline_ms(timeout));
}

// The time that is left goes back to where the timeout was.
static void put_remaining(u64 address, u64 deadline, bool microseconds) {
    u64 now = time_monotonic(), left = deadline > now ? deadline - now : 0;
    i64 value[2];
    if (!address || deadline == WAIT_FOREVER)
        return;
    value[0] = (i64)(left / TIME_SECOND);
    value[1] = (i64)(left % TIME_SECOND) / (microseconds ? 1000 : 1);
    copy_to_user(address, value, sizeof(value));
}

i64 linux_ppoll(u64 fds, u32 count, u64 timeout, u64 mask, u64 mask_bytes) {
    struct poll_mask m;
    u64 deadline;
    i64 result = poll_deadline(timeout, false, &deadline);
    if (!result)
        result = poll_mask_enter(&m, mask, mask_bytes);
    if (result)
        return result;
    result = do_poll(fds, count, deadline);
    poll_mask_leave(&m, result);
    put_remaining(timeout, deadline, false);
    return result;
}

// --- select ----------------------------------------------------------------------------------

#define SELECT_MAX 1024u
#define SELECT_IN                                                                                  \
    (LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLRDBAND | LINUX_POLLHUP | LINUX_POLLERR)
#define SELECT_OUT    (LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND | LINUX_POLLERR)
#define SELECT_EXCEPT LINUX_POLLPRI

struct select_sets {
    u64 bits[3][SELECT_MAX / 64]; // in, out, except
};

static const u32 select_events[3] = {SELECT_IN, SELECT_OUT, SELECT_EXCEPT};

static u32 asked(const struct select_sets *s, u32 fd) {
    u32 events = 0;
    for (int k = 0; k < 3; k++)
        if (s->bits[k][fd / 64] >> (fd % 64) & 1)
            events |= select_events[k];
    return events;
}

static i64 select_files(struct select_sets *s, u32 count, u64 deadline) {
    struct watch_set set;
    u32 used = 0, at = 0;
    for (u32 fd = 0; fd < count; fd++) {
        u32 events = asked(s, fd);
        if (events && !files_at(self()->files, (i32)fd))
            return -EBADF;
        used += events != 0;
    }
    i64 result = set_open(&set, used);
    if (result)
        return result;
    for (u32 fd = 0; fd < count; fd++)
        if (asked(s, fd))
            set_fill(&set, at++, (i32)fd, asked(s, fd));
    result = set_wait(&set, deadline);
    i64 bits = 0;
    at = 0;
    for (u32 fd = 0; fd < count; fd++) {
        if (!asked(s, fd))
            continue;
        u32 seen = set.watch[at++].seen;
        for (int k = 0; k < 3; k++) {
            u64 bit = 1ul << (fd % 64), *word = &s->bits[k][fd / 64];
            if (!(*word & bit))
                continue;
            if (seen & select_events[k])
                bits++;
            else
                *word &= ~bit;
        }
    }
    set_close(&set);
    return result < 0 ? result : bits;
}

static i64 do_select(i32 count, const u64 address[3], u64 deadline) {
    struct select_sets s;
    if (count < 0)
        return -EINVAL;
    u32 n = (u32)count < SELECT_MAX ? (u32)count : SELECT_MAX;
    u64 bytes = (n + 63) / 64 * 8;
    memset(&s, 0, sizeof(s));
    for (int k = 0; k < 3; k++)
        if (address[k] && copy_from_user(s.bits[k], address[k], bytes))
            return -EFAULT;
    i64 result = select_files(&s, n, deadline);
    if (result < 0)
        return result;
    for (int k = 0; k < 3; k++)
        if (address[k] && copy_to_user(address[k], s.bits[k], bytes))
            return -EFAULT;
    return result;
}

i64 linux_select(i32 count, u64 in, u64 out, u64 except, u64 timeout) {
    u64 deadline, address[3] = {in, out, except};
    i64 result = poll_deadline(timeout, true, &deadline);
    if (result)
        return result;
    result = do_select(count, address, deadline);
    put_remaining(timeout, deadline, true);
    return result;
}

i64 linux_pselect6(i32 count, u64 in, u64 out, u64 except, u64 timeout, u64 mask) {
    u64 deadline, address[3] = {in, out, except}, argument[2] = {0, 0};
    struct poll_mask m;
    i64 result = poll_deadline(timeout, false, &deadline);
    if (!result && mask && copy_from_user(argument, mask, sizeof(argument)))
        result = -EFAULT;
    if (!result)
        result = poll_mask_enter(&m, argument[0], argument[1]);
    if (result)
        return result;
    result = do_select(count, address, deadline);
    poll_mask_leave(&m, result);
    put_remaining(timeout, deadline, false);
    return result;
}
