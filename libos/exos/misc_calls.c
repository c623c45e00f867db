// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls that fit nowhere else: names of machine and process, the processor, randomness, what
// is accepted without effect.

#include "base/format.h"
#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_sched.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/random.h"
#include "libos/exos/time.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

char exos_hostname[65] = "tricolor";

i64 linux_uname(u64 to) {
    struct linux_utsname u = {.sysname = "Linux",
                              .release = "6.1.0-tricolor",
                              .version = "#1 SMP Tricolor ExOS",
                              .machine = "x86_64",
                              .domainname = "(none)"};
    string_copy(u.nodename, exos_hostname, sizeof(u.nodename));
    return copy_to_user(to, &u, sizeof(u));
}

i64 linux_sethostname(u64 name, u64 bytes) {
    char text[65] = {0};
    if (!process_is_super())
        return -EPERM;
    if (bytes > 64)
        return -EINVAL;
    if (copy_from_user(text, name, bytes))
        return -EFAULT;
    memcpy(exos_hostname, text, sizeof(text));
    return 0;
}

i64 linux_sysinfo(u64 to) {
    const volatile struct abi_account *a = abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(pod_account));
    struct linux_sysinfo s = {.uptime = (i64)(time_monotonic() / TIME_SECOND),
                              .totalram = a->quota << ABI_PAGE_SHIFT,
                              .freeram = (a->quota - a->frames + pod_pages_free())
                                         << ABI_PAGE_SHIFT,
                              .mem_unit = 1};
    PROCESS_FOR_EACH(p)
    s.procs++;
    return copy_to_user(to, &s, sizeof(s));
}

i64 linux_prctl(i32 option, u64 a, u64 b, u64 c, u64 d) {
    struct process *p = current();
    char name[16] = {0};
    (void)b, (void)c, (void)d;
    switch (option) {
    case PR_SET_NAME:
        if (strncpy_from_user(name, a, 15) == -EFAULT)
            return -EFAULT;
        memcpy(p->comm, name, 16);
        return 0;
    case PR_GET_NAME:
        return copy_to_user(a, p->comm, 16);
    case PR_GET_DUMPABLE:
        return 1;
    case PR_SET_DUMPABLE:
    case PR_SET_NO_NEW_PRIVS:
    case PR_GET_NO_NEW_PRIVS:
        return 0;
    default:
        return -EINVAL;
    }
}

// A GS base of 0 is how the program sees one that ExOS uses itself (trap.h).
i64 linux_arch_prctl(i32 code, u64 address) {
    u64 base, own = (u64)current_thread()->uarea;
    switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (address >= EXOS_USER_END)
            return -EPERM;
        if (code == ARCH_SET_FS)
            __asm__ volatile("wrfsbase %0" : : "r"(address));
        else
            __asm__ volatile("wrgsbase %0" : : "r"(address ? address : own));
        return 0;
    case ARCH_GET_FS:
        __asm__ volatile("rdfsbase %0" : "=r"(base));
        return put_user_u64(address, base);
    case ARCH_GET_GS:
        __asm__ volatile("rdgsbase %0" : "=r"(base));
        return put_user_u64(address, base == own ? 0 : base);
    default:
        return -EINVAL;
    }
}

i64 linux_set_tid_address(u64 address) {
    current_thread()->clear_tid = address;
    return current_thread()->tid;
}

i64 linux_set_robust_list(u64 head, u64 bytes) {
    if (bytes != 24)
        return -EINVAL;
    current_thread()->robust_list = head;
    return 0;
}

i64 linux_get_robust_list(i32 pid, u64 head, u64 bytes) {
    struct thread *t = pid ? thread_find((u32)pid) : current_thread();
    if (!t)
        return -ESRCH;
    return put_user_u64(head, t->robust_list) || put_user_u64(bytes, 24) ? -EFAULT : 0;
}

i64 linux_sched_yield(void) {
    pod_unlock();
    thread_yield();
    pod_lock();
    return 0;
}

i64 linux_sched_getaffinity(i32 pid, u64 bytes, u64 mask) {
    u64 cpus = ABI_INFO->cpus >= 64 ? ~0ul : (1ul << ABI_INFO->cpus) - 1;
    if (pid && !thread_find((u32)pid))
        return -ESRCH;
    if (bytes < 8 || bytes & 7)
        return -EINVAL;
    return put_user_u64(mask, cpus) ? -EFAULT : 8;
}

i64 linux_sched_setaffinity(i32 pid, u64 bytes, u64 mask) {
    u64 cpus = 0;
    if (pid && !thread_find((u32)pid))
        return -ESRCH;
    if (copy_from_user(&cpus, mask, bytes < 8 ? bytes : 8))
        return -EFAULT;
    return cpus & (ABI_INFO->cpus >= 64 ? ~0ul : (1ul << ABI_INFO->cpus) - 1) ? 0 : -EINVAL;
}

i64 linux_getcpu(u64 cpu, u64 node, u64 unused) {
    (void)unused;
    if (cpu && put_user_u32(cpu, kernel_env(current_thread()->env)->cpu))
        return -EFAULT;
    return node && put_user_u32(node, 0) ? -EFAULT : 0;
}

i64 linux_getrandom(u64 to, u64 bytes, u32 flags) {
    char part[256];
    u64 done = 0;
    if (flags & ~7u)
        return -EINVAL;
    if (bytes > 1ul << 31)
        bytes = 1ul << 31;
    while (done < bytes) {
        u64 n = bytes - done < sizeof(part) ? bytes - done : sizeof(part);
        random_bytes(part, n);
        if (copy_to_user(to + done, part, n))
            return done ? (i64)done : -EFAULT;
        done += n;
        if (done >= 65536 && signal_pending())
            break;
    }
    return (i64)done;
}

// Memory is never paged out.
i64 linux_mlock(u64 address, u64 bytes) {
    (void)address, (void)bytes;
    return 0;
}
i64 linux_munlock(u64 address, u64 bytes) {
    (void)address, (void)bytes;
    return 0;
}
i64 linux_mlockall(i32 flags) {
    return flags & ~7 || !flags ? -EINVAL : 0;
}
i64 linux_munlockall(void) {
    return 0;
}

// Extended attributes.
#define NOT_SUPPORTED(name)                                                                        \
    i64 linux_##name(void) {                                                                       \
        return -ENOTSUP;                                                                           \
    }
NOT_SUPPORTED(setxattr)
NOT_SUPPORTED(lsetxattr)
NOT_SUPPORTED(fsetxattr)
NOT_SUPPORTED(getxattr)
NOT_SUPPORTED(lgetxattr)
NOT_SUPPORTED(fgetxattr)
NOT_SUPPORTED(listxattr)
NOT_SUPPORTED(llistxattr)
NOT_SUPPORTED(flistxattr)
NOT_SUPPORTED(removexattr)
NOT_SUPPORTED(lremovexattr)
NOT_SUPPORTED(fremovexattr)
