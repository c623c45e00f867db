// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Accounts. See account.h.

#include "kernel/aegis/account.h"

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/above.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/revoke.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

static struct object_table accounts;
static account_id first_account;
struct abi_account *account_rows;

void account_init(u32 count) {
    object_table_init(&accounts, ABI_TABLE_ACCOUNTS, sizeof(struct abi_account), count);
    account_rows = (struct abi_account *)accounts.rows;
    revoke_init(count);
    trace_init(count);
    i64 error = object_take(&accounts, &first_account);
    ASSERT(!error);
}

struct abi_account *account_find(account_id id) {
    return object_find(&accounts, id);
}

account_id account_first(void) {
    return first_account;
}

int account_is_under(account_id account, account_id top) {
    for (u32 depth = 0; account && depth <= ACCOUNT_DEPTH_MAX; depth++) {
        if (account == top)
            return 1;
        struct abi_account *row = account_find(account);
        account = row ? row->parent : 0;
    }
    return 0;
}

i64 account_charge(account_id id, u64 frames) {
    struct abi_account *account = account_find(id);
    if (account->quota - account->frames < frames)
        return -E_NOMEM;
    account->frames += frames;
    return 0;
}

void account_refund(account_id id, u64 frames) {
    account_find(id)->frames -= frames;
}

static u32 account_depth(account_id id) {
    u32 depth = 0;
    for (struct abi_account *a = account_find(id); a; a = account_find(a->parent))
        depth++;
    return depth;
}

i64 sys_account_create(u64 cap, account_id parent_id, u64 frames, u64 envs) {
    struct abi_account *parent, *account;
    i64 error = cap_quick_account(cap, parent_id, CAP_RIGHT_ALLOC, &parent);
    if (error)
        return error;
    if (parent->quota - parent->frames < frames)
        return -E_NOMEM;
    u32 used = parent->envs > parent->spaces ? parent->envs : parent->spaces;
    if (envs >= parent->env_quota - used)
        return -E_FULL;
    if (account_depth(parent_id) >= ACCOUNT_DEPTH_MAX)
        return -E_LIMIT;
    account_id id;
    error = object_take(&accounts, &id);
    if (error)
        return error;
    account = account_find(id);
    account->parent = parent_id;
    account->quota = frames;
    account->env_quota = (u32)envs;
    parent->quota -= frames;
    parent->env_quota -= (u32)envs + 1;
    parent->children++;
    return (i64)id;
}

// The account below top (or top itself) that has none below it.
static account_id account_leaf(account_id top) {
    for (u32 i = 1; i < accounts.count; i++) {
        struct abi_account *row = (struct abi_account *)(accounts.rows + (u64)i * accounts.stride);
        if (row->id && !row->children && account_is_under(row->id, top))
            return row->id;
    }
    return 0;
}

// Frees the envs of an account or of a space, one of them 0. E_AGAIN while some are left.
static i64 envs_tear(account_id account, space_id space) {
    u32 work = 0;
    for (u32 i = 1; i < abi_info->table[ABI_TABLE_ENVS].count; i++) {
        struct env *env = env_at(i);
        if (!env || (env->row->account != account && env->row->space != space))
            continue;
        if (env->id & ENV_DEAD) {
            env_reap();
            return -E_AGAIN;
        }
        if (env->row->state == ENV_RUNNING) { // not here: the caller is none of them
            env_ask_stop(env, ENV_STOP_STOPPED);
            return -E_AGAIN;
        }
        if (strand_end_all(env))
            return -E_AGAIN;
        env_free(env);
        if (++work == 4)
            return -E_AGAIN;
    }
    return 0;
}

// Takes apart what one account without children owns, and with a space the envs in it that others
// pay for. E_AGAIN while something is left.
static i64 account_tear(struct abi_account *account) {
    i64 error = spin_account_dies(account->id);
    if (error)
        return error;
    error = account->envs ? envs_tear(account->id, 0) : 0;
    if (error)
        return error;
    for (u32 i = 1; account->spaces && i < abi_info->table[ABI_TABLE_SPACES].count; i++) {
        struct abi_space *space = space_find_row(i);
        if (!space || space->account != account->id)
            continue;
        error = space->envs ? envs_tear(0, space->id) : space_tear(space);
        return error ? error : -E_AGAIN;
    }
    error = sched_release_account(account->id);
    if (error)
        return error;
    trace_account_dies(account->id);
    revoke_reset(account->id);
    return account->frames ? frame_give_all(account->id) : 0;
}

i64 sys_account_destroy(u64 cap, account_id id) {
    struct abi_account *top;
    i64 error = cap_quick_account(cap, id, CAP_RIGHT_DESTROY, &top);
    if (error)
        return error;
    if (account_is_under(sched_current()->row->account, id) ||
        account_is_under(space_current()->account, id))
        return -E_BUSY;
    account_id leaf_id = account_leaf(id);
    struct abi_account *leaf = account_find(leaf_id);
    error = account_tear(leaf);
    if (error)
        return error;
    struct abi_account *parent = account_find(leaf->parent);
    parent->quota += leaf->quota;
    parent->env_quota += leaf->env_quota + 1;
    parent->children--;
    object_release(&accounts, leaf_id);
    return leaf_id == id ? 0 : -E_AGAIN;
}
