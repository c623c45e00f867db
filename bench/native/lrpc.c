// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Procedures of another address space (libos/rt/lrpc.h): this program's own text and constants are
// mapped there too, its data is not.

#include "libos/rt/lrpc.h"
#include "bench/native/native.h"
#include "libos/rt/frames.h"

extern const char image_start[], image_data[]; // native.ld

#define DATA        0x10000000ul // of the server
#define STACK       0x10001000ul
#define WINDOW      0x20000000ul // where it maps what it is lent
#define PAGES_ORDER 4
#define PAGES       (1ul << PAGES_ORDER)

struct server_data {
    u64 counter;
    space_id space;
};

static i64 count_up(u64 a, u64 b, u64 c, env_id caller) {
    (void)a, (void)b, (void)c, (void)caller;
    return (i64)++((struct server_data *)DATA)->counter;
}

// The sum of the first words of the pages that were lent.
static i64 add_up(u64 first, u64 count_slot, u64 c, env_id caller) {
    struct lrpc_loan loan = {first, count_slot};
    const struct lrpc_window window = {((struct server_data *)DATA)->space, WINDOW, PAGES,
                                       CAP_SLOT_FREE};
    (void)c;
    i64 sum = 0, error = lrpc_map(&window, &loan, caller, 0);
    if (error)
        return error;
    for (u64 i = 0; i < (u32)count_slot; i++)
        sum += *(const volatile i64 *)(WINDOW + i * 4096);
    error = lrpc_unmap(&window, &loan);
    return error ? error : sum;
}

enum { COUNT_UP, ADD_UP, PROCEDURES };
static lrpc_procedure *const procedures[PROCEDURES] = {count_up, add_up};
const struct lrpc_service lrpc_service = {
    .count = PROCEDURES, .procedures = procedures, .mxcsr = 0x1f80, .control = 0x37f};

static struct lrpc server;
static space_id server_space;
static u64 counted;
static pfn_t lent;

static void server_make(const char *entry) {
    u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, my_account);
    if (space < 0)
        fail("space_create", space);
    server_space = (space_id)space;
    u64 pages = (u64)(image_data - image_start) / 4096;
    must(sys_space_copy(CAP_SLOT_ACCOUNT, server_space, (u64)image_start, pages, 0, 0), (i64)pages,
         "copy");
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account, ABI_ANY, 1, FRAME_ALLOC_AUTO);
    if (pfn < 0)
        fail("frame_alloc", pfn);
    must(sys_space_map(caps, my_space, SCRATCH, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1, "map");
    *(struct server_data *)SCRATCH = (struct server_data){0, server_space};
    must(sys_space_map(caps, server_space, DATA, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1, "map");
    must(sys_space_map(caps, server_space, STACK, ABI_ANY, 1, ABI_PTE_W | ABI_PTE_NX), 1, "map");
    must(sys_space_unmap(CAP_SLOT_SPACE, my_space, SCRATCH, 1), 1, "unmap");
    struct env_setup setup = {.rip = (u64)lrpc_accept,
                              .rsp = STACK + 4096,
                              .call_entry = (u64)entry,
                              .call_stack = STACK + 4096,
                              .flags = ENV_START};
    i64 env = sys_env_create(caps, my_account, server_space, (u64)&setup, ABI_ANY);
    if (env < 0)
        fail("env_create", env);
    server.server = (env_id)env;
    sys_env_yield(CAP_SLOT_ACCOUNT, server.server); // to where it accepts
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env,
                            CAP_RIGHT_CALL | CAP_RIGHT_GRANT, server.server, CAP_MINT_ENV);
    if (slot < 0)
        fail("cap_mint", slot);
    server.cap = (u64)slot;
    counted = 0;
}

static void untrusted(void) {
    server_make(lrpc_entry);
}
static void trusted(void) {
    server_make(tlrpc_entry);
}

static void server_free(void) {
    must(sys_cap_drop(server.cap), 0, "cap_drop");
    must(sys_env_destroy(CAP_SLOT_ACCOUNT, server.server), 0, "env_destroy");
    i64 error;
    while ((error = sys_space_destroy(CAP_SLOT_ACCOUNT, server_space)) == -E_AGAIN)
        ;
    must(error, 0, "space_destroy");
}

static void run_lrpc(u64 count) {
    for (u64 i = 0; i < count; i++)
        must(lrpc_call(&server, COUNT_UP, 0, 0, 0), (i64)++counted, "lrpc");
}
ROW(lrpc, 1000, untrusted, 0, run_lrpc, server_free);

static void run_tlrpc(u64 count) {
    for (u64 i = 0; i < count; i++)
        must(tlrpc_call(&server, COUNT_UP, 0, 0, 0), (i64)++counted, "tlrpc");
}
ROW(tlrpc, 1000, trusted, 0, run_tlrpc, server_free);

// --- with memory ---------------------------------------------------------------------------------

static void pages_make(void) {
    server_make(tlrpc_entry);
    i64 pfn = rt_frame_run(CAP_SLOT_ACCOUNT, my_account, PAGES_ORDER, 0);
    if (pfn < 0)
        fail("frame_run", pfn);
    lent = (pfn_t)pfn;
    must(sys_space_map(SPACE_ACCOUNT, my_space, SCRATCH, lent, PAGES, ABI_PTE_W | ABI_PTE_NX),
         PAGES, "map");
    for (u64 i = 0; i < PAGES; i++)
        *(volatile u64 *)(SCRATCH + i * 4096) = i + 1;
}

static void pages_free(void) {
    server_free();
    must(sys_space_unmap(CAP_SLOT_SPACE, my_space, SCRATCH, PAGES), PAGES, "unmap");
    must(sys_frame_free(CAP_SLOT_ACCOUNT, lent, PAGES), 0, "frame_free");
}

static void lend(u64 pages) {
    struct lrpc_loan loan;
    must(lrpc_lend(&server, CAP_SLOT_ACCOUNT, lent, pages, CAP_RIGHT_READ, &loan), 0, "lend");
    must(tlrpc_call(&server, ADD_UP, loan.first, loan.count_slot, 0),
         (i64)(pages * (pages + 1) / 2), "sum");
}

static void run_page(u64 count) {
    for (u64 i = 0; i < count; i++)
        lend(1);
}
ROW(tlrpc_page, 100, pages_make, 0, run_page, pages_free);

static void run_pages(u64 count) {
    for (u64 i = 0; i < count; i++)
        lend(PAGES);
}
ROW(tlrpc_16_pages, 100, pages_make, 0, run_pages, pages_free);
