// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside the engine: sorting and searching arrays whose elements begin with a 32-bit key. In place,
// n log n for every input.

#ifndef ENGINE_SORT_H
#define ENGINE_SORT_H

#include <stddef.h>
#include <stdint.h>

// size: bytes of an element, at most 64.
void engine_sort(void *array, size_t count, size_t size);

// Index of the first element whose key is >= key; count if there is none. array is sorted.
size_t engine_search(const void *array, size_t count, size_t size, uint32_t key);

enum { ENGINE_HASH_NAME_MAX = 128 }; // characters looked at

static inline uint32_t engine_hash_name(const char *name) {
    uint32_t hash = 2166136261u;
    for (const char *end = name + ENGINE_HASH_NAME_MAX; name < end && *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

#endif
