// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Requests to terminals.

#include "base/string.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/tty/tty_priv.h"
#include "libos/exos/uaccess.h"

static void apply(struct tty *tty, const struct tty_termios *t, bool flush) {
    if (flush)
        ldisc_flush_input(&tty->ld);
    bool stopped = tty->ld.stopped;
    ldisc_set_termios(&tty->ld, t);
    tty->activity++;
    wait_wake_all(&tty->read_wait);
    if (stopped && !tty->ld.stopped)
        wait_wake_all(&tty->write_wait);
}

// TCSETS and its kin. Output is never behind: W and no W are the same.
static i64 set_termios(struct tty *tty, u64 argument, u64 bytes, bool flush) {
    struct tty_termios t = tty->ld.termios;
    i64 error = tty_job_control(tty, SIGTTOU);
    if (!error)
        error = copy_from_user(&t, argument, bytes);
    if (!error)
        apply(tty, &t, flush);
    return error;
}

static i64 set_termio(struct tty *tty, u64 argument, bool flush) {
    struct tty_termio old;
    struct tty_termios t = tty->ld.termios;
    i64 error = tty_job_control(tty, SIGTTOU);
    if (!error)
        error = copy_from_user(&old, argument, sizeof(old));
    if (error)
        return error;
    t.iflag = (t.iflag & ~0xffffu) | old.iflag;
    t.oflag = (t.oflag & ~0xffffu) | old.oflag;
    t.cflag = (t.cflag & ~0xffffu) | old.cflag;
    t.lflag = (t.lflag & ~0xffffu) | old.lflag;
    t.line = old.line;
    memcpy(t.cc, old.cc, sizeof(old.cc));
    apply(tty, &t, flush);
    return 0;
}

static i64 get_termio(struct tty *tty, u64 argument) {
    const struct tty_termios *t = &tty->ld.termios;
    struct tty_termio old = {
        (u16)t->iflag, (u16)t->oflag, (u16)t->cflag, (u16)t->lflag, t->line, {0}, 0};
    memcpy(old.cc, t->cc, sizeof(old.cc));
    return copy_to_user(argument, &old, sizeof(old));
}

static i64 get_termios2(struct tty *tty, u64 argument) {
    struct tty_termios2 t = {tty->ld.termios, 38400, 38400};
    return copy_to_user(argument, &t, sizeof(t));
}

static i64 get_pgrp(struct tty *tty, u64 argument) {
    if (self()->tty != tty)
        return -ENOTTY;
    return put_user_u32(argument, tty->pgrp);
}

static i64 get_session(struct tty *tty, u64 argument) {
    if (self()->tty != tty || !tty->session)
        return -ENOTTY;
    return put_user_u32(argument, tty->session);
}

static i64 set_pgrp(struct tty *tty, u64 argument) {
    struct process *p = self();
    u32 pgrp;
    i64 error = p->tty == tty ? tty_job_control(tty, SIGTTOU) : 0;
    if (error)
        return error == -EIO ? -ENOTTY : error;
    if (p->tty != tty || tty->session != p->session)
        return -ENOTTY;
    error = get_user_u32(&pgrp, argument);
    if (error)
        return error;
    if ((i32)pgrp < 0)
        return -EINVAL;
    bool found = false;
    PROCESS_FOR_EACH(q) {
        if (q->pgrp != pgrp)
            continue;
        if (q->session != p->session)
            return -EPERM;
        found = true;
    }
    if (!found)
        return -ESRCH;
    tty->pgrp = pgrp;
    return 0;
}

static i64 set_controlling(struct tty *tty, u64 argument) {
    struct process *p = self();
    if (p->pid == p->session && p->tty == tty && tty->session == p->session)
        return 0;
    if (p->pid != p->session || p->tty)
        return -EPERM;
    if (tty->session) {
        if (argument != 1 || p->euid != 0)
            return -EPERM;
        PROCESS_FOR_EACH(q)
        if (q->tty == tty)
            q->tty = NULL;
        tty->session = 0;
    }
    tty_acquire(tty, p);
    return 0;
}

static i64 set_winsize(struct tty *tty, u64 argument) {
    struct tty_winsize size;
    i64 error = copy_from_user(&size, argument, sizeof(size));
    if (!error)
        tty_set_winsize(tty, size);
    return error;
}

static i64 flow(struct tty *tty, u64 argument) {
    i64 error = tty_job_control(tty, SIGTTOU);
    if (error)
        return error;
    switch (argument) {
    case 0: // TCOOFF
        tty->ld.stopped = true;
        return 0;
    case 1: // TCOON
        tty->ld.stopped = false;
        tty_flush_echo(tty);
        wait_wake_all(&tty->write_wait);
        return 0;
    case 2: // TCIOFF, TCION: there is no one to tell
    case 3:
        return 0;
    default:
        return -EINVAL;
    }
}

static i64 flush(struct tty *tty, u64 argument) {
    i64 error = tty_job_control(tty, SIGTTOU);
    if (error)
        return error;
    if (argument > 2)
        return -EINVAL;
    if (argument != 1)
        ldisc_flush_input(&tty->ld);
    return 0;
}

static i64 push_input(struct tty *tty, u64 argument) {
    u8 byte;
    if (self()->tty != tty && self()->euid != 0)
        return -EPERM;
    i64 error = copy_from_user(&byte, argument, 1);
    if (!error)
        tty_input(tty, &byte, 1);
    return error;
}

i64 tty_ioctl(struct file *f, u32 request, u64 argument) {
    struct tty *tty = f->object;
    if (tty->hung_up && request != TTY_TIOCSPGRP)
        return -EIO;
    switch (request) {
    case TTY_TCGETS:
        return copy_to_user(argument, &tty->ld.termios, sizeof(tty->ld.termios));
    case TTY_TCSETS:
    case TTY_TCSETSW:
    case TTY_TCSETSF:
        return set_termios(tty, argument, sizeof(struct tty_termios), request == TTY_TCSETSF);
    case TTY_TCGETS2:
        return get_termios2(tty, argument);
    case TTY_TCSETS2:
    case TTY_TCSETSW2:
    case TTY_TCSETSF2:
        return set_termios(tty, argument, sizeof(struct tty_termios), request == TTY_TCSETSF2);
    case TTY_TCGETA:
        return get_termio(tty, argument);
    case TTY_TCSETA:
    case TTY_TCSETAW:
    case TTY_TCSETAF:
        return set_termio(tty, argument, request == TTY_TCSETAF);
    case TTY_TIOCGWINSZ:
        return copy_to_user(argument, &tty->winsize, sizeof(tty->winsize));
    case TTY_TIOCSWINSZ:
        return set_winsize(tty, argument);
    case TTY_TIOCGPGRP:
        return get_pgrp(tty, argument);
    case TTY_TIOCSPGRP:
        return set_pgrp(tty, argument);
    case TTY_TIOCGSID:
        return get_session(tty, argument);
    case TTY_TIOCSCTTY:
        return set_controlling(tty, argument);
    case TTY_TIOCNOTTY:
        if (self()->tty != tty)
            return -ENOTTY;
        tty_disconnect(self());
        return 0;
    case TTY_FIONREAD:
        return put_user_u32(argument, ldisc_available(&tty->ld));
    case TTY_TIOCOUTQ:
        return put_user_u32(argument, 0);
    case TTY_TCXONC:
        return flow(tty, argument);
    case TTY_TCFLSH:
        return flush(tty, argument);
    case TTY_TCSBRK:
    case TTY_TCSBRKP:
        return tty_job_control(tty, SIGTTOU);
    case TTY_TIOCSTI:
        return push_input(tty, argument);
    case TTY_TIOCGETD:
        return put_user_u32(argument, 0);
    case TTY_TIOCEXCL:
    case TTY_TIOCNXCL:
        return 0;
    default:
        return -ENOTTY;
    }
}
