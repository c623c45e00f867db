// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random bytes of the pod (/dev/urandom, getrandom, AT_RANDOM): RDRAND where there is one, mixed
// with time.

#ifndef EXOS_RANDOM_H
#define EXOS_RANDOM_H

#include "abi/types.h"

void random_bytes(void *to, u64 bytes);

#endif
