// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory and string functions that freestanding code may call, with their C meanings. Compilers
// also generate calls of the first four. Kernel and libOSes link base/string.c; on the host they
// come from the C library.

#ifndef BASE_STRING_H
#define BASE_STRING_H

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *memory, int byte, size_t size);
size_t strlen(const char *text);
size_t strnlen(const char *text, size_t size);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
char *strchr(const char *text, int c);

static inline bool string_equal(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

// Copies text to to[size], cut if need be, always with NUL (size > 0). Returns whether all of it
// fitted.
static inline bool string_copy(char *to, const char *text, size_t size) {
    size_t i = 0;
    for (; i + 1 < size && text[i]; i++)
        to[i] = text[i];
    to[i] = 0;
    return text[i] == 0;
}

#endif
