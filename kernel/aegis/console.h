// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The console: bytes in, bytes out, for whoever has the capability.

#ifndef KERNEL_AEGIS_CONSOLE_H
#define KERNEL_AEGIS_CONSOLE_H

#include "kernel/aegis/env.h"

struct env *console_interrupt(void);  // input has arrived; returns who waits for it, or null
void console_forget(struct env *env); // it is being destroyed

#endif
