// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors

#include "libos/exos/fs/breathe.h"

#include "abi/env.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/signal_priv.h"

bool fs_breathe(void) {
    struct env_uarea *uarea = current_thread()->uarea;
    bool ended = (uarea->pending & ENV_PENDING_SLICE_END) != 0;
    pod_unlock();
    if (ended) {
        __atomic_fetch_and(&uarea->pending, ~ENV_PENDING_SLICE_END, __ATOMIC_RELAXED);
        thread_yield();
    } else {
        for (int i = 0; i < 16; i++)
            __asm__ volatile("pause"); // or those who spin would never get it
    }
    pod_lock();
    if (timer_armed(current()))
        timer_check(current());
    return signal_kill_pending();
}
