// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Benchmarks of the kernel's primitives. They are one program that runs as the first one; each row
// registers itself in a linker set. A row's body does count operations and nothing else; an empty
// body is measured and subtracted.

#ifndef BENCH_NATIVE_NATIVE_H
#define BENCH_NATIVE_NATIVE_H

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/env.h"
#include "abi/errors.h"
#include "abi/pte.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"

struct row {
    const char *id;
    u64 count;             // operations in one run
    void (*prepare)(void); // before all runs; may be null
    void (*reset)(void);   // before each run, not timed; may be null
    void (*run)(u64 count);
    void (*finish)(void); // may be null
    u64 (*sample)(void);  // instead of run: the ticks of one operation, where a loop can't tell
};

#define ROW(row_id, row_count, row_prepare, row_reset, row_run, row_finish)                        \
    static const struct row set_##row_id                                                           \
        __attribute__((used, section("bench_rows"), aligned(8))) = {                               \
            #row_id, row_count, row_prepare, row_reset, row_run, row_finish, 0}
#define ROW_SAMPLED(row_id, row_prepare, row_sample, row_finish)                                   \
    static const struct row set_##row_id                                                           \
        __attribute__((used, section("bench_rows"), aligned(8))) = {                               \
            #row_id, 1, row_prepare, 0, 0, row_finish, row_sample}

// The first program's own.
extern account_id my_account;
extern space_id my_space;
extern env_id my_env;

#define SPACE_ACCOUNT CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT)
#define SCRATCH       0x10000000000ul // for rows to map at

void fail(const char *what,
          i64 result); // says so and ends the machine: a figure of work not done is worthless
static inline void must(i64 result, i64 want, const char *what) {
    if (result != want)
        fail(what, result);
}

// What upcalls do: set by a row's prepare. In assembly, so that nothing but the operation is
// measured.
extern void (*volatile upcall_entry)(void);
extern const char upcall_skip2[], upcall_skip0[], upcall_map[], upcall_unprotect[], upcall_enter[],
    upcall_irq[];
void set_upcall(const char *entry);

#endif
