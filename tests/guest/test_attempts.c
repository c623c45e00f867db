// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What a hostile program may think of, and what it gets. docs/hostile.md lists these tests and the
// others like them; `make lint` compares.

#include "base/string.h"
#include "gen/syscalls_batch.h"
#include "tests/guest/guest.h"

#define BOTH CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)

// --- others' memory, old names -------------------------------------------------------------------

static volatile i64 results[16];
static volatile pfn_t theirs;

// With a capability for an account that owns nothing of what it names.
static void map_theirs(void *account) {
    u64 caps = CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_FREE), slot = CAP_SLOT_FREE;
    (void)account;
    results[0] = sys_space_map(caps, my_space(), SCRATCH, theirs, 1, ABI_PTE_NX);
    results[1] = sys_frame_free(slot, theirs, 1);
    results[2] = sys_frame_revoke(slot, theirs, 1);
    results[3] = sys_frame_pin(slot, theirs, 1);
    results[4] = sys_cap_mint(CAP_PAIR(slot, CAP_SLOT_SELF), self(), CAP_RIGHTS_ALL, theirs, 1);
    // The kernel's own: page tables, envs, what holds the tables.
    i64 other = 0;
    for (pfn_t pfn = 0; pfn < ABI_INFO->frames; pfn++) {
        u32 kind = frame_row(pfn)->kind;
        if (kind == FRAME_TABLE || kind == FRAME_ENV || (kind == FRAME_KERNEL && pfn % 16 == 0))
            other |= sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT), my_space(), SCRATCH,
                                   pfn, 1, ABI_PTE_W) >= 0;
    }
    results[5] = other;
    results[6] = sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT), my_space(), SCRATCH,
                               ABI_INFO->frames, 1, ABI_PTE_W);
}

TEST(attempt_map_others_frames) {
    account_id account = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 16, 2);
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    theirs = (pfn_t)pfn;
    worker_wait(worker_start_with(cpus() - 1, map_theirs, 0, account));
    CHECK_EQ(results[0], -E_RIGHTS);
    CHECK_EQ(results[1], -E_RIGHTS);
    CHECK_EQ(results[2], -E_RIGHTS);
    CHECK_EQ(results[3], -E_RIGHTS);
    CHECK_EQ(results[4], -E_RANGE);
    CHECK_EQ(results[5], 0);
    CHECK_EQ(results[6], -E_RANGE);
    CHECK_EQ(frame_row(theirs)->owner, my_account());
    CHECK_EQ(frame_row(theirs)->maps, 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, theirs, 1), 0);
    account_free(account);
}

// A capability that outlives what it names: the row is used again, the frame too.
TEST(attempt_replay_old_names) {
    for (u32 i = 0; i < 20; i++) {
        account_id account = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 16, 2);
        i64 space = sys_space_create(CAP_SLOT_ACCOUNT, account);
        i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, 0);
        u64 mine = CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF);
        u64 of_account =
            (u64)sys_cap_mint(mine, my_env(), CAP_RIGHTS_ALL, account, CAP_MINT_ACCOUNT);
        u64 of_space =
            (u64)sys_cap_mint(mine, my_env(), CAP_RIGHTS_ALL, (u64)space, CAP_MINT_SPACE);
        u64 of_frame = (u64)sys_cap_mint(mine, my_env(), CAP_RIGHTS_ALL, (u64)pfn, 1);
        account_free(account);
        // Whoever comes next has the same rows, and the same frame.
        account_id next = (account_id)sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 16, 2);
        i64 next_space = sys_space_create(CAP_SLOT_ACCOUNT, next);
        CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, next, (u64)pfn, 1, 0), pfn);
        CHECK_EQ(ABI_INDEX(next), ABI_INDEX(account));
        CHECK_EQ(ABI_INDEX(next_space), ABI_INDEX(space));
        CHECK_EQ(sys_frame_alloc(of_account, account, ABI_ANY, 1, 0), -E_STALE);
        CHECK_EQ(sys_frame_alloc(of_account, next, ABI_ANY, 1, 0), -E_RIGHTS);
        CHECK_EQ(sys_space_unmap(of_space, (u64)space, SCRATCH, 1), -E_STALE);
        CHECK_EQ(sys_space_unmap(of_space, (u64)next_space, SCRATCH, 1), -E_RIGHTS);
        CHECK_EQ(sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, of_frame), my_space(), SCRATCH, (u64)pfn, 1,
                               ABI_PTE_NX),
                 -E_RIGHTS);
        CHECK_EQ(sys_frame_free(of_frame, (u64)pfn, 1), -E_RIGHTS);
        CHECK_EQ(sys_cap_drop(of_account), 0);
        CHECK_EQ(sys_cap_drop(of_account), -E_CAP);
        CHECK_EQ(sys_cap_drop(of_space), 0);
        CHECK_EQ(sys_cap_drop(of_frame), 0);
        account_free(next);
    }
}

// --- time ----------------------------------------------------------------------------------------

static volatile u32 stop;
static volatile u64 turns[4];

static void honest(void *number) {
    while (!stop)
        turns[(u64)number]++;
}
// Says that it is in a critical section, for ever, and answers nothing.
static void masks(void *number) {
    *upcall_mask() = 1;
    while (!stop) {
        turns[(u64)number]++;
        *upcall_pending() = 0;
    }
    *upcall_mask() = 0;
}

// One that gives the processor up when it is told, and one that never does, have a turn each. Turns
// are counted, not time: that is the host's.
static void takes_turns(env_id good, env_id bad) {
    u64 until = tsc() + ms(60000);
    while (env_row(bad)->forced < 15 && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(env_row(bad)->forced >= 15);
    // Who loses the processor on its way to giving it up does so first thing in its next turn, and
    // on a slow host pays for the time that it took, too.
    CHECK(env_row(good)->upcalls + env_row(good)->forced + env_row(good)->forfeited + 2 >=
          env_row(bad)->forced);
}

TEST(attempt_mask_for_ever) {
    stop = 0;
    env_id good = worker_start(cpus() - 1, honest, 0), bad = worker_start(cpus() - 1, masks, 0);
    takes_turns(good, bad);
    stop = 1;
    worker_wait(good);
    worker_wait(bad);
}

// Handlers that make what they handle: the stack ends, and with it the env.
static const u8 faults_in_handler[] = {0x0f, 0x0b}; // ud2, entry and handler
TEST(attempt_handler_that_faults) {
    struct child child;
    u64 slice = (cpus() - 1) * (u64)ABI_SLICES + 300;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    CHECK_EQ(child_make(&child, my_account(), faults_in_handler, sizeof faults_in_handler, slice),
             0);
    struct env_setup setup = {.upcall_entry = CODE_VA, .upcall_stack = DATA_VA, .upcall_pages = 1};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, child.env, (u64)&setup), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    worker_wait_state(child.env, ENV_STOPPED);
    CHECK_EQ(env_row(child.env)->stop_reason, ENV_STOP_STACK);
    CHECK_EQ(env_row(child.env)->stop_vector, UPCALL_UD);
    child_free(&child);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
}

static void spin_here(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_UD)
        frame->rip += 2;
    while (!stop)
        turns[1]++;
}
static void loops_in_handler(void *nothing) {
    (void)nothing;
    set_upcall_handler(spin_here);
    __asm__ volatile("ud2");
    set_upcall_handler(0);
}
TEST(attempt_handler_that_loops) {
    stop = 0;
    turns[0] = turns[1] = 0;
    env_id bad = worker_start(cpus() - 1, loops_in_handler, 0);
    env_id good = worker_start(cpus() - 1, honest, 0);
    takes_turns(good, bad);
    CHECK(turns[1] > 0);
    stop = 1;
    worker_wait(good);
    worker_wait(bad);
}

// Interrupts for others: notifications, stops and flushes, as many as one processor can ask for.
static volatile env_id target;
static void flood(void *nothing) {
    (void)nothing;
    u64 page = SCRATCH + ABI_PAGE * 64;
    while (!stop) {
        sys_env_notify(CAP_SLOT_ACCOUNT, target);
        sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT), my_space(), page, ABI_ANY, 1,
                      ABI_PTE_W | ABI_PTE_NX);
        sys_space_unmap(CAP_SLOT_SPACE, my_space(), page, 1);
        turns[1]++;
    }
}
static void ignore_notify(struct upcall_frame *frame) {
    (void)frame;
}
static void work_on(void *nothing) {
    (void)nothing;
    set_upcall_handler(ignore_notify);
    while (!stop)
        turns[0]++;
    set_upcall_handler(0);
}
TEST(attempt_flood_of_interrupts) {
    stop = 0;
    turns[0] = turns[1] = 0;
    target = worker_start(cpus() - 1, work_on, 0);
    env_id bad = worker_start(0, flood, 0);
    u64 until = tsc() + ms(60000);
    while (turns[1] < 300 && tsc() < until)
        sys_env_yield(0, 0);
    u64 then = turns[0];
    while (turns[0] < then + 1000 && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(turns[1] >= 300);
    CHECK(turns[0] >= then + 1000);
    stop = 1;
    worker_wait(bad);
    worker_wait(target);
}

// --- registers -----------------------------------------------------------------------------------

static volatile u32 caught;
static void skip_to(struct upcall_frame *frame) { // where rbx says
    caught = caught * 100 + (u32)frame->vector;
    frame->rip = frame->rdi;
}

// Places to return to that are no addresses: the processor says so in user mode, or the kernel
// before.
TEST(attempt_return_addresses) {
    static const u64 bad[] = {1ul << 47, 0xffff7ffffffffffful, 0xdeadbeefdeadbeeful};
    set_upcall_handler(skip_to);
    caught = 0;
    for (u32 i = 0; i < 3; i++)
        __asm__ volatile("lea 1f(%%rip), %%rdi\n mov %%rsp, %%rdx\n mov %%ss, %%ecx\n push %%rcx\n"
                         "push %%rdx\n pushfq\n mov %%cs, %%ecx\n push %%rcx\n push %%rax\n"
                         "iretq\n1: mov %%rdx, %%rsp"
                         :
                         : "a"(bad[i])
                         : "rcx", "rdx", "rdi", "memory", "cc");
    CHECK_EQ(caught, 131313);
    set_upcall_handler(0);
    for (u32 i = 0; i < 3; i++) {
        struct env_setup setup = {.rip = bad[i], .rsp = DATA_VA};
        CHECK_EQ(sys_env_create(BOTH, my_account(), my_space(), (u64)&setup, ABI_ANY), -E_RANGE);
        setup = (struct env_setup){.rip = CODE_VA, .call_entry = bad[i]};
        CHECK_EQ(sys_env_create(BOTH, my_account(), my_space(), (u64)&setup, ABI_ANY), -E_RANGE);
        setup = (struct env_setup){.rip = CODE_VA, .upcall_entry = bad[i]};
        CHECK_EQ(sys_env_create(BOTH, my_account(), my_space(), (u64)&setup, ABI_ANY), -E_RANGE);
        setup = (struct env_setup){.rip = CODE_VA, .fs_base = bad[i]};
        CHECK_EQ(sys_env_create(BOTH, my_account(), my_space(), (u64)&setup, ABI_ANY), -E_RANGE);
    }
}

// A stack pointer that is no address, at every way into the kernel.
TEST(attempt_stack_pointers) {
    static const u64 bad[] = {0, 8, 1ul << 47, 0xffffffff80200000ul, ~0ul};
    set_upcall_handler(skip_to);
    caught = 0;
    for (u32 i = 0; i < 5; i++) {
        i64 result;
        __asm__ volatile("mov %%rsp, %%rbx\n mov %2, %%rsp\n syscall\n"
                         "lea 1f(%%rip), %%rdi\n ud2\n1: mov %%rbx, %%rsp"
                         : "=a"(result)
                         : "0"(ABI_SYSCALL_BASE + SYS_null), "r"(bad[i])
                         : "rbx", "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory",
                           "cc");
        CHECK_EQ(result, 0);
    }
    CHECK_EQ(caught, 606060606);
    set_upcall_handler(0);
}

static void skip_garbage(struct upcall_frame *frame) {
    caught = caught * 100 + (u32)frame->vector;
    frame->rip = frame->rdi;
}
// Bits of MXCSR that are none, and vector state that is none.
TEST(attempt_vector_garbage) {
    static u8 area[4096] __attribute__((aligned(64)));
    u32 mxcsr = 0xffff0000u, good = 0x1f80;
    set_upcall_handler(skip_garbage);
    caught = 0;
    __asm__ volatile("lea 1f(%%rip), %%rdi\n ldmxcsr %0\n1:" : : "m"(mxcsr) : "rdi");
    CHECK(caught == UPCALL_GP || !caught); // QEMU takes what no processor does
    caught = 0;
    if (ABI_INFO->features & ABI_FEATURE_XSAVE) {
        memset(area, 0xff, sizeof area);
        __asm__ volatile("lea 1f(%%rip), %%rdi\n xrstor64 (%0)\n1:"
                         :
                         : "r"(area), "a"(~0u), "d"(~0u)
                         : "rdi", "memory");
        CHECK_EQ(caught, UPCALL_GP);
        __asm__ volatile("lea 1f(%%rip), %%rdi\n xor %%ecx, %%ecx\n xsetbv\n1:"
                         :
                         : "a"(~0u), "d"(~0u)
                         : "rdi", "rcx", "memory");
        CHECK_EQ(caught, UPCALL_GP * 100 + UPCALL_GP);
    }
    set_upcall_handler(0);
    __asm__ volatile("ldmxcsr %0" : : "m"(good));
}

// --- races ---------------------------------------------------------------------------------------

static volatile u64 freed, mapped;
static void free_it(void *nothing) {
    (void)nothing;
    while (!stop)
        if (sys_frame_free(CAP_SLOT_ACCOUNT, theirs, 1) == 0) {
            freed++; // somebody may be quicker to take it
            if (sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), theirs, 1, 0) < 0)
                theirs = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
        }
}
static void map_it(void *at) {
    u64 va = SCRATCH + (1ul << 30) + ((u64)at << ABI_PAGE_SHIFT);
    while (!stop) {
        pfn_t pfn = theirs;
        if (sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT), my_space(), va, pfn, 1,
                          ABI_PTE_W | ABI_PTE_NX) != 1)
            continue;
        mapped++;
        u32 kind = frame_row(pfn)->kind;
        CHECK_EQ(kind, FRAME_USER); // what is mapped is not free
        *(volatile u64 *)va = va;
        sys_space_unmap(CAP_SLOT_SPACE, my_space(), va, 1);
    }
}
TEST(attempt_free_against_map) {
    stop = 0;
    freed = mapped = 0;
    theirs = (pfn_t)sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    env_id a = worker_start(0, free_it, 0), b = worker_start(cpus() - 1, map_it, 0),
           c = worker_start(cpus() / 2, map_it, (void *)1);
    u64 until = tsc() + ms(60000);
    while ((freed < 300 || mapped < 300) && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(freed >= 300);
    CHECK(mapped >= 300);
    stop = 1;
    worker_wait(a);
    worker_wait(b);
    worker_wait(c);
    for (u64 i = 0; i < 2; i++)
        sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + (1ul << 30) + (i << ABI_PAGE_SHIFT),
                        1);
    CHECK_EQ(frame_row(theirs)->maps, 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, theirs, 1), 0);
}
