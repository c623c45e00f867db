// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Sending signals and taking them, see signal.h. What a signal does to the program's registers is
// in signal_frame.c.

#include "libos/exos/signal.h"
#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/trap.h"

#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define STOPS                                                                                      \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define IGNORED_BY_DEFAULT                                                                         \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))

static const struct signal_action *action_of(const struct process *p, int signal) {
    return &p->actions->action[signal];
}

bool signal_ignored(const struct process *p, int signal) {
    u64 handler = action_of(p, signal)->handler;
    return handler == SIG_IGN || (handler == SIG_DFL && SIGNAL_BIT(signal) & IGNORED_BY_DEFAULT);
}

bool signal_blocked_or_ignored(int signal) {
    return current_thread()->blocked & SIGNAL_BIT(signal) || signal_ignored(current(), signal);
}

// --- sets
// ------------------------------------------------------------------------------------------------------------------

static i64 set_add(struct signal_set *set, const struct linux_siginfo *info) {
    u64 bit = SIGNAL_BIT(info->signo);
    if (info->signo < SIGRTMIN && set->pending & bit)
        return 0;
    struct signal_queued *q = pod_alloc(sizeof(*q)), **link = &set->queue;
    if (!q && info->signo >= SIGRTMIN)
        return -EAGAIN;
    set->pending |= bit;
    if (!q)
        return 0;
    q->info = *info;
    while (*link)
        link = &(*link)->next;
    *link = q;
    return 0;
}

// Takes the lowest pending signal of mask.
static int set_take(struct signal_set *set, u64 mask, struct linux_siginfo *info) {
    u64 candidates = set->pending & mask;
    if (!candidates)
        return 0;
    int signal = __builtin_ctzl(candidates) + 1;
    *info = (struct linux_siginfo){.signo = signal, .code = SI_USER};
    struct signal_queued **link = &set->queue;
    while (*link && (*link)->info.signo != signal)
        link = &(*link)->next;
    if (*link) {
        struct signal_queued *q = *link;
        *info = q->info;
        *link = q->next;
        pod_free(q);
    }
    for (struct signal_queued *q = *link; q; q = q->next) {
        if (q->info.signo == signal)
            return signal; // one more of a real-time signal
    }
    set->pending &= ~SIGNAL_BIT(signal);
    return signal;
}

static void set_discard(struct signal_set *set, u64 mask) {
    struct linux_siginfo info;
    while (set->pending & mask)
        set_take(set, mask, &info);
}

void signal_set_clear(struct signal_set *set) {
    if (set->pending)
        set_discard(set, ~0ul);
}

void signal_discard(struct process *p, u64 mask) {
    set_discard(&p->signals, mask);
    for (struct thread *t = p->threads; t; t = t->next)
        set_discard(&t->signals, mask);
}

int signal_take(struct thread *t, u64 mask, struct linux_siginfo *info) {
    // Exceptions and SIGKILL first.
    u64 first = mask & (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) |
                        SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGFPE));
    if (!((t->signals.pending | t->process->signals.pending) & mask))
        return 0;
    int signal = set_take(&t->signals, first, info);
    if (!signal)
        signal = set_take(&t->process->signals, first, info);
    if (!signal)
        signal = set_take(&t->signals, mask, info);
    return signal ? signal : set_take(&t->process->signals, mask, info);
}

void signal_set_blocked(u64 mask) {
    struct thread *t = current_thread();
    t->blocked = mask & ~UNBLOCKABLE;
    if ((t->signals.pending | t->process->signals.pending) & ~t->blocked)
        t->work |= THREAD_WORK_SIGNAL;
}

// --- sending
// ---------------------------------------------------------------------------------------------------------------

struct linux_siginfo signal_info_user(int signal, i32 code) {
    struct linux_siginfo info;
    signal_info_clear(&info);
    info.signo = signal;
    info.code = code;
    info.child.pid = (i32)current()->pid;
    info.child.uid = current()->uid;
    return info;
}

static void process_kick(struct process *p) {
    for (struct thread *t = p->threads; t; t = t->next)
        thread_kick(t);
}

// The effects that come before delivery: stop signals and SIGCONT cancel each other, SIGCONT and
// SIGKILL make a stopped process run.
static void send_effects(struct process *p, int signal) {
    u64 bit = SIGNAL_BIT(signal);
    if (bit & STOPS)
        signal_discard(p, SIGNAL_BIT(SIGCONT));
    if (signal == SIGCONT)
        signal_discard(p, STOPS);
    if (p->state == PROCESS_STOPPED && (signal == SIGCONT || signal == SIGKILL)) {
        p->state = PROCESS_RUNNING;
        if (signal == SIGCONT) {
            p->continued = true;
            p->stop_reported = true;
            signal_child_event(p, CLD_CONTINUED, SIGCONT);
        }
        process_kick(p);
    }
}

static bool is_program(const struct process *p) {
    return p->state != PROCESS_ZOMBIE && p->actions && p->threads && p != &init_process;
}

i64 signal_send_thread(struct thread *t, const struct linux_siginfo *info) {
    struct process *p = t->process;
    if (!info->signo || !is_program(p))
        return 0;
    send_effects(p, info->signo);
    u64 bit = SIGNAL_BIT(info->signo);
    if (signal_ignored(p, info->signo) && !(t->blocked & bit))
        return 0;
    i64 error = set_add(&t->signals, info);
    if (!error && !(t->blocked & bit))
        thread_kick(t);
    return error;
}

i64 signal_send_info(struct process *p, const struct linux_siginfo *info) {
    if (!info->signo || !is_program(p))
        return 0;
    send_effects(p, info->signo);
    u64 bit = SIGNAL_BIT(info->signo);
    struct thread *taker = NULL;
    bool blocked = false;
    for (struct thread *t = p->threads; t; t = t->next) {
        if (t->blocked & bit && !(t->waited & bit))
            blocked = true;
        else if (!taker || t->sleeping)
            taker = t;
    }
    if (signal_ignored(p, info->signo) && taker && !blocked && !(taker->waited & bit))
        return 0;
    i64 error = set_add(&p->signals, info);
    if (!error && info->signo == SIGKILL)
        process_kick(p);
    else if (!error && taker)
        thread_kick(taker);
    return error;
}

i64 signal_send(struct process *p, int signal) {
    return signal_send_info(p, &(struct linux_siginfo){.signo = signal, .code = SI_KERNEL});
}

i64 signal_send_pgrp(u32 pgrp, int signal) {
    i64 result = -ESRCH;
    struct linux_siginfo info = {.signo = signal, .code = SI_KERNEL};
    PROCESS_FOR_EACH(p) {
        if (p->pgrp == pgrp && p != &init_process) {
            signal_send_info(p, &info);
            result = 0;
        }
    }
    return result;
}

void signal_force(struct thread *t, const struct linux_siginfo *info) {
    u64 bit = SIGNAL_BIT(info->signo);
    const struct signal_action *a = action_of(t->process, info->signo);
    if (t->blocked & bit || a->handler == SIG_IGN) {
        struct signal_actions *own = signal_actions_own(t->process);
        if (own)
            own->action[info->signo].handler = SIG_DFL;
        t->blocked &= ~bit;
    }
    set_discard(&t->signals, bit);
    set_add(&t->signals, info);
    t->work |= THREAD_WORK_SIGNAL;
}

void signal_child_event(struct process *child, i32 code, u32 status) {
    struct process *parent = child->parent;
    if (!parent)
        return;
    bool ended = code == CLD_EXITED || code == CLD_KILLED;
    int signal = ended ? (int)child->exit_signal : SIGCHLD;
    if (signal && parent != &init_process &&
        (ended || !(action_of(parent, SIGCHLD)->flags & SA_NOCLDSTOP))) {
        struct linux_siginfo info = {.signo = signal, .code = code};
        info.child.pid = (i32)child->pid;
        info.child.uid = child->uid;
        info.child.status = code == CLD_EXITED   ? (i32)(status >> 8 & 0xff)
                            : code == CLD_KILLED ? (i32)(status & 0x7f)
                                                 : (i32)status;
        signal_send_info(parent, &info);
    }
    process_wake_parent(parent);
}

bool pgrp_is_orphaned(u32 pgrp) {
    PROCESS_FOR_EACH(p) {
        if (p->pgrp == pgrp && p->state != PROCESS_ZOMBIE && p->parent &&
            p->parent != &init_process && p->parent->pgrp != pgrp &&
            p->parent->session == p->session)
            return false;
    }
    return true;
}

// --- taking
// ------------------------------------------------------------------------------------------------------------------

bool signal_pending(void) {
    struct thread *t = current_thread();
    struct process *p = t->process;
    if (t->exit_asked || p->state == PROCESS_STOPPED)
        return true;
    u64 pending = (t->signals.pending | p->signals.pending) & ~t->blocked;
    while (pending) {
        int signal = __builtin_ctzl(pending) + 1;
        if (!signal_ignored(p, signal))
            return true;
        signal_discard(p, SIGNAL_BIT(signal)); // was blocked when it came
        pending &= pending - 1;
    }
    return false;
}

bool signal_kill_pending(void) {
    struct thread *t = current_thread();
    return t->exit_asked ||
           (t->signals.pending | t->process->signals.pending) & SIGNAL_BIT(SIGKILL);
}

static void stop_process(struct process *p, int signal) {
    p->state = PROCESS_STOPPED;
    p->stop_signal = (u32)signal;
    p->stop_reported = p->continued = false;
    for (struct thread *t = p->threads; t; t = t->next) {
        if (t != current_thread())
            thread_kick(t);
    }
    signal_child_event(p, CLD_STOPPED, (u32)signal);
}

static void default_action(struct process *p, int signal) {
    u64 bit = SIGNAL_BIT(signal);
    if (bit & IGNORED_BY_DEFAULT)
        return;
    if (!(bit & STOPS)) {
        process_exit((u32)signal);
    }
    if (signal == SIGSTOP || !pgrp_is_orphaned(p->pgrp))
        stop_process(p, signal);
}

// What an interrupted call becomes before a handler runs (action) or when none does (NULL).
static void restart_call(struct trap_frame *tf, const struct signal_action *action) {
    struct upcall_frame *f = &tf->frame;
    if (f->vector != UPCALL_SYSCALL)
        return;
    bool again;
    switch (-(i64)f->rax) {
    case ERESTARTSYS:
        again = !action || action->flags & SA_RESTART;
        break;
    case ERESTARTNOINTR:
        again = true;
        break;
    case ERESTARTNOHAND:
    case ERESTART_RESTARTBLOCK:
        again = !action;
        break;
    default:
        return;
    }
    if (!again) {
        f->rax = (u64)-EINTR;
        return;
    }
    f->rax = (i64)f->rax == -ERESTART_RESTARTBLOCK ? 219 : f->reserved[TRAP_NUMBER];
    f->rip -= 2; // the syscall instruction
}

// Runs the handler of a signal; the process dies if its stack cannot take the frame.
static void run_handler(struct trap_frame *tf, const struct linux_siginfo *info) {
    struct thread *t = current_thread();
    struct process *p = t->process;
    struct signal_action action = *action_of(p, info->signo);
    restart_call(tf, &action);
    u64 saved = t->restore_mask ? t->saved_mask : t->blocked;
    t->restore_mask = false;
    if (signal_frame_push(tf, info, &action, saved))
        process_exit(SIGSEGV);
    u64 mask = t->blocked | action.mask;
    if (!(action.flags & SA_NODEFER))
        mask |= SIGNAL_BIT(info->signo);
    t->blocked = mask & ~UNBLOCKABLE;
    if (action.flags & SA_RESETHAND) {
        struct signal_actions *own = signal_actions_own(p);
        if (own)
            own->action[info->signo].handler = SIG_DFL;
    }
}

// The calling thread would run the signal's handler now, and has nothing else to look at.
static bool may_run_now(const struct thread *t, int signal) {
    const struct process *p = t->process;
    return action_of(p, signal)->handler > SIG_IGN && !(t->blocked & SIGNAL_BIT(signal)) &&
           !((t->signals.pending | p->signals.pending) & ~t->blocked) && !t->exit_asked &&
           !t->restore_mask && !t->self_signal && p->state == PROCESS_RUNNING;
}

bool signal_may_now(const struct thread *t, int signal) {
    u64 flags = action_of(t->process, signal)->flags;
    return may_run_now(t, signal) && pod_has_xsave && t->process->thread_count == 1 &&
           (flags & (SA_RESTORER | SA_ONSTACK | SA_RESETHAND)) == SA_RESTORER &&
           !(t->altstack_flags & SS_AUTODISARM);
}

bool signal_run_now(struct trap_frame *tf, const struct linux_siginfo *info) {
    if (!may_run_now(current_thread(), info->signo))
        return false;
    run_handler(tf, info);
    return true;
}

bool signal_to_self(int signal, i32 code) {
    struct thread *t = current_thread();
    if (signal < 1 || t->process->thread_count != 1 ||
        SIGNAL_BIT(signal) & (STOPS | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGKILL)) ||
        !may_run_now(t, signal))
        return false;
    t->self_signal = signal;
    t->self_code = code;
    t->work |= THREAD_WORK_SIGNAL;
    return true;
}

void signal_deliver(struct trap_frame *tf) {
    struct thread *t = current_thread();
    struct process *p = t->process;
    struct linux_siginfo info;
    if (t->self_signal) {
        info = signal_info_user(t->self_signal, t->self_code);
        t->self_signal = 0;
        run_handler(tf, &info);
    }
    for (;;) {
        if (t->exit_asked)
            thread_exit(p->status);
        if (p->state == PROCESS_STOPPED) {
            wait_sleep_always(WAIT_FOREVER);
            continue;
        }
        int signal = 0;
        if ((t->signals.pending | p->signals.pending) & ~t->blocked)
            signal = signal_take(t, ~t->blocked, &info);
        if (!signal)
            break;
        u64 handler = action_of(p, signal)->handler;
        if (handler == SIG_DFL || signal == SIGKILL || signal == SIGSTOP)
            default_action(p, signal);
        else if (handler != SIG_IGN)
            run_handler(tf, &info);
    }
    restart_call(tf, NULL);
    if (t->restore_mask) {
        t->restore_mask = false;
        signal_set_blocked(t->saved_mask);
    }
}
