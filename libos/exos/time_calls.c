// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls of time: clocks, sleeping, interval timers.

#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/signal_priv.h"
#include "libos/exos/time.h"
#include "libos/exos/uaccess.h"

static struct linux_timespec to_timespec(u64 ns) {
    return (struct linux_timespec){(i64)(ns / TIME_SECOND), (i64)(ns % TIME_SECOND)};
}
static struct linux_timeval to_timeval(u64 ns) {
    return (struct linux_timeval){(i64)(ns / TIME_SECOND), (i64)(ns % TIME_SECOND / 1000)};
}

// Nanoseconds of a valid duration, saturated; false if it is not valid.
static bool from_timespec(const struct linux_timespec *ts, u64 *ns) {
    if (ts->sec < 0 || (u64)ts->nsec >= TIME_SECOND)
        return false;
    *ns = (u64)ts->sec >= 1ul << 33 ? WAIT_FOREVER - 1 : (u64)ts->sec * TIME_SECOND + (u64)ts->nsec;
    return true;
}

// clock_gettime comes without the lock, which the list of threads needs.
static u64 own_cpu_ns(void) {
    bool locked = pod_locked_by_me();
    if (!locked)
        pod_lock();
    u64 ns = process_cpu_ns(current());
    if (!locked)
        pod_unlock();
    return ns;
}

static i64 clock_read(i32 clock, u64 *ns) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        *ns = time_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = time_monotonic();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = own_cpu_ns();
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = time_from_tsc_delta(thread_ticks(current_thread()));
        return 0;
    default:
        return -EINVAL;
    }
}

i64 linux_clock_gettime(i32 clock, u64 value) {
    u64 ns;
    i64 error = clock_read(clock, &ns);
    if (error)
        return error;
    struct linux_timespec ts = to_timespec(ns);
    return copy_to_user(value, &ts, sizeof(ts));
}

i64 linux_clock_getres(i32 clock, u64 value) {
    u64 ns;
    i64 error = clock_read(clock, &ns);
    if (error)
        return error;
    struct linux_timespec ts = {0, 1};
    return value ? copy_to_user(value, &ts, sizeof(ts)) : 0;
}

i64 linux_clock_settime(i32 clock, u64 value) {
    struct linux_timespec ts;
    u64 ns;
    if (copy_from_user(&ts, value, sizeof(ts)))
        return -EFAULT;
    if (clock != CLOCK_REALTIME || !from_timespec(&ts, &ns))
        return -EINVAL;
    if (!process_is_super())
        return -EPERM;
    time_realtime_set(ns);
    return 0;
}

i64 linux_gettimeofday(u64 tv, u64 tz) {
    struct linux_timeval value = to_timeval(time_realtime());
    if (tv && copy_to_user(tv, &value, sizeof(value)))
        return -EFAULT;
    return tz ? put_user_u64(tz, 0) : 0;
}

i64 linux_settimeofday(u64 tv, u64 tz) {
    struct linux_timeval value;
    (void)tz;
    if (tv && copy_from_user(&value, tv, sizeof(value)))
        return -EFAULT;
    if (!process_is_super())
        return -EPERM;
    if (tv && (value.sec < 0 || (u64)value.usec >= 1000000))
        return -EINVAL;
    if (tv)
        time_realtime_set((u64)value.sec * TIME_SECOND + (u64)value.usec * 1000);
    return 0;
}

i64 linux_time(u64 to) {
    u64 seconds = time_realtime() / TIME_SECOND;
    return to && put_user_u64(to, seconds) ? -EFAULT : (i64)seconds;
}

// --- sleeping
// ----------------------------------------------------------------------------------------------------------------

// deadline is monotonic. remaining: user address or 0.
static i64 sleep_deadline(u64 deadline, u64 remaining, bool relative) {
    struct thread *t = current_thread();
    i64 error;
    while (!(error = wait_sleep(deadline)))
        ;
    if (error == -ETIMEDOUT)
        return 0;
    if (!relative)
        return -ERESTARTNOHAND;
    u64 now = time_monotonic();
    struct linux_timespec left = to_timespec(deadline > now ? deadline - now : 0);
    if (remaining && copy_to_user(remaining, &left, sizeof(left)))
        return -EFAULT;
    t->restart_args[0] = deadline;
    t->restart_args[1] = remaining;
    return -ERESTART_RESTARTBLOCK;
}

i64 linux_restart_syscall(void) {
    struct thread *t = current_thread();
    return t->restart_args[0] ? sleep_deadline(t->restart_args[0], t->restart_args[1], true)
                              : -EINTR;
}

static u64 deadline_after(u64 ns) {
    u64 deadline = time_monotonic() + ns;
    return deadline < ns ? WAIT_FOREVER - 1 : deadline;
}

i64 linux_nanosleep(u64 request, u64 remaining) {
    struct linux_timespec ts;
    u64 ns;
    if (copy_from_user(&ts, request, sizeof(ts)))
        return -EFAULT;
    return from_timespec(&ts, &ns) ? sleep_deadline(deadline_after(ns), remaining, true) : -EINVAL;
}

i64 linux_clock_nanosleep(i32 clock, i32 flags, u64 request, u64 remaining) {
    struct linux_timespec ts;
    u64 ns, now;
    i64 error = clock_read(clock, &now);
    if (error || clock == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    if (copy_from_user(&ts, request, sizeof(ts)))
        return -EFAULT;
    if (!from_timespec(&ts, &ns))
        return -EINVAL;
    if (!(flags & TIMER_ABSTIME))
        return sleep_deadline(deadline_after(ns), remaining, true);
    return ns <= now ? 0 : sleep_deadline(deadline_after(ns - now), 0, false);
}

// --- timers
// ------------------------------------------------------------------------------------------------------------------

// The first time after now that a timer with an interval, which was due at `due`, is due again.
static u64 timer_again(u64 due, u64 now, u64 interval) {
    return interval ? due + (now - due) / interval * interval + interval : 0;
}

static void alarm_fire(struct pod_timer *t) {
    struct process *p = (struct process *)((char *)t - offsetof(struct process, alarm));
    if (p->alarm_interval_ns)
        pod_timer_set(t, timer_again(p->alarm_due_ns, time_monotonic(), p->alarm_interval_ns));
    p->alarm_due_ns = t->at;
    signal_send(p, SIGALRM);
}

static void alarm_set(struct process *p, u64 at, u64 interval) {
    p->alarm.fire = alarm_fire;
    p->alarm_due_ns = at;
    p->alarm_interval_ns = interval;
    pod_timer_set(&p->alarm, at);
}

static void timer_fire(struct process *p, int signal, u64 now, u64 *next, u64 interval) {
    if (!*next || now < *next)
        return;
    *next = timer_again(*next, now, interval);
    signal_send(p, signal);
}

void timer_check(struct process *p) {
    pod_timer_run();
    const struct rlimit *limit = &p->limits[RLIMIT_CPU];
    if (!p->cpu_timer_ns[0] && !p->cpu_timer_ns[1] && limit->soft == RLIM_INFINITY)
        return;
    u64 cpu = process_cpu_ns(p);
    timer_fire(p, SIGVTALRM, cpu, &p->cpu_timer_ns[0], p->cpu_interval_ns[0]);
    timer_fire(p, SIGPROF, cpu, &p->cpu_timer_ns[1], p->cpu_interval_ns[1]);
    u64 seconds = cpu / TIME_SECOND;
    if (limit->hard != RLIM_INFINITY && seconds >= limit->hard)
        signal_send(p, SIGKILL);
    else if (seconds >= limit->soft && seconds > p->cpu_told) {
        p->cpu_told = seconds; // once a second
        signal_send(p, SIGXCPU);
    }
}

struct timer {
    u64 *deadline, *interval;
    u64 now;
};

static bool timer_of(struct process *p, i32 which, struct timer *t) {
    if (which < 0 || which > 2)
        return false;
    t->deadline = which ? &p->cpu_timer_ns[which - 1] : &p->alarm_due_ns;
    t->interval = which ? &p->cpu_interval_ns[which - 1] : &p->alarm_interval_ns;
    t->now = which ? process_cpu_ns(p) : time_monotonic();
    return true;
}

static struct linux_itimerval timer_value(const struct timer *t) {
    u64 left = !*t->deadline ? 0 : *t->deadline > t->now ? *t->deadline - t->now : 1000;
    return (struct linux_itimerval){to_timeval(*t->interval), to_timeval(left)};
}

i64 linux_getitimer(i32 which, u64 value) {
    struct timer t;
    if (!timer_of(current(), which, &t))
        return -EINVAL;
    struct linux_itimerval v = timer_value(&t);
    return copy_to_user(value, &v, sizeof(v));
}

i64 linux_setitimer(i32 which, u64 value, u64 old) {
    struct timer t;
    struct linux_itimerval v = {0};
    if (!timer_of(current(), which, &t))
        return -EINVAL;
    if (value && copy_from_user(&v, value, sizeof(v)))
        return -EFAULT;
    if (v.value.sec < 0 || v.interval.sec < 0 || (u64)v.value.usec >= 1000000 ||
        (u64)v.interval.usec >= 1000000)
        return -EINVAL;
    struct linux_itimerval was = timer_value(&t);
    u64 ns = (u64)v.value.sec * TIME_SECOND + (u64)v.value.usec * 1000;
    *t.deadline = ns ? t.now + ns : 0;
    *t.interval = (u64)v.interval.sec * TIME_SECOND + (u64)v.interval.usec * 1000;
    if (which == 0)
        alarm_set(current(), *t.deadline, *t.interval);
    return old ? copy_to_user(old, &was, sizeof(was)) : 0;
}

i64 linux_alarm(u32 seconds) {
    struct process *p = current();
    u64 now = time_monotonic();
    u64 left = p->alarm_due_ns > now ? (p->alarm_due_ns - now + TIME_SECOND - 1) / TIME_SECOND : 0;
    alarm_set(p, seconds ? now + seconds * TIME_SECOND : 0, 0);
    return (i64)left;
}
