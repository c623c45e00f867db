// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of base/: the formatter against the C library's, memory and string functions (under other
// names) against theirs.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/checked.h"
#include "base/format.h"

// The freestanding versions, although this is a host.
#undef TRICOLOR_HOST
#define memcpy  own_memcpy
#define memmove own_memmove
#define memset  own_memset
#define memcmp  own_memcmp
#define memchr  own_memchr
#define strlen  own_strlen
#define strnlen own_strnlen
#define strcmp  own_strcmp
#define strncmp own_strncmp
#define strchr  own_strchr
#include "base/string.h"

#include "base/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

static unsigned passed, failed;

static void check_at(int line, bool ok, const char *what) {
    passed += ok;
    failed += !ok;
    if (!ok)
        printf("%s:%d: %s\n", __FILE__, line, what);
}
#define CHECK(condition) check_at(__LINE__, condition, #condition)

// Both formatters, at every buffer size.
#define SAME(...)                                                                                  \
    do {                                                                                           \
        for (size_t size = 0; size < 40; size++) {                                                 \
            char ours[64], theirs[64];                                                             \
            memset(ours, 'x', sizeof(ours));                                                       \
            memset(theirs, 'x', sizeof(theirs));                                                   \
            size_t a = format_write(ours, size, __VA_ARGS__);                                      \
            size_t b = (size_t)snprintf(theirs, size, __VA_ARGS__);                                \
            check_at(__LINE__, a == b && strncmp(ours, theirs, size) == 0, #__VA_ARGS__);          \
            check_at(__LINE__, ours[size] == 'x', "writes past the buffer");                       \
        }                                                                                          \
    } while (0)

static void test_format(void) {
    SAME("plain");
    SAME("%d %i %u", -5, 7, 4000000000u);
    SAME("%5d|%-5d|%05d|%+d", 42, 42, 42, 42);
    SAME("%5d|%-5d|%05d|%+d", -42, -42, -42, -42);
    SAME("%x %X %#x %08x", 0xbeef, 0xbeef, 0xbeef, 0xbeef);
    SAME("%.3d %6.3d %.0d", 7, 7, 7);
    SAME("%lld %llu %llx", (long long)INT64_MIN, (unsigned long long)UINT64_MAX, 1ull << 63);
    SAME("%hhd %hd %hhu", (signed char)44, (short)-3, (unsigned char)200);
    SAME("%zu %zx", (size_t)123456789, (size_t)~0ul);
    SAME("%s|%10s|%-10s|%.2s", "abc", "abc", "abc", "abc");
    SAME("%c%c%%", 'a', 'b');
    SAME("%*d|%-*d|%.*s", 6, 1, 6, 1, 2, "xyz");
    char text[8];
    struct format_text to = {text, sizeof(text), 0};
    format_append(&to, "%s", "hello");
    format_append(&to, "%s", "world");
    CHECK(to.length == 10 && strcmp(text, "hellowo") == 0);
}

static uint8_t a[200], b[200];

static void fill(uint32_t seed) {
    for (size_t i = 0; i < sizeof(a); i++) {
        seed = seed * 1664525 + 1013904223;
        a[i] = b[i] = (uint8_t)(seed >> 24);
    }
}

static void test_memory(void) {
    for (size_t size = 0; size < 80; size++) {
        for (size_t from = 0; from < 12; from++) {
            for (size_t to = 0; to < 24; to += 3) {
                fill((uint32_t)(size + from + to));
                own_memmove(a + to, a + from, size);
                memmove(b + to, b + from, size);
                CHECK(memcmp(a, b, sizeof(a)) == 0);
                own_memcpy(a + 100 + to, a + from, size);
                memcpy(b + 100 + to, b + from, size);
                CHECK(memcmp(a, b, sizeof(a)) == 0);
                own_memset(a + from, (int)to - 5, size);
                memset(b + from, (int)to - 5, size);
                CHECK(memcmp(a, b, sizeof(a)) == 0 && own_memcmp(a, b, sizeof(a)) == 0);
            }
        }
        fill(1);
        b[size] ^= 0x80;
        CHECK((own_memcmp(a, b, 100) < 0) == (memcmp(a, b, 100) < 0));
        CHECK(own_memcmp(a, b, size) == 0);
        CHECK(own_memchr(a, a[size], 80) == memchr(a, a[size], 80));
    }
}

static void test_strings(void) {
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "b", "\xff", "abcabcabcabc"};
    for (unsigned i = 0; i < 8; i++) {
        CHECK(own_strlen(words[i]) == strlen(words[i]));
        CHECK(own_strnlen(words[i], 2) == strnlen(words[i], 2));
        CHECK(own_strchr(words[i], 'c') == strchr(words[i], 'c') &&
              own_strchr(words[i], 0) == strchr(words[i], 0));
        for (unsigned k = 0; k < 8; k++) {
            int ours = own_strcmp(words[i], words[k]), theirs = strcmp(words[i], words[k]);
            CHECK((ours < 0) == (theirs < 0) && (ours > 0) == (theirs > 0));
            ours = own_strncmp(words[i], words[k], 2), theirs = strncmp(words[i], words[k], 2);
            CHECK((ours < 0) == (theirs < 0) && (ours > 0) == (theirs > 0));
        }
    }
    static char long_text[64] __attribute__((aligned(8)));
    for (unsigned from = 0; from < 9; from++) {
        for (unsigned length = 0; length < 40; length++) {
            memset(long_text, 0x80 + (int)length, sizeof(long_text));
            long_text[from + length] = 0;
            CHECK(own_strlen(long_text + from) == length);
        }
    }
    char text[4];
    CHECK(string_copy(text, "abc", 4) && strcmp(text, "abc") == 0);
    CHECK(!string_copy(text, "abcd", 4) && strcmp(text, "abc") == 0);
}

static void test_numbers(void) {
    uint64_t sum;
    CHECK(checked_add(UINT64_MAX - 1, 1, &sum) && sum == UINT64_MAX &&
          !checked_add(UINT64_MAX, 1, &sum));
    CHECK(checked_mul(1ull << 32, (1ull << 32) - 1, &sum) &&
          !checked_mul(1ull << 32, 1ull << 32, &sum));
    CHECK(checked_range(0, 0, 0) && checked_range(3, 2, 5) && !checked_range(3, 3, 5));
    CHECK(!checked_range(UINT64_MAX, 2, 5) && !checked_range(2, UINT64_MAX, 5));
    CHECK(bits_log2_up(0) == 0 && bits_log2_up(1) == 0 && bits_log2_up(2) == 1 &&
          bits_log2_up(5) == 3);
    CHECK(bits_log2(1) == 0 && bits_log2(UINT64_MAX) == 63 && bits_log2_up(4096) == 12);
    CHECK(bits_align_up(1, 8) == 8 && bits_align_up(8, 8) == 8 && bits_align_down(15, 8) == 8);
    CHECK(bits_is_power2(64) && !bits_is_power2(0) && !bits_is_power2(65));
    uint8_t bytes[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(bits_load16(bytes + 1) == 0x0201 && bits_load32(bytes + 1) == 0x04030201);
    CHECK(bits_load64(bytes + 1) == 0x0807060504030201);
}

int main(void) {
    test_format();
    test_memory();
    test_strings();
    test_numbers();
    printf("base: %u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
