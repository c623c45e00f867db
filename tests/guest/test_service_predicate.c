// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Sleeping until a predicate holds.

#include "abi/predicate.h"
#include "base/string.h"
#include "tests/guest/service.h"

static struct predicate predicate[WORKERS_MAX] __attribute__((aligned(8)));
static volatile i64 result[WORKERS_MAX];
static volatile u32 done;

static void sleep_for(void *argument) {
    u64 i = (u64)argument;
    result[i] =
        sys_env_sleep_until(CAP_SLOT_ACCOUNT, (u64)&predicate[i], env_row(self())->wakes, ABI_ANY);
    __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
}

static u64 wakes_at(void) {
    return (u64)&env_row(my_env())->wakes;
}

static struct predicate_term term(u64 relation, u64 value, u16 last) {
    return (struct predicate_term){wakes_at(), ~0ul, value, 8, (u16)relation, last};
}

static void wait_done(u32 count) {
    u64 until = tsc() + ms(5000);
    while (done < count && tsc() < until)
        sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(done, count);
}

static void starts(void) {
    memset(predicate, 0, sizeof predicate);
    done = 0;
}

TEST(predicate_over_a_word) {
    starts();
    u64 now = env_row(my_env())->wakes;
    predicate[0].terms = 1;
    predicate[0].term[0] = term(PREDICATE_NOT_BELOW, now + 3, 1);
    env_id worker = worker_start(cpus() - 1, sleep_for, 0);
    worker_wait_state(worker, ENV_WAITING);
    for (u32 i = 0; i < 3; i++) {
        CHECK_EQ(done, 0);
        u64 until = tsc() + ms(3);
        while (tsc() < until)
            sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        CHECK_EQ(env_row(worker)->state, ENV_WAITING);
        CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, my_env()), 0);
    }
    wait_done(1);
    CHECK_EQ(result[0], 0);
    CHECK(env_row(worker)->ran > 0);
    worker_wait(worker);
}

// (wakes = a and wakes != a) or (wakes = b and a constant), and the same with false constants.
TEST(predicate_sums_of_products) {
    starts();
    u64 now = env_row(my_env())->wakes;
    struct predicate_term constant = {0, 0, 0, 4, PREDICATE_EQ, 1}, never = constant;
    never.relation = PREDICATE_NE;
    struct predicate *p = &predicate[0];
    p->terms = 4;
    p->term[0] = term(PREDICATE_EQ, now + 2, 0);
    p->term[1] = term(PREDICATE_NE, now + 2, 1);
    p->term[2] = term(PREDICATE_EQ, now + 2, 0);
    p->term[3] = constant;
    predicate[1].terms = 2; // never
    predicate[1].term[0] = term(PREDICATE_NOT_BELOW, 0, 0);
    predicate[1].term[1] = never;
    env_id worker[2];
    for (u64 i = 0; i < 2; i++)
        worker[i] = worker_start(cpus() - 1, sleep_for, (void *)i);
    worker_wait_state(worker[0], ENV_WAITING);
    worker_wait_state(worker[1], ENV_SLEEPING);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, my_env()), 0);
    CHECK_EQ(done, 0);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, my_env()), 0);
    wait_done(1);
    CHECK_EQ(env_row(worker[1])->state, ENV_SLEEPING);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, worker[1]), 0);
    worker_wait(worker[0]);
    worker_wait(worker[1]);
    // Those that hold don't sleep.
    predicate[2].terms = 2;
    predicate[2].term[0] = never;
    predicate[2].term[1] = constant;
    u64 seen = env_row(my_env())->wakes;
    CHECK_EQ(sys_env_sleep_until(0, (u64)&predicate[2], seen, ABI_ANY), 0);
    predicate[2].terms = 1;
    predicate[2].term[0] = term(PREDICATE_EQ, seen, 1);
    CHECK_EQ(sys_env_sleep_until(0, (u64)&predicate[2], seen, ABI_ANY), 0);
    predicate[2].term[0] = term(PREDICATE_BELOW, 0, 1);
    u64 from = tsc(); // never, so until the deadline
    CHECK_EQ(sys_env_sleep_until(0, (u64)&predicate[2], seen, from + ms(2)), 0);
    CHECK(tsc() >= from + ms(2));
}

TEST(predicate_many_wait) {
    starts();
    env_id worker[12];
    u64 now = env_row(my_env())->wakes;
    for (u64 i = 0; i < 12; i++) {
        predicate[i].terms = 1;
        predicate[i].term[0] = term(PREDICATE_NOT_BELOW, now + 1000 + i % 3, 1);
        worker[i] = worker_start((u32)i % cpus(), sleep_for, (void *)i);
    }
    for (u64 i = 0; i < 12; i++)
        worker_wait_state(worker[i], ENV_WAITING);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, worker[5]), 0); // a wake is one too
    wait_done(1);
    worker_destroy(worker[7]); // in its sleep
    i64 error;
    while ((error = sys_env_stop(CAP_SLOT_ACCOUNT, worker[8])) == -E_AGAIN)
        ;
    CHECK_EQ(error, 0);
    for (u32 i = 0; i < 1004; i++)
        CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, my_env()), 0);
    wait_done(10);
    CHECK_EQ(env_row(worker[8])->state, ENV_STOPPED);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker[8]), 0);
    for (u32 i = 0; i < 12; i++)
        if (i != 7)
            worker_wait(worker[i]);
}

TEST(predicate_as_a_program) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(predicates);
    CHECK(ext > 0);
    starts();
    u64 now = env_row(my_env())->wakes;
    predicate[0] = predicate[1] = (struct predicate){
        .ext = (ext_id)ext, .function = ext_hash("ready"), .args = {ABI_INDEX(my_env()), now + 1}};
    predicate[1].args[1] = ~0ul;
    env_id worker[2];
    for (u64 i = 0; i < 2; i++)
        worker[i] = worker_start(cpus() - 1, sleep_for, (void *)i);
    worker_wait_state(worker[0], ENV_WAITING);
    worker_wait_state(worker[1], ENV_WAITING);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, my_env()), 0);
    CHECK(call(ext, "set", 1, 0) > 0);
    wait_done(1);
    CHECK_EQ(result[0], 0);
    unload(ext); // the other one's
    wait_done(2);
    CHECK_EQ(result[1], -E_DEAD);
    worker_wait(worker[0]);
    worker_wait(worker[1]);
    settle(frames);
}

// --- own memory ----------------------------------------------------------------------------------

static volatile u64 word __attribute__((aligned(8)));
#define AT 0x10000600000ul

static struct predicate_term own(volatile u64 *at, u32 bytes, u64 relation, u64 value, u16 last) {
    return (struct predicate_term){(u64)at, ~0ul, value, bytes, (u16)relation, last};
}

// Together with a word of a table; of eight bytes, and of four.
TEST(predicate_over_own_memory) {
    starts();
    u64 now = env_row(my_env())->wakes;
    word = 0;
    predicate[0].terms = 2;
    predicate[0].term[0] = own(&word, 8, PREDICATE_EQ, 5ul << 32, 0);
    predicate[0].term[1] = term(PREDICATE_NOT_BELOW, now, 1);
    predicate[1].terms = 2;
    predicate[1].term[0] = own((volatile u64 *)((u64)&word + 4), 4, PREDICATE_EQ, 6, 1);
    predicate[1].term[1] = own(&word, 4, PREDICATE_EQ, 7, 1);
    env_id worker[2];
    for (u64 i = 0; i < 2; i++) {
        worker[i] = worker_start(cpus() - 1, sleep_for, (void *)i);
        worker_wait_state(worker[i], ENV_WAITING);
    }
    word = 5;
    sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(2));
    CHECK_EQ(done, 0);
    word = 5ul << 32;
    wait_done(1);
    CHECK_EQ(result[0], 0);
    CHECK_EQ(env_row(worker[1])->state, ENV_WAITING);
    word = 5ul << 32 | 7;
    wait_done(2);
    CHECK_EQ(result[1], 0);
    worker_wait(worker[0]);
    worker_wait(worker[1]);
}

// A word whose page goes away, is protected, or is revoked with its frame: the sleeper is told.
TEST(predicate_over_memory_that_goes) {
    const u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    const u64 rw = ABI_PTE_W | ABI_PTE_NX;
    starts();
    for (u64 i = 0; i < 3; i++) {
        CHECK_EQ(sys_space_map(caps, my_space(), AT, ABI_ANY, 1, rw), 1);
        *(volatile u64 *)AT = 1;
        predicate[i].terms = 1;
        predicate[i].term[0] = own((volatile u64 *)AT, 8, PREDICATE_EQ, 2, 1);
        env_id worker = worker_start(cpus() - 1, sleep_for, (void *)i);
        worker_wait_state(worker, ENV_WAITING);
        pfn_t frame = ABI_PTE_FRAME(ABI_PTES[AT >> ABI_PAGE_SHIFT]);
        if (i == 0)
            CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, my_space(), AT, 1), 1);
        else if (i == 1)
            CHECK_EQ(sys_space_protect(CAP_SLOT_ACCOUNT, my_space(), AT, 1, ABI_PTE_U, 0), 1);
        else
            CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, frame, 1), 1);
        wait_done((u32)i + 1);
        CHECK_EQ(result[i], -E_FAULT);
        if (i == 1)
            CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, my_space(), AT, 1), 1);
        worker_wait(worker);
    }
}

// --- cost ----------------------------------------------------------------------------------------

// Eleven with entries as dear as may be, on a processor that chooses as often as it can: they take
// an eighth of its time, and pay for it.
TEST(predicate_costly_ones_take_their_share) {
    u64 frames = account_row(my_account())->frames;
    i64 ext = LOAD(predicates);
    env_id worker[WORKERS_MAX];
    u32 count = WORKERS_MAX < 11 ? WORKERS_MAX : 11, cpu = env_row(my_env())->cpu;
    starts();
    for (u64 i = 0; i < count; i++) {
        predicate[i] = (struct predicate){.ext = (ext_id)ext, .function = ext_hash("costly")};
        worker[i] = worker_start(cpu, sleep_for, (void *)i);
        worker_wait_state(worker[i], ENV_WAITING);
    }
    u64 ran = 0, paid = 0, from = tsc(), before = call(ext, "set", 0, 0);
    for (u32 i = 0; i < count; i++)
        ran -= env_row(worker[i])->ran, paid -= env_row(worker[i])->excess;
    while (tsc() < from + ms(100))
        sys_env_yield(0, 0);
    u64 took = tsc() - from;
    for (u32 i = 0; i < count; i++) {
        ran += env_row(worker[i])->ran;
        paid += env_row(worker[i])->excess;
        CHECK_EQ(env_row(worker[i])->state, ENV_WAITING);
    }
    CHECK(call(ext, "set", 0, 0) >= before + count); // each had its turn
    CHECK(ran > took / 100 && ran <= took / 7);
    CHECK(paid > 0);
    unload(ext); // they wake
    wait_done(count);
    for (u32 i = 0; i < count; i++)
        worker_wait(worker[i]);
    settle(frames);
}

TEST(predicate_refused) {
    u64 frames = account_row(my_account())->frames, seen = env_row(my_env())->wakes;
    i64 ext = LOAD(predicates);
    struct predicate *p = &predicate[0];
    starts();
    CHECK_EQ(sys_env_sleep_until(0, (u64)p + 4, seen, 0), -E_ALIGN);
    CHECK_EQ(sys_env_sleep_until(0, 8, seen, 0), -E_FAULT);
    CHECK_EQ(sys_env_sleep_until(0, ABI_TABLES, seen, 0), -E_RANGE);
    p->terms = PREDICATE_TERMS + 1;
    CHECK_EQ(sys_env_sleep_until(0, (u64)p, seen, 0), -E_INVAL);
    static const struct {
        u64 address;
        u32 bytes;
        u16 relation, last;
        i64 error;
    } bad[] = {
        {0, 8, PREDICATE_EQ, 1, -E_FAULT},
        {4, 8, PREDICATE_EQ, 1, -E_RANGE},
        {ABI_USER_END - 4, 4, PREDICATE_EQ, 1, -E_FAULT},
        {ABI_TABLES, 8, PREDICATE_EQ, 1, -E_RANGE},
        {ABI_USER_END, 8, PREDICATE_EQ, 1, -E_RANGE},
        {~7ul, 8, PREDICATE_EQ, 1, -E_RANGE},
        {0xffff800000000000, 8, PREDICATE_EQ, 1, -E_RANGE},
        {1, 3, PREDICATE_EQ, 1, -E_INVAL},
        {1, 8, PREDICATE_RELATIONS, 1, -E_INVAL},
        {1, 8, PREDICATE_EQ, 2, -E_INVAL},
    };
    for (u32 i = 0; i < sizeof bad / sizeof *bad; i++) {
        p->terms = 1;
        p->term[0] = (struct predicate_term){bad[i].address,  1,          1, bad[i].bytes,
                                             bad[i].relation, bad[i].last};
        CHECK_EQ(sys_env_sleep_until(0, (u64)p, seen, 0), bad[i].error);
    }
    p->term[0] = term(PREDICATE_EQ, 0, 1);
    p->term[0].address += 4; // across two words
    CHECK_EQ(sys_env_sleep_until(0, (u64)p, seen, 0), -E_RANGE);
    const struct abi_table *frames_table =
        (const struct abi_table *)&ABI_INFO->table[ABI_TABLE_FRAMES];
    p->term[0].address = frames_table->address + (u64)frames_table->stride * frames_table->count;
    CHECK_EQ(sys_env_sleep_until(0, (u64)p, seen, 0), -E_RANGE);
    *p = (struct predicate){.ext = (ext_id)ext, .function = ext_hash("endless")};
    CHECK_EQ(sys_env_sleep_until(CAP_SLOT_ACCOUNT, (u64)p, seen, 0), -E_INVAL);
    p->function = ext_hash("nothing");
    CHECK_EQ(sys_env_sleep_until(CAP_SLOT_ACCOUNT, (u64)p, seen, 0), -E_INVAL);
    p->function = ext_hash("ready");
    CHECK_EQ(sys_env_sleep_until(60, (u64)p, seen, 0), -E_CAP);
    CHECK_EQ(sys_env_sleep_until(CAP_SLOT_SPACE, (u64)p, seen, 0), -E_TYPE);
    p->ext++;
    CHECK_EQ(sys_env_sleep_until(CAP_SLOT_ACCOUNT, (u64)p, seen, 0), -E_STALE);
    CHECK_EQ(call4(ext, "outside", ABI_TABLE_ENVS, ~0ul, 0, 0), 0);
    CHECK_EQ(call4(ext, "outside", 15, 0, 0, 0), 0);
    CHECK_EQ(call4(ext, "outside", ~0ul, 0, 0, 0), 0);
    CHECK_EQ(call4(ext, "outside", ABI_TABLE_ENVS, 0, ~7ul, 0), 0);
    CHECK_EQ(call4(ext, "outside", ABI_TABLE_ENVS, ABI_INDEX(my_env()), 0, 0), my_env());
    unload(ext);
    settle(frames);
}
