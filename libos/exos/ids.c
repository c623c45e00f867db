// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls of identity: process, group, session, users, limits, priorities.

#include "base/string.h"
#include "libos/exos/fs/fs.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/uaccess.h"

#define UNCHANGED 0xffffffffu

i64 linux_getpid(void) {
    return current()->pid;
}
i64 linux_gettid(void) {
    return current_thread()->tid;
}
i64 linux_getppid(void) {
    return current()->parent ? current()->parent->pid : 0;
}
i64 linux_getpgrp(void) {
    return current()->pgrp;
}
i64 linux_getuid(void) {
    return current()->uid;
}
i64 linux_geteuid(void) {
    return current()->euid;
}
i64 linux_getgid(void) {
    return current()->gid;
}
i64 linux_getegid(void) {
    return current()->egid;
}

static struct process *process_or_self(i32 pid) {
    return pid ? process_find((u32)pid) : current();
}

i64 linux_getpgid(i32 pid) {
    struct process *p = process_or_self(pid);
    return p ? (i64)p->pgrp : -ESRCH;
}

i64 linux_getsid(i32 pid) {
    struct process *p = process_or_self(pid);
    return p ? (i64)p->session : -ESRCH;
}

i64 linux_setpgid(i32 pid, i32 pgrp) {
    struct process *me = current(), *p = process_or_self(pid);
    if (pgrp < 0)
        return -EINVAL;
    if (!p || (p != me && p->parent != me))
        return -ESRCH;
    if (p != me && p->session != me->session)
        return -EPERM;
    if (p != me && p->execed)
        return -EACCES;
    if (p->session == p->pid)
        return -EPERM;
    u32 group = pgrp ? (u32)pgrp : p->pid;
    if (group != p->pid) {
        bool found = false;
        PROCESS_FOR_EACH(q)
        found |= q->pgrp == group && q->session == me->session;
        if (!found)
            return -EPERM;
    }
    p->pgrp = group;
    return 0;
}

i64 linux_setsid(void) {
    struct process *me = current();
    PROCESS_FOR_EACH(p) {
        if (p->pgrp == me->pid)
            return -EPERM;
    }
    me->session = me->pgrp = me->pid;
    me->tty = NULL;
    return me->pid;
}

// --- users
// -------------------------------------------------------------------------------------------------------------------

// May the caller take this id? Super-user: any; others: one that it has.
static bool uid_allowed(u32 id) {
    struct process *p = current();
    return id == UNCHANGED || p->euid == 0 || id == p->uid || id == p->euid || id == p->suid;
}
static bool gid_allowed(u32 id) {
    struct process *p = current();
    return id == UNCHANGED || p->euid == 0 || id == p->gid || id == p->egid || id == p->sgid;
}
static void set_id(u32 *to, u32 id) {
    if (id != UNCHANGED)
        *to = id;
}

i64 linux_setresuid(u32 ruid, u32 euid, u32 suid) {
    struct process *p = current();
    if (!uid_allowed(ruid) || !uid_allowed(euid) || !uid_allowed(suid))
        return -EPERM;
    set_id(&p->uid, ruid);
    set_id(&p->euid, euid);
    set_id(&p->suid, suid);
    p->fsuid = p->euid;
    return 0;
}

i64 linux_setresgid(u32 rgid, u32 egid, u32 sgid) {
    struct process *p = current();
    if (!gid_allowed(rgid) || !gid_allowed(egid) || !gid_allowed(sgid))
        return -EPERM;
    set_id(&p->gid, rgid);
    set_id(&p->egid, egid);
    set_id(&p->sgid, sgid);
    p->fsgid = p->egid;
    return 0;
}

i64 linux_setuid(u32 uid) {
    struct process *p = current();
    if (uid == UNCHANGED)
        return -EINVAL;
    return p->euid == 0 ? linux_setresuid(uid, uid, uid)
                        : linux_setresuid(UNCHANGED, uid, UNCHANGED);
}

i64 linux_setgid(u32 gid) {
    struct process *p = current();
    if (gid == UNCHANGED)
        return -EINVAL;
    return p->euid == 0 ? linux_setresgid(gid, gid, gid)
                        : linux_setresgid(UNCHANGED, gid, UNCHANGED);
}

i64 linux_setreuid(u32 ruid, u32 euid) {
    struct process *p = current();
    u32 old = p->uid;
    i64 error = linux_setresuid(ruid, euid, UNCHANGED);
    if (!error && (ruid != UNCHANGED || (euid != UNCHANGED && euid != old)))
        p->suid = p->euid;
    return error;
}

i64 linux_setregid(u32 rgid, u32 egid) {
    struct process *p = current();
    u32 old = p->gid;
    i64 error = linux_setresgid(rgid, egid, UNCHANGED);
    if (!error && (rgid != UNCHANGED || (egid != UNCHANGED && egid != old)))
        p->sgid = p->egid;
    return error;
}

static i64 put_three(u64 a, u64 b, u64 c, const u32 *ids) {
    return put_user_u32(a, ids[0]) || put_user_u32(b, ids[1]) || put_user_u32(c, ids[2]) ? -EFAULT
                                                                                         : 0;
}

i64 linux_getresuid(u64 ruid, u64 euid, u64 suid) {
    return put_three(ruid, euid, suid, &current()->uid);
}
i64 linux_getresgid(u64 rgid, u64 egid, u64 sgid) {
    return put_three(rgid, egid, sgid, &current()->gid);
}

i64 linux_setfsuid(u32 uid) {
    struct process *p = current();
    u32 old = p->fsuid;
    if (uid != UNCHANGED && (uid_allowed(uid) || uid == old))
        p->fsuid = uid;
    return old;
}

i64 linux_setfsgid(u32 gid) {
    struct process *p = current();
    u32 old = p->fsgid;
    if (gid != UNCHANGED && (gid_allowed(gid) || gid == old))
        p->fsgid = gid;
    return old;
}

i64 linux_getgroups(i32 count, u64 list) {
    struct process *p = current();
    if (count < 0 || (count && (u32)count < p->group_count))
        return -EINVAL;
    if (count && copy_to_user(list, p->groups, p->group_count * sizeof(u32)))
        return -EFAULT;
    return p->group_count;
}

i64 linux_setgroups(i32 count, u64 list) {
    struct process *p = current();
    u32 groups[PROCESS_GROUPS_MAX];
    if (!process_is_super())
        return -EPERM;
    if (count < 0 || count > PROCESS_GROUPS_MAX)
        return -EINVAL;
    if (copy_from_user(groups, list, (u64)count * sizeof(u32)))
        return -EFAULT;
    memcpy(p->groups, groups, (u64)count * sizeof(u32));
    p->group_count = (u32)count;
    return 0;
}

// --- limits and priorities
// -----------------------------------------------------------------------------------------------------

i64 linux_prlimit64(i32 pid, u32 resource, u64 limit, u64 old) {
    struct process *p = process_or_self(pid), *me = current();
    struct rlimit new;
    if (resource >= LINUX_RLIMITS)
        return -EINVAL;
    if (limit && copy_from_user(&new, limit, sizeof(new)))
        return -EFAULT;
    if (!p)
        return -ESRCH;
    if (p != me && me->euid && (me->uid != p->uid || me->uid != p->euid || me->uid != p->suid))
        return -EPERM;
    struct rlimit was = p->limits[resource];
    if (limit) {
        if (new.soft > new.hard)
            return -EINVAL;
        if (new.hard > was.hard && !process_is_super())
            return -EPERM;
        p->limits[resource] = new;
        p->cpu_told = 0;
    }
    return old && copy_to_user(old, &was, sizeof(was)) ? -EFAULT : 0;
}

i64 linux_getrlimit(u32 resource, u64 limit) {
    return linux_prlimit64(0, resource, 0, limit);
}
i64 linux_setrlimit(u32 resource, u64 limit) {
    return limit ? linux_prlimit64(0, resource, limit, 0) : -EFAULT;
}

// which: 0 process, 1 group, 2 user.
static bool priority_matches(const struct process *p, i32 which, i32 who) {
    struct process *me = current();
    switch (which) {
    case 0:
        return p->pid == (who ? (u32)who : me->pid);
    case 1:
        return p->pgrp == (who ? (u32)who : me->pgrp);
    default:
        return p->uid == (who ? (u32)who : me->uid);
    }
}

i64 linux_getpriority(i32 which, i32 who) {
    i64 best = -ESRCH;
    if (which < 0 || which > 2)
        return -EINVAL;
    PROCESS_FOR_EACH(p) {
        if (priority_matches(p, which, who) && 20 - p->nice > best)
            best = 20 - p->nice;
    }
    return best;
}

i64 linux_setpriority(i32 which, i32 who, i32 nice) {
    i64 result = -ESRCH;
    if (which < 0 || which > 2)
        return -EINVAL;
    nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
    PROCESS_FOR_EACH(p) {
        if (!priority_matches(p, which, who))
            continue;
        if (nice < p->nice && !process_is_super())
            return -EACCES;
        p->nice = nice;
        result = 0;
    }
    return result;
}
