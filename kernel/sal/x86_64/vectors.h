// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Numbers that tables of the processor and assembly share: interrupt vectors, segment selectors,
// interrupt stacks. Included by assembly: macros only.

#ifndef KERNEL_SAL_X86_64_VECTORS_H
#define KERNEL_SAL_X86_64_VECTORS_H

// 0 .. 31 are the processor's exceptions. The higher the number, the more urgent for the APIC.
#define VECTOR_NMI        2
#define VECTOR_DF         8
#define VECTOR_PF         14
#define VECTOR_MC         18
#define VECTOR_TIMER      0x40
#define VECTOR_RESCHEDULE 0x41
#define VECTOR_SHOOTDOWN  0x42
#define VECTOR_CONSOLE    0x50
#define VECTOR_SPURIOUS   0xff

// The order is what SYSCALL and SYSRET compute from STAR.
#define SELECTOR_KERNEL_CS 0x08
#define SELECTOR_KERNEL_SS 0x10
#define SELECTOR_USER_SS   0x1b
#define SELECTOR_USER_CS   0x23
#define SELECTOR_TSS       0x28

// Stacks of the TSS that these exceptions switch to, whatever was interrupted.
#define IST_NMI 1
#define IST_DF  2
#define IST_MC  3

#endif
