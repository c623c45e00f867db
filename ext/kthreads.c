// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Kernel threads at work: a sum of i ^ 5 by a tree of threads, each of which forks two and joins
// them.

#include "ext/threads/kthreads.h"

static u64 done, result_of_tree;

KTHREAD(add_range, (u64 range)) {
    u64 from = range >> 32, to = (u32)range, middle = (from + to) / 2, low = 0, high = 0;
    kthread left, right;
    if (to - from <= 4) {
        u64 sum = 0;
        for (u64 i = from; i < to; i++)
            sum += i ^ 5;
        return sum;
    }
    if (kthread_fork(add_range, from << 32 | middle, &left))
        return 0;
    if (kthread_fork(add_range, middle << 32 | to, &right))
        return 0;
    kthread_join(left, &low);
    kthread_join(right, &high);
    return low + high;
}

KTHREAD(whole, (u64 count)) {
    u64 sum = add_range(count);
    result_of_tree = sum;
    done = 1;
    return sum;
}

// Begins; `result` is ~0 until it is done.
ENTRY(i64, start, (u64 count)) {
    kthread thread;
    done = 0;
    return kthread_fork(whole, count, &thread);
}

ENTRY(u64, result, (void)) {
    return done ? result_of_tree : ~0ul;
}
