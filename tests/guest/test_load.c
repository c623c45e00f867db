// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Many runnable envs that make calls all the time, the long ones too. Alone it checks that nothing
// breaks or is left; bench/irqoff.py measures how long the kernel keeps interrupts off meanwhile.

#include "tests/guest/guest.h"

#define ENVS    256
#define STACK   4096
#define AREA    (SCRATCH + 0x80000000ul)
#define PAGES   512
#define LASTS   100 // slices
#define KINDS   10
#define CAPS    CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define IN_HERE CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SPACE)
#define RW      (ABI_PTE_W | ABI_PTE_NX)

static u8 stacks[ENVS][STACK] __attribute__((aligned(16)));
static env_id envs[ENVS];
static volatile u32 load_end, at_rest, word;
static volatile u64 calls_made;

static void map_and_unmap(u64 va, u64 pages) {
    sys_space_map(CAPS, my_space(), va, ABI_ANY, pages, RW);
    sys_space_unmap(CAP_SLOT_SPACE, my_space(), va, pages);
}

static void in_a_batch(u64 va) {
    struct batch_op ops[24] = {{0}};
    for (u32 i = 0; i < 24; i++) {
        ops[i].call = SYS_space_protect;
        ops[i].args[0] = CAP_SLOT_SPACE;
        ops[i].args[1] = my_space();
        ops[i].args[2] = va;
        ops[i].args[3] = 64;
        ops[i].args[4] = ABI_PTE_SOFT;
    }
    sys_batch((u64)ops, 24);
}

static void map_in_a_batch(u64 va) {
    struct batch_op ops[24] = {{0}};
    for (u32 i = 0; i < 24; i++) {
        int map = i % 2 == 0;
        u64 at = va + i / 2 * 8 * ABI_PAGE;
        ops[i].call = map ? SYS_space_map : SYS_space_unmap;
        ops[i].args[0] = map ? CAPS : CAP_SLOT_SPACE;
        ops[i].args[1] = my_space();
        ops[i].args[2] = at;
        ops[i].args[3] = map ? ABI_ANY : 8;
        ops[i].args[4] = map ? 8 : 0;
        ops[i].args[5] = map ? RW : 0;
    }
    sys_batch((u64)ops, 24);
}

static void make_and_destroy(void) {
    struct env_setup setup = {0};
    i64 env = sys_env_create(IN_HERE, my_account(), my_space(), (u64)&setup, ABI_ANY);
    if (env > 0)
        sys_env_destroy(CAP_SLOT_ACCOUNT, (env_id)env);
}

static void frames_come_and_go(env_id me) {
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    u64 va = AREA + ABI_INDEX(me) * 0x400000 + 0x200000;
    if (pfn <= 0)
        return;
    sys_space_map(CAPS, my_space(), va, (pfn_t)pfn, 1, RW);
    while (sys_frame_revoke(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1) == -E_AGAIN)
        ;
    sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1);
}

static void mint_and_revoke(env_id me) {
    i64 slot = sys_cap_mint(CAPS, me, CAP_RIGHTS_ALL, me, CAP_MINT_ENV);
    if (slot < 0)
        return;
    for (u32 i = 0; i < 8; i++)
        sys_cap_mint(CAP_PAIR((u64)slot, CAP_SLOT_ACCOUNT), me, CAP_RIGHT_WAKE, 0, 0);
    sys_cap_revoke((u64)slot);
    sys_cap_drop((u64)slot);
}

static void work(u64 number) {
    env_id me = envs[number];
    u64 va = AREA + number * 0x400000;
    for (u32 i = 0; !load_end; i++) {
        switch (number % KINDS) {
        case 0:
            sys_space_protect(CAP_SLOT_SPACE, my_space(), AREA, PAGES, ABI_PTE_SOFT, 0);
            break;
        case 1:
            map_and_unmap(va, 1 + i % 128);
            break;
        case 2:
            if (i & 1)
                in_a_batch(AREA);
            else
                map_in_a_batch(va);
            break;
        case 3:
            sys_env_wake(CAP_SLOT_ACCOUNT, envs[(number + i) % ENVS]);
            sys_env_yield(0, 0);
            break;
        case 4:
            sys_env_wait((u64)&word, word, env_row(me)->wakes, tsc() + ms(1) / 4, 0);
            break;
        case 5:
            word++;
            sys_word_wake((u64)&word, 64);
            break;
        case 6:
            mint_and_revoke(me);
            break;
        case 7:
            make_and_destroy();
            break;
        case 8:
            frames_come_and_go(me);
            break;
        default:
            sys_env_sleep(env_row(me)->wakes, tsc() + ms(1) / 8);
        }
        calls_made++;
    }
    __atomic_fetch_add(&at_rest, 1, __ATOMIC_SEQ_CST);
    for (;;)
        sys_env_sleep(env_row(me)->wakes, ABI_ANY);
}

TEST(load_of_256_envs) {
    u64 every = CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), per = ENVS / cpus();
    load_end = at_rest = 0;
    calls_made = 0;
    for (u64 done = 0; done < PAGES;) {
        i64 n = sys_space_map(CAPS, my_space(), AREA + done * ABI_PAGE, ABI_ANY, PAGES - done, RW);
        CHECK(n > 0);
        done += n > 0 ? (u64)n : PAGES;
    }
    for (u32 cpu = 0; cpu < cpus(); cpu++)
        CHECK_EQ(sys_slice_alloc(every, my_account(), cpu * ABI_SLICES + 8, per), 0);
    for (u64 i = 0; i < per * cpus(); i++) {
        struct env_setup setup = {.rip = (u64)work, .rsp = (u64)stacks[i] + STACK - 8, .arg = i};
        envs[i] = (env_id)sys_env_create(IN_HERE, my_account(), my_space(), (u64)&setup,
                                         i % cpus() * ABI_SLICES + 8 + i / cpus());
        CHECK_EQ(env_row(envs[i])->id, envs[i]);
    }
    for (u64 i = 0; i < per * cpus(); i++)
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, envs[i]), 0);
    u64 until = tsc() + ABI_INFO->tsc_hz / 1000000 * (ABI_INFO->slice_ns / 1000) * LASTS;
    while (tsc() < until) {
        CHECK_EQ(sys_slice_alloc(every, my_account(), 300, 200), 0);
        CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, 300, 200), 0);
        sys_env_yield(0, 0);
    }
    load_end = 1;
    while (at_rest < per * cpus())
        sys_env_yield(0, 0);
    for (u64 i = 0; i < per * cpus(); i++)
        while (sys_env_destroy(CAP_SLOT_ACCOUNT, envs[i]) == -E_AGAIN)
            ;
    for (u32 cpu = 0; cpu < cpus(); cpu++)
        CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, cpu * ABI_SLICES + 8, per), 0);
    for (u64 i = 0; i < ENVS; i++) // what the last of them had mapped
        for (i64 done = 0, n = 1; done < PAGES && n > 0; done += n)
            n = sys_space_unmap(CAP_SLOT_SPACE, my_space(),
                                AREA + i * 0x400000 + (u64)done * ABI_PAGE, PAGES - (u64)done);
    CHECK(calls_made > 100);
    say("load: %lu rounds\n", calls_made);
}

// --- the largest calls ---------------------------------------------------------------------------

#define RUN_FRAMES 512
#define RUNS       4
#define FIRST      8 // positions from here on are free while nothing runs
#define POSITIONS  (ABI_SLICES - FIRST)

static pfn_t free_run(u64 count) {
    u64 run = 0;
    for (pfn_t pfn = 1; pfn < ABI_INFO->frames; pfn++) {
        run = frame_row(pfn)->kind == FRAME_FREE ? run + 1 : 0;
        if (run == count)
            return pfn + 1 - count;
    }
    return 0;
}

static void frames_by_the_run(void) {
    pfn_t first = free_run(RUNS * RUN_FRAMES);
    CHECK(first != 0);
    for (u32 round = 0; round < 2;
         round++) { // what it gets is not zero, at the second time at least
        for (u64 i = 0; i < RUNS; i++)
            CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), first + i * RUN_FRAMES,
                                     RUN_FRAMES, 0),
                     (i64)(first + i * RUN_FRAMES));
        for (u64 i = 0; i < RUN_FRAMES; i += 64) {
            CHECK_EQ(sys_space_map(CAPS, my_space(), SCRATCH, first + i, 1, RW), 1);
            CHECK_EQ(*(volatile u64 *)(SCRATCH + 8 * i), 0);
            *(volatile u64 *)(SCRATCH + 8 * i) = 0x5555;
            CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
        }
        i64 slot = sys_cap_mint(CAPS, my_env(), CAP_RIGHTS_ALL, first, RUNS * RUN_FRAMES);
        CHECK(slot > 0);
        CHECK_EQ(sys_frame_pin((u64)slot, first, RUN_FRAMES), 0);
        CHECK_EQ(sys_frame_free((u64)slot, first, RUN_FRAMES), -E_BUSY);
        CHECK_EQ(sys_frame_unpin((u64)slot, first, RUN_FRAMES), 0);
        for (u64 i = 0; i < RUNS; i++)
            CHECK_EQ(sys_frame_free((u64)slot, first + i * RUN_FRAMES, RUN_FRAMES), 0);
        CHECK_EQ(sys_cap_drop((u64)slot), 0);
    }
}

static void slices_by_the_vector(u32 cpu) {
    u64 every = CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), first = cpu * ABI_SLICES + FIRST;
    struct child child;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    CHECK_EQ(sys_slice_alloc(every, my_account(), first, POSITIONS), 0);
    for (u64 i = 0; i < POSITIONS; i++) {
        CHECK_EQ(slice_row(first + i)->owner, my_account());
        CHECK_EQ(sys_slice_assign(CAPS, first + i, child.env), i < ENV_SLICES_MAX ? 0 : -E_LIMIT);
    }
    CHECK_EQ(sys_slice_alloc(every, my_account(), first, POSITIONS), -E_BUSY);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, first, POSITIONS), 0);
    for (u64 i = 0; i < POSITIONS; i++)
        CHECK_EQ(slice_row(first + i)->owner, 0);
    CHECK_EQ(env_row(child.env)->slices, 0);
    child_free(&child);
}

// Each call with all that it takes. That none keeps interrupts off for long is seen by
// bench/irqoff.py.
TEST(load_of_the_largest_calls) {
    frames_by_the_run();
    for (u32 cpu = 0; cpu < cpus(); cpu++)
        slices_by_the_vector(cpu);
    i64 written = sys_console_write(CAP_SLOT_CONSOLE, (u64)stacks, 65536);
    CHECK(written > 0 || written == -E_FAULT);
}
