// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The rows: figures.md's "Processor, exceptions, transfer" and "Memory", as far as they are
// primitives.

#include "base/string.h"
#include "bench/native/native.h"

void call_times(u64 count, u64 cap, env_id env);
void yield_times(u64 count, u64 cap, env_id env);

// --- processor ----------------------------------------------------------------------------------

static void run_null(u64 count) {
    for (u64 i = 0; i < count; i++)
        sys_null();
}
ROW(null_call, 1000, 0, 0, run_null, 0);

static void skip2(void) {
    set_upcall(upcall_skip2);
}
static void skip0(void) {
    set_upcall(upcall_skip0);
}

static void run_ud(u64 count) {
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("ud2" : : : "memory");
}
ROW(exc_ud, 1000, skip2, 0, run_ud, 0);

static void run_bp(u64 count) {
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("int3" : : : "memory");
}
ROW(exc_bp, 1000, skip0, 0, run_bp, 0);

static void run_de(u64 count) {
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("div %%cl" : : "a"(1), "c"(0) : "memory");
}
ROW(exc_de, 1000, skip2, 0, run_de, 0);

// --- transfer and yield -------------------------------------------------------------------------

extern const char server_start[], server_call[], server_yield[], server_end[];

#define CODE 0x400000ul
#define DATA 0x500000ul

static env_id server;
static space_id server_space;
static u64 server_cap;

static void server_make(const char *start) {
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, my_account);
    if (space < 0)
        fail("space_create", space);
    server_space = (space_id)space;
    u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT);
    for (u32 i = 0; i < 2; i++) {
        i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account, ABI_ANY, 1, FRAME_ALLOC_AUTO);
        must(sys_space_map(caps, my_space, SCRATCH, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX), 1,
             "map");
        if (i == 0)
            memcpy((void *)SCRATCH, server_start, (u64)(server_end - server_start));
        else
            *(env_id *)SCRATCH = my_env;
        must(sys_space_map(caps, server_space, i ? DATA : CODE, (pfn_t)pfn, 1,
                           i ? ABI_PTE_W | ABI_PTE_NX : 0),
             1, "map");
        must(sys_space_unmap(CAP_SLOT_SPACE, my_space, SCRATCH, 1), 1, "unmap");
    }
    struct env_setup setup = {.rip = CODE + (u64)(start - server_start),
                              .rsp = DATA + 4096,
                              .call_entry = CODE + (u64)(server_call - server_start),
                              .call_stack = DATA + 4096,
                              .flags = ENV_START};
    i64 env = sys_env_create(caps, my_account, server_space, (u64)&setup, ABI_ANY);
    if (env < 0)
        fail("env_create", env);
    server = (env_id)env;
    must(sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT), server, CAP_RIGHT_YIELD, my_env,
                      CAP_MINT_ENV),
         CAP_SLOT_FREE, "cap_mint");
    yield_times(1, CAP_SLOT_ACCOUNT, server);
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env,
                            CAP_RIGHT_CALL | CAP_RIGHT_YIELD, server, CAP_MINT_ENV);
    if (slot < 0)
        fail("cap_mint", slot);
    server_cap = (u64)slot;
}

static void server_accepts(void) {
    server_make(server_start);
}
static void server_yields(void) {
    server_make(server_yield);
}

static void server_free(void) {
    must(sys_cap_drop(server_cap), 0, "cap_drop");
    must(sys_env_destroy(CAP_SLOT_ACCOUNT, server), 0, "env_destroy");
    i64 error;
    while ((error = sys_space_destroy(CAP_SLOT_ACCOUNT, server_space)) == -E_AGAIN)
        ;
    must(error, 0, "space_destroy");
}

static void run_calls(u64 count) {
    call_times(count / 10, server_cap, server);
}
ROW(pct_roundtrip, 1000, server_accepts, 0, run_calls, server_free);

static void run_half_calls(u64 count) { // there, or back
    call_times(count / 20, server_cap, server);
}
ROW(pct_oneway, 1000, server_accepts, 0, run_half_calls, server_free);

static void run_yields(u64 count) {
    yield_times(count, server_cap, server);
}
ROW(yield_to, 1000, server_yields, 0, run_yields, server_free);

// The timer's interrupt to the handler, at the end of a slice. Another env has the next position of
// the vector, and gives the processor back at once.
void wait_for_interrupt(void);
extern volatile u32 irq_ticks;

#define OTHER_SLICE 7

static void two_in_turn(void) {
    set_upcall(upcall_irq);
    server_make(server_yield);
    must(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account, OTHER_SLICE, 1),
         0, "slice_alloc");
    must(sys_slice_assign(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), OTHER_SLICE, server), 0,
         "slice_assign");
}
static u64 sample_irq(void) {
    wait_for_interrupt();
    u64 result = irq_ticks;
    yield_times(1, server_cap, server);
    return result;
}
static void one_again(void) {
    must(sys_slice_free(CAP_SLOT_SLICES, OTHER_SLICE, 1), 0, "slice_free");
    server_free();
}
ROW_SAMPLED(irq_user, two_in_turn, sample_irq, one_again);

// --- memory -------------------------------------------------------------------------------------

#define PAGES 100ul
#define RW    (ABI_PTE_W | ABI_PTE_NX)

pfn_t bench_frame = ABI_ANY;
u64 bench_caps, bench_flags = RW;

static void map_pages(void) {
    bench_caps = SPACE_ACCOUNT;
    for (u64 done = 0; done < PAGES;) {
        i64 n = sys_space_map(SPACE_ACCOUNT, my_space, SCRATCH + done * ABI_PAGE, ABI_ANY,
                              PAGES - done, RW);
        if (n <= 0)
            fail("map", n);
        done += (u64)n;
    }
    for (u64 i = 0; i < PAGES; i++)
        *(volatile u64 *)(SCRATCH + i * ABI_PAGE) = i;
}

static void unmap_pages(void) {
    for (u64 done = 0; done < PAGES;)
        done +=
            (u64)sys_space_unmap(CAP_SLOT_SPACE, my_space, SCRATCH + done * ABI_PAGE, PAGES - done);
}

static void protect(u64 first, u64 count, u64 clear, u64 set) {
    must(sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH + first * ABI_PAGE, count, clear, set),
         (i64)count, "protect");
}
static void all_writable(void) {
    protect(0, PAGES, 0, ABI_PTE_W);
}
static void all_read_only(void) {
    protect(0, PAGES, ABI_PTE_W, 0);
}

static void run_prot1(u64 count) {
    for (u64 i = 0; i < count; i++)
        sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH + i * ABI_PAGE, 1, ABI_PTE_W, 0);
}
ROW(prot1, PAGES, map_pages, all_writable, run_prot1, unmap_pages);

static void run_prot100(u64 count) {
    for (u64 i = 0; i < count; i++)
        sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH, PAGES, ABI_PTE_W, 0);
}
ROW(prot100, 1, map_pages, all_writable, run_prot100, unmap_pages);

static void run_unprot100(u64 count) {
    for (u64 i = 0; i < count; i++)
        sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH, PAGES, 0, ABI_PTE_W);
}
ROW(unprot100, 1, map_pages, all_read_only, run_unprot100, unmap_pages);

static void prepare_trap(void) {
    map_pages();
    all_read_only();
    set_upcall(upcall_enter);
}
// A write to a protected page, until the handler has been entered; it comes back by a plain return.
static void run_trap(u64 count) {
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("sub $128, %%rsp\n lea 1f(%%rip), %%rax\n push %%rax\n movl $0, (%0)\n1: "
                         "add $128, %%rsp"
                         :
                         : "r"(SCRATCH)
                         : "rax", "rcx", "rdx", "rdi", "r11", "memory", "cc");
}
ROW(trap, 1000, prepare_trap, 0, run_trap, unmap_pages);

static void prepare_fault(void) {
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account, ABI_ANY, 1, 0);
    if (pfn < 0)
        fail("frame_alloc", pfn);
    bench_frame = (pfn_t)pfn;
    bench_caps = SPACE_ACCOUNT;
    set_upcall(upcall_map);
}
static void finish_fault(void) {
    unmap_pages();
    must(sys_frame_free(CAP_SLOT_ACCOUNT, bench_frame, 1), 0, "frame_free");
    bench_frame = ABI_ANY;
}
static void run_touch(u64 count) {
    for (u64 i = 0; i < count; i++)
        *(volatile u32 *)(SCRATCH + i * ABI_PAGE) = 1;
}
ROW(fault, PAGES, prepare_fault, unmap_pages, run_touch, finish_fault); // a frame at hand is mapped

static void prepare_touch(void) {
    bench_caps = SPACE_ACCOUNT;
    set_upcall(upcall_map);
}
ROW(touch_anon, PAGES, prepare_touch, unmap_pages, run_touch, unmap_pages); // a new, zeroed one

static void prepare_appel(void) {
    map_pages();
    set_upcall(upcall_unprotect);
}
static void run_appel1(u64 count) { // protect one, trap, unprotect in the handler
    for (u64 i = 0; i < count; i++) {
        sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH + i * ABI_PAGE, 1, ABI_PTE_W, 0);
        *(volatile u32 *)(SCRATCH + i * ABI_PAGE) = 1;
    }
}
ROW(appel1, PAGES, prepare_appel, all_writable, run_appel1, unmap_pages);

static void run_appel2(u64 count) { // protect all, then trap and unprotect each
    if (!count)
        return;
    sys_space_protect(CAP_SLOT_SPACE, my_space, SCRATCH, count, ABI_PTE_W, 0);
    for (u64 i = 0; i < count; i++)
        *(volatile u32 *)(SCRATCH + i * ABI_PAGE) = 1;
}
ROW(appel2, PAGES, prepare_appel, all_writable, run_appel2, unmap_pages);

static volatile u64 sink;
static void run_dirty(u64 count) {
    for (u64 i = 0; i < count; i++)
        sink += ABI_PTES[(SCRATCH >> ABI_PAGE_SHIFT) + i] & ABI_PTE_D;
}
ROW(dirty, PAGES, map_pages, 0, run_dirty, unmap_pages);
