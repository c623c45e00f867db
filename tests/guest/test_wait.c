// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// env_wait and word_wake: a word of memory, a deadline, a message; no wakeup is lost.

#include "tests/guest/guest.h"

#define CAPS   CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_ACCOUNT)
#define ROUNDS 1000
#define WORD   (SCRATCH + 0x800)
#define OTHER  (SCRATCH + 0x100000)
#define RW     (ABI_PTE_W | ABI_PTE_NX)

static volatile u32 word, waiting, ended;
static volatile u64 wait_at;
static volatile i64 result;

static u64 seen(void) {
    return env_row(self())->wakes;
}

TEST(wait_returns_at_once) {
    word = 5;
    CHECK_EQ(sys_env_wait((u64)&word, 6, seen(), ABI_ANY, 0), 1);
    CHECK_EQ(sys_env_wait((u64)&word, 5, seen() - 1, ABI_ANY, 0), 0);
    CHECK_EQ(sys_env_wait((u64)&word, 5, seen(), tsc(), 0), 0);
    CHECK_EQ(sys_env_wait(0, 0, seen() - 1, ABI_ANY, ENV_WAIT_MESSAGE), 0);
    u64 until = tsc() + ms(20);
    CHECK_EQ(sys_env_wait((u64)&word, 5, seen(), until, 0), 0);
    CHECK(tsc() >= until);
    until = tsc() + ms(20);
    CHECK_EQ(sys_env_wait(0, 0, seen(), until, ENV_WAIT_MESSAGE), 0);
    CHECK(tsc() >= until);
    CHECK_EQ(sys_word_wake((u64)&word, 10), 0);
}

TEST(wait_errors) {
    CHECK_EQ(sys_env_wait((u64)&word, 0, seen(), 0, 2), -E_INVAL);
    CHECK_EQ(sys_env_wait((u64)&word + 2, 0, seen(), 0, 0), -E_ALIGN);
    CHECK_EQ(sys_env_wait(ABI_USER_END, 0, seen(), 0, 0), -E_RANGE);
    CHECK_EQ(sys_env_wait(ABI_TABLES, 0, seen(), 0, 0), -E_RANGE);
    CHECK_EQ(sys_env_wait(~3ul, 0, seen(), 0, 0), -E_RANGE);
    CHECK_EQ(sys_env_wait(SCRATCH, 0, seen(), 0, 0), -E_FAULT);
    CHECK_EQ(sys_word_wake((u64)&word + 1, 1), -E_ALIGN);
    CHECK_EQ(sys_word_wake(ABI_USER_END + 8, 1), -E_RANGE);
    CHECK_EQ(sys_word_wake(SCRATCH, 1), -E_FAULT);
    CHECK_EQ(sys_space_map(CAPS, my_space(), SCRATCH, ABI_ANY, 1, ABI_PTE_NX), 1);
    CHECK_EQ(sys_env_wait(SCRATCH, 1, seen(), 0, 0), 1); // may be read, not written
    CHECK_EQ(sys_word_wake(SCRATCH, 1), -E_FAULT);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
}

// --- nothing is lost -----------------------------------------------------------------------------

// The two take turns; each sleeps by the word until the other has changed it.
static void alternate(void *argument) {
    u32 me = (u32)(u64)argument;
    for (u32 now; (now = word) < ROUNDS;) {
        if (now % 2 == me) {
            word = now + 1;
            sys_word_wake((u64)&word, 1);
        } else {
            sys_env_wait((u64)&word, now, seen(), ABI_ANY, me ? ENV_WAIT_MESSAGE : 0);
        }
    }
    sys_word_wake((u64)&word, 2);
}

TEST(words_wake_on_every_cpu) {
    for (u32 other = 0; other < cpus(); other++) {
        word = 0;
        env_id a = worker_start(0, alternate, (void *)0),
               b = worker_start(other, alternate, (void *)1);
        worker_wait(a);
        worker_wait(b);
        CHECK_EQ(word, ROUNDS);
    }
}

// --- what happens to the word --------------------------------------------------------------------

static void wait_there(void *argument) {
    (void)argument;
    waiting = 1;
    result = sys_env_wait(wait_at, 0, seen(), ABI_ANY, 0);
    ended = 1;
    while (!word)
        sys_env_wait((u64)&word, 0, seen(), ABI_ANY, 0);
}

static env_id waiter_start(u64 at) {
    waiting = ended = word = 0;
    wait_at = at;
    result = -1;
    env_id waiter = worker_start(cpus() - 1, wait_there, 0);
    worker_wait_state(waiter, ENV_SLEEPING);
    return waiter;
}

static void waiter_ends(env_id waiter) { // within a second
    for (u64 until = tsc() + ms(1000); !ended && tsc() < until;)
        sys_env_yield(0, 0);
    CHECK_EQ(ended, 1);
    CHECK_EQ(result, 0);
    word = 1;
    sys_word_wake((u64)&word, 1);
    worker_wait(waiter);
}

static pfn_t page_at(u64 va) {
    i64 pfn = sys_frame_alloc(CAP_SLOT_ACCOUNT, my_account(), ABI_ANY, 1, 0);
    CHECK(pfn > 0);
    CHECK_EQ(sys_space_map(CAPS, my_space(), va, (pfn_t)pfn, 1, RW), 1);
    return (pfn_t)pfn;
}

TEST(waiting_for_a_word_that_is_unmapped) {
    pfn_t pfn = page_at(SCRATCH);
    CHECK_EQ(sys_space_map(CAPS, my_space(), OTHER, pfn, 1, RW), 1);
    env_id waiter = waiter_start(WORD);
    CHECK_EQ(frame_row(pfn)->waiters, ABI_INDEX(waiter));
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    CHECK_EQ(sys_word_wake(OTHER, 1), 0); // another word of it
    CHECK_EQ(ended, 0);
    CHECK_EQ(sys_word_wake(OTHER + 0x800, 0), 0);
    CHECK_EQ(sys_word_wake(OTHER + 0x800, 1), 1); // by another mapping
    waiter_ends(waiter);
    CHECK_EQ(frame_row(pfn)->waiters, 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), OTHER, 1), 1);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
}

TEST(waiting_for_a_word_that_is_revoked_or_freed) {
    pfn_t pfn = page_at(SCRATCH);
    env_id waiter = waiter_start(WORD);
    i64 done;
    while ((done = sys_frame_revoke(CAP_SLOT_ACCOUNT, pfn, 1)) == -E_AGAIN)
        ;
    CHECK_EQ(done, 1);
    waiter_ends(waiter);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    pfn = page_at(SCRATCH);
    waiter = waiter_start(WORD);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    CHECK_EQ(ended, 0);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
    waiter_ends(waiter);
    CHECK_EQ(frame_row(pfn)->waiters, 0);
}

// One of three dies, one is stopped: the list holds the third, and whoever waits anew.
TEST(waiters_that_die_or_are_stopped) {
    pfn_t pfn = page_at(SCRATCH);
    env_id waiters[3];
    for (u32 i = 0; i < 3; i++)
        waiters[i] = waiter_start(WORD);
    worker_destroy(waiters[0]);
    CHECK_EQ(frame_row(pfn)->waiters, ABI_INDEX(waiters[1]));
    CHECK_EQ(sys_env_stop(CAP_SLOT_ACCOUNT, waiters[1]), 0);
    CHECK_EQ(frame_row(pfn)->waiters, ABI_INDEX(waiters[2]));
    CHECK_EQ(sys_word_wake(WORD, 5), 1);
    CHECK_EQ(sys_env_start(CAP_SLOT_ACCOUNT, waiters[1]), 0);
    word = 1;
    sys_word_wake((u64)&word, 5);
    worker_wait(waiters[1]);
    worker_wait(waiters[2]);
    CHECK_EQ(frame_row(pfn)->waiters, 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
}

__attribute__((naked)) static void wait_without_stack(void) { // rdi: the word
    __asm__ volatile("xor %%esi, %%esi\n xor %%edx, %%edx\n mov $-1, %%r10\n xor %%r8d, %%r8d\n"
                     "mov %0, %%eax\n syscall\n 1: jmp 1b"
                     :
                     : "i"(0x80000000u + SYS_env_wait));
}

TEST(waiters_of_a_frame_are_limited) {
    static env_id envs[64];
    pfn_t pfn = page_at(SCRATCH);
    u64 slice = cpus() * (u64)ABI_SLICES - 1;
    CHECK_EQ(sys_slice_alloc(CAP_PAIR(CAP_SLOT_SLICES, CAP_SLOT_ACCOUNT), my_account(), slice, 1),
             0);
    struct env_setup setup = {.rip = (u64)wait_without_stack, .rsp = SCRATCH, .flags = ENV_START};
    for (u32 i = 0; i < 64; i++) {
        setup.arg = SCRATCH + i * 4;
        CHECK_EQ(sys_slice_assign(CAPS, slice, 0), 0);
        envs[i] = (env_id)sys_env_create(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SPACE), my_account(),
                                         my_space(), (u64)&setup, slice);
        worker_wait_state(envs[i], ENV_SLEEPING);
    }
    CHECK_EQ(sys_env_wait(WORD, 0, seen(), ABI_ANY, 0), -E_FULL);
    for (u32 i = 0; i < 64; i++)
        CHECK_EQ(sys_env_destroy(CAP_SLOT_ACCOUNT, envs[i]), 0);
    CHECK_EQ(sys_env_wait(WORD, 0, seen(), tsc() + ms(1), 0), 0);
    CHECK_EQ(sys_slice_free(CAP_SLOT_ACCOUNT, slice, 1), 0);
    CHECK_EQ(sys_space_unmap(CAP_SLOT_SPACE, my_space(), SCRATCH, 1), 1);
    CHECK_EQ(sys_frame_free(CAP_SLOT_ACCOUNT, pfn, 1), 0);
}

// --- messages ------------------------------------------------------------------------------------

__attribute__((naked)) static void answer(void) {
    __asm__ volatile("add $1, %%rdx\n mov %0, %%eax\n syscall\n ud2"
                     :
                     : "i"(0x80000000u + SYS_env_return));
}

static void serve(void *argument) {
    struct env_setup setup = {.call_entry = (u64)answer, .call_stack = (u64)argument};
    CHECK_EQ(sys_env_set(CAP_SLOT_SELF, self(), (u64)&setup), 0);
    while (!ended) {
        result = sys_env_wait((u64)&word, 0, seen(), tsc() + ms(20), ENV_WAIT_MESSAGE);
        waiting++; // times that it came back
    }
}

static i64 call_with(env_id env, u64 *value) {
    i64 error;
    u64 cap = CAP_SLOT_ACCOUNT, id = env, rdx = *value;
    __asm__ volatile("syscall"
                     : "=a"(error), "+D"(cap), "+S"(id), "+d"(rdx)
                     : "a"(0x80000000ul + SYS_env_call)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    *value = rdx;
    return error;
}

// Calls are served while it waits, again and again; and it comes back by call, deadline and word.
TEST(waiting_for_a_message_a_word_and_a_deadline) {
    static u64 stack[128];
    waiting = ended = word = 0;
    env_id server = worker_start(cpus() - 1, serve, &stack[120]);
    u32 answers = 0;
    for (u64 until = tsc() + ms(60000), value = 7; answers < 200 && tsc() < until; value = 7) {
        i64 error = call_with(server, &value);
        CHECK(error == 0 || error == -E_BUSY);
        if (error == 0)
            CHECK_EQ(value, 8);
        answers += error == 0;
        sys_env_yield(0, 0);
    }
    CHECK_EQ(answers, 200);
    u32 before = waiting;
    for (u64 until = tsc() + ms(1000); waiting < before + 3 && tsc() < until;)
        sys_env_yield(0, 0);
    CHECK(waiting >= before + 3); // by deadlines
    ended = word = 1;
    sys_word_wake((u64)&word, 1);
    worker_wait(server);
}
