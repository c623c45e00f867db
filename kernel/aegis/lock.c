// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel lock. See lock.h.

#include "kernel/aegis/lock.h"

#include "abi/tables.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/lock.h"

struct lock the_kernel_lock = LOCK_INIT("kernel", 1); // transfer.S takes it too

// On a page of its own, which programs can read.
static u64 sequence[ABI_PAGE / sizeof(u64)] __attribute__((aligned(4096)));

void kernel_lock_init(void) {
    pfn_t pfn = ((u64)sequence - SAL_KERNEL_BASE) >> ABI_PAGE_SHIFT;
    sal_window_map(ABI_SEQUENCE, pfn, 1);
}

// Leaves kernel_lock's callers their registers, where the compiler knows how: they are many, and
// most need not wait.
#ifdef __clang__
__attribute__((preserve_most))
#endif
__attribute__((cold, noinline)) static void
wait(void) LOCK_UNCHECKED {
    lock_take(&the_kernel_lock);
}

void kernel_lock(void) LOCK_UNCHECKED {
    if (__builtin_expect(!lock_try(&the_kernel_lock), 0))
        wait();
    lock_changes_begin(sequence);
}

void kernel_unlock(void) LOCK_UNCHECKED {
    lock_changes_end(sequence);
    lock_release(&the_kernel_lock);
}

void kernel_lock_goes_on(void) {
    lock_changes_end(sequence);
}

void kernel_lock_short(void) LOCK_UNCHECKED {
    lock_take(&the_kernel_lock);
}

void kernel_unlock_short(void) LOCK_UNCHECKED {
    lock_release(&the_kernel_lock);
}

void aegis_spin_poll(void) {
    tlb_answer();
}
