// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Terminals: job control, reading, writing, waiting. ioctls are in tty_ioctl.c.

#include "libos/exos/tty/tty.h"

#include "base/string.h"
#include "libos/exos/fs/data.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/poll.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/time.h"
#include "libos/exos/tty/console.h"
#include "libos/exos/tty/tty_priv.h"

void tty_init(struct tty *tty, const struct tty_driver *driver, u64 rdev) {
    memset(tty, 0, sizeof(*tty));
    tty->driver = driver;
    tty->rdev = rdev;
    tty->winsize = (struct tty_winsize){24, 80, 0, 0};
    ldisc_init(&tty->ld);
}

// --- input -----------------------------------------------------------------------------------

// Echo waits in a small buffer; what does not fit is lost, as on other systems.
static void keep_echo(void *context, u8 byte) {
    struct tty *tty = context;
    if (tty->echo_to == TTY_ECHO_BYTES && tty->echo_from) {
        memmove(tty->echo, tty->echo + tty->echo_from, tty->echo_to - tty->echo_from);
        tty->echo_to -= tty->echo_from;
        tty->echo_from = 0;
    }
    if (tty->echo_to < TTY_ECHO_BYTES)
        tty->echo[tty->echo_to++] = byte;
}

static void drop_echo(void *context) {
    struct tty *tty = context;
    tty->echo_from = tty->echo_to = 0;
}

void tty_flush_echo(struct tty *tty) {
    if (tty->ld.stopped || tty->echo_from == tty->echo_to)
        return;
    tty->echo_from +=
        (u32)tty->driver->try_put(tty, tty->echo + tty->echo_from, tty->echo_to - tty->echo_from);
    if (tty->echo_from == tty->echo_to)
        tty->echo_from = tty->echo_to = 0;
}

static void tty_changed(struct tty *tty) {
    tty->activity++;
    wait_wake_all(&tty->read_wait);
    wait_wake_all(&tty->write_wait);
}

static void signal_foreground(struct tty *tty, int signal) {
    if (tty->pgrp)
        signal_send_pgrp(tty->pgrp, signal);
}

static void handle_events(struct tty *tty, unsigned events) {
    if (events & LDISC_INTR)
        signal_foreground(tty, SIGINT);
    if (events & LDISC_QUIT)
        signal_foreground(tty, SIGQUIT);
    if (events & LDISC_SUSP)
        signal_foreground(tty, SIGTSTP);
    if (events & (LDISC_READABLE | LDISC_START))
        tty_changed(tty);
}

void tty_input(struct tty *tty, const u8 *bytes, u64 count) {
    struct ldisc_emitter echo = {keep_echo, drop_echo, tty};
    unsigned events = 0;
    for (u64 i = 0; i < count; i++) {
        unsigned now = ldisc_input(&tty->ld, bytes[i], &echo);
        if (now & ~(unsigned)LDISC_READABLE)
            handle_events(tty, now);
        else
            events |= now;
        if (tty->echo_to > TTY_ECHO_BYTES / 2)
            tty_flush_echo(tty);
    }
    handle_events(tty, events);
    tty_flush_echo(tty);
}

u64 tty_room(const struct tty *tty) {
    return ldisc_room(&tty->ld);
}

void tty_set_ended(struct tty *tty) {
    tty->ended = true;
    tty_changed(tty);
}

void tty_set_winsize(struct tty *tty, struct tty_winsize size) {
    if (memcmp(&size, &tty->winsize, sizeof(size)) == 0)
        return;
    tty->winsize = size;
    signal_foreground(tty, SIGWINCH);
}

// --- sessions --------------------------------------------------------------------------------

void tty_acquire(struct tty *tty, struct process *p) {
    if (p->pid != p->session || p->tty || tty->session)
        return;
    p->tty = tty;
    tty->session = p->session;
    tty->pgrp = p->pgrp;
}

static void session_loses(struct tty *tty) {
    u32 session = tty->session;
    tty->session = tty->pgrp = 0;
    PROCESS_FOR_EACH(p)
    if (p->session == session && p->tty == tty)
        p->tty = NULL;
}

void tty_disconnect(struct process *p) {
    struct tty *tty = p->tty;
    if (!tty)
        return;
    if (p->pid != p->session) {
        p->tty = NULL;
        return;
    }
    u32 pgrp = tty->pgrp;
    session_loses(tty);
    if (pgrp) {
        signal_send_pgrp(pgrp, SIGHUP);
        signal_send_pgrp(pgrp, SIGCONT);
    }
}

void tty_session_exit(struct process *leader) {
    if (leader->tty && leader->pid == leader->session && leader->tty->session == leader->session)
        tty_disconnect(leader);
}

void tty_hang_up(struct tty *tty) {
    tty->hung_up = true;
    if (tty->session) {
        struct process *leader = process_find(tty->session);
        if (leader) {
            signal_send(leader, SIGHUP);
            signal_send(leader, SIGCONT);
        }
        if (tty->pgrp && tty->pgrp != tty->session)
            signal_send_pgrp(tty->pgrp, SIGHUP);
        session_loses(tty);
    }
    tty_changed(tty);
}

i64 tty_job_control(struct tty *tty, int signal) {
    struct process *p = self();
    if (p->tty != tty || !tty->pgrp || tty->pgrp == p->pgrp)
        return 0;
    if (signal_blocked_or_ignored(signal))
        return signal == SIGTTIN ? -EIO : 0;
    if (pgrp_is_orphaned(p->pgrp))
        return -EIO;
    signal_send_pgrp(p->pgrp, signal);
    return -ERESTARTSYS;
}

// --- reading ---------------------------------------------------------------------------------

static bool readable(struct tty *tty, u32 minimum) {
    if (ldisc_readable(&tty->ld, minimum) || tty->hung_up)
        return true;
    tty->driver->fill(tty);
    return ldisc_readable(&tty->ld, minimum) || tty->hung_up || tty->ended;
}

struct read_rule {
    u32 minimum;
    u64 deadline;  // of the first byte
    u64 gap;       // between bytes after it; 0: none
    bool no_block; // MIN and TIME 0
};

static struct read_rule rule_of(const struct tty *tty, u64 bytes) {
    const struct tty_termios *t = &tty->ld.termios;
    struct read_rule rule = {1, WAIT_FOREVER, 0, false};
    if (t->lflag & TTY_ICANON)
        return rule;
    u64 time = t->cc[TTY_VTIME] * (TIME_SECOND / 10);
    u32 min = t->cc[TTY_VMIN];
    if (min) {
        rule.minimum = min < bytes ? min : (u32)bytes;
        rule.gap = time;
    } else if (time) {
        rule.deadline = time_monotonic() + time;
    } else {
        rule.no_block = true;
    }
    return rule;
}

// Waits until a read can end: 0, -ETIMEDOUT (take what there is), -EAGAIN, -ERESTARTSYS, -EIO.
static i64 wait_for_input(struct tty *tty, const struct read_rule *rule, u32 flags) {
    if (readable(tty, rule->minimum))
        return 0;
    if (rule->no_block)
        return -ETIMEDOUT;
    if (flags & LINUX_O_NONBLOCK)
        return ldisc_available(&tty->ld) && !(tty->ld.termios.lflag & TTY_ICANON) ? 0 : -EAGAIN;
    if (!rule->gap)
        return wait_event(&tty->read_wait, readable(tty, rule->minimum), rule->deadline);
    u32 seen = ldisc_available(&tty->ld);
    for (;;) {
        u64 deadline = seen ? time_monotonic() + rule->gap : WAIT_FOREVER;
        i64 error =
            wait_event(&tty->read_wait,
                       readable(tty, rule->minimum) || ldisc_available(&tty->ld) != seen, deadline);
        if (error || readable(tty, rule->minimum))
            return error;
        seen = ldisc_available(&tty->ld);
    }
}

static i64 tty_read(struct file *f, u64 to, u64 bytes, u64 *position) {
    struct tty *tty = f->object;
    u8 part[256];
    u64 done = 0;
    bool eof = false;
    (void)position;
    if (!bytes)
        return 0;
    i64 error = tty_job_control(tty, SIGTTIN);
    if (error)
        return error;
    struct read_rule rule = rule_of(tty, bytes);
    error = wait_for_input(tty, &rule, f->flags);
    if (error && error != -ETIMEDOUT)
        return error;
    // While it slept the caller may have become a background process.
    if (tty->hung_up && !ldisc_available(&tty->ld))
        return 0;
    bool canonical = (tty->ld.termios.lflag & TTY_ICANON) != 0;
    while (done < bytes) {
        u64 now = bytes - done < sizeof(part) ? bytes - done : sizeof(part);
        u64 got = ldisc_read(&tty->ld, part, now, &eof);
        if (!got)
            break;
        if (data_put(to + done, part, got) < got)
            return done ? (i64)done : -EFAULT;
        done += got;
        // A line ends the read; a shorter part than asked for was the end of one.
        if (got < now || (canonical && part[got - 1] == '\n'))
            break;
    }
    tty->driver->fill(tty);
    return (i64)done;
}

// --- writing ---------------------------------------------------------------------------------

struct wire {
    u32 count;
    u8 bytes[768];
};

static void to_wire(void *context, u8 byte) {
    struct wire *wire = context;
    wire->bytes[wire->count++] = byte;
}

// One part of a write. A byte becomes at most eight on the wire.
static i64 write_part(struct tty *tty, const u8 *bytes, u64 count) {
    struct wire wire;
    struct ldisc_emitter out = {to_wire, NULL, &wire};
    wire.count = 0;
    for (u64 i = 0; i < count; i++)
        ldisc_output(&tty->ld, bytes[i], &out);
    return tty->driver->put(tty, wire.bytes, wire.count);
}

static i64 write_all(struct tty *tty, u64 from, u64 bytes, u64 *done) {
    u8 part[96];
    while (*done < bytes) {
        i64 error = wait_event(&tty->write_wait, !tty->ld.stopped || tty->hung_up, WAIT_FOREVER);
        if (error)
            return error;
        if (tty->hung_up)
            return -EIO;
        u64 now = bytes - *done < sizeof(part) ? bytes - *done : sizeof(part);
        u64 got = data_get(part, from + *done, now);
        if (!got)
            return -EFAULT;
        error = write_part(tty, part, got);
        *done += got;
        if (error)
            return error;
    }
    return 0;
}

static i64 tty_write(struct file *f, u64 from, u64 bytes, u64 *position) {
    struct tty *tty = f->object;
    u64 done = 0;
    (void)position;
    if (tty->hung_up)
        return -EIO;
    if (tty->ld.termios.lflag & TTY_TOSTOP) {
        i64 error = tty_job_control(tty, SIGTTOU);
        if (error)
            return error;
    }
    if ((f->flags & LINUX_O_NONBLOCK) && tty->ld.stopped)
        return -EAGAIN;
    i64 error = tty->driver->begin(tty);
    if (error)
        return error;
    error = write_all(tty, from, bytes, &done);
    tty->driver->end(tty);
    tty_flush_echo(tty);
    return done || !error ? (i64)done : error;
}

static u32 tty_poll(struct file *f, struct poll_table *table) {
    struct tty *tty = f->object;
    const struct tty_termios *t = &tty->ld.termios;
    u32 minimum = t->cc[TTY_VMIN] && !t->cc[TTY_VTIME] ? t->cc[TTY_VMIN] : 1;
    u32 mask = 0;
    poll_add(table, &tty->read_wait, tty->activity);
    if (readable(tty, minimum))
        mask |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (!tty->ld.stopped)
        mask |= LINUX_POLLOUT | LINUX_POLLWRNORM;
    if (tty->hung_up)
        mask |= LINUX_POLLHUP | LINUX_POLLIN | LINUX_POLLRDNORM;
    return mask;
}

const struct file_ops tty_ops = {
    .read = tty_read,
    .write = tty_write,
    .poll = tty_poll,
    .ioctl = tty_ioctl,
    .stream = true,
};

i64 tty_open_device(struct file *f, u64 rdev) {
    struct tty *tty = NULL;
    bool current = rdev == LINUX_DEV(TTY_MAJOR_AUX, TTY_MINOR_CURRENT);
    if (current)
        tty = self()->tty;
    else if (rdev == LINUX_DEV(TTY_MAJOR_AUX, TTY_MINOR_CONSOLE) || rdev == LINUX_DEV(TTY_MAJOR, 1))
        tty = console_tty();
    if (!tty)
        return -ENXIO;
    if (tty->hung_up && !current)
        return -EIO;
    f->ops = &tty_ops;
    f->object = tty;
    // As on Linux, /dev/console never becomes a session's terminal by being opened.
    if (rdev == LINUX_DEV(TTY_MAJOR, 1) && !(f->flags & LINUX_O_NOCTTY) && file_may_read(f))
        tty_acquire(tty, self());
    return 0;
}
