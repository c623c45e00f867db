// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Time: the rate of the time-stamp counter, the timer of each processor, and the wall clock at
// boot.

#ifndef KERNEL_SAL_X86_64_CLOCK_H
#define KERNEL_SAL_X86_64_CLOCK_H

#include "abi/types.h"

// Once, on the first processor, after apic_cpu_init: fills sal_machine.tsc_hz and wall_boot_ns.
void clock_init(void);

// On a timer interrupt: is its time reached? If not, it was armed again.
int clock_timer_due(void);

// Busy waiting. Bounded: at most a second.
void clock_wait_us(u64 us);

// Microseconds since kernel entry; 0 before clock_init.
u64 clock_us(void);

#endif
