// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Bits, powers of two, byte order, and access to unaligned memory.

#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool bits_is_power2(uint64_t value) {
    return value && (value & (value - 1)) == 0;
}

// Index of the highest set bit; value must not be 0.
static inline unsigned bits_log2(uint64_t value) {
    return 63 - (unsigned)__builtin_clzll(value);
}

// Smallest n with 1 << n >= value; 0 for 0 and 1. value <= 1 << 63.
static inline unsigned bits_log2_up(uint64_t value) {
    return value > 1 ? bits_log2(value - 1) + 1 : 0;
}

// alignment is a power of two; the result may wrap to 0.
static inline uint64_t bits_align_up(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t bits_align_down(uint64_t value, uint64_t alignment) {
    return value & ~(alignment - 1);
}

typedef uint16_t __attribute__((may_alias, aligned(1))) bits_u16;
typedef uint32_t __attribute__((may_alias, aligned(1))) bits_u32;
typedef uint64_t __attribute__((may_alias, aligned(1))) bits_u64;

static inline uint16_t bits_load16(const void *p) {
    return *(const bits_u16 *)p;
}
static inline uint32_t bits_load32(const void *p) {
    return *(const bits_u32 *)p;
}
static inline uint64_t bits_load64(const void *p) {
    return *(const bits_u64 *)p;
}
static inline void bits_store16(void *p, uint16_t value) {
    *(bits_u16 *)p = value;
}
static inline void bits_store32(void *p, uint32_t value) {
    *(bits_u32 *)p = value;
}
static inline void bits_store64(void *p, uint64_t value) {
    *(bits_u64 *)p = value;
}

#endif
