// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the benchmark kernels share. Each file defines one `entry(data, len)`, and is compiled
// twice: for BPF, and natively with ENTRY naming it, without vectors. Same source, same input, same
// result.

#ifndef BENCH_ENGINE_KERNEL_H
#define BENCH_ENGINE_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#ifndef ENTRY
#define ENTRY entry
#endif

u64 ENTRY(void *data, u64 len);

#define NOINLINE __attribute__((noinline))

static inline u32 rotate32(u32 x, int n) {
    return x << n | x >> (32 - n);
}
static inline u64 rotate64(u64 x, int n) {
    return x << n | x >> (64 - n);
}

#endif
