// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory that is freed together: every block that an object, program, verdict or code owns is
// chained to one head. The head is kept in the owner's `blocks`; it starts as NULL.

#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include "base/checked.h"
#include "base/string.h"
#include "engine/program.h"

struct engine_pool_block {
    struct engine_pool_block *next;
    size_t size; // with this header
};
_Static_assert(sizeof(struct engine_pool_block) == 16, "blocks keep alloc's alignment");

// count elements of size bytes, cleared; NULL if there is no memory or the product overflows. count
// may be 0.
static inline void *engine_pool_alloc(const struct engine_host *host, void **head, size_t count,
                                      size_t size) {
    size_t bytes;
    if (!checked_size_mul(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes += sizeof(struct engine_pool_block);
    struct engine_pool_block *block = host->alloc(host->cookie, bytes);
    if (!block)
        return NULL;
    memset(block, 0, bytes);
    block->next = *head;
    block->size = bytes;
    *head = block;
    return block + 1;
}

static inline void engine_pool_free(const struct engine_host *host, void **head) {
    struct engine_pool_block *block = *head;
    while (block) {
        struct engine_pool_block *next = block->next;
        host->free(host->cookie, block, block->size);
        block = next;
    }
    *head = NULL;
}

#endif
