// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// mini: the smallest library OS worth the name. Read it first.
//
// The kernel gave it an account (who pays), an address space, one env (the processor, when its
// slice comes) and a console; nothing else. It has no page table of its own, no memory allocator
// and no threads until it makes them here:
//
//   main.c     what it does: two threads count words in memory that does not exist yet
//   memory.c   memory on demand: a page fault is an upcall, and the handler maps a frame
//   threads.c  two threads in one env: a switch is a function, and the end of a slice is an upcall
//   too console.c  printing entry.S    where the kernel enters: registers are saved by those who
//   want them saved

#ifndef LIBOS_MINI_MINI_H
#define LIBOS_MINI_MINI_H

#include "abi/caps.h"
#include "abi/env.h"
#include "abi/errors.h"
#include "abi/pte.h"
#include "abi/tables.h"
#include "gen/syscalls_user.h"
#include "libos/rt/start.h"

extern const struct rt_start *mini_start; // what the first program gave us

// --- console.c ----------------------------------------------------------------------------------

__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
__attribute__((noreturn)) void
mini_exit(int status); // ends the machine if we may, otherwise ourselves

// --- memory.c -----------------------------------------------------------------------------------

// Addresses that get memory when they are touched.
#define HEAP     0x200000000ul
#define HEAP_END 0x240000000ul

int memory_fault(const struct upcall_frame *frame); // 0: not ours to mend
u64 memory_faults(void);
u64 memory_dirty_pages(
    u64 va, u64 pages); // how many of them have been written: read from the page table itself

// --- threads.c ----------------------------------------------------------------------------------

#define THREADS 2

void thread_create(u32 number, void (*run)(u32 number));
void thread_yield(void); // to the other thread
void thread_end(void);   // of the calling thread
void threads_join(void); // until all have ended
u64 threads_switches(void);
void threads_slice_end(void); // the env's slice ends: give it up, and go on in another thread

// --- entry.S ------------------------------------------------------------------------------------

extern const char mini_upcall_entry[];
// Saves the callee-saved registers and stack pointer at *from, and goes on where to was saved.
void context_switch(u64 *from, u64 to);
extern const char context_start[]; // where a new thread begins: rbx is called with r12

#endif
