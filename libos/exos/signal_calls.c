// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls of signals: actions, masks, sending, waiting. Frames are in signal_frame.c.

#include "base/string.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"

i64 linux_rt_sigaction(i32 signal, u64 action, u64 old, u64 set_bytes) {
    struct process *p = current();
    struct signal_action a;
    if (set_bytes != 8 || signal < 1 || signal > LINUX_SIGNALS ||
        (action && (signal == SIGKILL || signal == SIGSTOP)))
        return -EINVAL;
    if (action && copy_from_user(&a, action, sizeof(a)))
        return -EFAULT;
    struct signal_action was = p->actions->action[signal];
    if (action && memcmp(&a, &was, sizeof(a))) {
        struct signal_actions *own = signal_actions_own(p);
        if (!own)
            return -ENOMEM;
        a.mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
        own->action[signal] = a;
        if (signal_ignored(p, signal))
            signal_discard(p, SIGNAL_BIT(signal));
    }
    return old && copy_to_user(old, &was, sizeof(was)) ? -EFAULT : 0;
}

i64 linux_rt_sigprocmask(i32 how, u64 set, u64 old, u64 set_bytes) {
    u64 mask, was = current_thread()->blocked;
    if (set_bytes != 8)
        return -EINVAL;
    if (set) {
        if (get_user_u64(&mask, set))
            return -EFAULT;
        switch (how) {
        case SIG_BLOCK:
            signal_set_blocked(was | mask);
            break;
        case SIG_UNBLOCK:
            signal_set_blocked(was & ~mask);
            break;
        case SIG_SETMASK:
            signal_set_blocked(mask);
            break;
        default:
            return -EINVAL;
        }
    }
    return old ? put_user_u64(old, was) : 0;
}

i64 linux_rt_sigpending(u64 set, u64 set_bytes) {
    struct thread *t = current_thread();
    u64 pending = (t->signals.pending | t->process->signals.pending) & t->blocked;
    if (set_bytes > 8)
        return -EINVAL;
    return copy_to_user(set, &pending, set_bytes);
}

i64 linux_rt_sigsuspend(u64 set, u64 set_bytes) {
    struct thread *t = current_thread();
    u64 mask;
    if (set_bytes != 8)
        return -EINVAL;
    if (get_user_u64(&mask, set))
        return -EFAULT;
    t->saved_mask = t->blocked;
    t->restore_mask = true;
    signal_set_blocked(mask);
    while (!wait_sleep(WAIT_FOREVER))
        ;
    return -ERESTARTNOHAND;
}

i64 linux_pause(void) {
    while (!wait_sleep(WAIT_FOREVER))
        ;
    return -ERESTARTNOHAND;
}

i64 linux_rt_sigtimedwait(u64 set, u64 info, u64 timeout, u64 set_bytes) {
    struct thread *t = current_thread();
    struct linux_timespec ts;
    struct linux_siginfo got;
    u64 mask, deadline = WAIT_FOREVER;
    if (set_bytes != 8)
        return -EINVAL;
    if (get_user_u64(&mask, set) || (timeout && copy_from_user(&ts, timeout, sizeof(ts))))
        return -EFAULT;
    if (timeout && (ts.sec < 0 || (u64)ts.nsec >= TIME_SECOND))
        return -EINVAL;
    if (timeout)
        deadline = time_monotonic() + (u64)ts.sec * TIME_SECOND + (u64)ts.nsec;
    mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    i64 error = 0;
    int signal;
    t->waited = mask;
    while (!(signal = signal_take(t, mask, &got)) && !error)
        error = wait_sleep(deadline);
    t->waited = 0;
    if (!signal)
        return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
    return info && copy_to_user(info, &got, sizeof(got)) ? -EFAULT : signal;
}

static bool may_signal(const struct process *target, int signal) {
    const struct process *p = current();
    return p->euid == 0 || p->euid == target->uid || p->euid == target->suid ||
           p->uid == target->uid || p->uid == target->suid ||
           (signal == SIGCONT && p->session == target->session);
}

// To all processes of a group, or (0) to all but init and the caller.
static i64 kill_many(u32 pgrp, int signal) {
    struct linux_siginfo info = signal_info_user(signal, SI_USER);
    i64 result = -ESRCH;
    PROCESS_FOR_EACH(p) {
        if (p == &init_process || (pgrp ? p->pgrp != pgrp : p == current()))
            continue;
        if (!may_signal(p, signal)) {
            if (result == -ESRCH)
                result = -EPERM;
            continue;
        }
        signal_send_info(p, &info);
        result = 0;
    }
    return result;
}

i64 linux_kill(i32 pid, i32 signal) {
    if (signal < 0 || signal > LINUX_SIGNALS)
        return -EINVAL;
    if (pid == (i32)0x80000000)
        return -ESRCH;
    if (pid <= 0)
        return kill_many(pid == -1 ? 0 : pid ? (u32)-pid : current()->pgrp, signal);
    if ((u32)pid == current()->pid && signal_to_self(signal, SI_USER))
        return 0;
    struct process *p = process_find((u32)pid);
    if (!p) {
        struct thread *t = thread_find((u32)pid);
        if (!t)
            return -ESRCH;
        p = t->process;
    }
    if (!may_signal(p, signal))
        return -EPERM;
    struct linux_siginfo info = signal_info_user(signal, SI_USER);
    return signal_send_info(p, &info);
}

static i64 kill_thread(i32 pid, i32 tid, int signal) {
    if (tid <= 0 || signal < 0 || signal > LINUX_SIGNALS)
        return -EINVAL;
    if ((u32)tid == current_thread()->tid && (!pid || (u32)pid == current()->pid) &&
        signal_to_self(signal, SI_TKILL))
        return 0;
    struct thread *t = thread_find((u32)tid);
    if (!t || (pid && t->process->pid != (u32)pid))
        return -ESRCH;
    if (!may_signal(t->process, signal))
        return -EPERM;
    struct linux_siginfo info = signal_info_user(signal, SI_TKILL);
    return signal_send_thread(t, &info);
}

i64 linux_tkill(i32 tid, i32 signal) {
    return kill_thread(0, tid, signal);
}

i64 linux_tgkill(i32 pid, i32 tid, i32 signal) {
    return pid <= 0 ? -EINVAL : kill_thread(pid, tid, signal);
}

i64 linux_rt_sigqueueinfo(i32 pid, i32 signal, u64 from) {
    struct linux_siginfo info;
    if (copy_from_user(&info, from, sizeof(info)))
        return -EFAULT;
    if (signal < 0 || signal > LINUX_SIGNALS)
        return -EINVAL;
    struct process *p = pid > 0 ? process_find((u32)pid) : NULL;
    if (!p)
        return -ESRCH;
    if ((info.code >= 0 || info.code == SI_TKILL) && p != current())
        return -EPERM;
    if (!may_signal(p, signal))
        return -EPERM;
    info.signo = signal;
    return signal_send_info(p, &info);
}
