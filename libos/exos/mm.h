// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Address spaces of programs: struct mm, its areas (areas.h) and its page table (the kernel's
// space). Pod lock held everywhere.

#ifndef EXOS_MM_H
#define EXOS_MM_H

#include "abi/types.h"
#include "libos/exos/areas.h"
#include <stdbool.h>

struct process;
struct thread;

struct mm {
    u32 users; // processes that run in it; more than one after vfork or clone(CLONE_VM)
    space_id space;
    struct areas areas;
    u32 fault_area; // index of the one that the last fault was in: the next is often there too
    u64 brk_start, brk;
    u64 mmap_top; // the mmap area is below
    u64 stack_top;
    struct mm *next_dead;
    u64 resident; // private pages made or mapped, roughly
    // Threads that have ended, whose envs sleep until the next thread wants them (thread.c).
    struct thread *idle;
    u32 idle_count;
    struct patches *patches;   // patched calls (patch.h); NULL: none
    u64 patch_low, patch_high; // their sites and slots are between these
    bool patch_off;            // and there are to be none
    bool patch_watched;        // nor now, because an extension watches calls made in it
};

// A new mm with an empty space; NULL: -EAGAIN or -ENOMEM in *error.
struct mm *mm_new(i64 *error);
// A copy for fork: areas and page table, private areas copy-on-write; ExOS' own tables are shared.
struct mm *mm_fork(struct mm *from, i64 *error);
void mm_put(struct mm *mm);
// Destroys the spaces of dead mms that no env is in any more.
void mm_bury_all(void);
// Removes all areas and their pages of the calling process' mm.
void mm_clear(struct mm *mm);
// Puts ExOS itself into a space.
i64 mm_map_exos(space_id space);

// A fault of the calling process at address; error is the processor's. 0: resolved. Otherwise the
// signal to send, with *code.
int mm_fault(u64 address, u64 error, i32 *code);
// Gives a child's new space its own copy of a page that the caller may write: one that both will
// write at once after fork. Without effect if the page is no such one, or there is no memory.
void mm_copy_page(struct mm *mm, space_id child, u64 address);
// To change a page that the program may not write: a copy of it (zero if there is none yet), which
// takes its place, private and read-only, by mm_page_place (0, or a signal as above). NULL: no
// memory. Nothing else may be called in between.
char *mm_page_edit(struct mm *mm, u64 page);
int mm_page_place(struct mm *mm, u64 page, u32 prot);
// Maps pages of a file that are likely to be wanted, as far as that goes without trouble: start
// lies in an area of the calling process that maps a file.
void mm_map_ahead(struct mm *mm, u64 start, u64 end);
// Makes private copies of pages so mapped that are likely to be written; all in one area.
void mm_copy_ahead(struct mm *mm, u64 start, u64 end);
// Unmaps the private pages that a fault would make again as they are (VM_CLEAN).
void mm_drop_clean(struct mm *mm);
// Maps the page of an area of one page, if it is private memory to be written: who asks for one
// page is about to use it. Without effect if there is no memory.
void mm_zero_ahead(struct mm *mm, const struct area *area);
// As if the program had touched address (write: for writing). 0 or -EFAULT.
i64 mm_touch(u64 address, bool write);

// mmap without descriptor, for exec: areas only. vnode's reference is taken over (also on error).
// Replaces what is there.
i64 mm_map_fixed(struct mm *mm, u64 start, u64 bytes, u32 prot, u32 flags, struct vnode *vnode,
                 u64 offset);

#endif
