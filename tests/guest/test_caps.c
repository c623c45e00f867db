// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Capabilities in large numbers: what no call may do at once is done in steps, and comes to its
// end. Rows of shared tables are divided like everything else.

#include "tests/guest/guest.h"

#define ACCOUNT2 CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SPARES   6
#define EACH     50u

static env_id spare[SPARES];

// Envs that never run, for their tables.
static void spares_make(void) {
    struct env_setup setup = {.rip = CODE_VA, .rsp = DATA_VA};
    for (u32 i = 0; i < SPARES; i++) {
        i64 env = sys_env_create(ACCOUNT2, my_account(), my_space(), (u64)&setup, ABI_ANY);
        CHECK(env > 0);
        spare[i] = (env_id)env;
    }
}

static void spares_free(void) {
    for (u32 i = 0; i < SPARES; i++)
        CHECK_EQ(sys_env_destroy(CAP_SLOT_ACCOUNT, spare[i]), 0);
}

static i64 mint_many(u64 from, u64 over) {
    i64 result = 0;
    for (u32 i = 0; i < SPARES * EACH && result >= 0; i++)
        result = sys_cap_mint(CAP_PAIR(from, over), spare[i % SPARES], CAP_RIGHT_WAKE, 0, 0);
    return result;
}

TEST(drop_with_many_children) {
    spares_make();
    i64 slot =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHTS_ALL, 0, 0);
    CHECK(mint_many((u64)slot, CAP_SLOT_ACCOUNT) > 0);
    u32 again = 0;
    i64 error;
    while ((error = sys_cap_drop((u64)slot)) == -E_AGAIN) {
        again++;
        CHECK_EQ(sys_env_wake((u64)slot, my_env()), 0); // it is as it was
    }
    CHECK_EQ(error, 0);
    CHECK_EQ(again, SPARES * EACH / 128);
    CHECK_EQ(sys_env_wake((u64)slot, my_env()), -E_CAP);
    for (u32 i = 0; i < SPARES; i++)
        CHECK_EQ(env_row(spare[i])->caps, 3 + EACH);
    spares_free();
}

// A chain as long as the tables allow is revoked in steps; so is what hangs on its end.
TEST(revoke_a_long_chain) {
    i64 slot =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHTS_ALL, 0, 0);
    i64 last = slot, removed = 0, n;
    u32 length = 0;
    while ((n = sys_cap_mint(CAP_PAIR(last, CAP_SLOT_SELF), my_env(), CAP_RIGHTS_ALL, 0, 0)) > 0) {
        last = n;
        length++;
    }
    CHECK_EQ(n, -E_FULL);
    while ((n = sys_cap_revoke((u64)slot)) == -E_AGAIN)
        removed++;
    CHECK(n >= 0);
    CHECK_EQ(removed ? (i64)length : n, length);
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
}

static volatile i64 minted;

static void mint_and_end(void *self_too) {
    minted = mint_many(CAP_SLOT_FREE, CAP_SLOT_FREE);
    if (self_too)
        sys_env_destroy(CAP_SLOT_SELF, self());
}

static void wait_gone(env_id env) {
    u64 until = tsc() + ms(5000);
    while (env_row(env)->id == env && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(env_row(env)->id != env);
}

// An env ends that minted more than one call may move: nobody finds it from then on, and its row
// and frames come back.
TEST(end_with_many_children) {
    for (u64 self_too = 0; self_too < 2; self_too++) {
        spares_make();
        env_id worker = worker_start_with((u32)(self_too * (cpus() - 1)), mint_and_end,
                                          (void *)self_too, my_account());
        if (self_too) {
            wait_gone(worker);
            worker_destroy(worker);
        } else {
            worker_wait(worker);
            CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker), -E_STALE);
            CHECK_EQ(sys_env_destroy(CAP_SLOT_ACCOUNT, worker), -E_STALE);
            CHECK_EQ(sys_cap_mint(ACCOUNT2, worker, CAP_RIGHT_WAKE, 0, 0), -E_STALE);
            wait_gone(worker);
        }
        CHECK(minted > 0);
        for (u32 i = 0; i < SPARES; i++) // they outlive who minted them
            CHECK_EQ(env_row(spare[i])->caps, 3 + EACH);
        while (sys_cap_revoke(CAP_SLOT_ACCOUNT) == -E_AGAIN) // and are still below us
            ;
        for (u32 i = 0; i < SPARES; i++)
            CHECK_EQ(env_row(spare[i])->caps, 0);
        spares_free();
    }
}

static void mint_and_stop(void) {
    minted = mint_many(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    __asm__ volatile("ud2"); // no handler
}

// An account goes with such an env in it.
TEST(account_ends_with_many_children) {
    static u8 stack[4096] __attribute__((aligned(16)));
    account_id mine = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 64, 10);
    struct env_setup setup = {.rip = CODE_VA, .rsp = DATA_VA};
    u64 slice = 200;
    for (u32 i = 0; i < SPARES; i++)
        spare[i] = (env_id)sys_env_create(ACCOUNT2, mine, my_space(), (u64)&setup, ABI_ANY);
    setup = (struct env_setup){.rip = (u64)mint_and_stop, .rsp = (u64)stack + sizeof stack - 8};
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), mine, slice, 1), 0);
    env_id minter = (env_id)sys_env_create(ACCOUNT2, mine, my_space(), (u64)&setup, slice);
    minted = 0;
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, minter), 0);
    worker_wait_state(minter, ENV_STOPPED);
    CHECK(minted > 0);
    CHECK_EQ(sys_env_destroy(CAP_SLOT_ACCOUNT, minter), 0);
    account_free(mine);
    CHECK(env_row(minter)->id != minter);
}

// Accounts and spaces cost a share of the tables they have rows in.
TEST(rows_are_divided) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 100, 5), n;
    u32 spaces = 0, accounts = 0;
    while ((n = sys_space_create(CAP_SLOT_ACCOUNT, (account_id)account)) > 0)
        spaces++;
    CHECK_EQ(n, -E_FULL);
    CHECK_EQ(spaces, 5);
    CHECK_EQ(sys_account_create(CAP_SLOT_ACCOUNT, (account_id)account, 0, 0), -E_FULL);
    account_free((account_id)account);
    account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 100, 5);
    while ((n = sys_account_create(CAP_SLOT_ACCOUNT, (account_id)account, 0, 0)) > 0)
        accounts++;
    CHECK_EQ(n, -E_FULL);
    CHECK_EQ(accounts, 5);
    CHECK_EQ(sys_space_create(CAP_SLOT_ACCOUNT, (account_id)account), -E_FULL);
    account_free((account_id)account);
}

// Of two capabilities in one argument the first decides first; each half is a slot of its own.
TEST(pairs_of_slots_are_checked_one_after_the_other) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 4, 1);
    CHECK(account > 0);
    account_id me = my_account(), child = (account_id)account;
    u64 good = CAP_SLOT_ACCOUNT;
    CHECK_EQ(sys_account_take(CAP_PAIR(good, good), child, ~0ul, me), -E_INVAL);
    CHECK_EQ(sys_account_take(CAP_PAIR(good, CAP_SLOTS), child, ~0ul, me), -E_CAP);
    CHECK_EQ(sys_account_take(CAP_PAIR(good, ~0u), child, ~0ul, me), -E_CAP);
    CHECK_EQ(sys_account_take(CAP_PAIR(good, ~0u), child, ~0ul, 0), -E_INVAL); // not asked for
    CHECK_EQ(sys_account_take(CAP_PAIR(CAP_SLOTS, good), child, ~0ul, me), -E_CAP);
    CHECK_EQ(sys_account_take(CAP_PAIR(1u << 31, good), child, ~0ul, me), -E_CAP);
    CHECK_EQ(sys_account_take(CAP_PAIR(CAP_SLOT_SPACE, ~0u), child, ~0ul, me), -E_TYPE);
    CHECK_EQ(sys_account_take(CAP_PAIR(good, CAP_SLOT_SPACE), child, ~0ul, me), -E_TYPE);
    CHECK_EQ(sys_account_take(CAP_PAIR(good, good), child, ~0ul, me + (1ul << ABI_INDEX_BITS)),
             -E_STALE);
    i64 weak = sys_cap_mint(CAP_PAIR(good, CAP_SLOT_SELF), my_env(),
                            CAP_RIGHTS_ALL & ~CAP_RIGHT_ALLOC, 0, 0);
    CHECK(weak > 0);
    CHECK_EQ(sys_account_take(CAP_PAIR(good, weak), child, ~0ul, me), -E_RIGHTS);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    CHECK_EQ(sys_account_destroy(CAP_SLOT_ACCOUNT, child), 0);
}
