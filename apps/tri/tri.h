// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What tri-top and tri-trace share. Both are native programs: what they show they read in the
// exposed tables and in a ring, without a call. They can be started in two ways: as a program of
// ExOS' shell, which gives them a terminal and arguments; or by the first program, beside the
// library OSes, with an account of their own.

#ifndef APPS_TRI_TRI_H
#define APPS_TRI_TRI_H

#include "abi/caps.h"
#include "abi/env.h"
#include "abi/errors.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"
#include "libos/rt/start.h"

// What the program does; returns the exit status.
int tri_main(int argc, char **argv);

// Text for the terminal; it is kept until there is much of it, or tri_flush.
void tri_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tri_flush(void);
__attribute__((noreturn)) void tri_exit(int status);
void tri_sleep(u64 ms);

// Who runs this, by the tables: the space whose page table is the one that is loaded.
space_id tri_space(void);
account_id tri_account(void);

static inline u64 tri_now(void) { // time-stamp counter
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}
static inline u64 tri_us(u64 ticks) {
    u64 per_ms = ABI_INFO->tsc_hz / 1000;
    return ticks / per_ms * 1000 + ticks % per_ms * 1000 / per_ms;
}

// The number behind `option` in the arguments, or otherwise; complains and ends if it is none.
u64 tri_number(int argc, char **argv, const char *option, u64 otherwise);
int tri_has(int argc, char **argv, const char *option);

const char *tri_state(u32 env_state);
const char *tri_kind(u32 frame_kind);

#define FRAME_KINDS 10

#endif
