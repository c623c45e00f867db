// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Calls that end otherwise than by env_return: env_recall, and envs that end, wherever they run;
// and where a server goes on that was called.

#include "tests/guest/guest.h"

extern const char server_counts[], server_sleepy[], server_relay[], server_traitor[], server_back[],
    server_returns[], server_spins_called[], server_end[];
i64 client_call(u64 cap, env_id env, u64 message[12]);

#define SERVER(label) (CODE_VA + (u64)((label)-server_counts))
#define SHARED_VA     0x600000ul
#define SHARED_AT     (SCRATCH + 64 * ABI_PAGE)

// What a server of server.S shares with us.
struct shared {
    volatile u64 accepts, go, error;
};

struct server {
    struct child child;
    u64 slice;
    u32 number;
    struct shared *shared;
};

// One without positions gets our slice until it is in that state.
static void server_run_until(const struct server *s, enum env_state state) {
    u64 until = tsc() + ms(5000);
    while (env_row(s->child.env)->state != state && tsc() < until)
        if (s->slice != ABI_ANY || sys_env_yield(CAP_SLOT_ACCOUNT, s->child.env))
            sys_env_yield(0, 0);
    CHECK_EQ(env_row(s->child.env)->state, state);
}

// Accepting, with a position on cpu, or none (ABI_ANY).
static void server_make(struct server *s, u32 number, const char *call, u64 cpu) {
    u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    s->number = number;
    s->slice = cpu == ABI_ANY ? ABI_ANY : cpu * ABI_SLICES + 100 + number;
    s->shared = (struct shared *)(SHARED_AT + number * ABI_PAGE);
    if (s->slice != ABI_ANY)
        CHECK_EQ(
            sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), s->slice, 1),
            0);
    CHECK_EQ(child_make(&s->child, my_account(), server_counts, (u64)(server_end - server_counts),
                        s->slice),
             0);
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, FRAME_ALLOC_AUTO);
    CHECK(pfn > 0);
    CHECK_EQ(sys_space_map(caps, my_space(), (u64)s->shared, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX),
             1);
    CHECK_EQ(sys_space_map(caps, s->child.space, SHARED_VA, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX),
             1);
    struct env_setup setup = {.call_entry = SERVER(call), .call_stack = DATA_VA + 2048};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, s->child.env, (u64)&setup), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, s->child.env), 0);
    server_run_until(s, ENV_ACCEPTING);
}

static void server_free(struct server *s) {
    child_free(&s->child);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), (u64)s->shared, 1), 1);
    if (s->slice != ABI_ANY)
        CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, s->slice, 1), 0);
}

static volatile env_id target, next;
static volatile i64 answer, relayed;
static volatile u32 quickly;

// Calls target, by the fast way or the slow one.
static void call_target(void *argument) {
    u64 message[12] = {[3] = next}, slot = CAP_SLOT_ACCOUNT;
    (void)argument;
    if (quickly)
        slot = (u64)sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(), CAP_RIGHT_CALL,
                                 target, CAP_MINT_ENV);
    answer = client_call(slot, target, message);
    relayed = (i64)message[2];
}

static env_id caller_start(u32 cpu, const struct server *s, const struct server *then) {
    answer = relayed = 1;
    target = s->child.env;
    next = then ? then->child.env : 0;
    env_id caller = worker_start(cpu, call_target, 0);
    return caller;
}

// --- where env_accept continues ------------------------------------------------------------------

// A server that gave up the processor while it was called goes on after env_accept, not in the
// call, when it is woken, or stopped and started.
TEST(accept_continues_where_it_was) {
    for (u64 cpu = 0; cpu < cpus(); cpu++) {
        struct server s;
        server_make(&s, 0, server_sleepy, cpu);
        env_id env = s.child.env;
        for (u64 i = 1; i <= 6; i++) {
            u64 message[12] = {env_row(env)->wakes, [2] = tsc() + ms(1)};
            CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, env, message), 0);
            CHECK_EQ(env_row(env)->state, ENV_ACCEPTING);
            if (i & 1) {
                CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, env), 0);
            } else {
                CHECK_EQ(sys_env_stop(CAP_SLOT_ACCOUNT, env), 0);
                CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, env), 0);
            }
            worker_wait_state(env, ENV_ACCEPTING);
            CHECK_EQ(s.shared->accepts, i);
        }
        CHECK_EQ(s.shared->error, 0);
        server_free(&s);
    }
}

// The same of one that called another meanwhile.
TEST(accept_continues_after_a_call_of_its_own) {
    struct server relay, back;
    server_make(&relay, 0, server_relay, 0);
    server_make(&back, 1, server_back, ABI_ANY);
    back.shared->go = 1;
    u64 message[12] = {[3] = back.child.env};
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, relay.child.env, message), 0);
    CHECK_EQ(message[2], 0);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, relay.child.env), 0);
    worker_wait_state(relay.child.env, ENV_ACCEPTING);
    CHECK_EQ(relay.shared->accepts, 1);
    CHECK_EQ(relay.shared->error, 0);
    server_free(&relay);
    server_free(&back);
}

// --- recall --------------------------------------------------------------------------------------

// The caller goes on with RECALLED; the callee loses what was lent to it, keeps what it has, and
// can be called again once it has accepted again.
static void recall_one(const char *entry, u32 cpu, u64 own_cpu) {
    struct server s;
    u64 message[12] = {0};
    server_make(&s, 0, entry, own_cpu);
    env_id callee = s.child.env, caller = caller_start(cpu, &s, 0);
    worker_wait_state(caller, entry == server_traitor ? ENV_SLEEPING : ENV_CALLING);
    if (entry != server_traitor)
        CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, caller), 0);
    worker_wait(caller);
    CHECK_EQ(answer, -E_RECALLED);
    CHECK_EQ(env_row(callee)->recalled, 1);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, callee, message), -E_BUSY);
    if (own_cpu == ABI_ANY) {
        worker_wait_state(callee, ENV_READY);
        u64 ran = env_row(callee)->ran, until = tsc() + ms(2);
        while (tsc() < until)
            sys_env_yield(0, 0);
        CHECK_EQ(env_row(callee)->state, ENV_READY);
        CHECK_EQ(env_row(callee)->ran, ran);
    }
    CHECK_EQ(s.shared->error, 0);
    s.shared->go = 1;
    server_run_until(&s, ENV_ACCEPTING);
    CHECK_EQ(s.shared->error, E_INVAL); // nobody waited for it
    if (entry != server_traitor)
        CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, callee, message), 0);
    CHECK_EQ(env_row(callee)->recalled, 1);
    server_free(&s);
}

TEST(recall) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        quickly = cpu & 1;
        recall_one(server_back, cpu, ABI_ANY);
        recall_one(server_back, cpu, 0);
        recall_one(server_back, cpu, cpus() - 1);
    }
}

// A callee without positions has its caller's until that is recalled, and leaves at once: it does
// not go on to the end of the slice. Counted is what it does meanwhile, not the time.
#define ROUNDS  9
#define AT_ONCE 100000

TEST(recalled_callee_leaves_at_once) {
    u32 slow = 0;
    for (u32 round = 0; cpus() > 1 && round < ROUNDS; round++) {
        struct server s;
        server_make(&s, 0, server_spins_called, ABI_ANY);
        env_id caller = caller_start(cpus() - 1, &s, 0), callee = s.child.env;
        s.shared->accepts = 0;
        worker_wait_state(caller, ENV_CALLING);
        for (u64 until = tsc() + ms(5000); s.shared->accepts < 1000 && tsc() < until;)
            sys_env_yield(0, 0);
        CHECK_EQ(env_row(callee)->state, ENV_RUNNING);
        CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, caller), 0);
        u64 then = s.shared->accepts;
        for (u64 until = tsc() + ms(5000); env_row(callee)->state == ENV_RUNNING && tsc() < until;)
            __asm__ volatile("pause");
        slow += s.shared->accepts - then > AT_ONCE;
        worker_wait(caller);
        CHECK_EQ(answer, -E_RECALLED);
        server_free(&s);
    }
    CHECK(slow <= ROUNDS / 2);
}

TEST(callee_recalls_its_caller) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        recall_one(server_traitor, cpu, ABI_ANY);
        recall_one(server_traitor, 0, cpu);
    }
}

static void do_nothing(void *argument) {
    (void)argument;
}

static volatile i64 refused;
static void recall_without_right(void *argument) {
    (void)argument;
    i64 weak = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(),
                            CAP_RIGHTS_ALL & ~CAP_RIGHT_CONTROL, target, CAP_MINT_ENV);
    CHECK(weak > 0); // of the callee, not of the caller, and without the right
    refused = sys_env_recall((u64)weak, target);
}

TEST(recall_is_refused) {
    struct server s;
    server_make(&s, 0, server_back, ABI_ANY);
    CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, my_env()), -E_INVAL);
    CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, s.child.env), -E_INVAL);
    env_id caller = caller_start(0, &s, 0);
    worker_wait_state(caller, ENV_CALLING);
    CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, s.child.env), -E_INVAL); // it is the callee
    worker_wait(worker_start(cpus() - 1, recall_without_right, 0));
    CHECK_EQ(refused, -E_RIGHTS);
    CHECK_EQ(env_row(caller)->state, ENV_CALLING);
    CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, caller), 0);
    CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, caller), -E_INVAL); // once
    worker_wait(caller);
    env_id gone = worker_start(0, do_nothing, 0);
    worker_wait(gone);
    CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, gone), -E_STALE);
    server_free(&s);
}

// a calls b calls c, which does not return. Recalling a leaves b waiting for c; recalling b brings
// b back, which returns to a.
TEST(recall_of_a_chain) {
    for (u32 i = 0; i < 2 * cpus(); i++) {
        struct server b, c;
        u32 cpu = i / 2;
        quickly = i & 1;
        server_make(&b, 0, server_relay, ABI_ANY);
        server_make(&c, 1, server_back, ABI_ANY);
        env_id a = caller_start(cpu, &b, &c);
        worker_wait_state(b.child.env, ENV_CALLING);
        CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, b.child.env), 0);
        worker_wait(a);
        CHECK_EQ(answer, 0);
        CHECK_EQ(relayed, -E_RECALLED);
        worker_wait_state(c.child.env, ENV_READY);
        CHECK_EQ(env_row(b.child.env)->state, ENV_ACCEPTING);
        c.shared->go = 1;
        server_run_until(&c, ENV_ACCEPTING);
        c.shared->go = 0;

        a = caller_start(cpu, &b, &c);
        worker_wait_state(b.child.env, ENV_CALLING);
        CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, a), 0);
        worker_wait(a);
        CHECK_EQ(answer, -E_RECALLED);
        worker_wait_state(c.child.env, ENV_READY);
        CHECK_EQ(env_row(b.child.env)->state, ENV_CALLING);
        CHECK_EQ(b.shared->error, 0);
        c.shared->go = 1;
        server_run_until(&c, ENV_ACCEPTING);
        server_run_until(&b, ENV_ACCEPTING); // c returned to it, and it to nobody
        CHECK_EQ(b.shared->error, E_INVAL);
        CHECK_EQ(env_row(b.child.env)->recalled, 1);
        CHECK_EQ(env_row(c.child.env)->recalled, 1);
        server_free(&b);
        server_free(&c);
    }
}

// --- races ---------------------------------------------------------------------------------------

static volatile u32 stop, recalls, tallies[4]; // 0, RECALLED, BUSY, another

static void call_again_and_again(void *argument) {
    (void)argument;
    while (!stop) {
        u64 message[12] = {0};
        i64 error = client_call(CAP_SLOT_ACCOUNT, target, message);
        u32 kind = !error ? 0 : error == -E_RECALLED ? 1 : error == -E_BUSY ? 2 : 3;
        tallies[kind]++;
        if (kind == 3) {
            answer = error;
            return;
        }
        if (kind == 2)
            sys_env_yield(0, 0);
    }
}

static volatile env_id recalled_env;
static void recall_again_and_again(void *argument) {
    (void)argument;
    while (!stop)
        if (!sys_env_recall(CAP_SLOT_ACCOUNT, recalled_env))
            recalls++;
}

static void races_begin(void) {
    stop = recalls = 0;
    for (u32 i = 0; i < 4; i++)
        tallies[i] = 0;
}

static void wait_for(u64 time) {
    for (u64 until = tsc() + time; tsc() < until;)
        sys_env_yield(0, 0);
}

// A call either returns or is recalled, never both, and the server lives on. Who recalls is
// destroyed meanwhile, wherever it is.
TEST(recall_races_return) {
    for (u32 i = 0; i < 2 * cpus(); i++) {
        struct server s;
        races_begin();
        server_make(&s, 0, server_returns, i / 2);
        target = s.child.env;
        env_id caller = worker_start(cpus() - 1, call_again_and_again, 0);
        recalled_env = caller;
        for (u32 n = 0; n < 8; n++) {
            env_id by = worker_start(i % cpus(), recall_again_and_again, 0);
            wait_for(ms(1) + guest_random() % ms(1));
            worker_destroy(by);
        }
        stop = 1;
        wait_for(ms(1));
        while (!worker_ended(caller)) {
            sys_env_recall(CAP_SLOT_ACCOUNT, caller);
            sys_env_yield(0, 0);
        }
        worker_wait(caller);
        CHECK_EQ(tallies[3], 0);
        CHECK(tallies[1] >= recalls); // a recaller may have been destroyed before it counted
        CHECK_EQ(tallies[1], env_row(target)->recalled);
        server_run_until(&s, ENV_ACCEPTING);
        u64 message[12] = {0};
        CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, target, message), 0);
        server_free(&s);
    }
}

// The same with the caller, or the server, destroyed in the middle.
TEST(recall_races_the_end) {
    for (u32 i = 0; i < 4 * cpus(); i++) {
        struct server s;
        races_begin();
        answer = 0;
        server_make(&s, 0, i & 2 ? server_returns : server_back, i / 4);
        target = s.child.env;
        env_id caller = worker_start(cpus() - 1, call_again_and_again, 0);
        recalled_env = caller;
        env_id by = worker_start(i % cpus(), recall_again_and_again, 0);
        wait_for(ms(1) + guest_random() % ms(2));
        if (i & 1)
            worker_destroy(caller);
        server_free(&s);
        wait_for(ms(1));
        stop = 1;
        if (!(i & 1))
            worker_wait(caller);
        worker_wait(by);
        CHECK(answer == 0 || answer == -E_DEAD || answer == -E_STALE);
    }
}

// --- whom one cannot call ------------------------------------------------------------------------

static void spin(void *argument) {
    (void)argument;
    while (!stop)
        ;
}

// Running elsewhere, never accepting, gone: each has its own result, and none hangs.
TEST(calls_of_envs_that_do_not_accept) {
    u64 message[12] = {0};
    races_begin();
    env_id busy = worker_start(cpus() - 1, spin, 0);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, busy, message), -E_BUSY);
    CHECK_EQ(sys_env_send(CAP_SLOT_ACCOUNT, busy), -E_BUSY);
    stop = 1;
    worker_wait(busy);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, busy, message), -E_STALE);
    CHECK_EQ(sys_env_send(CAP_SLOT_ACCOUNT, busy), -E_STALE);
}

// When the caller is destroyed, a callee without slices of its own stops running.
TEST(callee_of_a_destroyed_caller_leaves) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        struct server s;
        server_make(&s, 0, server_back, ABI_ANY);
        env_id caller = caller_start(cpu, &s, 0);
        worker_wait_state(caller, ENV_CALLING);
        worker_destroy(caller);
        worker_wait_state(s.child.env, ENV_READY);
        s.shared->go = 1;
        server_run_until(&s, ENV_ACCEPTING);
        CHECK_EQ(s.shared->error, E_INVAL);
        server_free(&s);
    }
}
