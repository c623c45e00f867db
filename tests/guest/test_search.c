// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The search for the mappings of a frame (decision 010) where it is worst: very many spaces that
// have the same marks, tables full of other frames at the same places, slots that all spaces share.
// It ends, it finds all, and with the command line word timed=1, under -icount, where a tick is an
// instruction, no call of it takes longer than the longest that interrupts may be off.

#include "abi/revoke.h"
#include "base/string.h"
#include "libos/rt/frames.h"
#include "tests/guest/guest.h"

#define BOTH    CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define RO      ABI_PTE_NX
#define MANY    900
#define PAGE_AT 0x40000000ul
#define LONGEST 20000
#define COUNT   512ul
#define SLOT(n) ((u64)(n) << 39)

static space_id space[MANY];
static u32 spaces;
static u64 longest, calls, ticks;

static int timed(void) {
    for (const char *at = (const char *)ABI_INFO->command_line; *at; at++)
        if (!memcmp(at, "timed=1", 7))
            return 1;
    return 0;
}

static u64 rows_left(enum abi_table_number table) {
    u64 left = 0;
    for (u32 i = 1; i < ABI_INFO->table[table].count; i++)
        left += *(const volatile u64 *)abi_row(table, i) == 0;
    return left;
}

static void spaces_make(account_id account, u32 count) {
    u64 left = rows_left(ABI_TABLE_SPACES) - 8;
    count = count < left ? count : (u32)left;
    for (spaces = 0; spaces < count; spaces++) {
        i64 made = sys_space_create(CAP_SLOT_ACCOUNT, account);
        if (made <= 0)
            break;
        space[spaces] = (space_id)made;
    }
}

static void map(space_id in, u64 va, pfn_t first, u64 count) {
    for (u64 done = 0; done < count;) {
        i64 n = sys_space_map(BOTH, in, va + done * ABI_PAGE, first + done, count - done, RO);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
}

static void unmap_slot(u64 at) {
    const u64 pages = COUNT * COUNT * COUNT;
    for (u64 done = 0; done < pages;) {
        i64 n = sys_space_unmap(CAP_SLOT_SPACE, my_space(), at + done * ABI_PAGE, pages - done);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
}

static void note(u64 from) {
    u64 took = tsc() - from;
    longest = took > longest ? took : longest;
    ticks += took;
    calls++;
}

static void begin(void) {
    longest = calls = ticks = 0;
}

static void report(const char *what) {
    say("  %s: %lu spaces, %lu calls, %lu ticks, longest %lu\n", what, (u64)spaces, calls, ticks,
        longest);
    if (timed())
        CHECK(longest <= LONGEST);
}

static void revoke(pfn_t pfn) {
    i64 done;
    begin();
    do {
        u64 from = tsc();
        done = sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1);
        note(from);
    } while (done == -E_AGAIN);
    CHECK_EQ(done, 1);
    CHECK_EQ(frame_row(pfn)->maps, 0);
}

static account_id account_make(u64 frames, u64 envs) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), frames, envs);
    CHECK(account > 0);
    return (account_id)account;
}

static u64 envs_left(void) {
    u32 used = account_row(my_account())->envs > account_row(my_account())->spaces
                   ? account_row(my_account())->envs
                   : account_row(my_account())->spaces;
    u64 left = account_row(my_account())->env_quota - used;
    return left > MANY + 40 ? MANY + 20 : left - 20;
}

// All of them map it, at places that look alike.
TEST(bounded_search_in_very_many_spaces) {
    account_id account = account_make(6000, envs_left());
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, 0);
    spaces_make(account, MANY);
    for (u32 i = 0; i < spaces; i++)
        map(space[i], PAGE_AT, pfn, 1);
    CHECK_EQ(frame_row(pfn)->maps, spaces);
    revoke(pfn);
    report("all map it");
    // Taken by force as well.
    for (u32 i = 0; i < spaces; i++)
        map(space[i], PAGE_AT, pfn, 1);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, account, REVOKE_FRAMES, pfn, 1, 0), 0);
    i64 taken;
    begin();
    do {
        u64 from = tsc();
        taken = sys_account_take(CAP_SLOT_ACCOUNT, account, REVOKE_FRAMES, 0);
        note(from);
    } while (taken == -E_AGAIN);
    CHECK_EQ(taken, 1);
    report("taken from all");
    account_free(account);
}

// Two map it; all others have full tables of other frames there.
TEST(bounded_search_among_decoys) {
    account_id account = account_make(6000, envs_left());
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, 0);
    pfn_t other = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, 0);
    spaces_make(account, 600);
    for (u32 i = 0; i < spaces; i++) {
        map(space[i], PAGE_AT, other, 1);
        for (u64 page = 1; page < COUNT; page++)
            map(space[i], PAGE_AT + page * ABI_PAGE, other, 1);
        for (u64 t = 1; t < 4 && i % 32 == 0; t++) // the same 32nd of the places
            map(space[i], PAGE_AT + t * (32ul << 21), other, 1);
    }
    for (u32 i = 0; i < 64 && i + 1 < spaces; i++) // all marks
        map(space[spaces - 1 - i], PAGE_AT + 600 * ABI_PAGE, pfn, 1);
    for (u32 i = 0; i < 64 && i + 1 < spaces; i++)
        if (i)
            CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, space[spaces - 1 - i],
                                     PAGE_AT + 600 * ABI_PAGE, 1),
                     1);
    map(space[spaces - 1], PAGE_AT + 3 * ABI_PAGE + (64ul << 21), pfn, 1);
    revoke(pfn);
    report("decoys");
    account_free(account);
}

// All spaces share the tables of all slots; what is searched for is in none of them.
TEST(bounded_search_in_shared_slots) {
    account_id account = account_make(6000, envs_left());
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, 0);
    pfn_t other = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, 0);
    spaces_make(account, 300);
    for (u32 s = 1; s < 250; s++) {
        map(space[0], SLOT(s) + PAGE_AT, other, 1);
        for (u32 i = 1; i < spaces; i++)
            CHECK_EQ(sys_space_share(BOTH, space[i], space[0], SLOT(s)), 0);
    }
    map(space[spaces - 1], PAGE_AT, pfn, 1);
    map(space[spaces - 1], PAGE_AT + ABI_PAGE, pfn, 1);
    revoke(pfn);
    report("shared slots");
    account_free(account);
}

// What a large mapping of frames that go with it costs when it goes, and freeing as many as one
// call may.
TEST(bounded_frames_go_by_the_hundred) {
    const u64 at = SLOT(12);
    for (u32 how = 0; how < 3; how++) {
        u64 before = account_row(my_account())->frames;
        pfn_t first =
            (pfn_t)rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), 9, how < 2 ? FRAME_ALLOC_AUTO : 0);
        i64 done;
        begin();
        if (how < 2) {
            CHECK_EQ(sys_space_map(BOTH, my_space(), at, first, COUNT, RO | SPACE_MAP_LARGE),
                     COUNT);
        }
        do {
            u64 from = tsc();
            done = how == 0   ? sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, COUNT)
                   : how == 1 ? sys_frame_revoke(CAP_SLOT_ACCOUNT, first + 100, 1)
                              : sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT);
            note(from);
        } while (done == -E_AGAIN);
        CHECK(done >= 0);
        if (how < 2) // frame_free is done in pieces, with interrupts on between them
            report(how == 0 ? "unmapping 512" : "revoking 512");
        unmap_slot(at);
        CHECK_EQ(account_row(my_account())->frames, before);
    }
}

TEST(bounded_many_frames_are_revoked_at_once) {
    const u64 at = SLOT(12);
    u64 before = account_row(my_account())->frames;
    pfn_t first = (pfn_t)rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), 9, 0);
    for (u32 times = 1; times <= 2; times++) { // each is mapped once; then twice
        for (u32 i = 0; i < times; i++)
            map(my_space(), at + i * (COUNT << ABI_PAGE_SHIFT), first, COUNT);
        begin();
        for (u64 done = 0; done < COUNT;) {
            u64 from = tsc();
            i64 n = sys_frame_revoke(CAP_SLOT_ACCOUNT, first + done, COUNT - done);
            note(from);
            CHECK(n > 0 || n == -E_AGAIN);
            done += n > 0 ? (u64)n : n == -E_AGAIN ? 0 : COUNT;
        }
        report(times == 1 ? "each is mapped once" : "each is mapped twice");
    }
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
    unmap_slot(at);
    CHECK_EQ(account_row(my_account())->frames, before);
}
