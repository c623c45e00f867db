// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Traces: what is in them, that a traced env runs as one that isn't, and what who tries to misuse
// them gets. `make test-kernel GUEST_ARGS=--traced` runs all tests with everybody but one traced.

#include "abi/trace.h"
#include "base/string.h"
#include "tests/guest/guest_priv.h"

#define BOTH CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define RING ((struct trace_ring *)(SCRATCH + (1ul << 32)))

static void ring_map(u64 pages) {
    CHECK_EQ(sys_space_map(BOTH, my_space(), (u64)RING, ABI_ANY, pages, ABI_PTE_W | ABI_PTE_NX),
             pages);
}
static void ring_unmap(u64 pages) {
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), (u64)RING, pages), pages);
}

static i64 trace_begin(account_id account, u64 pages, u64 points) {
    i64 error;
    do
        error = sys_trace_set(CAP_SLOT_ACCOUNT, account, (u64)RING, pages, points);
    while (error == -E_AGAIN);
    return error;
}
static i64 trace_end(account_id account) {
    return sys_trace_set(CAP_SLOT_ACCOUNT, account, 0, 0, 0);
}

static const struct trace_event *event_at(u64 number) {
    return (const struct trace_event *)(RING + 1) + number % RING->capacity;
}

// The first event from *from on with that point, of that env.
static const struct trace_event *find(u64 *from, env_id env, enum trace_point point) {
    for (; *from < RING->head; ++*from) {
        const struct trace_event *event = event_at(*from);
        if (event->env == env && event->point == point)
            return ++*from, event;
    }
    return 0;
}

// --- what is in it -------------------------------------------------------------------------------

struct doer {
    volatile u32 exceptions, foreign, go;
    u64 sum;
    i64 results[4];
};
static struct doer doer;

static void doer_upcall(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_UD) {
        frame->rip += 2;
        doer.exceptions++;
        doer.sum += frame->rax + frame->rdx + frame->rcx + frame->rdi;
    }
}

static void ud(u64 a, u64 b, u64 c, u64 d) {
    __asm__ volatile("ud2" : : "a"(a), "c"(b), "d"(c), "D"(d) : "memory");
}

static void do_things(void *nothing) {
    (void)nothing;
    set_upcall_handler(doer_upcall);
    while (!doer.go)
        sys_env_yield(0, 0);
    doer.results[0] = sys_null();
    doer.results[1] = sys_cap_drop(63);
    ud(1, 10, 100, 1000);
    doer.results[2] = sys_env_wake(CAP_SLOT_ACCOUNT, self());
    doer.results[3] = sys_env_yield(0, 0);
    set_upcall_handler(0);
}

TEST(trace_shows_what_happens) {
    doer = (struct doer){0};
    ring_map(8);
    env_id worker = worker_start(cpus() - 1, do_things, 0);
    CHECK_EQ(trace_begin(my_account(), 8, TRACE_ALL & ~(1ul << TRACE_ENTER | 1ul << TRACE_LEAVE)),
             0);
    CHECK_EQ(RING->state, TRACE_ON);
    CHECK_EQ(RING->capacity, 8 * 64 - 1);
    doer.go = 1;
    worker_wait(worker);
    CHECK_EQ(doer.results[0], 0);
    CHECK_EQ(doer.results[1], -E_CAP);
    CHECK_EQ(doer.results[2], 0);
    CHECK_EQ(doer.results[3], 0);
    CHECK_EQ(doer.exceptions, 1);
    CHECK_EQ(doer.sum, 1111);
    const struct trace_event *event;
    u64 at = 0;
    do
        event = find(&at, worker, TRACE_CALL);
    while (event && event->a != SYS_null);
    CHECK(event);
    CHECK((event = find(&at, worker, TRACE_RESULT)) && event->a == SYS_null && !event->b);
    CHECK((event = find(&at, worker, TRACE_CALL)) && event->a == SYS_cap_drop && event->b == 63);
    CHECK((event = find(&at, worker, TRACE_RESULT)) && event->b == (u64)-E_CAP);
    CHECK((event = find(&at, worker, TRACE_EXCEPTION)) && event->a == UPCALL_UD);
    CHECK((event = find(&at, worker, TRACE_CALL)) && event->a == SYS_env_wake);
    CHECK((event = find(&at, worker, TRACE_WAKE)) && event->a == worker);
    CHECK((event = find(&at, worker, TRACE_CALL)) && event->a == SYS_env_yield);
    CHECK((event = find(&at, worker, TRACE_DEATH)) && event->a == my_env());
    for (u64 n = 0; n < RING->head && n < RING->capacity; n++) {
        CHECK_EQ(event_at(n)->number, n);
        CHECK(!n || event_at(n)->time >= event_at(n - 1)->time || cpus() > 1);
        CHECK(event_at(n)->env != my_env());
        CHECK(event_at(n)->point != TRACE_ENTER);
    }
    CHECK_EQ(trace_end(my_account()), 0);
    CHECK_EQ(RING->state, TRACE_ENDED);
    ring_unmap(8);
}

// --- overflow, and what the reader writes --------------------------------------------------------

static volatile u32 stop_calling;
static volatile u64 calls_made;
static void call_null(void *count) {
    for (u64 i = 0; i < (u64)count; i++)
        sys_null();
}
static void call_until(void *nothing) {
    (void)nothing;
    while (!stop_calling) {
        if (sys_null() || sys_cap_drop(63) != -E_CAP)
            break;
        calls_made++;
    }
}

TEST(trace_full_counts_and_goes_on) {
    ring_map(1);
    CHECK_EQ(trace_begin(my_account(), 1, 1ul << TRACE_CALL), 0);
    CHECK_EQ(RING->capacity, 63);
    worker_wait(worker_start(cpus() - 1, call_null, (void *)500));
    CHECK_EQ(RING->head, 63);
    CHECK(RING->lost >= 500 - 63);
    u64 lost = RING->lost;
    RING->tail = 60; // room for 60 more, from the beginning of the ring on
    worker_wait(worker_start(cpus() - 1, call_null, (void *)30));
    CHECK(RING->head >= 63 + 30);
    CHECK_EQ(RING->lost, lost);
    CHECK_EQ(event_at(63)->number, 63);
    CHECK_EQ(event_at(63), (u64)(RING + 1));
    CHECK_EQ(trace_end(my_account()), 0);
    ring_unmap(1);
}

// Whatever is written there, the kernel writes where it would have.
TEST(trace_ring_of_garbage) {
    ring_map(2);
    CHECK_EQ(trace_begin(my_account(), 2, 1ul << TRACE_CALL), 0);
    calls_made = stop_calling = 0;
    env_id worker = worker_start(cpus() - 1, call_until, 0);
    u64 until = tsc() + ms(5000);
    for (u32 i = 0; i < 2000 || (calls_made < 100 && tsc() < until); i++) {
        RING->head = guest_random();
        RING->tail = i & 1 ? guest_random() : ~0ul << (guest_random() & 63);
        RING->capacity = guest_random();
        RING->lost = RING->version = RING->state = (u32)guest_random();
        if (i % 16 == 0)
            sys_env_yield(0, 0);
    }
    stop_calling = 1;
    worker_wait(worker);
    CHECK(calls_made >= 100);
    CHECK_EQ(trace_end(my_account()), 0);
    ring_unmap(2);
}

// --- rights and arguments ------------------------------------------------------------------------

TEST(trace_refuses) {
    account_id other = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 8, 2);
    u64 ring = (u64)RING, all = CAP_SLOT_ACCOUNT;
    ring_map(2);
    CHECK_EQ(sys_trace_set(60, other, ring, 2, TRACE_ALL), -E_CAP);
    CHECK_EQ(sys_trace_set(CAP_SLOT_SPACE, other, ring, 2, TRACE_ALL), -E_TYPE);
    CHECK_EQ(sys_trace_set(all, other + (1ul << ABI_INDEX_BITS), ring, 2, TRACE_ALL), -E_STALE);
    i64 weak = sys_cap_mint(BOTH, my_env(), CAP_RIGHTS_ALL & ~(u64)CAP_RIGHT_CONTROL, other,
                            CAP_MINT_ACCOUNT);
    i64 only = sys_cap_mint(BOTH, my_env(), CAP_RIGHTS_ALL, other, CAP_MINT_ACCOUNT);
    CHECK_EQ(sys_trace_set((u64)weak, other, ring, 2, TRACE_ALL), -E_RIGHTS);
    CHECK_EQ(sys_trace_set((u64)weak, other, 0, 0, 0), -E_RIGHTS);
    CHECK_EQ(sys_trace_set((u64)only, my_account(), ring, 2, TRACE_ALL), -E_RIGHTS);
    CHECK_EQ(sys_trace_set((u64)only, my_account(), 0, 0, 0), -E_RIGHTS);
    CHECK_EQ(sys_trace_set(all, other, ring, TRACE_PAGES + 1, TRACE_ALL), -E_LIMIT);
    CHECK_EQ(sys_trace_set(all, other, ring, ~0ul, TRACE_ALL), -E_LIMIT);
    CHECK_EQ(sys_trace_set(all, other, ring, 2, TRACE_ALL + 1), -E_INVAL);
    CHECK_EQ(sys_trace_set(all, other, ring + 8, 2, TRACE_ALL), -E_ALIGN);
    CHECK_EQ(sys_trace_set(all, other, ABI_USER_END, 1, TRACE_ALL), -E_RANGE);
    CHECK_EQ(sys_trace_set(all, other, ABI_TABLES, 1, TRACE_ALL), -E_RANGE);
    CHECK_EQ(sys_trace_set(all, other, ABI_USER_END - ABI_PAGE, 2, TRACE_ALL), -E_RANGE);
    CHECK_EQ(sys_trace_set(all, other, ring + 2 * ABI_PAGE, 1, TRACE_ALL), -E_INVAL);
    CHECK_EQ(sys_trace_set(all, other, ring + ABI_PAGE, 2, TRACE_ALL), -E_INVAL);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), ring + ABI_PAGE, 1, ABI_PTE_W, 0), 1);
    CHECK_EQ(sys_trace_set(all, other, ring, 2, TRACE_ALL), -E_INVAL);
    // Another account's frame.
    i64 pfn = sys_frame_alloc(all, other, ABI_ANY, 1, FRAME_ALLOC_AUTO);
    CHECK_EQ(sys_space_map(BOTH, my_space(), ring + ABI_PAGE, (pfn_t)pfn, 1,
                           ABI_PTE_W | ABI_PTE_NX | SPACE_MAP_REPLACE),
             1);
    CHECK_EQ(sys_trace_set(all, other, ring, 2, TRACE_ALL), -E_INVAL);
    CHECK_EQ(trace_begin(other, 1, TRACE_ALL), 0);
    CHECK_EQ(trace_begin(my_account(), 1, TRACE_ALL), -E_EXIST);
    CHECK_EQ(trace_begin(other, 1, TRACE_ALL), 0); // it is that one already
    CHECK_EQ(RING->state, TRACE_ON);
    CHECK_EQ(sys_trace_set((u64)only, other, 0, 0, 0), 0);
    CHECK_EQ(RING->state, TRACE_ENDED);
    CHECK_EQ(trace_end(other), 0);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    CHECK_EQ(sys_cap_drop((u64)only), 0);
    ring_unmap(2);
    account_free(other);
}

// --- ends ----------------------------------------------------------------------------------------

// A ring whose pages are taken, by whoever may: the trace ends, and nobody else is the worse for
// it.
TEST(trace_ring_is_revoked) {
    for (u32 page = 0; page < 3; page++) {
        ring_map(3);
        CHECK_EQ(trace_begin(my_account(), 3, TRACE_ALL), 0);
        calls_made = stop_calling = 0;
        env_id worker = worker_start(cpus() - 1, call_until, 0);
        while (!RING->head)
            sys_env_yield(0, 0);
        u64 entry = ABI_PTES[((u64)RING >> ABI_PAGE_SHIFT) + page];
        i64 done;
        do
            done = sys_frame_revoke(CAP_SLOT_ACCOUNT, ABI_PTE_FRAME(entry), 1);
        while (done == -E_AGAIN);
        CHECK_EQ(done, 1);
        if (page)
            CHECK_EQ(RING->state, TRACE_ENDED);
        for (u64 then = calls_made; calls_made < then + 100;)
            sys_env_yield(0, 0);
        stop_calling = 1;
        worker_wait(worker);
        CHECK_EQ(trace_end(my_account()), 0);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), (u64)RING, 3), 3);
    }
}

static volatile i64 began;
static void begin_and_wait(void *account) {
    began = trace_begin((account_id)account, 2, TRACE_ALL);
    for (;;)
        sys_env_sleep(env_row(self())->wakes, ABI_ANY);
}

// Who reads dies; the traced ones go on, and the next trace is as the first.
TEST(trace_reader_dies) {
    for (u32 i = 0; i < 3; i++) {
        ring_map(2);
        u64 frames = account_row(my_account())->frames;
        began = 1;
        calls_made = stop_calling = 0;
        env_id reader = worker_start(0, begin_and_wait, (void *)my_account());
        env_id worker = worker_start(cpus() - 1, call_until, 0);
        worker_wait_state(reader, ENV_SLEEPING);
        CHECK_EQ(began, 0);
        CHECK_EQ(account_row(my_account())->frames, frames + 5); // two envs, and the trace
        u64 head = RING->head;
        for (u32 n = 0; n < 100 && RING->head == head; n++)
            sys_env_yield(0, 0);
        worker_destroy(reader);
        CHECK_EQ(RING->state, TRACE_ENDED);
        CHECK_EQ(account_row(my_account())->frames, frames + 2);
        for (u64 then = calls_made; calls_made < then + 100;)
            sys_env_yield(0, 0);
        stop_calling = 1;
        worker_wait(worker);
        ring_unmap(2);
    }
}

TEST(trace_account_dies) {
    account_id account = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 64, 4);
    ring_map(2);
    CHECK_EQ(trace_begin(account, 2, TRACE_ALL), 0);
    static const u8 code[] = {0xb8, 0, 0, 0, 0x80, 0x0f, 0x05, 0xeb, 0xf7}; // null, for ever
    u64 slice = (cpus() - 1) * (u64)ABI_SLICES + 300;
    struct child child;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), account, slice, 1), 0);
    CHECK_EQ(child_make(&child, account, code, sizeof code, slice), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    for (u64 until = tsc() + ms(5000); RING->head < 20 && tsc() < until;)
        sys_env_yield(0, 0);
    CHECK(RING->head >= 20);
    account_free(account);
    CHECK_EQ(RING->state, TRACE_ENDED);
    u64 at = 0;
    const struct trace_event *event = find(&at, child.env, TRACE_CREATE);
    CHECK(event && event->a == my_env() && event->b == account);
    CHECK(find(&at, child.env, TRACE_SLICE));
    CHECK(find(&at, child.env, TRACE_ENTER));
    ring_unmap(2);
}

// The kernel's frame is charged to who asks.
TEST(trace_without_memory) {
    account_id account = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 64, 4);
    u64 left = account_row(my_account())->quota - account_row(my_account())->frames - 1;
    ring_map(1);
    i64 hog = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), left, 1);
    while (hog < 0 && left)
        hog = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), --left, 1);
    CHECK(hog > 0);
    i64 last = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    CHECK_EQ(trace_begin(account, 1, TRACE_ALL), -E_NOMEM);
    if (last > 0)
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)last, 1), 0);
    account_free((account_id)hog);
    account_free(account);
    ring_unmap(1);
}

// --- on and off under way ------------------------------------------------------------------------

static void fault_and_call(void *nothing) {
    (void)nothing;
    set_upcall_handler(doer_upcall);
    while (!stop_calling) {
        u32 before = doer.exceptions;
        ud(1, 2, 3, 4);
        if (doer.exceptions != before + 1 || sys_null() || sys_cap_drop(63) != -E_CAP ||
            sys_env_yield(0, 0))
            break;
        calls_made++;
    }
    set_upcall_handler(0);
}

TEST(trace_on_and_off) {
    ring_map(4);
    doer = (struct doer){0};
    calls_made = stop_calling = 0;
    env_id worker = worker_start(cpus() - 1, fault_and_call, 0);
    for (u32 i = 0; i < 300; i++) {
        u64 then = calls_made, until = tsc() + ms(2000);
        CHECK_EQ(trace_begin(my_account(), 4, TRACE_ALL), 0);
        while (calls_made < then + guest_random() % 5 && tsc() < until)
            sys_env_yield(0, 0);
        CHECK_EQ(trace_end(my_account()), 0);
        if (i % 2)
            sys_env_yield(0, 0);
    }
    u64 then = calls_made, until = tsc() + ms(2000);
    while (calls_made < then + 10 && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(calls_made >= then + 10);
    stop_calling = 1;
    worker_wait(worker);
    CHECK_EQ(doer.exceptions, calls_made);
    CHECK_EQ(doer.sum, calls_made * 10);
    ring_unmap(4);
}

// --- all tests, traced ---------------------------------------------------------------------------

static struct trace_ring all_ring[2 * ABI_PAGE / sizeof(struct trace_ring)]
    __attribute__((aligned(4096)));

static void drain(void *nothing) {
    (void)nothing;
    all_ring[0].tail = all_ring[0].state = 0;
    i64 error;
    do
        error = sys_trace_set(CAP_SLOT_ACCOUNT, my_account(), (u64)all_ring, 2, TRACE_ALL);
    while (error == -E_AGAIN);
    CHECK_EQ(error, 0);
    for (;;) {
        all_ring[0].tail = all_ring[0].head;
        sys_env_sleep(env_row(self())->wakes, tsc() + ms(5));
    }
}

void trace_everything(void) {
    worker_start(0, drain, 0);
    for (u64 until = tsc() + ms(5000); !all_ring[0].head && tsc() < until;)
        sys_env_yield(0, 0);
    CHECK(all_ring[0].head);
}

// Tests of traces themselves; the one that needs all workers, and the one that frees all slices.
int trace_excludes(const char *test) {
    return !strncmp(test, "trace_", 6) || !strcmp(test, "workers_on_every_cpu") ||
           !strcmp(test, "every_argument_wrong");
}
