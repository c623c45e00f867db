// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events of two numbers (sums.c), and what they are raised with.

#ifndef TESTS_GUEST_EXT_SUMS_H
#define TESTS_GUEST_EXT_SUMS_H

#include "abi/ext/extension.h"

#ifndef SUMS_EXPORTER
extern u64 summed(u64 a, u64 b);
extern u64 greatest(u64 a, u64 b);
extern u64 policed(u64 a, u64 b);
extern u64 plain(u64 a, u64 b);
extern u64 swapped(u64 a, u64 b);
#endif

#endif
