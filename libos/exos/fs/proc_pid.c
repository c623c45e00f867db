// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What stands in /proc/PID.

#include "abi/layout.h"
#include "base/string.h"
#include "libos/exos/fs/dentry.h"
#include "libos/exos/fs/file.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/fs/path.h"
#include "libos/exos/fs/proc.h"
#include "libos/exos/fs/proc_priv.h"
#include "libos/exos/fs/self.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/time.h"
#include "libos/exos/tty/tty.h"

#define TICK_NS (TIME_SECOND / LINUX_CLK_TCK)

static u64 pending_of(const struct process *p) {
    return p->signals.pending | (p->threads ? p->threads->signals.pending : 0);
}

static void signal_masks(const struct process *p, u64 *ignored, u64 *caught) {
    *ignored = *caught = 0;
    for (int s = 1; p->actions && s <= LINUX_SIGNALS; s++) {
        u64 handler = p->actions->action[s].handler;
        if (handler == SIG_IGN)
            *ignored |= SIGNAL_BIT(s);
        else if (handler != SIG_DFL)
            *caught |= SIGNAL_BIT(s);
    }
}

static u32 parent_of(const struct process *p) {
    return p->parent ? p->parent->pid : 0;
}

static void text_stat(struct format_text *to, struct process *p, u32 number) {
    u64 ignored, caught;
    u64 cpu = process_cpu_ns(p) / TICK_NS;
    u64 children = time_from_tsc_delta(p->children_ticks) / TICK_NS;
    signal_masks(p, &ignored, &caught);
    format_append(to, "%u (%s) %c %u %u %u %lu %d 0 %lu %lu %lu 0 ", number ? number : p->pid,
                  p->comm, process_state_letter(p), parent_of(p), p->pgrp, p->session,
                  p->tty ? p->tty->rdev : 0, p->tty ? (i32)p->tty->pgrp : -1, p->minor_faults,
                  p->child_minor_faults, p->major_faults);
    format_append(to, "%lu 0 %lu 0 %d %d %u 0 %lu %lu %lu %lu ", cpu, children, 20 + p->nice,
                  p->nice, p->thread_count, p->start_ns / TICK_NS, process_vm_bytes(p),
                  process_resident_pages(p), p->limits[RLIMIT_RSS].soft);
    format_append(to, "0 0 0 0 0 %lu %lu %lu %lu 0 0 0 %u 0 0 0 0 0 0 0 0 0 0 0 0 0 %u\n",
                  pending_of(p), p->threads ? p->threads->blocked : 0, ignored, caught,
                  p->exit_signal, p->status);
}

static void text_statm(struct format_text *to, struct process *p, u32 number) {
    (void)number;
    u64 resident = process_resident_pages(p);
    format_append(to, "%lu %lu 0 0 0 %lu 0\n", process_vm_bytes(p) >> ABI_PAGE_SHIFT, resident,
                  resident);
}

static const char *state_name(char letter) {
    switch (letter) {
    case 'R':
        return "running";
    case 'T':
        return "stopped";
    case 'Z':
        return "zombie";
    default:
        return "sleeping";
    }
}

static void text_status(struct format_text *to, struct process *p, u32 number) {
    u64 ignored, caught, kb = process_resident_pages(p) * 4;
    char letter = process_state_letter(p);
    u32 umask = p->fs ? p->fs->umask : 0;
    signal_masks(p, &ignored, &caught);
    format_append(to,
                  "Name:\t%s\nUmask:\t0%u%u%u\nState:\t%c (%s)\nTgid:\t%u\nNgid:\t0\nPid:\t%u\n"
                  "PPid:\t%u\nTracerPid:\t0\n",
                  p->comm, umask >> 6 & 7, umask >> 3 & 7, umask & 7, letter, state_name(letter),
                  p->pid, number ? number : p->pid, parent_of(p));
    format_append(to, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", p->uid,
                  p->euid, p->suid, p->fsuid, p->gid, p->egid, p->sgid, p->fsgid,
                  p->files ? p->files->capacity : 0);
    for (u32 i = 0; i < p->group_count; i++)
        format_append(to, "%u ", p->groups[i]);
    if (p->mm)
        format_append(to, "\nVmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmRSS:\t%8lu kB",
                      process_vm_bytes(p) >> 10, process_vm_bytes(p) >> 10, kb);
    format_append(to,
                  "\nThreads:\t%u\nSigQ:\t0/1024\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n"
                  "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
                  p->thread_count, p->threads ? p->threads->signals.pending : 0, p->signals.pending,
                  p->threads ? p->threads->blocked : 0, ignored, caught);
    u64 caps = p->euid == 0 ? 0x1fffffffffful : 0;
    format_append(to,
                  "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\n"
                  "NoNewPrivs:\t0\nSeccomp:\t0\n",
                  0ul, caps, caps, 0x1fffffffffful);
}

static void text_cmdline(struct format_text *to, struct process *p, u32 number) {
    (void)number;
    const struct exec_info *e = p->exec;
    for (u32 i = 0; p->mm && i < e->cmdline_bytes; i++)
        format_append(to, "%c", e->cmdline[i]);
}

static void text_comm(struct format_text *to, struct process *p, u32 number) {
    (void)number;
    format_append(to, "%s\n", p->comm);
}

static void text_maps(struct format_text *to, struct process *p, u32 number) {
    (void)number;
    u64 room = to->length < to->size ? to->size - to->length : 0;
    u64 length = p->mm ? process_maps_text(p, to->text + to->length, room) : 0;
    to->length += length;
}

static void text_io(struct format_text *to, struct process *p, u32 number) {
    (void)p, (void)number;
    format_append(to, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
                      "cancelled_write_bytes: 0\n");
}

static void limit_line(struct format_text *to, const char *name, struct rlimit limit,
                       const char *unit) {
    char text[2][24];
    u64 values[2] = {limit.soft, limit.hard};
    for (int i = 0; i < 2; i++)
        if (values[i] == ~0ul)
            string_copy(text[i], "unlimited", sizeof(text[i]));
        else
            format_write(text[i], sizeof(text[i]), "%lu", values[i]);
    format_append(to, "%-25s %-20s %-20s %-10s\n", name, text[0], text[1], unit);
}

static void text_limits(struct format_text *to, struct process *p, u32 number) {
    static const struct {
        const char *name, *unit;
    } names[LINUX_RLIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    (void)number;
    format_append(to, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (u32 i = 0; i < LINUX_RLIMITS; i++)
        limit_line(to, names[i].name, p->limits[i], names[i].unit);
}

// --- links -----------------------------------------------------------------------------------

static bool may_look(const struct process *p) {
    u32 uid = self()->fsuid;
    return uid == 0 || uid == p->euid;
}

static i64 give(struct dentry *d, struct dentry **target) {
    if (!d)
        return -ENOENT;
    dentry_get(d);
    *target = d;
    return 0;
}

static i64 follow_cwd(struct process *p, u32 number, struct dentry **target) {
    (void)number;
    if (!may_look(p))
        return -EACCES;
    return give(p->fs ? p->fs->cwd : NULL, target);
}

static i64 follow_root(struct process *p, u32 number, struct dentry **target) {
    (void)number;
    if (!may_look(p))
        return -EACCES;
    return give(p->fs ? p->fs->root : NULL, target);
}

// The program by its name, if that still leads there; else by a name made up.
static i64 follow_exe(struct process *p, u32 number, struct dentry **target) {
    static char path[LINUX_PATH_MAX + 16];
    (void)number;
    if (!may_look(p))
        return -EACCES;
    if (!p->exec->vnode || !p->mm)
        return -ENOENT;
    if (p->exec->path && string_copy(path, p->exec->path, LINUX_PATH_MAX)) {
        struct dentry *d;
        if (!path_lookup(LINUX_AT_FDCWD, path, PATH_FOLLOW, &d)) {
            if (d->vnode == p->exec->vnode) {
                *target = d;
                return 0;
            }
            dentry_put(d);
        }
    }
    *target =
        dentry_plain(dentry_root, p->comm, (u32)strnlen(p->comm, sizeof(p->comm)), p->exec->vnode);
    if (!*target)
        return -ENOMEM;
    vnode_get(p->exec->vnode);
    return 0;
}

static i64 follow_fd(struct process *p, u32 number, struct dentry **target) {
    if (!may_look(p))
        return -EACCES;
    struct file *f = p->files ? files_at(p->files, (i32)number) : NULL;
    return f ? file_dentry(f, target) : -ENOENT;
}

const struct proc_entry proc_fd_link = {
    .name = "", .kind = PROC_LINK, .mode = 0700, .follow = follow_fd};

const struct proc_entry proc_task_entries[] = {
    {.name = "stat", .kind = PROC_TEXT, .mode = 0444, .text = text_stat},
    {.name = "status", .kind = PROC_TEXT, .mode = 0444, .text = text_status},
    {.name = "comm", .kind = PROC_TEXT, .mode = 0444, .text = text_comm},
    {.name = "cmdline", .kind = PROC_TEXT, .mode = 0444, .text = text_cmdline},
    {.name = NULL},
};

const struct proc_entry proc_pid_entries[] = {
    {.name = "cmdline", .kind = PROC_TEXT, .mode = 0444, .text = text_cmdline},
    {.name = "comm", .kind = PROC_TEXT, .mode = 0444, .text = text_comm},
    {.name = "cwd", .kind = PROC_LINK, .mode = 0777, .follow = follow_cwd},
    {.name = "exe", .kind = PROC_LINK, .mode = 0777, .follow = follow_exe},
    {.name = "fd", .kind = PROC_DIR, .mode = 0500, .dynamic = PROC_FDS},
    {.name = "io", .kind = PROC_TEXT, .mode = 0400, .text = text_io},
    {.name = "limits", .kind = PROC_TEXT, .mode = 0444, .text = text_limits},
    {.name = "maps", .kind = PROC_TEXT, .mode = 0444, .text = text_maps},
    {.name = "mountinfo", .kind = PROC_TEXT, .mode = 0444, .text = proc_text_mountinfo},
    {.name = "mounts", .kind = PROC_TEXT, .mode = 0444, .text = proc_text_mounts},
    {.name = "root", .kind = PROC_LINK, .mode = 0777, .follow = follow_root},
    {.name = "stat", .kind = PROC_TEXT, .mode = 0444, .text = text_stat},
    {.name = "statm", .kind = PROC_TEXT, .mode = 0444, .text = text_statm},
    {.name = "status", .kind = PROC_TEXT, .mode = 0444, .text = text_status},
    {.name = "task", .kind = PROC_DIR, .mode = 0555, .dynamic = PROC_TASKS},
    {.name = NULL},
};

const struct proc_entry proc_pid_dir = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .entries = proc_pid_entries};
const struct proc_entry proc_task_dir = {
    .name = "", .kind = PROC_DIR, .mode = 0555, .entries = proc_task_entries};
