// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Random calls on every processor at the same time, each worker against its own model. The command
// line word rounds=N makes it longer.

#include "tests/guest/model.h"

#include "base/string.h"

#define WORKERS 4
#define ROUNDS  12
#define STEPS   160
#define FRAMES  300
#define ENVS    14

static struct model models[WORKERS];
static volatile u32 round_open, arrived;

static u64 rounds(void) {
    return model_rounds(ROUNDS);
}

// Each worker waits here until all have come and the first program has looked at the machine.
static void barrier(u32 round) {
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&round_open, __ATOMIC_SEQ_CST) <= round)
        sys_env_yield(0, 0);
}

static void model_run(void *argument) {
    struct model *m = argument;
    u64 end = rounds();
    for (u32 round = 0; round < end; round++) {
        for (u32 step = 0; step < STEPS && !m->failed; step++)
            model_step(m);
        model_check(m);
        barrier(2 * round);
        if (round % 4 == 3)
            model_clear(m);
        barrier(2 * round + 1);
    }
    model_clear(m);
}

static u64 slice_free_near(u64 from) {
    for (u64 i = from; i < from + ABI_SLICES / 2; i++)
        if (!slice_row(i)->owner)
            return i;
    return from;
}

static void model_setup(struct model *m, u32 number) {
    memset(m, 0, sizeof *m);
    m->number = number;
    m->random = guest_random() | 1;
    m->cap = CAP_SLOT_FREE;
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), FRAMES, ENVS);
    CHECK(account > 0);
    m->account[0] =
        (struct model_account){.id = (account_id)account, .quota = FRAMES, .env_quota = ENVS};
    for (u32 i = 0; i < MODEL_SLICES; i++) {
        u64 cpu = guest_random() % cpus();
        m->slice[i].number = slice_free_near(cpu * ABI_SLICES + 100);
        m->slice[i].owned = 1;
        m->slice[i].env = MODEL_NONE;
        CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), m->account[0].id,
                                 m->slice[i].number, 1),
                 0);
    }
}

// What an env costs in frames.
static u32 env_frames(void) {
    struct env_setup setup = {.rip = 0x1000, .rsp = 0x2000};
    u64 before = account_row(my_account())->frames;
    i64 env = sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SPACE), my_account(), my_space(),
                             (u64)&setup, ABI_ANY);
    u64 after = account_row(my_account())->frames;
    CHECK(env > 0);
    CHECK_EQ(model_retry(SYS_env_destroy, CAP_SLOT_ACCOUNT, (u64)env), 0);
    return (u32)(after - before);
}

TEST(random_calls_do_what_the_model_says) {
    env_id workers[WORKERS];
    u32 each = env_frames();
    round_open = arrived = 0;
    for (u32 i = 0; i < WORKERS; i++) {
        model_setup(&models[i], i);
        models[i].frames_per_env = each;
        workers[i] = worker_start_with(i % cpus(), model_run, &models[i], models[i].account[0].id);
    }
    for (u64 open = 1; open <= 2 * rounds(); open++) {
        while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < WORKERS * open)
            sys_env_yield(0, 0);
        if (open % 8 == 1)
            model_machine_check();
        __atomic_store_n(&round_open, (u32)open, __ATOMIC_SEQ_CST);
    }
    for (u32 i = 0; i < WORKERS; i++) {
        worker_wait(workers[i]);
        model_report(&models[i]);
        account_free(models[i].account[0].id);
    }
}
