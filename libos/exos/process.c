// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The process table and what processes share or inherit, see process.h.

#include "libos/exos/process.h"
#include "base/format.h"
#include "base/string.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"

#define PID_MAX 32768u

struct process *process_first;
struct process init_process;
static u32 last_pid;
static bool pids_wrapped;

struct process *process_find(u32 pid) {
    PROCESS_FOR_EACH(p) {
        if (p->pid == pid)
            return p;
    }
    return NULL;
}

struct process *process_init(void) {
    return &init_process;
}

static bool pid_used(u32 pid) {
    PROCESS_FOR_EACH(p) {
        if (p->pid == pid || p->pgrp == pid || p->session == pid)
            return true;
        for (struct thread *t = p->threads; t; t = t->next) {
            if (t->tid == pid)
                return true;
        }
    }
    return false;
}

u32 pid_new(void) {
    do {
        if (++last_pid >= PID_MAX) {
            last_pid = 300;
            pids_wrapped = true;
        }
    } while (pids_wrapped && pid_used(last_pid));
    return last_pid;
}

void process_link(struct process *p) {
    p->next = process_first;
    p->link = &process_first;
    if (p->next)
        p->next->link = &p->next;
    process_first = p;
}

struct process *process_new(void) {
    struct process *p = pod_alloc(sizeof(*p));
    if (!p)
        return NULL;
    p->pid = pid_new();
    process_link(p);
    return p;
}

void process_free(struct process *p) {
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    pod_free(p);
}

void process_adopt(struct process *parent, struct process *child) {
    child->parent = parent;
    child->parent_pid = parent->pid;
    child->sibling_next = parent->children;
    child->sibling_link = &parent->children;
    if (child->sibling_next)
        child->sibling_next->sibling_link = &child->sibling_next;
    parent->children = child;
}

void process_orphan(struct process *child) {
    *child->sibling_link = child->sibling_next;
    if (child->sibling_next)
        child->sibling_next->sibling_link = child->sibling_link;
    child->parent = NULL;
    child->parent_pid = 0;
}

struct exec_info *exec_info_get(struct exec_info *info) {
    info->users++;
    return info;
}

void exec_info_put(struct exec_info *info) {
    if (!info || --info->users)
        return;
    if (info->vnode)
        vnode_put(info->vnode);
    pod_free(info->path);
    pod_free(info->cmdline);
    pod_free(info);
}

struct signal_actions *signal_actions_own(struct process *p) {
    if (p->actions->users == 1)
        return p->actions;
    struct signal_actions *copy = pod_alloc(sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *p->actions;
    copy->users = 1;
    p->actions->users--;
    p->actions = copy;
    return copy;
}

void signal_actions_put(struct signal_actions *actions) {
    if (!--actions->users)
        pod_free(actions);
}

void process_vfork_done(struct process *p) {
    if (!p->vfork)
        return;
    p->vfork->done = true;
    wait_wake_all(&p->vfork->queue);
    p->vfork = NULL;
}

u64 thread_ticks(const struct thread *t) {
    const volatile struct abi_env *e = kernel_env(t->env);
    return e->id == t->env ? e->ran - t->ran_before : 0;
}

u64 process_ticks(const struct process *p) {
    u64 ticks = p->dead_ticks;
    for (const struct thread *t = p->threads; t; t = t->next)
        ticks += thread_ticks(t);
    return ticks;
}

u64 process_cpu_ns(const struct process *p) {
    return time_from_tsc_delta(process_ticks(p));
}

u64 process_vm_bytes(const struct process *p) {
    return p->mm ? areas_bytes(&p->mm->areas) : 0;
}

u64 process_resident_pages(const struct process *p) {
    return p->mm ? p->mm->resident : 0;
}

char process_state_letter(const struct process *p) {
    if (p->state == PROCESS_ZOMBIE)
        return 'Z';
    if (p->state == PROCESS_STOPPED)
        return 'T';
    for (const struct thread *t = p->threads; t; t = t->next) {
        if (!t->sleeping)
            return 'R';
    }
    return 'S';
}

u64 process_maps_text(const struct process *p, char *text, u64 size) {
    struct format_text out = {text, size, 0};
    for (u32 i = 0; p->mm && i < p->mm->areas.count; i++) {
        const struct area *a = &p->mm->areas.list[i];
        const char *name = a->flags & AREA_HEAP                     ? "[heap]"
                           : a->flags & AREA_STACK                  ? "[stack]"
                           : a->vnode && a->vnode == p->exec->vnode ? p->exec->path
                                                                    : "";
        format_append(&out, "%08lx-%08lx %c%c%c%c %08lx 00:00 0 %*s%s\n", a->start, a->end,
                      a->prot & PROT_READ ? 'r' : '-', a->prot & PROT_WRITE ? 'w' : '-',
                      a->prot & PROT_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
                      a->offset, *name ? 20 : 0, "", name);
    }
    return out.length < size ? out.length : size - 1;
}
