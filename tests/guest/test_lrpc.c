// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Procedures of another space, libos/rt/lrpc.h. Servers have this program's text and constants
// mapped, and a page of data of their own.

#include "libos/rt/frames.h"
#include "libos/rt/lrpc.h"
#include "tests/guest/guest.h"

extern const char image_start[], image_data[]; // guest.ld
extern const char server_counts[], server_trash[], server_end[];

#define DATA   0x10000000ul // of the server
#define STACK  0x10001000ul
#define WINDOW 0x20000000ul
#define SHARED (SCRATCH + 80 * ABI_PAGE) // its data, in our space

// --- the server's procedures ---------------------------------------------------------------------

struct data {
    space_id own;
    volatile u64 go;
    u64 calls, fs;
    u32 mxcsr;
    i64 error;
};

static struct data *data(void) {
    return (struct data *)DATA;
}

// Says its arguments and caller, digit by digit, and in what surroundings it runs.
static i64 tell(u64 a, u64 b, u64 c, env_id caller) {
    struct data *d = data();
    d->calls++;
    __asm__ volatile("rdfsbase %0\n stmxcsr %1" : "=r"(d->fs), "=m"(d->mxcsr));
    return (i64)(a * 1000000 + b * 10000 + c * 100 + ABI_INDEX(caller));
}

static i64 wait_go(u64 a, u64 b, u64 c, env_id caller) {
    (void)a, (void)b, (void)c, (void)caller;
    while (!data()->go)
        ;
    data()->calls++;
    return 0;
}

// Adds one to the first word of each page that was lent, and gives them back unless told to forget.
static i64 increment(u64 first, u64 count_slot, u64 flags, env_id caller) {
    struct lrpc_loan loan = {first, count_slot};
    const struct lrpc_window window = {data()->own, WINDOW, 4, CAP_SLOT_FREE};
    i64 error = lrpc_map(&window, &loan, caller, flags & 1 ? ABI_PTE_W : 0);
    if (error)
        return error;
    for (u64 i = 0; flags & 1 && i < (u32)count_slot; i++)
        ++*(u64 *)(WINDOW + i * ABI_PAGE);
    return flags & 2 ? 0 : lrpc_unmap(&window, &loan);
}

enum { TELL, WAIT_GO, INCREMENT, PROCEDURES };
static lrpc_procedure *const procedures[PROCEDURES] = {tell, wait_go, increment};
const struct lrpc_service lrpc_service = {.count = PROCEDURES,
                                          .procedures = procedures,
                                          .fs_base = 0x7654321,
                                          .mxcsr = 0x1f80,
                                          .control = 0x37f};

// --- servers -------------------------------------------------------------------------------------

static struct lrpc server;
static space_id server_space;
static volatile i64 broken_by;

__attribute__((noreturn)) static void broken(i64 error) {
    broken_by = error;
    for (;;) // of a worker
        sys_env_sleep(env_row(self())->wakes, ABI_ANY);
}

// It has no slices: gets ours until it accepts.
static void server_accepts(void) {
    u64 until = tsc() + ms(10000);
    while (env_row(server.server)->state != ENV_ACCEPTING && tsc() < until)
        if (sys_env_yield(CAP_SLOT_ACCOUNT, server.server))
            sys_env_yield(0, 0);
    CHECK_EQ(env_row(server.server)->state, ENV_ACCEPTING);
}

static void server_begin(const char *entry) {
    u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    server_space = (space_id)sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    i64 pages = (image_data - image_start) / (i64)ABI_PAGE;
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, server_space, (u64)image_start, (u64)pages, 0, 0),
             pages);
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, FRAME_ALLOC_AUTO);
    CHECK(pfn > 0);
    CHECK_EQ(sys_space_map(caps, my_space(), SHARED, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1);
    CHECK_EQ(sys_space_map(caps, server_space, DATA, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1);
    CHECK_EQ(sys_space_map(caps, server_space, STACK, ABI_ANY, 1, ABI_PTE_W | ABI_PTE_NX), 1);
    ((struct data *)SHARED)->own = server_space;
    struct env_setup setup = {.rip = (u64)lrpc_accept,
                              .rsp = STACK + ABI_PAGE,
                              .call_entry = (u64)entry,
                              .call_stack = STACK + ABI_PAGE,
                              .flags = ENV_START};
    i64 env = sys_env_create(caps, my_account(), server_space, (u64)&setup, ABI_ANY);
    CHECK(env > 0);
    server = (struct lrpc){.server = (env_id)env, .broken = broken};
    server_accepts();
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(),
                            CAP_RIGHT_CALL | CAP_RIGHT_GRANT, server.server, CAP_MINT_ENV);
    CHECK(slot > 0);
    server.cap = (u64)slot;
    broken_by = 0;
}

static void server_finish(void) {
    CHECK_EQ(sys_cap_drop(server.cap), 0);
    i64 error;
    do
        error = sys_env_destroy(CAP_SLOT_ACCOUNT, server.server);
    while (error == -E_AGAIN);
    CHECK(error == 0 || error == -E_STALE);
    space_free(server_space);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SHARED, 1), 1);
}

static struct data *shared(void) {
    return (struct data *)SHARED;
}

TEST(lrpc_calls_procedures) {
    static const struct {
        const char *entry;
        i64 (*call)(const struct lrpc *, u64, u64, u64, u64);
    } kind[] = {{lrpc_entry, lrpc_call}, {tlrpc_entry, tlrpc_call}};
    for (u32 k = 0; k < 2; k++) {
        server_begin(kind[k].entry);
        for (u64 i = 0; i < 50; i++)
            CHECK_EQ(kind[k].call(&server, TELL, i, i + 1, i + 2),
                     i * 1000000 + (i + 1) * 10000 + (i + 2) * 100 + ABI_INDEX(my_env()));
        CHECK_EQ(shared()->calls, 50);
        CHECK_EQ(kind[k].call(&server, PROCEDURES, 1, 2, 3), -E_NOSYS);
        CHECK_EQ(kind[k].call(&server, ~0ul, 1, 2, 3), -E_NOSYS);
        struct lrpc wrong = server;
        wrong.cap = CAP_SLOT_SELF;
        CHECK_EQ(kind[k].call(&wrong, TELL, 1, 2, 3), -E_RIGHTS);
        CHECK_EQ(shared()->calls, 50);
        CHECK_EQ(env_row(server.server)->state, ENV_ACCEPTING);
        server_finish();
    }
}

// The server that doesn't trust runs with its own bases and control words, and the client finds its
// own again.
TEST(lrpc_keeps_surroundings_apart) {
    server_begin(lrpc_entry);
    u32 odd = 0x3f80, now; // another rounding
    u64 fs;
    __asm__ volatile("ldmxcsr %0\n wrfsbase %1" : : "m"(odd), "r"(0x1111ul));
    CHECK(lrpc_call(&server, TELL, 1, 2, 3) > 0);
    __asm__ volatile("stmxcsr %0\n rdfsbase %1" : "=m"(now), "=r"(fs));
    CHECK_EQ(now, odd);
    CHECK_EQ(fs, 0x1111);
    CHECK_EQ(shared()->mxcsr, 0x1f80);
    CHECK_EQ(shared()->fs, 0x7654321);
    odd = 0x1f80;
    __asm__ volatile("ldmxcsr %0\n wrfsbase %1" : : "m"(odd), "r"(0ul));
    server_finish();
}

// A server that changes whatever it can, and looks at what it gets.
TEST(lrpc_survives_a_hostile_server) {
    struct child child;
    CHECK_EQ(
        child_make(&child, my_account(), server_counts, (u64)(server_end - server_counts), ABI_ANY),
        0);
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), child.space, 0x600000,
                           ABI_ANY, 1, ABI_PTE_W | ABI_PTE_NX),
             1);
    struct env_setup setup = {.call_entry = CODE_VA + (u64)(server_trash - server_counts),
                              .call_stack = DATA_VA + 2048};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, child.env, (u64)&setup), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    server.server = child.env;
    server_accepts();
    struct lrpc binding = {.cap = CAP_SLOT_ACCOUNT, .server = child.env};
    for (u64 i = 0; i < 3; i++) {
        u64 fs, gs, flags, shown;
        u32 mxcsr;
        u16 control;
        __asm__ volatile("wrfsbase %0\n wrgsbase %1" : : "r"(0x2222ul), "r"(0x3333ul));
        register u64 keep12 __asm__("r12") = 0x5050, keep15 __asm__("r15") = 0x6060;
        __asm__ volatile("" : "+r"(keep12), "+r"(keep15));
        shown = (u64)lrpc_call(&binding, i, 0, 0, 0);
        __asm__ volatile("" : "+r"(keep12), "+r"(keep15));
        CHECK_EQ(keep12, 0x5050);
        CHECK_EQ(keep15, 0x6060);
        __asm__ volatile("rdfsbase %0\n rdgsbase %1\n stmxcsr %2\n fnstcw %3\n pushfq\n pop %4"
                         : "=r"(fs), "=r"(gs), "=m"(mxcsr), "=m"(control), "=r"(flags));
        __asm__ volatile("wrfsbase %0\n wrgsbase %0" : : "r"(0ul));
        CHECK_EQ(shown, 0);
        CHECK_EQ(fs, 0x2222);
        CHECK_EQ(gs, 0x3333);
        CHECK_EQ(mxcsr, 0x1f80);
        CHECK_EQ(control, 0x37f);
        CHECK_EQ(flags & 0x400, 0);
    }
    child_free(&child);
}

// --- calls that don't return ---------------------------------------------------------------------

static volatile i64 answer;
static volatile u64 kept;

static void call_untrusting(void *argument) {
    (void)argument;
    struct lrpc mine = server;
    mine.cap = CAP_SLOT_ACCOUNT;
    register u64 keep __asm__("r14") = 0x7070;
    __asm__ volatile("" : "+r"(keep));
    i64 error = lrpc_call(&mine, WAIT_GO, 0, 0, 0);
    __asm__ volatile("" : "+r"(keep));
    kept = keep;
    answer = error;
}

static void call_trusting(void *argument) {
    (void)argument;
    struct lrpc mine = server;
    mine.cap = CAP_SLOT_ACCOUNT;
    answer = tlrpc_call(&mine, WAIT_GO, 0, 0, 0);
}

// Who doesn't trust gets the error; who does, never returns. The server accepts again once it has
// come to its end.
TEST(lrpc_recalled) {
    for (u32 i = 0; i < 2 * cpus(); i++) {
        u32 trusting = i & 1;
        server_begin(trusting ? tlrpc_entry : lrpc_entry);
        answer = 1;
        env_id caller = worker_start(i / 2, trusting ? call_trusting : call_untrusting, 0);
        worker_wait_state(caller, ENV_CALLING);
        CHECK_EQ(sys_env_recall(CAP_SLOT_ACCOUNT, caller), 0);
        if (trusting) {
            worker_wait_state(caller, ENV_SLEEPING);
            CHECK_EQ(broken_by, -E_RECALLED);
            CHECK_EQ(answer, 1);
            worker_destroy(caller);
        } else {
            worker_wait(caller);
            CHECK_EQ(answer, -E_RECALLED);
            CHECK_EQ(kept, 0x7070);
        }
        worker_wait_state(server.server, ENV_READY);
        shared()->go = 1;
        server_accepts();
        CHECK_EQ(lrpc_call(&server, WAIT_GO, 0, 0, 0), 0);
        CHECK_EQ(shared()->calls, 2);
        server_finish();
    }
}

// --- memory --------------------------------------------------------------------------------------

TEST(lrpc_lends_pages) {
    server_begin(lrpc_entry);
    struct lrpc_loan loan;
    i64 pfn = rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), 2, 0);
    CHECK(pfn > 0);
    u64 at = SHARED + ABI_PAGE, *word = (u64 *)at;
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT), my_space(), at, (pfn_t)pfn,
                           4, ABI_PTE_W | ABI_PTE_NX),
             4);
    u64 rw = CAP_RIGHT_READ | CAP_RIGHT_WRITE;
    u32 caps = env_row(server.server)->caps;
    for (u64 n = 1; n <= 4; n++) {
        CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, n, rw, &loan), 0);
        CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, loan.count_slot, 1), 0);
        CHECK_EQ(env_row(server.server)->caps, caps);
        CHECK_EQ(frame_row((pfn_t)pfn)->maps, 1);
    }
    for (u64 i = 0; i < 4; i++)
        CHECK_EQ(word[i * 512], 4 - i);
    // To read only; more than was lent; others; none.
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 2, CAP_RIGHT_READ, &loan), 0);
    CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, loan.count_slot, 1), -E_RIGHTS);
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 2, rw, &loan), 0);
    CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, loan.count_slot + 1, 1), -E_RIGHTS);
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 2, rw, &loan), 0);
    CHECK_EQ(lrpc_call(&server, INCREMENT, 1, loan.count_slot, 1), -E_RIGHTS); // not ours
    CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, loan.count_slot, 1), -E_CAP);
    CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, 1 | (u64)CAP_SLOT_ACCOUNT << 32, 1),
             -E_CAP); // the server's own capability
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1, rw, &loan), 0);
    CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, loan.count_slot + 4, 1), -E_RANGE);
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1, rw, &loan), 0);
    CHECK_EQ(lrpc_call(&server, INCREMENT, ~0ul - 1, loan.count_slot, 1), -E_RIGHTS);
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 0, rw, &loan), -E_RANGE);
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_CONSOLE, (pfn_t)pfn, 1, rw, &loan) < 0, 1);
    struct lrpc weak = server;
    weak.cap = CAP_SLOT_SELF;
    CHECK_EQ(lrpc_lend(&weak, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1, rw, &loan), -E_RIGHTS);
    CHECK_EQ(env_row(server.server)->caps, caps);
    // A server that keeps a page loses it when its owner says so.
    CHECK_EQ(lrpc_lend(&server, CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1, rw, &loan), 0);
    CHECK_EQ(lrpc_call(&server, INCREMENT, loan.first, loan.count_slot, 3), 0);
    CHECK_EQ(frame_row((pfn_t)pfn)->maps, 2);
    i64 done;
    while ((done = sys_frame_revoke(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1)) == -E_AGAIN)
        ;
    CHECK_EQ(done, 1);
    CHECK_EQ(frame_row((pfn_t)pfn)->maps, 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, 4), 4);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 4), 0);
    server_finish();
}
