// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Page tables above the lowest level that became empty: they go when a call is about everything up
// to their end and leaves nothing in them.

#include "libos/rt/frames.h"
#include "tests/guest/guest.h"

#define BOTH       CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define RW         (ABI_PTE_W | ABI_PTE_NX)
#define COUNT      512ul
#define LARGE      (COUNT * ABI_PAGE)
#define GIGA       (COUNT * LARGE)
#define GIGA_COUNT (COUNT * COUNT)
#define SLOT       (9ul << 39) // no page was ever mapped there
#define SLOT_COUNT (COUNT * GIGA_COUNT)

static u32 tables_of(space_id space) {
    return space_row(space)->tables;
}

static u64 owned(void) {
    return account_row(my_account())->frames;
}

static void map_new(space_id space, u64 va) {
    CHECK_EQ(sys_space_map(BOTH, space, va, ABI_ANY, 1, RW), 1);
}

static void unmap(space_id space, u64 va, u64 count) {
    for (u64 done = 0; done < count;) {
        i64 n =
            sys_space_unmap(CAP_SLOT_ACCOUNT, space, va + (done << ABI_PAGE_SHIFT), count - done);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
}

static space_id space_new(void) {
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    CHECK(space > 0);
    return (space_id)space;
}

TEST(empty_upper_tables_go) {
    space_id space = space_new();
    u64 before = owned();
    map_new(space, SLOT + GIGA - ABI_PAGE);
    CHECK_EQ(tables_of(space), 4);
    unmap(space, SLOT + GIGA - 2 * LARGE, 2 * COUNT);
    CHECK_EQ(tables_of(space), 2); // the highest was not gone through to its end
    CHECK_EQ(owned(), before + 1);
    // Also after a page that went by itself, and a range that ended before they did.
    map_new(space, SLOT + GIGA + 5 * LARGE);
    map_new(space, SLOT + 3 * GIGA - ABI_PAGE);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, space, SLOT + GIGA + 5 * LARGE, 1), 1);
    CHECK_EQ(tables_of(space), 6);
    unmap(space, SLOT + GIGA, GIGA_COUNT - COUNT);
    CHECK_EQ(tables_of(space), 5);
    unmap(space, SLOT + 2 * GIGA - LARGE, COUNT);
    CHECK_EQ(tables_of(space), 4);
    unmap(space, SLOT + 2 * GIGA, SLOT_COUNT - 2 * GIGA_COUNT);
    CHECK_EQ(tables_of(space), 1);
    CHECK_EQ(owned(), before);
    // The largest range there is, with something in every GiB.
    for (u64 i = 0; i < 20; i++)
        map_new(space, SLOT + i * 25 * GIGA + i * LARGE);
    CHECK_EQ(tables_of(space), 2 + 2 * 20);
    unmap(space, SLOT, SLOT_COUNT);
    CHECK_EQ(tables_of(space), 1);
    CHECK_EQ(owned(), before);
    space_free(space);
}

TEST(upper_tables_in_use_stay) {
    space_id space = space_new(), other = space_new();
    pfn_t first = (pfn_t)rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), 9, 0);
    map_new(space, SLOT + GIGA);
    map_new(space, SLOT + GIGA + 7 * LARGE);
    unmap(space, SLOT + GIGA + LARGE, SLOT_COUNT - GIGA_COUNT - COUNT);
    CHECK_EQ(tables_of(space), 4);
    // A large mapping keeps its tables, and they go with it.
    CHECK_EQ(
        sys_space_map(BOTH, space, SLOT + 2 * GIGA - LARGE, first, COUNT, RW | SPACE_MAP_LARGE),
        COUNT);
    unmap(space, SLOT, GIGA_COUNT + COUNT);
    CHECK_EQ(tables_of(space), 3);
    unmap(space, SLOT + 2 * GIGA - LARGE, COUNT);
    CHECK_EQ(tables_of(space), 2);
    unmap(space, SLOT, SLOT_COUNT);
    CHECK_EQ(tables_of(space), 1);
    // One that two spaces share stays with both.
    CHECK_EQ(sys_space_share(BOTH, other, space, SLOT), 0);
    u64 before = owned();
    map_new(space, SLOT + GIGA);
    unmap(other, SLOT, SLOT_COUNT);
    CHECK_EQ(owned(), before);
    map_new(other, SLOT + GIGA);
    CHECK_EQ(sys_space_map(BOTH, space, SLOT + GIGA, ABI_ANY, 1, RW), -E_EXIST);
    space_free(space);
    space_free(other);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// Workers on all processors make and remove tables under one entry of the highest table. Each has a
// GiB; who has the last one unmaps up to the end, so the table that all need goes whenever nobody
// has a page.
#define WORKERS 3
#define TURNS   20
static volatile u32 stop, turns[WORKERS];

static void make_tables(void *argument) {
    u64 number = (u64)argument, at = SLOT + (COUNT - WORKERS + number) * GIGA;
    while (!stop) {
        map_new(my_space(), at);
        *(volatile u64 *)at = number;
        unmap(my_space(), at + LARGE, GIGA_COUNT - COUNT);
        CHECK_EQ(*(volatile u64 *)at, number);
        unmap(my_space(), at, GIGA_COUNT);
        turns[number]++;
        if (number == 1)
            sys_env_yield(0, 0);
    }
}

TEST(upper_tables_on_every_cpu) {
    env_id worker[WORKERS];
    u32 tables = tables_of(my_space());
    stop = 0;
    for (u32 i = 0; i < WORKERS; i++) {
        turns[i] = 0;
        worker[i] = worker_start(i % cpus(), make_tables, (void *)(u64)i);
    }
    u64 until = tsc() + ms(60000);
    while ((turns[0] < TURNS || turns[1] < TURNS || turns[2] < TURNS) && tsc() < until)
        sys_env_yield(0, 0);
    stop = 1;
    for (u32 i = 0; i < WORKERS; i++) {
        CHECK(turns[i] >= TURNS);
        worker_wait(worker[i]);
    }
    unmap(my_space(), SLOT, SLOT_COUNT);
    CHECK_EQ(tables_of(my_space()), tables);
}

// A worker is destroyed in the midst of it, and what it had made is there for whoever goes on.
TEST(upper_tables_of_the_dead) {
    u32 tables = tables_of(my_space());
    for (u32 i = 0; i < 5; i++) {
        stop = 0;
        turns[2] = 0;
        env_id worker = worker_start(cpus() - 1, make_tables, (void *)2ul);
        while (turns[2] < 3 + i)
            sys_env_yield(0, 0);
        worker_destroy(worker);
        unmap(my_space(), SLOT, SLOT_COUNT);
        CHECK_EQ(tables_of(my_space()), tables);
    }
}
