// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The end of processes, and waiting for it: exit, exit_group, wait4, waitid.

#include "base/string.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_sched.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/uaccess.h"

// Job control: p leaves its parent. If it was what kept its group from being an orphan, and members
// are stopped, they are told to go on.
static void pgrp_check_orphaned(struct process *p, const struct process *parent) {
    u32 pgrp = p->pgrp;
    if (parent->pgrp == pgrp || parent->session != p->session || !pgrp_is_orphaned(pgrp))
        return;
    bool stopped = false;
    PROCESS_FOR_EACH(q)
    stopped |= q->pgrp == pgrp && q->state == PROCESS_STOPPED;
    if (stopped) {
        signal_send_pgrp(pgrp, SIGHUP);
        signal_send_pgrp(pgrp, SIGCONT);
    }
}

// A child of parent has something to tell. Process 1 sleeps in its own loop.
void process_wake_parent(struct process *parent) {
    if (parent == &init_process)
        wait_wake_thread(parent->threads);
    else
        wait_wake_all(&parent->child_wait);
}

static void children_to_init(struct process *p) {
    for (struct process *c; (c = p->children);) {
        process_orphan(c);
        process_adopt(&init_process, c);
        c->exit_signal = SIGCHLD;
        pgrp_check_orphaned(c, p);
        if (c->state == PROCESS_ZOMBIE)
            process_wake_parent(&init_process);
    }
}

// Takes a zombie out of the world; its usage goes to the one who waited.
static void process_reap(struct process *zombie) {
    struct process *parent = zombie->parent;
    if (parent) {
        parent->children_ticks += zombie->dead_ticks + zombie->children_ticks;
        parent->child_minor_faults += zombie->minor_faults + zombie->child_minor_faults;
    }
    process_orphan(zombie);
    exec_info_put(zombie->exec);
    signal_actions_put(zombie->actions);
    process_free(zombie);
    process_bury_all();
}

static bool parent_ignores(const struct process *parent) {
    const struct signal_action *a = &parent->actions->action[SIGCHLD];
    return parent != &init_process && (a->handler == SIG_IGN || a->flags & SA_NOCLDWAIT);
}

void process_exit(u32 status) {
    struct thread *me = current_thread();
    struct process *p = me->process;
    if (p->exiting && p->thread_count > 1)
        thread_exit(status);
    p->exiting = true;
    p->status = status;
    thread_kill_others();
    if (me->clear_tid && p->mm->users > 1)
        put_user_u32(me->clear_tid, 0);
    files_put(p->files);
    fs_ctx_put(p->fs);
    p->files = NULL;
    p->fs = NULL;
    if (p->pid == p->session)
        tty_session_exit(p);
    exec_info_put(p->exec);
    p->exec = exec_info_get(init_process.exec);
    pod_timer_set(&p->alarm, 0);
    struct mm *mm = p->mm;
    p->mm = NULL;
    mm_put(mm);
    process_vfork_done(p);
    signal_set_clear(&p->signals);
    signal_set_clear(&me->signals);
    children_to_init(p);
    p->dead_ticks += thread_ticks(me);
    thread_unlink(me);
    p->state = PROCESS_ZOMBIE;
    struct process *parent = p->parent;
    pgrp_check_orphaned(p, parent);
    bool unseen = parent_ignores(parent);
    signal_child_event(p, status & 0x7f ? CLD_KILLED : CLD_EXITED, status);
    if (unseen) {
        process_reap(p);
        process_wake_parent(parent);
    }
    thread_end();
}

i64 linux_exit(i32 code) {
    thread_exit(((u32)code & 0xff) << 8);
}

i64 linux_exit_group(i32 code) {
    process_exit(((u32)code & 0xff) << 8);
}

// --- wait
// ------------------------------------------------------------------------------------------------------------------

struct wait_request {
    i32 type; // P_ALL, P_PID, P_PGID
    u32 id;
    i32 options;
    // Result
    u32 pid, uid, status;
    i32 code; // CLD_*
    u64 ticks;
    u64 faults;
};

static bool wait_matches(const struct wait_request *w, const struct process *c) {
    if (w->type == P_PID ? c->pid != w->id : w->type == P_PGID && c->pgrp != w->id)
        return false;
    return w->options & WALL || (c->exit_signal != SIGCHLD) == !!((u32)w->options & WCLONE);
}

// Is there something to tell about the child? Then takes it (but for WNOWAIT).
static bool wait_take(struct wait_request *w, struct process *c) {
    bool keep = w->options & WNOWAIT;
    if (c->state == PROCESS_ZOMBIE && w->options & WEXITED) {
        w->code = c->status & 0x7f ? CLD_KILLED : CLD_EXITED;
        w->status = c->status;
    } else if (c->state == PROCESS_STOPPED && w->options & WUNTRACED && !c->stop_reported) {
        w->code = CLD_STOPPED;
        w->status = c->stop_signal << 8 | 0x7f;
        c->stop_reported = !keep;
    } else if (c->continued && w->options & WCONTINUED) {
        w->code = CLD_CONTINUED;
        w->status = 0xffff;
        c->continued = keep;
    } else {
        return false;
    }
    w->pid = c->pid;
    w->uid = c->uid;
    w->ticks = process_ticks(c) + c->children_ticks;
    w->faults = c->minor_faults + c->child_minor_faults;
    if (c->state == PROCESS_ZOMBIE && !keep)
        process_reap(c);
    return true;
}

// 1: taken; 0: there are children, but nothing to tell; -ECHILD.
static i64 wait_try(struct wait_request *w) {
    bool any = false;
    for (struct process *c = current()->children, *next; c; c = next) {
        next = c->sibling_next;
        if (!wait_matches(w, c))
            continue;
        if (wait_take(w, c))
            return 1;
        any = true;
    }
    return any ? 0 : -ECHILD;
}

static i64 wait_for(struct wait_request *w) {
    i64 result;
    struct wait_entry e;
    result = wait_try(w);
    if (result || w->options & WNOHANG)
        return result;
    wait_add(&current()->child_wait, &e);
    while (!(result = wait_try(w)) && !(result = wait_sleep(WAIT_FOREVER)))
        ;
    wait_remove(&e);
    return result;
}

static i64 usage_put(u64 to, u64 ticks, u64 faults) {
    u64 ns = time_from_tsc_delta(ticks);
    struct linux_rusage u = {.utime = {(i64)(ns / TIME_SECOND), (i64)(ns % TIME_SECOND / 1000)},
                             .minflt = (i64)faults};
    return copy_to_user(to, &u, sizeof(u));
}

i64 linux_wait4(i32 pid, u64 status, i32 options, u64 usage) {
    if (options & ~(i32)(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | (i32)WCLONE))
        return -EINVAL;
    if (pid == (i32)0x80000000)
        return -ESRCH;
    struct wait_request w = {.options = options | WEXITED};
    w.type = pid == -1 ? P_ALL : pid > 0 ? P_PID : P_PGID;
    w.id = pid > 0 ? (u32)pid : pid ? (u32)-pid : current()->pgrp;
    i64 result = wait_for(&w);
    if (result != 1)
        return result;
    if (status && put_user_u32(status, w.status))
        return -EFAULT;
    if (usage && usage_put(usage, w.ticks, w.faults))
        return -EFAULT;
    return w.pid;
}

i64 linux_waitid(i32 type, i32 id, u64 info, i32 options, u64 usage) {
    if (options & ~(i32)(WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WALL | (i32)WCLONE |
                         WNOTHREAD) ||
        !(options & (WUNTRACED | WEXITED | WCONTINUED)))
        return -EINVAL;
    if (type < P_ALL || type > P_PGID || (type != P_ALL && id < (type == P_PID ? 1 : 0)))
        return -EINVAL;
    struct wait_request w = {.type = type, .options = options};
    w.id = type == P_PGID && !id ? current()->pgrp : (u32)id;
    i64 result = wait_for(&w);
    if (result < 0)
        return result;
    struct linux_siginfo i = {0};
    if (result) {
        i.signo = SIGCHLD;
        i.code = w.code;
        i.child.pid = (i32)w.pid;
        i.child.uid = w.uid;
        i.child.status = w.code == CLD_EXITED    ? (i32)(w.status >> 8)
                         : w.code == CLD_STOPPED ? (i32)(w.status >> 8)
                         : w.code == CLD_KILLED  ? (i32)(w.status & 0x7f)
                                                 : SIGCONT;
    }
    if (info && copy_to_user(info, &i, sizeof(i)))
        return -EFAULT;
    if (result && usage && usage_put(usage, w.ticks, w.faults))
        return -EFAULT;
    return 0;
}

i64 linux_getrusage(i32 who, u64 usage) {
    struct process *p = current();
    if (who == -1)
        return usage_put(usage, p->children_ticks, p->child_minor_faults);
    if (who == 1)
        return usage_put(usage, thread_ticks(current_thread()), p->minor_faults);
    return who ? -EINVAL : usage_put(usage, process_ticks(p), p->minor_faults);
}

i64 linux_times(u64 to) {
    struct process *p = current();
    u64 tick = TIME_SECOND / LINUX_CLK_TCK;
    struct linux_tms t = {.utime = (i64)(process_cpu_ns(p) / tick),
                          .cutime = (i64)(time_from_tsc_delta(p->children_ticks) / tick)};
    if (to && copy_to_user(to, &t, sizeof(t)))
        return -EFAULT;
    return (i64)(time_monotonic() / tick);
}

// For init: takes one of its children that has ended. Its pid, or 0 or an error.
i64 process_wait_any(u32 *status) {
    struct wait_request w = {.type = P_ALL, .options = (i32)(WALL | WEXITED | WNOHANG)};
    if (wait_try(&w) != 1)
        return 0;
    *status = w.status;
    return w.pid;
}
