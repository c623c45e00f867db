// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The pod lock, see pod.h: one word that holds the stack address of the thread that has it. A
// waiter spins a little, then gives its slice to the holder; if the holder's env is gone, it takes
// the lock over. Also the parts of a thread that a switch loses.

#include "base/format.h"
#include "libos/exos/boot.h"
#include "libos/exos/kernel.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"

#define SPINS 64

volatile u64 pod_lock_word;
bool pod_has_xsave, pod_has_avx;

static u64 tsc_read(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

void pod_lock_contended(struct thread *me) {
    for (unsigned turn = 1;; turn++) {
        u64 holder = pod_lock_exchange(0, (u64)me);
        if (!holder)
            return;
        if (turn % SPINS) {
            __asm__ volatile("pause");
            continue;
        }
        env_id env = ((struct thread *)holder)->env;
        if (kernel_env(env)->id != env) {
            pod_log("exos: a thread died with the pod lock");
            if (pod_lock_exchange(holder, (u64)me) == holder)
                return;
            continue;
        }
        wait_pay(me);
        fp_save(me);
        if (sys_env_yield(POD_CAP, env) <
            0) // it runs on another processor: let that have the machine
            sys_env_sleep(kernel_env(me->env)->wakes, tsc_read() + (ABI_INFO->tsc_hz >> 15));
        fp_restore(me);
    }
}

void pod_lock(void) {
    struct thread *me = current_thread();
    me->uarea->masked = 1;
    pod_lock_as(me);
}

void pod_unlock(void) {
    pod_unlock_as(current_thread());
}

bool pod_locked_by_me(void) {
    return pod_lock_word == (u64)current_thread();
}

// --- vector registers
// ------------------------------------------------------------------------------------------------------

void fp_snapshot(struct thread *to) {
    if (pod_has_xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(thread_fp_area(to)), "a"(-1), "d"(-1) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(thread_fp_area(to)) : "memory");
    __asm__ volatile("rdfsbase %0" : "=r"(to->fs_base));
    __asm__ volatile("rdgsbase %0" : "=r"(to->gs_base));
}

void fp_save(struct thread *t) {
    if (!t->fp_saved) {
        fp_snapshot(t);
        t->fp_saved = true;
    }
}

void fp_restore(struct thread *t) {
    if (pod_has_xsave)
        __asm__ volatile("xrstor64 (%0)" : : "r"(thread_fp_area(t)), "a"(-1), "d"(-1) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(thread_fp_area(t)) : "memory");
    __asm__ volatile("wrfsbase %0" : : "r"(t->fs_base));
    __asm__ volatile("wrgsbase %0" : : "r"(t->gs_base));
    t->fp_saved = false;
}

void fp_reset(struct thread *t) {
    u64 *area = thread_fp_area(t);
    for (int i = 0; i < (512 + 64) / 8; i++)
        area[i] = 0;
    *(u16 *)thread_fp_area(t) = 0x37f;
    *(u32 *)((char *)thread_fp_area(t) + 24) = 0x1f80;
    fp_restore(t);
}

void thread_yield(void) {
    struct thread *t = current_thread();
    bool saved = t->fp_saved;
    wait_pay(t);
    fp_save(t);
    sys_env_yield(0, 0);
    fp_restore(t);
    t->fp_saved = saved;
}

// --- speaking out
// ----------------------------------------------------------------------------------------------------------

static void log_text(const char *format, va_list arguments) {
    char text[256];
    u64 n = format_write_va(text, sizeof(text) - 1, format, arguments);
    n = n < sizeof(text) - 2 ? n : sizeof(text) - 2;
    text[n++] = '\n';
    if (exos_boot.cap_console)
        sys_log_write(exos_boot.cap_console, (u64)text, n);
}

void pod_log(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    log_text(format, arguments);
    va_end(arguments);
}

char pod_broken[128];

void pod_panic(const char *format, ...) {
    struct thread *me = current_thread();
    va_list arguments;
    va_start(arguments, format);
    log_text(format, arguments);
    va_end(arguments);
    if (!pod_broken[0]) {
        va_start(arguments, format);
        format_write_va(pod_broken, sizeof(pod_broken), format, arguments);
        va_end(arguments);
    }
    if (pod_locked_by_me())
        pod_unlock();
    // Process 1 tells the host and ends the machine; when it is the one, the first program does.
    sys_env_wake(POD_CAP, process_init()->threads->env);
    sys_env_destroy(POD_CAP, me->env);
    for (;;)
        __asm__ volatile("pause");
}
