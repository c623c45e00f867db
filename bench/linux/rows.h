// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Benchmarks of operations that Linux has: one plain static Linux program, run unmodified on Linux
// and on ExOS. A row's body does count operations and checks that they worked; a run of none is
// subtracted.

#ifndef BENCH_LINUX_ROWS_H
#define BENCH_LINUX_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct row {
    const char *id;
    unsigned count;        // operations in one run
    void (*prepare)(void); // before all runs; may be null
    void (*reset)(void);   // before each run, not timed; may be null
    void (*run)(unsigned count);
    void (*finish)(void); // may be null
};

#define ROW(row_id, row_count, row_prepare, row_reset, row_run, row_finish)                        \
    static const struct row row_##row_id                                                           \
        __attribute__((used, section("bench_rows"), aligned(8))) = {                               \
            #row_id, row_count, row_prepare, row_reset, row_run, row_finish}

_Noreturn void fail(const char *what); // with errno; a figure of work not done is worthless
#define MUST(condition) ((condition) ? (void)0 : fail(#condition))

// Time-stamp counter, which under -icount shift=0 counts instructions.
static inline uint64_t ticks(void) {
    uint32_t lo, hi;
    __asm__ volatile("lfence\n rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

#endif
