// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What a hostile library OS would try: each of these once hurt the kernel or another env.

#include "base/string.h"
#include "gen/syscalls_batch.h"
#include "tests/guest/guest.h"

#define ACCOUNT2 CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)

static u64 slice_take(u32 cpu) {
    u64 slice = cpu * (u64)ABI_SLICES + 200;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    return slice;
}

static void slice_give(u64 slice) {
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
}

static void env_free(env_id env) {
    i64 error;
    while ((error = sys_env_destroy(CAP_SLOT_ACCOUNT, env)) == -E_AGAIN)
        ;
    CHECK_EQ(error, 0);
}

// Code that makes one call and stops with UPCALL_UD if it had that error, and spins otherwise.
#define CALL_CODE 31
static void call_code(u8 code[CALL_CODE], u32 call, u32 cap, u64 name, i32 error) {
    static const u8 text[CALL_CODE] = {0xbf, 0,    0,    0,    0, // mov $cap, %edi
                                       0x48, 0xbe, 0,    0,    0,    0,
                                       0,    0,    0,    0,       // mov $name, %rsi
                                       0xb8, 0,    0,    0,    0, // mov $call, %eax
                                       0x0f, 0x05,                // syscall
                                       0x83, 0xf8, 0,             // cmp $-error, %eax
                                       0x75, 2,    0x0f, 0x0b, 0xeb, 0xfe};
    u32 number = ABI_SYSCALL_BASE + call;
    memcpy(code, text, CALL_CODE);
    memcpy(code + 1, &cap, 4);
    memcpy(code + 7, &name, 8);
    memcpy(code + 16, &number, 4);
    code[24] = (u8)-error;
}

// An env of our account in a space of another one.
static env_id lodger_make(space_id space, u64 space_cap, u64 slice, u64 flags) {
    struct env_setup setup = {.rip = CODE_VA, .rsp = DATA_VA + ABI_PAGE, .flags = flags};
    i64 env = sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, space_cap), my_account(), space,
                             (u64)&setup, slice);
    CHECK(env > 0);
    return (env_id)env;
}

static account_id account_make(void) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 64, 4);
    CHECK(account > 0);
    return (account_id)account;
}

// --- accounts ------------------------------------------------------------------------------------

// Who runs in a space of an account dies with the account, whoever pays for the env.
TEST(account_destroyed_under_a_foreign_env) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        struct child child;
        account_id account = account_make();
        u64 slice = slice_take(cpu);
        CHECK_EQ(child_make(&child, account, "\xeb\xfe", 2, ABI_ANY), 0);
        env_id lodger = lodger_make(child.space, CAP_SLOT_ACCOUNT, slice, ENV_START);
        env_id stopped = lodger_make(child.space, CAP_SLOT_ACCOUNT, ABI_ANY, 0);
        u64 until = tsc() + ms(1000);
        while (!env_row(lodger)->ran && env_row(lodger)->state != ENV_RUNNING && tsc() < until)
            sys_env_yield(0, 0);
        account_free(account);
        CHECK(env_row(lodger)->id != lodger);
        CHECK(env_row(stopped)->id != stopped);
        slice_give(slice);
    }
}

TEST(account_of_the_callers_space_is_busy) {
    struct child child;
    u8 code[CALL_CODE];
    account_id account = account_make();
    u64 slice = slice_take(0);
    call_code(code, SYS_account_destroy, CAP_SLOT_ACCOUNT, account, E_BUSY);
    CHECK_EQ(child_make(&child, account, code, sizeof code, ABI_ANY), 0);
    env_id lodger = lodger_make(child.space, CAP_SLOT_ACCOUNT, slice, ENV_START);
    worker_wait_state(lodger, ENV_STOPPED);
    CHECK_EQ(env_row(lodger)->stop_vector, UPCALL_UD);
    env_free(lodger);
    account_free(account);
    slice_give(slice);
}

// The name that the next space will have: the last one's row, with one more use.
static space_id space_next(void) {
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    CHECK(space > 0);
    space_free((space_id)space);
    return (space_id)space + (1ul << ABI_INDEX_BITS);
}

// --- capabilities --------------------------------------------------------------------------------

// An env gets no more of its space than its creator showed, and loses it when the creator does.
TEST(space_capability_of_a_new_env) {
    struct child child;
    u8 code[CALL_CODE];
    u64 slice = slice_take(cpus() - 1);
    call_code(code, SYS_space_destroy, CAP_SLOT_SPACE, space_next(), E_RIGHTS);
    CHECK_EQ(child_make(&child, my_account(), code, sizeof code, ABI_ANY), 0);
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_MAP,
                            child.space, CAP_MINT_SPACE);
    CHECK(slot > 0);
    env_id lodger = lodger_make(child.space, (u64)slot, slice, ENV_START);
    worker_wait_state(lodger, ENV_STOPPED);
    CHECK_EQ(env_row(lodger)->stop_vector, UPCALL_UD);
    CHECK_EQ(env_row(lodger)->caps, 3);
    CHECK_EQ(sys_cap_revoke((u64)slot), 1);
    CHECK_EQ(env_row(lodger)->caps, 2);
    env_free(lodger);
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
    child_free(&child);
    slice_give(slice);
}

// --- frames --------------------------------------------------------------------------------------

// What the kernel kept of an env in the account's frames is not for the account to read.
TEST(dirty_frames_hold_nothing_of_the_kernels) {
    struct child child;
    static pfn_t pfn[1024];
    u64 held = 0, count = 0, freed = 0;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    for (pfn_t i = 1; i < ABI_INFO->frames && count < 1024; i++)
        if (frame_row(i)->kind == FRAME_ENV)
            pfn[count++] = i;
    env_free(child.env);
    child.env = 0;
    for (u64 i = 0; i < count; i++) {
        if (frame_row(pfn[i])->kind != FRAME_FREE)
            continue;
        freed++;
        CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), pfn[i], 1, FRAME_ALLOC_DIRTY),
                 pfn[i]);
        CHECK_EQ(sys_space_map(ACCOUNT2, my_space(), SCRATCH, pfn[i], 1, ABI_PTE_NX), 1);
        for (u64 at = 0; at < ABI_PAGE; at += 8)
            held |= *(const volatile u64 *)(SCRATCH + at);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn[i], 1), 0);
    }
    CHECK_EQ(held, 0);
    CHECK_EQ(freed, 2);
    child_free(&child);
}

// --- calls ---------------------------------------------------------------------------------------

extern const char server_start[], server_end[];
i64 client_call(u64 cap, env_id env, u64 message[12]);

static env_id server_env;
static volatile i64 answers[3];

static void call_server(void *argument) {
    u64 message[12] = {0}, which = (u64)argument, slot = CAP_SLOT_ACCOUNT;
    if (which & 1) // the fast way
        slot = (u64)sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), self(), CAP_RIGHT_CALL,
                                 server_env, CAP_MINT_ENV);
    answers[which] = client_call(slot, server_env, message);
}

static void wait_answer(u32 which) {
    u64 until = tsc() + ms(2000);
    while (answers[which] == 1 && tsc() < until)
        sys_env_yield(0, 0);
}

// A server that accepts instead of returning is not called again: its caller would be forgotten.
TEST(accept_in_a_call) {
    for (u32 cpu = 0; cpu < cpus(); cpu++) {
        struct child server;
        CHECK_EQ(child_make(&server, my_account(), server_start, (u64)(server_end - server_start),
                            ABI_ANY),
                 0);
        struct env_setup setup = {.call_entry = CODE_VA, .call_stack = DATA_VA + 2048};
        CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, server.env, (u64)&setup), 0);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, server.env), 0);
        CHECK_EQ(sys_env_yield(CAP_SLOT_ACCOUNT, server.env), 0);
        worker_wait_state(server.env, ENV_ACCEPTING);
        server_env = server.env;
        answers[0] = answers[1] = answers[2] = 1;
        env_id first = worker_start(cpu, call_server, (void *)0);
        worker_wait_state(first, ENV_CALLING);
        worker_wait_state(server.env, ENV_ACCEPTING);
        env_id second = worker_start(0, call_server, (void *)1);
        wait_answer(1);
        CHECK_EQ(answers[1], -E_BUSY);
        env_id third = worker_start(cpus() - 1, call_server, (void *)2);
        wait_answer(2);
        CHECK_EQ(answers[2], -E_BUSY);
        child_free(&server);
        wait_answer(0);
        CHECK_EQ(answers[0], -E_DEAD);
        worker_destroy(first);
        worker_destroy(second);
        worker_destroy(third);
    }
}

// --- stopping and telling ------------------------------------------------------------------------

static void sleep_for_ever(void *argument) {
    (void)argument;
    for (;;)
        sys_env_sleep(env_row(self())->wakes, ABI_ANY);
}

static void pause(u64 n) {
    while (n--)
        __asm__ volatile("pause");
}

// A stop that an env evaded by sleeping is carried out by the next env_stop, once.
TEST(stop_is_not_left_over) {
    env_id worker = worker_start(cpus() - 1, sleep_for_ever, 0);
    for (u32 i = 0; i < 300; i++) {
        i64 error;
        CHECK_EQ(sys_env_wake(CAP_SLOT_ACCOUNT, worker), 0);
        pause(guest_random() % 1000);
        while ((error = sys_env_stop(CAP_SLOT_ACCOUNT, worker)) == -E_AGAIN)
            pause(1000); // without this it hardly gets the kernel lock, on TCG
        CHECK_EQ(error, 0);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker), 0);
        u64 until = tsc() + ms(2000);
        u32 state = ENV_READY;
        while (state != ENV_SLEEPING && state != ENV_STOPPED && tsc() < until) {
            sys_env_yield(0, 0);
            state = env_row(worker)->state;
        }
        CHECK_EQ(state, ENV_SLEEPING);
        if (state != ENV_SLEEPING)
            break;
    }
    worker_destroy(worker);
}

static volatile u32 told, watching;

static void count_notify(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_NOTIFY)
        told++;
    else if (frame->vector == UPCALL_SLICE_END)
        sys_env_yield(0, 0);
}

// Waits in user mode until the count of wakes changes, and gives the processor up at once: before
// the interrupt that brings the upcall.
static void watch_wakes(void *accept) {
    set_upcall_handler(count_notify);
    u64 seen = env_row(self())->wakes;
    for (;;) {
        watching = 1;
        while (env_row(self())->wakes == seen)
            ;
        seen = env_row(self())->wakes;
        if (accept)
            sys_env_accept();
        else
            sys_env_sleep(seen, ABI_ANY);
    }
}

static void tell(void *accept) {
    told = watching = 0;
    env_id worker = worker_start(cpus() - 1, watch_wakes, accept);
    while (!watching)
        sys_env_yield(0, 0);
    for (u32 i = 1; i <= 50; i++) {
        CHECK_EQ(sys_env_notify(CAP_SLOT_ACCOUNT, worker), 0);
        u64 until = tsc() + ms(20000);
        while (told < i && tsc() < until)
            sys_env_yield(0, 0);
        if (told != i) {
            check_failed(__FILE__, __LINE__, "told", told, i);
            break;
        }
    }
    worker_destroy(worker);
}

// A notification that comes while an env is about to sleep is not kept till it wakes.
TEST(notify_before_sleep) {
    tell(0);
}
TEST(notify_before_accept) {
    tell((void *)1);
}

// --- work ----------------------------------------------------------------------------------------

#define BIG 512

static pfn_t free_run(u64 count) {
    u64 run = 0;
    for (pfn_t pfn = 1; pfn < ABI_INFO->frames; pfn++) {
        run = frame_row(pfn)->kind == FRAME_FREE ? run + 1 : 0;
        if (run == count)
            return pfn + 1 - count;
    }
    return 0;
}

// A batch of calls that each zero two megabytes comes to a preemption point.
TEST(batch_of_big_calls_stops_early) {
    struct batch_op ops[8];
    pfn_t first = free_run(8 * BIG);
    CHECK(first != 0);
    for (u32 i = 0; i < 8; i++)
        batch_frame_alloc(&ops[i], CAP_SLOT_ACCOUNT, my_account(), first + i * BIG, BIG, 0);
    i64 done = sys_batch((u64)ops, 8);
    CHECK(done > 0 && done < 8);
    for (i64 i = 0; i < done; i++)
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first + (u64)i * BIG, BIG), 0);
}
