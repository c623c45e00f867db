// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory of the dispatcher: blocks of code of any small size, out of chunks of one page. A chunk is
// 64 units of 64 bytes, with a bit for each that is in use; it goes back when none is. Chunks with
// room stand in front of the list, so a few are looked at.

#include "base/bits.h"
#include "base/string.h"
#include "kernel/spin/dispatch/priv.h"

enum { UNIT = 64, CHUNK = 4096, CHUNKS_TRIED = 4 };

struct dispatch_chunk {
    struct dispatch_chunk *next, *previous;
    struct dispatch_memory *memory;
    struct engine_code_memory code;
    u64 used;
};

void *heap_alloc(struct dispatch_memory *memory, u64 size) {
    void *block = memory->host->alloc(memory->host->cookie, size);
    if (!block)
        return NULL;
    memset(block, 0, size);
    memory->heap_bytes += size;
    return block;
}

void heap_free(struct dispatch_memory *memory, void *block, u64 size) {
    memory->heap_bytes -= size;
    memory->host->free(memory->host->cookie, block, size);
}

static void chunk_unlink(struct dispatch_chunk *chunk) {
    struct dispatch_memory *memory = chunk->memory;
    if (chunk->previous)
        chunk->previous->next = chunk->next;
    else
        memory->chunks = chunk->next;
    if (chunk->next)
        chunk->next->previous = chunk->previous;
}

static void chunk_link(struct dispatch_chunk *chunk) {
    struct dispatch_memory *memory = chunk->memory;
    chunk->previous = NULL;
    chunk->next = memory->chunks;
    if (memory->chunks)
        memory->chunks->previous = chunk;
    memory->chunks = chunk;
}

static struct dispatch_chunk *chunk_new(struct dispatch_memory *memory) {
    struct dispatch_chunk *chunk = heap_alloc(memory, sizeof(*chunk));
    if (!chunk)
        return NULL;
    if (!memory->host->code_alloc(memory->host->cookie, CHUNK, &chunk->code)) {
        heap_free(memory, chunk, sizeof(*chunk));
        return NULL;
    }
    chunk->memory = memory;
    memory->code_bytes += CHUNK;
    chunk_link(chunk);
    return chunk;
}

static void chunk_free(struct dispatch_chunk *chunk) {
    struct dispatch_memory *memory = chunk->memory;
    chunk_unlink(chunk);
    memory->host->code_free(memory->host->cookie, &chunk->code);
    memory->code_bytes -= CHUNK;
    heap_free(memory, chunk, sizeof(*chunk));
}

static u64 run_mask(u32 first, u32 units) {
    return (units == 64 ? ~0ul : (1ul << units) - 1) << first;
}

// First of `units` free units in a row, or 64.
static u32 run_find(u64 used, u32 units) {
    u64 starts = ~used;
    for (u32 i = 1; i < units && starts; i++)
        starts &= ~used >> i;
    if (units > 1)
        starts &= ~0ul >> (units - 1);
    return starts ? (u32)__builtin_ctzl(starts) : 64;
}

static struct dispatch_block *block_alloc(struct dispatch_memory *memory, u64 size) {
    u32 units = (u32)((size + UNIT - 1) / UNIT), first = 64;
    struct dispatch_block *block = heap_alloc(memory, sizeof(*block));
    if (!block || units > CHUNK / UNIT)
        goto none;
    struct dispatch_chunk *chunk = memory->chunks;
    for (u32 i = 0; chunk && i < CHUNKS_TRIED; i++, chunk = chunk->next) {
        first = run_find(chunk->used, units);
        if (first < 64)
            break;
    }
    if (first == 64) {
        chunk = chunk_new(memory);
        if (!chunk)
            goto none;
        first = 0;
    }
    chunk->used |= run_mask(first, units);
    if (chunk->used == ~0ul && memory->chunks == chunk && chunk->next) { // full ones to the back
        struct dispatch_chunk *second = chunk->next;
        chunk_unlink(chunk);
        chunk->previous = second;
        chunk->next = second->next;
        if (second->next)
            second->next->previous = chunk;
        second->next = chunk;
    }
    *block = (struct dispatch_block){.chunk = chunk, .first = (u8)first, .units = (u8)units};
    memory->blocks++;
    return block;
none:
    if (block)
        heap_free(memory, block, sizeof(*block));
    return NULL;
}

void block_free(struct dispatch_block *block) {
    if (!block)
        return;
    struct dispatch_chunk *chunk = block->chunk;
    struct dispatch_memory *memory = chunk->memory;
    memset(chunk->code.write + block->first * UNIT, 0xcc, block->units * UNIT); // traps
    chunk->used &= ~run_mask(block->first, block->units);
    if (!chunk->used) {
        chunk_free(chunk);
    } else if (memory->chunks != chunk) {
        chunk_unlink(chunk);
        chunk_link(chunk);
    }
    heap_free(memory, block, sizeof(*block));
    memory->blocks--;
}

static u64 block_address(const struct dispatch_block *block) {
    return block->chunk->code.execute + block->first * UNIT;
}

u64 block_code(const struct dispatch_block *block) {
    return block_address(block) + block->words * 8ul;
}

u64 *block_word(const struct dispatch_block *block, u32 index) {
    return (u64 *)(block->chunk->code.write + block->first * UNIT) + index;
}

void word_set(u64 *word, u64 address) {
    __atomic_store_n(word, address, __ATOMIC_RELEASE);
}

struct dispatch_block *block_make(struct dispatch_memory *memory, u32 words, emit_function *write,
                                  const void *what, int *error) {
    struct emit e = {0};
    write(&e, what);
    struct dispatch_block *block = block_alloc(memory, e.x.at);
    if (!block) {
        *error = DISPATCH_MEMORY;
        return NULL;
    }
    block->words = (u8)words;
    e.x = (struct x86){block->chunk->code.write + block->first * UNIT, block->units * UNIT, 0};
    e.base = block_address(block);
    e.far = false;
    write(&e, what);
    if (e.far) {
        block_free(block);
        *error = DISPATCH_REACH;
        return NULL;
    }
    return block;
}

void block_retire(struct dispatch_event *event, struct dispatch_block *block) {
    if (!block)
        return;
    block->next = event->retired;
    event->retired = block;
}

struct dispatch_block *dispatch_retired(struct dispatch_event *event) {
    struct dispatch_block *list = event->retired;
    event->retired = NULL;
    return list;
}

struct dispatch_block *dispatch_block_chain(struct dispatch_block *block,
                                            struct dispatch_block *list) {
    struct dispatch_block *next = block->next;
    block->next = list;
    return next;
}

void dispatch_release(struct dispatch_block *list) {
    while (list) {
        struct dispatch_block *next = list->next;
        block_free(list);
        list = next;
    }
}
