// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Large mappings joined of small ones and split again, up to 1 GiB; copied and moved; and page
// tables that became empty.

#include "base/string.h"
#include "libos/rt/frames.h"
#include "tests/guest/guest.h"

#define BOTH       CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define RW         (ABI_PTE_W | ABI_PTE_NX)
#define COUNT      512ul
#define LARGE      (COUNT * ABI_PAGE)
#define GIGA       (COUNT * LARGE)
#define GIGA_COUNT (COUNT * COUNT)
#define AT         (SCRATCH + (80ul << 30)) // no page was ever mapped there
#define PTE(va)    ABI_PTES[(va) >> ABI_PAGE_SHIFT]
#define PDE(va)    ABI_PDES[(va) >> 21]
#define PDPTE(va)  ABI_PDPTES[(va) >> 30]

static pfn_t run_take(account_id account) {
    i64 first = rt_frame_run(CAP_SLOT_ACCOUNT, account, 9, 0);
    CHECK(first > 0);
    return (pfn_t)first;
}

static void map_pages(space_id space, u64 va, pfn_t first, u64 count) {
    for (u64 done = 0; done < count;) {
        i64 n = sys_space_map(BOTH, space, va + (done << ABI_PAGE_SHIFT), first + done,
                              count - done, RW);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
}

static i64 map_large(space_id space, u64 va, pfn_t first) {
    return sys_space_map(BOTH, space, va, first, COUNT, RW | SPACE_MAP_LARGE);
}

static void unmap_all(space_id space, u64 va, u64 count) {
    for (u64 done = 0; done < count;) {
        i64 n =
            sys_space_unmap(CAP_SLOT_ACCOUNT, space, va + (done << ABI_PAGE_SHIFT), count - done);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
}

static i64 join(u64 va, u64 count) {
    return sys_space_join(CAP_SLOT_SPACE, my_space(), va, count);
}

static i64 split(u64 va, u64 count) {
    return sys_space_split(CAP_SLOT_SPACE, my_space(), va, count);
}

static u64 maps_of(pfn_t first) {
    u64 maps = 0;
    for (u64 i = 0; i < COUNT; i++)
        maps += frame_row(first + i)->maps;
    return maps;
}

static volatile u64 *word(u64 va, u64 page) {
    return (volatile u64 *)(va + page * ABI_PAGE + page % 64 * 8);
}

static void revoke(pfn_t pfn) {
    i64 done;
    while ((done = sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1)) == -E_AGAIN)
        ;
    CHECK_EQ(done, 1);
}

// --- 2 MiB ---------------------------------------------------------------------------------------

TEST(join_and_split) {
    pfn_t first = run_take(my_account());
    map_pages(my_space(), AT, first, COUNT);
    u32 tables = space_row(my_space())->tables;
    for (u64 i = 0; i < COUNT; i += 3)
        *word(AT, i) = i + 1;
    CHECK_EQ(join(AT, COUNT), 0);
    CHECK_EQ(PDE(AT) & (ABI_PTE_PS | ABI_PTE_D), ABI_PTE_PS | ABI_PTE_D);
    CHECK_EQ(space_row(my_space())->tables, tables - 1);
    CHECK_EQ(maps_of(first), COUNT);
    CHECK_EQ(join(AT, COUNT), -E_INVAL); // it is
    for (u64 i = 0; i < COUNT; i++)
        CHECK_EQ(*word(AT, i), i % 3 ? 0 : i + 1);
    *word(AT, 1) = 5;
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, 1), -E_INVAL);
    CHECK_EQ(split(AT, COUNT), 0);
    CHECK_EQ(split(AT, COUNT), -E_INVAL);
    CHECK_EQ(space_row(my_space())->tables, tables);
    CHECK_EQ(maps_of(first), COUNT);
    CHECK(PTE(AT + 2 * ABI_PAGE) & ABI_PTE_D); // that of the whole
    CHECK_EQ(*word(AT, 1), 5);
    CHECK_EQ(*word(AT, 3), 4);
    // Its parts are as any others: one goes, one is protected, one is another frame.
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT + 7 * ABI_PAGE, 1), 1);
    CHECK_EQ(frame_row(first + 7)->maps, 0);
    CHECK_EQ(join(AT, COUNT), -E_INVAL);
    map_pages(my_space(), AT + 7 * ABI_PAGE, first + 7, 1);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, 1, ABI_PTE_W, 0), 1);
    CHECK_EQ(join(AT, COUNT), -E_INVAL);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, 1, 0, ABI_PTE_W), 1);
    CHECK_EQ(sys_space_map(BOTH, my_space(), AT + 511 * ABI_PAGE, first + 510, 1,
                           RW | SPACE_MAP_REPLACE),
             1);
    CHECK_EQ(join(AT, COUNT), -E_INVAL);
    CHECK_EQ(sys_space_map(BOTH, my_space(), AT + 511 * ABI_PAGE, first + 511, 1,
                           RW | SPACE_MAP_REPLACE),
             1);
    CHECK_EQ(join(AT, COUNT), 0);
    // A frame of it is revoked: it goes as a whole.
    revoke(first + 100);
    CHECK_EQ(PDE(AT), 0);
    CHECK_EQ(maps_of(first), 0);
    // In order, but not from an aligned frame on.
    map_pages(my_space(), AT, first + 1, COUNT - 1);
    map_pages(my_space(), AT + (COUNT - 1) * ABI_PAGE, first, 1);
    CHECK_EQ(join(AT, COUNT), -E_INVAL);
    unmap_all(my_space(), AT, COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

TEST(join_errors) {
    CHECK_EQ(join(AT + ABI_PAGE, COUNT), -E_ALIGN);
    CHECK_EQ(join(AT + 8, COUNT), -E_ALIGN);
    CHECK_EQ(join(AT + LARGE, GIGA_COUNT), -E_ALIGN);
    CHECK_EQ(join(ABI_USER_END & ~(LARGE - 1), COUNT), -E_RANGE);
    CHECK_EQ(join(1ul << 63, COUNT), -E_RANGE);
    CHECK_EQ(join(AT, 1), -E_INVAL);
    CHECK_EQ(join(AT, 2 * COUNT), -E_INVAL);
    CHECK_EQ(join(AT + 8 * GIGA, COUNT), -E_INVAL); // nothing is there
    CHECK_EQ(join(AT, GIGA_COUNT), -E_INVAL);
    CHECK_EQ(split(AT + ABI_PAGE, COUNT), -E_ALIGN);
    CHECK_EQ(split(AT, COUNT), -E_INVAL);
    CHECK_EQ(split(AT, GIGA_COUNT), -E_INVAL);
    CHECK_EQ(split(AT, 0), -E_INVAL);
    // To split takes a table, which somebody pays.
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 3 + COUNT, 1);
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, (account_id)account);
    pfn_t first = run_take((account_id)account);
    CHECK_EQ(map_large((space_id)space, AT, first), COUNT);
    CHECK_EQ(account_row((account_id)account)->frames, account_row((account_id)account)->quota);
    CHECK_EQ(sys_space_split(CAP_SLOT_ACCOUNT, (space_id)space, AT, COUNT), -E_NOMEM);
    CHECK_EQ(maps_of(first), COUNT);
    account_free((account_id)account);
    CHECK_EQ(frame_row(first)->kind, FRAME_FREE);
}

// Others go on using the memory while its mappings change their size: no access fails, and no write
// is lost.
static volatile u32 stop;
static volatile u64 written[4];

static void write_on(void *argument) {
    u64 number = (u64)argument, turns = 0;
    while (!stop) {
        turns++;
        for (u64 i = number; i < COUNT; i += 37)
            *(volatile u64 *)(AT + i * ABI_PAGE + 8 * number) = turns;
        for (u64 i = number; i < COUNT; i += 37)
            CHECK_EQ(*(volatile u64 *)(AT + i * ABI_PAGE + 8 * number), turns);
    }
    written[number] = turns;
}

static void while_others_write(u64 count, u32 rounds) {
    env_id worker[3];
    u32 n = cpus() < 3 ? cpus() : 3;
    stop = 0;
    for (u32 i = 0; i < n; i++)
        worker[i] = worker_start(cpus() - 1 - i, write_on, (void *)(u64)i);
    for (u32 i = 0; i < rounds; i++) {
        CHECK_EQ(join(AT, count), 0);
        if (i % 8 == 0)
            sys_env_yield(0, 0);
        CHECK_EQ(split(AT, count), 0);
    }
    stop = 1;
    for (u32 i = 0; i < n; i++)
        worker_wait(worker[i]);
    for (u32 i = 0; i < n; i++)
        CHECK_EQ(*(volatile u64 *)(AT + i * ABI_PAGE + 8 * i), written[i]);
}

TEST(join_while_others_write) {
    pfn_t first = run_take(my_account());
    map_pages(my_space(), AT, first, COUNT);
    while_others_write(COUNT, 30);
    unmap_all(my_space(), AT, COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// --- copy, move ----------------------------------------------------------------------------------

TEST(large_mappings_are_copied) {
    pfn_t first = run_take(my_account());
    i64 other = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    space_id to = (space_id)other;
    CHECK_EQ(map_large(my_space(), AT, first), COUNT);
    *word(AT, 9) = 9;
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, to, AT, COUNT - 1, 0, ABI_PTE_S0), -E_INVAL);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, to, AT + ABI_PAGE, COUNT, 0, 0), -E_INVAL);
    CHECK_EQ(maps_of(first), COUNT);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, to, AT, COUNT, 0, ABI_PTE_S0), COUNT);
    CHECK_EQ(maps_of(first), 2 * COUNT);
    CHECK_EQ(PDE(AT) & (ABI_PTE_W | ABI_PTE_S0), ABI_PTE_S0);
    // It is left alone the next time; shared it would keep W.
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, to, AT, COUNT, 0, ABI_PTE_S0), COUNT);
    CHECK_EQ(maps_of(first), 2 * COUNT);
    unmap_all(to, AT, COUNT);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, COUNT, ABI_PTE_S0,
                               ABI_PTE_W | ABI_PTE_S1),
             COUNT);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, to, AT, COUNT, ABI_PTE_S1, ABI_PTE_S0), COUNT);
    CHECK(PDE(AT) & ABI_PTE_W);
    // One of its frames is revoked: neither has it any more.
    revoke(first + 5);
    CHECK_EQ(PDE(AT), 0);
    CHECK_EQ(maps_of(first), 0);
    // Where the destination has pages it can't be copied.
    CHECK_EQ(map_large(my_space(), AT, first), COUNT);
    CHECK_EQ(sys_space_map(BOTH, to, AT + 3 * ABI_PAGE, first, 1, RW), 1);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, to, AT, COUNT, 0, ABI_PTE_S0), -E_EXIST);
    space_free(to);
    CHECK_EQ(maps_of(first), COUNT);
    unmap_all(my_space(), AT, COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

static i64 move(u64 from, u64 to, u64 count) {
    return sys_space_move(CAP_SLOT_SPACE, my_space(), from, to, count);
}

static volatile u64 gone;

static void note_gone(struct upcall_frame *frame) {
    CHECK_EQ(frame->vector, UPCALL_PF);
    gone = frame->address;
    frame->rip += 3; // mov (%rax), %rdx
}

TEST(large_mappings_are_moved) {
    pfn_t first = run_take(my_account());
    const u64 to = AT + 5 * LARGE;
    CHECK_EQ(map_large(my_space(), AT, first), COUNT);
    *word(AT, 9) = 9;
    CHECK_EQ(move(AT, to + ABI_PAGE, COUNT), -E_ALIGN);
    CHECK_EQ(move(AT, to, COUNT - 1), -E_INVAL);
    CHECK_EQ(move(AT + ABI_PAGE, to, COUNT), -E_INVAL);
    CHECK_EQ(PDE(AT) & ABI_PTE_PS, ABI_PTE_PS);
    CHECK_EQ(move(AT, to, COUNT), COUNT);
    CHECK_EQ(PDE(AT), 0);
    CHECK_EQ(maps_of(first), COUNT);
    CHECK_EQ(*word(to, 9), 9);
    gone = 0;
    set_upcall_handler(note_gone);
    __asm__ volatile(".byte 0x48, 0x8b, 0x10" : : "a"(word(AT, 9)) : "rdx", "memory");
    set_upcall_handler(0);
    CHECK_EQ(gone, (u64)word(AT, 9)); // the processor has forgotten it too
    CHECK_EQ(sys_space_map(BOTH, my_space(), AT + ABI_PAGE, first, 1, RW), 1);
    CHECK_EQ(move(to, AT, COUNT), -E_EXIST);
    unmap_all(my_space(), AT, COUNT);
    CHECK_EQ(move(to, AT, COUNT), COUNT); // the empty table is gone
    CHECK_EQ(move(AT, to, COUNT), COUNT);
    revoke(first + 77); // found where it is now
    CHECK_EQ(PDE(to), 0);
    CHECK_EQ(maps_of(first), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// --- empty tables --------------------------------------------------------------------------------

TEST(empty_tables_go) {
    pfn_t first = run_take(my_account());
    u64 at = AT + 16 * LARGE;
    map_pages(my_space(), at, first, 1);
    u32 tables = space_row(my_space())->tables;
    for (u32 i = 1; i < 20; i++)
        map_pages(my_space(), at + i * LARGE, first + i, 1);
    CHECK_EQ(space_row(my_space())->tables, tables + 19);
    // A page by itself leaves its table, as does a range that ends before the table does.
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), at + LARGE, 1), 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), at + 2 * LARGE, COUNT - 1), COUNT - 1);
    CHECK_EQ(space_row(my_space())->tables, tables + 19);
    map_pages(my_space(), at + 3 * LARGE + 500 * ABI_PAGE, first, 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), at + 3 * LARGE + 400 * ABI_PAGE, 112),
             112);
    CHECK_EQ(space_row(my_space())->tables, tables + 19); // not empty
    unmap_all(my_space(), at + LARGE, 19 * COUNT);
    CHECK_EQ(space_row(my_space())->tables, tables);
    for (u32 i = 1; i < 20; i++)
        CHECK_EQ(PDE(at + i * LARGE), 0);
    CHECK_EQ(PTE(at) != 0, 1);
    map_pages(my_space(), at + LARGE, first, 300); // as ever
    *word(at + LARGE, 17) = 17;
    unmap_all(my_space(), at, 2 * COUNT);
    CHECK_EQ(space_row(my_space())->tables, tables - 1);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// Another processor walks the tables that come and go, and reads them in the window.
static volatile u64 looked;

static void look_on(void *argument) {
    u64 at = (u64)argument;
    set_upcall_handler(note_gone);
    while (!stop) {
        for (u64 i = 0; i < COUNT; i += 11) {
            u64 seen = 0;
            __asm__ volatile(".byte 0x48, 0x8b, 0x10"
                             : "+d"(seen)
                             : "a"(at + i * ABI_PAGE)
                             : "memory");
            CHECK(seen == 0 || seen == at);
            seen = 0;
            __asm__ volatile(".byte 0x48, 0x8b, 0x10"
                             : "+d"(seen)
                             : "a"(&PTE(at + i * ABI_PAGE))
                             : "memory");
            CHECK(seen == 0 || (seen & ABI_PTE_P && seen & ABI_PTE_U) || seen == at); // its entries
        }
        looked = looked + 1;
    }
}

TEST(empty_tables_go_while_others_look) {
    pfn_t first = run_take(my_account());
    u64 at = AT + 48 * LARGE;
    map_pages(my_space(), at, first, COUNT);
    for (u64 i = 0; i < COUNT; i++)
        *(volatile u64 *)(at + i * ABI_PAGE) = at;
    stop = 0;
    looked = 0;
    env_id worker = worker_start(cpus() - 1, look_on, (void *)at);
    for (u32 i = 0; i < 50 || looked < 3; i++) {
        unmap_all(my_space(), at, COUNT);
        CHECK_EQ(PDE(at), 0);
        // What was the table is somebody's data.
        i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
        CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, (pfn_t)pfn, 1, RW), 1);
        memset((void *)SCRATCH, 0xaa, ABI_PAGE);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
        map_pages(my_space(), at, first, COUNT);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
        sys_env_yield(0, 0);
    }
    stop = 1;
    worker_wait(worker);
    unmap_all(my_space(), at, COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// The same while 512 pages are joined and split: what was their table is somebody's data
// meanwhile. The window shows the first page of what is mapped large.
TEST(join_while_others_look) {
    pfn_t first = run_take(my_account());
    u64 at = AT + 64 * LARGE;
    map_pages(my_space(), at, first, COUNT);
    for (u64 i = 0; i < COUNT; i++)
        *(volatile u64 *)(at + i * ABI_PAGE) = at;
    for (u64 i = 1; i < COUNT; i++)
        ((volatile u64 *)at)[i] = ABI_PTE_P | ABI_PTE_U;
    stop = 0;
    looked = 0;
    env_id worker = worker_start(cpus() - 1, look_on, (void *)at);
    for (u32 i = 0; i < 50 || looked < 3; i++) {
        CHECK_EQ(join(at, COUNT), 0);
        i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
        CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, (pfn_t)pfn, 1, RW), 1);
        memset((void *)SCRATCH, 0xaa, ABI_PAGE);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
        for (u64 until = tsc() + ms(1); tsc() < until;)
            __asm__ volatile("pause");
        CHECK_EQ(split(at, COUNT), 0);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
        sys_env_yield(0, 0);
    }
    stop = 1;
    worker_wait(worker);
    unmap_all(my_space(), at, COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// A page is written for the first time while its mapping is split: D is in its entry afterwards,
// whichever entry the processor found.
static volatile u32 go, answered;

static void write_at_once(void *argument) {
    u64 at = (u64)argument;
    for (u32 round = 1; !stop; round++) {
        while (go != round && !stop)
            __asm__ volatile("pause");
        for (u32 i = round * 7919 % 900; i; i--)
            __asm__ volatile("pause");
        if (!stop)
            *(volatile u64 *)(at + round % COUNT * ABI_PAGE) = round;
        answered = round;
    }
}

TEST(split_while_another_writes) {
    if (cpus() < 2)
        return;
    pfn_t first = run_take(my_account());
    u64 at = AT + 65 * LARGE, lost = 0;
    map_pages(my_space(), at, first, COUNT);
    stop = go = answered = 0;
    env_id worker = worker_start(cpus() - 1, write_at_once, (void *)at);
    for (u32 round = 1; round <= 600; round++) {
        CHECK_EQ(join(at, COUNT), 0);
        CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), at, COUNT, ABI_PTE_D, 0), COUNT);
        go = round;
        CHECK_EQ(split(at, COUNT), 0);
        for (u32 i = 0; answered != round; i++)
            if (i % 4096 == 4095)
                sys_env_yield(0, 0);
        lost += !(PTE(at + round % COUNT * ABI_PAGE) & ABI_PTE_D);
    }
    stop = 1;
    worker_wait(worker);
    CHECK_EQ(lost, 0);
    unmap_all(my_space(), at, COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// --- 1 GiB ---------------------------------------------------------------------------------------

// An aligned GiB of free memory, all of it ours; 0: there is none. The machine needs some 3 GiB.
static pfn_t giga_take(void) {
    for (pfn_t first = 0; first + GIGA_COUNT <= ABI_INFO->frames; first += GIGA_COUNT) {
        u64 n = 0;
        while (n < GIGA_COUNT && frame_row(first + n)->kind == FRAME_FREE)
            n++;
        for (u64 i = 0; n == GIGA_COUNT && i < GIGA_COUNT; i += COUNT)
            CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), first + i, COUNT, 0),
                     first + i);
        if (n == GIGA_COUNT)
            return first;
    }
    return 0;
}

static void giga_free(pfn_t first) {
    for (u64 i = 0; i < GIGA_COUNT; i += COUNT)
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first + i, COUNT), 0);
}

static void giga_map(space_id space, u64 va, pfn_t first) {
    for (u64 i = 0; i < GIGA_COUNT; i += COUNT)
        CHECK_EQ(map_large(space, va + i * ABI_PAGE, first + i), COUNT);
    CHECK_EQ(sys_space_join(CAP_SLOT_ACCOUNT, space, va, GIGA_COUNT), 0);
}

TEST(giga_mappings) {
    pfn_t first = ABI_INFO->features & ABI_FEATURE_GIGA ? giga_take() : 0;
    if (!first)
        return; // `make test-giga` has the memory
    giga_map(my_space(), AT, first);
    CHECK_EQ(PDPTE(AT) & (ABI_PTE_PS | ABI_PTE_P), ABI_PTE_PS | ABI_PTE_P);
    CHECK_EQ(ABI_PTE_FRAME(PDPTE(AT)), first);
    for (u64 i = 0; i < COUNT; i++)
        *word(AT + i * LARGE, i) = i + 1;
    CHECK(PDPTE(AT) & ABI_PTE_D);
    CHECK_EQ(maps_of(first + 70 * COUNT), COUNT);
    // An alias by a single page; a buffer of a call; the whole is protected by one entry.
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, first + 70 * COUNT + 70, 1, ABI_PTE_NX), 1);
    CHECK_EQ(*(volatile u64 *)(SCRATCH + 70 % 64 * 8), 71);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    struct batch_op *op = (struct batch_op *)(AT + 3 * LARGE - 32);
    *op = (struct batch_op){.call = SYS_env_wake, .args = {CAP_SLOT_SELF, my_env()}, .result = 1};
    CHECK_EQ(sys_batch((u64)op, 1), 1);
    CHECK_EQ(op->result, 0);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, GIGA_COUNT, ABI_PTE_W, 0),
             GIGA_COUNT);
    CHECK_EQ(PDPTE(AT) & (ABI_PTE_PS | ABI_PTE_W), ABI_PTE_PS);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, GIGA_COUNT, 0, ABI_PTE_W),
             GIGA_COUNT);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first + 1000, 1), -E_BUSY);
    CHECK_EQ(sys_space_map(BOTH, my_space(), AT + ABI_PAGE, ABI_ANY, 1, RW), -E_EXIST);
    CHECK_EQ(map_large(my_space(), AT + LARGE, first), -E_EXIST);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT + ABI_PAGE, COUNT), -E_INVAL);
    // A part goes: the rest stays, by 2 MiB.
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT + 5 * LARGE, COUNT), COUNT);
    CHECK_EQ(PDPTE(AT) & ABI_PTE_PS, 0);
    CHECK_EQ(maps_of(first + 5 * COUNT), 0);
    CHECK_EQ(*word(AT + 6 * LARGE, 6), 7);
    CHECK_EQ(join(AT, GIGA_COUNT), -E_INVAL);
    CHECK_EQ(map_large(my_space(), AT + 5 * LARGE, first + 5 * COUNT), COUNT);
    CHECK_EQ(join(AT, GIGA_COUNT), 0);
    CHECK_EQ(*word(AT + 5 * LARGE, 5), 6);
    // One frame is revoked, and only the 2 MiB around it go.
    revoke(first + 9 * COUNT + 1);
    CHECK_EQ(maps_of(first + 9 * COUNT), 0);
    CHECK_EQ(maps_of(first + 8 * COUNT), COUNT);
    CHECK_EQ(*word(AT + 8 * LARGE, 8), 9);
    unmap_all(my_space(), AT, GIGA_COUNT);
    u32 tables = space_row(my_space())->tables;
    giga_map(my_space(), AT, first);
    unmap_all(my_space(), AT, GIGA_COUNT);
    CHECK_EQ(space_row(my_space())->tables, tables); // none is forgotten
    // With its space, which has two of them.
    i64 other = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    giga_map((space_id)other, AT, first);
    giga_map((space_id)other, AT + 3 * GIGA, first);
    CHECK_EQ(maps_of(first), 2 * COUNT);
    space_free((space_id)other);
    CHECK_EQ(maps_of(first), 0);
    giga_free(first);
}

TEST(giga_mappings_copied_and_moved) {
    pfn_t first = ABI_INFO->features & ABI_FEATURE_GIGA ? giga_take() : 0;
    if (!first)
        return;
    i64 other = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    giga_map(my_space(), AT, first);
    *word(AT + 7 * LARGE, 7) = 7;
    for (u64 done = 0; done < GIGA_COUNT;) {
        i64 n = sys_space_copy(CAP_SLOT_ACCOUNT, (space_id)other, AT + done * ABI_PAGE,
                               GIGA_COUNT - done, 0, ABI_PTE_S0);
        CHECK(n > 0);
        done += n > 0 ? (u64)n : GIGA_COUNT;
    }
    CHECK_EQ(maps_of(first + 500 * COUNT), 2 * COUNT);
    CHECK_EQ(sys_space_join(CAP_SLOT_ACCOUNT, (space_id)other, AT, GIGA_COUNT), 0);
    space_free((space_id)other);
    CHECK_EQ(join(AT, GIGA_COUNT), 0);
    for (u64 done = 0; done < GIGA_COUNT;) {
        i64 n = move(AT + done * ABI_PAGE, AT + 2 * GIGA + done * ABI_PAGE, GIGA_COUNT - done);
        CHECK(n > 0);
        done += n > 0 ? (u64)n : GIGA_COUNT;
    }
    CHECK_EQ(join(AT + 2 * GIGA, GIGA_COUNT), 0);
    CHECK_EQ(*word(AT + 2 * GIGA + 7 * LARGE, 7), 7);
    unmap_all(my_space(), AT + 2 * GIGA, GIGA_COUNT);
    giga_map(my_space(), AT, first);
    CHECK_EQ(split(AT, GIGA_COUNT), 0);
    while_others_write(GIGA_COUNT, 10);
    unmap_all(my_space(), AT, GIGA_COUNT);
    giga_free(first);
}
