// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Raises that run without the kernel lock, on several processors at once: that others are not
// stopped by them, that those who want to be alone are, and what changes, unloads, upgrades and
// faults in the middle of them do.

#include "tests/guest/service.h"

#define LONG 300ul // raises of one call, of some thousand instructions each

static volatile u32 stop;
static i64 exporter, raiser;
static volatile u64 raises_made, raises_failed;

static i64 ext_call_raw(i64 ext, const char *name, u64 a, u64 *result) {
    struct ext_call c = {.function = ext_hash(name), .args = {a}};
    i64 error = sys_ext_call(CAP_SLOT_ACCOUNT, (ext_id)ext, (u64)&c);
    *result = c.result;
    return error;
}

static void raise_for_ever(void *times) {
    u64 result;
    while (!stop) {
        if (ext_call_raw(raiser, "raise_many", (u64)times, &result))
            __atomic_add_fetch(&raises_failed, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&raises_made, (u64)times, __ATOMIC_SEQ_CST);
    }
}

static void exporter_load(void) {
    exporter = LOAD(busy);
    raiser = LOAD(busy_raiser);
    CHECK(exporter > 0 && raiser > 0);
}
static void exporter_unload(void) {
    unload(raiser);
    unload(exporter);
}

static env_id workers[8];
static u32 worker_count;

// One on each processor from `first` on, two if there is only one.
static void workers_start(u32 first, void (*run)(void *), void *argument) {
    stop = 0;
    raises_made = raises_failed = 0;
    worker_count = 0;
    for (u32 cpu = first; cpu < cpus() && worker_count < 4; cpu++)
        workers[worker_count++] = worker_start(cpu, run, argument);
    if (cpus() == 1)
        while (worker_count < 2)
            workers[worker_count++] = worker_start(0, run, argument);
}

static void workers_stop(void) {
    stop = 1;
    while (worker_count)
        worker_wait(workers[--worker_count]);
    CHECK_EQ(raises_failed, 0);
}

static void nap(void) {
    sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
}

// --- others go on --------------------------------------------------------------------------------

// Calls that take the kernel lock, and end within one raise: how many, in the best of some raises.
// `number` is odd while one is under way.
static u64 calls_within(i64 ext, const char *number, u64 enough) {
    u64 best = 0, until = tsc() + ms(20000);
    while (best < enough && tsc() < until) {
        u64 before = call(ext, number, 0, 0), made = 0;
        for (; before & 1 && made < enough; made++) {
            CHECK_EQ(sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)ext, 1, 1), -E_STALE);
            if (call(ext, number, 0, 0) != before)
                break;
        }
        best = made > best ? made : best;
    }
    return best;
}

TEST(concurrent_raise_does_not_stop_calls_of_others) {
    u64 frames = account_row(my_account())->frames;
    if (cpus() == 1)
        return;
    exporter_load();
    i64 slow = LOAD(busy_slow);
    CHECK(slow > 0);
    workers_start(cpus() - 1, raise_for_ever, (void *)LONG);
    u64 made = calls_within(raiser, "busy_number", 40);
    workers_stop();
    CHECK(made >= 40);
    say("concurrent: %lu locked calls within one raise of a program\n", made);
    unload(slow);
    exporter_unload();
    settle(frames);
}

static i64 strands;
static volatile u32 loaded, forks;

// Loads the extension, whose strands run in the slices of this env then.
static void own_strands(void *count) {
    strands = LOAD(busy_strands);
    for (u64 i = 0; i < (u64)count; i++)
        CHECK(call(strands, "strand_raises", 0, 0) != 0);
    loaded = 1;
    while (!stop)
        sys_env_sleep(env_row(self())->wakes, tsc() + ms(2));
    call(strands, "strands_stop", 0, 0);
    u64 until = tsc() + ms(20000);
    while (call(strands, "strands_ended", 0, 0) < (u64)count && tsc() < until)
        sys_env_sleep(env_row(self())->wakes, tsc() + ms(1));
    forks = (u32)call(strands, "strands_raised", 0, 0);
    unload(strands);
}

static void strands_start(u32 cpu, u64 count) {
    stop = 0;
    loaded = 0;
    workers[0] = worker_start(cpu, own_strands, (void *)count);
    worker_count = 1;
    u64 until = tsc() + ms(20000);
    while (!loaded && tsc() < until)
        nap();
    CHECK(loaded);
}

TEST(concurrent_raise_of_a_strand_does_not_stop_calls_of_others) {
    u64 frames = account_row(my_account())->frames;
    if (cpus() == 1)
        return;
    exporter_load();
    // Slow handlers, each called by every raise.
    i64 slow[12];
    for (u32 i = 0; i < 12; i++)
        CHECK((slow[i] = LOAD(busy_slow)) > 0);
    strands_start(cpus() - 1, 1);
    u64 made = calls_within(strands, "strands_number", 10);
    workers_stop();
    CHECK(made >= 10);
    say("concurrent: %lu locked calls within one raise of a strand\n", made);
    for (u32 i = 0; i < 12; i++)
        unload(slow[i]);
    exporter_unload();
    settle(frames);
}

// --- several at once, or one alone ---------------------------------------------------------------

TEST(concurrent_handlers_run_on_several_processors) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    i64 slow = LOAD(busy_slow);
    workers_start(0, raise_for_ever, (void *)50ul);
    u64 until = tsc() + ms(10000);
    while (tsc() < until && (raises_made < 2000 || call(slow, "slow_most", 0, 0) < 2))
        nap();
    workers_stop();
    u64 most = call(slow, "slow_most", 0, 0);
    CHECK(cpus() == 1 ? most == 1 : most >= 2 && most <= cpus());
    CHECK_EQ(call(slow, "slow_calls", 0, 0), raises_made);
    CHECK_EQ(call(raiser, "busy_turns", 0, 0), raises_made);
    CHECK_EQ(call(exporter, "busy_unhandled", 0, 0), 0);
    unload(slow);
    exporter_unload();
    settle(frames);
}

// Programs and strands raise; variables of the handlers are changed by plain additions.
TEST(concurrent_raises_leave_others_alone) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    i64 alone = LOAD(busy_alone);
    CHECK(alone > 0);
    strands_start(0, 3);
    env_id owner = workers[0];
    workers_start(0, raise_for_ever, (void *)20ul);
    u64 until = tsc() + ms(300);
    while (tsc() < until || raises_made < 400)
        nap();
    CHECK_EQ(sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)alone, ext_hash("short_alone"), 0), 2);
    until = tsc() + ms(100);
    while (tsc() < until)
        nap();
    u64 both_from = call(alone, "alone_calls", 0, 0);
    CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)alone, 1), 0);
    until = tsc() + ms(20000);
    while (call(alone, "alone_calls", 0, 0) <= both_from + 10 && tsc() < until)
        nap();
    workers_stop();
    worker_wait(owner);
    CHECK_EQ(call(alone, "alone_most", 0, 0), 1);
    CHECK(call(alone, "alone_calls", 0, 0) > both_from);
    unload(alone);
    exporter_unload();
    settle(frames);
}

// Each raise is counted by two handlers, by plain additions.
TEST(concurrent_raises_lose_no_plain_addition) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    i64 alone = LOAD(busy_alone);
    CHECK_EQ(sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)alone, ext_hash("short_alone"), 0), 2);
    strands_start(cpus() - 1, 2);
    env_id owner = workers[0];
    workers_start(0, raise_for_ever, (void *)20ul);
    u64 until = tsc() + ms(400);
    while (tsc() < until || raises_made < 400)
        nap();
    workers_stop();
    worker_wait(owner);
    CHECK_EQ(call(alone, "alone_calls", 0, 0), 2 * (raises_made + forks));
    CHECK(forks > 0);
    unload(alone);
    exporter_unload();
    settle(frames);
}

// --- changes in the middle -----------------------------------------------------------------------

static void check_raise(void) {
    u64 result;
    CHECK_EQ(ext_call_raw(raiser, "raise_many", 10, &result), 0);
    CHECK(result >= 45 && result <= 45 + 10 * 3010);
}

TEST(concurrent_handlers_come_and_go) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    strands_start(cpus() - 1, 2);
    env_id owner = workers[0];
    workers_start(0, raise_for_ever, (void *)10ul);
    i64 some = LOAD(busy_some);
    CHECK(some > 0);
    for (u32 i = 0; i < 100; i++) {
        i64 name[12];
        for (u64 k = 0; k < 12; k++) {
            name[k] = sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)some, ext_hash("some"), k % 7);
            CHECK(name[k] > 0);
        }
        check_raise();
        for (u64 k = 0; k < 12; k++)
            CHECK_EQ(sys_handler_remove(CAP_SLOT_ACCOUNT, (ext_id)some, (u64)name[(k * 5) % 12]),
                     0);
    }
    for (u32 i = 0; i < 10; i++) {
        i64 slow = LOAD(busy_slow), alone = LOAD(busy_alone);
        CHECK(slow > 0 && alone > 0);
        check_raise();
        unload(slow);
        unload(alone);
    }
    workers_stop();
    worker_wait(owner);
    unload(some);
    exporter_unload();
    settle(frames);
}

static void raise_whatever(void *nothing) {
    u64 result;
    (void)nothing;
    while (!stop) {
        i64 error = ext_call_raw(raiser, "raise_many", 20, &result);
        CHECK(!error || error == -E_STALE || error == -E_DEAD || error == -E_BUSY ||
              error == -E_INVAL);
    }
}

// The exporter goes, and whoever raises is in its code.
TEST(concurrent_raises_race_with_unload) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    workers_start(0, raise_whatever, 0);
    for (u32 i = 0; i < 12; i++) {
        i64 slow = LOAD(busy_slow);
        nap();
        if (i % 2) {
            unload(exporter); // those who raise go on
            unload(raiser);
        } else {
            exporter_unload();
        }
        CHECK(call(slow, "slow_most", 0, 0) <= cpus());
        unload(slow);
        exporter_load();
    }
    stop = 1;
    while (worker_count)
        worker_wait(workers[--worker_count]);
    exporter_unload();
    settle(frames);
}

// An env ends in the midst of a call, and so do strands in the midst of raises.
TEST(concurrent_raisers_die) {
    u64 frames = account_row(my_account())->frames;
    for (u32 i = 0; i < 10; i++) {
        exporter_load();
        i64 slow = LOAD(busy_slow);
        strands_start(cpus() - 1, 2);
        env_id owner = workers[0];
        workers_start(0, raise_for_ever, (void *)LONG);
        for (u32 k = 0; k < i; k++)
            nap();
        worker_destroy(owner);
        while (worker_count)
            worker_destroy(workers[--worker_count]);
        unload(slow);
        exporter_unload();
    }
    settle(frames);
}

// --- upgrades ------------------------------------------------------------------------------------

static i64 replace(const char *from, const char *end, i64 old) {
    struct ext_link link = {.replaces = (ext_id)old};
    struct ext_load request = {.object = (u64)from, .bytes = (u64)(end - from), .link = (u64)&link};
    return sys_ext_load(CAP_SLOT_ACCOUNT, my_account(), (u64)&request, 0);
}
#define REPLACE(name, old)                                                                         \
    ({                                                                                             \
        extern const char object_##name[], object_##name##_end[];                                  \
        replace(object_##name, object_##name##_end, old);                                          \
    })

static void count_for_ever(void *times) {
    u64 result;
    while (!stop) {
        if (ext_call_raw(raiser, "count_many", (u64)times, &result) || (result != 1 && result != 2))
            __atomic_add_fetch(&raises_failed, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&raises_made, (u64)times, __ATOMIC_SEQ_CST);
    }
}

TEST(concurrent_upgrade_loses_nothing) {
    u64 frames = account_row(my_account())->frames, turns = 0;
    i64 counter = LOAD(counter1);
    raiser = LOAD(counter_teller);
    CHECK(counter > 0 && raiser > 0);
    strands_start(cpus() - 1, 2);
    env_id owner = workers[0];
    workers_start(0, count_for_ever, (void *)50ul);
    for (; turns < 12 || (raises_made < 1000 && turns < 3000); turns++) {
        CHECK_EQ(REPLACE(counter2, counter), counter);
        CHECK_EQ(REPLACE(counter1, counter), counter);
    }
    workers_stop();
    worker_wait(owner);
    CHECK_EQ(call(counter, "counter_count", 0, 0), raises_made + forks);
    CHECK_EQ(call(counter, "counter_upgrades", 0, 0), 2 * turns);
    CHECK(forks > 0);
    unload(raiser);
    unload(counter);
    settle(frames);
}

static void replace_for_ever(void *counter) {
    while (!stop) {
        i64 error = REPLACE(counter2, (i64)counter);
        CHECK(error == (i64)counter || error == -E_BUSY || error == -E_DEAD);
    }
}

// Whoever upgrades dies, at any time: raises run without the lock again.
TEST(concurrent_upgrader_dies) {
    u64 frames = account_row(my_account())->frames;
    i64 counter = LOAD(counter1);
    raiser = LOAD(counter_teller);
    workers_start(0, count_for_ever, (void *)50ul);
    for (u32 i = 0; i < 10; i++) {
        stop = 0;
        env_id upgrader = worker_start(cpus() - 1, replace_for_ever, (void *)counter);
        for (u32 k = 0; k < i % 5; k++)
            nap();
        worker_destroy(upgrader);
    }
    workers_stop();
    CHECK_EQ(call(counter, "counter_count", 0, 0), raises_made);
    unload(raiser);
    unload(counter);
    settle(frames);
}

// --- faults, counts, later -----------------------------------------------------------------------

static const volatile struct abi_handler *row_of(i64 ext) {
    u32 count = ((const struct abi_info *)ABI_TABLES)->table[ABI_TABLE_HANDLERS].count;
    for (u32 i = 1; i < count; i++) {
        const volatile struct abi_handler *row = abi_row(ABI_TABLE_HANDLERS, i);
        if (row->id && row->ext == (ext_id)ext)
            return row;
    }
    return 0;
}

static volatile u32 told;
static void note(struct upcall_frame *frame) {
    told += frame->vector == UPCALL_NOTIFY;
}

// It overruns on several processors, and by strands; each raise goes on with the procedure.
TEST(concurrent_handler_that_overruns_is_detached) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    strands_start(cpus() - 1, 2);
    env_id owner = workers[0];
    workers_start(0, raise_for_ever, (void *)20ul);
    told = 0;
    set_upcall_handler(note);
    for (u32 i = 0; i < 8; i++) {
        i64 loop = LOAD(busy_loop);
        CHECK(loop > 0);
        u64 until = tsc() + ms(20000);
        const volatile struct abi_handler *row = row_of(loop);
        while (row->state != HANDLER_DETACHED && tsc() < until)
            nap();
        CHECK_EQ(row->state, HANDLER_DETACHED);
        CHECK_EQ(row->status, 1); // ENGINE_RUN_BUDGET
        CHECK(row->faults >= 1 && row->faults <= cpus() && row->calls >= row->faults);
        CHECK(row->line > 10 && row->line < 20);
        CHECK_EQ(row->count, 0);
        unload(loop);
    }
    workers_stop();
    worker_wait(owner);
    set_upcall_handler(0);
    CHECK(told > 0);
    CHECK_EQ(call(exporter, "busy_unhandled", 0, 0), raises_made + forks);
    exporter_unload();
    settle(frames);
}

TEST(concurrent_raises_are_counted) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    i64 slow = LOAD(busy_slow);
    i64 error;
    do
        error = sys_event_count(CAP_SLOT_ACCOUNT, (ext_id)exporter, ext_hash("busy"), 1);
    while (error == -E_AGAIN);
    CHECK_EQ(error, 0);
    workers_start(0, raise_for_ever, (void *)50ul);
    u64 until = tsc() + ms(200);
    while (tsc() < until || raises_made < 500)
        nap();
    workers_stop();
    const volatile struct abi_handler *row = row_of(slow);
    CHECK_EQ(row->calls, raises_made);
    CHECK(row->worst <= row->ticks);
    const volatile struct abi_event *event = abi_row(ABI_TABLE_EVENTS, ABI_INDEX(row->event));
    CHECK_EQ(event->raises, raises_made);
    unload(slow);
    exporter_unload();
    settle(frames);
}

TEST(concurrent_raises_put_handlers_off) {
    u64 frames = account_row(my_account())->frames;
    exporter_load();
    i64 some = LOAD(busy_some);
    CHECK(sys_handler_install(CAP_SLOT_ACCOUNT, (ext_id)some, ext_hash("noted"), 0) > 0);
    workers_start(0, raise_for_ever, (void *)10ul);
    u64 until = tsc() + ms(200);
    while (tsc() < until || raises_made < 200)
        nap();
    workers_stop();
    const volatile struct abi_handler *row = row_of(some);
    until = tsc() + ms(5000);
    while (call(some, "noted_calls", 0, 0) + row->lost < raises_made && tsc() < until)
        nap();
    CHECK_EQ(call(some, "noted_calls", 0, 0) + row->lost, raises_made);
    CHECK(call(some, "noted_calls", 0, 0) > 0);
    unload(some);
    exporter_unload();
    settle(frames);
}
