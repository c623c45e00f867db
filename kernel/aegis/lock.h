// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The kernel lock. System calls are short and stop at preemption points, so one lock serves all
// tables; the paths that are hot enough to matter (null, upcalls, returns from them) take none. A
// processor that waits for it with interrupts off answers TLB flushes meanwhile, so that its holder
// can wait for them.

#ifndef KERNEL_AEGIS_LOCK_H
#define KERNEL_AEGIS_LOCK_H

// Boot: what counts the lock's uses is shown to programs (ABI_SEQUENCE).
void kernel_lock_init(void);

void kernel_lock(void);
void kernel_unlock(void);
// The lock goes on to a strand, which may give it up in assembly.
void kernel_lock_goes_on(void);
// The same for short ways in assembly, which don't count what they change.
void kernel_lock_short(void);
void kernel_unlock_short(void);

#endif
