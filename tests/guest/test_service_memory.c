// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory services and page faults that extensions handle: copy-on-write, a write barrier; what
// services refuse; faults that nobody handles, or that happen while the handler dies.

#include "abi/revoke.h"
#include "tests/guest/service.h"

#define RW      (ABI_PTE_W | ABI_PTE_NX)
#define AT      SCRATCH
#define CAPS    (CAP_SLOT_SPACE | (u64)CAP_SLOT_ACCOUNT << 32)
#define PAGE(i) ((volatile u64 *)(AT + (i)*ABI_PAGE))

static u32 upcalls;
static u64 upcall_address;

// Unprotects and goes on.
static void note_fault(struct upcall_frame *frame) {
    upcalls++;
    upcall_address = frame->address;
    u64 page = frame->address & ~(ABI_PAGE - 1);
    if (sys_space_protect(CAP_SLOT_SPACE, my_space(), page, 1, 0, ABI_PTE_W) != 1 ||
        !(ABI_PTES[page >> 12] & ABI_PTE_P))
        CHECK_EQ(sys_space_map(CAPS, my_space(), page, ABI_ANY, 1, RW), 1);
}

static void pages_make(u64 count) {
    CHECK_EQ(sys_space_map(CAPS, my_space(), AT, ABI_ANY, count, RW), count);
}

static void pages_drop(u64 count) {
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT, count), count);
}

static void baseline(u64 *frames) {
    pages_make(1); // tables stay
    pages_drop(1);
    *frames = account_row(my_account())->frames;
}

TEST(memory_barrier_notes_first_writes) {
    u64 frames;
    baseline(&frames);
    i64 barrier = LOAD(barrier);
    CHECK(barrier > 0);
    pages_make(8);
    upcalls = 0;
    set_upcall_handler(note_fault);
    CHECK_EQ(watch(self(), barrier, WATCH_FAULTS), 0);
    CHECK_EQ(call4(barrier, "watch_pages", my_space(), AT, 8, 0), 1);
    CHECK_EQ(call(barrier, "clean", 0, 0), 0);
    for (u32 round = 0; round < 3; round++) {
        *PAGE(1) = 11;
        *PAGE(5) = *PAGE(1) + 4;
        *PAGE(1) = 12;
        CHECK_EQ(*PAGE(5), 15);
        CHECK_EQ(call(barrier, "barriers", 0, 0), 2 * (round + 1));
        CHECK_EQ(call(barrier, "clean", 0, 0), 1 << 1 | 1 << 5);
    }
    CHECK_EQ(*PAGE(1), 12);
    CHECK_EQ(*PAGE(2), 0);
    CHECK_EQ(upcalls, 0);
    // Elsewhere the env hears of it as usual; and everywhere, when the extension is gone.
    CHECK_EQ(sys_space_map(CAPS, my_space(), AT + 16 * ABI_PAGE, ABI_ANY, 1, ABI_PTE_NX), 1);
    *PAGE(16) = 1;
    CHECK_EQ(upcalls, 1);
    CHECK_EQ(upcall_address, (u64)PAGE(16));
    *PAGE(17) = 1; // not there at all
    CHECK_EQ(upcalls, 2);
    unload(barrier);
    *PAGE(3) = 1;
    CHECK_EQ(upcalls, 3);
    set_upcall_handler(0);
    pages_drop(18);
    settle(frames);
}

TEST(memory_copy_on_write) {
    u64 frames;
    baseline(&frames);
    i64 cow = LOAD(cow);
    CHECK(cow > 0);
    // The other space has no env: what it maps is looked at through its frames.
    i64 other = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    CHECK(other > 0);
    pages_make(4);
    for (u64 i = 0; i < 4; i++)
        *PAGE(i) = 100 + i;
    CHECK_EQ(watch(self(), cow, WATCH_FAULTS), 0);
    CHECK_EQ(call4(cow, "share", my_space(), (u64)other, AT, 4), 4);
    u64 held = account_row(my_account())->frames;
    CHECK_EQ(ABI_PTES[AT >> 12] & ABI_PTE_W, 0);
    CHECK_EQ(frame_row(ABI_PTE_FRAME(ABI_PTES[AT >> 12]))->maps, 2);
    pfn_t theirs = ABI_PTE_FRAME(ABI_PTES[(AT >> 12) + 2]);
    CHECK_EQ(*PAGE(2), 102);
    *PAGE(2) = 7; // copied
    CHECK_EQ(*PAGE(2), 7);
    CHECK(ABI_PTE_FRAME(ABI_PTES[(AT >> 12) + 2]) != theirs);
    CHECK_EQ(frame_row(theirs)->maps, 1);
    CHECK_EQ(account_row(my_account())->frames, held + 1);
    CHECK_EQ(call(cow, "copies", 0, 0), 1);
    CHECK_EQ(sys_space_map(CAPS, my_space(), AT + 9 * ABI_PAGE, theirs, 1, RW), 1);
    CHECK_EQ(*PAGE(9), 102); // as it was
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), AT + 9 * ABI_PAGE, 1), 1);
    space_free((space_id)other);
    *PAGE(3) = 8; // nobody else has it any more
    CHECK_EQ(call(cow, "copies", 0, 0), 1);
    CHECK_EQ(call(cow, "last_uses", 0, 0), 1);
    CHECK_EQ(*PAGE(0), 100);
    pages_drop(4);
    unload(cow);
    settle(frames);
}

// Looks at all pages often enough to see that they are idle, and to send all that may go away.
static void sweep_all(i64 pager, u64 count) {
    u64 until = tsc() + ms(20000);
    for (u32 turn = 0; turn < 2; turn++) {
        CHECK_EQ(call4(pager, "sweep", my_space(), AT, count, 0), 1);
        while (call(pager, "sweeping", 0, 0) && tsc() < until)
            sys_env_sleep(env_row(my_env())->wakes, tsc() + ms(1));
        CHECK_EQ(call(pager, "sweeping", 0, 0), 0);
    }
}

TEST(memory_compressed_pager) {
    u64 frames;
    baseline(&frames);
    i64 pager = LOAD(pager);
    CHECK_EQ(pager < 0 ? pager : 0, 0);
    if (pager < 0)
        return;
    pages_make(32);
    for (u64 i = 0; i < 30; i++)
        for (u64 word = 0; word < 512; word++)
            PAGE(i)[word] = i * 1000 + word / (i + 20);
    for (u64 word = 0; word < 512; word++) // too many different words
        PAGE(31)[word] = word * 0x9e3779b97f4a7c15;
    upcalls = 0;
    set_upcall_handler(note_fault);
    CHECK_EQ(watch(self(), pager, WATCH_FAULTS), 0);
    sweep_all(pager, 0); // its strand has frames too
    u64 before = account_row(my_account())->frames;
    sweep_all(pager, 32);
    CHECK_EQ(account_row(my_account())->frames, before - 31);
    CHECK_EQ(ABI_PTES[AT >> 12] & (ABI_PTE_P | ABI_PTE_U), ABI_PTE_P);
    for (u32 round = 0; round < 2; round++) {
        for (u64 i = 0; i < 30; i++)
            for (u64 word = 0; word < 512; word += 1 + word % 7)
                if (PAGE(i)[word] != i * 1000 + word / (i + 20)) {
                    check_failed(__FILE__, __LINE__, "contents", (i64)i, (i64)word);
                    break;
                }
        CHECK_EQ(call(pager, "pages_in", 0, 0), 30 * (round + 1));
        sweep_all(pager, 32);
    }
    // What is unmapped while it is out is gone, whatever comes next at that place.
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), (u64)PAGE(3), 1), 1);
    CHECK_EQ(*PAGE(3), 0);
    CHECK_EQ(upcalls, 1);
    *PAGE(3) = 5;
    sweep_all(pager, 32);
    CHECK_EQ(*PAGE(3), 5);
    CHECK_EQ(*PAGE(4), 4000);
    CHECK_EQ(upcalls, 1);
    set_upcall_handler(0);
    CHECK_EQ(watch(self(), 0, 0), 0);
    pages_drop(32);
    unload(pager);
    settle(frames);
}

// Which frames go back is the extension's choice; accounts that it does not pay for are none of its
// business.
TEST(memory_reclaim_asks_the_extension) {
    u64 frames = account_row(my_account())->frames;
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 200, 1);
    i64 other = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 20, 1);
    CHECK(account > 0 && other > 0);
    extern const char object_reserve[], object_reserve_end[];
    struct ext_load request = {.object = (u64)object_reserve,
                               .bytes = (u64)(object_reserve_end - object_reserve)};
    i64 ext = sys_ext_load(CAP_SLOT_ACCOUNT, (account_id)account, (u64)&request, 0);
    CHECK(ext > 0);
    for (u32 i = 0; i < 8; i++)
        CHECK((i64)call(ext, "keep", (u64)account, 0) > 0);
    pfn_t kept = call(ext, "frame_at", 3, 0), gone6 = call(ext, "frame_at", 6, 0);
    u64 had = account_row((account_id)account)->frames;
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)other, REVOKE_FRAMES, ABI_ANY, 3, ~0ul),
             0);
    CHECK_EQ(call(ext, "times_asked", 0, 0), 0);
    CHECK_EQ(
        sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, ABI_ANY, 3, ~0ul), 0);
    CHECK_EQ(call(ext, "times_asked", 0, 0), 1);
    CHECK_EQ(account_row((account_id)account)->frames, had - 3);
    CHECK_EQ(frame_row(gone6)->kind, FRAME_FREE);
    CHECK_EQ(frame_row(kept)->owner, account);
    for (u32 i = 0; i < 8; i += 2)
        CHECK_EQ(call(ext, "frame_at", i, 0) == 0, i > 0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)account, REVOKE_FRAMES, ABI_ANY, 0, 0),
             0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, (account_id)other, REVOKE_FRAMES, ABI_ANY, 0, 0), 0);
    unload(ext);
    account_free((account_id)account);
    account_free((account_id)other);
    settle(frames);
}
