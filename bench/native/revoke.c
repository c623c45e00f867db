// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Rows about rights and taking back: the check of a capability, revoking a frame that is mapped
// many times, forced repossession.

#include "abi/revoke.h"
#include "bench/native/native.h"

#define ACCOUNT2 CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define RW       (ABI_PTE_W | ABI_PTE_NX)

static void space_free(space_id space) {
    i64 error;
    while ((error = sys_space_destroy(CAP_SLOT_ACCOUNT, space)) == -E_AGAIN)
        ;
    must(error, 0, "space_destroy");
}

// --- the check -----------------------------------------------------------------------------------

// A call that is refused after its capabilities have been checked: one with two of them, less one
// with the first alone.
static void run_checks(u64 count) {
    u64 caps = count ? ACCOUNT2 : CAP_SLOT_ACCOUNT;
    account_id second = count ? my_account : 0;
    for (u64 i = 0; i < 1000; i++)
        must(sys_account_take(caps, my_account, ~0ul, second), -E_INVAL, "account_take");
}
ROW(cap_check, 1000, 0, 0, run_checks, 0);

// --- one frame, a thousand mappings --------------------------------------------------------------

#define SPACES 4
#define EACH   250ul

static space_id spaces[SPACES];
static pfn_t frame;

static void make_spaces(void) {
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account, ABI_ANY, 1, 0);
    if (pfn < 0)
        fail("frame_alloc", pfn);
    frame = (pfn_t)pfn;
    for (u32 i = 0; i < SPACES; i++) {
        i64 space = i ? sys_space_create(CAP_SLOT_ACCOUNT, my_account) : (i64)my_space;
        if (space < 0)
            fail("space_create", space);
        spaces[i] = (space_id)space;
    }
}

static void map_everywhere(void) {
    for (u32 i = 0; i < SPACES; i++)
        for (u64 page = 0; page < EACH; page++)
            must(sys_space_map(ACCOUNT2, spaces[i], SCRATCH + page * ABI_PAGE, frame, 1,
                               RW | SPACE_MAP_REPLACE),
                 1, "map");
}

static u32 maps_of(pfn_t pfn) {
    return ((const volatile struct abi_frame *)abi_row(ABI_TABLE_FRAMES, pfn))->maps;
}

static void run_revoke(u64 count) {
    i64 done = 0;
    while (count && (done = sys_frame_revoke(CAP_SLOT_ACCOUNT, frame, 1)) == -E_AGAIN)
        ;
    if (count)
        must(done + maps_of(frame), 1, "frame_revoke");
}

static void free_spaces(void) {
    run_revoke(1);
    must(sys_frame_free(CAP_SLOT_ACCOUNT, frame, 1), 0, "frame_free");
    for (u32 i = 1; i < SPACES; i++)
        space_free(spaces[i]);
}
ROW(revoke_1000, SPACES *EACH, make_spaces, map_everywhere, run_revoke, free_spaces);

// --- forced repossession -------------------------------------------------------------------------

#define LOST 256

static account_id victim;

static void victim_free(void) {
    i64 error = 0;
    while (victim && (error = sys_account_destroy(CAP_SLOT_ACCOUNT, victim)) == -E_AGAIN)
        ;
    must(error, 0, "account_destroy");
    victim = 0;
}

static void victim_make(void) {
    victim_free();
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account, LOST + 4, 1);
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env, CAP_RIGHTS_ALL,
                            (u64)account, CAP_MINT_ACCOUNT);
    if (account < 0 || slot < 0)
        fail("victim", account < 0 ? account : slot);
    victim = (account_id)account;
    i64 space = sys_space_create((u64)slot, victim);
    for (u64 done = 0; done < LOST;) {
        i64 n = sys_space_map(CAP_PAIR(slot, slot), (space_id)space, SCRATCH + done * ABI_PAGE,
                              ABI_ANY, LOST - done, RW);
        if (n <= 0)
            fail("map", n);
        done += (u64)n;
    }
    must(sys_cap_drop((u64)slot), 0, "cap_drop");
    must(sys_account_ask(CAP_SLOT_ACCOUNT, victim, REVOKE_FRAMES, ABI_ANY, LOST, 0), 0, "ask");
}

static void run_take(u64 count) {
    i64 taken = 0, n = 0;
    while (
        count && taken < LOST &&
        ((n = sys_account_take(CAP_SLOT_ACCOUNT, victim, REVOKE_FRAMES, 0)) > 0 || n == -E_AGAIN))
        taken += n > 0 ? n : 0;
    if (count)
        must(taken, LOST, "take");
}
ROW(repossess_256, 1, 0, victim_make, run_take, victim_free);
