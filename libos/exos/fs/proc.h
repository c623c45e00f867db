// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// /proc: made up at each look from the tables of processes. A vnode here is an entry of a table
// (what it is), the process it is about, and a number (descriptor or thread).

#ifndef EXOS_FS_PROC_H
#define EXOS_FS_PROC_H

#include "base/format.h"
#include "libos/exos/fs/vnode.h"

struct process;

enum proc_kind { PROC_DIR, PROC_TEXT, PROC_LINK };

enum proc_dynamic {
    PROC_STATIC, // the entries of its table only
    PROC_PIDS,   // and the processes
    PROC_FDS,    // the descriptors of the process
    PROC_TASKS,  // its threads
};

struct proc_entry {
    const char *name;
    enum proc_kind kind;
    u16 mode;
    enum proc_dynamic dynamic;
    const struct proc_entry *entries; // of a directory; ends with a NULL name
    // The text now; p is NULL for entries that are about no process.
    void (*text)(struct format_text *to, struct process *p, u32 number);
    i64 (*follow)(struct process *p, u32 number, struct dentry **target);
};

// What is in /proc, and in /proc/PID (proc_text.c, proc_pid.c).
extern const struct proc_entry proc_root_entries[];
extern const struct proc_entry proc_pid_entries[];
extern const struct proc_entry proc_task_entries[];
extern const struct proc_entry proc_pid_dir, proc_task_dir, proc_fd_link;

// The root directory's vnode, one reference. NULL: no memory.
struct vnode *proc_root(void);
// /proc/PID as a dentry, for "self".
i64 proc_pid_dentry(u32 pid, struct dentry **found);

bool proc_parse_number(const char *text, u32 length, u32 *number);

#endif
