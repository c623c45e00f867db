// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What mini does: two threads write and sum numbers in memory that comes into being as they touch
// it.

#include "libos/mini/mini.h"

#define PAGES 64

const struct rt_start *mini_start;

static u8 upcall_stack[2 * ABI_PAGE] __attribute__((aligned(4096)));
static u64 sums[THREADS];

// Called by mini_upcall_entry for everything that the kernel has to tell.
void mini_upcall(struct upcall_frame *frame);
void mini_upcall(struct upcall_frame *frame) {
    if (frame->vector == UPCALL_SLICE_END) {
        threads_slice_end();
        return;
    }
    if (frame->vector == UPCALL_NOTIFY || (frame->vector == UPCALL_PF && memory_fault(frame)))
        return;
    print("mini: exception %lu at %lx, address %lx\n", frame->vector, frame->rip, frame->address);
    mini_exit(1);
}

static void count(u32 number) {
    volatile u64 *words = (u64 *)(HEAP + number * (HEAP_END - HEAP) / THREADS);
    for (u64 page = 0; page < PAGES; page++) {
        words[page * 512] = page + number; // the first touch: a page fault, a frame, and on
        sums[number] += words[page * 512];
        thread_yield();
    }
}

// The account has positions in the vector of each processor; a creator assigns one. We run in all.
static void positions_take(void) {
    for (u64 i = 0; i < ABI_INFO->table[ABI_TABLE_SLICES].count; i++) {
        const volatile struct abi_slice *row = abi_row(ABI_TABLE_SLICES, i);
        if (row->owner == mini_start->account && !row->env)
            sys_slice_assign(CAP_PAIR(CAP_SLOT_ACCOUNT, CAP_SLOT_SELF), i, mini_start->env);
    }
}

// The number behind mini_ms= on the kernel's command line, or 0.
static u64 work_ms(void) {
    static const char name[] = "mini_ms=";
    u64 value = 0, matched = 0;
    for (const volatile char *at = ABI_INFO->command_line; *at; at++) {
        if (matched == sizeof name - 1 && *at >= '0' && *at <= '9')
            value = value * 10 + (u64)(*at - '0');
        else if (matched == sizeof name - 1)
            break;
        else
            matched = *at == name[matched] ? matched + 1 : *at == name[0];
    }
    return value;
}

static u64 now(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

// Works for so long, and says what it had of the processor: the kernel counts that in a table.
static void work(u64 ms) {
    const volatile struct abi_env *row = abi_row(ABI_TABLE_ENVS, ABI_INDEX(mini_start->env));
    u64 per_ms = ABI_INFO->tsc_hz / 1000, from = now(), ran = row->ran;
    while (now() - from < ms * per_ms)
        ;
    u64 part = (row->ran - ran) / ((now() - from) / 1000);
    print("mini: worked for %lu ms with %lu.%lu %% of a processor\n", ms, part / 10, part % 10);
}

void rt_main(const struct rt_start *start);
void rt_main(const struct rt_start *start) {
    mini_start = start;
    struct env_setup setup = {.upcall_entry = (u64)mini_upcall_entry,
                              .upcall_stack = (u64)upcall_stack,
                              .upcall_pages = 2};
    i64 error = sys_env_set(CAP_SLOT_SELF, start->env, (u64)&setup);
    if (error)
        mini_exit(2);
    positions_take();
    print("mini: hello from env %lx, account %lx\n", start->env, start->account);
    for (u32 i = 0; i < THREADS; i++)
        thread_create(i, count);
    threads_join();
    print("mini: sums %lu and %lu, %lu switches, %lu page faults\n", sums[0], sums[1],
          threads_switches(), memory_faults());
    print("mini: %lu of the first thread's %u pages are dirty, says the page table\n",
          memory_dirty_pages(HEAP, PAGES), PAGES);
    if (work_ms())
        work(work_ms());
    mini_exit(0);
}
