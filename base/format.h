// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Formatting into a buffer: a small snprintf for freestanding code, and an appender for texts made
// of several parts.
//
// Conversions: %d %i %u %x %X %c %s %p %% with flags `-`, `0`, `+`, `#`, width, precision (also
// `*`) and the lengths hh h l ll z j t. No floating point. `#` puts 0x before x.

#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

// Writes at most size bytes including NUL (if size > 0); returns the length of the whole text
// without NUL.
size_t format_write(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t format_write_va(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

// A text that grows in a fixed buffer. length counts what was wanted: cut if length >= size.
struct format_text {
    char *text;
    size_t size, length;
};

void format_append(struct format_text *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
