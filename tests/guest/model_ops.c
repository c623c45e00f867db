// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The random calls of the model, and what each must return. See model.h.

#include "tests/guest/model.h"

#include "base/string.h"

#define CAPS(m) CAP_PAIR((m)->cap, (m)->cap)

// The index of a random entry whose first word says that it exists, or that it doesn't; or
// MODEL_NONE.
#define PICK(m, array, exists)                                                                     \
    pick(m, &(m)->array[0], sizeof(m)->array[0], sizeof(m)->array / sizeof(m)->array[0], exists)
static u32 pick(struct model *m, const void *array, u64 size, u32 count, int exists) {
    u32 from = (u32)model_random(m, count);
    for (u32 i = 0; i < count; i++) {
        u32 at = (from + i) % count;
        if (!!*(const u64 *)((const u8 *)array + at * size) == exists)
            return at;
    }
    return MODEL_NONE;
}

static u64 room(const struct model_account *account) {
    return account->quota - account->frames;
}

// --- accounts ------------------------------------------------------------------------------------

static void op_account_create(struct model *m) {
    u32 at = PICK(m, account, 0);
    struct model_account *top = &m->account[0];
    u64 frames = model_random(m, 120), envs = model_random(m, 4);
    i64 got = sys_account_create(m->cap, top->id, frames, envs);
    u32 used = top->envs > top->spaces ? top->envs : top->spaces;
    i64 want = room(top) < frames ? -E_NOMEM : top->env_quota - used < envs + 1 ? -E_FULL : got;
    model_expect(m, "account_create", frames, envs, 0, got, want, want);
    if (got <= 0)
        return;
    if (at == MODEL_NONE) { // as many as the model keeps: at once away again
        model_expect(m, "account_destroy", (u64)got, 0, 0,
                     model_retry(SYS_account_destroy, m->cap, (u64)got), 0, 0);
        return;
    }
    m->account[at] =
        (struct model_account){.id = (account_id)got, .quota = frames, .env_quota = (u32)envs};
    top->quota -= frames;
    top->env_quota -= (u32)envs + 1;
}

// What an account leaves behind: frames that other spaces map become its parent's.
static void forget_account(struct model *m, u32 at) {
    struct model_account *account = &m->account[at], *top = &m->account[0];
    for (u32 i = 0; i < MODEL_ENVS; i++)
        if (m->env[i].id && (m->env[i].account == at || m->space[m->env[i].space].account == at))
            model_drop_env(m, i);
    for (u32 i = 0; i < MODEL_SPACES; i++)
        if (m->space[i].id && m->space[i].account == at)
            model_drop_space(m, i);
    for (u32 i = 0; i < MODEL_FRAMES; i++) {
        struct model_frame *frame = &m->frame[i];
        if (!frame->pfn || frame->account != at)
            continue;
        if (frame->maps || frame->pins) {
            frame->account = 0;
            frame->is_auto = 1;
            account->quota--;
            top->quota++;
            top->frames++;
        } else {
            frame->pfn = 0;
        }
        account->frames--;
    }
    for (u32 i = 0; i < MODEL_SPACES; i++) // pages that it paid for in the spaces of others
        for (u32 r = 0; m->space[i].id && r < MODEL_REGIONS; r++)
            for (u32 p = 0; p < MODEL_PAGES; p++)
                if (m->space[i].page[r][p] == MODEL_AUTO && m->space[i].payer[r][p] == at) {
                    m->space[i].payer[r][p] = 0;
                    account->frames--;
                    account->quota--;
                    top->quota++;
                    top->frames++;
                }
    top->quota += account->quota;
    top->env_quota += account->env_quota + 1;
    account->id = 0;
}

static void op_account_destroy(struct model *m) {
    u32 at = PICK(m, account, 1);
    if (at == 0)
        return;
    account_id id = m->account[at].id;
    i64 got = model_retry(SYS_account_destroy, m->cap, id);
    model_expect(m, "account_destroy", id, 0, 0, got, 0, 0);
    forget_account(m, at);
    model_expect(m, "account_destroy again", id, 0, 0, sys_account_destroy(m->cap, id), -E_STALE,
                 -E_STALE);
}

// --- frames --------------------------------------------------------------------------------------

static void op_frame_alloc(struct model *m) {
    u32 at = PICK(m, frame, 0), payer = PICK(m, account, 1);
    struct model_account *account = &m->account[payer];
    pfn_t named = model_random(m, 2) ? ABI_ANY : ABI_INFO->free_first;
    if (at == MODEL_NONE)
        return;
    i64 got = sys_frame_alloc(m->cap, account->id, named, 1, model_random(m, 2));
    i64 want = room(account) ? got : -E_NOMEM; // another worker may have been first
    model_expect(m, "frame_alloc", payer, named, 0, got, want, named == ABI_ANY ? want : -E_BUSY);
    if (room(account) && got <= 0 && (named == ABI_ANY || got != -E_BUSY))
        model_expect(m, "frame_alloc fails", payer, named, 0, got, 1, 1);
    if (got <= 0)
        return;
    m->frame[at] = (struct model_frame){.pfn = (pfn_t)got, .account = (u8)payer};
    account->frames++;
}

static void op_frame_free(struct model *m) {
    u32 at = PICK(m, frame, 1);
    if (at == MODEL_NONE)
        return;
    struct model_frame *frame = &m->frame[at];
    pfn_t pfn = frame->pfn;
    i64 got = sys_frame_free(m->cap, pfn, 1), want = frame->maps || frame->pins ? -E_BUSY : 0;
    model_expect(m, "frame_free", pfn, 0, 0, got, want, want);
    if (got)
        return;
    m->account[frame->account].frames--;
    frame->pfn = 0;
    got = sys_frame_free(m->cap, pfn, 1); // free, or another worker's by now
    model_expect(m, "frame_free again", pfn, 0, 0, got, -E_STALE, -E_RIGHTS);
}

// --- spaces --------------------------------------------------------------------------------------

static void op_space_create(struct model *m) {
    u32 at = PICK(m, space, 0), payer = PICK(m, account, 1);
    struct model_account *account = &m->account[payer];
    if (at == MODEL_NONE)
        return;
    int full = account->spaces >= account->env_quota;
    i64 got = sys_space_create(m->cap, account->id);
    i64 want = full ? -E_FULL : room(account) ? got : -E_NOMEM;
    model_expect(m, "space_create", payer, 0, 0, got, want, want);
    if (!full && room(account) && got <= 0)
        model_expect(m, "space_create fails", payer, 0, 0, got, 1, 1);
    if (got <= 0)
        return;
    struct model_space *space = &m->space[at];
    memset(space, 0, sizeof *space);
    memset(space->page, (int)MODEL_NONE, sizeof space->page);
    space->id = (space_id)got;
    space->account = (u8)payer;
    account->frames++;
    account->spaces++;
}

static void op_space_destroy(struct model *m) {
    u32 at = PICK(m, space, 1);
    if (at == MODEL_NONE)
        return;
    space_id id = m->space[at].id;
    i64 got = model_retry(SYS_space_destroy, m->cap, id), want = m->space[at].envs ? -E_BUSY : 0;
    model_expect(m, "space_destroy", id, 0, 0, got, want, want);
    if (got)
        return;
    model_drop_space(m, at);
    model_expect(m, "space_destroy again", id, 0, 0, sys_space_destroy(m->cap, id), -E_STALE,
                 -E_STALE);
}

// Brings the tables that a mapping made up to date: all that were missing, or, if quota ran out,
// those that it was enough for.
void model_note_tables(struct model *m, struct model_space *space, u32 region) {
    u32 missing = model_tables_for(region) & ~space->tables;
    u32 now = space_row(space->id)->tables - 1, before = (u32)__builtin_popcount(space->tables);
    for (; missing && before < now; before++, missing &= missing - 1) {
        space->tables |= missing & -missing;
        m->account[space->account].frames++;
    }
}

static void op_map(struct model *m) {
    u32 at = PICK(m, space, 1), f = PICK(m, frame, 1), payer = PICK(m, account, 1);
    if (at == MODEL_NONE)
        return;
    struct model_space *space = &m->space[at];
    u32 region = (u32)model_random(m, MODEL_REGIONS), page = (u32)model_random(m, MODEL_PAGES);
    int any = f == MODEL_NONE || model_random(m, 3) == 0;
    // New frames are charged to the account that the capability is for.
    payer = 0;
    u64 flags = (model_random(m, 2) ? ABI_PTE_W : 0) | (model_random(m, 2) ? ABI_PTE_NX : 0) |
                (model_random(m, 3) ? 0 : SPACE_MAP_REPLACE);
    u8 *entry = &space->page[region][page];
    u64 tables = (u64)__builtin_popcount(model_tables_for(region) & ~space->tables);
    struct model_account *owner = &m->account[space->account];
    int fits = room(owner) >= tables;
    if (any)
        fits = space->account == payer ? room(owner) >= tables + 1
                                       : fits && room(&m->account[payer]) >= 1;
    i64 got = sys_space_map(CAPS(m), space->id, model_va(region, page),
                            any ? ABI_ANY : m->frame[f].pfn, 1, flags);
    int exists = *entry != MODEL_NONE && !(flags & SPACE_MAP_REPLACE);
    i64 want = exists ? -E_EXIST : fits ? 1 : -E_NOMEM;
    // With a mapping to replace, its frame may be what makes room, or not.
    model_expect(m, "space_map", at, model_va(region, page), any ? ABI_ANY : f, got, want,
                 *entry != MODEL_NONE && !fits ? 1 : want);
    model_note_tables(m, space, region);
    if (got != 1)
        return;
    u8 before = *entry, before_payer = space->payer[region][page];
    *entry = any ? MODEL_AUTO : (u8)f;
    space->payer[region][page] = (u8)payer;
    space->fixed[region][page] = 0;
    if (any)
        m->account[payer].frames++;
    else
        m->frame[f].maps++;
    if (before != MODEL_NONE) { // what was there goes
        struct model_space old = *space;
        old.page[region][page] = before;
        old.payer[region][page] = before_payer;
        model_unmap(m, &old, region, page);
    }
}

static void op_unmap(struct model *m) {
    u32 at = PICK(m, space, 1);
    if (at == MODEL_NONE)
        return;
    u32 region = (u32)model_random(m, MODEL_REGIONS), page = (u32)model_random(m, MODEL_PAGES);
    u32 count = 1 + (u32)model_random(m, MODEL_PAGES - page);
    struct model_space *space = &m->space[at];
    i64 got = sys_space_unmap(m->cap, space->id, model_va(region, page), count);
    model_expect(m, "space_unmap", at, model_va(region, page), count, got, count, count);
    for (u32 i = 0; got > 0 && i < (u32)got; i++)
        model_unmap(m, space, region, page + i);
}

static void op_protect(struct model *m) {
    u32 at = PICK(m, space, 1);
    if (at == MODEL_NONE)
        return;
    u32 region = (u32)model_random(m, MODEL_REGIONS), page = (u32)model_random(m, MODEL_PAGES);
    u32 count = 1 + (u32)model_random(m, MODEL_PAGES - page);
    const struct model_space *space = &m->space[at];
    u64 set = model_random(m, 2) ? ABI_PTE_W : 0;
    i64 want = count;
    for (u32 i = page; set && i < page + count; i++)
        if (space->page[region][i] != MODEL_NONE && space->fixed[region][i])
            want = -E_RIGHTS;
    i64 got = sys_space_protect(m->cap, space->id, model_va(region, page), count, ABI_PTE_W, set);
    model_expect(m, "space_protect", at, model_va(region, page), count, got, want, want);
}

// --- envs and slices -----------------------------------------------------------------------------

static void op_env_create(struct model *m) {
    u32 at = PICK(m, env, 0), payer = PICK(m, account, 1), where = PICK(m, space, 1);
    if (at == MODEL_NONE || where == MODEL_NONE)
        return;
    struct model_account *account = &m->account[payer];
    struct env_setup setup = {.rip = 0x1000, .rsp = 0x2000};
    i64 got = sys_env_create(CAPS(m), account->id, m->space[where].id, (u64)&setup, ABI_ANY);
    int full = account->envs == account->env_quota, poor = room(account) < m->frames_per_env;
    i64 want = full ? -E_FULL : poor ? -E_NOMEM : got;
    model_expect(m, "env_create", payer, where, 0, got, want, poor ? -E_NOMEM : want);
    if (!full && !poor && got <= 0)
        model_expect(m, "env_create fails", payer, where, 0, got, 1, 1);
    if (got <= 0)
        return;
    m->env[at] = (struct model_env){
        .id = (env_id)got, .account = (u8)payer, .space = (u8)where, .state = ENV_STOPPED};
    account->frames += m->frames_per_env;
    account->envs++;
    m->space[where].envs++;
}

static void op_env_destroy(struct model *m) {
    u32 at = PICK(m, env, 1);
    if (at == MODEL_NONE)
        return;
    env_id id = m->env[at].id;
    model_expect(m, "env_destroy", id, 0, 0, model_retry(SYS_env_destroy, m->cap, id), 0, 0);
    model_drop_env(m, at);
    model_expect(m, "env_start a dead one", id, 0, 0, sys_env_start(m->cap, id), -E_STALE,
                 -E_STALE);
}

// An env with a slice runs, and stops at its first instruction, which is not mapped.
static void op_env_start(struct model *m) {
    u32 at = PICK(m, env, 1);
    if (at == MODEL_NONE)
        return;
    struct model_env *env = &m->env[at];
    i64 got = sys_env_start(m->cap, env->id), want = env->state == ENV_STOPPED ? 0 : -E_BUSY;
    model_expect(m, "env_start", at, 0, 0, got, want, env->slices ? 0 : want);
    env->state = ENV_READY;
}

static void op_env_stop(struct model *m) {
    u32 at = PICK(m, env, 1);
    if (at == MODEL_NONE)
        return;
    i64 got = model_retry(SYS_env_stop, m->cap, m->env[at].id);
    model_expect(m, "env_stop", at, 0, 0, got, 0, 0);
    m->env[at].state = ENV_STOPPED;
}

static void op_env_wake(struct model *m) {
    u32 at = PICK(m, env, 1);
    if (at == MODEL_NONE)
        return;
    u64 before = env_row(m->env[at].id)->wakes;
    i64 got = model_random(m, 2) ? sys_env_wake(m->cap, m->env[at].id)
                                 : sys_env_notify(m->cap, m->env[at].id);
    model_expect(m, "env_wake", at, 0, 0, got, 0, 0);
    model_expect(m, "wakes", at, 0, 0, (i64)(env_row(m->env[at].id)->wakes - before), 1, 1);
}

static void op_slice_assign(struct model *m) {
    u32 s = (u32)model_random(m, MODEL_SLICES), at = PICK(m, env, 1);
    struct model_slice *slice = &m->slice[s];
    if (!slice->owned)
        return;
    if (at != MODEL_NONE && model_random(m, 4) == 0)
        at = MODEL_NONE;
    i64 got = sys_slice_assign(CAPS(m), slice->number, at == MODEL_NONE ? 0 : m->env[at].id);
    model_expect(m, "slice_assign", slice->number, at, 0, got, 0, 0);
    slice->env = (u8)at;
    if (at != MODEL_NONE)
        m->env[at].slices = 1; // it may have run from now on
}

void model_step(struct model *m) {
    static void (*const ops[])(struct model *) = {
        op_account_create,
        op_account_destroy,
        op_frame_alloc,
        op_frame_alloc,
        op_frame_alloc,
        op_frame_free,
        op_space_create,
        op_space_create,
        op_space_destroy,
        op_map,
        op_map,
        op_map,
        op_map,
        op_map,
        op_map,
        op_unmap,
        op_unmap,
        op_protect,
        op_env_create,
        op_env_create,
        op_env_destroy,
        op_env_start,
        op_env_stop,
        op_env_wake,
        op_slice_assign,
        model_step_more,
        model_step_more,
        model_step_more,
        model_step_more,
        model_step_more,
        model_step_more,
    };
    ops[model_random(m, sizeof ops / sizeof *ops)](m);
}
