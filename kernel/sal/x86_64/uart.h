// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The console's UART; its use is in sal.h.

#ifndef KERNEL_SAL_X86_64_UART_H
#define KERNEL_SAL_X86_64_UART_H

void uart_init(void); // once, after apic_init

#endif
