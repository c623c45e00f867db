// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What main.c and support.c share.

#ifndef TESTS_GUEST_GUEST_PRIV_H
#define TESTS_GUEST_GUEST_PRIV_H

#include "tests/guest/guest.h"

void guest_init(void);
void trace_everything(void); // until the machine ends
int trace_excludes(const char *test);

#endif
