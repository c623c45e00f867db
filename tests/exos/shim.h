// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the file layer of ExOS stands on, for tests on the host: memory from malloc (so that the
// sanitizers see every object), one process, "user" memory that is the test's own, and waiting that
// calls back into the test.

#ifndef TESTS_EXOS_SHIM_H
#define TESTS_EXOS_SHIM_H

#include "abi/types.h"
#include "libos/exos/process.h"
#include <stdbool.h>

extern struct process shim_process;
extern u64 shim_now;            // nanoseconds, real and monotonic time
extern u64 shim_alloc_fail_at;  // the n-th allocation from now on fails; 0: none
extern u64 shim_objects;        // allocated and not freed
extern u64 shim_fault_at;       // user copies stop at this address; 0: none
extern u32 shim_signals[65];    // how often each signal was sent, by number
extern u32 shim_signalled_pgrp; // the last group that got one
// Called when something would sleep. Returns what wait_sleep shall.
extern i64 (*shim_sleep)(u64 deadline);

// Makes a root, and the process with tables and uid 0, the first time it is called.
void shim_boot(void);

extern u32 check_passed, check_failed;
void check_report(bool ok, const char *file, int line, const char *text);
void check_equal(i64 got, i64 want, const char *file, int line, const char *text);
#define CHECK(x)            check_report((x), __FILE__, __LINE__, #x)
#define CHECK_EQ(got, want) check_equal((i64)(got), (i64)(want), __FILE__, __LINE__, #got)
int check_finish(const char *name);

#endif
