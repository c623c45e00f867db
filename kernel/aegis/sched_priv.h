// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What sched.c, sleep.c and slice.c share.

#ifndef KERNEL_AEGIS_SCHED_PRIV_H
#define KERNEL_AEGIS_SCHED_PRIV_H

#include "kernel/aegis/sched.h"

void sched_sleep_init(void);
u64 sched_sleep_first(void);      // earliest deadline on this processor, ~0 if none
void sched_sleep_expire(u64 now); // wakes whose deadline has come
void sched_slice_own(u64 slice, account_id owner); // 0: free; nobody runs in it

#endif
