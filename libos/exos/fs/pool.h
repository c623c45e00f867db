// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Objects of one size that come and go often: a few freed ones are kept at hand. Under the pod
// lock, like the heap behind it. In host tests nothing is kept, so that the sanitizers see each
// object's end.

#ifndef EXOS_FS_POOL_H
#define EXOS_FS_POOL_H

#include "abi/types.h"
#include "libos/exos/pod.h"

#define POOL_KEPT 64u

struct pool {
    u64 bytes; // of an object: a multiple of 8
    void *first;
    u32 count;
};

// A zeroed object, or NULL.
static inline void *pool_take(struct pool *pool) {
    u64 *object = pool->first;
    if (!object)
        return pod_alloc(pool->bytes);
    pool->first = (void *)*object;
    pool->count--;
    u64 words = pool->bytes / 8, *at = object;
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
    return object;
}

static inline void pool_give(struct pool *pool, void *object) {
#ifndef TRICOLOR_HOST
    if (pool->count < POOL_KEPT) {
        *(void **)object = pool->first;
        pool->first = object;
        pool->count++;
        return;
    }
#endif
    pod_free(object);
}

#endif
