// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The process on whose behalf the file layer works. On the host, tests say who that is.

#ifndef EXOS_FS_SELF_H
#define EXOS_FS_SELF_H

#include "libos/exos/process.h"

#ifdef TRICOLOR_HOST
extern struct process *self_for_test;
static inline struct process *self(void) {
    return self_for_test;
}
#else
static inline struct process *self(void) {
    return current();
}
#endif

#endif
