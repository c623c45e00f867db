// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// base/string.h for code without a C library. The copies move eight bytes at a time: `rep movsb` is
// dear where the string instructions are emulated byte by byte. Compiled so that the compiler does
// not turn the loops into calls of themselves.

#include "base/string.h"

#include <stdint.h>

#ifndef TRICOLOR_HOST

#ifdef __clang__
#define NO_IDIOM __attribute__((no_builtin))
#else
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

NO_IDIOM void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    uint8_t *d = to;
    const uint8_t *s = from;
    for (; size >= 32; size -= 32, d += 32, s += 32) {
        word_t a = ((const word_t *)s)[0], b = ((const word_t *)s)[1];
        word_t c = ((const word_t *)s)[2], e = ((const word_t *)s)[3];
        ((word_t *)d)[0] = a, ((word_t *)d)[1] = b;
        ((word_t *)d)[2] = c, ((word_t *)d)[3] = e;
    }
    for (; size >= 8; size -= 8, d += 8, s += 8)
        *(word_t *)d = *(const word_t *)s;
    for (; size; size--)
        *d++ = *s++;
    return to;
}

NO_IDIOM void *memmove(void *to, const void *from, size_t size) {
    uint8_t *d = to;
    const uint8_t *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= size)
        return memcpy(to, from, size);
    for (d += size, s += size; size >= 8; size -= 8) {
        d -= 8, s -= 8;
        *(word_t *)d = *(const word_t *)s;
    }
    for (; size; size--)
        *--d = *--s;
    return to;
}

NO_IDIOM void *memset(void *to, int byte, size_t size) {
    uint8_t *d = to;
    word_t pattern = (uint8_t)byte * UINT64_C(0x0101010101010101);
    for (; size >= 32; size -= 32, d += 32) {
        ((word_t *)d)[0] = pattern, ((word_t *)d)[1] = pattern;
        ((word_t *)d)[2] = pattern, ((word_t *)d)[3] = pattern;
    }
    for (; size >= 8; size -= 8, d += 8)
        *(word_t *)d = pattern;
    for (; size; size--)
        *d++ = (uint8_t)byte;
    return to;
}

NO_IDIOM int memcmp(const void *a, const void *b, size_t size) {
    const uint8_t *p = a, *q = b;
    for (; size >= 8 && *(const word_t *)p == *(const word_t *)q; size -= 8)
        p += 8, q += 8;
    for (; size; size--, p++, q++) {
        if (*p != *q)
            return *p - *q;
    }
    return 0;
}

NO_IDIOM void *memchr(const void *memory, int byte, size_t size) {
    for (const uint8_t *p = memory; size; size--, p++) {
        if (*p == (uint8_t)byte)
            return (void *)(uintptr_t)p;
    }
    return NULL;
}

// From the first aligned word on by words, which never reach into another page than the text does.
NO_IDIOM __attribute__((no_sanitize("address"))) size_t strlen(const char *text) {
    const uint64_t low = UINT64_C(0x0101010101010101), high = low << 7;
    const char *at = text;
    for (; (uintptr_t)at % 8; at++) {
        if (!*at)
            return (size_t)(at - text);
    }
    for (;; at += 8) {
        uint64_t word = *(const word_t *)at, zero = (word - low) & ~word & high;
        if (zero)
            return (size_t)(at - text) + (size_t)__builtin_ctzll(zero) / 8;
    }
}

NO_IDIOM size_t strnlen(const char *text, size_t size) {
    size_t length = 0;
    while (length < size && text[length])
        length++;
    return length;
}

NO_IDIOM int strcmp(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

NO_IDIOM int strncmp(const char *a, const char *b, size_t size) {
    for (; size && *a && *a == *b; size--)
        a++, b++;
    return size ? (uint8_t)*a - (uint8_t)*b : 0;
}

NO_IDIOM char *strchr(const char *text, int c) {
    for (;; text++) {
        if (*text == (char)c)
            return (char *)(uintptr_t)text;
        if (!*text)
            return NULL;
    }
}

#endif
