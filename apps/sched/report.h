// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Lines to the kernel's log, for the program that booted us.

#ifndef APPS_SCHED_REPORT_H
#define APPS_SCHED_REPORT_H

#include "abi/types.h"

__attribute__((format(printf, 1, 2))) void report(const char *format, ...);
__attribute__((noreturn)) void report_fail(const char *what, i64 value);
// The number after "name=" in the kernel's command line.
u64 report_option(const char *name, u64 otherwise);

#endif
