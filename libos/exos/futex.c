// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Futexes, see futex.h. A waiter is known by the frame and offset of its word where that is shared
// between processes, and by address space and address where it is private (anonymous private memory
// moves to another frame on fork).

#include "libos/exos/futex.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_time.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/sleep.h"
#include "libos/exos/time.h"
#include "libos/exos/trap.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_COMMAND        0x7f
#define FUTEX_PRIVATE        128
#define FUTEX_CLOCK_REALTIME 256

struct key {
    u64 a, b;
};

struct waiter {
    struct waiter *next, **link;
    struct key key;
    u32 bits;
    bool woken;
    struct thread *thread;
};

#define BUCKETS 64
static struct waiter *buckets[BUCKETS];

static struct waiter **bucket_of(struct key k) {
    return &buckets[((k.a ^ k.b ^ k.b >> 12) >> 2) % BUCKETS];
}

static i64 key_of_mapped(struct mm *mm, u64 address, struct key *k) {
    struct area *area = mm ? areas_find(&mm->areas, address) : NULL;
    if (!area)
        return -EFAULT;
    if (!(area->flags & AREA_SHARED)) {
        *k = (struct key){(u64)mm, address};
        return 0;
    }
    if (mm_touch(address, false))
        return -EFAULT;
    *k = (struct key){1, ABI_PTE_FRAME(kernel_pte(address)) << ABI_PAGE_SHIFT |
                             (address & (ABI_PAGE - 1))};
    return 0;
}

// A word that the caller calls private is known without a look at what is mapped there.
static inline i64 key_of(u64 address, i32 op, struct key *k) {
    struct mm *mm = current()->mm;
    if (address & 3)
        return -EINVAL;
    if (!(op & FUTEX_PRIVATE))
        return key_of_mapped(mm, address, k);
    *k = (struct key){(u64)mm, address};
    return address < EXOS_USER_END ? 0 : -EFAULT;
}

static void leave(struct waiter *w) {
    if (!w->link)
        return;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    w->link = NULL;
}

static void enter(struct waiter *w) {
    struct waiter **link = bucket_of(w->key);
    while (*link)
        link = &(*link)->next;
    w->next = NULL;
    w->link = link;
    *link = w;
}

static inline bool waits_for(const struct waiter *w, struct key k, u32 bits) {
    return w->key.a == k.a && w->key.b == k.b && w->bits & bits;
}

static void wake_waiter(struct waiter *w) {
    leave(w);
    w->woken = true;
    wait_wake_thread(w->thread);
}

static u32 wake_key(struct key k, u32 count, u32 bits) {
    u32 n = 0;
    for (struct waiter *w = *bucket_of(k), *next; w && n < count; w = next) {
        next = w->next;
        if (waits_for(w, k, bits)) {
            wake_waiter(w);
            n++;
        }
    }
    return n;
}

static u32 requeue_key(struct key from, struct key to, u32 count) {
    u32 n = 0;
    for (struct waiter *w = *bucket_of(from), *next; w && n < count; w = next) {
        next = w->next;
        if (w->key.a != from.a || w->key.b != from.b)
            continue;
        leave(w);
        w->key = to;
        enter(w);
        n++;
    }
    return n;
}

static i64 wait_on(u64 address, i32 op, u32 value, u32 bits, u64 deadline) {
    struct waiter w = {.bits = bits, .thread = current_thread()};
    u32 now;
    i64 error = key_of(address, op, &w.key);
    if (error)
        return error;
    if (address >= EXOS_USER_END || user_load32(&now, (const void *)address))
        return -EFAULT;
    if (now != value)
        return -EAGAIN;
    enter(&w);
    do
        error = wait_sleep(deadline);
    while (!w.woken && !error);
    leave(&w);
    return w.woken ? 0 : error;
}

i64 futex_wake(u64 address, u32 count) {
    struct key k;
    return key_of(address, 0, &k) ? 0 : wake_key(k, count, ~0u);
}

static bool op_result(u32 op, u32 old, u32 argument, u32 *new) {
    switch (op) {
    case 0:
        *new = argument;
        return true;
    case 1:
        *new = old + argument;
        return true;
    case 2:
        *new = old | argument;
        return true;
    case 3:
        *new = old & ~argument;
        return true;
    case 4:
        *new = old ^ argument;
        return true;
    default:
        return false;
    }
}

// FUTEX_WAKE_OP: changes the second word, wakes both.
static i64 wake_op(u64 address, i32 op, u32 count, u32 count2, u64 address2, u32 code) {
    struct key a, b;
    i64 error = key_of(address, op, &a);
    if (!error)
        error = key_of(address2, op, &b);
    if (error)
        return error;
    i32 argument = (i32)(code << 8) >> 20, compare = (i32)(code << 20) >> 20;
    if (code >> 31)
        argument = 1 << (argument & 31);
    u32 old, new;
    do { // other threads change the word without the lock
        if (get_user_u32(&old, address2))
            return -EFAULT;
        if (!op_result(code >> 28 & 7, old, (u32)argument, &new))
            return -ENOSYS;
        u32 was = new;
        if (user_exchange32(&was, (void *)address2, old))
            return -EFAULT;
        if (was == old)
            break;
    } while (true);
    bool met;
    switch (code >> 24 & 15) {
    case 0:
        met = (i32)old == compare;
        break;
    case 1:
        met = (i32)old != compare;
        break;
    case 2:
        met = (i32)old < compare;
        break;
    case 3:
        met = (i32)old <= compare;
        break;
    case 4:
        met = (i32)old > compare;
        break;
    case 5:
        met = (i32)old >= compare;
        break;
    default:
        return -ENOSYS;
    }
    u32 n = wake_key(a, count, ~0u);
    return n + (met ? wake_key(b, count2, ~0u) : 0);
}

// The deadline of a wait in monotonic time; relative for FUTEX_WAIT.
static i64 deadline_of(i32 op, u64 timeout, u64 *deadline) {
    struct linux_timespec ts;
    *deadline = WAIT_FOREVER;
    if (!timeout)
        return 0;
    if (copy_from_user(&ts, timeout, sizeof(ts)))
        return -EFAULT;
    if (ts.sec < 0 || (u64)ts.nsec >= TIME_SECOND)
        return -EINVAL;
    u64 ns = (u64)ts.sec > 1ul << 33 ? WAIT_FOREVER - 1 : (u64)ts.sec * TIME_SECOND + (u64)ts.nsec;
    u64 now = time_monotonic();
    if ((op & FUTEX_COMMAND) == FUTEX_WAIT) {
        *deadline = now + ns < now ? WAIT_FOREVER - 1 : now + ns;
    } else if (op & FUTEX_CLOCK_REALTIME) {
        u64 wall = time_realtime();
        *deadline = ns > wall ? now + (ns - wall) : now;
    } else {
        *deadline = ns;
    }
    return 0;
}

static i64 requeue(u64 address, i32 op, u32 count, u64 limit, u64 address2, const u32 *expected) {
    struct key a, b;
    u32 now;
    i64 error = key_of(address, op, &a);
    if (!error)
        error = key_of(address2, op, &b);
    if (!error && expected)
        error = get_user_u32(&now, address);
    if (error)
        return error;
    if (expected && now != *expected)
        return -EAGAIN;
    u32 woken = wake_key(a, count, ~0u);
    return woken + requeue_key(a, b, (u32)limit);
}

static i64 wait_until(u64 address, i32 op, u32 value, u32 bits, u64 timeout) {
    u64 deadline;
    i64 error = bits ? deadline_of(op, timeout, &deadline) : -EINVAL;
    return error ? error : wait_on(address, op, value, bits, deadline);
}

static i64 wake(u64 address, i32 op, u32 count, u32 bits) {
    struct key k;
    i64 error = bits ? key_of(address, op, &k) : -EINVAL;
    return error ? error : wake_key(k, count, bits);
}

__attribute__((noinline)) static i64 other_command(u64 address, i32 op, u32 value, u64 timeout,
                                                   u64 address2, u32 value3) {
    switch (op & FUTEX_COMMAND) {
    case FUTEX_WAIT:
        return wait_until(address, op, value, ~0u, timeout);
    case FUTEX_WAIT_BITSET:
        return wait_until(address, op, value, value3, timeout);
    case FUTEX_WAKE:
        return wake(address, op, value, ~0u);
    case FUTEX_WAKE_BITSET:
        return wake(address, op, value, value3);
    case FUTEX_REQUEUE:
        return requeue(address, op, value, timeout, address2, NULL);
    case FUTEX_CMP_REQUEUE:
        return requeue(address, op, value, timeout, address2, &value3);
    case FUTEX_WAKE_OP:
        return wake_op(address, op, value, (u32)timeout, address2, value3);
    default:
        return -ENOSYS;
    }
}

// --- the short ways: one waiter of a private word, no timeout
// ----------------------------------------

// In user space, aligned.
static inline bool is_plain(u64 address) {
    return !(address & 3) && address < EXOS_USER_END;
}

// The first waiter, and only that.
__attribute__((noinline)) static i64 wake_private(u64 address) {
    struct thread *me = current_thread();
    struct key k = {(u64)me->process->mm, address};
    for (struct waiter *w = *bucket_of(k); w; w = w->next) {
        if (!waits_for(w, k, ~0u))
            continue;
        leave(w);
        w->woken = true;
        sleep_wake(w->thread, me);
        return 1;
    }
    return 0;
}

__attribute__((noinline)) static i64 wait_private(u64 address, u32 value) {
    struct waiter w;
    i64 error;
    u32 now;
    if (user_load32(&now, (const void *)address))
        return -EFAULT;
    if (now != value)
        return -EAGAIN;
    w.bits = ~0u;
    w.woken = false;
    w.thread = current_thread();
    w.key = (struct key){(u64)w.thread->process->mm, address};
    enter(&w);
    do
        error = sleep_here();
    while (!w.woken && !error);
    if (w.woken)
        return 0;
    leave(&w);
    return error;
}

i64 linux_futex(u64 address, i32 op, u32 value, u64 timeout, u64 address2, u32 value3) {
    if (op == (FUTEX_WAKE | FUTEX_PRIVATE) && value == 1 && is_plain(address))
        return wake_private(address);
    if (op == (FUTEX_WAIT | FUTEX_PRIVATE) && !timeout && is_plain(address))
        return wait_private(address, value);
    return other_command(address, op, value, timeout, address2, value3);
}
