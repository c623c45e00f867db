// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// A plain model of what the kernel does for one account and what is below it: accounts, frames,
// spaces, envs, slices, what is taken by force, capabilities for single frames. A random call is
// made, the model says what it must have returned, and then what the exposed tables must show:
// every frame has just the owner and as many mappings as the model says, every account pays for
// just what it has.
//
// One model belongs to one worker; several run at the same time, each on its own account, so each
// can foretell everything. They stop at a barrier, where sums hold for the
// machine as a whole (model_machine_check).

#ifndef TESTS_GUEST_MODEL_H
#define TESTS_GUEST_MODEL_H

#include "tests/guest/guest.h"

#define MODEL_ACCOUNTS 4 // [0] is the worker's own
#define MODEL_FRAMES   32
#define MODEL_SPACES   4
#define MODEL_ENVS     4
#define MODEL_SLICES   3
#define MODEL_REGIONS  3
#define MODEL_PAGES    8 // of a region
#define MODEL_NONE     0xffu
#define MODEL_AUTO     0xfeu // a page with a frame of its own, freed with it
#define MODEL_TRACE    24

struct model_account {
    account_id id; // 0: there is none
    u64 quota, frames;
    u32 env_quota, envs, spaces;
    u64 minimum;
};

struct model_frame {
    pfn_t pfn; // 0: there is none
    u8 account;
    u32 maps, pins;
    u32 is_auto; // freed with its last mapping or pin, because its account is gone
};

struct model_space {
    space_id id;
    u8 account;
    u32 tables; // bit set: see model.c
    u32 envs;
    u8 page[MODEL_REGIONS][MODEL_PAGES];  // index of a frame, MODEL_AUTO, MODEL_NONE
    u8 payer[MODEL_REGIONS][MODEL_PAGES]; // of MODEL_AUTO: index of the account
    u8 fixed[MODEL_REGIONS][MODEL_PAGES]; // mapped by a capability without WRITE
};

struct model_env {
    env_id id;
    u8 account, space;
    u32 slices;
    u32 state; // ENV_STOPPED or ENV_READY; an env with slices may be in either
};

struct model_slice {
    u64 number;
    u32 owned;
    u8 env; // or MODEL_NONE
};

struct model {
    u64 random;
    u64 cap; // for account[0]
    u32 number, failed;
    u32 frames_per_env;
    struct model_account account[MODEL_ACCOUNTS];
    struct model_frame frame[MODEL_FRAMES];
    struct model_space space[MODEL_SPACES];
    struct model_env env[MODEL_ENVS];
    struct model_slice slice[MODEL_SLICES];
    struct {
        const char *name;
        u64 a, b, c;
        i64 got, want;
    } trace[MODEL_TRACE];
    u32 traced;
    const char *what; // the first failure,
    i64 got, want;
    u32 last; // and how many calls had been made by then
};

// One random call, with its result checked.
void model_step(struct model *model);
// The same of model_more.c, which model_step calls now and then.
void model_step_more(struct model *model);
// Compares all that the model knows with the exposed tables.
void model_check(struct model *model);
// Gives back everything but account[0] and its slices.
void model_clear(struct model *model);
// Says what went wrong, if something did: for the first program.
void model_report(const struct model *model);
// Sums over all tables: only while nothing else runs.
void model_machine_check(void);

// How many rounds: rounds=N of the command line.
u64 model_rounds(u64 usual);

// model_ops.c and model.c share:
void model_same(struct model *model, const char *what, u64 got, u64 want);
u64 model_random(struct model *model, u64 below);
// Notes a call and what came of it. `or` is another result that is allowed, or the same.
void model_expect(struct model *model, const char *name, u64 a, u64 b, u64 c, i64 got, i64 want,
                  i64 or);
u64 model_va(u32 region, u32 page);
u32 model_tables_for(u32 region);
i64 model_retry(u32 call, u64 cap, u64 name); // until it is not E_AGAIN
void model_unmap(struct model *model, struct model_space *space, u32 region, u32 page);
void model_note_tables(struct model *model, struct model_space *space, u32 region);
void model_unpinned(struct model *model, u32 frame); // once
void model_drop_space(struct model *model, u32 space);
void model_drop_env(struct model *model, u32 env);

#endif
