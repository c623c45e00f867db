// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What entry code calls when there is no way on.

#ifndef KERNEL_SAL_X86_64_PANIC_H
#define KERNEL_SAL_X86_64_PANIC_H

#include "kernel/sal/x86_64/context.h"

// An exception of the kernel itself, an NMI, or a machine check. entry.S calls it, on whatever
// stack and with whatever GS.
__attribute__((noreturn)) void sal_exception_fatal(const struct sal_regs *regs);

#endif
