// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory on demand. The kernel keeps page tables but decides nothing about them: an access to a
// page that is not mapped is an upcall to us, and the handler asks for a frame there. Another
// library OS could read the page from a disk, from another machine, or compute it. What the
// processor knows of a page (present, accessed, dirty) is in the page table, which we read like any
// array.

#include "libos/mini/mini.h"

static u64 faults;

int memory_fault(const struct upcall_frame *frame) {
    if (frame->address < HEAP || frame->address >= HEAP_END)
        return 0;
    u64 page = frame->address & ~(ABI_PAGE - 1);
    // A new zeroed frame, paid by our account, mapped writable and not executable.
    i64 mapped = sys_space_map(CAP_PAIR(CAP_SLOT_SPACE, CAP_SLOT_ACCOUNT), mini_start->space, page,
                               ABI_ANY, 1, ABI_PTE_W | ABI_PTE_NX);
    faults++;
    return mapped == 1;
}

u64 memory_faults(void) {
    return faults;
}

u64 memory_dirty_pages(u64 va, u64 pages) {
    u64 dirty = 0;
    for (u64 i = 0; i < pages; i++)
        dirty += ABI_PTES[(va >> ABI_PAGE_SHIFT) + i] >> 6 &
                 1; // no call: the entries are mapped for us to read
    return dirty;
}
