// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Mappings beyond the plain ones: moved, of a memory type, executable only, of pinned frames; runs
// and colours of frames; how many flushes a call takes.

#include "abi/revoke.h"
#include "base/string.h"
#include "libos/rt/frames.h"
#include "tests/guest/guest.h"

#define ACCOUNT2      CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SPACE_ACCOUNT CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT)
#define RW            (ABI_PTE_W | ABI_PTE_NX)
#define PTE(va)       ABI_PTES[(va) >> ABI_PAGE_SHIFT]

static i64 mint(u64 rights, u64 first, u64 count) {
    i64 slot =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), rights, first, count);
    CHECK(slot > 0);
    return slot;
}

// --- frames --------------------------------------------------------------------------------------

TEST(runs_and_colours) {
    for (u32 order = 0; order <= 9; order++) {
        i64 first = rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), order, 0);
        CHECK(first > 0 && !((u64)first & ((1ul << order) - 1)));
        if (first <= 0)
            continue;
        for (u64 i = 0; i < 1ul << order; i++)
            CHECK_EQ(frame_row((pfn_t)first + i)->owner, my_account());
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)first, 1ul << order), 0);
    }
    CHECK_EQ(rt_frame_run(CAP_SLOT_ACCOUNT, my_account(), 10, 0), -E_RANGE);
    CHECK_EQ(rt_frame_run(CAP_SLOT_SELF, my_account(), 2, 0), -E_TYPE);
    for (u64 colour = 0; colour < 16; colour++) {
        i64 pfn = rt_frame_colour(CAP_SLOT_ACCOUNT, my_account(), colour, 16, 0);
        CHECK(pfn > 0 && (u64)pfn % 16 == colour);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    }
    CHECK_EQ(rt_frame_colour(CAP_SLOT_ACCOUNT, my_account(), 16, 16, 0), -E_RANGE);
}

static u32 races_lost;

static void take_colours(void *argument) {
    for (u32 i = 0; i < 50; i++) {
        i64 pfn = rt_frame_colour(CAP_SLOT_ACCOUNT, my_account(), 3, 8, 0);
        if (pfn < 0 || (u64)pfn % 8 != 3 || sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1))
            __atomic_fetch_add((u32 *)argument, 1, __ATOMIC_RELAXED);
    }
}

TEST(colours_on_every_cpu) {
    env_id worker[4];
    u32 n = cpus() < 4 ? cpus() : 4;
    races_lost = 0;
    for (u32 i = 0; i < n; i++)
        worker[i] = worker_start(i, take_colours, &races_lost);
    for (u32 i = 0; i < n; i++)
        worker_wait(worker[i]);
    CHECK_EQ(races_lost, 0);
}

TEST(pins) {
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    i64 weak = mint(CAP_RIGHTS_ALL & ~(u64)CAP_RIGHT_PIN, pfn, 1);
    CHECK_EQ(sys_frame_pin((u64)weak, pfn, 1), -E_RIGHTS);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_SELF, pfn, 1), -E_TYPE);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, pfn, 0), -E_RANGE);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, ~0ul, 2), -E_RANGE);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, ABI_INFO->free_first, 1), -E_STALE);
    CHECK_EQ(sys_frame_unpin(CAP_SLOT_ACCOUNT, pfn, 1), -E_INVAL);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    CHECK_EQ(frame_row(pfn)->pins, 1);
    CHECK_EQ(frame_row(pfn)->dma, 1);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), -E_BUSY);
    u32 more = 0;
    while (sys_frame_pin(CAP_SLOT_ACCOUNT, pfn, 1) == 0)
        more++;
    CHECK_EQ(more, 0xff00 - 1);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, pfn, 1), -E_LIMIT);
    while (more--)
        CHECK_EQ(sys_frame_unpin(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    // Unmapped everywhere it may be, but not taken from the device.
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, pfn, 1, RW), 1);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1), 1);
    CHECK_EQ(frame_row(pfn)->maps, 0);
    CHECK_EQ(frame_row(pfn)->kind, FRAME_USER);
    CHECK_EQ(sys_frame_unpin(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
}

// What is pinned when it is taken by force is unmapped at once, and gone with the last pin.
TEST(taking_a_pinned_frame) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 8, 1);
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, (account_id)account, ABI_ANY, 1, 0);
    const volatile struct abi_account *row = account_row((account_id)account);
    CHECK_EQ(sys_space_map(ACCOUNT2, my_space(), SCRATCH, (pfn_t)pfn, 1, RW), 1);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, (u64)pfn, 1, 0),
             0);
    CHECK_EQ(sys_account_take(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, 0), 0);
    CHECK_EQ(PTE(SCRATCH), 0);
    CHECK_EQ(frame_row((pfn_t)pfn)->flags & FRAME_TAKEN, FRAME_TAKEN);
    CHECK_EQ(row->frames, 1);
    CHECK_EQ(sys_space_map(ACCOUNT2, my_space(), SCRATCH, (pfn_t)pfn, 1, RW), -E_RIGHTS);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 1); // does not bring it back
    CHECK_EQ(sys_space_map(ACCOUNT2, my_space(), SCRATCH, (pfn_t)pfn, 1, RW), -E_RIGHTS);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), -E_STALE);
    CHECK_EQ(sys_frame_unpin(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    CHECK_EQ(frame_row((pfn_t)pfn)->kind, FRAME_FREE);
    CHECK_EQ(row->frames, 0);
    // An account that dies leaves a pinned frame to its parent, until the device is done.
    pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, (account_id)account, ABI_ANY, 1, 0);
    CHECK_EQ(sys_frame_pin(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    account_free((account_id)account);
    CHECK_EQ(frame_row((pfn_t)pfn)->owner, my_account());
    CHECK_EQ(sys_frame_unpin(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    CHECK_EQ(frame_row((pfn_t)pfn)->kind, FRAME_FREE);
}

// --- mappings ------------------------------------------------------------------------------------

static volatile u64 denied;
static void note_denied(struct upcall_frame *frame) {
    denied = frame->vector == UPCALL_PF ? frame->error : ~0ul;
    frame->rip += 3; // mov (%rax), %rdx
}

TEST(move_mappings) {
    const u64 far = SCRATCH + (1ul << 30), pages = 700;
    for (u64 i = 0; i < pages; i++) {
        if (i % 5 == 0)
            continue; // holes stay holes
        CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + i * ABI_PAGE, ABI_ANY, 1, RW),
                 1);
        *(volatile u64 *)(SCRATCH + i * ABI_PAGE) = i;
    }
    for (u64 done = 0; done < pages;) {
        i64 n = sys_space_move(CAP_SLOT_SPACE, my_space(), SCRATCH + done * ABI_PAGE,
                               far + done * ABI_PAGE, pages - done);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
    for (u64 i = 0; i < pages; i++) {
        CHECK_EQ(PTE(SCRATCH + i * ABI_PAGE), 0);
        if (i % 5 == 0) {
            CHECK_EQ(PTE(far + i * ABI_PAGE), 0);
            continue;
        }
        CHECK_EQ(*(volatile u64 *)(far + i * ABI_PAGE), i);
        CHECK_EQ(frame_row(ABI_PTE_FRAME(PTE(far + i * ABI_PAGE)))->maps, 1);
    }
    // What was moved is found by its frame.
    pfn_t pfn = ABI_PTE_FRAME(PTE(far + ABI_PAGE));
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1), 1);
    CHECK_EQ(PTE(far + ABI_PAGE), 0);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), far, far + ABI_PAGE, 2), -E_INVAL);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), far, far, 1), -E_INVAL);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), far + 1, SCRATCH, 1), -E_ALIGN);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), far, ABI_TABLES, 1), -E_RANGE);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), ABI_USER_END - ABI_PAGE, far, 2), -E_RANGE);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), far + 2 * ABI_PAGE, far + 3 * ABI_PAGE, 1),
             -E_EXIST);
    CHECK_EQ(sys_space_move(CAP_SLOT_SELF, my_space(), far, SCRATCH, 1), -E_TYPE);
    for (u64 done = 0; done < pages;)
        done +=
            (u64)sys_space_unmap(CAP_SLOT_SPACE, my_space(), far + done * ABI_PAGE, pages - done);
}

// The old address is gone from the processor too.
TEST(move_flushes) {
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, RW), 1);
    *(volatile u64 *)SCRATCH = 1;
    set_upcall_handler(note_denied);
    denied = ~0ul;
    i64 moved = sys_space_move(CAP_SLOT_SPACE, my_space(), SCRATCH, SCRATCH + ABI_PAGE, 1);
    __asm__ volatile(".byte 0x48, 0x8b, 0x10" : : "a"(SCRATCH) : "rdx", "memory");
    set_upcall_handler(0);
    CHECK_EQ(moved, 1);
    CHECK_EQ(denied, 4);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 2), 2);
}

// What is mapped twice is found wherever it has been moved to.
TEST(move_is_found) {
    const u64 far = SCRATCH + 7 * (1ul << 21);
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    for (u64 i = 0; i < 2; i++)
        CHECK_EQ(
            sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + i * ABI_PAGE, pfn, 1, ABI_PTE_NX),
            1);
    CHECK_EQ(sys_space_move(CAP_SLOT_SPACE, my_space(), SCRATCH, far, 2), 2);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1), 1);
    CHECK_EQ(frame_row(pfn)->maps, 0);
    CHECK_EQ(PTE(far) | PTE(far + ABI_PAGE), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
}

TEST(memory_types) {
    i64 weak = mint(CAP_RIGHTS_ALL & ~(u64)CAP_RIGHT_PIN, 0, 0);
    pfn_t pfn = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, weak), my_space(), SCRATCH, pfn, 1,
                           RW | SPACE_MAP_UNCACHED),
             -E_RIGHTS);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, pfn, 1,
                           RW | SPACE_MAP_UNCACHED | SPACE_MAP_COMBINING),
             -E_INVAL);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, pfn, 1, RW | SPACE_MAP_UNCACHED), 1);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + ABI_PAGE, pfn, 1,
                           RW | SPACE_MAP_COMBINING),
             1);
    CHECK_EQ(PTE(SCRATCH) & (ABI_PTE_PCD | ABI_PTE_PWT), ABI_PTE_PCD | ABI_PTE_PWT);
    CHECK_EQ(PTE(SCRATCH + ABI_PAGE) & (ABI_PTE_PCD | ABI_PTE_PWT), ABI_PTE_PWT);
    *(volatile u64 *)SCRATCH = 5;
    CHECK_EQ(*(volatile u64 *)(SCRATCH + ABI_PAGE), 5);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, ABI_PTE_PCD, 0), -E_INVAL);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 2), 2);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
}

static void pkru_set(u32 value) {
    __asm__ volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory");
}
static u32 pkru_get(void) {
    u32 lo, hi;
    __asm__ volatile("rdpkru" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
}

// A page behind a protection key can be executed and not read; the keys' rights are the env's own.
#define PAGE_OF_CODE (SCRATCH + 16 * ABI_PAGE)

TEST(execute_only) {
    if (!(ABI_INFO->features & ABI_FEATURE_PKU))
        return;
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), PAGE_OF_CODE, ABI_ANY, 1, ABI_PTE_W), 1);
    memcpy((void *)PAGE_OF_CODE, "\xb8\x2a\0\0\0\xc3", 6); // mov $42, %eax; ret
    CHECK_EQ(
        sys_space_protect(CAP_SLOT_SPACE, my_space(), PAGE_OF_CODE, 1, ABI_PTE_W, ABI_PTE_PKEY(1)),
        1);
    pkru_set(1u << 2); // no access by key 1
    CHECK_EQ(((int (*)(void))PAGE_OF_CODE)(), 42);
    denied = 0;
    set_upcall_handler(note_denied);
    __asm__ volatile(".byte 0x48, 0x8b, 0x10" : : "a"(PAGE_OF_CODE) : "rdx", "memory");
    CHECK_EQ(denied & 0x20, 0x20); // the processor says: by a key
    set_upcall_handler(0);
    struct child child;
    u64 slice = 200;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    // Another env runs meanwhile, with rights of its own: xor ecx,ecx; rdpkru; mov %eax,0x500000;
    // ud2
    CHECK_EQ(child_make(&child, my_account(), "\x31\xc9\x0f\x01\xee\x89\x04\x25\0\0\x50\0\x0f\x0b",
                        14, slice),
             0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    u64 until = tsc() + ms(10000);
    while (env_row(child.env)->state != ENV_STOPPED && tsc() < until)
        sys_env_yield(CAP_SLOT_ACCOUNT, child.env);
    CHECK_EQ(pkru_get(), 1u << 2);
    CHECK_EQ(env_row(child.env)->stop_vector, UPCALL_UD);
    sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
    CHECK_EQ(pkru_get(), 1u << 2);
    pkru_set(0);
    child_free(&child);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), PAGE_OF_CODE, 1), 1);
}

// --- flushes -------------------------------------------------------------------------------------

static volatile u32 spinning;
static void spin_on(void *argument) {
    (void)argument;
    spinning = 1;
    while (spinning)
        __asm__ volatile("pause");
}

static u64 shootdowns(u32 cpu) {
    return ((const volatile struct abi_cpu *)abi_row(ABI_TABLE_CPUS, cpu))->shootdowns;
}

// One call, one flush, of those processors alone that have the space.
TEST(one_flush_a_call) {
    if (cpus() < 2)
        return;
    u64 last = cpus() - 1, pages = 120;
    env_id worker = worker_start((u32)last, spin_on, 0);
    while (!spinning)
        sys_env_yield(0, 0);
    for (u64 done = 0; done < pages;)
        done += (u64)sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + done * ABI_PAGE, ABI_ANY,
                                   pages - done, RW);
    u64 before = shootdowns((u32)last);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, pages, ABI_PTE_W, 0), pages);
    CHECK_EQ(shootdowns((u32)last), before + 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, pages), pages);
    CHECK_EQ(shootdowns((u32)last), before + 2);
    spinning = 0;
    worker_wait(worker);
    before = shootdowns((u32)last);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, RW), 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    CHECK_EQ(shootdowns((u32)last), before);
}

// --- large mappings ------------------------------------------------------------------------------

#define LARGE   (1ul << 21)
#define COUNT   512ul
#define PDE(va) ABI_PDES[(va) >> 21]
#define AT      (SCRATCH + (40ul << 30)) // no page was ever mapped there

static pfn_t run_take(account_id account) {
    i64 first = rt_frame_run(CAP_SLOT_ACCOUNT, account, 9, 0);
    CHECK(first > 0);
    return (pfn_t)first;
}

static i64 map_large(space_id space, u64 va, pfn_t first, u64 flags) {
    return sys_space_map(ACCOUNT2, space, va, first, COUNT, flags | SPACE_MAP_LARGE);
}

static u32 maps_of_all(pfn_t first) {
    u32 maps = 0;
    for (u64 i = 0; i < COUNT; i++)
        maps += frame_row(first + i)->maps;
    return maps;
}

TEST(large_mappings) {
    pfn_t first = run_take(my_account());
    CHECK_EQ(map_large(my_space(), AT, first, RW), COUNT);
    CHECK(PDE(AT) & ABI_PTE_PS);
    CHECK_EQ(maps_of_all(first), COUNT);
    for (u64 i = 0; i < COUNT; i++)
        *(volatile u64 *)(AT + i * ABI_PAGE) = i;
    CHECK(PDE(AT) & ABI_PTE_D);
    // An alias by a single page shows the same memory.
    CHECK_EQ(sys_space_map(ACCOUNT2, my_space(), SCRATCH, first + 77, 1, ABI_PTE_NX), 1);
    CHECK_EQ(*(volatile u64 *)SCRATCH, 77);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    // A call's buffer may lie in it.
    CHECK_EQ(sys_log_write(CAP_SLOT_CONSOLE, AT + 8 * ABI_PAGE + 16, 0), 0);
    struct batch_op *op = (struct batch_op *)(AT + 9 * ABI_PAGE - 32); // across pages
    *op = (struct batch_op){.call = SYS_env_wake, .args = {CAP_SLOT_SELF, my_env()}, .result = 1};
    CHECK_EQ(sys_batch((u64)op, 1), 1);
    CHECK_EQ(op->result, 0);
    // Protection is of the whole.
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, COUNT, ABI_PTE_W, 0), COUNT);
    CHECK(!(PDE(AT) & ABI_PTE_W));
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, COUNT, 0, ABI_PTE_W), COUNT);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, 1, ABI_PTE_W, 0), -E_INVAL);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, COUNT - 1), -E_INVAL);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT + ABI_PAGE, COUNT), -E_INVAL);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first + 5, 1), -E_BUSY);
    // Nothing is mapped into it, over it, or in the place of it.
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), AT + ABI_PAGE, ABI_ANY, 1, RW), -E_EXIST);
    CHECK_EQ(
        sys_space_map(SPACE_ACCOUNT, my_space(), AT + ABI_PAGE, ABI_ANY, 1, RW | SPACE_MAP_REPLACE),
        -E_EXIST);
    CHECK_EQ(map_large(my_space(), AT, first, RW), -E_EXIST);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, COUNT), COUNT);
    CHECK_EQ(PDE(AT), 0);
    CHECK_EQ(maps_of_all(first), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

TEST(large_mapping_errors) {
    pfn_t first = run_take(my_account());
    u64 caps = ACCOUNT2, flags = RW | SPACE_MAP_LARGE;
    CHECK_EQ(sys_space_map(caps, my_space(), AT + ABI_PAGE, first, COUNT, flags), -E_ALIGN);
    CHECK_EQ(sys_space_map(caps, my_space(), AT, first + 1, COUNT, flags), -E_ALIGN);
    CHECK_EQ(sys_space_map(caps, my_space(), AT, first, COUNT - 1, flags), -E_ALIGN);
    CHECK_EQ(sys_space_map(caps, my_space(), AT, ABI_ANY, COUNT, flags), -E_INVAL);
    CHECK_EQ(sys_space_map(caps, my_space(), AT, first, COUNT, flags | SPACE_MAP_REPLACE),
             -E_INVAL);
    CHECK_EQ(sys_space_map(caps, my_space(), AT, (1ul << 40), COUNT, flags), -E_RANGE);
    CHECK_EQ(sys_space_map(caps, my_space(), AT, 0, COUNT, flags), -E_RIGHTS); // the kernel's
    CHECK_EQ(sys_space_map(caps, my_space(), ABI_USER_END + ABI_PAGE - LARGE, first, COUNT, flags),
             -E_RANGE); // the last page of user space is nobody's
    // One frame of the run is not ours: nothing is mapped.
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 600, 2);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first + 511, 1), 0);
    CHECK_EQ(map_large(my_space(), AT, first, RW), -E_RIGHTS);
    i64 slot = mint(CAP_RIGHTS_ALL, first, 511);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), first + 511, 1, 0), first + 511);
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, slot), my_space(), AT, first, COUNT, flags),
             -E_RIGHTS);
    CHECK_EQ(maps_of_all(first), 0);
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
    slot = mint(CAP_RIGHT_READ, first, COUNT);
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, slot), my_space(), AT, first, COUNT, flags),
             -E_RIGHTS);
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, slot), my_space(), AT, first, COUNT,
                           SPACE_MAP_LARGE | ABI_PTE_NX),
             COUNT);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), AT, COUNT, 0, ABI_PTE_W), -E_RIGHTS);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, COUNT), COUNT);
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
    // An upcall stack is made of single pages.
    CHECK_EQ(map_large(my_space(), AT, first, RW), COUNT);
    struct env_setup setup = {.upcall_entry = 1, .upcall_stack = AT, .upcall_pages = 1};
    CHECK_EQ(sys_env_set(CAP_SLOT_SELF, my_env(), (u64)&setup), -E_INVAL);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, COUNT), COUNT);
    account_free((account_id)account);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

// One frame of it is revoked, or taken: the mapping goes as a whole, wherever it is; and with its
// space, and by a range of several.
TEST(large_mappings_go) {
    pfn_t first = run_take(my_account());
    i64 other = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    CHECK_EQ(map_large(my_space(), AT, first, RW), COUNT);
    CHECK_EQ(map_large((space_id)other, AT + 3 * LARGE, first, RW), COUNT);
    *(volatile u64 *)(AT + 100 * ABI_PAGE) = 1;
    i64 done;
    while ((done = sys_frame_revoke(CAP_SLOT_ACCOUNT, first + 100, 1)) == -E_AGAIN)
        ;
    CHECK_EQ(done, 1);
    CHECK_EQ(PDE(AT), 0);
    CHECK_EQ(maps_of_all(first), 0);
    denied = ~0ul;
    set_upcall_handler(note_denied);
    __asm__ volatile(".byte 0x48, 0x8b, 0x10" : : "a"(AT + 100 * ABI_PAGE) : "rdx", "memory");
    set_upcall_handler(0);
    CHECK_EQ(denied, 4);
    CHECK_EQ(map_large((space_id)other, AT, first, RW), COUNT);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, (space_id)other, AT, COUNT, 0, ABI_PTE_S0), COUNT);
    space_free((space_id)other);
    CHECK_EQ(maps_of_all(first), 0);
    CHECK_EQ(map_large(my_space(), AT, first, RW), COUNT);
    CHECK_EQ(map_large(my_space(), AT + 2 * LARGE, first, RW), COUNT);
    for (u64 n = 0; n < 4 * COUNT;) {
        done = sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT + n * ABI_PAGE, 4 * COUNT - n);
        CHECK(done > 0);
        if (done <= 0)
            break;
        n += (u64)done;
    }
    CHECK_EQ(maps_of_all(first), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, COUNT), 0);
}

TEST(taking_a_frame_of_a_large_mapping) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 600, 2);
    pfn_t first = run_take((account_id)account);
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, (account_id)account), n;
    CHECK_EQ(map_large((space_id)space, AT, first, RW), COUNT);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, first + 3, 1, 0),
             0);
    while ((n = sys_account_take(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, 0)) > 0 ||
           n == -E_AGAIN)
        ;
    CHECK_EQ(frame_row(first + 3)->kind, FRAME_FREE);
    CHECK_EQ(frame_row(first + 4)->maps, 0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, ABI_ANY, 600, 0),
             0);
    while ((n = sys_account_take(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, 0)) > 0 ||
           n == -E_AGAIN)
        ;
    CHECK_EQ(n, 0);
    CHECK_EQ(account_row((account_id)account)->frames, space_row((space_id)space)->tables);
    account_free((account_id)account);
}

// Large mappings are made and removed by one processor while another frees and revokes frames of
// them: each call does all or says why not, and nothing is left behind.
static pfn_t racing;
static volatile u32 racing_on;

static void map_large_and_unmap(void *argument) {
    u64 at = AT + (u64)argument * LARGE;
    while (racing_on) {
        map_large(my_space(), at, racing, RW);
        sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, COUNT);
    }
    sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, COUNT);
}

TEST(large_mappings_on_every_cpu) {
    env_id worker[3];
    u32 n = cpus() < 3 ? cpus() : 3;
    racing = run_take(my_account());
    racing_on = 1;
    for (u32 i = 0; i < n; i++)
        worker[i] = worker_start(i, map_large_and_unmap, (void *)(u64)i);
    for (u32 i = 0; i < 100; i++) {
        pfn_t pfn = racing + guest_random() % COUNT;
        i64 done = sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1);
        CHECK(done == 1 || done == -E_AGAIN);
        if (sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1) == 0)
            CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), pfn, 1, 0), (i64)pfn);
        sys_env_yield(0, 0);
    }
    racing_on = 0;
    for (u32 i = 0; i < n; i++)
        worker_wait(worker[i]);
    CHECK_EQ(maps_of_all(racing), 0);
    for (u64 i = 0; i < COUNT; i++) // no search is left unfinished
        while (sys_frame_revoke(CAP_SLOT_ACCOUNT, racing + i, 1) == -E_AGAIN)
            ;
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, racing, COUNT), 0);
}
