// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Epochs on the host, under sanitizers: each thread is a processor, whose GS points at its struct
// cpu. First what a period waits for and what it doesn't, step by step; then readers that look at
// objects which a writer replaces and retires all the time.

#include <asm/prctl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/sal/sal.h"
#include "kernel/spin/epoch.h"

#define CPUS     4
#define SLOTS    8
#define REPLACED 60000u
#define ALIVE    0x616c697665ul

static struct cpu cpus[CPUS];
struct sal_machine sal_machine = {.cpus = CPUS};
u32 spin_work;

struct cpu *cpu_get(u32 number) {
    return &cpus[number];
}

static void be(u32 number) {
    cpus[number].self = &cpus[number];
    cpus[number].number = number;
    syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[number]);
}

static int passed, failed;
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (condition)                                                                             \
            passed++;                                                                              \
        else if (++failed)                                                                         \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                         \
    } while (0)

// --- step by step --------------------------------------------------------------------------------

struct thing {
    struct epoch_node node;
    u64 alive;
};

static u32 freed;
static void thing_free(struct epoch_node *node) {
    struct thing *thing = (struct thing *)node;
    thing->alive = 0;
    freed++;
    free(thing);
}

static struct thing *thing_make(void) {
    struct thing *thing = malloc(sizeof *thing);
    thing->alive = ALIVE;
    return thing;
}

static void retire_one(void) {
    epoch_retire(&thing_make()->node, thing_free);
}

// What processor n does, on this thread.
static int enter(u32 n) {
    be(n);
    int outside = epoch_enter();
    be(0);
    return outside;
}
static void leave(u32 n) {
    be(n);
    epoch_leave();
    be(0);
}

static void test_nobody_inside(void) {
    u64 when = epoch_now();
    CHECK(epoch_passed(when));
    retire_one();
    retire_one();
    CHECK(epoch_reclaim(10) == 8 && freed == 2);
    CHECK(epoch_reclaim(10) == 10);
}

static void test_reader_delays(void) {
    freed = 0;
    CHECK(enter(1));
    CHECK(!enter(1)); // nested: it stays inside until the outermost leaves
    retire_one();
    u64 when = epoch_now();
    CHECK(epoch_reclaim(10) == 10 && freed == 0 && !epoch_passed(when));
    CHECK(enter(2)); // too late to matter
    leave(1);
    CHECK(epoch_passed(when));
    CHECK(epoch_reclaim(10) == 9 && freed == 1);
    leave(2);
}

static void test_leaving_counts(void) {
    freed = 0;
    CHECK(enter(1));
    retire_one();
    CHECK(epoch_reclaim(10) == 10);
    leave(1);
    CHECK(enter(1)); // again inside, but not since then
    CHECK(epoch_reclaim(10) == 9 && freed == 1);
    leave(1);
}

// What is unlinked while a period is under way needs another one.
static void test_next_period(void) {
    freed = 0;
    CHECK(enter(1));
    retire_one();
    CHECK(epoch_reclaim(10) == 10); // begins a period, which waits for 1
    CHECK(enter(2));
    retire_one(); // 2 may have it
    leave(1);
    CHECK(epoch_reclaim(10) == 9 && freed == 1);
    leave(2);
    CHECK(epoch_reclaim(10) == 9 && freed == 2);
}

static void test_budget(void) {
    freed = 0;
    for (u32 i = 0; i < 5; i++)
        retire_one();
    CHECK(epoch_reclaim(3) == 0 && freed == 3);
    CHECK(epoch_reclaim(3) == 1 && freed == 5);
}

// The one who asks is inside: below it nothing passes.
static void test_own(void) {
    freed = 0;
    CHECK(epoch_enter());
    retire_one();
    CHECK(epoch_reclaim(10) == 10);
    epoch_leave();
    CHECK(epoch_reclaim(10) == 9 && freed == 1);
}

// --- all at once ---------------------------------------------------------------------------------

static struct thing *slots[SLOTS];
static int stop;
static u64 looked, wrong;

static void *reader(void *argument) {
    be((u32)(u64)argument);
    u64 mine = 0, bad = 0;
    for (u32 turn = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); turn++) {
        epoch_enter();
        struct thing *thing = __atomic_load_n(&slots[turn % SLOTS], __ATOMIC_RELAXED);
        for (u32 i = 0; i < turn % 16; i++) {
            bad += *(volatile u64 *)&thing->alive != ALIVE;
            mine++;
        }
        epoch_leave();
    }
    __atomic_fetch_add(&looked, mine, __ATOMIC_RELAXED);
    __atomic_fetch_add(&wrong, bad, __ATOMIC_RELAXED);
    return NULL;
}

static void test_race(void) {
    pthread_t threads[CPUS];
    freed = 0;
    for (u32 i = 0; i < SLOTS; i++)
        slots[i] = thing_make();
    for (u64 n = 1; n < CPUS; n++)
        pthread_create(&threads[n], NULL, reader, (void *)n);
    u32 most = 0;
    for (u32 i = 0; i < REPLACED; i++) {
        struct thing *old = slots[i % SLOTS];
        __atomic_store_n(&slots[i % SLOTS], thing_make(), __ATOMIC_RELEASE);
        epoch_retire(&old->node, thing_free);
        epoch_reclaim(4);
        most = i + 1 - freed > most ? i + 1 - freed : most;
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (u32 n = 1; n < CPUS; n++)
        pthread_join(threads[n], NULL);
    while (epoch_reclaim(1000) < 1000)
        ;
    for (u32 i = 0; i < SLOTS; i++)
        free(slots[i]);
    CHECK(freed == REPLACED);
    CHECK(looked && !wrong);
    printf("spin-epoch: %u replaced, %lu looks, at most %u waited\n", REPLACED, looked, most);
}

int main(void) {
    be(0);
    test_nobody_inside();
    test_reader_delays();
    test_leaving_counts();
    test_next_period();
    test_budget();
    test_own();
    test_race();
    printf("spin-epoch: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
