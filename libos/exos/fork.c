// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// clone, fork, vfork, clone3.

#include "base/string.h"
#include "libos/exos/boot.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_sched.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"

struct clone {
    u64 flags;
    u64 stack; // 0: the caller's
    u64 parent_tid, child_tid, tls;
    u32 exit_signal;
};

// The new thread starts with the caller's registers, result 0.
static void thread_inherit(struct thread *to, const struct clone *c) {
    struct thread *from = current_thread();
    struct trap_frame *tf = thread_trap_frame(to);
    *tf = *thread_trap_frame(from);
    tf->frame.rax = 0;
    if (c->stack)
        tf->frame.rsp = c->stack;
    fp_snapshot(to);
    if (to->gs_base == (u64)from->uarea)
        to->gs_base = (u64)to->uarea;
    if (c->flags & CLONE_SETTLS)
        to->fs_base = c->tls;
    to->blocked = from->restore_mask ? from->saved_mask : from->blocked;
    if (!(c->flags & CLONE_VM) || c->flags & CLONE_VFORK) {
        to->altstack_base = from->altstack_base;
        to->altstack_bytes = from->altstack_bytes;
        to->altstack_flags = from->altstack_flags;
    } else {
        to->altstack_flags = SS_DISABLE;
    }
    if (c->flags & CLONE_CHILD_CLEARTID)
        to->clear_tid = c->child_tid;
    if (c->flags & CLONE_CHILD_SETTID) {
        to->set_tid = c->child_tid;
        to->work |= THREAD_WORK_SETTID;
    }
}

static i64 clone_thread(const struct clone *c) {
    struct process *p = current();
    struct thread *t = thread_again(p);
    if (!t && !(t = thread_new(p)))
        return -EAGAIN;
    t->tid = pid_new();
    thread_inherit(t, c);
    if (c->flags & CLONE_PARENT_SETTID && put_user_u32(c->parent_tid, t->tid)) {
        thread_free(t);
        return -EFAULT;
    }
    i64 error = thread_launch(t, p->mm->space);
    if (error) {
        thread_free(t);
        return error;
    }
    thread_link(t, p);
    return t->tid;
}

static u32 processes_of_user(u32 uid) {
    u32 n = 0;
    PROCESS_FOR_EACH(p)
    n += p->uid == uid;
    return n;
}

// What a child has of its parent, but for mm and thread.
static struct process *process_inherit(struct process *parent, const struct clone *c) {
    struct process *p = process_new();
    if (!p)
        return NULL;
    p->pgrp = parent->pgrp;
    p->session = parent->session;
    p->tty = parent->tty;
    memcpy(p->comm, parent->comm, sizeof(p->comm));
    memcpy(&p->uid, &parent->uid,
           __builtin_offsetof(struct process, actions) - __builtin_offsetof(struct process, uid));
    p->state = PROCESS_RUNNING;
    p->exit_signal = c->exit_signal;
    p->start_ns = time_monotonic();
    p->exec = exec_info_get(parent->exec);
    p->actions = parent->actions;
    p->actions->users++;
    p->files = c->flags & CLONE_FILES ? files_get(parent->files) : files_clone(parent->files);
    p->fs = c->flags & CLONE_FS ? fs_ctx_get(parent->fs) : fs_ctx_clone(parent->fs);
    process_adopt(parent, p);
    return p;
}

// A child that never ran.
static void process_abandon(struct process *p) {
    process_orphan(p);
    if (p->files)
        files_put(p->files);
    if (p->fs)
        fs_ctx_put(p->fs);
    if (p->mm)
        mm_put(p->mm);
    exec_info_put(p->exec);
    signal_actions_put(p->actions);
    process_free(p);
}

static i64 clone_process(const struct clone *c) {
    struct process *parent = current(), *p = process_inherit(parent, c);
    if (!p)
        return -ENOMEM;
    struct thread *t = thread_new(p);
    i64 error = p->files && p->fs && t ? 0 : -ENOMEM;
    if (!error) {
        if (c->flags & CLONE_VM) {
            p->mm = parent->mm;
            p->mm->users++;
        } else {
            p->mm = mm_fork(parent->mm, &error);
        }
    }
    if (!error) {
        t->tid = p->pid;
        thread_inherit(t, c);
        if (c->flags & CLONE_PARENT_SETTID)
            put_user_u32(c->parent_tid, t->tid);
        error = thread_launch(t, p->mm->space);
    }
    if (error) {
        if (t)
            thread_free(t);
        process_abandon(p);
        return error;
    }
    thread_link(t, p);
    u32 pid = p->pid;
    if (c->flags & CLONE_VFORK) {
        struct vfork_wait w = {0};
        struct wait_entry e;
        p->vfork = &w;
        wait_add(&w.queue, &e);
        while (!w.done && !wait_sleep_killable(WAIT_FOREVER))
            ;
        wait_remove(&e);
        if (!w.done) // killed: the child goes on alone
            p->vfork = NULL;
    }
    return pid;
}

static i64 clone_any(const struct clone *c) {
    u64 f = c->flags;
    if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM)) ||
        f & CLONE_NAMESPACES || (f & CLONE_VM && !(f & (CLONE_THREAD | CLONE_VFORK)) && !c->stack))
        return -EINVAL;
    struct process *p = current();
    if (!(f & CLONE_THREAD) && p->limits[RLIMIT_NPROC].soft != RLIM_INFINITY &&
        processes_of_user(p->uid) >= p->limits[RLIMIT_NPROC].soft)
        return -EAGAIN;
    return f & CLONE_THREAD ? clone_thread(c) : clone_process(c);
}

i64 linux_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
    struct clone c = {flags & ~0xfful, stack, parent_tid, child_tid, tls, flags & 0xff};
    return clone_any(&c);
}

i64 linux_fork(void) {
    return clone_any(&(struct clone){.exit_signal = SIGCHLD});
}

i64 linux_vfork(void) {
    return clone_any(&(struct clone){.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD});
}

i64 linux_clone3(u64 arguments, u64 bytes) {
    struct linux_clone_args a = {0};
    if (bytes < 64)
        return -EINVAL;
    if (bytes > sizeof(a))
        return -E2BIG;
    if (copy_from_user(&a, arguments, bytes))
        return -EFAULT;
    if (a.exit_signal > 64 || a.set_tid_size || (!a.stack) != (!a.stack_size) || a.flags & 0xff)
        return -EINVAL;
    struct clone c = {a.flags,      a.stack ? a.stack + a.stack_size : 0,
                      a.parent_tid, a.child_tid,
                      a.tls,        (u32)a.exit_signal};
    return clone_any(&c);
}
