// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Page faults of programs, see mm.h.

#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/linux/uapi_signal.h"
#include "libos/exos/mm.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/vm.h"

#define FAULT_PRESENT 1u
#define FAULT_WRITE   2u
#define FAULT_FETCH   16u

#define AROUND_PAGES 16ul
#define ZERO_MAX     8ul

static u64 entry_bits(u32 prot) {
    return (prot & PROT_WRITE ? ABI_PTE_W : 0) | (prot & PROT_EXEC ? 0 : ABI_PTE_NX);
}

// Is there no frame for a program, even when what could be given back is?
static bool user_memory_low(void) {
    if (!pod_memory_low(POD_RESERVE_USER))
        return false;
    thread_reclaim();
    return pod_memory_low(POD_RESERVE_USER);
}

// A private copy of the calling process' page, in its own space or a new child's. 1, or an error.
static i64 page_copy(space_id space, const struct area *area, u64 page) {
    if (user_memory_low())
        return -E_NOMEM;
    return sys_space_map(POD_CAPS, space, page, ABI_ANY, 1,
                         entry_bits(area->prot) | SPACE_MAP_REPLACE | SPACE_MAP_COPY);
}

// A write to a private page that is present and can't be written: marked copy-on-write, or not
// because it was protected already when the process forked.
static int copy_on_write(struct mm *mm, const struct area *area, u64 page, u64 pte) {
    const volatile struct abi_frame *f = kernel_frame(ABI_PTE_FRAME(pte));
    if (f->maps == 1 && (f->flags & FRAME_AUTO) &&
        sys_space_protect(POD_CAP, mm->space, page, 1, VM_COW | VM_CLEAN, ABI_PTE_W) == 1)
        return 0;
    return page_copy(mm->space, area, page) == 1 ? 0 : SIGKILL;
}

void mm_copy_page(struct mm *mm, space_id child, u64 address) {
    u64 page = address & ~(ABI_PAGE - 1);
    const struct area *area = areas_find(&mm->areas, address);
    u64 pte = area && !(area->flags & AREA_SHARED) ? kernel_pte(page) : 0;
    if (pte & ABI_PTE_W && kernel_frame(ABI_PTE_FRAME(pte))->flags & FRAME_AUTO)
        page_copy(child, area, page);
}

char *mm_page_edit(struct mm *mm, u64 page) {
    u64 *to = (u64 *)EXOS_SCRATCH;
    if (user_memory_low() || sys_space_map(POD_CAPS, mm->space, EXOS_SCRATCH, ABI_ANY, 1,
                                           ABI_PTE_W | ABI_PTE_NX | SPACE_MAP_REPLACE) != 1)
        return NULL;
    if (kernel_pte(page))
        memcpy(to, (const void *)page, ABI_PAGE);
    return (char *)to;
}

int mm_page_place(struct mm *mm, u64 page, u32 prot) {
    u64 bits = (entry_bits(prot) & ~ABI_PTE_W) | VM_COW;
    pfn_t frame = ABI_PTE_FRAME(kernel_pte(EXOS_SCRATCH));
    i64 n = sys_space_map(POD_CAPS, mm->space, page, frame, 1, bits | SPACE_MAP_REPLACE);
    sys_space_unmap(POD_CAP, mm->space, EXOS_SCRATCH, 1);
    return n == 1 ? 0 : SIGKILL;
}

// How a page of a file is mapped, before a private one is written.
static u64 file_bits(const struct area *area, bool write) {
    u64 bits = entry_bits(area->prot);
    if (!(area->flags & AREA_SHARED))
        return (bits & ~ABI_PTE_W) | VM_COW | VM_FILE;
    return (write ? bits : bits & ~ABI_PTE_W) | VM_SHARED | VM_FILE;
}

// A page of a file that is not mapped yet; also those after it whose frames follow, if they are
// only read.
static int map_file(struct mm *mm, const struct area *area, u64 page, bool write, i32 *code) {
    bool shared = area->flags & AREA_SHARED;
    u64 index = (area->offset + (page - area->start)) >> ABI_PAGE_SHIFT;
    u64 pages = (area->end - page) >> ABI_PAGE_SHIFT;
    pfn_t frame;
    i64 run = vnode_get_pages(area->vnode, index,
                              write                  ? 1
                              : pages < AROUND_PAGES ? pages
                                                     : AROUND_PAGES,
                              shared && write, &frame);
    if (run < 0) {
        *code = BUS_ADRERR;
        return run == -ENOMEM ? SIGKILL : SIGBUS;
    }
    i64 n = sys_space_map(kernel_frame_caps(frame), mm->space, page, frame, (u64)run,
                          file_bits(area, write) | (shared && write ? SPACE_MAP_REPLACE : 0));
    if (n < 0 && n != -E_EXIST)
        return n == -E_NOMEM ? SIGKILL : SIGBUS;
    mm->resident += n > 0 ? (u64)n : 0;
    if (write && !shared)
        return copy_on_write(mm, area, page, kernel_pte(page));
    return 0;
}

void mm_map_ahead(struct mm *mm, u64 start, u64 end) {
    const struct area *area = areas_find(&mm->areas, start);
    if (!area || !area->vnode)
        return;
    end = end < area->end ? end : area->end;
    while (start < end) {
        u64 index = (area->offset + (start - area->start)) >> ABI_PAGE_SHIFT;
        pfn_t frame;
        i64 n = vnode_get_pages(area->vnode, index, (end - start) >> ABI_PAGE_SHIFT, 0, &frame);
        if (n > 0)
            n = sys_space_map(kernel_frame_caps(frame), mm->space, start, frame, (u64)n,
                              file_bits(area, false));
        if (n <= 0)
            return;
        mm->resident += (u64)n;
        start += (u64)n << ABI_PAGE_SHIFT;
    }
}

// How many pages to map for a fault at one: more where memory is filled from below, which shows by
// the pages before it.
static u64 zero_count(const struct area *area, u64 page) {
    u64 before = (page - area->start) >> ABI_PAGE_SHIFT, count = ZERO_MAX / 2;
    u64 after = (area->end - page) >> ABI_PAGE_SHIFT;
    if (before < count || !kernel_pte(page - ABI_PAGE) ||
        !kernel_pte(page - (count << ABI_PAGE_SHIFT)))
        return 1;
    if (before >= ZERO_MAX && kernel_pte(page - (ZERO_MAX << ABI_PAGE_SHIFT)))
        count = ZERO_MAX;
    return count < after ? count : after;
}

static int map_zero(struct mm *mm, const struct area *area, u64 page, bool write) {
    if (user_memory_low())
        return SIGKILL;
    u64 count = write ? zero_count(area, page) : 1;
    i64 n =
        sys_space_map(POD_CAPS, mm->space, page, ABI_ANY, count, entry_bits(area->prot) | VM_CLEAN);
    if (n > 0)
        mm->resident += (u64)n;
    else if (n == -E_NOMEM && !kernel_pte(page))
        return SIGKILL;
    return 0;
}

void mm_copy_ahead(struct mm *mm, u64 start, u64 end) {
    const struct area *area = areas_find(&mm->areas, start);
    if (area && !user_memory_low())
        sys_space_map(POD_CAPS, mm->space, start, ABI_ANY, (end - start) >> ABI_PAGE_SHIFT,
                      entry_bits(area->prot) | VM_CLEAN | SPACE_MAP_REPLACE | SPACE_MAP_COPY);
}

void mm_drop_clean(struct mm *mm) {
    const u64 mask = VM_CLEAN | ABI_PTE_D;
    for (u32 i = 0; i < mm->areas.count; i++) {
        const struct area *a = &mm->areas.list[i];
        for (u64 at = a->start; !(a->flags & AREA_SHARED) && at < a->end;) {
            i64 n = sys_space_unmap_if(POD_CAP, mm->space, at, (a->end - at) >> ABI_PAGE_SHIFT,
                                       mask, VM_CLEAN);
            if (n <= 0)
                break;
            at += (u64)n << ABI_PAGE_SHIFT;
        }
    }
}

void mm_zero_ahead(struct mm *mm, const struct area *area) {
    if (area->vnode || !(area->prot & PROT_WRITE) || pod_memory_low(POD_RESERVE_USER))
        return;
    if (sys_space_map(POD_CAPS, mm->space, area->start, ABI_ANY, 1,
                      entry_bits(area->prot) | VM_CLEAN) == 1)
        mm->resident++;
}

// The stack area just above address, if it may grow down to it.
static struct area *grow_stack(struct mm *mm, u64 address) {
    u32 i = areas_search(&mm->areas, address);
    if (i >= mm->areas.count)
        return NULL;
    struct area *a = &mm->areas.list[i];
    u64 page = address & ~(ABI_PAGE - 1), limit = current()->limits[RLIMIT_STACK].soft;
    if (!(a->flags & AREA_STACK) || a->end - page > limit)
        return NULL;
    if (i && a[-1].end + (a[-1].prot ? 256ul << ABI_PAGE_SHIFT : 0) > page)
        return NULL;
    a->start = page;
    return a;
}

static struct area *fault_area(struct mm *mm, u64 address) {
    const struct areas *all = &mm->areas;
    u32 i = mm->fault_area;
    struct area *area = &all->list[i];
    if (i < all->count && address - area->start < area->end - area->start)
        return area;
    i = areas_search(all, address);
    if (i >= all->count || all->list[i].start > address)
        return NULL;
    mm->fault_area = i;
    return &all->list[i];
}

int mm_fault(u64 address, u64 error, i32 *code) {
    struct process *process = current();
    struct mm *mm = process->mm;
    *code = SEGV_MAPERR;
    if (!mm || address >= EXOS_USER_END)
        return SIGSEGV;
    struct area *area = fault_area(mm, address);
    if (!area && !(area = grow_stack(mm, address)))
        return SIGSEGV;
    *code = SEGV_ACCERR;
    bool write = error & FAULT_WRITE;
    u32 need = write ? PROT_WRITE : error & FAULT_FETCH ? PROT_EXEC : PROT_READ;
    // As on the processor, what may be written or executed may be read.
    if (!(area->prot & need) && !(need == PROT_READ && area->prot))
        return SIGSEGV;
    process->minor_faults++;
    u64 page = address & ~(ABI_PAGE - 1), pte = kernel_pte(page);
    if (!pte)
        return area->vnode ? map_file(mm, area, page, write, code)
                           : map_zero(mm, area, page, write);
    if (!write || pte & ABI_PTE_W)
        return 0; // another thread was first
    if (area->vnode && area->flags & AREA_SHARED)
        return map_file(mm, area, page, true, code);
    return copy_on_write(mm, area, page, pte);
}

i64 mm_touch(u64 address, bool write) {
    i32 code;
    u64 pte = address < EXOS_USER_END ? kernel_pte(address) : 0;
    if (pte & ABI_PTE_U && (!write || pte & ABI_PTE_W))
        return 0;
    return mm_fault(address, write ? FAULT_WRITE : 0, &code) ? -EFAULT : 0;
}
