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

void rt_main(const struct rt_start *start);
void rt_main(const struct rt_start *start) {
    mini_start = start;
    struct env_setup setup = {.upcall_entry = (u64)mini_upcall_entry,
                              .upcall_stack = (u64)upcall_stack,
                              .upcall_pages = 2};
    i64 error = sys_env_set(CAP_SLOT_SELF, start->env, (u64)&setup);
    if (error)
        mini_exit(2);
    print("mini: hello from env %lx, account %lx\n", start->env, start->account);
    for (u32 i = 0; i < THREADS; i++)
        thread_create(i, count);
    threads_join();
    print("mini: sums %lu and %lu, %lu switches, %lu page faults\n", sums[0], sums[1],
          threads_switches(), memory_faults());
    print("mini: %lu of the first thread's %u pages are dirty, says the page table\n",
          memory_dirty_pages(HEAP, PAGES), PAGES);
    mini_exit(0);
}
