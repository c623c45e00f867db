// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The formatter behind base/format.h. A spec is parsed into struct spec, digits are made from the
// right into a small buffer.

#include "base/format.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/string.h"

struct spec {
    bool left, zero, plus, alternate;
    int width, precision; // precision < 0: not given
    char conversion;
};

static void put_char(struct format_text *to, char c) {
    if (to->length + 1 < to->size)
        to->text[to->length] = c;
    to->length++;
}

static void put_repeat(struct format_text *to, char c, int count) {
    while (count-- > 0)
        put_char(to, c);
}

// prefix, then zeros, then body, in a field of spec->width.
static void put_field(struct format_text *to, const struct spec *spec, const char *prefix,
                      int zeros, const char *body, size_t length) {
    int used = (int)strlen(prefix) + zeros + (int)length, pad = spec->width - used;
    if (!spec->left)
        put_repeat(to, ' ', pad);
    while (*prefix)
        put_char(to, *prefix++);
    put_repeat(to, '0', zeros);
    for (size_t i = 0; i < length; i++)
        put_char(to, body[i]);
    if (spec->left)
        put_repeat(to, ' ', pad);
}

static void put_number(struct format_text *to, const struct spec *spec, uint64_t value,
                       bool negative) {
    char digits[24], *p = digits + sizeof(digits);
    unsigned base = spec->conversion == 'd' || spec->conversion == 'u' ? 10 : 16;
    const char *alphabet = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    const char *prefix = negative ? "-" : spec->plus && base == 10 ? "+" : "";
    if (spec->alternate && base == 16)
        prefix = "0x";
    do
        *--p = alphabet[value % base];
    while (value /= base);
    int length = (int)(digits + sizeof(digits) - p), zeros = 0;
    if (spec->precision > length)
        zeros = spec->precision - length;
    else if (spec->zero && !spec->left && spec->precision < 0 &&
             spec->width > length + (int)strlen(prefix))
        zeros = spec->width - length - (int)strlen(prefix);
    put_field(to, spec, prefix, zeros, p, (size_t)length);
}

static int64_t signed_argument(va_list *arguments, int longs) {
    if (longs >= 1)
        return va_arg(*arguments, long);
    int value = va_arg(*arguments, int);
    return longs == -1 ? (short)value : longs <= -2 ? (signed char)value : value;
}

static uint64_t unsigned_argument(va_list *arguments, int longs) {
    if (longs >= 1)
        return va_arg(*arguments, unsigned long);
    unsigned value = va_arg(*arguments, unsigned);
    return longs == -1 ? (unsigned short)value : longs <= -2 ? (unsigned char)value : value;
}

static const char *parse_number(const char *f, int *number, va_list *arguments) {
    if (*f == '*') {
        *number = va_arg(*arguments, int);
        return f + 1;
    }
    for (*number = 0; *f >= '0' && *f <= '9'; f++)
        *number = *number * 10 + (*f - '0');
    return f;
}

static const char *parse_flags(const char *f, struct spec *spec) {
    for (;; f++) {
        if (*f == '-')
            spec->left = true;
        else if (*f == '0')
            spec->zero = true;
        else if (*f == '+')
            spec->plus = true;
        else if (*f == '#')
            spec->alternate = true;
        else if (*f != ' ')
            return f;
    }
}

static void put_string(struct format_text *to, const struct spec *spec, const char *text) {
    if (!text)
        text = "(null)";
    size_t length = spec->precision >= 0 ? strnlen(text, (size_t)spec->precision) : strlen(text);
    put_field(to, spec, "", 0, text, length);
}

// f is after the percent sign; returns what follows the conversion.
static const char *put_conversion(struct format_text *to, const char *f, va_list *arguments) {
    struct spec spec = {.precision = -1};
    int longs = 0;
    f = parse_flags(f, &spec);
    f = parse_number(f, &spec.width, arguments);
    if (spec.width < 0) {
        spec.left = true;
        spec.width = -spec.width;
    }
    if (*f == '.')
        f = parse_number(f + 1, &spec.precision, arguments);
    for (; *f == 'l' || *f == 'h' || *f == 'z' || *f == 'j' || *f == 't'; f++)
        longs += *f == 'h' ? -1 : 1;
    spec.conversion = *f == 'i' ? 'd' : *f;
    switch (spec.conversion) {
    case 'd': {
        int64_t value = signed_argument(arguments, longs);
        put_number(to, &spec, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
        break;
    }
    case 'u':
    case 'x':
    case 'X':
        put_number(to, &spec, unsigned_argument(arguments, longs), false);
        break;
    case 'p':
        spec.alternate = true;
        put_number(to, &spec, (uintptr_t)va_arg(*arguments, void *), false);
        break;
    case 'c': {
        char c = (char)va_arg(*arguments, int);
        put_field(to, &spec, "", 0, &c, 1);
        break;
    }
    case 's':
        put_string(to, &spec, va_arg(*arguments, const char *));
        break;
    case 0:
        return f;
    default:
        put_char(to, *f);
    }
    return f + 1;
}

static void append_va(struct format_text *to, const char *format, va_list *arguments) {
    while (*format) {
        if (*format == '%')
            format = put_conversion(to, format + 1, arguments);
        else
            put_char(to, *format++);
    }
    if (to->size)
        to->text[to->length < to->size ? to->length : to->size - 1] = 0;
}

size_t format_write_va(char *text, size_t size, const char *format, va_list arguments) {
    struct format_text to = {text, size, 0};
    va_list copy;
    va_copy(copy, arguments);
    append_va(&to, format, &copy);
    va_end(copy);
    return to.length;
}

size_t format_write(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = format_write_va(text, size, format, arguments);
    va_end(arguments);
    return length;
}

void format_append(struct format_text *to, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    append_va(to, format, &arguments);
    va_end(arguments);
}
