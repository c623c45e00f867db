// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory of extensions: everything that the kernel holds for one is charged to the account that
// pays for it, and is given back as a whole.
//
//   blocks   small pieces and runs of pages, for the engine and for the structures of this room
//   arena    the program's own data: a power of two long and aligned; behind it its first page is
//            mapped once more, so that an access that begins in the arena may end beyond it
//   code     executable and never writable where it runs; written through the direct map
//
// A struct memory is used by one at a time: by the work that loads the extension (`inside` is set;
// takes the kernel lock where it must), or by whoever holds the kernel lock.
//
// Virtual pages come from two windows (SAL_AREA, SAL_CODE), each a buddy system. What is given back
// rests until every processor has flushed its translations, which happens once for many.

#ifndef KERNEL_SPIN_MEMORY_H
#define KERNEL_SPIN_MEMORY_H

#include <stddef.h>

#include "abi/types.h"

#define MEMORY_CLASSES 8 // 16, 32, .. 2048 bytes

struct memory {
    account_id account;
    u32 frames; // charged
    u32 inside; // the owner does not hold the kernel lock
    struct memory_run *runs;
    struct {
        void *free;  // list
        u64 at, end; // never used so far
    } of[MEMORY_CLASSES];
};

void memory_init(void);

// Aligned to 16, not cleared; null if quota, memory or window are used up.
void *memory_alloc(struct memory *memory, size_t bytes);
void memory_free(struct memory *memory, void *block, size_t bytes);

// Gives back all blocks; inside work.
void memory_drop(struct memory *memory);

// Gives back all blocks, pages at a time; returns how many pages of the budget are left, 0 if some
// blocks are. With the lock.
u32 memory_tear(struct memory *memory, u32 budget);

// Pages without a header: arenas, code. order: log2 of the virtual pages.
struct memory_pages {
    u64 va; // 0: none
    u32 order;
    u32 count; // mapped with frames of their own
    u32 skip;  // pages before the first of them
    u32 alias; // the page behind the last one is the first one again
};
int memory_arena_take(struct memory *memory, u32 size_log2, struct memory_pages *arena);
// A stack of 2^order pages, with as much of nothing below it; it ends at *top.
int memory_stack_take(struct memory *memory, u32 order, struct memory_pages *stack, u64 *top);
int memory_code_reserve(struct memory *memory, u64 bytes, struct memory_pages *code);
int memory_code_take(struct memory *memory, struct memory_pages *code, u64 bytes);
// With the lock; returns what is left of the budget, 0 if pages are.
u32 memory_pages_tear(struct memory *memory, struct memory_pages *pages, u32 budget);

// Copies to executable memory (within pages that are mapped).
void memory_code_write(u64 to, const void *from, size_t bytes);
// One aligned store, seen whole by processors that run there.
void memory_code_store(u64 to, u64 word);

#endif
