// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The exposed tables as a reader finds them: each has a version and rows; what is read between
// abi_read_begin and abi_read_done is of one moment.

#include "tests/guest/guest.h"

TEST(tables_have_versions) {
#define HAS_VERSION(table_name, number, type, table_version)                                       \
    CHECK_EQ(ABI_INFO->table[number].version, table_version);                                      \
    CHECK(ABI_INFO->table[number].stride >= sizeof(struct type));                                  \
    CHECK(ABI_INFO->table[number].count > 0);                                                      \
    CHECK(ABI_INFO->table[number].address > ABI_TABLES);
    ABI_TABLES_LIST(HAS_VERSION)
}

static volatile u32 stop;
static volatile u64 made;

// The quota of a child comes from its parent: together they are what they were.
static void make_children(void *parent) {
    while (!stop) {
        i64 child = sys_account_create(CAP_SLOT_ACCOUNT, (account_id)parent, 100, 1);
        i64 error;
        if (child < 0)
            break;
        made++;
        do
            error = sys_account_destroy(CAP_SLOT_ACCOUNT, (account_id)child);
        while (error == -E_AGAIN);
    }
}

TEST(tables_of_one_moment) {
    account_id parent = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 500, 8);
    // The row that is free now is what every child gets.
    i64 child = sys_account_create(CAP_SLOT_ACCOUNT, parent, 1, 1);
    const volatile struct abi_account *row = account_row((account_id)child);
    account_free((account_id)child);
    made = stop = 0;
    env_id worker = worker_start(cpus() - 1, make_children, (void *)parent);
    u64 until = tsc() + ms(5000);
    for (u32 reads = 0, tries = 0; reads < 2000 && tsc() < until; tries++) {
        u64 sequence = abi_read_begin(), sum = account_row(parent)->quota + row->quota;
        if (abi_read_done(sequence)) {
            CHECK_EQ(sum, 500);
            reads++;
        }
        if (tries % 64 == 0)
            sys_env_yield(0, 0);
    }
    while (!made && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(made);
    stop = 1;
    worker_wait(worker);
    account_free(parent);
}

// Nobody but the kernel writes it.
static volatile u32 faulted;
static void skip_store(struct upcall_frame *frame) {
    faulted = frame->vector == UPCALL_PF && frame->address == ABI_SEQUENCE;
    frame->rip += 3;
}
TEST(tables_sequence_is_read_only) {
    faulted = 0;
    set_upcall_handler(skip_store);
    __asm__ volatile("movq %%rax, (%%rdx)" : : "a"(1ul), "d"(ABI_SEQUENCE) : "memory");
    set_upcall_handler(0);
    CHECK_EQ(faulted, 1);
}

// How many capabilities of each type an env has, and nothing more about them.
static u32 caps_of(enum cap_type type) {
    return env_row(my_env())->caps_of[type];
}

TEST(capabilities_are_counted_by_type) {
    u32 sum = 0, frames = caps_of(CAP_FRAMES), envs = caps_of(CAP_ENV),
        all = env_row(my_env())->caps;
    for (u32 i = 0; i < 8; i++)
        sum += caps_of(i);
    CHECK_EQ(sum, all);
    CHECK_EQ(caps_of(CAP_NONE), 0);
    u64 to_self = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF);
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    i64 a = sys_cap_mint(to_self, my_env(), CAP_RIGHT_READ, pfn, 1);
    i64 b = sys_cap_mint(to_self, my_env(), CAP_RIGHT_WAKE, my_env(), CAP_MINT_ENV);
    CHECK_EQ(caps_of(CAP_FRAMES), frames + 1);
    CHECK_EQ(caps_of(CAP_ENV), envs + 1);
    CHECK_EQ(sys_cap_drop((u64)a), 0);
    CHECK_EQ(sys_cap_drop((u64)b), 0);
    CHECK_EQ(caps_of(CAP_FRAMES), frames);
    CHECK_EQ(caps_of(CAP_ENV), envs);
    CHECK_EQ(env_row(my_env())->caps, all);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
}

static void step_over(struct upcall_frame *frame) {
    frame->rip += 2; // ud2
}

TEST(exceptions_are_counted) {
    sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    u64 before = env_row(my_env())->exceptions;
    set_upcall_handler(step_over);
    for (u32 i = 0; i < 10; i++)
        __asm__ volatile("ud2" : : : "memory");
    set_upcall_handler(0);
    sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(env_row(my_env())->exceptions, before + 10);
}

static volatile u64 until_when;
static void sleep_until(void *argument) {
    (void)argument;
    sys_env_sleep(env_row(self())->wakes, until_when);
}

TEST(who_sleeps_says_until_when) {
    until_when = tsc() + ms(100000);
    env_id worker = worker_start(cpus() - 1, sleep_until, 0);
    worker_wait_state(worker, ENV_SLEEPING);
    CHECK_EQ(env_row(worker)->until, until_when);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, worker), 0);
    worker_wait(worker);
}
