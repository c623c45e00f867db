// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Local APICs (xAPIC by registers in memory, or x2APIC by MSRs), I/O APICs, and the old interrupt
// controllers, which are silenced.

#ifndef KERNEL_SAL_X86_64_APIC_H
#define KERNEL_SAL_X86_64_APIC_H

#include "abi/types.h"

void apic_init(void);     // once: mode, device mappings, I/O APICs masked, old controllers off
void apic_cpu_init(void); // on each processor
u32 apic_id(void);        // of this processor; after apic_init
void apic_eoi(void);

void apic_send_init(u32 apic);
void apic_send_startup(u32 apic, u32 page);
void apic_send_nmi_others(void); // to all processors but this one

// One-shot timer in its own ticks; 0 stops it. With TSC deadlines: the time-stamp value instead.
int apic_timer_uses_tsc(void);
void apic_timer_arm(u64 value);
u32 apic_timer_current(void);

// Routes an ISA interrupt to the first processor; returns whether there is an I/O APIC for it.
int apic_route_isa(u32 irq, u8 vector);

#endif
