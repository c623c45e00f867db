// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel lock. See lock.h.

#include "kernel/aegis/lock.h"

#include "kernel/aegis/space.h"
#include "kernel/sal/lock.h"

struct lock the_kernel_lock = LOCK_INIT("kernel", 1); // transfer.S takes it too

void kernel_lock(void) LOCK_UNCHECKED {
    lock_take(&the_kernel_lock);
}

void kernel_unlock(void) LOCK_UNCHECKED {
    lock_release(&the_kernel_lock);
}

void aegis_spin_poll(void) {
    tlb_answer();
}
