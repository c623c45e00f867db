// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Strands of an extension (SPIN table 3): they time themselves, in this env's slices, while it
// sleeps.

#include "abi/extension.h"
#include "bench/native/native.h"

extern const char object_strands[], object_strands_end[];

#define ROUNDS 1000ul

static i64 strands;

static void prepare(void) {
    struct ext_load request = {.object = (u64)object_strands,
                               .bytes = (u64)(object_strands_end - object_strands)};
    strands = sys_ext_load(CAP_SLOT_ACCOUNT, my_account, (u64)&request, 0);
    if (strands <= 0)
        fail("ext_load", strands);
}

static void finish(void) {
    while (sys_ext_unload(CAP_SLOT_ACCOUNT, (ext_id)strands) == -E_AGAIN)
        ;
}

static u64 call(const char *name, u64 argument) {
    struct ext_call c = {.function = ext_hash(name), .args = {argument}};
    must(sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)strands, (u64)&c), 0, "ext_call");
    return c.result;
}

static u64 sample(const char *begin) {
    u64 made = 0;
    must((i64)call(begin, ROUNDS), 0, begin);
    while (!made) {
        sys_env_yield(0, 0);
        made = call("rounds_made", 0);
    }
    must((i64)made, (i64)ROUNDS, "rounds");
    return call("ticks_taken", 0) / ROUNDS;
}

static u64 sample_fork_join(void) {
    return sample("begin_fork_join");
}
ROW_SAMPLED(strand_forkjoin, prepare, sample_fork_join, finish);

static u64 sample_ping_pong(void) {
    return sample("begin_ping_pong");
}
ROW_SAMPLED(strand_pingpong, prepare, sample_ping_pong, finish);
