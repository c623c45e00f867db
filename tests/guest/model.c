// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the model knows, and its comparison with the exposed tables. See model.h.

#include "tests/guest/model.h"

#include "base/string.h"

// Regions 0 and 1 lie in two leaf tables of one branch, region 2 in another branch. Tables of a
// space as bits: 0..2 the branch of 0 and 1 (PDPT, PD), its two leaf tables, then those of
// region 2.
static const u64 region_start[MODEL_REGIONS] = {0x10000000, 0x10400000, 0x30010000000};
static const u32 region_tables[MODEL_REGIONS] = {0x07, 0x0b, 0x70};

u64 model_va(u32 region, u32 page) {
    return region_start[region] + page * ABI_PAGE;
}

u32 model_tables_for(u32 region) {
    return region_tables[region];
}

u64 model_rounds(u64 usual) {
    for (const char *at = (const char *)ABI_INFO->command_line; *at; at++) {
        if (memcmp(at, "rounds=", 7))
            continue;
        u64 n = 0;
        for (at += 7; *at >= '0' && *at <= '9'; at++)
            n = n * 10 + (u64)(*at - '0');
        return n;
    }
    return usual;
}

u64 model_random(struct model *m, u64 below) { // xorshift64*
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return (m->random * 2685821657736338717ul >> 33) % below;
}

// A worker has no console: the first failure is kept, with the calls that led to it.
static void fail(struct model *m, const char *what, i64 got, i64 want) {
    if (m->failed++)
        return;
    m->what = what;
    m->got = got;
    m->want = want;
    m->last = m->traced;
}

void model_report(const struct model *m) {
    u32 first = m->last > MODEL_TRACE ? m->last - MODEL_TRACE : 0;
    if (!m->failed)
        return;
    check_failed(__FILE__, (int)m->number, m->what, m->got, m->want);
    for (u32 i = first; i < m->last; i++)
        say("  model %u step %u: %s(%lx, %lx, %lx) = %ld, expected %ld\n", m->number, i,
            m->trace[i % MODEL_TRACE].name, m->trace[i % MODEL_TRACE].a,
            m->trace[i % MODEL_TRACE].b, m->trace[i % MODEL_TRACE].c, m->trace[i % MODEL_TRACE].got,
            m->trace[i % MODEL_TRACE].want);
}

void model_expect(struct model *m, const char *name, u64 a, u64 b, u64 c, i64 got, i64 want,
                  i64 or) {
    if (m->failed)
        return;
    u32 at = m->traced++ % MODEL_TRACE;
    m->trace[at].name = name;
    m->trace[at].a = a;
    m->trace[at].b = b;
    m->trace[at].c = c;
    m->trace[at].got = got;
    m->trace[at].want = want;
    if (got != want && got != or)
        fail(m, name, got, want);
}

i64 model_retry(u32 call, u64 cap, u64 name) {
    i64 error;
    do
        error = call == SYS_account_destroy ? sys_account_destroy(cap, name)
                : call == SYS_space_destroy ? sys_space_destroy(cap, name)
                : call == SYS_env_stop      ? sys_env_stop(cap, name)
                                            : sys_env_destroy(cap, name);
    while (error == -E_AGAIN);
    return error;
}

// --- changes that several calls make -------------------------------------------------------------

void model_unmap(struct model *m, struct model_space *space, u32 region, u32 page) {
    u8 *what = &space->page[region][page];
    if (*what == MODEL_AUTO) {
        m->account[space->payer[region][page]].frames--;
    } else if (*what != MODEL_NONE) {
        struct model_frame *frame = &m->frame[*what];
        if (--frame->maps == 0 && frame->is_auto && !frame->pins) {
            m->account[frame->account].frames--;
            frame->pfn = 0;
        }
    }
    *what = MODEL_NONE;
}

void model_unpinned(struct model *m, u32 index) {
    struct model_frame *frame = &m->frame[index];
    if (--frame->pins == 0 && !frame->maps && frame->is_auto) {
        m->account[frame->account].frames--;
        frame->pfn = 0;
    }
}

void model_drop_space(struct model *m, u32 index) {
    struct model_space *space = &m->space[index];
    for (u32 r = 0; r < MODEL_REGIONS; r++)
        for (u32 p = 0; p < MODEL_PAGES; p++)
            model_unmap(m, space, r, p);
    struct model_account *account = &m->account[space->account];
    account->frames -= 1 + (u32)__builtin_popcount(space->tables);
    account->spaces--;
    space->id = 0;
}

void model_drop_env(struct model *m, u32 index) {
    struct model_env *env = &m->env[index];
    for (u32 i = 0; i < MODEL_SLICES; i++)
        if (m->slice[i].env == index)
            m->slice[i].env = MODEL_NONE;
    m->account[env->account].frames -= m->frames_per_env;
    m->account[env->account].envs--;
    m->space[env->space].envs--;
    env->id = 0;
}

// --- comparing -----------------------------------------------------------------------------------

void model_same(struct model *m, const char *what, u64 got, u64 want) {
    if (got != want)
        fail(m, what, (i64)got, (i64)want);
}

static void check_accounts(struct model *m) {
    u32 children = 0;
    for (u32 i = 0; i < MODEL_ACCOUNTS; i++) {
        const struct model_account *account = &m->account[i];
        if (!account->id)
            continue;
        const volatile struct abi_account *row = account_row(account->id);
        children += i > 0;
        model_same(m, "account id", row->id, account->id);
        model_same(m, "account frames", row->frames, account->frames);
        model_same(m, "account quota", row->quota, account->quota);
        model_same(m, "account env_quota", row->env_quota, account->env_quota);
        model_same(m, "account envs", row->envs, account->envs);
        model_same(m, "account spaces", row->spaces, account->spaces);
        model_same(m, "account minimum", row->minimum, account->minimum);
        model_same(m, "account wanted", row->wanted, 0);
    }
    model_same(m, "account children", account_row(m->account[0].id)->children, children);
}

static void check_frames(struct model *m) {
    for (u32 i = 0; i < MODEL_FRAMES; i++) {
        const struct model_frame *frame = &m->frame[i];
        if (!frame->pfn)
            continue;
        const volatile struct abi_frame *row = frame_row(frame->pfn);
        model_same(m, "frame kind", row->kind, FRAME_USER);
        model_same(m, "frame owner", row->owner, m->account[frame->account].id);
        model_same(m, "frame maps", row->maps, frame->maps);
        model_same(m, "frame pins", row->pins, frame->pins);
        model_same(m, "frame dma", row->dma, frame->pins);
    }
}

static void check_spaces(struct model *m) {
    for (u32 i = 0; i < MODEL_SPACES; i++) {
        const struct model_space *space = &m->space[i];
        if (!space->id)
            continue;
        const volatile struct abi_space *row = space_row(space->id);
        model_same(m, "space id", row->id, space->id);
        model_same(m, "space account", row->account, m->account[space->account].id);
        model_same(m, "space envs", row->envs, space->envs);
        model_same(m, "space tables", row->tables, 1 + (u32)__builtin_popcount(space->tables));
    }
}

static void check_envs(struct model *m) {
    for (u32 i = 0; i < MODEL_ENVS; i++) {
        const struct model_env *env = &m->env[i];
        if (!env->id)
            continue;
        const volatile struct abi_env *row = env_row(env->id);
        u32 slices = 0;
        for (u32 s = 0; s < MODEL_SLICES; s++)
            slices += m->slice[s].env == i;
        model_same(m, "env id", row->id, env->id);
        model_same(m, "env account", row->account, m->account[env->account].id);
        model_same(m, "env space", row->space, m->space[env->space].id);
        model_same(m, "env slices", row->slices, slices);
        if (!slices && !env->slices)
            model_same(m, "env state", row->state, env->state);
    }
    for (u32 i = 0; i < MODEL_SLICES; i++) {
        const struct model_slice *slice = &m->slice[i];
        if (!slice->owned)
            continue;
        const volatile struct abi_slice *row = slice_row(slice->number);
        model_same(m, "slice owner", row->owner, m->account[0].id);
        model_same(m, "slice env", row->env, slice->env == MODEL_NONE ? 0 : m->env[slice->env].id);
    }
}

void model_check(struct model *m) {
    check_accounts(m);
    check_frames(m);
    check_spaces(m);
    check_envs(m);
}

void model_clear(struct model *m) {
    for (u32 i = 0; i < MODEL_ENVS; i++)
        if (m->env[i].id) {
            model_expect(m, "end env", m->env[i].id, 0, 0,
                         model_retry(SYS_env_destroy, m->cap, m->env[i].id), 0, 0);
            model_drop_env(m, i);
        }
    for (u32 i = 0; i < MODEL_SPACES; i++)
        if (m->space[i].id) {
            model_expect(m, "end space", m->space[i].id, 0, 0,
                         model_retry(SYS_space_destroy, m->cap, m->space[i].id), 0, 0);
            model_drop_space(m, i);
        }
    for (u32 i = 0; i < MODEL_FRAMES; i++)
        for (; m->frame[i].pfn && m->frame[i].pins; model_unpinned(m, i))
            model_expect(m, "end pin", m->frame[i].pfn, 0, 0,
                         sys_frame_unpin(m->cap, m->frame[i].pfn, 1), 0, 0);
    for (u32 i = 0; i < MODEL_FRAMES; i++)
        if (m->frame[i].pfn) {
            model_expect(m, "end frame", m->frame[i].pfn, 0, 0,
                         sys_frame_free(m->cap, m->frame[i].pfn, 1), 0, 0);
            m->account[m->frame[i].account].frames--;
            m->frame[i].pfn = 0;
        }
    for (u32 i = 1; i < MODEL_ACCOUNTS; i++)
        if (m->account[i].id) {
            model_expect(m, "end account", m->account[i].id, 0, 0,
                         model_retry(SYS_account_destroy, m->cap, m->account[i].id), 0, 0);
            m->account[0].quota += m->account[i].quota;
            m->account[0].env_quota += m->account[i].env_quota + 1;
            m->account[i].id = 0;
        }
    model_check(m);
}

// --- the machine ---------------------------------------------------------------------------------

#define ACCOUNT_ROWS 8192

void model_machine_check(void) {
    static u32 owned[ACCOUNT_ROWS];
    u64 listed = 0, free_rows = 0;
    u32 accounts = ABI_INFO->table[ABI_TABLE_ACCOUNTS].count;
    CHECK(accounts <= ACCOUNT_ROWS);
    memset(owned, 0, sizeof owned);
    for (pfn_t pfn = ABI_INFO->free_first; pfn && listed <= ABI_INFO->frames;
         pfn = frame_row(pfn)->next)
        listed++;
    for (pfn_t pfn = 1; pfn < ABI_INFO->frames; pfn++) {
        u32 kind = frame_row(pfn)->kind;
        account_id owner = frame_row(pfn)->owner;
        free_rows += kind == FRAME_FREE;
        if (kind == FRAME_FREE || kind == FRAME_ABSENT || kind == FRAME_KERNEL)
            continue;
        CHECK(account_row(owner)->id == owner);
        owned[ABI_INDEX(owner) % ACCOUNT_ROWS]++;
    }
    CHECK_EQ(listed, ABI_INFO->free_frames);
    CHECK_EQ(free_rows, ABI_INFO->free_frames);
    for (u32 i = 1; i < accounts; i++) {
        const volatile struct abi_account *row = abi_row(ABI_TABLE_ACCOUNTS, i);
        if (row->id)
            CHECK_EQ(owned[i], row->frames);
    }
}
