// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Mappings that go if their entries say so (space_unmap_if): what a library OS drops first when it
// is asked for memory.

#include "base/string.h"
#include "tests/guest/guest.h"

#define BOTH  CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define DATA  (ABI_PTE_W | ABI_PTE_NX)
#define PAGES 16ul

static void map_new(u64 pages) {
    for (u64 done = 0; done < pages;) {
        i64 n = sys_space_map(BOTH, my_space(), SCRATCH + (done << ABI_PAGE_SHIFT), ABI_ANY,
                              pages - done, DATA);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
}

static u64 entry_at(u64 page) {
    return ABI_PTES[(SCRATCH >> ABI_PAGE_SHIFT) + page];
}

static volatile u64 *word_at(u64 page) {
    return (volatile u64 *)(SCRATCH + (page << ABI_PAGE_SHIFT));
}

static i64 drop(u64 pages, u64 mask, u64 value) {
    return sys_space_unmap_if(CAP_SLOT_SPACE, my_space(), SCRATCH, pages, mask, value);
}

TEST(unmap_the_clean) {
    map_new(PAGES);
    pfn_t frame[PAGES];
    for (u64 i = 0; i < PAGES; i++)
        frame[i] = ABI_PTE_FRAME(entry_at(i));
    for (u64 i = 0; i < PAGES; i += 2)
        *word_at(i) = i + 1;
    (void)*word_at(1);
    CHECK_EQ(drop(PAGES, ABI_PTE_A | ABI_PTE_D, ABI_PTE_A), PAGES); // read, and not written
    for (u64 i = 0; i < PAGES; i++)
        CHECK_EQ(entry_at(i) != 0, i != 1);
    CHECK_EQ(drop(PAGES, ABI_PTE_D, 0), PAGES);
    for (u64 i = 0; i < PAGES; i++) {
        CHECK_EQ(entry_at(i) != 0, i % 2 == 0);
        CHECK_EQ(frame_row(frame[i])->kind, i % 2 ? FRAME_FREE : FRAME_USER);
        if (i % 2 == 0)
            CHECK_EQ(*word_at(i), i + 1);
    }
    // A mark of the program's own, and all there are, whatever they look like.
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 3, 0, ABI_PTE_S3), 3);
    CHECK_EQ(drop(PAGES, ABI_PTE_S3, ABI_PTE_S3), PAGES);
    for (u64 i = 0; i < PAGES; i++)
        CHECK_EQ(entry_at(i) != 0, i % 2 == 0 && i > 2);
    CHECK_EQ(drop(PAGES, 0, 0), PAGES);
    for (u64 i = 0; i < PAGES; i++)
        CHECK_EQ(entry_at(i), 0);
}

// Holes of every size cost little, and the call stops after a bounded amount of work.
TEST(unmap_if_in_holes) {
    map_new(1);
    CHECK_EQ(drop(1, ABI_PTE_D, ABI_PTE_D), 1);
    CHECK(entry_at(0) != 0);
    u64 done = 0, calls = 0;
    while (done < ABI_RANGE_PAGES && calls++ < 1000) {
        i64 n = sys_space_unmap_if(CAP_SLOT_SPACE, my_space(), SCRATCH + (done << ABI_PAGE_SHIFT),
                                   ABI_RANGE_PAGES - done, ABI_PTE_D, ABI_PTE_D);
        CHECK(n > 0);
        done += n > 0 ? (u64)n : ABI_RANGE_PAGES;
    }
    CHECK_EQ(done, ABI_RANGE_PAGES);
    CHECK(entry_at(0) != 0);
    CHECK_EQ(drop(1, 0, 0), 1);
}

TEST(unmap_if_errors) {
    CHECK_EQ(drop(1, ABI_PTE_P, 0), -E_INVAL);
    CHECK_EQ(drop(1, ABI_PTE_PS, 0), -E_INVAL);
    CHECK_EQ(drop(1, ABI_PTE_FRAME_MASK, 0), -E_INVAL);
    CHECK_EQ(drop(1, ABI_PTE_D, ABI_PTE_A), -E_INVAL);
    CHECK_EQ(drop(ABI_RANGE_PAGES + 1, ABI_PTE_D, 0), -E_RANGE);
    CHECK_EQ(sys_space_unmap_if(CAP_SLOT_SPACE, my_space(), SCRATCH + 8, 1, 0, 0), -E_ALIGN);
    CHECK_EQ(sys_space_unmap_if(CAP_SLOT_SPACE, my_space(), ABI_USER_END, 1, 0, 0), -E_RANGE);
    CHECK_EQ(sys_space_unmap_if(CAP_SLOT_SPACE, my_space(), ABI_USER_END - ABI_PAGE, 2, 0, 0),
             -E_RANGE);
}

// --- against who writes --------------------------------------------------------------------------

// A worker writes to one page after another while the clean ones are being dropped: what it has
// written stays, and what is gone it has not written.
static volatile u64 faulted, round_ready, round_done;

static void note_fault(struct upcall_frame *frame) {
    CHECK_EQ(frame->vector, UPCALL_PF);
    faulted |= 1ul << ((frame->address - SCRATCH) >> ABI_PAGE_SHIFT);
    frame->rip += 3; // mov %rdx, (%rax)
}

// Outside of the kernel, where another processor waits for it; with one processor there is nobody.
static void wait_a_little(void) {
    for (u32 i = 0; i < 100 && cpus() > 1; i++)
        __asm__ volatile("pause");
    if (cpus() == 1)
        sys_env_yield(0, 0);
}

static void write_all(void *argument) {
    set_upcall_handler(note_fault);
    for (u64 round = 1; round <= (u64)argument; round++) {
        while (round_ready != round)
            wait_a_little();
        for (u64 i = 0; i < PAGES; i++)
            __asm__ volatile(".byte 0x48, 0x89, 0x10" : : "a"(word_at(i)), "d"(round) : "memory");
        round_done = round;
    }
}

TEST(unmap_if_against_who_writes) {
    const u64 rounds = 50;
    round_ready = round_done = 0;
    env_id worker = worker_start(cpus() - 1, write_all, (void *)rounds);
    for (u64 round = 1; round <= rounds; round++) {
        map_new(PAGES);
        faulted = 0;
        round_ready = round;
        do {
            CHECK_EQ(drop(PAGES, ABI_PTE_D, 0), PAGES);
            wait_a_little();
        } while (round_done != round);
        for (u64 i = 0; i < PAGES; i++) {
            CHECK_EQ(entry_at(i) == 0, faulted >> i & 1);
            if (entry_at(i))
                CHECK_EQ(*word_at(i), round);
        }
        CHECK_EQ(drop(PAGES, 0, 0), PAGES);
    }
    worker_wait(worker);
}
