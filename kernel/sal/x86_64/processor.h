// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Setting a processor up: features, control registers, descriptor tables, stacks.

#ifndef KERNEL_SAL_X86_64_PROCESSOR_H
#define KERNEL_SAL_X86_64_PROCESSOR_H

#include "kernel/sal/x86_64/cpu.h"

// The first processor's GS, descriptor tables and early stacks, so that C can run and exceptions
// are reported.
void processor_early_init(void);

// Leaves the kernel, saying why, if the processor lacks what it needs. Fills sal_machine.features.
void processor_check(void);

// Gives processor n its stacks. Boot only; takes frames.
void processor_stacks_map(struct cpu *cpu);

// Everything of this processor that is not its APIC. The kernel's page tables are loaded.
void processor_init(struct cpu *cpu);

// Is [address, address + bytes) inside one stack of a processor that has them mapped, or the boot
// stack?
int processor_stack_holds(u64 address, u64 bytes);

// Which processor a kernel or interrupt stack belongs to; -1 if it is none of those.
i32 processor_of_stack(u64 address);

#endif
