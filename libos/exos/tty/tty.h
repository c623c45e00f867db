// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Terminals: a line discipline (ldisc.h) with the processes around it: who may read and write, who
// gets the signals, who waits. All under the pod lock. A driver is where the bytes go.
//
// session and pgrp are 0 while the terminal controls no session. A process of that session has it
// as process->tty.

#ifndef EXOS_TTY_TTY_H
#define EXOS_TTY_TTY_H

#include "libos/exos/fs/vnode.h"
#include "libos/exos/tty/ldisc.h"

struct process;
struct tty;

#define TTY_MAJOR         4u
#define TTY_MAJOR_AUX     5u
#define TTY_MINOR_CURRENT 0u
#define TTY_MINOR_CONSOLE 1u

#define TTY_ECHO_BYTES 1024u

struct tty_driver {
    // Exclusive use for one write, so that it is not mixed with others'. 0 or -ERESTARTSYS.
    i64 (*begin)(struct tty *tty);
    // All of the bytes, waiting as need be; between begin and end.
    i64 (*put)(struct tty *tty, const u8 *bytes, u64 count);
    void (*end)(struct tty *tty);
    // Echo: as much as goes without waiting; bytes taken.
    u64 (*try_put)(struct tty *tty, const u8 *bytes, u64 count);
    void (*fill)(struct tty *tty); // more input, if there is any
};

struct tty {
    const struct tty_driver *driver;
    u64 rdev;
    u32 session, pgrp;
    bool hung_up;
    bool ended; // no more input will come: reads give 0 when it is used up
    u64 activity;
    struct wait_queue read_wait, write_wait;
    struct tty_winsize winsize;
    struct ldisc ld;
    u32 echo_from, echo_to;
    u8 echo[TTY_ECHO_BYTES];
};

void tty_init(struct tty *tty, const struct tty_driver *driver, u64 rdev);
// Input from the wire. At most tty_room bytes should be given; more may be thrown away.
void tty_input(struct tty *tty, const u8 *bytes, u64 count);
u64 tty_room(const struct tty *tty);
// The wire is gone: SIGHUP, and reads end.
void tty_hang_up(struct tty *tty);
void tty_set_winsize(struct tty *tty, struct tty_winsize size);
void tty_flush_echo(struct tty *tty);
void tty_set_ended(struct tty *tty);

// Opens a file over a character device that is a terminal: -ENXIO if there is none of that number.
i64 tty_open_device(struct file *file, u64 rdev);
// Makes the terminal the controlling one of the caller's session, if the caller leads one and has
// none.
void tty_acquire(struct tty *tty, struct process *process);
// Gives up the controlling terminal (TIOCNOTTY); a session leader's whole session does.
void tty_disconnect(struct process *process);

extern const struct file_ops tty_ops;

#endif
