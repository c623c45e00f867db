// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Interrupts, as entry code hands them over.

#ifndef KERNEL_SAL_X86_64_INTERRUPT_H
#define KERNEL_SAL_X86_64_INTERRUPT_H

#include "abi/types.h"

// Interrupts off, on the processor's kernel stack. Acknowledges, and tells aegis.
void sal_interrupt_dispatch(u32 vector);

#endif
