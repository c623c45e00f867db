// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of strands in a kernel of their own: C functions as strands, without extensions. A strand
// of an env without a program goes through the list; the first program does not run. Frames are
// counted before and after each test.

#include "abi/calls.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/lock.h"
#include "kernel/aegis/sched_priv.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"
#include "kernel/sal/x86_64/strand.h"
#include "kernel/spin/ext.h"

void aegis_selftest(void);

static u32 failures;
static struct strand_crew tester;

static void enter(void) {
    sal_interrupts_off();
    kernel_lock();
}

static void leave(void) {
    kernel_unlock();
    sal_interrupts_on();
    __asm__ volatile("nop"); // the instruction after STI is not interrupted yet
}

static void check_failed(int line, const char *what, i64 got, i64 want) {
    sal_interrupts_off();
    failures++;
    log_print("  strand_guest.c:%d: %s: got %ld, want %ld", line, what, got, want);
    sal_interrupts_on();
}

#define CHECK_EQ(expression, value)                                                                \
    do {                                                                                           \
        i64 got_ = (i64)(expression), want_ = (i64)(value);                                        \
        if (got_ != want_)                                                                         \
            check_failed(__LINE__, #expression " == " #value, got_, want_);                        \
    } while (0)
#define CHECK(condition) CHECK_EQ(!!(condition), 1)

// --- operations, each under the lock -------------------------------------------------------------

static strand_id create_in(struct strand_crew *crew, strand_function *f, u64 argument, u32 flags) {
    struct strand *strand;
    enter();
    i64 error = strand_create(crew, f, argument, flags, &strand);
    strand_id id = error ? (u64)error : strand->id;
    leave();
    return id;
}

static strand_id create(strand_function *f, u64 argument) {
    return create_in(&tester, f, argument, STRAND_ANYWHERE);
}

static i64 join(strand_id id, u64 *result) {
    enter();
    struct strand *strand = strand_find(&tester, id);
    i64 error = strand ? strand_join(strand, result) : -E_STALE;
    leave();
    return error;
}

static i64 unblock(strand_id id) {
    enter();
    struct strand *strand = strand_find(&tester, id);
    if (strand)
        strand_unblock(strand);
    leave();
    return strand ? 0 : -E_STALE;
}

static i64 block(u64 deadline) {
    enter();
    i64 error = strand_block(deadline);
    leave();
    return error;
}

static void yield(void) {
    enter();
    strand_yield();
    leave();
}

static strand_id self(void) {
    enter();
    strand_id id = strand_current()->id;
    leave();
    return id;
}

static u64 ms(u64 n) {
    return sal_machine.tsc_hz / 1000 * n;
}

static void sleep_ms(u64 n) {
    block(sal_tsc() + ms(n));
}

static u64 state_of(strand_id id) {
    enter();
    struct strand *strand = strand_find(&tester, id);
    u64 state = strand ? strand->row->state : STRAND_FREE;
    leave();
    return state;
}

static void wait_state(strand_id id, u64 state) {
    for (u64 end = sal_tsc() + ms(1000); state_of(id) != state && sal_tsc() < end;)
        yield();
    CHECK_EQ(state_of(id), state);
}

// --- tests ---------------------------------------------------------------------------------------

static u64 twice(u64 n) {
    return 2 * n;
}

static void test_fork_join(void) {
    for (u64 i = 0; i < 300; i++) {
        u64 result = 0;
        CHECK_EQ(join(create(twice, i), &result), 0);
        CHECK_EQ(result, 2 * i);
    }
}

static void test_many(void) {
    strand_id ids[50];
    u64 result;
    for (u64 i = 0; i < 50; i++)
        ids[i] = create(twice, i);
    for (u64 i = 50; i-- > 0;) {
        CHECK_EQ(join(ids[i], &result), 0);
        CHECK_EQ(result, 2 * i);
    }
}

// Stacks, rows and seats are used again, names are not.
static void test_names(void) {
    enum { ROUNDS = 4, EACH = 12 };
    strand_id ids[ROUNDS * EACH];
    u64 result;
    for (u32 i = 0; i < ROUNDS * EACH; i += EACH) {
        for (u32 k = 0; k < EACH; k++)
            ids[i + k] = create(twice, k);
        for (u32 k = 0; k < EACH; k++)
            CHECK_EQ(join(ids[i / EACH % 2 ? i + EACH - 1 - k : i + k], &result), 0);
    }
    for (u32 i = 0; i < ROUNDS * EACH; i++) {
        CHECK_EQ(state_of(ids[i]), STRAND_FREE);
        CHECK_EQ(join(ids[i], &result), -E_STALE);
        for (u32 k = 0; k < i; k++)
            CHECK(ids[k] != ids[i]);
    }
}

static volatile strand_id ping, pong;
static volatile u64 turns;

static u64 ponger(u64 rounds) {
    for (u64 i = 0; i < rounds; i++) {
        block(ABI_ANY);
        turns++;
        unblock(ping);
    }
    return turns;
}

static void test_ping_pong(void) {
    u64 result;
    turns = 0;
    ping = self();
    pong = create(ponger, 1000);
    for (u64 i = 0; i < 1000; i++) {
        unblock(pong);
        block(ABI_ANY);
        CHECK_EQ(turns, i + 1);
    }
    CHECK_EQ(join(pong, &result), 0);
    CHECK_EQ(result, 1000);
}

static void test_token(void) {
    CHECK_EQ(unblock(self()), 0);
    CHECK_EQ(unblock(self()), 0);
    CHECK_EQ(block(ABI_ANY), 0); // two before it count once
    CHECK_EQ(block(sal_tsc() + ms(1)), -E_AGAIN);
}

static void test_sleep(void) {
    u64 from = sal_tsc();
    CHECK_EQ(block(from + ms(3)), -E_AGAIN);
    CHECK(sal_tsc() >= from + ms(3));
    CHECK_EQ(block(0), -E_AGAIN); // long past
}

static u64 sleeper(u64 deadline) {
    return (u64)block(deadline);
}

static void test_sleep_cut_short(void) {
    u64 result = 1;
    strand_id id = create(sleeper, sal_tsc() + ms(60000));
    wait_state(id, STRAND_SLEEPING);
    CHECK_EQ(unblock(id), 0);
    CHECK_EQ(join(id, &result), 0);
    CHECK_EQ(result, 0);
}

static u64 joiner(u64 id) {
    u64 result;
    i64 error = join(id, &result);
    return error ? (u64)error : result;
}

static void test_join_errors(void) {
    u64 result;
    strand_id id = create(sleeper, ABI_ANY);
    CHECK_EQ(join(self(), &result), -E_INVAL);
    strand_id first = create(joiner, id);
    wait_state(first, STRAND_BLOCKED);
    CHECK_EQ(join(id, &result), -E_BUSY);
    CHECK_EQ(unblock(first), 0); // a stray one: it must go on joining
    wait_state(first, STRAND_BLOCKED);
    CHECK_EQ(unblock(id), 0);
    CHECK_EQ(join(first, &result), 0);
    CHECK_EQ(result, 0);
    CHECK_EQ(join(id, &result), -E_STALE);
    CHECK_EQ(unblock(id), -E_STALE);
    id = create_in(&tester, twice, 1, STRAND_DETACHED | STRAND_ANYWHERE);
    CHECK_EQ((i64)id > 0, 1);
    CHECK(join(id, &result) != 0);
    wait_state(id, STRAND_FREE);
}

static volatile u64 counts[8];
static volatile u64 stop;

static u64 spinner(u64 n) {
    while (!stop)
        counts[n]++;
    return n;
}

static void test_preemption(void) {
    strand_id ids[8];
    u64 result;
    stop = 0;
    for (u64 i = 0; i < 8; i++) {
        counts[i] = 0;
        ids[i] = create(spinner, i);
    }
    for (u64 end = sal_tsc() + ms(400); sal_tsc() < end;)
        yield(); // each time the oldest of them gets a slice
    stop = 1;
    for (u64 i = 0; i < 8; i++) {
        CHECK_EQ(join(ids[i], &result), 0);
        CHECK(counts[i] > 0);
    }
}

static u64 register_keeper(u64 seed) {
    u64 wrong = 0;
    while (!stop) {
        u64 a = seed, b = seed * 3, c = seed * 5, d = seed * 7;
        for (u32 i = 0; i < 2000; i++)
            __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
        wrong += a != seed || b != seed * 3 || c != seed * 5 || d != seed * 7;
    }
    return wrong;
}

static void test_registers(void) {
    strand_id ids[4];
    u64 result;
    stop = 0;
    for (u64 i = 0; i < 4; i++)
        ids[i] = create(register_keeper, i + 1);
    sleep_ms(60);
    stop = 1;
    for (u64 i = 0; i < 4; i++) {
        CHECK_EQ(join(ids[i], &result), 0);
        CHECK_EQ(result, 0);
    }
}

static u64 wanderer(u64 seed) {
    for (u32 i = 0; i < 200; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        if (seed >> 63)
            yield();
        if ((seed >> 60 & 3) == 0)
            block(sal_tsc() + (seed >> 50 & 0xfff));
    }
    return seed;
}

// Joins race with exits on all processors.
static u64 family(u64 seed) {
    u64 result, sum = 0;
    for (u32 i = 0; i < 10; i++) {
        strand_id id = create(wanderer, seed + i);
        if (seed & 1)
            yield();
        sum += (u64)join(id, &result);
    }
    return sum;
}

static void test_races(void) {
    strand_id ids[16];
    u64 result;
    for (u64 i = 0; i < 16; i++)
        ids[i] = create(family, i);
    for (u64 i = 0; i < 16; i++) {
        CHECK_EQ(join(ids[i], &result), 0);
        CHECK_EQ(result, 0);
    }
}

// --- owners --------------------------------------------------------------------------------------

struct victim {
    account_id account;
    struct env *env;
    struct strand_crew crew;
};

static struct victim victim;

// An env that has nothing but strands, with positions on all processors.
static struct env *owner_make(account_id account, u32 position) {
    struct env *env;
    struct env_setup setup = {0};
    struct abi_space *space = space_find_row(1);
    i64 error = env_make(account, space, &setup, &env);
    ASSERT(!error);
    for (u32 cpu = 0; cpu < sal_machine.cpus; cpu++) {
        sched_slice_own(cpu * ABI_SLICES + position, account);
        sched_assign(cpu * ABI_SLICES + position, env);
    }
    return env;
}

static void victim_make(void) {
    enter();
    victim.env = owner_make(account_first(), 3);
    strand_crew_init(&victim.crew, victim.env);
    leave();
}

// As env_destroy from another env does it.
static void victim_destroy(void) {
    for (u64 end = sal_tsc() + ms(10000);;) {
        enter();
        int left = strand_end_all(victim.env);
        if (!left)
            env_free(victim.env);
        leave();
        if (!left)
            break;
        if (sal_tsc() > end)
            panic("strands of a dead owner go on");
        block(sal_tsc() + ms(1) / 8);
    }
}

static u64 spin_for_ever(u64 argument) {
    for (;;)
        counts[argument & 7]++;
}

static u64 forker(u64 depth) {
    struct strand *strand;
    u64 result;
    for (;;) {
        enter();
        if (!strand_create(&victim.crew, depth ? forker : twice, depth - 1, STRAND_ANYWHERE,
                           &strand))
            strand_join(strand, &result);
        leave();
    }
}

static u64 blocker(u64 deadline) {
    for (;;)
        block(deadline);
}

static u64 napper(u64 argument) {
    for (;;)
        block(sal_tsc() + argument);
}

static u64 yielder(u64 argument) {
    for (;;)
        yield();
    return argument;
}

static void test_owner_death(void) {
    for (u32 round = 0; round < 40; round++) {
        victim_make();
        strand_id last = 0;
        for (u32 i = 0; i < 2; i++) {
            create_in(&victim.crew, spin_for_ever, i, STRAND_ANYWHERE);
            create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE);
            create_in(&victim.crew, napper, ms(1), STRAND_ANYWHERE);
            create_in(&victim.crew, yielder, 0, 0); // ends at its operations only
            create_in(&victim.crew, forker, 2, STRAND_ANYWHERE);
            last = create_in(&victim.crew, twice, 0, STRAND_ANYWHERE);
        }
        CHECK((i64)last > 0);
        block(sal_tsc() + ms(round) / 4);
        victim_destroy();
        CHECK_EQ(victim.crew.count, 0);
        CHECK_EQ(victim.crew.spares, 0);
    }
}

// An env that ends itself while strands of it run elsewhere: the last one frees it.
static void test_owner_ends_itself(void) {
    for (u32 round = 0; round < 10; round++) {
        victim_make();
        for (u32 i = 0; i < 4; i++)
            create_in(&victim.crew, spin_for_ever, i, STRAND_ANYWHERE);
        for (u32 i = 0; i < 20; i++) // more than are ended at once
            create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE);
        sleep_ms(round + 1);
        enter();
        env_id id = victim.env->id;
        if (strand_end_all(victim.env))
            victim.env->row->state = ENV_DYING;
        else
            env_free(victim.env);
        leave();
        for (u64 end = sal_tsc() + ms(1000); sal_tsc() < end;) {
            enter();
            int gone = !env_find(id);
            leave();
            if (gone)
                break;
            sleep_ms(1);
        }
        enter();
        CHECK_EQ(env_find(id), 0);
        leave();
    }
}

static void test_dying_crew(void) {
    victim_make();
    u32 none = 0;
    create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE);
    enter();
    (void)strand_crew_end(&victim.crew, &none);
    leave();
    CHECK_EQ(create_in(&victim.crew, twice, 0, 0), -E_DEAD);
    victim_destroy();
}

static void test_foreign(void) {
    victim_make();
    strand_id id = create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE);
    u64 result;
    CHECK_EQ(unblock(id), -E_STALE);
    CHECK_EQ(join(id, &result), -E_STALE);
    CHECK_EQ(unblock(0), -E_STALE);
    CHECK_EQ(unblock(~0ul), -E_STALE);
    CHECK_EQ(unblock(self() + (1ul << ABI_INDEX_BITS)), -E_STALE);
    victim_destroy();
}

static void test_exhaustion(void) {
    victim_make();
    u64 made = 0;
    i64 error;
    while ((error = (i64)create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE)) > 0)
        made++;
    CHECK_EQ(error, -E_LIMIT);
    CHECK_EQ(made, 128);
    victim_destroy();
    // An account without frames gets none.
    enter();
    struct abi_account *account = account_find(account_first());
    u64 quota = account->quota;
    leave();
    victim_make();
    enter();
    account->quota = account->frames + 2 * STRAND_STACK_PAGES + 1; // two stacks and a part of one
    leave();
    for (made = 0; (error = (i64)create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE)) > 0;)
        made++;
    enter();
    CHECK_EQ(account->frames + 1, account->quota);
    account->quota = quota;
    leave();
    CHECK_EQ(error, -E_NOMEM);
    CHECK_EQ(made, 2);
    victim_destroy();
}

// --- an extension's scheduler --------------------------------------------------------------------

// The last made READY runs first: a stack of names.
static struct {
    strand_id stack[16];
    u32 count, unblocked, blocked, checkpoints, resumes;
} lifo;

static void lifo_unblocked(void *context, struct strand *strand) {
    (void)context;
    lifo.unblocked++;
    if (lifo.count < 16)
        lifo.stack[lifo.count++] = strand->id;
}
static void lifo_blocked(void *context, struct strand *strand) {
    (void)context, (void)strand;
    lifo.blocked++;
}
static void lifo_checkpoint(void *context, struct strand *strand) {
    (void)context, (void)strand;
    lifo.checkpoints++;
}
static strand_id lifo_resume(void *context) {
    (void)context;
    lifo.resumes++;
    return lifo.count ? lifo.stack[--lifo.count] : 0;
}
static strand_id bad_resume(void *context) {
    (void)context;
    return tester.all->id; // of another crew
}

static volatile u64 order, order_count;
static u64 note(u64 n) {
    order = order * 10 + n;
    order_count++;
    return 0;
}

static void policy_run(const struct strand_policy *policy) {
    struct strand *strand;
    victim_make();
    order = order_count = 0;
    enter();
    strand_crew_schedule(&victim.crew, policy, 0);
    for (u64 i = 1; i <= 3; i++)
        strand_create(&victim.crew, note, i, STRAND_DETACHED, &strand);
    leave();
    for (u64 end = sal_tsc() + ms(1000); order_count < 3 && sal_tsc() < end;)
        sleep_ms(1);
    CHECK_EQ(order_count, 3);
    victim_destroy();
}

static void test_policy(void) {
    static const struct strand_policy policy = {lifo_unblocked, lifo_blocked, lifo_checkpoint,
                                                lifo_resume};
    static const struct strand_policy bad = {.resume = bad_resume};
    policy_run(&policy);
    if (sal_machine.cpus == 1)
        CHECK_EQ(order, 321);
    CHECK_EQ(lifo.unblocked, 3);
    CHECK_EQ(lifo.blocked, 3);
    CHECK(lifo.resumes >= 3);
    policy_run(&bad);
    if (sal_machine.cpus == 1)
        CHECK_EQ(order, 123);
}

// --- figures -------------------------------------------------------------------------------------

#define ROUNDS 1000

static u64 nothing(u64 n) {
    return n;
}

// Under -icount: instructions.
static void figures(void) {
    u64 result;
    join(create(nothing, 0), &result);
    u64 from = sal_tsc();
    for (u64 i = 0; i < ROUNDS; i++)
        join(create(nothing, 0), &result);
    u64 forkjoin = (sal_tsc() - from) / ROUNDS;
    ping = self();
    pong = create(ponger, ROUNDS);
    yield();
    turns = 0;
    from = sal_tsc();
    for (u64 i = 0; i < ROUNDS; i++) {
        unblock(pong);
        block(ABI_ANY);
    }
    u64 pingpong = (sal_tsc() - from) / ROUNDS;
    join(pong, &result);
    sal_interrupts_off();
    log_print("strand: fork-join %lu ticks, ping-pong %lu ticks", forkjoin, pingpong);
    sal_interrupts_on();
}

// --- what is given back --------------------------------------------------------------------------

// An extension that cannot go, for whatever reason, does not keep others from going.
static void test_reap(void) {
    struct ext *held, *other;
    const struct ext_load request = {.name = ""};
    victim_make();
    enter();
    CHECK_EQ(ext_make(victim.env, account_first(), &request, &held), 0);
    CHECK_EQ(ext_make(victim.env, account_first(), &request, &other), 0);
    ext_id first = held->id, second = other->id;
    held->retired_handlers = 1; // somebody is in it
    ext_kill(held, EXT_DETACHED_UNLOAD);
    ext_kill(other, EXT_DETACHED_UNLOAD);
    for (u32 i = 0; i < 8; i++)
        (void)spin_reap(16);
    CHECK(ext_find(first));
    CHECK(!ext_find(second));
    held->retired_handlers = 0;
    for (u32 i = 0; i < 8; i++)
        (void)spin_reap(16);
    CHECK(!ext_find(first));
    leave();
    victim_destroy();
}

// An end of many strands is cut into pieces. Between ours, timers go on with it.
static void test_end_in_pieces(void) {
    enum { COUNT = 100 };
    victim_make();
    for (u32 i = 0; i < COUNT; i++)
        create_in(&victim.crew, blocker, ABI_ANY, STRAND_ANYWHERE);
    sleep_ms(5);
    u32 pieces = 0, left = 1;
    while (left) {
        enter();
        u32 before = victim.crew.count;
        left = (u32)strand_end_all(victim.env);
        u32 ended = before - victim.crew.count;
        leave();
        pieces++;
        CHECK(ended <= 4);
    }
    CHECK(pieces > 1);
    enter();
    env_free(victim.env);
    leave();
}

// --- running -------------------------------------------------------------------------------------

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"fork_join", test_fork_join},
    {"many", test_many},
    {"names", test_names},
    {"ping_pong", test_ping_pong},
    {"token", test_token},
    {"sleep", test_sleep},
    {"sleep_cut_short", test_sleep_cut_short},
    {"join_errors", test_join_errors},
    {"preemption", test_preemption},
    {"registers", test_registers},
    {"races", test_races},
    {"owner_death", test_owner_death},
    {"owner_ends_itself", test_owner_ends_itself},
    {"dying_crew", test_dying_crew},
    {"foreign", test_foreign},
    {"reap", test_reap},
    {"end_in_pieces", test_end_in_pieces},
    {"exhaustion", test_exhaustion},
    {"policy", test_policy},
};

// Spare stacks of the tester's own crew come and go.
static u64 frames_used(void) {
    enter();
    u64 used =
        account_find(account_first())->frames - STRAND_STACK_PAGES * (tester.spares + tester.count);
    leave();
    return used;
}

static u64 run_all(u64 argument) {
    u32 passed = 0, count = sizeof tests / sizeof *tests;
    (void)argument;
    for (u32 i = 0; i < count; i++) {
        u32 before = failures;
        u64 frames = frames_used();
        sal_interrupts_off();
        log_print("%s", tests[i].name);
        sal_interrupts_on();
        tests[i].run();
        CHECK_EQ(frames_used(), frames);
        CHECK_EQ(tester.count, 1);
        passed += failures == before;
    }
    figures();
    sal_interrupts_off();
    log_print("guest: %u passed, %u failed", passed, count - passed);
    sal_exit(passed == count ? MACHINE_EXIT_TESTS_PASSED : MACHINE_EXIT_TESTS_FAILED);
}

// The first program stays READY for ever: its position is taken from it.
void aegis_selftest(void) {
    struct strand *strand;
    sched_assign(0, 0);
    strand_crew_init(&tester, owner_make(account_first(), 1));
    i64 error = strand_create(&tester, run_all, 0, 0, &strand);
    ASSERT(!error);
}
