// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Capabilities against a plain model, on the host, under sanitizers: the kernel's own cap.c with
// everything around it made of a few arrays. Random mints, drops, revocations, ends of envs, and
// frames that change hands; after every step each slot of each env must be what the model says, and
// every check of a capability must give what the model's rules say.
//
// usage: cap-model [--steps N] [--seed N]

#include <asm/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"

#define ENVS     12
#define ACCOUNTS 6
#define SPACES   4
#define FRAMES   64
#define SLICES   32

#define REMOVED_PER_CALL 4 // as cap.c is compiled here

// --- the world around cap.c ----------------------------------------------------------------------

static struct env env_memory[ENVS + 1];
static struct abi_env env_rows[ENVS + 1];
static struct env *env_table[ENVS + 1];
static struct env *env_short_table[ENVS + 1], env_none;
static struct abi_account accounts[ACCOUNTS + 1];
static struct abi_space spaces[SPACES + 1];
static struct abi_frame frames[FRAMES];
static struct abi_slice slices[SLICES];
static struct abi_info info;
static struct cpu processor;
static u64 epoch;

struct env **env_of = env_table;
struct env **env_short = env_short_table; // all env_none or live, see env_make_again
struct abi_space *space_rows = spaces;
struct abi_account *account_rows = accounts;
struct abi_frame *frame_rows = frames;
u64 frame_count = FRAMES;
struct abi_info *abi_info = &info;

struct env *env_find(env_id id) {
    struct env *env = ABI_INDEX(id) <= ENVS ? env_table[ABI_INDEX(id)] : NULL;
    return env && env->id == id ? env : NULL;
}
struct abi_account *account_find(account_id id) {
    return id && ABI_INDEX(id) <= ACCOUNTS && accounts[ABI_INDEX(id)].id == id
               ? &accounts[ABI_INDEX(id)]
               : NULL;
}
int account_is_under(account_id account, account_id top) {
    for (; account; account = account_find(account)->parent)
        if (account == top)
            return 1;
    return 0;
}
struct abi_space *space_find(space_id id) {
    return id && ABI_INDEX(id) <= SPACES && spaces[ABI_INDEX(id)].id == id ? &spaces[ABI_INDEX(id)]
                                                                           : NULL;
}
u64 frame_epoch(void) {
    return epoch;
}
const struct abi_slice *sched_slices(void) {
    return slices;
}

// --- the model -----------------------------------------------------------------------------------

// What a slot holds, in plain words; `up` is the slot that it was made from.
struct thing {
    int live;
    u32 type, rights, count;
    u64 object, owner, epoch;
    int up_env, up_slot; // 0, 0: none
};

static struct thing model[ENVS + 1][CAP_SLOTS];
static u64 env_uses[ENVS + 1];
static u64 state;
static u64 steps_done, mints, mints_tried, resumed;

static u64 random_next(u64 below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static void wrong(const char *what, i64 got, i64 want) {
    fprintf(stderr, "cap-model: step %lu: %s: got %ld, want %ld\n", steps_done, what, got, want);
    exit(1);
}
static void same(const char *what, i64 got, i64 want) {
    if (got != want)
        wrong(what, got, want);
}

// --- checking ------------------------------------------------------------------------------------

static void compare(void) {
    for (int e = 1; e <= ENVS; e++) {
        u32 filled = 0;
        for (int s = 1; s < CAP_SLOTS && env_table[e]; s++) {
            const struct cap *cap = &env_memory[e].caps[s];
            const struct thing *t = &model[e][s];
            same("live", cap->type != CAP_NONE, t->live);
            if (!t->live)
                continue;
            filled++;
            same("type", cap->type, t->type);
            same("rights", cap->rights, t->rights);
            same("object", (i64)cap->object, (i64)t->object);
            same("parent", cap->parent, t->up_env ? (t->up_env << 6 | t->up_slot) : 0);
        }
        if (env_table[e])
            same("caps", env_rows[e].caps, filled);
    }
}

// A child never has more than its parent: rights, and what it covers.
static void invariants(void) {
    for (int e = 1; e <= ENVS; e++)
        for (int s = 1; s < CAP_SLOTS; s++) {
            const struct thing *t = &model[e][s];
            if (!t->live || !t->up_env)
                continue;
            const struct thing *up = &model[t->up_env][t->up_slot];
            if (!up->live || t->rights & ~up->rights)
                wrong("a child has more than its parent", e, s);
            if (t->type == up->type && t->count &&
                (t->object < up->object || t->object + t->count > up->object + up->count))
                wrong("a child covers more than its parent", e, s);
        }
}

static int model_under(account_id account, account_id top) {
    while (account && account != top)
        account = accounts[ABI_INDEX(account)].parent;
    return account == top;
}

// What a check of an object must answer: of a type that names one object, or an account.
static i64 model_check(const struct thing *t, u32 type, u64 id, account_id account, u32 rights) {
    if (!t->live)
        return -E_CAP;
    if (t->type != CAP_ACCOUNT && (t->type != type || type == CAP_ACCOUNT))
        return -E_TYPE;
    if (!account)
        return -E_STALE;
    int covers = t->type == CAP_ACCOUNT ? model_under(account, t->object) : t->object == id;
    return covers && (t->rights & rights) == rights ? 0 : -E_RIGHTS;
}

// A slot of an env: mostly one that is filled.
static int slot_pick(int e) {
    int s = (int)random_next(CAP_SLOTS);
    for (int i = 0; i < 8 && !model[e][s].live && random_next(16); i++)
        s = (int)random_next(CAP_SLOTS);
    return s;
}

static void checks(int e) {
    int s = slot_pick(e);
    const struct thing *t = &model[e][s];
    u32 rights = 1u << random_next(16);
    struct env *env;
    struct abi_space *space;
    struct abi_account *account;
    int other = 1 + (int)random_next(ENVS), a = 1 + (int)random_next(ACCOUNTS);
    env_id id = env_uses[other] << ABI_INDEX_BITS | (u32)other;
    if (random_next(8) == 0)
        id += 1ul << ABI_INDEX_BITS; // a name that is not there yet
    processor.context = &env_memory[e];
    same("cap_check_env", cap_check_env((u64)s, id, rights, &env),
         model_check(t, CAP_ENV, id, env_find(id) ? env_rows[other].account : 0, rights));
    const struct abi_space *sp = &spaces[1 + random_next(SPACES)];
    same("cap_check_space", cap_check_space((u64)s, sp->id, rights, &space),
         model_check(t, CAP_SPACE, sp->id, sp->account, rights));
    same("cap_check_account", cap_check_account((u64)s, accounts[a].id, rights, &account),
         model_check(t, CAP_ACCOUNT, accounts[a].id, accounts[a].id, rights));
    same("cap_quick_account", cap_quick_account((u64)s, accounts[a].id, rights, &account),
         model_check(t, CAP_ACCOUNT, accounts[a].id, accounts[a].id, rights));
    same("beyond the table",
         cap_check_account(CAP_SLOTS + (random_next(2) ? random_next(1ul << 40) : 0),
                           accounts[a].id, rights, &account),
         -E_CAP);
    same("cap_check_kind", cap_check_kind((u64)s, CAP_CONSOLE, rights),
         !t->live                         ? -E_CAP
         : t->type != CAP_CONSOLE         ? -E_TYPE
         : (t->rights & rights) != rights ? -E_RIGHTS
                                          : 0);
    pfn_t pfn = random_next(FRAMES);
    const struct cap *cap;
    i64 error = cap_check_frames((u64)s, rights, &cap);
    same("cap_check_frames", error,
         !t->live                                          ? -E_CAP
         : t->type != CAP_FRAMES && t->type != CAP_ACCOUNT ? -E_TYPE
         : (t->rights & rights) != rights                  ? -E_RIGHTS
                                                           : 0);
    if (error)
        return;
    const struct abi_frame *row = &frames[pfn];
    int program = row->kind == FRAME_USER || row->kind == FRAME_MODULE;
    int names = t->type == CAP_ACCOUNT ? model_under(row->owner, t->object)
                                       : pfn >= t->object && pfn < t->object + t->count &&
                                             row->owner == t->owner && row->epoch <= t->epoch;
    same("cap_covers_frame", cap_covers_frame(cap, pfn), program && names);
    same("cap_names_frame", cap_names_frame(cap, pfn),
         (program || row->kind == FRAME_LOST) && names);
}

// --- operations ----------------------------------------------------------------------------------

// Puts into *part what a mint makes, or returns the error that it must give.
static i64 model_part(const struct thing *from, u64 first, u64 count, struct thing *part) {
    *part = *from;
    if (!count)
        return first ? -E_RANGE : 0;
    if (count >= CAP_MINT_ACCOUNT) {
        account_id account = 0;
        if (from->type != CAP_ACCOUNT)
            return -E_TYPE;
        part->object = first;
        if (count == CAP_MINT_ENV) {
            part->type = CAP_ENV;
            account = env_find(first) ? env_rows[ABI_INDEX(first)].account : 0;
        } else if (count == CAP_MINT_SPACE) {
            part->type = CAP_SPACE;
            account = space_find(first) ? space_find(first)->account : 0;
        } else {
            account = account_find(first) ? first : 0;
        }
        return !account ? -E_STALE : model_under(account, from->object) ? 0 : -E_RIGHTS;
    }
    if (count > 1ul << 16)
        return -E_RANGE;
    part->object = first;
    part->count = (u32)count;
    if (from->type == CAP_ACCOUNT) {
        if (first >= FRAMES || count > FRAMES - first)
            return -E_RANGE;
        for (u64 i = first; i < first + count; i++)
            if ((frames[i].kind != FRAME_USER && frames[i].kind != FRAME_MODULE) ||
                !model_under(frames[i].owner, from->object) ||
                frames[i].owner != frames[first].owner)
                return -E_RANGE;
        part->type = CAP_FRAMES;
        part->owner = frames[first].owner;
        part->epoch = epoch;
        return 0;
    }
    if (from->type != CAP_FRAMES && from->type != CAP_SLICES)
        return -E_RANGE;
    return first >= from->object && first - from->object < from->count &&
                   from->count - (first - from->object) >= count
               ? 0
               : -E_RANGE;
}

static u64 mint_object(u64 count) {
    if (count == CAP_MINT_ENV) {
        u64 e = 1 + random_next(ENVS);
        return env_uses[e] << ABI_INDEX_BITS | e;
    }
    if (count == CAP_MINT_SPACE)
        return spaces[1 + random_next(SPACES)].id + (random_next(6) ? 0 : 1ul << ABI_INDEX_BITS);
    if (count == CAP_MINT_ACCOUNT)
        return accounts[1 + random_next(ACCOUNTS)].id;
    return random_next(8) ? random_next(FRAMES) : random_next(2) ? ~0ul : 0;
}

static void op_mint(int e) {
    static const u64 counts[] = {
        0, 0, 0, 1, 2, 8, 1ul << 17, CAP_MINT_ENV, CAP_MINT_SPACE, CAP_MINT_ACCOUNT};
    int from = slot_pick(e), over = slot_pick(e);
    int to = 1 + (int)random_next(ENVS), slot = CAP_SLOT_FREE;
    if (random_next(4))
        over = CAP_SLOT_ACCOUNT;
    u64 count = counts[random_next(sizeof counts / sizeof *counts)];
    u64 first = count || random_next(8) == 0 ? mint_object(count) : 0;
    const struct thing *t = &model[e][from];
    u32 rights =
        random_next(16) ? t->rights & (u32)random_next(1 << 16) : (u32)random_next(1 << 16);
    rights |= random_next(8) ? t->rights & (CAP_RIGHT_MINT | CAP_RIGHT_GRANT) : 0;
    env_id id = env_uses[to] << ABI_INDEX_BITS | (u32)to;
    struct thing part;
    while (slot < CAP_SLOTS && model[to][slot].live)
        slot++;
    i64 want = !t->live ? -E_CAP
                        : model_check(&model[e][over], CAP_ENV, id,
                                      env_find(id) ? env_rows[to].account : 0, CAP_RIGHT_GRANT);
    if (!want && (!(t->rights & CAP_RIGHT_MINT) || rights & ~t->rights))
        want = -E_RIGHTS;
    if (!want)
        want = model_part(t, first, count, &part);
    if (!want)
        want = slot == CAP_SLOTS ? -E_FULL : slot;
    processor.context = &env_memory[e];
    same("cap_mint", sys_cap_mint(CAP_PAIR(from, over), id, rights, first, count), want);
    mints_tried++;
    mints += want > 0;
    if (want <= 0)
        return;
    part.rights = rights;
    part.up_env = e;
    part.up_slot = from;
    model[to][slot] = part;
}

static void model_drop(int e, int s) {
    struct thing *t = &model[e][s];
    for (int f = 1; f <= ENVS; f++)
        for (int r = 1; r < CAP_SLOTS; r++)
            if (model[f][r].live && model[f][r].up_env == e && model[f][r].up_slot == s) {
                model[f][r].up_env = t->up_env;
                model[f][r].up_slot = t->up_slot;
            }
    *t = (struct thing){0};
}

static void op_drop(int e) {
    int s = slot_pick(e);
    i64 got, again = 0;
    if (s < CAP_SLOT_FREE && random_next(20))
        return;
    processor.context = &env_memory[e];
    while ((got = sys_cap_drop((u64)s)) == -E_AGAIN)
        if (++again > 100)
            wrong("cap_drop comes to no end", again, 0);
    resumed += again > 0;
    same("cap_drop", got, model[e][s].live ? 0 : -E_CAP);
    if (!got)
        model_drop(e, s);
}

static i64 model_revoke(int e, int s) {
    i64 removed = 0;
    for (int again = 1; again;) {
        again = 0;
        for (int f = 1; f <= ENVS; f++)
            for (int r = 1; r < CAP_SLOTS; r++) {
                struct thing *t = &model[f][r];
                int up_e = t->up_env, up_s = t->up_slot;
                if (!t->live || !up_e || (up_e == e && up_s == s ? 0 : model[up_e][up_s].live))
                    continue;
                t->live = 0;
                removed++;
                again = 1;
            }
    }
    for (int f = 1; f <= ENVS; f++)
        for (int r = 1; r < CAP_SLOTS; r++)
            if (!model[f][r].live)
                model[f][r] = (struct thing){0};
    return removed;
}

static i64 caps_of_all(void) {
    i64 caps = 0;
    for (int f = 1; f <= ENVS; f++)
        caps += env_rows[f].caps;
    return caps;
}

static void op_revoke(int e) {
    int s = slot_pick(e);
    i64 got, again = 0, before = caps_of_all(), last = before;
    if (s < CAP_SLOT_FREE && random_next(20)) // most would go
        return;
    processor.context = &env_memory[e];
    while ((got = sys_cap_revoke((u64)s)) == -E_AGAIN) {
        i64 now = caps_of_all();
        if (++again > 10000 || last - now > REMOVED_PER_CALL)
            wrong("cap_revoke goes on in steps", last - now, REMOVED_PER_CALL);
        last = now;
    }
    if (last - caps_of_all() > REMOVED_PER_CALL)
        wrong("cap_revoke goes on in steps", last - caps_of_all(), REMOVED_PER_CALL);
    resumed += again > 0;
    if (!model[e][s].live) {
        same("cap_revoke", got, -E_CAP);
        return;
    }
    i64 removed = model_revoke(e, s);
    same("cap_revoke", before - caps_of_all(), removed);
    same("cap_revoke's answer", again ? removed : got, removed);
}

static void env_make_again(int e, int by) {
    struct env *env = &env_memory[e];
    memset(env, 0, sizeof *env);
    env_rows[e] = (struct abi_env){.account = accounts[1 + random_next(ACCOUNTS)].id};
    env->id = ++env_uses[e] << ABI_INDEX_BITS | (u32)e;
    env->row = &env_rows[e];
    env_rows[e].id = env->id;
    env_table[e] = env_short_table[e] = env;
    account_id most = random_next(2) ? accounts[1].id : env_rows[e].account;
    const struct thing born[3] = {
        {1, CAP_ACCOUNT, CAP_RIGHTS_ALL, 0, most, 0, 0, 0, 0},
        {1, CAP_ENV, CAP_RIGHTS_ALL, 0, env->id, 0, 0, 0, 0},
        {1, CAP_SPACE, CAP_RIGHTS_ALL, 0, spaces[1 + random_next(SPACES)].id, 0, 0, 0, 0}};
    // Made by another, it has what that has in its first slot; otherwise it begins trees of its
    // own.
    int child = by && model[by][CAP_SLOT_ACCOUNT].live;
    for (int s = 1; s <= 3; s++) {
        struct thing t = born[s - 1];
        if (child && s == CAP_SLOT_ACCOUNT) {
            t = model[by][CAP_SLOT_ACCOUNT];
            t.up_env = by;
            t.up_slot = CAP_SLOT_ACCOUNT;
        }
        cap_fill(env, (u32)s, t.type, t.object, t.count, t.rights,
                 t.up_env ? cap_ref_of(env_table[t.up_env], (u32)t.up_slot) : 0);
        model[e][s] = t;
    }
    if (!child) {
        const struct thing more[2] = {{1, CAP_SLICES, CAP_RIGHTS_ALL, SLICES, 0, 0, 0, 0, 0},
                                      {1, CAP_CONSOLE, CAP_RIGHTS_ALL, 0, 0, 0, 0, 0, 0}};
        for (int s = 0; s < 2; s++) {
            cap_fill(env, CAP_SLOT_SLICES + (u32)s, more[s].type, 0, more[s].count, CAP_RIGHTS_ALL,
                     0);
            model[e][CAP_SLOT_SLICES + s] = more[s];
        }
    }
}

static void op_env_ends(int e) {
    int again = 0;
    while (!cap_clear_some(&env_memory[e]))
        if (++again > 1000)
            wrong("cap_clear_some comes to no end", again, 0);
    for (int s = 1; s < CAP_SLOTS; s++)
        if (model[e][s].live)
            model_drop(e, s);
    same("an env without capabilities", env_rows[e].caps, 0);
    env_table[e] = NULL;
    env_short_table[e] = &env_none;
    int by = 1 + (int)random_next(ENVS);
    env_make_again(e, by != e && env_table[by] && random_next(3) ? by : 0);
}

static void op_frame(void) {
    struct abi_frame *row = &frames[random_next(FRAMES)];
    static const u16 kinds[] = {FRAME_USER, FRAME_USER,  FRAME_USER,  FRAME_FREE,
                                FRAME_LOST, FRAME_TABLE, FRAME_MODULE};
    row->kind = kinds[random_next(sizeof kinds / sizeof *kinds)];
    row->owner = accounts[1 + random_next(ACCOUNTS)].id;
    row->epoch = ++epoch;
}

// --- running -------------------------------------------------------------------------------------

static void world_make(void) {
    syscall(SYS_arch_prctl, ARCH_SET_GS, &processor);
    processor.self = &processor;
    info.table[ABI_TABLE_SLICES].count = SLICES;
    for (u32 a = 1; a <= ACCOUNTS; a++) // two under the first, two under each of these
        accounts[a] = (struct abi_account){.id = 7ul << ABI_INDEX_BITS | a,
                                           .parent = a > 1 ? accounts[a / 2].id : 0};
    for (u32 s = 1; s <= SPACES; s++)
        spaces[s] = (struct abi_space){.id = 3ul << ABI_INDEX_BITS | s, .account = accounts[s].id};
    for (u32 i = 0; i < FRAMES; i++)
        op_frame();
    for (int e = 1; e <= ENVS; e++)
        env_make_again(e, 0);
}

int main(int argc, char **argv) {
    u64 steps = 200000, seed = (u64)time(NULL);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--steps"))
            steps = strtoul(argv[i + 1], NULL, 0);
        if (!strcmp(argv[i], "--seed"))
            seed = strtoul(argv[i + 1], NULL, 0);
    }
    state = seed * 2654435761u | 1;
    printf("cap-model: seed %lu\n", seed);
    fflush(stdout);
    world_make();
    for (; steps_done < steps; steps_done++) {
        int e = 1 + (int)random_next(ENVS);
        u64 kind = random_next(100);
        if (kind < 70)
            op_mint(e);
        else if (kind < 82)
            op_drop(e);
        else if (kind < 83)
            op_revoke(e);
        else if (kind < 84 && random_next(4) == 0)
            op_env_ends(e);
        else
            op_frame();
        for (int i = 0; i < 8; i++)
            checks(1 + (int)random_next(ENVS));
        if (steps_done % 16 == 0)
            compare();
        if (steps_done % 64 == 0)
            invariants();
    }
    compare();
    printf("cap-model: %lu of %lu mints were done, %lu calls went on after a preemption point\n",
           mints, mints_tried, resumed);
    printf("test-cap-model: %lu passed, 0 failed\n", steps_done);
    return 0;
}
