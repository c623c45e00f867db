// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the kernel from user space. They are linked into one program that runs as the first one,
// with every resource, and register themselves in a linker set. Before and after each test the
// exposed tables are counted: what a test took it must have given back.

#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include "abi/calls.h"
#include "abi/caps.h"
#include "abi/env.h"
#include "abi/errors.h"
#include "abi/pte.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"

struct guest_test {
    const char *name;
    void (*run)(void);
};

#define TEST(test_name)                                                                            \
    static void test_##test_name(void);                                                            \
    static const struct guest_test set_##test_name                                                 \
        __attribute__((used, section("guest_tests"), aligned(8))) = {#test_name,                   \
                                                                     test_##test_name};            \
    static void test_##test_name(void)

// A failed check is reported and counted; the test goes on.
void check_failed(const char *file, int line, const char *what, i64 got, i64 want);
#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, 0, 1))
#define CHECK_EQ(expression, value)                                                                \
    do {                                                                                           \
        i64 got_ = (i64)(expression), want_ = (i64)(value);                                        \
        if (got_ != want_)                                                                         \
            check_failed(__FILE__, __LINE__, #expression " == " #value, got_, want_);              \
    } while (0)

__attribute__((format(printf, 1, 2))) void say(const char *format, ...); // to the kernel's log
u64 guest_random(void);

// The first program's own.
account_id my_account(void);
space_id my_space(void);
env_id my_env(void);
u32 cpus(void);
env_id self(void); // the calling env, a worker or the first program
static inline u64 tsc(void) {
    u32 lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (u64)hi << 32 | lo;
}
u64 ms(u64 n); // in time-stamp ticks

const volatile struct abi_env *env_row(env_id id);
const volatile struct abi_frame *frame_row(pfn_t pfn);
const volatile struct abi_account *account_row(account_id id);
const volatile struct abi_space *space_row(space_id id);
const volatile struct abi_slice *slice_row(u64 slice);

// Upcalls of the first program and of workers come here; a test sets what to do, per env.
typedef void upcall_handler(struct upcall_frame *frame);
void set_upcall_handler(
    upcall_handler *handler); // of the calling env; null: unexpected upcalls fail the test
#define UPCALL_PAGES 2        // of the upcall stack of each env
u32 *upcall_mask(void);       // env_uarea.masked of the calling env
u32 *upcall_pending(void);

// Workers: envs in the first program's space, each on a processor, with stacks of their own.
#define WORKERS_MAX 16
env_id worker_start(u32 cpu, void (*run)(void *), void *argument); // ends when run returns
// The same, with a capability for that account in CAP_SLOT_FREE.
env_id worker_start_with(u32 cpu, void (*run)(void *), void *argument, account_id account);
// The same, in another space, that has this program's pages too.
env_id worker_start_in(u32 cpu, void (*run)(void *), void *argument, account_id account,
                       space_id space);
void worker_wait(env_id worker); // until it has ended; frees it
int worker_ended(env_id worker); // then worker_wait does not wait
void worker_destroy(env_id worker);
void worker_wait_state(env_id worker, enum env_state state); // at most a second

// An address space of its own with nothing but a page of code at CODE_VA and one of data and stack
// at DATA_VA.
#define CODE_VA 0x400000ul
#define DATA_VA 0x500000ul
struct child {
    account_id account;
    space_id space;
    env_id env;
};
i64 child_make(struct child *child, account_id account, const void *code, u64 bytes, u64 slice);
void child_free(struct child *child);
void space_free(space_id space);
void account_free(account_id account);

// Memory of the first program for tests to map at.
#define SCRATCH 0x10000000000ul

#endif
