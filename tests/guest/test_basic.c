// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Calls, errors, exposed tables, capabilities, frames, mappings: one processor is enough.

#include "gen/syscalls_batch.h"
#include "tests/guest/guest.h"

#define ACCOUNT2      CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SPACE_ACCOUNT CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT)

static i64 raw_call(u64 number) {
    i64 result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number)
                     : "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory");
    return result;
}

TEST(null) {
    CHECK_EQ(sys_null(), 0);
}

TEST(unknown_numbers) {
    CHECK_EQ(raw_call(ABI_SYSCALL_BASE + SYS_COUNT), -E_NOSYS);
    CHECK_EQ(raw_call(ABI_SYSCALL_BASE + 0xffff), -E_NOSYS);
    CHECK_EQ(raw_call(0), 1000);
    CHECK_EQ(raw_call(39), 1039);
    CHECK_EQ(raw_call(~0ul), 999);
    CHECK_EQ(raw_call(1ul << 63), (i64)((1ul << 63) + 1000));
}

// What a call leaves in the registers it does not define.
TEST(registers_after_call) {
    u64 rdi = 1, rsi = 2, rdx = 3, r10, r8, r9, rbx, r12, rax = ABI_SYSCALL_BASE;
    __asm__ volatile(
        "mov $7, %%r8\n mov $7, %%r9\n mov $7, %%r10\n mov $9, %%rbx\n mov $9, %%r12\n syscall\n"
        "mov %%r8, %3\n mov %%r9, %4\n mov %%r10, %5\n mov %%rbx, %6\n mov %%r12, %7\n"
        : "+D"(rdi), "+S"(rsi), "+d"(rdx), "=m"(r8), "=m"(r9), "=m"(r10), "=m"(rbx), "=m"(r12),
          "+a"(rax)
        :
        : "rcx", "r11", "r8", "r9", "r10", "rbx", "r12", "memory");
    CHECK_EQ(rax, 0);
    CHECK_EQ(rdi | rsi | rdx | r8 | r9 | r10, 0);
    CHECK_EQ(rbx, 9);
    CHECK_EQ(r12, 9);
}

TEST(tables) {
    CHECK_EQ(ABI_INFO->version, ABI_VERSION);
    CHECK(ABI_INFO->cpus >= 1 && ABI_INFO->cpus <= ABI_CPUS_MAX);
    CHECK(ABI_INFO->tsc_hz > 1000000);
    CHECK_EQ(env_row(my_env())->state, ENV_RUNNING);
    CHECK_EQ(account_row(my_account())->id, my_account());
    u64 frames = 0, own = 0;
    for (pfn_t pfn = 0; pfn < ABI_INFO->frames; pfn++) {
        frames += frame_row(pfn)->kind == FRAME_FREE;
        own += frame_row(pfn)->owner == my_account() && frame_row(pfn)->kind >= FRAME_USER &&
               frame_row(pfn)->kind != FRAME_KERNEL;
    }
    CHECK_EQ(frames, ABI_INFO->free_frames);
    CHECK_EQ(own, account_row(my_account())->frames);
}

TEST(own_page_table_is_readable) {
    static u8 page[ABI_PAGE] __attribute__((aligned(4096)));
    page[0] = 1;
    u64 entry = ABI_PTES[(u64)page >> ABI_PAGE_SHIFT];
    CHECK(entry & ABI_PTE_P);
    CHECK(entry & ABI_PTE_W);
    CHECK(entry & ABI_PTE_D);
    CHECK(frame_row(ABI_PTE_FRAME(entry))->owner == my_account());
    CHECK_EQ(frame_row(ABI_PTE_FRAME(entry))->maps, 1);
}

TEST(frames_by_number) {
    i64 any = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    CHECK(any > 0);
    CHECK_EQ(frame_row((pfn_t)any)->kind, FRAME_USER);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), (pfn_t)any, 1, 0), -E_BUSY);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)any, 1), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)any, 1), -E_STALE);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), (pfn_t)any, 1, 0), any);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)any, 1), 0);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_INFO->frames, 1, 0), -E_RANGE);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ~1ul, 2, 0), -E_RANGE);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), 1, 0, 0), -E_RANGE);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 2, 0), -E_INVAL);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 4), -E_INVAL);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, 12345, ABI_ANY, 1, 0), -E_STALE);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_SELF, my_account(), ABI_ANY, 1, 0), -E_TYPE);
    CHECK_EQ(sys_frame_alloc(0, my_account(), ABI_ANY, 1, 0), -E_CAP);
    CHECK_EQ(sys_frame_alloc(CAP_SLOTS, my_account(), ABI_ANY, 1, 0), -E_CAP);
}

TEST(new_frames_are_zero) {
    for (u32 round = 0; round < 4; round++) {
        CHECK_EQ(
            sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 8, ABI_PTE_W | ABI_PTE_NX),
            8);
        u64 *words = (u64 *)SCRATCH, sum = 0;
        for (u32 i = 0; i < 8 * 512; i++) {
            sum |= words[i];
            words[i] = 0x5a5a5a5a5a5a5a5a;
        }
        CHECK_EQ(sum, 0);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 8), 8);
    }
}

TEST(map_errors) {
    u64 flags = ABI_PTE_W | ABI_PTE_NX;
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, flags), 1);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, flags), -E_EXIST);
    CHECK_EQ(
        sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, flags | SPACE_MAP_REPLACE),
        1);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + 1, ABI_ANY, 1, flags), -E_ALIGN);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), ABI_USER_END, ABI_ANY, 1, flags), -E_RANGE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), ABI_USER_END - ABI_PAGE, ABI_ANY, 2, flags),
             -E_RANGE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), ABI_TABLES, ABI_ANY, 1, flags), -E_RANGE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, ~0ul >> 12, flags),
             -E_RANGE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 0, flags), -E_RANGE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, flags | ABI_PTE_U),
             -E_INVAL);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, flags | ABI_PTE_PS),
             -E_INVAL);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 1, flags | ABI_PTE_MAY_W),
             -E_INVAL);
    CHECK_EQ(
        sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + ABI_PAGE, ABI_INFO->frames, 1, flags),
        -E_RANGE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + ABI_PAGE,
                           space_row(my_space())->root, 1, ABI_PTE_NX),
             -E_RIGHTS);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + ABI_PAGE, ABI_INFO->free_first, 1,
                           ABI_PTE_NX),
             -E_RIGHTS);
    CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_SELF), my_space(), SCRATCH, ABI_ANY, 1,
                           flags),
             -E_TYPE);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space() + (1ul << ABI_INDEX_BITS), SCRATCH, ABI_ANY, 1,
                           flags),
             -E_STALE);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 4), 4);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + 8, 4), -E_ALIGN);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), ABI_TABLES, 4), -E_RANGE);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, ABI_PTE_P, 0), -E_INVAL);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, 0, ABI_PTE_MAY_W), -E_INVAL);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), 0xffff800000000000, 1, 0, ABI_PTE_W),
             -E_RANGE);
}

// A mapping made with a capability that only reads cannot be made writable later.
TEST(protect_keeps_to_the_capability) {
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_READ,
                            (u64)pfn, 1);
    CHECK(slot >= CAP_SLOT_FREE);
    u64 caps = CAP_PAIR(CAP_SLOT_SPACE, slot);
    CHECK_EQ(sys_space_map(caps, my_space(), SCRATCH, (pfn_t)pfn, 1, ABI_PTE_W | ABI_PTE_NX),
             -E_RIGHTS);
    CHECK_EQ(sys_space_map(caps, my_space(), SCRATCH, (pfn_t)pfn, 1, 0), -E_RIGHTS);
    CHECK_EQ(sys_space_map(caps, my_space(), SCRATCH, (pfn_t)pfn, 1, ABI_PTE_NX), 1);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, 0, ABI_PTE_W), -E_RIGHTS);
    CHECK_EQ(sys_space_protect(CAP_SLOT_SPACE, my_space(), SCRATCH, 1, ABI_PTE_NX, 0), -E_RIGHTS);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), -E_BUSY);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    // The frame's next life is not the capability's.
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), (pfn_t)pfn, 1, 0), pfn);
    CHECK_EQ(sys_space_map(caps, my_space(), SCRATCH, (pfn_t)pfn, 1, ABI_PTE_NX), -E_RIGHTS);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn, 1), 0);
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
    CHECK_EQ(sys_cap_drop((u64)slot), -E_CAP);
}

TEST(cap_tree) {
    u64 to_self = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF);
    u64 wake = CAP_RIGHT_WAKE | CAP_RIGHT_MINT;
    i64 a = sys_cap_mint(to_self, my_env(), CAP_RIGHT_ALLOC | wake, 0, 0);
    CHECK(a > 0);
    CHECK_EQ(sys_cap_mint(CAP_PAIR(a, CAP_SLOT_SELF), my_env(), CAP_RIGHT_DESTROY, 0, 0),
             -E_RIGHTS);
    i64 b = sys_cap_mint(CAP_PAIR(a, CAP_SLOT_SELF), my_env(), wake, 0, 0);
    i64 c = sys_cap_mint(CAP_PAIR(b, CAP_SLOT_SELF), my_env(), CAP_RIGHT_WAKE, 0, 0);
    CHECK(b > 0 && c > 0);
    CHECK_EQ(sys_cap_mint(CAP_PAIR(c, CAP_SLOT_SELF), my_env(), CAP_RIGHT_WAKE, 0, 0), -E_RIGHTS);
    CHECK_EQ(sys_env_wake((u64)c, my_env()), 0);
    CHECK_EQ(sys_cap_drop((u64)b), 0); // c moves up to a
    CHECK_EQ(sys_env_wake((u64)c, my_env()), 0);
    CHECK_EQ(sys_cap_revoke((u64)a), 1);
    CHECK_EQ(sys_env_wake((u64)c, my_env()), -E_CAP);
    CHECK_EQ(sys_env_wake((u64)a, my_env()), 0);
    CHECK_EQ(sys_cap_drop((u64)a), 0);
    CHECK_EQ(sys_cap_mint(to_self, my_env(), CAP_RIGHT_READ, ABI_INFO->frames - 1, 2), -E_RANGE);
    CHECK_EQ(sys_cap_mint(to_self, my_env(), CAP_RIGHT_READ, ABI_INFO->free_first, 1), -E_RANGE);
    CHECK_EQ(sys_cap_mint(to_self, my_env(), CAP_RIGHT_READ, 5, 0), -E_RANGE);
}

// Trees grow and shrink at random, and every slot is what a plain model says: rights, and who goes
// when what is revoked.
#define MODEL_SLOTS 24

TEST(cap_tree_model) {
    u32 parent[CAP_SLOTS], rights[CAP_SLOTS], live[CAP_SLOTS];
    for (u32 i = 0; i < CAP_SLOTS; i++)
        parent[i] = rights[i] = live[i] = 0;
    live[CAP_SLOT_ACCOUNT] = 1;
    rights[CAP_SLOT_ACCOUNT] = CAP_RIGHTS_ALL;
    for (u32 step = 0; step < 3000; step++) {
        u32 slot = CAP_SLOT_FREE + (u32)(guest_random() % MODEL_SLOTS);
        u32 from = guest_random() % 4 ? slot : CAP_SLOT_ACCOUNT;
        u32 wanted = (u32)guest_random() & CAP_RIGHTS_ALL;
        switch (guest_random() % 8) {
        case 0: // drop: children go to the parent
            CHECK_EQ(sys_cap_drop(slot), live[slot] ? 0 : -E_CAP);
            for (u32 i = 0; live[slot] && i < CAP_SLOTS; i++)
                if (live[i] && parent[i] == slot)
                    parent[i] = parent[slot];
            live[slot] = 0;
            break;
        case 1: { // revoke: all below goes
            i64 removed = sys_cap_revoke(slot);
            i64 expected = live[slot] ? 0 : -E_CAP;
            for (u32 again = 1; live[slot] && again;) {
                again = 0;
                for (u32 i = CAP_SLOT_FREE; i < CAP_SLOTS; i++) {
                    u32 up = parent[i];
                    if (live[i] && (up == slot || (up >= CAP_SLOT_FREE && !live[up]))) {
                        live[i] = 0;
                        expected++;
                        again = 1;
                    }
                }
            }
            CHECK_EQ(removed, expected);
            break;
        }
        default: { // mint
            u32 free = CAP_SLOT_FREE;
            while (free < CAP_SLOTS && live[free])
                free++;
            if (free >= CAP_SLOT_FREE + MODEL_SLOTS)
                break;
            wanted = live[from] && guest_random() % 8 ? wanted & rights[from] : wanted;
            i64 got = sys_cap_mint(CAP_PAIR(from, CAP_SLOT_SELF), my_env(), wanted, 0, 0);
            u32 needed = wanted | CAP_RIGHT_MINT;
            i64 expected = !live[from] ? -E_CAP : needed & ~rights[from] ? -E_RIGHTS : (i64)free;
            CHECK_EQ(got, expected);
            if (got > 0) {
                live[got] = 1;
                parent[got] = from;
                rights[got] = wanted;
            }
            break;
        }
        }
        i64 wake = rights[slot] & CAP_RIGHT_WAKE ? 0 : -E_RIGHTS;
        CHECK_EQ(sys_env_wake(slot, my_env()), live[slot] ? wake : -E_CAP);
    }
    for (u32 slot = CAP_SLOT_FREE; slot < CAP_SLOTS; slot++)
        if (live[slot])
            CHECK_EQ(sys_cap_drop(slot), 0);
}

TEST(cap_table_full) {
    u64 to_self = CAP_PAIR(CAP_SLOT_SELF, CAP_SLOT_SELF);
    i64 first = sys_cap_mint(to_self, my_env(), CAP_RIGHTS_ALL, 0, 0), slot;
    while ((slot = sys_cap_mint(CAP_PAIR(first, CAP_SLOT_SELF), my_env(), CAP_RIGHTS_ALL, 0, 0)) >
           0)
        ;
    CHECK_EQ(slot, -E_FULL);
    CHECK_EQ(sys_cap_revoke((u64)first), CAP_SLOTS - CAP_SLOT_FREE - 1);
    CHECK_EQ(sys_cap_drop((u64)first), 0);
}

TEST(quota) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 4, 1);
    CHECK(account > 0);
    i64 pfn[4];
    for (u32 i = 0; i < 4; i++) {
        pfn[i] = sys_frame_alloc(CAP_SLOT_ACCOUNT, (account_id)account, ABI_ANY, 1, 0);
        CHECK(pfn[i] > 0);
    }
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, (account_id)account, ABI_ANY, 1, 0), -E_NOMEM);
    CHECK_EQ(sys_space_create(CAP_SLOT_ACCOUNT, (account_id)account), -E_NOMEM);
    CHECK_EQ(sys_account_create(CAP_SLOT_ACCOUNT, (account_id)account, 1, 0), -E_NOMEM);
    CHECK_EQ(sys_account_create(CAP_SLOT_ACCOUNT, my_account(), ~0ul, 0), -E_NOMEM);
    CHECK_EQ(sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 1, ~0ul), -E_FULL);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, (pfn_t)pfn[0], 1), 0);
    CHECK_EQ(sys_account_destroy(CAP_SLOT_ACCOUNT, my_account()), -E_BUSY);
    account_free((account_id)account);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, (account_id)account, ABI_ANY, 1, 0), -E_STALE);
}

TEST(account_depth) {
    account_id chain[16];
    u32 depth = 0;
    account_id parent = my_account();
    i64 account;
    while ((account = sys_account_create(CAP_SLOT_ACCOUNT, parent, 100 - depth, 20 - depth)) > 0 &&
           depth < 16)
        parent = chain[depth++] = (account_id)account;
    CHECK_EQ(account, -E_LIMIT);
    CHECK(depth >= 4);
    account_free(chain[0]);
}

TEST(batch) {
    struct batch_op ops[4];
    batch_space_map(&ops[0], SPACE_ACCOUNT, my_space(), SCRATCH, ABI_ANY, 2,
                    ABI_PTE_W | ABI_PTE_NX);
    batch_space_protect(&ops[1], CAP_SLOT_SPACE, my_space(), SCRATCH, 2, ABI_PTE_W, 0);
    batch_space_unmap(&ops[2], CAP_SLOT_SPACE, my_space(), SCRATCH, 2);
    batch_cap_drop(&ops[3], 0);
    CHECK_EQ(sys_batch((u64)ops, 4), 3);
    CHECK_EQ(ops[0].result, 2);
    CHECK_EQ(ops[3].result, -E_CAP);
    CHECK_EQ(sys_batch((u64)ops + 1, 1), -E_ALIGN);
    CHECK_EQ(sys_batch((u64)ops, 257), -E_LIMIT);
    CHECK_EQ(sys_batch(0, 1), -E_FAULT);
    CHECK_EQ(sys_batch(ABI_TABLES, 1), -E_RANGE);
    CHECK_EQ(sys_batch(~7ul, 1), -E_RANGE);
    ops[0].call = SYS_env_yield; // not for batches
    CHECK_EQ(sys_batch((u64)ops, 1), 0);
    CHECK_EQ(ops[0].result, -E_NOSYS);
    ops[0].call = ~0u;
    CHECK_EQ(sys_batch((u64)ops, 1), 0);
    CHECK_EQ(ops[0].result, -E_NOSYS);
}
