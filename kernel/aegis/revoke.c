// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Asking accounts to give back, listening, and the vector of losses; taking is in take.c. See
// revoke.h.

#include "kernel/aegis/revoke_priv.h"

#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

#define RANGE_MAX 512

static struct revoke *revokes; // by row of the account

void revoke_init(u32 accounts) {
    u64 bytes = accounts * sizeof(struct revoke);
    revokes = sal_frame(sal_boot_alloc((bytes + ABI_PAGE - 1) >> ABI_PAGE_SHIFT));
}

struct revoke *revoke_of(account_id account) {
    return &revokes[ABI_INDEX(account)];
}

// --- the vector of losses ------------------------------------------------------------------------

void revoke_drop_vector(account_id account) {
    struct revoke *revoke = revoke_of(account);
    for (u32 i = 0; i < revoke->pages; i++) {
        struct abi_frame *row = frame_row(revoke->vector[i]);
        if (--row->pins == 0 && !row->maps && row->flags & FRAME_AUTO)
            frame_give(revoke->vector[i]);
    }
    revoke->pages = 0;
}

void revoke_reset(account_id account) {
    revoke_drop_vector(account);
    *revoke_of(account) = (struct revoke){0};
}

struct loss *revoke_entry(const struct revoke *revoke, u32 i) {
    struct loss *page = sal_frame(revoke->vector[i / LOSSES_PER_PAGE]);
    return &page[i % LOSSES_PER_PAGE];
}

// The pages of a vector, as the env maps them.
static i64 vector_frames(const struct env *env, account_id account, u64 va, u64 pages,
                         pfn_t *frames) {
    const struct abi_space *space = space_find(env->row->space);
    for (u64 i = 0; i < pages; i++) {
        const u64 *entry = space_entry(space, va + (i << ABI_PAGE_SHIFT));
        if (!entry || (*entry & (ABI_PTE_P | ABI_PTE_W)) != (ABI_PTE_P | ABI_PTE_W))
            return -E_INVAL;
        frames[i] = ABI_PTE_FRAME(*entry);
        const struct abi_frame *row = frame_row(frames[i]);
        if (row->kind != FRAME_USER || row->owner != account || row->pins >= FRAME_PINS_MAX)
            return -E_INVAL;
    }
    return 0;
}

i64 sys_account_listen(u64 caps, account_id id, env_id env_name, u64 va, u64 pages) {
    struct abi_account *account;
    struct env *env = 0;
    pfn_t frames[LOSS_PAGES];
    i64 error = cap_quick_account((u32)caps, id, CAP_RIGHT_CONTROL, &account);
    if (!error && env_name)
        error = cap_quick_env(caps >> 32, env_name, CAP_RIGHT_CONTROL, &env);
    if (error)
        return error;
    if (pages > LOSS_PAGES)
        return -E_LIMIT;
    if (pages && !env)
        return -E_INVAL;
    error = pages ? space_check_range(va, pages) : 0;
    if (!error && pages)
        error = vector_frames(env, id, va, pages, frames);
    if (error)
        return error;
    struct revoke *revoke = revoke_of(id);
    for (u64 i = 0; i < pages; i++) // before the old ones go: they may be the same
        frame_row(frames[i])->pins++;
    revoke_drop_vector(id);
    for (u64 i = 0; i < pages; i++)
        revoke->vector[i] = frames[i];
    revoke->pages = (u32)pages;
    account->told = env_name;
    return 0;
}

void revoke_tell(const struct abi_account *account, u32 reason) {
    struct env *env = env_find(account->told);
    if (env)
        env_tell(env, reason);
}

// --- asking --------------------------------------------------------------------------------------

i64 sys_account_guarantee(u64 cap, account_id id, u64 frames, u64 slices) {
    struct abi_account *account = account_find(id), *parent;
    i64 error = cap_quick_account(cap, account ? account->parent : id, CAP_RIGHT_REVOKE, &parent);
    if (account && !account->parent && error != -E_CAP && error != -E_TYPE)
        return -E_INVAL;
    if (error)
        return error;
    if (frames > account->quota)
        return -E_NOMEM;
    if (slices > abi_info->table[ABI_TABLE_SLICES].count)
        return -E_LIMIT;
    account->minimum = frames;
    account->minimum_slices = (u32)slices;
    return 0;
}

// What somebody asked stands until it is done, or somebody with as much to say asks anew.
static i64 ask_allowed(account_id by, account_id now) {
    return by && account_find(by) && !account_is_under(by, now) ? -E_BUSY : 0;
}

static i64 ask_check(u64 first, u64 count, u64 limit) {
    if (first == ABI_ANY)
        return count > limit ? -E_RANGE : 0;
    return count > RANGE_MAX || first >= limit || limit - first < count ? -E_RANGE : 0;
}

i64 sys_account_ask(u64 slot, account_id id, u64 kind, u64 first, u64 count, u64 deadline) {
    struct abi_account *account;
    i64 error = cap_quick_account(slot, id, CAP_RIGHT_REVOKE, &account);
    if (error)
        return error;
    if (kind > REVOKE_SLICES || !account->parent)
        return -E_INVAL;
    u64 limit = kind == REVOKE_FRAMES ? frame_count : abi_info->table[ABI_TABLE_SLICES].count;
    error = ask_check(first, count, limit);
    if (error)
        return error;
    struct revoke *revoke = revoke_of(id);
    account_id by = sched_current()->caps[slot].object;
    u64 pending = kind == REVOKE_FRAMES ? account->wanted : account->wanted_slices;
    error = pending ? ask_allowed(revoke->by[kind], by) : 0;
    if (error)
        return error;
    revoke->by[kind] = by;
    revoke->seen[kind] = 0;
    revoke->space = revoke->offered = 0;
    revoke->va = 0;
    if (kind == REVOKE_FRAMES) {
        account->first = first;
        account->deadline = deadline;
        account->wanted = count;
    } else {
        account->first_slice = (u32)first;
        account->slices_deadline = deadline;
        account->wanted_slices = (u32)count;
    }
    trace_account(id, TRACE_ASK, kind, count, deadline);
    if (count && kind == REVOKE_FRAMES)
        spin_account_asked(account);
    if (count)
        revoke_tell(account, NOTIFY_ASKED);
    return 0;
}

void revoke_count_slice(account_id from, account_id to) {
    struct abi_account *old = account_find(from), *new = account_find(to);
    if (old) {
        old->slices--;
        if (old->wanted_slices && old->first_slice == ~0u)
            old->wanted_slices--;
    }
    if (new)
        new->slices++;
}
