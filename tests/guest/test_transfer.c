// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Protected control transfer between spaces.

#include "tests/guest/guest.h"

extern const char server_start[], server_call[], server_send[], server_spin[], server_die[],
    server_end[];
i64 client_call(u64 cap, env_id env, u64 message[12]);

#define SERVER(label) (CODE_VA + (u64)((label)-server_start))

static u64 server_slice;
static u64
    call_cap; // an ENV capability, which takes the fast way; CAP_SLOT_ACCOUNT takes the slow one

// A server in a space of its own, accepting; with a position on cpu if that is not ABI_ANY.
static void server_make(struct child *server, const char *call, u64 cpu) {
    server_slice = ABI_ANY;
    if (cpu != ABI_ANY) {
        server_slice = cpu * ABI_SLICES + 100;
        CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(),
                                 server_slice, 1),
                 0);
    }
    CHECK_EQ(child_make(server, my_account(), server_start, (u64)(server_end - server_start),
                        server_slice),
             0);
    struct env_setup setup = {.call_entry = SERVER(call),
                              .send_entry = SERVER(server_send),
                              .call_stack = DATA_VA + 2048};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, server->env, (u64)&setup), 0);
    u64 message[12] = {0};
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, server->env, message),
             -E_BUSY); // it does not accept yet
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, server->env), 0);
    while (cpu == ABI_ANY && env_row(server->env)->state == ENV_READY)
        sys_env_yield(CAP_SLOT_ACCOUNT, server->env);
    worker_wait_state(server->env, ENV_ACCEPTING);
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_CALL,
                            server->env, CAP_MINT_ENV);
    CHECK(slot >= CAP_SLOT_FREE);
    call_cap = (u64)slot;
}

static void server_free(struct child *server) {
    CHECK_EQ(sys_cap_drop(call_cap), 0);
    child_free(server);
    if (server_slice != ABI_ANY)
        CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, server_slice, 1), 0);
}

TEST(call_and_return) {
    struct child server;
    server_make(&server, server_call, ABI_ANY);
    for (u64 round = 0; round < 100; round++) {
        u64 message[12];
        for (u64 i = 0; i < 10; i++)
            message[i] = round * 1000 + i;
        CHECK_EQ(client_call(round & 1 ? call_cap : CAP_SLOT_ACCOUNT, server.env, message), 0);
        for (u64 i = 0; i < 10; i++)
            CHECK_EQ(message[i], round * 1000 + i + 1);
        CHECK_EQ(message[10], server.env);
        CHECK_EQ(message[11], my_env());
    }
    CHECK_EQ(env_row(server.env)->state, ENV_ACCEPTING);
    server_free(&server);
}

// Whoever calls pays for the time, on the slow way too: a callee with a slice of its own takes it.
TEST(time_in_a_call_is_the_callers) {
    struct child server;
    server_make(&server, server_call, cpus() - 1);
    u64 ran = env_row(server.env)->ran;
    for (u64 round = 0; round < 100; round++) {
        u64 message[12] = {0};
        CHECK_EQ(client_call(round & 1 ? call_cap : CAP_SLOT_ACCOUNT, server.env, message), 0);
    }
    CHECK_EQ(env_row(server.env)->ran, ran);
    server_free(&server);
}

TEST(call_needs_the_right) {
    struct child server;
    u64 message[12] = {0};
    server_make(&server, server_call, ABI_ANY);
    i64 slot =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_WAKE, 0, 0);
    CHECK_EQ(client_call((u64)slot, server.env, message), -E_RIGHTS);
    CHECK_EQ(client_call(CAP_SLOT_SELF, server.env, message), -E_RIGHTS);
    CHECK_EQ(client_call(0, server.env, message), -E_CAP);
    CHECK_EQ(client_call(CAP_SLOT_SPACE, server.env, message), -E_TYPE);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, server.env + (1ul << ABI_INDEX_BITS), message),
             -E_STALE);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, my_env(), message), -E_BUSY);
    CHECK_EQ(sys_env_return(), -E_INVAL); // nobody called us
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
    server_free(&server);
}

TEST(send) {
    struct child server;
    server_make(&server, server_call, 0);
    for (u32 i = 0; i < 10; i++) {
        worker_wait_state(server.env, ENV_ACCEPTING);
        CHECK_EQ(sys_env_send(CAP_SLOT_ACCOUNT, server.env), 0);
    }
    worker_wait_state(server.env, ENV_ACCEPTING);
    server_free(&server);
}

TEST(wake_ends_accept) {
    struct child server;
    u64 message[12] = {0};
    server_make(&server, server_call, 0);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, server.env, message), 0);
    CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, server.env), 0); // goes round its loop
    worker_wait_state(server.env, ENV_ACCEPTING);
    CHECK_EQ(client_call(CAP_SLOT_ACCOUNT, server.env, message), 0);
    server_free(&server);
}

// --- a callee that does not return ---------------------------------------------------------------

static env_id spinning;
static volatile u32 fast;
static volatile i64 answer;

static void call_spinning(void *argument) {
    (void)argument;
    u64 message[12] = {0};
    answer = 1;
    u64 slot = CAP_SLOT_ACCOUNT;
    if (fast)
        slot = (u64)sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(), CAP_RIGHT_CALL,
                                 spinning, CAP_MINT_ENV);
    answer = client_call(slot, spinning, message);
}

// The caller's slices run the callee; when the callee is destroyed, the caller goes on with E_DEAD.
static void callee_dies(const char *entry) {
    for (u32 i = 0; i < 2 * cpus(); i++) {
        struct child server;
        u32 cpu = i / 2;
        fast = i & 1;
        server_make(&server, entry, ABI_ANY);
        spinning = server.env;
        env_id caller = worker_start(cpu, call_spinning, 0);
        worker_wait_state(caller, ENV_CALLING);
        u64 ran = env_row(server.env)->ran, until = tsc() + ms(300);
        while (env_row(server.env)->state == ENV_RUNNING && env_row(server.env)->ran == ran &&
               tsc() < until)
            sys_env_yield(0, 0);
        server_free(&server);
        worker_wait(caller);
        CHECK_EQ(answer, -E_DEAD);
    }
}

TEST(callee_that_spins_is_destroyed) {
    callee_dies(server_spin);
}
TEST(callee_that_crashes_is_destroyed) {
    callee_dies(server_die);
}

TEST(caller_destroyed_in_a_call) {
    struct child server;
    server_make(&server, server_spin, ABI_ANY);
    spinning = server.env;
    env_id caller = worker_start(cpus() - 1, call_spinning, 0);
    worker_wait_state(caller, ENV_CALLING);
    worker_destroy(caller);
    server_free(&server);
}
