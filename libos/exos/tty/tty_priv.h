// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Between the files of tty/.

#ifndef EXOS_TTY_TTY_PRIV_H
#define EXOS_TTY_TTY_PRIV_H

#include "libos/exos/tty/tty.h"

i64 tty_ioctl(struct file *file, u32 request, u64 argument);

// May the caller read (SIGTTIN), or write and change settings (SIGTTOU)? If it is in the background
// its group gets the signal. 0, -EIO, -ERESTARTSYS.
i64 tty_job_control(struct tty *tty, int signal);

#endif
