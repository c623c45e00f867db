// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Appel and Li's set with a library OS' page table in between: each operation looks the page up in
// a linear or a hashed structure of 4,096 pages before it goes to the kernel (Aegis table 10 and
// its inverted page table).

#include "libos/pager/pager.h"

#include "bench/native/native.h"

#define PAGES 100ul
#define ROOM  4096u // pages in the structure, of which 100 are used

static struct pager_page pages[ROOM];
static u32 chain[ROOM];
static struct pager_linear linear;
static struct pager_hashed hashed;
static struct pager pager;
static pfn_t frame;

extern const char upcall_pager[], upcall_enter_pager[];
void pager_upcall(struct upcall_frame *upcall);

// One frame behind all pages: the structure does not mind.
static void fill(void) {
    pager.space_cap = CAP_SLOT_SPACE;
    pager.frames_cap = CAP_SLOT_ACCOUNT;
    pager.space = my_space;
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account, ABI_ANY, 1, 0);
    if (pfn < 0)
        fail("frame_alloc", pfn);
    frame = (pfn_t)pfn;
    for (u64 i = 0; i < ROOM; i++)
        must(pager_add(&pager, SCRATCH + i * ABI_PAGE, frame, 1), 0, "pager_add");
    for (u64 i = 0; i < PAGES; i++)
        must(pager_bind(&pager, SCRATCH + i * ABI_PAGE), 0, "pager_bind");
}

static int allow(struct pager *self, struct pager_page *page) {
    (void)self;
    (void)page;
    return 0;
}

static void prepare_linear(void) {
    pager_linear_init(&linear, pages, ROOM);
    pager = (struct pager){.layout = &pager_linear, .table = &linear, .on_write = allow};
    fill();
    set_upcall(upcall_pager);
}
static void prepare_hashed(void) {
    pager_hashed_init(&hashed, pages, ROOM, chain, ROOM);
    pager = (struct pager){.layout = &pager_hashed, .table = &hashed, .on_write = allow};
    fill();
    set_upcall(upcall_pager);
}
static void prepare_linear_trap(void) {
    prepare_linear();
    set_upcall(upcall_enter_pager);
}
static void prepare_hashed_trap(void) {
    prepare_hashed();
    set_upcall(upcall_enter_pager);
}

static void finish(void) {
    for (u64 done = 0; done < PAGES;)
        done +=
            (u64)sys_space_unmap(CAP_SLOT_SPACE, my_space, SCRATCH + done * ABI_PAGE, PAGES - done);
    must(sys_frame_free(CAP_SLOT_ACCOUNT, frame, 1), 0, "frame_free");
}

void pager_upcall(struct upcall_frame *upcall) {
    if (upcall->vector != UPCALL_SLICE_END)
        must(pager_fault(&pager, upcall), 0, "pager_fault");
}

static void writable(void) {
    must(pager_protect(&pager, SCRATCH, PAGES, 1), 0, "pager_protect");
}
static void read_only(void) {
    must(pager_protect(&pager, SCRATCH, PAGES, 0), 0, "pager_protect");
}

static volatile u64 sink;
static void run_dirty(u64 count) {
    for (u64 i = 0; i < count; i++)
        sink += (u64)pager_dirty(&pager, SCRATCH + i * ABI_PAGE);
}
static void run_prot1(u64 count) {
    for (u64 i = 0; i < count; i++)
        pager_protect(&pager, SCRATCH + i * ABI_PAGE, 1, 0);
}
static void run_prot100(u64 count) {
    for (u64 i = 0; i < count; i++)
        pager_protect(&pager, SCRATCH, PAGES, 0);
}
static void run_unprot100(u64 count) {
    for (u64 i = 0; i < count; i++)
        pager_protect(&pager, SCRATCH, PAGES, 1);
}
// A write to a protected page, until the handler knows which page it is and that it is protected.
static void run_trap(u64 count) {
    for (u64 i = 0; i < count; i++)
        __asm__ volatile("sub $128, %%rsp\n lea 1f(%%rip), %%rax\n push %%rax\n movl $0, (%0)\n1: "
                         "add $128, %%rsp"
                         :
                         : "r"(SCRATCH + i * ABI_PAGE)
                         : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
                           "cc");
}
static void run_appel1(u64 count) {
    for (u64 i = 0; i < count; i++) {
        pager_protect(&pager, SCRATCH + i * ABI_PAGE, 1, 0);
        *(volatile u32 *)(SCRATCH + i * ABI_PAGE) = 1;
    }
}
static void run_appel2(u64 count) {
    if (count)
        pager_protect(&pager, SCRATCH, count, 0);
    for (u64 i = 0; i < count; i++)
        *(volatile u32 *)(SCRATCH + i * ABI_PAGE) = 1;
}

void pager_look(const struct upcall_frame *upcall);
void pager_look(const struct upcall_frame *upcall) {
    sink += pager.layout->find(pager.table, upcall->address & ~(ABI_PAGE - 1))->writable;
}

#define ROWS(kind)                                                                                 \
    ROW(dirty_##kind, PAGES, prepare_##kind, 0, run_dirty, finish);                                \
    ROW(prot1_##kind, PAGES, prepare_##kind, writable, run_prot1, finish);                         \
    ROW(prot100_##kind, 1, prepare_##kind, writable, run_prot100, finish);                         \
    ROW(unprot100_##kind, 1, prepare_##kind, read_only, run_unprot100, finish);                    \
    ROW(trap_##kind, PAGES, prepare_##kind##_trap, read_only, run_trap, finish);                   \
    ROW(appel1_##kind, PAGES, prepare_##kind, writable, run_appel1, finish);                       \
    ROW(appel2_##kind, PAGES, prepare_##kind, writable, run_appel2, finish)
ROWS(linear);
ROWS(hashed);
