// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Linux constants of clone, wait and prctl.

#ifndef EXOS_LINUX_UAPI_SCHED_H
#define EXOS_LINUX_UAPI_SCHED_H

#include "abi/types.h"

#define CLONE_VM             0x100ul
#define CLONE_FS             0x200ul
#define CLONE_FILES          0x400ul
#define CLONE_SIGHAND        0x800ul
#define CLONE_VFORK          0x4000ul
#define CLONE_PARENT         0x8000ul
#define CLONE_THREAD         0x10000ul
#define CLONE_SETTLS         0x80000ul
#define CLONE_PARENT_SETTID  0x100000ul
#define CLONE_CHILD_CLEARTID 0x200000ul
#define CLONE_CHILD_SETTID   0x1000000ul
#define CLONE_NAMESPACES     0x7e020000ul // NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET

struct linux_clone_args {
    u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

#define WNOHANG    1
#define WUNTRACED  2
#define WEXITED    4
#define WCONTINUED 8
#define WNOWAIT    0x01000000
#define WALL       0x40000000
#define WCLONE     0x80000000u
#define WNOTHREAD  0x20000000

#define P_ALL  0
#define P_PID  1
#define P_PGID 2

#define PR_SET_PDEATHSIG    1
#define PR_GET_PDEATHSIG    2
#define PR_GET_DUMPABLE     3
#define PR_SET_DUMPABLE     4
#define PR_SET_NAME         15
#define PR_GET_NAME         16
#define PR_SET_NO_NEW_PRIVS 38
#define PR_GET_NO_NEW_PRIVS 39

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

#endif
