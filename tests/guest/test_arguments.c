// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Every system call with every argument wrong: each argument in turn takes each of a list of bad
// values while the others are right. What comes back must be an error that the call documents, or a
// success that the test can undo; nothing may leak (main.c counts) and nothing may crash. Then
// random arguments, many at a time, on every processor.

#include "gen/syscalls_errors.h"
#include "tests/guest/guest.h"

#define ACCOUNT2      CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SPACE_ACCOUNT CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT)

static u8 buffer[2 * ABI_PAGE] __attribute__((aligned(4096)));

static i64 call6(u64 number, const u64 *a) {
    if (number == SYS_env_yield) // loses registers when it succeeds
        return sys_env_yield(a[0], a[1]);
    if (number == SYS_env_run)
        return sys_env_run(a[0], a[1]);
    if (number == SYS_ext_load)
        return sys_ext_load(a[0], a[1], a[2], a[3]);
    if (number == SYS_env_pass)
        return sys_env_pass(a[0], a[1], a[2], a[3]);
    register u64 r10 __asm__("r10") = a[3];
    register u64 r8 __asm__("r8") = a[4];
    register u64 r9 __asm__("r9") = a[5];
    u64 rax = ABI_SYSCALL_BASE + number, rdi = a[0], rsi = a[1], rdx = a[2];
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    return (i64)rax;
}

// Arguments with which the call would do something harmless; a child account and a spare env in it
// are at hand.
struct spare {
    space_id other; // empty
    account_id account;
    struct child child;
    u64 slice;
};

static void good_arguments(u32 call, const struct spare *spare, u64 *a) {
    for (u32 i = 0; i < 6; i++)
        a[i] = 0;
    a[0] = CAP_SLOT_ACCOUNT;
    switch (call) {
    case SYS_batch:
        a[0] = (u64)buffer;
        a[1] = 0;
        break;
    case SYS_cap_mint:
        a[0] = ACCOUNT2;
        a[1] = spare->child.env;
        a[2] = CAP_RIGHT_WAKE;
        break;
    case SYS_cap_drop:
    case SYS_cap_revoke:
        a[0] = CAP_SLOTS - 1;
        break;
    case SYS_account_create:
        a[1] = spare->account;
        break;
    case SYS_account_destroy:
        a[1] = my_account(); // BUSY
        break;
    case SYS_frame_alloc:
        a[1] = spare->account;
        a[2] = ABI_ANY;
        a[3] = 1;
        break;
    case SYS_frame_free:
        a[1] = 1;
        a[2] = 1;
        break;
    case SYS_space_create:
        a[1] = spare->account;
        break;
    case SYS_space_destroy:
        a[1] = spare->child.space; // BUSY
        break;
    case SYS_space_map:
        a[0] = ACCOUNT2;
        a[1] = spare->child.space;
        a[2] = SCRATCH;
        a[3] = ABI_ANY;
        a[4] = 1;
        a[5] = ABI_PTE_NX | SPACE_MAP_REPLACE;
        break;
    case SYS_space_join:
    case SYS_space_split:
        a[1] = spare->child.space;
        a[2] = SCRATCH;
        a[3] = 512;
        break;
    case SYS_space_unmap:
    case SYS_space_unmap_if:
    case SYS_space_protect:
    case SYS_space_copy:
        a[1] = spare->child.space;
        a[2] = SCRATCH;
        a[3] = 4;
        break;
    case SYS_space_share:
        a[0] = ACCOUNT2;
        a[1] = spare->other;
        a[2] = spare->child.space;
        a[3] = 1ul << 39;
        break;
    case SYS_env_create:
        a[0] = ACCOUNT2;
        a[1] = spare->account;
        a[2] = spare->child.space;
        a[3] = (u64)buffer;
        a[4] = ABI_ANY;
        break;
    case SYS_env_set:
        a[1] = spare->child.env;
        a[2] = (u64)buffer;
        break;
    case SYS_env_start:
    case SYS_env_stop:
    case SYS_env_wake:
    case SYS_env_notify:
    case SYS_env_yield:
    case SYS_env_run:
    case SYS_env_call:
    case SYS_env_send:
    case SYS_env_recall:
        a[1] = spare->child.env;
        break;
    case SYS_env_pass: // both say not to sleep
        a[1] = spare->child.env;
        a[2] = ~0ul / 2;
        break;
    case SYS_env_destroy:
        a[1] = 1;
        break;
    case SYS_slice_alloc:
        a[0] = CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT);
        a[1] = spare->account;
        a[2] = spare->slice + 1;
        a[3] = 1;
        break;
    case SYS_slice_free:
        a[1] = spare->slice;
        a[2] = 1;
        break;
    case SYS_slice_assign:
        a[0] = ACCOUNT2;
        a[1] = spare->slice;
        break;
    case SYS_console_write:
    case SYS_console_read:
    case SYS_log_write:
        a[0] = CAP_SLOT_CONSOLE;
        a[1] = (u64)buffer;
        break;
    case SYS_console_bind:
        a[0] = CAP_PAIR(CAP_SLOT_CONSOLE, CAP_SLOT_ACCOUNT);
        break;
    case SYS_space_move:
        a[1] = spare->child.space;
        a[2] = SCRATCH;
        a[3] = SCRATCH + 64 * ABI_PAGE;
        a[4] = 4;
        break;
    case SYS_account_guarantee:
    case SYS_account_ask:
    case SYS_account_take:
        a[1] = spare->account;
        break;
    case SYS_account_listen:
        a[0] = ACCOUNT2;
        a[1] = spare->account;
        a[2] = spare->child.env;
        a[3] = DATA_VA;
        break;
    case SYS_ext_load:
        a[1] = spare->account;
        a[2] = (u64)buffer;
        break;
    case SYS_ext_unload:
    case SYS_ext_call:
        a[1] = 1;
        a[2] = (u64)buffer;
        break;
    case SYS_machine_exit:
        a[0] = CAP_SLOT_ACCOUNT; // wrong on purpose: the right one ends everything
        break;
    }
}

static const u64 bad_values[] = {
    0,
    1,
    7,
    4095,
    4096,
    0x1000001,
    1ul << 20,
    1ul << 31,
    1ul << 32,
    1ul << 46,
    ABI_USER_END - 8,
    ABI_USER_END,
    1ul << 47,
    1ul << 63,
    ABI_TABLES,
    0xffff800000000000,
    0xffffffff80000000,
    ~0ul,
    ~0ul - 1,
    ~0ul - 4096,
    CAP_PAIR(CAP_SLOT_SELF, CAP_SLOT_SELF),
    CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_SPACE),
    CAP_PAIR(CAP_SLOT_CONSOLE, CAP_SLOT_SLICES),
    CAP_PAIR(CAP_SLOTS, 1),
    CAP_PAIR(1, CAP_SLOTS),
    CAP_PAIR(~0u, ~0u),
};
#define BAD (sizeof bad_values / sizeof *bad_values)

// Calls that would hurt the test itself when an argument happens to be right.
static int is_excluded(u32 call, u64 value) {
    switch (call) {
    case SYS_env_sleep: // sleeps for ever if both are right
    case SYS_env_accept:
    case SYS_env_return:
        return 1;
    case SYS_machine_exit:
        return value == CAP_SLOT_MACHINE;
    case SYS_cap_drop: // of the slots that everything needs
    case SYS_cap_revoke:
        return value < CAP_SLOT_FREE;
    default:
        return 0;
    }
}

static void spare_make(struct spare *spare) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 200, 20);
    CHECK(account > 0);
    spare->account = (account_id)account;
    spare->slice = (cpus() - 1) * (u64)ABI_SLICES + 200;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), spare->account,
                             spare->slice, 1),
             0);
    CHECK_EQ(child_make(&spare->child, spare->account, "\xeb\xfe", 2, ABI_ANY), 0);
    i64 other = sys_space_create(CAP_SLOT_ACCOUNT, spare->account);
    CHECK(other > 0);
    spare->other = (space_id)other;
}

// What a call took is given back with the account, and slices that fell free by their new owner's
// end.
static void spare_free(struct spare *spare) {
    account_free(spare->account);
}

static void check_result(u32 call, const u64 *a, i64 result) {
    if (result >= 0 || (result > -(i64)E_COUNT && syscall_errors[call] >> -result & 1))
        return;
    check_failed(__FILE__, __LINE__, "a documented error", result, 0);
    say("  call %u: %lx %lx %lx %lx %lx %lx\n", call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void undo(u32 call, const u64 *a, i64 result) {
    if (result < 0)
        return;
    if (call == SYS_console_bind)
        sys_console_bind(CAP_SLOT_CONSOLE, 0);
    if (call == SYS_slice_alloc || call == SYS_slice_assign)
        sys_slice_free(CAP_SLOT_SLICES, a[call == SYS_slice_alloc ? 2 : 1],
                       call == SYS_slice_alloc ? a[3] : 1);
    if (call == SYS_cap_mint && a[1] == my_env())
        sys_cap_drop((u64)result);
}

TEST(every_argument_wrong) {
    for (u32 call = 0; call < SYS_COUNT; call++) {
        if (is_excluded(call, 0))
            continue;
        for (u32 argument = 0; argument < 6; argument++) {
            struct spare spare;
            spare_make(&spare);
            for (u32 v = 0; v < BAD; v++) {
                u64 a[6];
                good_arguments(call, &spare, a);
                a[argument] = bad_values[v];
                int own_slice = (call == SYS_slice_free || call == SYS_slice_assign) && !a[1];
                if (is_excluded(call, a[0]) || own_slice)
                    continue;
                i64 result = call6(call, a);
                check_result(call, a, result);
                undo(call, a, result);
            }
            spare_free(&spare);
        }
    }
}

// A slot that exists, for another kind of object: TYPE. A right that is missing: RIGHTS. A name
// that is gone: STALE.
TEST(capability_errors_are_told_apart) {
    struct spare spare;
    spare_make(&spare);
    i64 weak =
        sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(), CAP_RIGHT_READ, 0, 0);
    CHECK(weak > 0);
    static const u32 single[] = {
        SYS_account_create, SYS_frame_alloc, SYS_space_create,  SYS_space_unmap,
        SYS_space_protect,  SYS_space_copy,  SYS_env_set,       SYS_env_start,
        SYS_env_stop,       SYS_env_wake,    SYS_env_notify,    SYS_env_yield,
        SYS_env_call,       SYS_env_send,    SYS_space_destroy, SYS_account_guarantee,
        SYS_account_ask,    SYS_env_pass,    SYS_env_recall,    SYS_space_unmap_if,
        SYS_space_join,     SYS_space_split, SYS_env_run};
    for (u32 i = 0; i < sizeof single / sizeof *single; i++) {
        u64 a[6];
        good_arguments(single[i], &spare, a);
        a[0] = CAP_SLOT_CONSOLE;
        CHECK_EQ(call6(single[i], a), -E_TYPE);
        a[0] = CAP_SLOTS - 1;
        CHECK_EQ(call6(single[i], a), -E_CAP);
        a[0] = (u64)weak;
        CHECK_EQ(call6(single[i], a), -E_RIGHTS);
        a[0] = CAP_SLOT_ACCOUNT;
        a[1] += 1ul << ABI_INDEX_BITS;
        CHECK_EQ(call6(single[i], a), -E_STALE);
    }
    CHECK_EQ(sys_cap_drop((u64)weak), 0);
    spare_free(&spare);
}

// --- random -------------------------------------------------------------------------------------

static volatile u64 fuzzed;
static struct spare fuzz_spare;

static u64 random_next(u64 *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Calls that the storm makes on the spare account; what it takes dies with the account.
static const u32 storm_calls[] = {
    SYS_null,           SYS_batch,         SYS_frame_alloc,  SYS_frame_free,
    SYS_space_create,   SYS_space_map,     SYS_space_unmap,  SYS_space_protect,
    SYS_space_copy,     SYS_env_create,    SYS_env_set,      SYS_env_start,
    SYS_env_stop,       SYS_env_wake,      SYS_env_notify,   SYS_env_destroy,
    SYS_env_yield,      SYS_env_call,      SYS_env_send,     SYS_account_create,
    SYS_slice_assign,   SYS_space_destroy, SYS_frame_revoke, SYS_account_guarantee,
    SYS_account_listen, SYS_account_ask,   SYS_account_take, SYS_space_share,
    SYS_space_move,     SYS_frame_pin,     SYS_frame_unpin,  SYS_space_unmap_if,
    SYS_space_join,     SYS_space_split,   SYS_env_run};

static void storm(void *argument) {
    u64 state = (u64)argument | 1;
    for (u32 i = 0; i < 3000; i++) {
        u64 a[6], r = random_next(&state);
        u32 call = storm_calls[r % (sizeof storm_calls / sizeof *storm_calls)];
        good_arguments(call, &fuzz_spare, a);
        if (r >> 32 & 1)
            a[1 + (r >> 33) % 5] = bad_values[(r >> 40) % BAD];
        if (r >> 34 & 1) // any row of the table may be named, live or not
            a[1] = (r >> 48) % 64 | (r >> 56) % 4 << ABI_INDEX_BITS;
        if (r >> 35 & 1)
            a[2 + (r >> 36 & 1)] = SCRATCH + (r >> 44) % 16 * ABI_PAGE;
        u64 target = a[1];
        if (target == my_env() || target == my_space() || target == my_account())
            continue;
        // Other workers share the account of the first program: the storm must not touch them, so
        // names of its envs and space are left out by taking a capability for the spare account
        // only.
        a[0] = a[0] == CAP_SLOT_ACCOUNT ? CAP_SLOT_FREE
               : a[0] == ACCOUNT2       ? CAP_PAIR(CAP_SLOT_FREE, CAP_SLOT_FREE)
                                        : a[0];
        i64 result = call6(call, a);
        if (result < 0 && !(result > -(i64)E_COUNT && syscall_errors[call] >> -result & 1))
            check_result(call, a, result);
        fuzzed++;
    }
}

TEST(storm_on_every_cpu) {
    env_id worker[WORKERS_MAX];
    spare_make(&fuzz_spare);
    u32 count = cpus() * 2 < 8 ? cpus() * 2 : 8;
    for (u32 i = 0; i < count; i++) {
        worker[i] =
            worker_start_with(i % cpus(), storm, (void *)guest_random(), fuzz_spare.account);
    }
    for (u32 i = 0; i < count; i++)
        worker_wait(worker[i]);
    CHECK(fuzzed > 0);
    spare_free(&fuzz_spare);
}
