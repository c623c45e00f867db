// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Reverse maps, visible revocation, abort: frames are found wherever they are mapped, accounts are
// asked and heard, what is not given back is taken and recorded, and nothing more than that.

#include "abi/revoke.h"
#include "base/string.h"
#include "tests/guest/guest.h"

#define ACCOUNT2      CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define SPACE_ACCOUNT CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT)
#define RW            (ABI_PTE_W | ABI_PTE_NX)
#define GRAIN         (1ul << 21)

static account_id account_make(u64 frames) {
    i64 account = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), frames, 4);
    CHECK(account > 0);
    return (account_id)account;
}

static space_id space_make(account_id account) {
    i64 space = sys_space_create(CAP_SLOT_ACCOUNT, account);
    CHECK(space > 0);
    return (space_id)space;
}

static pfn_t frame_make(account_id account, u64 flags) {
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, account, ABI_ANY, 1, flags);
    CHECK(pfn > 0);
    return (pfn_t)pfn;
}

static void map(space_id space, u64 va, pfn_t pfn, u64 flags) {
    CHECK_EQ(sys_space_map(ACCOUNT2, space, va, pfn, 1, flags), 1);
}

static void revoke(pfn_t pfn) {
    i64 done;
    while ((done = sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1)) == -E_AGAIN)
        ;
    CHECK_EQ(done, 1);
}

static i64 take_all(account_id account, u64 kind, account_id to) {
    i64 taken = 0, n;
    while ((n = sys_account_take(ACCOUNT2, account, kind, to)) > 0 || n == -E_AGAIN)
        taken += n > 0 ? n : 0;
    return n < 0 ? n : taken;
}

// --- reverse maps --------------------------------------------------------------------------------

TEST(revoke_one_frame_from_many_spaces) {
    space_id space[4];
    pfn_t pfn = frame_make(my_account(), 0);
    for (u32 s = 0; s < 4; s++) {
        space[s] = s ? space_make(my_account()) : my_space();
        for (u32 i = 0; i < 250; i++)
            map(space[s], SCRATCH + i * ABI_PAGE, pfn, RW);
    }
    CHECK_EQ(frame_row(pfn)->maps, 1000);
    revoke(pfn);
    CHECK_EQ(frame_row(pfn)->maps, 0);
    CHECK_EQ(frame_row(pfn)->kind, FRAME_USER);
    for (u32 i = 0; i < 250; i++)
        CHECK_EQ(ABI_PTES[(SCRATCH >> ABI_PAGE_SHIFT) + i], 0);
    revoke(pfn); // nothing to do
    map(my_space(), SCRATCH, pfn, RW);
    *(volatile u64 *)SCRATCH = 1;
    revoke(pfn);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    for (u32 s = 1; s < 4; s++)
        space_free(space[s]);
}

// What a space mapped in tables that it shared is found after its end.
TEST(revoke_in_shared_tables) {
    space_id first = space_make(my_account()), other = space_make(my_account());
    pfn_t pfn = frame_make(my_account(), 0);
    CHECK_EQ(sys_space_share(ACCOUNT2, other, first, SCRATCH), 0);
    for (u32 i = 0; i < 3; i++)
        map(first, SCRATCH + i * GRAIN, pfn, RW);
    space_free(first);
    CHECK_EQ(frame_row(pfn)->maps, 3);
    revoke(pfn);
    CHECK_EQ(frame_row(pfn)->maps, 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    space_free(other);
}

// A frame that goes with its last mapping goes when it is revoked.
TEST(revoke_frees_auto_frames) {
    pfn_t pfn = frame_make(my_account(), FRAME_ALLOC_AUTO);
    map(my_space(), SCRATCH, pfn, RW);
    map(my_space(), SCRATCH + GRAIN, pfn, RW);
    revoke(pfn);
    CHECK_EQ(frame_row(pfn)->kind, FRAME_FREE);
}

// Mappings come and go at random in several spaces, at places that share bits of the search's
// filter; what is left of a frame when it is revoked is found to the last one.
#define MODEL_FRAMES 6
#define MODEL_SPACES 3
#define MODEL_PLACES 40

TEST(revoke_model) {
    space_id space[MODEL_SPACES];
    pfn_t pfn[MODEL_FRAMES];
    u8 held[MODEL_SPACES][MODEL_PLACES]; // frame + 1
    u32 maps[MODEL_FRAMES];
    memset(held, 0, sizeof held);
    memset(maps, 0, sizeof maps);
    for (u32 s = 0; s < MODEL_SPACES; s++)
        space[s] = s ? space_make(my_account()) : my_space();
    for (u32 f = 0; f < MODEL_FRAMES; f++)
        pfn[f] = frame_make(my_account(), 0);
    for (u32 step = 0; step < 2000; step++) {
        u32 s = (u32)(guest_random() % MODEL_SPACES), p = (u32)(guest_random() % MODEL_PLACES);
        u32 f = (u32)(guest_random() % MODEL_FRAMES);
        u64 va = SCRATCH + p * GRAIN + p % 3 * ABI_PAGE;
        switch (guest_random() % 16) {
        case 0:
            revoke(pfn[f]);
            maps[f] = 0;
            for (u32 i = 0; i < MODEL_SPACES; i++)
                for (u32 j = 0; j < MODEL_PLACES; j++)
                    if (held[i][j] == f + 1)
                        held[i][j] = 0;
            break;
        case 1: // as fork does it
            if (s == 0)
                break;
            CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, space[s], va, 1, 0, ABI_PTE_S0), 1);
            if (held[0][p] && !held[s][p]) {
                held[s][p] = held[0][p];
                maps[held[s][p] - 1]++;
            }
            break;
        case 2:
        case 3:
        case 4:
            CHECK_EQ(sys_space_unmap(CAP_SLOT_ACCOUNT, space[s], va, 1), 1);
            if (held[s][p])
                maps[held[s][p] - 1]--;
            held[s][p] = 0;
            break;
        default:
            map(space[s], va, pfn[f], RW | SPACE_MAP_REPLACE);
            if (held[s][p])
                maps[held[s][p] - 1]--;
            held[s][p] = (u8)(f + 1);
            maps[f]++;
        }
        for (u32 i = 0; i < MODEL_FRAMES; i++)
            CHECK_EQ(frame_row(pfn[i])->maps, maps[i]);
    }
    for (u32 p = 0; p < MODEL_PLACES; p++)
        if (held[0][p])
            CHECK_EQ(ABI_PTE_FRAME(ABI_PTES[(SCRATCH + p * GRAIN + p % 3 * ABI_PAGE) >> 12]),
                     pfn[held[0][p] - 1]);
    for (u32 f = 0; f < MODEL_FRAMES; f++) {
        revoke(pfn[f]);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn[f], 1), 0);
    }
    for (u32 s = 1; s < MODEL_SPACES; s++)
        space_free(space[s]);
}

// While a long search is under way nobody makes a new mapping behind it, by map or by fork.
TEST(revoke_unfinished) {
    const u64 places = 60;
    space_id other = space_make(my_account());
    pfn_t pfn = frame_make(my_account(), 0);
    for (u32 round = 0; round < 2; round++) {
        for (u64 i = 0; i < places; i++)
            map(my_space(), SCRATCH + i * GRAIN, pfn, RW);
        CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1), -E_AGAIN);
        CHECK_EQ(frame_row(pfn)->kind, FRAME_LOST);
        u64 last = SCRATCH + (places - 1) * GRAIN;
        CHECK(ABI_PTES[last >> ABI_PAGE_SHIFT] & ABI_PTE_P);
        CHECK_EQ(sys_space_copy(CAP_SLOT_ACCOUNT, other, last, 1, 0, ABI_PTE_S0), 1);
        CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, pfn, 1, RW), -E_RIGHTS);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), -E_BUSY);
        if (round) // who maps it may also unmap it
            for (u64 i = 0; i < places; i++)
                sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + i * GRAIN, 1);
        revoke(pfn);
        CHECK_EQ(frame_row(pfn)->maps, 0);
        CHECK_EQ(frame_row(pfn)->kind, FRAME_USER);
    }
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    space_free(other);
}

// The owner dies in the middle of it: the frame goes to its parent as it is, and with its last
// mapping it is free.
TEST(revoke_unfinished_and_the_owner_dies) {
    const u64 places = 60;
    account_id account = account_make(8);
    pfn_t pfn = frame_make(account, 0);
    for (u64 i = 0; i < places; i++)
        map(my_space(), SCRATCH + i * GRAIN, pfn, RW);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1), -E_AGAIN);
    account_free(account);
    CHECK_EQ(frame_row(pfn)->owner, my_account());
    CHECK_EQ(frame_row(pfn)->kind, FRAME_LOST);
    CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH, pfn, 1, RW), -E_RIGHTS);
    for (u64 i = 0; i < places; i++)
        sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + i * GRAIN, 1);
    CHECK_EQ(frame_row(pfn)->kind, FRAME_FREE);
}

static volatile u32 faults, reading;

static void note_fault(struct upcall_frame *frame) {
    CHECK_EQ(frame->vector, UPCALL_PF);
    CHECK_EQ(frame->address & ~(ABI_PAGE - 1), SCRATCH);
    faults++;
    frame->rip += 3; // mov (%rax), %rdx
}

static void read_on(void *argument) {
    (void)argument;
    set_upcall_handler(note_fault);
    reading = 1;
    u32 before = faults;
    while (faults == before)
        __asm__ volatile(".byte 0x48, 0x8b, 0x10" : : "a"(SCRATCH) : "rdx", "memory");
}

// A processor that has the translation loses it before the frame can be another's.
TEST(revoke_reaches_other_cpus) {
    for (u32 round = 0; round < 20; round++) {
        pfn_t pfn = frame_make(my_account(), 0);
        map(my_space(), SCRATCH, pfn, RW);
        faults = reading = 0;
        env_id worker = worker_start(cpus() - 1, read_on, 0);
        while (!reading)
            sys_env_yield(0, 0);
        revoke(pfn);
        worker_wait(worker);
        CHECK_EQ(faults, 1);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    }
}

TEST(revoke_errors) {
    pfn_t pfn = frame_make(my_account(), 0);
    i64 slot = sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(),
                            CAP_RIGHTS_ALL & ~(u64)CAP_RIGHT_DESTROY, pfn, 1);
    CHECK(slot > 0);
    CHECK_EQ(sys_frame_revoke((u64)slot, pfn, 1), -E_RIGHTS);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_SELF, pfn, 1), -E_TYPE);
    CHECK_EQ(sys_frame_revoke(CAP_SLOTS, pfn, 1), -E_CAP);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 0), -E_RANGE);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 513), -E_RANGE);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, ABI_INFO->frames, 1), -E_RANGE);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, ~0ul, 2), -E_RANGE);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, space_row(my_space())->root, 1), -E_STALE);
    CHECK_EQ(sys_frame_revoke(CAP_SLOT_ACCOUNT, ABI_INFO->free_first, 1), -E_STALE);
    CHECK_EQ(sys_cap_drop((u64)slot), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
}

// An account that was lent a frame maps it again and again while the owner takes it back for good.
static pfn_t lent;
static volatile u32 lending;

static void map_and_unmap(void *argument) {
    u64 at = SCRATCH + 64 * GRAIN + (u64)argument * ABI_PAGE, caps = SPACE_ACCOUNT;
    while (lending) {
        sys_space_map(caps, my_space(), at, lent, 1, ABI_PTE_NX);
        sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, 1);
    }
    sys_space_unmap(CAP_SLOT_SPACE, my_space(), at, 1);
}

TEST(revoke_against_map_on_every_cpu) {
    env_id worker[4];
    u32 n = cpus() < 4 ? cpus() : 4;
    lent = frame_make(my_account(), 0);
    lending = 1;
    for (u32 i = 0; i < n; i++)
        worker[i] = worker_start(i, map_and_unmap, (void *)(u64)i);
    for (u32 i = 0; i < 300; i++) {
        revoke(lent);
        if (i % 16 == 0)
            sys_env_yield(0, 0);
    }
    lending = 0;
    for (u32 i = 0; i < n; i++)
        worker_wait(worker[i]);
    CHECK_EQ(frame_row(lent)->maps, 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, lent, 1), 0);
}

// --- upcall stacks and handlers ------------------------------------------------------------------

// A page of an env's upcall stack is taken: that env is stopped, the others are not.
TEST(revoke_an_upcall_stack) {
    struct child child;
    CHECK_EQ(child_make(&child, my_account(), "\xeb\xfe", 2, ABI_ANY), 0);
    pfn_t pfn = frame_make(my_account(), 0);
    map(child.space, DATA_VA + ABI_PAGE, pfn, RW);
    struct env_setup setup = {
        .upcall_entry = CODE_VA, .upcall_stack = DATA_VA + ABI_PAGE, .upcall_pages = 1};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, child.env, (u64)&setup), 0);
    CHECK_EQ(frame_row(pfn)->pins, 1);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), -E_BUSY);
    revoke(pfn);
    CHECK_EQ(frame_row(pfn)->pins, 0);
    CHECK_EQ(env_row(child.env)->state, ENV_STOPPED);
    CHECK_EQ(env_row(child.env)->stop_reason, ENV_STOP_TAKEN);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    child_free(&child);
}

static void spin(void *argument) {
    for (;;)
        ++*(volatile u64 *)argument;
}

// The same of one that runs on another processor.
TEST(revoke_the_upcall_stack_of_a_running_env) {
    static u64 turns;
    for (u32 round = 0; round < 5; round++) {
        env_id worker = worker_start(cpus() - 1, spin, &turns);
        u64 until = tsc() + ms(1000);
        while (env_row(worker)->state != ENV_RUNNING && cpus() > 1 && tsc() < until)
            sys_env_yield(0, 0);
        // A stack of its own for the experiment: a frame of ours, mapped twice.
        pfn_t pfn = frame_make(my_account(), 0);
        map(my_space(), SCRATCH, pfn, RW);
        struct env_setup setup = {
            .upcall_entry = (u64)spin, .upcall_stack = SCRATCH, .upcall_pages = 1};
        i64 error;
        while ((error = sys_env_stop(CAP_SLOT_ACCOUNT, worker)) == -E_AGAIN)
            sys_env_yield(0, 0);
        CHECK_EQ(error, 0);
        CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, worker, (u64)&setup), 0);
        CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, worker), 0);
        until = tsc() + ms(1000);
        while (env_row(worker)->state != ENV_RUNNING && cpus() > 1 && tsc() < until)
            sys_env_yield(0, 0);
        while ((error = sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1)) == -E_AGAIN) {
            CHECK_EQ(frame_row(pfn)->kind, FRAME_LOST);
            CHECK(sys_env_start(CAP_SLOT_ACCOUNT, worker) == -E_BUSY); // however often it is asked
            CHECK_EQ(sys_space_map(SPACE_ACCOUNT, my_space(), SCRATCH + ABI_PAGE, pfn, 1, RW),
                     -E_RIGHTS);
            sys_env_yield(0, 0);
        }
        CHECK_EQ(error, 1);
        CHECK_EQ(env_row(worker)->state, ENV_STOPPED);
        CHECK_EQ(env_row(worker)->stop_reason, ENV_STOP_TAKEN);
        CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
        worker_destroy(worker);
    }
}

// The page of an env's handler is taken: the env runs into its next upcall, and is stopped, alone.
TEST(revoke_the_page_of_a_handler) {
    struct child child;
    u64 slice = 200;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    CHECK_EQ(child_make(&child, my_account(), "\x0f\x0b\xeb\xfc", 4, slice), 0);
    pfn_t pfn = frame_make(my_account(), 0);
    map(child.space, CODE_VA + ABI_PAGE, pfn, 0);
    struct env_setup setup = {
        .upcall_entry = CODE_VA + ABI_PAGE, .upcall_stack = DATA_VA, .upcall_pages = 1};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, child.env, (u64)&setup), 0);
    revoke(pfn);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    worker_wait_state(child.env, ENV_STOPPED);
    CHECK_EQ(env_row(child.env)->stop_reason, ENV_STOP_STACK);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    child_free(&child);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
}

// --- asking and taking ---------------------------------------------------------------------------

struct victim {
    account_id account;
    u64 slot; // a capability for just that account
    space_id space;
};
#define VICTIM_TABLES 4

// An account with a space and that many frames mapped in it from SCRATCH on, and no quota left.
static void victim_make(struct victim *victim, u64 frames) {
    victim->account = account_make(frames + VICTIM_TABLES);
    victim->slot = (u64)sys_cap_mint(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), my_env(),
                                     CAP_RIGHTS_ALL, victim->account, CAP_MINT_ACCOUNT);
    victim->space = space_make(victim->account);
    for (u64 done = 0; done < frames;) {
        i64 n = sys_space_map(CAP_PAIR(victim->slot, victim->slot), victim->space,
                              SCRATCH + done * ABI_PAGE, ABI_ANY, frames - done, RW);
        CHECK(n > 0);
        if (n <= 0)
            return;
        done += (u64)n;
    }
    CHECK_EQ(account_row(victim->account)->frames, account_row(victim->account)->quota);
}

static void victim_free(struct victim *victim) {
    CHECK_EQ(sys_cap_drop(victim->slot), 0);
    account_free(victim->account);
}

TEST(ask_and_take_any_frames) {
    struct victim victim;
    victim_make(&victim, 300);
    const volatile struct abi_account *row = account_row(victim.account);
    u64 quota = row->quota, mine = account_row(my_account())->quota;
    CHECK_EQ(sys_account_guarantee(CAP_SLOT_ACCOUNT, victim.account, 100, 0), 0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 40,
                             tsc() + ms(100000)),
             0);
    CHECK_EQ(row->wanted, 40);
    CHECK_EQ(row->first, ABI_ANY);
    CHECK_EQ(sys_account_take(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, 0), -E_BUSY);
    // It gives back 40 of its choice, and is left alone.
    CHECK_EQ(sys_space_unmap(victim.slot, victim.space, SCRATCH + 10 * ABI_PAGE, 40), 40);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 40);
    CHECK_EQ(row->quota, quota - 40);
    CHECK_EQ(row->taken, 0);
    CHECK_EQ(account_row(my_account())->quota, mine + 40);
    // It does not, and loses them.
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 60, tsc()),
             0);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 60);
    CHECK_EQ(row->taken, 60);
    CHECK_EQ(row->unrecorded, 60);
    CHECK_EQ(row->quota, quota - 100);
    CHECK_EQ(row->frames, quota - 100);
    CHECK_EQ(row->wanted, 0);
    // Never more than to its minimum.
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 10000, 0),
             0);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), (i64)quota - 200);
    CHECK_EQ(row->frames, 100);
    CHECK_EQ(row->quota, 100);
    CHECK_EQ(row->wanted, 0);
    victim_free(&victim);
}

// Losses are recorded where the account said, contents go where it said, what it offers goes first.
static struct loss vector[128] __attribute__((aligned(4096)));

TEST(losses_are_recorded) {
    struct victim victim;
    victim_make(&victim, 64);
    const volatile struct abi_account *row = account_row(victim.account);
    u64 va = 0x20000000000;
    pfn_t page[3];
    // Three frames of the victim's where we can see them: its vector, contents, a destination.
    CHECK_EQ(sys_space_unmap(victim.slot, victim.space, SCRATCH, 3), 3);
    for (u32 i = 0; i < 3; i++) {
        page[i] = frame_make(victim.account, 0);
        map(my_space(), va + i * ABI_PAGE, page[i], RW);
    }
    struct loss *seen = (struct loss *)va;
    CHECK_EQ(sys_account_listen(ACCOUNT2, victim.account, my_env(), va, 1), 0);
    CHECK_EQ(frame_row(page[0])->pins, 1);
    memset((void *)(va + ABI_PAGE), 0x5a, ABI_PAGE);
    seen[100] = (struct loss){.what = page[1], .to = page[2], .state = LOSS_OFFERED, .tag = 7};
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 1, 0), 0);
    CHECK_EQ(*upcall_pending() & ENV_PENDING_NOTIFY, ENV_PENDING_NOTIFY); // we are who is told
    *upcall_pending() = 0;
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 1);
    CHECK_EQ(*upcall_pending() & ENV_PENDING_NOTIFY, ENV_PENDING_NOTIFY);
    *upcall_pending() = 0;
    CHECK_EQ(seen[100].state, LOSS_FRAME);
    CHECK_EQ(seen[100].what, page[1]);
    CHECK_EQ(seen[100].to, page[2]);
    CHECK_EQ(seen[100].tag, 7);
    CHECK_EQ(ABI_PTES[(va + ABI_PAGE) >> 12], 0);
    for (u32 i = 0; i < ABI_PAGE; i++)
        if (((u8 *)va)[2 * ABI_PAGE + i] != 0x5a) {
            check_failed(__FILE__, __LINE__, "copied", i, 0);
            break;
        }
    // Without offers the kernel takes what it finds.
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 9, 0), 0);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 9);
    u32 recorded = 0;
    for (u32 i = 0; i < 128; i++) {
        if (seen[i].state != LOSS_FRAME)
            continue;
        recorded++;
        CHECK(frame_row(seen[i].what)->kind == FRAME_FREE);
    }
    CHECK_EQ(recorded, 10);
    CHECK_EQ(row->unrecorded, 0);
    // Entries that make no sense are passed over; a full vector does not stop the taking.
    for (u32 i = 0; i < 128; i++)
        seen[i] = (struct loss){.what = i % 4 == 0   ? ~0ul
                                        : i % 4 == 1 ? space_row(my_space())->root
                                        : i % 4 == 2 ? ABI_INFO->frames
                                                     : 0,
                                .to = ~0ul,
                                .state = i < 64 ? LOSS_OFFERED : LOSS_SLICE};
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 10, 0), 0);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 10);
    CHECK_EQ(row->unrecorded, 10);
    *upcall_pending() = 0;
    // The vector itself is taken in the end: what was asked for is everything.
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 1000, 0), 0);
    CHECK(take_all(victim.account, REVOKE_FRAMES, 0) > 0);
    CHECK_EQ(ABI_PTES[va >> 12], 0);
    CHECK_EQ(row->frames, VICTIM_TABLES);
    *upcall_pending() = 0;
    victim_free(&victim);
}

// Particular frames go from one account to another, and their contents don't.
TEST(take_particular_frames) {
    struct victim victim, heir;
    victim_make(&victim, 16);
    victim_make(&heir, 1);
    i64 extra = sys_account_create(CAP_SLOT_ACCOUNT, my_account(), 4, 0);
    pfn_t pfn = frame_make(my_account(), 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    CHECK_EQ(sys_space_unmap(victim.slot, victim.space, SCRATCH, 1), 1);
    CHECK_EQ(sys_frame_alloc(CAP_SLOT_ACCOUNT, victim.account, pfn, 1, 0), pfn);
    map(my_space(), SCRATCH, pfn, RW);
    map(victim.space, SCRATCH, pfn, RW);
    memset((void *)SCRATCH, 0x77, ABI_PAGE);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, pfn, 1, ~0ul), 0);
    CHECK_EQ(sys_account_take(ACCOUNT2, victim.account, REVOKE_FRAMES, (account_id)extra), -E_BUSY);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, pfn, 1, 0), 0);
    CHECK_EQ(sys_account_take(ACCOUNT2, victim.account, REVOKE_FRAMES, heir.account), -E_NOMEM);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, (account_id)extra), 1);
    CHECK_EQ(frame_row(pfn)->owner, extra);
    CHECK_EQ(ABI_PTES[SCRATCH >> 12], 0);
    map(my_space(), SCRATCH, pfn, RW);
    u64 sum = 0;
    for (u64 i = 0; i < ABI_PAGE; i += 8)
        sum |= *(volatile u64 *)(SCRATCH + i);
    CHECK_EQ(sum, 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    // A page table and an env's frames are passed over.
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES,
                             space_row(victim.space)->root, 1, 0),
             0);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 0);
    CHECK_EQ(account_row(victim.account)->wanted, 0);
    CHECK_EQ(space_row(victim.space)->tables, VICTIM_TABLES);
    account_free((account_id)extra);
    victim_free(&victim);
    victim_free(&heir);
}

// An env that ignores what its account is asked goes on without the frames.
TEST(who_ignores_it_goes_on) {
    struct child child;
    account_id account = account_make(64);
    u64 slice = (cpus() - 1) * (u64)ABI_SLICES + 200;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), account, slice, 1), 0);
    // incq 0x500000; jmp back
    CHECK_EQ(child_make(&child, account, "\x48\xff\x04\x25\0\0\x50\0\xeb\xf6", 10, slice), 0);
    pfn_t pfn[8];
    for (u32 i = 0; i < 8; i++) {
        pfn[i] = frame_make(account, FRAME_ALLOC_AUTO);
        map(child.space, SCRATCH + i * ABI_PAGE, pfn[i], RW);
    }
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child.env), 0);
    for (u32 i = 0; i < 8; i++) {
        CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, account, REVOKE_FRAMES, pfn[i], 1, 0), 0);
        CHECK_EQ(take_all(account, REVOKE_FRAMES, 0), 1);
        CHECK_EQ(frame_row(pfn[i])->kind, FRAME_FREE);
    }
    u64 ran = env_row(child.env)->ran, until = tsc() + ms(5000);
    while (env_row(child.env)->ran == ran && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(env_row(child.env)->ran != ran);
    CHECK(env_row(child.env)->state != ENV_STOPPED);
    account_free(account);
}

// A processor writes to a frame while it is taken, by force and for somebody else: what it wrote
// last before it faulted is the last that anybody sees.
static volatile u64 writes;

static void write_on(void *argument) {
    (void)argument;
    set_upcall_handler(note_fault);
    reading = 1;
    u32 before = faults;
    while (faults == before) { // mov %rdx, (%rax)
        __asm__ volatile(".byte 0x48, 0x89, 0x10" : : "a"(SCRATCH), "d"(writes + 1) : "memory");
        writes = writes + (faults == before);
    }
}

TEST(taking_what_another_cpu_writes) {
    for (u32 round = 0; round < 5; round++) {
        account_id account = account_make(4), heir = account_make(4);
        pfn_t pfn = frame_make(account, 0);
        map(my_space(), SCRATCH, pfn, RW);
        faults = reading = 0;
        writes = 0;
        env_id worker = worker_start(cpus() - 1, write_on, 0);
        while (!writes) {
            sys_env_yield(0, 0);
            for (u32 i = 0; i < 1000 && cpus() > 1; i++)
                __asm__ volatile("pause");
        }
        CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, account, REVOKE_FRAMES, pfn, 1, 0), 0);
        CHECK_EQ(take_all(account, REVOKE_FRAMES, heir), 1);
        CHECK_EQ(frame_row(pfn)->owner, heir);
        map(my_space(), SCRATCH + ABI_PAGE, pfn, RW);
        for (u32 i = 0; i < 1000; i++)
            CHECK_EQ(*(volatile u64 *)(SCRATCH + ABI_PAGE), 0); // nobody writes any more
        worker_wait(worker);
        CHECK_EQ(faults, 1);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH + ABI_PAGE, 1), 1);
        account_free(account);
        account_free(heir);
    }
}

// All that two accounts have is taken, the page that an env saves its state in (its upcall stack)
// and the page of another's handler with it: both are stopped as decision 011 says, alone, and one
// that had nothing to lose goes on.
TEST(taking_a_save_area_and_a_handler) {
    struct child child[3];
    account_id account[2] = {account_make(16), account_make(16)};
    u64 slice = 200;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 3),
             0);
    // ud2; jmp to itself. The first two have page or stack from an account that loses it.
    for (u32 i = 0; i < 3; i++)
        CHECK_EQ(child_make(&child[i], my_account(),
                            i == 1 ? "\x0f\x0b\xeb\xfe" : "\xeb\xfe\xeb\xfe", 4, slice + i),
                 0);
    pfn_t stack = frame_make(account[0], 0), handler = frame_make(account[1], 0);
    map(child[0].space, DATA_VA + ABI_PAGE, stack, RW);
    map(child[1].space, CODE_VA + ABI_PAGE, handler, 0);
    struct env_setup setup = {
        .upcall_entry = CODE_VA, .upcall_stack = DATA_VA + ABI_PAGE, .upcall_pages = 1};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, child[0].env, (u64)&setup), 0);
    setup = (struct env_setup){
        .upcall_entry = CODE_VA + ABI_PAGE, .upcall_stack = DATA_VA, .upcall_pages = 1};
    CHECK_EQ(sys_env_set(CAP_SLOT_ACCOUNT, child[1].env, (u64)&setup), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child[0].env), 0);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child[2].env), 0);
    for (u32 i = 0; i < 2; i++) {
        CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, account[i], REVOKE_FRAMES, ABI_ANY, 16, 0), 0);
        CHECK_EQ(take_all(account[i], REVOKE_FRAMES, 0), 16);
        CHECK_EQ(account_row(account[i])->frames, 0);
    }
    CHECK_EQ(frame_row(stack)->kind, FRAME_FREE);
    CHECK_EQ(frame_row(handler)->kind, FRAME_FREE);
    CHECK_EQ(env_row(child[0].env)->state, ENV_STOPPED);
    CHECK_EQ(env_row(child[0].env)->stop_reason, ENV_STOP_TAKEN);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, child[1].env), 0);
    worker_wait_state(child[1].env, ENV_STOPPED);
    CHECK_EQ(env_row(child[1].env)->stop_reason, ENV_STOP_STACK);
    u64 ran = env_row(child[2].env)->ran, until = tsc() + ms(5000);
    while (env_row(child[2].env)->ran == ran && tsc() < until)
        sys_env_yield(0, 0);
    CHECK(env_row(child[2].env)->ran != ran);
    for (u32 i = 0; i < 3; i++)
        child_free(&child[i]);
    for (u32 i = 0; i < 2; i++)
        account_free(account[i]);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 3), 0);
}

TEST(ask_and_take_slices) {
    struct victim victim;
    victim_make(&victim, 4);
    const volatile struct abi_account *row = account_row(victim.account);
    u64 first = (cpus() - 1) * (u64)ABI_SLICES + 210;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), victim.account, first, 8),
             0);
    CHECK_EQ(row->slices, 8);
    CHECK_EQ(sys_account_guarantee(CAP_SLOT_ACCOUNT, victim.account, 0, 3), 0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_SLICES, first + 2, 2, ~0ul),
             0);
    CHECK_EQ(sys_account_take(CAP_SLOT_ACCOUNT, victim.account, REVOKE_SLICES, 0), -E_BUSY);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_SLICES, first + 2, 2, 0), 0);
    CHECK_EQ(take_all(victim.account, REVOKE_SLICES, my_account()), 2);
    CHECK_EQ(slice_row(first + 2)->owner, my_account());
    CHECK_EQ(slice_row(first + 4)->owner, victim.account);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_SLICES, ABI_ANY, 8, 0), 0);
    CHECK_EQ(take_all(victim.account, REVOKE_SLICES, 0), 3);
    CHECK_EQ(row->slices, 3);
    CHECK_EQ(row->taken_slices, 5);
    CHECK_EQ(row->wanted_slices, 0);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, first + 2, 2), 0);
    victim_free(&victim);
}

// --- who may not ---------------------------------------------------------------------------------

static i64 answers[8];
static account_id answering;

// Runs as an env of ours whose capability in CAP_SLOT_FREE is for an account below.
static void ask_upwards(void *argument) {
    (void)argument;
    answers[0] = sys_account_ask(CAP_SLOT_FREE, my_account(), REVOKE_FRAMES, ABI_ANY, 1, 0);
    answers[1] = sys_account_ask(CAP_SLOT_FREE, answering, REVOKE_FRAMES, ABI_ANY, 0, 0);
    answers[2] = sys_account_guarantee(CAP_SLOT_FREE, answering, 1, 0);
    answers[3] = sys_account_take(CAP_SLOT_FREE, my_account(), REVOKE_FRAMES, 0);
    answers[4] = sys_account_take(CAP_PAIR(CAP_SLOT_FREE, CAP_SLOT_FREE), answering, REVOKE_FRAMES,
                                  my_account());
    answers[5] =
        sys_account_listen(CAP_PAIR(CAP_SLOT_FREE, CAP_SLOT_FREE), answering, my_env(), 0, 0);
}

TEST(an_account_cannot_ask_upwards) {
    struct victim victim;
    victim_make(&victim, 4);
    answering = victim.account;
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 2, ~0ul), 0);
    env_id worker = worker_start_with(cpus() - 1, ask_upwards, 0, victim.account);
    worker_wait(worker);
    CHECK_EQ(answers[0], -E_RIGHTS);
    CHECK_EQ(answers[1], -E_BUSY); // what its parent asked stands
    CHECK_EQ(answers[2], -E_RIGHTS);
    CHECK_EQ(answers[3], -E_RIGHTS);
    CHECK_EQ(answers[4], -E_RIGHTS);
    CHECK_EQ(answers[5], -E_RIGHTS);
    CHECK_EQ(account_row(victim.account)->wanted, 2);
    victim_free(&victim);
}

TEST(ask_errors) {
    struct victim victim;
    victim_make(&victim, 4);
    account_id id = victim.account;
    u64 quota = account_row(id)->quota;
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, my_account(), REVOKE_FRAMES, ABI_ANY, 1, 0),
             -E_INVAL);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id, 2, ABI_ANY, 1, 0), -E_INVAL);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, ABI_INFO->frames, 1, 0),
             -E_RANGE);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, ~1ul, 2, 0), -E_RANGE);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, 1, 513, 0), -E_RANGE);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, ABI_ANY, ~0ul, 0), -E_RANGE);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id + (1ul << ABI_INDEX_BITS), 0, 0, 0, 0), -E_STALE);
    CHECK_EQ(sys_account_ask(CAP_SLOT_SELF, id, 0, 0, 0, 0), -E_TYPE);
    CHECK_EQ(sys_account_guarantee(CAP_SLOT_ACCOUNT, my_account(), 1, 0), -E_INVAL);
    CHECK_EQ(sys_account_guarantee(CAP_SLOT_ACCOUNT, id, quota + 1, 0), -E_NOMEM);
    CHECK_EQ(sys_account_guarantee(CAP_SLOT_ACCOUNT, id, 0, ~0ul), -E_LIMIT);
    CHECK_EQ(sys_account_take(CAP_SLOT_ACCOUNT, id, 2, 0), -E_INVAL);
    CHECK_EQ(sys_account_take(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, 0), 0); // nothing is asked
    CHECK_EQ(sys_account_take(ACCOUNT2, id, REVOKE_FRAMES, id), -E_INVAL);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, ABI_ANY, 1, 0), 0);
    CHECK_EQ(sys_account_take(ACCOUNT2, id, REVOKE_FRAMES, my_account()), -E_INVAL);
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, my_env(), (u64)vector, 5), -E_LIMIT);
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, my_env(), (u64)vector + 8, 1), -E_ALIGN);
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, my_env(), ABI_TABLES, 1), -E_RANGE);
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, 0, (u64)vector, 1), -E_INVAL);
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, my_env(), (u64)vector, 1), -E_INVAL); // not its own
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, my_env(), 0x30000000000, 1), -E_INVAL);
    CHECK_EQ(sys_account_listen(ACCOUNT2, id, my_env() + (1ul << ABI_INDEX_BITS), 0, 0), -E_STALE);
    victim_free(&victim);
}

// --- races ---------------------------------------------------------------------------------------

static struct victim racing;
static volatile u32 racing_on;

// The victim maps and unmaps what it has, as fast as it can.
static void resist(void *argument) {
    u64 caps = CAP_PAIR(CAP_SLOT_FREE, CAP_SLOT_FREE), n = 0;
    (void)argument;
    while (racing_on) {
        u64 va = SCRATCH + n++ % 64 * ABI_PAGE;
        if (n % 3)
            sys_space_map(caps, racing.space, va, ABI_ANY, 4, RW);
        else
            sys_space_unmap(CAP_SLOT_FREE, racing.space, va, 4);
        if (n % 7 == 0)
            sys_account_ask(CAP_SLOT_FREE, racing.account, REVOKE_FRAMES, ABI_ANY, 0, 0);
        if (n % 11 == 0)
            sys_account_take(CAP_SLOT_FREE, racing.account, REVOKE_FRAMES, 0);
    }
}

TEST(taking_against_an_account_that_resists) {
    victim_make(&racing, 128);
    CHECK_EQ(sys_account_guarantee(CAP_SLOT_ACCOUNT, racing.account, 20, 0), 0);
    racing_on = 1;
    env_id worker = worker_start_with(cpus() - 1, resist, 0, racing.account);
    const volatile struct abi_account *row = account_row(racing.account);
    for (u32 i = 0; i < 10; i++) {
        u64 quota = row->quota;
        CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, racing.account, REVOKE_FRAMES, ABI_ANY, 10, 0),
                 0);
        CHECK(take_all(racing.account, REVOKE_FRAMES, 0) >= 0);
        CHECK_EQ(row->quota, quota - 10);
        CHECK(row->frames <= row->quota);
        sys_env_yield(0, 0);
    }
    CHECK(row->quota >= 20);
    racing_on = 0;
    worker_wait(worker);
    victim_free(&racing);
}

// The account dies while it is being taken from, and while it is asked.
TEST(an_asked_account_dies) {
    struct victim victim;
    for (u32 i = 0; i < 5; i++) {
        victim_make(&victim, 200);
        u64 va = 0x20000000000;
        CHECK_EQ(sys_space_unmap(victim.slot, victim.space, SCRATCH, 1), 1);
        pfn_t pfn = frame_make(victim.account, FRAME_ALLOC_AUTO);
        map(my_space(), va, pfn, RW);
        CHECK_EQ(sys_account_listen(ACCOUNT2, victim.account, my_env(), va, 1), 0);
        CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 150, 0),
                 0);
        i64 taken;
        while ((taken = sys_account_take(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, 0)) ==
               -E_AGAIN)
            ;
        CHECK(taken > 0);
        *upcall_pending() = 0;
        account_id id = victim.account;
        victim_free(&victim);
        CHECK_EQ(sys_account_take(CAP_SLOT_ACCOUNT, id, REVOKE_FRAMES, 0), -E_STALE);
        CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), va, 1), 1);
        CHECK_EQ(frame_row(pfn)->kind, FRAME_FREE);
    }
}

// --- being told ----------------------------------------------------------------------------------

static volatile u64 reasons;
static volatile u32 listening;

static void note_reason(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_NOTIFY)
        reasons |= frame->error | 1ul << 63;
}

static void listen(void *argument) {
    (void)argument;
    set_upcall_handler(note_reason);
    listening = 2;
    while (listening)
        __asm__ volatile("pause");
}

static u64 reason_of(u64 wanted) {
    u64 until = tsc() + ms(10000);
    while (!(reasons & wanted) && tsc() < until)
        sys_env_yield(0, 0);
    u64 said = reasons & ~(1ul << 63);
    reasons = 0;
    return said;
}

// The upcall says why: asked, taken, or plainly notified.
TEST(who_listens_hears_why) {
    struct victim victim;
    victim_make(&victim, 8);
    reasons = 0;
    listening = 1;
    env_id worker = worker_start(cpus() - 1, listen, 0);
    CHECK_EQ(sys_account_listen(ACCOUNT2, victim.account, worker, 0, 0), 0);
    CHECK_EQ(account_row(victim.account)->told, worker);
    while (listening != 2)
        sys_env_yield(0, 0);
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 2, 0), 0);
    CHECK_EQ(reason_of(NOTIFY_ASKED), NOTIFY_ASKED);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 2);
    CHECK_EQ(reason_of(NOTIFY_TAKEN), NOTIFY_TAKEN);
    CHECK_EQ(sys_env_notify(CAP_SLOT_ACCOUNT, worker), 0);
    CHECK_EQ(reason_of(1ul << 63), 0);
    listening = 0;
    worker_wait(worker);
    // Whoever listened is gone: nobody hears, and nothing is wrong.
    CHECK_EQ(sys_account_ask(CAP_SLOT_ACCOUNT, victim.account, REVOKE_FRAMES, ABI_ANY, 1, 0), 0);
    CHECK_EQ(take_all(victim.account, REVOKE_FRAMES, 0), 1);
    victim_free(&victim);
}
