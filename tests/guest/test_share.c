// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Page tables shared between spaces (space_share): what one does all see, nobody keeps a stale
// translation, and what is shared ends with the last one that has it.

#include "tests/guest/guest.h"

#define BOTH    CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SLOT    (5ul << 39)
#define PAGE_AT (SLOT + 0x12345000)

static space_id space_new(account_id account) {
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, account);
    CHECK(space > 0);
    return (space_id)space;
}

static i64 map_new(space_id space, u64 va, u64 count) {
    return sys_space_map(BOTH, space, va, ABI_ANY, count, ABI_PTE_W | ABI_PTE_NX);
}

TEST(share_errors) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 20, 1);
    space_id a = space_new(my_account()), b = space_new(my_account()), c = space_new((u64)account);
    i64 weak =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_READ, 0, 0);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT + ABI_PAGE), -E_ALIGN);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT + (1ul << 30)), -E_ALIGN);
    CHECK_EQ(sys_space_share(BOTH, b, a, 1ul << 47), -E_RANGE);
    CHECK_EQ(sys_space_share(BOTH, b, a, ~0ul << 39), -E_RANGE);
    CHECK_EQ(sys_space_share(BOTH, a, a, SLOT), -E_INVAL);
    CHECK_EQ(sys_space_share(BOTH, c, a, SLOT), -E_RIGHTS);
    CHECK_EQ(sys_space_share(BOTH, a, c, SLOT), -E_RIGHTS);
    CHECK_EQ(sys_space_share(CAP_PAIR(weak, CAP_SLOT_ACCOUNT), b, a, SLOT), -E_RIGHTS);
    CHECK_EQ(sys_space_share(CAP_PAIR(CAP_SLOT_ACCOUNT, weak), b, a, SLOT), -E_RIGHTS);
    CHECK_EQ(sys_space_share(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_CONSOLE), b, a, SLOT), -E_TYPE);
    CHECK_EQ(sys_space_share(BOTH, b, a + (1ul << ABI_INDEX_BITS), SLOT), -E_STALE);
    CHECK_EQ(map_new(b, PAGE_AT, 1), 1);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), -E_EXIST);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, b, PAGE_AT, 1), 1);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), -E_EXIST); // its tables are still there
    CHECK_EQ(sys_space_share(BOTH, a, b, SLOT), 0);
    CHECK_EQ(sys_space_share(BOTH, a, b, SLOT), -E_EXIST);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    space_free(a);
    space_free(b);
    space_free(c);
    account_free((account_id)account);
}

// Three spaces; each in turn maps and unmaps; they end in some order, and frames with the last.
TEST(shared_tables_are_one) {
    space_id space[3];
    for (u32 i = 0; i < 3; i++)
        space[i] = space_new(my_account());
    CHECK_EQ(sys_space_share(BOTH, space[1], space[0], SLOT), 0);
    u64 owned = account_row(my_account())->frames;
    CHECK_EQ(map_new(space[1], PAGE_AT, 600), 32);
    CHECK_EQ(account_row(my_account())->frames - owned, 32 + 2); // two levels of tables
    CHECK_EQ(space_row(space[0])->tables, 1);
    CHECK_EQ(space_row(space[1])->tables, 1);
    CHECK_EQ(sys_space_share(BOTH, space[2], space[1], SLOT), 0);
    for (u32 i = 0; i < 3; i++)
        CHECK_EQ(map_new(space[i], PAGE_AT, 1), -E_EXIST);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, space[2], PAGE_AT, 2), 2);
    CHECK_EQ(account_row(my_account())->frames - owned, 30 + 2);
    CHECK_EQ(map_new(space[0], PAGE_AT, 1), 1);
    CHECK_EQ(map_new(space[1], PAGE_AT, 1), -E_EXIST);
    u32 first = (u32)(guest_random() % 3);
    space_free(space[first]);
    CHECK_EQ(map_new(space[(first + 1) % 3], PAGE_AT, 1), -E_EXIST);
    space_free(space[(first + 1) % 3]);
    CHECK_EQ(map_new(space[(first + 2) % 3], PAGE_AT, 1), -E_EXIST);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, space[(first + 2) % 3], PAGE_AT, 1), 1);
    CHECK_EQ(map_new(space[(first + 2) % 3], SLOT + (1ul << 30), 1), 1);
    space_free(space[(first + 2) % 3]);
}

// A slot with more tables than one call tears down.
TEST(shared_tables_end_in_steps) {
    space_id a = space_new(my_account()), b = space_new(my_account());
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), 0);
    for (u64 i = 0; i < 40; i++)
        CHECK_EQ(map_new(a, SLOT + (i << 21), 1), 1);
    space_free(a);
    CHECK_EQ(map_new(b, SLOT, 1), -E_EXIST);
    CHECK_EQ(sys_space_destroy(CAP_SLOT_ACCOUNT, b), -E_AGAIN);
    space_free(b);
}

// An account that ends takes shared tables with it.
TEST(shared_tables_end_with_the_account) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 100, 4);
    space_id a = space_new((u64)account), b = space_new((u64)account);
    CHECK_EQ(sys_space_share(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), b, a, SLOT), 0);
    CHECK_EQ(sys_space_map(BOTH, a, SLOT, ABI_ANY, 1, ABI_PTE_W | ABI_PTE_NX), 1);
    account_free((account_id)account);
}

// No quota for the table.
TEST(share_without_memory) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 2, 2);
    space_id a = space_new((u64)account), b = space_new((u64)account);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), -E_NOMEM);
    account_free((account_id)account);
}

// Another space counts up a word of a shared page, on the last processor. When this space unmaps
// the page, the other one's next write faults.
TEST(unmap_of_a_shared_page_reaches_everybody) {
    static const u8 count_up[] = {0x48, 0xb8, 0,    0x50, 0x34, 0x12, 0x80, 0x02, 0,
                                  0,                // mov $PAGE_AT, %rax
                                  0x48, 0xff, 0x00, // incq (%rax)
                                  0xeb, 0xfb};      // jmp
    _Static_assert(PAGE_AT == 0x28012345000ul, "the code names it");
    u8 code[sizeof count_up];
    for (u32 i = 0; i < sizeof code; i++)
        code[i] = count_up[i];
    *(u64 *)(code + 2) = PAGE_AT;
    for (u32 round = 0; round < 10; round++) {
        struct child child;
        u64 slice = (cpus() - 1) * (u64)ABI_SLICES + 300;
        CHECK_EQ(
            sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
            0);
        CHECK_EQ(child_make(&child, my_account(), code, sizeof code, slice), 0);
        space_id mine = space_new(my_account());
        i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, FRAME_ALLOC_AUTO);
        CHECK_EQ(sys_space_share(BOTH, child.space, mine, SLOT), 0);
        CHECK_EQ(sys_space_map(BOTH, mine, PAGE_AT, (u64)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1);
        CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, (u64)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
        volatile u64 *word = (volatile u64 *)SCRATCH;
        u64 until = tsc() + ms(5000);
        while (*word < 1000 && tsc() < until)
            sys_env_yield(0, 0);
        CHECK(*word >= 1000);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, mine, PAGE_AT, 1), 1);
        u64 then = *word;
        worker_wait_state(child.env, ENV_STOPPED);
        CHECK_EQ(*word, then);
        CHECK_EQ(env_row(child.env)->stop_vector, UPCALL_PF);
        CHECK_EQ(env_row(child.env)->stop_address, PAGE_AT);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
        child_free(&child);
        space_free(mine);
        CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
    }
}

// Tables that were there before a slot was shared are counted in no row afterwards.
TEST(shared_tables_are_not_counted) {
    space_id a = space_new(my_account()), b = space_new(my_account());
    for (u64 i = 0; i < 3; i++)
        CHECK_EQ(map_new(a, SLOT + (i << 21), 1), 1);
    CHECK_EQ(map_new(a, SLOT + (1ul << 39), 1), 1);
    CHECK_EQ(space_row(a)->tables, 1 + 5 + 3);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), 0);
    CHECK_EQ(space_row(a)->tables, 1 + 3);
    CHECK_EQ(map_new(b, SLOT + (7ul << 21), 1), 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, a, SLOT, 3 * 512), 3 * 512);
    CHECK_EQ(space_row(a)->tables, 1 + 3);
    CHECK_EQ(space_row(b)->tables, 1);
    space_free(a);
    space_free(b);
    // One that is shared while it is being torn down.
    a = space_new(my_account());
    b = space_new(my_account());
    for (u64 i = 0; i < 20; i++)
        CHECK_EQ(map_new(a, SLOT + (i << 21), 1), 1);
    CHECK_EQ(sys_space_destroy(CAP_SLOT_ACCOUNT, a), -E_AGAIN);
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), 0);
    CHECK_EQ(space_row(a)->tables, 1);
    space_free(a);
    CHECK_EQ(space_row(b)->tables, 1);
    space_free(b);
}

// The last space that has a slot is being torn down, in steps, when another one shares it: the
// tables are that one's now, and nobody else's.
TEST(share_with_one_that_ends) {
    space_id a = space_new(my_account()), b = space_new(my_account()), c = space_new(my_account());
    CHECK_EQ(sys_space_share(BOTH, b, a, SLOT), 0);
    for (u64 i = 0; i < 30; i++)
        CHECK_EQ(map_new(a, SLOT + (i << 21), 1), 1);
    u64 owned = account_row(my_account())->frames;
    space_free(b);
    CHECK_EQ(sys_space_destroy(CAP_SLOT_ACCOUNT, a), -E_AGAIN);
    CHECK_EQ(sys_space_share(BOTH, c, a, SLOT), 0);
    u64 left = account_row(my_account())->frames;
    space_free(a);
    CHECK_EQ(account_row(my_account())->frames, left - 1); // its root, and none that c has
    CHECK_EQ(map_new(c, SLOT + (29ul << 21), 1), -E_EXIST);
    CHECK_EQ(map_new(c, SLOT, 1), 1);
    space_free(c);
    CHECK_EQ(account_row(my_account())->frames, owned - 3 - 2 - 60);
}
