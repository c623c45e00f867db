// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls that have become procedure calls. A site that has trapped PATCH_AFTER times gets a
// jump to a slot of its own (patch_code.h), which calls ExOS by called_entry (entry.S). The changed
// text page and the page of the slot are private to the process; no page cache ever sees them.
// Slots are in regions of 64 KiB near the text, areas with AREA_PATCH.
//
// Invariant: a slot is never used again for another site, so that a thread may be in it, or have
// its address as where a call returns to, at any time. Programs never see such an address: signal
// frames get the canonical one.
//
// EXOS_PATCH=0 in the environment turns it off for a program and what it forks. It is off for good
// in a process that unmaps or changes a region of slots.
//
// While an extension watches calls of a thread (env_watch), which it would miss, no further sites
// of the process are patched; those that are get their own bytes back when the kernel tells that it
// begins (NOTIFY_WATCH), and keep them.
//
// Pod lock held for everything here.

#ifndef EXOS_PATCH_H
#define EXOS_PATCH_H

#include "abi/types.h"
#include "libos/exos/mm.h"
#include <stdbool.h>

struct thread;
struct patches; // of an mm; shared by fork until one of both changes
struct trap_frame;
struct upcall_frame;

// A call of the calling thread has just trapped: often enough to patch the site? Needs no lock.
bool patch_wanted(const struct trap_frame *tf);
// Patches the site; the call then goes on as if it had come by it.
void patch_site(struct trap_frame *tf);
// The thread, which has been notified, goes back to its program: is it watched?
void patch_look(const struct thread *t);
// An exception of the program because of a patched site (see patch_code.h): mended?
bool patch_exception(struct upcall_frame *f);
// An address as the program knows it: other than rip only if that is in a slot.
u64 patch_canonical(const struct mm *mm, u64 rip);
// Where a thread that is to go on at rip had better go: the slot, if a patched site ends there.
u64 patch_resume(const struct mm *mm, u64 rip);

// Before pages start .. end of the calling process may be written to, move, or (gone) lose their
// contents. False: no memory.
bool patch_forget_some(struct mm *mm, u64 start, u64 end, bool gone);
static inline bool patch_forget(struct mm *mm, u64 start, u64 end, bool gone) {
    return end <= mm->patch_low || start >= mm->patch_high ||
           patch_forget_some(mm, start, end, gone);
}
void patch_fork(struct mm *to, const struct mm *from);
// Before exec or the end of an mm.
void patch_drop(struct mm *mm);

#endif
