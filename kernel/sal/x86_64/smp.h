// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The other processors.

#ifndef KERNEL_SAL_X86_64_SMP_H
#define KERNEL_SAL_X86_64_SMP_H

// Names the processors that the firmware tells of (this one is number 0) and maps their stacks.
// Boot only.
void smp_name(void);

// Starts them, one after the other. Those that came wait, halted, for smp_release.
void smp_start(void);

// Lets them go on to aegis_cpu_run.
void smp_release(void);

// Were they released? Interrupts before that only wake.
int smp_released(void);

#endif
