// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Clearing and copying whole pages, by what the processor is best at: string instructions where
// they are fast, otherwise moves of the widest vector register that is turned on. The kernel has no
// vector state of its own: the one register that is used is the running program's, and is kept on
// the stack meanwhile. What is kept is all of the register that an instruction of that width
// changes.
//
// Rule: interrupts are off.

#include "kernel/sal/x86_64/page.h"

#include "kernel/sal/sal.h"

enum method { BY_SSE, BY_AVX, BY_AVX512, BY_STRING };
static enum method method; // what every processor has

void page_init(int fast_strings) {
    const u64 avx = 4, avx512 = 0xe0;
    if (fast_strings)
        method = BY_STRING;
    else if (sal_machine.xcr0 & avx512)
        method = BY_AVX512;
    else if (sal_machine.xcr0 & avx)
        method = BY_AVX;
}

// CLEAR(width, times, move, register, zeroing instruction): stores of width bytes, so many in a
// row.
#define CLEAR(width, times, move, reg, zero)                                                       \
    do {                                                                                           \
        u8 keep[width];                                                                            \
        u64 left = ABI_PAGE / ((width) * (times));                                                 \
        __asm__ volatile(move " " reg ", %[keep]\n\t" zero "\n"                                    \
                              "1:\n\t"                                                             \
                              ".set offset, 0\n\t"                                                 \
                              ".rept " #times "\n\t" move " " reg ", offset(%[at])\n\t"            \
                              ".set offset, offset + " #width "\n\t"                               \
                              ".endr\n\t"                                                          \
                              "add $" #width " * " #times ", %[at]\n\t"                            \
                              "dec %[left]\n\t"                                                    \
                              "jnz 1b\n\t" move " %[keep], " reg                                   \
                         : [at] "+r"(to), [left] "+r"(left), [keep] "=m"(keep)                     \
                         :                                                                         \
                         : "memory", "cc");                                                        \
    } while (0)

#define COPY(width, times, move, reg)                                                              \
    do {                                                                                           \
        u8 keep[width];                                                                            \
        u64 left = ABI_PAGE / ((width) * (times));                                                 \
        __asm__ volatile(move " " reg ", %[keep]\n"                                                \
                              "1:\n\t"                                                             \
                              ".set offset, 0\n\t"                                                 \
                              ".rept " #times "\n\t" move " offset(%[from]), " reg "\n\t" move     \
                              " " reg ", offset(%[at])\n\t"                                        \
                              ".set offset, offset + " #width "\n\t"                               \
                              ".endr\n\t"                                                          \
                              "add $" #width " * " #times ", %[from]\n\t"                          \
                              "add $" #width " * " #times ", %[at]\n\t"                            \
                              "dec %[left]\n\t"                                                    \
                              "jnz 1b\n\t" move " %[keep], " reg                                   \
                         : [at] "+r"(to), [from] "+r"(from), [left] "+r"(left), [keep] "=m"(keep)  \
                         :                                                                         \
                         : "memory", "cc");                                                        \
    } while (0)

static void clear_by_string(u64 *to) {
    u64 words = ABI_PAGE / sizeof(u64);
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0ul) : "memory");
}

static void copy_by_string(u64 *to, const u64 *from) {
    u64 words = ABI_PAGE / sizeof(u64);
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

void sal_page_clear(void *page) {
    u8 *to = page;
    if (method == BY_AVX)
        CLEAR(32, 32, "vmovdqu", "%%ymm0", "vpxor %%xmm0, %%xmm0, %%xmm0");
    else if (method == BY_AVX512)
        CLEAR(64, 16, "vmovdqu64", "%%zmm0", "vpxord %%zmm0, %%zmm0, %%zmm0");
    else if (method == BY_SSE)
        CLEAR(16, 32, "movdqu", "%%xmm0", "pxor %%xmm0, %%xmm0");
    else
        clear_by_string(page);
}

void sal_page_copy(void *page, const void *source) {
    u8 *to = page;
    const u8 *from = source;
    if (method == BY_AVX)
        COPY(32, 32, "vmovdqu", "%%ymm0");
    else if (method == BY_AVX512)
        COPY(64, 16, "vmovdqu64", "%%zmm0");
    else if (method == BY_SSE)
        COPY(16, 32, "movdqu", "%%xmm0");
    else
        copy_by_string(page, source);
}
