// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// POSIX signals: sets, queues, delivery. Pod lock held for everything here.

#ifndef EXOS_SIGNAL_H
#define EXOS_SIGNAL_H

#include "abi/types.h"
#include "libos/exos/linux/uapi_signal.h"
#include <stdbool.h>

struct process;
struct thread;

#define SIGNAL_BIT(n) (1ul << ((n)-1))

// A signal with the siginfo of one that the kernel raises (SI_KERNEL), or with *info. 0 or -ESRCH,
// -EAGAIN.
i64 signal_send(struct process *process, int signal);
i64 signal_send_info(struct process *process, const struct linux_siginfo *info);
i64 signal_send_thread(struct thread *thread, const struct linux_siginfo *info);
// To every process of a group: 0, or -ESRCH if there is none.
i64 signal_send_pgrp(u32 pgrp, int signal);
// Exceptions: cannot be blocked or ignored.
void signal_force(struct thread *thread, const struct linux_siginfo *info);

// Does a signal wait that the calling thread would act on (handler, stop or death)?
bool signal_pending(void);
bool signal_ignored(const struct process *process, int signal);
// Is the signal blocked or ignored by the calling thread (SIGTTIN, SIGTTOU rules)?
bool signal_blocked_or_ignored(int signal);
// POSIX: no member has a parent in another group of the same session.
bool pgrp_is_orphaned(u32 pgrp);

#endif
