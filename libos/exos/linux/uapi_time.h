// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Linux time structures, clocks, resource usage, sysinfo, uname.

#ifndef EXOS_LINUX_UAPI_TIME_H
#define EXOS_LINUX_UAPI_TIME_H

#include "abi/types.h"

struct linux_timespec {
    i64 sec, nsec;
};
struct linux_timeval {
    i64 sec, usec;
};
struct linux_itimerval {
    struct linux_timeval interval, value;
};
struct linux_tms {
    i64 utime, stime, cutime, cstime;
};
struct linux_rusage {
    struct linux_timeval utime, stime;
    i64 maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
        nsignals, nvcsw, nivcsw;
};
ABI_ASSERT_SIZE(struct linux_rusage, 144);
struct linux_sysinfo {
    i64 uptime;
    u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    u16 procs, pad;
    u32 pad2;
    u64 totalhigh, freehigh;
    u32 mem_unit, pad3;
};
ABI_ASSERT_SIZE(struct linux_sysinfo, 112);
struct linux_utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

#define LINUX_CLK_TCK 100

enum linux_clock {
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_TAI = 11,
};
#define TIMER_ABSTIME 1

#endif
