// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What fork is made of: pages copied by the kernel (SPACE_MAP_COPY), and tables copied without
// entries that nobody used (SPACE_COPY_UNUSED).

#include "base/string.h"
#include "tests/guest/guest.h"

#define BOTH CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define DATA (ABI_PTE_W | ABI_PTE_NX)
#define COPY (DATA | SPACE_MAP_COPY)

static i64 map_new(u64 va, u64 count) {
    return sys_space_map(BOTH, my_space(), va, ABI_ANY, count, DATA);
}

static pfn_t frame_at(u64 va) {
    return ABI_PTE_FRAME(ABI_PTES[va >> ABI_PAGE_SHIFT]);
}

static void fill(u64 va, u64 bytes, u64 seed) {
    for (u64 i = 0; i < bytes / 8; i++)
        ((u64 *)va)[i] = seed + i * i;
}

static int filled(u64 va, u64 bytes, u64 seed) {
    for (u64 i = 0; i < bytes / 8; i++)
        if (((u64 *)va)[i] != seed + i * i)
            return 0;
    return 1;
}

TEST(map_copy) {
    CHECK_EQ(map_new(SCRATCH, 3), 3);
    fill(SCRATCH, 3 * ABI_PAGE, 7);
    pfn_t old[3] = {frame_at(SCRATCH), frame_at(SCRATCH + ABI_PAGE), frame_at(SCRATCH + 8192)};
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, ABI_ANY, 3, COPY), -E_EXIST);
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, ABI_ANY, 3, COPY | SPACE_MAP_REPLACE), 3);
    CHECK(filled(SCRATCH, 3 * ABI_PAGE, 7));
    for (u32 i = 0; i < 3; i++)
        CHECK(frame_at(SCRATCH + i * ABI_PAGE) != old[i]);
    for (u32 i = 1; i < 3; i++)
        CHECK(frame_row(old[i])->kind == FRAME_FREE || frame_row(old[i])->owner == my_account());
    // One page by itself, the short way.
    fill(SCRATCH, ABI_PAGE, 9);
    pfn_t before = frame_at(SCRATCH);
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, ABI_ANY, 1, COPY | SPACE_MAP_REPLACE), 1);
    CHECK(frame_at(SCRATCH) != before);
    CHECK(filled(SCRATCH, ABI_PAGE, 9));
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 3), 3);
}

// The kernel clears and copies pages with the program's own vector registers.
struct vector {
    u64 word[4];
};

static i64 map_with_vectors(u64 flags, struct vector *vectors) {
    const u64 space = my_space(), wide = ABI_INFO->xcr0 & 4; // before registers are set
    register u64 rax __asm__("rax") = ABI_SYSCALL_BASE + SYS_space_map;
    register u64 rdi __asm__("rdi") = BOTH;
    register u64 rsi __asm__("rsi") = space;
    register u64 rdx __asm__("rdx") = SCRATCH;
    register u64 r10 __asm__("r10") = ABI_ANY;
    register u64 r8 __asm__("r8") = 1;
    register u64 r9 __asm__("r9") = flags;
    if (wide)
        __asm__ volatile("vmovdqu (%7), %%ymm0\n vmovdqu 32(%7), %%ymm1\n syscall\n"
                         "vmovdqu %%ymm0, 64(%7)\n vmovdqu %%ymm1, 96(%7)\n vzeroall"
                         : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                         : "b"(vectors)
                         : "rcx", "r11", "memory", "xmm0", "xmm1");
    else
        __asm__ volatile("movdqu (%7), %%xmm0\n movdqu 32(%7), %%xmm1\n syscall\n"
                         "movdqu %%xmm0, 64(%7)\n movdqu %%xmm1, 96(%7)"
                         : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                         : "b"(vectors)
                         : "rcx", "r11", "memory", "xmm0", "xmm1");
    return (i64)rax;
}

TEST(pages_without_vectors_lost) {
    static const u64 how[] = {DATA, COPY | SPACE_MAP_REPLACE};
    const u64 words = ABI_INFO->xcr0 & 4 ? 4 : 2;
    for (u32 i = 0; i < 2; i++) {
        struct vector v[4] = {0};
        for (u64 w = 0; w < words; w++) {
            v[0].word[w] = guest_random();
            v[1].word[w] = guest_random();
        }
        CHECK_EQ(map_with_vectors(how[i], v), 1);
        for (u64 w = 0; w < words; w++) {
            CHECK_EQ(v[2].word[w], v[0].word[w]);
            CHECK_EQ(v[3].word[w], v[1].word[w]);
        }
        CHECK(!i || filled(SCRATCH, ABI_PAGE, 5));
        for (u64 w = 0; !i && w < ABI_PAGE / 8; w++)
            CHECK_EQ(((u64 *)SCRATCH)[w], 0);
        fill(SCRATCH, ABI_PAGE, 5);
    }
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
}

// Into another space goes what the caller has at the address, and nothing else.
TEST(map_copy_to_another_space) {
    struct child child;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    CHECK_EQ(map_new(SCRATCH, 1), 1);
    fill(SCRATCH, ABI_PAGE, 3);
    pfn_t mine = frame_at(SCRATCH);
    CHECK_EQ(sys_space_map(BOTH, child.space, SCRATCH, ABI_ANY, 1, COPY), 1);
    CHECK_EQ(frame_row(mine)->maps, 1);
    CHECK_EQ(sys_space_map(BOTH, child.space, SCRATCH, ABI_ANY, 1, COPY), -E_EXIST);
    // What only the child has is not the caller's to copy.
    CHECK_EQ(sys_space_map(BOTH, child.space, SCRATCH + ABI_PAGE, ABI_ANY, 1, DATA), 1);
    CHECK_EQ(
        sys_space_map(BOTH, child.space, SCRATCH + ABI_PAGE, ABI_ANY, 1, COPY | SPACE_MAP_REPLACE),
        -E_FAULT);
    child_free(&child);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
}

// What was written is dirty in the copy of its mapping too; used it is not.
TEST(copies_are_dirty) {
    struct child child;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    CHECK_EQ(map_new(SCRATCH, 2), 2);
    *(volatile u64 *)SCRATCH = 1;
    (void)*(volatile u64 *)(SCRATCH + ABI_PAGE);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, child.space, SCRATCH, 2, 0, ABI_PTE_S0), 2);
    CHECK_EQ(sys_space_unmap_if(CAP_SLOT_ACCOUNT, child.space, SCRATCH, 2, ABI_PTE_A, ABI_PTE_A),
             2);
    CHECK_EQ(frame_row(frame_at(SCRATCH))->maps, 2);
    CHECK_EQ(sys_space_unmap_if(CAP_SLOT_ACCOUNT, child.space, SCRATCH, 2, ABI_PTE_D, 0), 2);
    CHECK_EQ(frame_row(frame_at(SCRATCH))->maps, 2);
    CHECK_EQ(frame_row(frame_at(SCRATCH + ABI_PAGE))->maps, 1);
    child_free(&child);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 2), 2);
}

TEST(map_copy_errors) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 1, 0);
    i64 small = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHTS_ALL,
                             (u64)account, CAP_MINT_ACCOUNT);
    CHECK(small > 0);
    CHECK_EQ(map_new(SCRATCH, 2), 2);
    u64 flags = COPY | SPACE_MAP_REPLACE;
    pfn_t pfn = frame_at(SCRATCH);
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, pfn, 1, flags), -E_INVAL);
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, ABI_ANY, 3, flags), -E_FAULT);
    CHECK_EQ(
        sys_space_map(CAP_PAIR(CAP_SLOT_ACCOUNT, small), my_space(), SCRATCH, ABI_ANY, 2, flags),
        -E_NOMEM);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, ABI_PTE_U, 0), 1);
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH, ABI_ANY, 1, flags), -E_FAULT);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 2), 2);
    CHECK_EQ(sys_cap_drop((u64)small), 0);
    account_free((account_id)account);
}

// Of four pages two are marked, and of these one is read.
TEST(copy_leaves_out_what_is_unused) {
    u64 share = SPACE_COPY_UNUSED(ABI_PTE_S2);
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, my_account());
    CHECK_EQ(map_new(SCRATCH, 2), 2);
    CHECK_EQ(sys_space_map(BOTH, my_space(), SCRATCH + 2 * ABI_PAGE, ABI_ANY, 2, DATA | ABI_PTE_S2),
             2);
    (void)*(volatile u64 *)SCRATCH;
    (void)*(volatile u64 *)(SCRATCH + 2 * ABI_PAGE);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, (space_id)space, SCRATCH, 4, share, ABI_PTE_S0), 4);
    for (u32 i = 0; i < 4; i++)
        CHECK_EQ(frame_row(frame_at(SCRATCH + i * ABI_PAGE))->maps, i == 3 ? 1 : 2);
    CHECK(ABI_PTES[(SCRATCH >> ABI_PAGE_SHIFT) + 3] & ABI_PTE_W); // nobody shares it
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, (space_id)space, SCRATCH, 4, 0, ABI_PTE_S0), 4);
    CHECK_EQ(frame_row(frame_at(SCRATCH + 3 * ABI_PAGE))->maps, 2);
    CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, (space_id)space, SCRATCH, 4, 1ul << 20, 0), -E_INVAL);
    space_free((space_id)space);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 4), 4);
}

// A long range of particular frames: runs are mapped at once, up to what is there already or is not
// the capability's.
TEST(runs_of_frames) {
    pfn_t first = 0;
    for (pfn_t pfn = 1, run = 0; pfn < ABI_INFO->frames && !first; pfn++) {
        run = frame_row(pfn)->kind == FRAME_FREE ? run + 1 : 0;
        if (run == 600)
            first = pfn - 599;
    }
    CHECK(first);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), first, 300, 0), first);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), first + 300, 300, 0), first + 300);
    u64 at = SCRATCH + 500 * ABI_PAGE; // over the end of a table
    CHECK_EQ(sys_space_map(BOTH, my_space(), at, first, 600, DATA), 600);
    for (u64 i = 0; i < 600; i++) {
        CHECK_EQ(frame_at(at + i * ABI_PAGE), first + i);
        CHECK_EQ(frame_row(first + i)->maps, 1);
    }
    for (u64 done = 0; done < 600;)
        done += (u64)sys_space_unmap(CAP_SLOT_SPACE, my_space(), at + done * ABI_PAGE, 600 - done);
    i64 part = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHTS_ALL,
                            first + 10, 20);
    CHECK(part > 0);
    u64 caps = CAP_PAIR(CAP_SLOT_ACCOUNT, part);
    CHECK_EQ(sys_space_map(caps, my_space(), at, first + 9, 5, DATA), -E_RIGHTS);
    CHECK_EQ(sys_space_map(caps, my_space(), at, first + 10, 21, DATA), -E_RIGHTS);
    CHECK_EQ(frame_row(first + 29)->maps, 1); // those before are mapped
    CHECK_EQ(frame_row(first + 30)->maps, 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, 20), 20);
    CHECK_EQ(sys_space_map(caps, my_space(), at + 7 * ABI_PAGE, first + 10, 1, DATA), 1);
    CHECK_EQ(sys_space_map(caps, my_space(), at, first + 10, 20, DATA), -E_EXIST);
    CHECK_EQ(frame_row(first + 16)->maps, 1);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, 20), 20);
    CHECK_EQ(sys_space_map(BOTH, my_space(), at, ABI_INFO->frames - 1, 2, DATA), -E_RIGHTS);
    CHECK_EQ(sys_cap_drop((u64)part), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first, 300), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, first + 300, 300), 0);
}

// Frames that the kernel used for envs, page tables and roots, and gives out again without clearing
// them, are zero.
TEST(used_frames_are_zero) {
    for (u32 round = 0; round < 8; round++) {
        struct child child;
        u64 slice = (cpus() - 1) * (u64)ABI_SLICES + 310, pages = 0;
        CHECK_EQ(
            sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
            0);
        CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, slice), 0);
        for (u32 slot = CAP_SLOT_FREE; slot < CAP_SLOTS; slot++)
            CHECK(sys_cap_mint(BOTH, child.env, CAP_RIGHT_READ, 0, 0) > 0);
        for (u64 at = SCRATCH; at < SCRATCH + (20ul << 39) && round & 1; at += 1ul << 39)
            CHECK_EQ(sys_space_map(BOTH, child.space, at, ABI_ANY, 1, DATA), 1);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
        for (u64 until = tsc() + ms(round & 2 ? 50 : 0); tsc() < until;) // preempted by force
            sys_env_yield(0, 0);
        child_free(&child);
        CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
        for (u64 i = 0; i < 80; i++, pages++)
            CHECK_EQ(map_new(SCRATCH + i * ABI_PAGE, 1), 1);
        for (u64 i = 0; i < pages * ABI_PAGE / 8; i++)
            if (((volatile u64 *)SCRATCH)[i])
                check_failed(__FILE__, __LINE__, "zero", (i64)((volatile u64 *)SCRATCH)[i], 0);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, pages), pages);
    }
}
