// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory of a compilation: a zone of chunks for what one function needs, and arrays that grow.
// The largest chunk is kept from function to function.

#include "engine/jit/ir.h"

enum { CHUNK = 32 * 1024 };

struct ir_chunk {
    struct ir_chunk *next;
    size_t size;
};

static void copy(void *to, const void *from, size_t size) {
    __builtin_memcpy(to, from, size);
}

void *jit_zone(struct jit *c, size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (size > (size_t)(c->zone_end - c->zone)) {
        size_t wanted = size + sizeof(struct ir_chunk) + 16;
        if (wanted < CHUNK)
            wanted = CHUNK;
        struct ir_chunk *chunk = c->host->alloc(c->host->cookie, wanted);
        if (!chunk) {
            c->failed = true;
            return NULL;
        }
        *chunk = (struct ir_chunk){c->chunks, wanted};
        c->chunks = chunk;
        c->zone = (uint8_t *)(chunk + 1);
        c->zone_end = (uint8_t *)chunk + wanted;
    }
    void *memory = c->zone;
    c->zone += size;
    __builtin_memset(memory, 0, size);
    return memory;
}

void jit_zone_reset(struct jit *c) {
    while (c->chunks) {
        struct ir_chunk *next = c->chunks->next;
        c->host->free(c->host->cookie, c->chunks, c->chunks->size);
        c->chunks = next;
    }
    c->zone = c->zone_end = NULL;
}

bool jit_grow(struct jit *c, void **array, uint32_t *room, uint32_t count, uint32_t more,
              size_t size) {
    uint64_t wanted = (uint64_t)count + more;
    if (wanted <= *room)
        return true;
    uint64_t grown = wanted + wanted / 2 + 64;
    void *memory = grown < UINT32_MAX / 2 ? c->host->alloc(c->host->cookie, grown * size) : NULL;
    if (!memory) {
        c->failed = true;
        return false;
    }
    if (*array) {
        copy(memory, *array, count * size);
        c->host->free(c->host->cookie, *array, *room * size);
    }
    *array = memory;
    *room = (uint32_t)grown;
    return true;
}

void jit_array_free(struct jit *c, void *array, uint32_t room, size_t size) {
    if (array)
        c->host->free(c->host->cookie, array, room * size);
}

bool jit_reserve(struct jit *c, uint32_t values) {
    return jit_grow(c, (void **)&c->v, &c->value_room, c->value_count, values, sizeof *c->v);
}

bool jit_reserve_phis(struct jit *c, uint32_t count) {
    return jit_grow(c, (void **)&c->phis, &c->phi_room, c->phi_count, count, sizeof *c->phis);
}
