// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Prototypes of all Linux system call handlers (calls.def).

#ifndef EXOS_LINUX_CALLS_H
#define EXOS_LINUX_CALLS_H

#include "abi/types.h"

#define LINUX_CALL(number, name, parameters) i64 linux_##name parameters;
#include "libos/exos/linux/calls.def"
#undef LINUX_CALL

#define LINUX_CALLS_MAX 462

#endif
