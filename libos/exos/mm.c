// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Address spaces, see mm.h: making, copying and ending them.

#include "libos/exos/mm.h"
#include "base/string.h"
#include "libos/exos/kernel.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/patch.h"
#include "libos/exos/pod.h"
#include "libos/exos/pod_priv.h"
#include "libos/exos/process.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/trap.h"
#include "libos/exos/vm.h"

static struct mm *dead; // users 0; their spaces may still have a dying env

space_id current_space(void) {
    return current_thread()->space;
}

struct mm *mm_new(i64 *error) {
    struct mm *mm = pod_memory_low(POD_RESERVE_USER) ? NULL : pod_alloc(sizeof(*mm));
    if (!mm) {
        *error = -ENOMEM;
        return NULL;
    }
    i64 space = sys_space_create(POD_CAP, pod_account);
    if (space == -E_NOMEM || space == -E_FULL) {
        thread_reclaim();
        space = sys_space_create(POD_CAP, pod_account);
    }
    if (space < 0) {
        pod_free(mm);
        *error = space == -E_NOMEM ? -ENOMEM : -EAGAIN;
        return NULL;
    }
    mm->users = 1;
    mm->space = (space_id)space;
    mm->mmap_top = mm->stack_top = EXOS_USER_END;
    return mm;
}

static void op_copy(struct batch_op *op, space_id to, u64 start, u64 end) {
    batch_space_copy(op, POD_CAP, to, start, (end - start) >> ABI_PAGE_SHIFT,
                     VM_SHARED | SPACE_COPY_UNUSED(VM_FILE), VM_COW);
}

i64 mm_map_exos(space_id space) {
    return sys_space_share(POD_CAPS, space, current_space(), EXOS_SLOT) ? -ENOMEM : 0;
}

// The areas from *i on that one range operation is for: neighbours without a large hole. *i becomes
// the index after them.
static struct area next_run(const struct areas *areas, u32 *i) {
    struct area run = areas->list[*i];
    while (++*i < areas->count && areas->list[*i].start - run.end < (64ul << ABI_PAGE_SHIFT))
        run.end = areas->list[*i].end;
    return run;
}

// Copies the page table of all areas.
static i64 copy_pages(const struct areas *areas, space_id to) {
    struct batch_op ops[16];
    u32 n = 0;
    batch_space_share(&ops[n++], POD_CAPS, to, current_space(), EXOS_SLOT);
    for (u32 i = 0; i < areas->count;) {
        struct area run = next_run(areas, &i);
        op_copy(&ops[n++], to, run.start, run.end);
        if (n == 16 || i == areas->count) {
            if (rt_batch_run(ops, n, NULL))
                return -ENOMEM;
            n = 0;
        }
    }
    return n && rt_batch_run(ops, n, NULL) ? -ENOMEM : 0;
}

struct mm *mm_fork(struct mm *from, i64 *error) {
    struct mm *mm = mm_new(error);
    if (!mm)
        return NULL;
    mm->brk_start = from->brk_start;
    mm->brk = from->brk;
    mm->mmap_top = from->mmap_top;
    mm->stack_top = from->stack_top;
    mm->resident = from->resident;
    patch_fork(mm, from);
    *error = areas_copy(&mm->areas, &from->areas);
    u64 tls;
    __asm__ volatile("rdfsbase %0" : "=r"(tls));
    u64 sp = thread_trap_frame(current_thread())->frame.rsp;
    mm_copy_page(from, mm->space, sp);
    if ((sp ^ tls) >> ABI_PAGE_SHIFT)
        mm_copy_page(from, mm->space, tls);
    if (!*error)
        *error = copy_pages(&mm->areas, mm->space);
    if (*error) {
        mm_put(mm);
        return NULL;
    }
    return mm;
}

void mm_put(struct mm *mm) {
    if (--mm->users)
        return;
    thread_idle_drop(mm);
    patch_drop(mm);
    areas_clear(&mm->areas);
    mm->next_dead = dead;
    dead = mm;
}

void mm_bury_all(void) {
    for (struct mm **link = &dead; *link;) {
        struct mm *mm = *link;
        i64 error = -E_BUSY;
        if (!kernel_space(mm->space)->envs) {
            while ((error = sys_space_destroy(POD_CAP, mm->space)) == -E_AGAIN)
                ;
        }
        if (error == -E_BUSY) {
            link = &mm->next_dead;
            continue;
        }
        *link = mm->next_dead;
        pod_free(mm);
    }
}

void mm_clear(struct mm *mm) {
    struct batch_op ops[16];
    u32 n = 0;
    patch_drop(mm);
    for (u32 i = 0; i < mm->areas.count;) {
        struct area run = next_run(&mm->areas, &i);
        batch_space_unmap(&ops[n++], POD_CAP, mm->space, run.start,
                          (run.end - run.start) >> ABI_PAGE_SHIFT);
        if (n == 16 || i == mm->areas.count) {
            rt_batch_run(ops, n, NULL);
            n = 0;
        }
    }
    areas_clear(&mm->areas);
    mm->resident = 0;
}

i64 mm_map_fixed(struct mm *mm, u64 start, u64 bytes, u32 prot, u32 flags, struct vnode *vnode,
                 u64 offset) {
    u64 end = start + ((bytes + ABI_PAGE - 1) & ~(ABI_PAGE - 1));
    i64 error = areas_reserve(&mm->areas, 2);
    if (error) {
        if (vnode)
            vnode_map_put(vnode);
        return error;
    }
    areas_remove(&mm->areas, start, end);
    areas_insert(&mm->areas, &(struct area){start, end, vnode, offset, prot, flags});
    return 0;
}

// The part of an area that maps pages of its file from first_page on.
static void unmap_file_pages(struct mm *mm, const struct area *a, u64 first_page) {
    u64 offset = first_page << ABI_PAGE_SHIFT;
    u64 skip = offset > a->offset ? offset - a->offset : 0;
    if (skip < a->end - a->start)
        rt_space_unmap(POD_CAP, mm->space, a->start + skip,
                       (a->end - a->start - skip) >> ABI_PAGE_SHIFT);
}

void vm_vnode_truncated(struct vnode *vnode, u64 first_page) {
    PROCESS_FOR_EACH(p) {
        for (u32 i = 0; p->mm && i < p->mm->areas.count; i++) {
            const struct area *a = &p->mm->areas.list[i];
            if (a->vnode == vnode)
                unmap_file_pages(p->mm, a, first_page);
        }
    }
}
