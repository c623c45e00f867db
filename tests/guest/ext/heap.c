// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// An extension with an allocator of its own in its arena, which also writes wherever it likes:
// through wild addresses, into its allocator's lists, over its arena's first and last bytes.

#include "abi/ext/object.h"

#define BLOCKS 256
#define HEAP   (BLOCKS * 64)

struct block {
    struct block *next; // while it is free
    u64 words[7];
};

static struct block heap[BLOCKS];
static struct block *list;
static u64 used, random_state;

struct cell {
    struct object object;
    u64 value;
};
OBJECT(cell)

INIT(heap_init) {
    for (u32 i = 0; i < BLOCKS; i++) {
        heap[i].next = list;
        list = &heap[i];
    }
    struct cell *cell = object_new(cell);
    if (!cell)
        return 1;
    cell->value = 0x5ca1ab1e;
    cell = object_swap(cell, 0, cell);
    if (cell)
        object_put(cell, cell);
    return 0;
}

ENTRY(u64, allocate, (void)) {
    struct block *block = list;
    if (!block)
        return ~0ul; // all of the arena is used up
    list = block->next;
    used++;
    return (u64)block;
}

ENTRY(u64, give_back, (u64 at)) {
    struct block *block = (struct block *)at; // any number will do
    block->next = list;
    list = block;
    return --used;
}

// Walks the free list, which may lead anywhere, or in circles.
ENTRY(u64, count, (void)) {
    u64 n = 0;
    for (const struct block *block = list; block && n < 1000; block = block->next)
        n++;
    return n;
}

ENTRY(u64, corrupt, (u64 seed)) {
    random_state = seed;
    for (u32 i = 0; i < 64; i++) {
        random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
        u64 where = random_state ^ random_state >> 29;
        *(volatile u64 *)where = random_state;                     // anywhere
        *(volatile u64 *)((u64)heap + (where & 0xffffff)) = where; // near
        ((volatile u8 *)where)[-1] = (u8)where;
        __sync_fetch_and_add((u64 *)(where & ~7ul), where);
        if (!(i & 7))
            list = (struct block *)where;
    }
    return *(volatile u64 *)random_state;
}

// What is not in the arena is as it was.
ENTRY(u64, cell_value, (void)) {
    const struct cell *cell = object_read(cell, 0);
    return cell ? cell->value : 0;
}
