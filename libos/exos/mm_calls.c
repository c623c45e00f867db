// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// System calls of memory: brk, mmap and relatives. Areas are changed at once, pages come with the
// first touch (fault.c).

#include "libos/exos/kernel.h"
#include "libos/exos/linux/calls.h"
#include "libos/exos/linux/uapi_errno.h"
#include "libos/exos/linux/uapi_mman.h"
#include "libos/exos/mm.h"
#include "libos/exos/patch.h"
#include "libos/exos/pod.h"
#include "libos/exos/process_priv.h"
#include "libos/exos/uaccess.h"
#include "libos/exos/vm.h"

#define MASK    (ABI_PAGE - 1)
#define F_GETFD 1

static u64 page_up(u64 value) {
    return (value + MASK) & ~MASK;
}

static bool range_ok(u64 start, u64 bytes) {
    return start >= EXOS_USER_START && bytes && bytes <= EXOS_USER_END &&
           start <= EXOS_USER_END - bytes;
}

static void unmap_pages(struct mm *mm, u64 start, u64 end) {
    u64 pages = (end - start) >> ABI_PAGE_SHIFT;
    i64 n = sys_space_unmap(POD_CAP, mm->space, start, pages);
    if (n > 0 && (u64)n < pages)
        rt_space_unmap(POD_CAP, mm->space, start + ((u64)n << ABI_PAGE_SHIFT), pages - (u64)n);
}

// Would the limit on the whole address space allow more bytes?
static bool as_limit_ok(struct mm *mm, u64 bytes) {
    u64 limit = current()->limits[RLIMIT_AS].soft;
    return limit == RLIM_INFINITY || areas_bytes(&mm->areas) + bytes <= limit;
}

// Can the account still pay for that much, roughly? What is far beyond the quota is refused, not
// promised.
static bool memory_plausible(u64 bytes, u64 flags) {
    const volatile struct abi_account *a = abi_row(ABI_TABLE_ACCOUNTS, ABI_INDEX(pod_account));
    return flags & MAP_NORESERVE || bytes >> ABI_PAGE_SHIFT <= a->quota;
}

i64 linux_brk(u64 address) {
    struct mm *mm = current()->mm;
    u64 old_end = page_up(mm->brk), new_end = page_up(address);
    if (address < mm->brk_start || address > EXOS_USER_END)
        return (i64)mm->brk;
    if (new_end > old_end) {
        u32 i = areas_search(&mm->areas, old_end);
        bool room = i >= mm->areas.count || mm->areas.list[i].start >= new_end + ABI_PAGE;
        u64 limit = current()->limits[RLIMIT_DATA].soft;
        if (!room || (limit != RLIM_INFINITY && new_end - mm->brk_start > limit) ||
            !as_limit_ok(mm, new_end - old_end) || !memory_plausible(new_end - old_end, 0) ||
            areas_reserve(&mm->areas, 1))
            return (i64)mm->brk;
        areas_insert(&mm->areas,
                     &(struct area){old_end, new_end, NULL, 0, PROT_READ | PROT_WRITE, AREA_HEAP});
    } else if (new_end < old_end) {
        if (areas_reserve(&mm->areas, 1))
            return (i64)mm->brk;
        areas_remove(&mm->areas, new_end, old_end);
        unmap_pages(mm, new_end, old_end);
    }
    mm->brk = address;
    return (i64)address;
}

static i64 mmap_address(struct mm *mm, u64 hint, u64 bytes, u64 flags) {
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (hint & MASK)
            return -EINVAL;
        if (!range_ok(hint, bytes))
            return hint < EXOS_USER_START ? -EPERM : -ENOMEM;
        u32 i = areas_search(&mm->areas, hint);
        if (flags & MAP_FIXED_NOREPLACE && i < mm->areas.count &&
            mm->areas.list[i].start < hint + bytes)
            return -EEXIST;
        return (i64)hint;
    }
    hint &= ~MASK;
    if (hint && range_ok(hint, bytes)) {
        u32 i = areas_search(&mm->areas, hint);
        if (i >= mm->areas.count || mm->areas.list[i].start >= hint + bytes)
            return (i64)hint;
    }
    u64 top = flags & MAP_32BIT ? 0x80000000ul : mm->mmap_top;
    u64 at = areas_gap(&mm->areas, bytes, EXOS_USER_START, top);
    if (!at && !(flags & MAP_32BIT))
        at = areas_gap(&mm->areas, bytes, EXOS_USER_START, EXOS_USER_END);
    return at ? (i64)at : -ENOMEM;
}

// Puts an area in, over what is there; takes over the vnode's reference, also on error.
static i64 mmap_place(struct mm *mm, struct area *area, u64 populate) {
    if (mm->areas.count > AREAS_MAX || areas_reserve(&mm->areas, 2) ||
        !patch_forget(mm, area->start, area->end, true)) {
        if (area->vnode)
            vnode_map_put(area->vnode);
        return -ENOMEM;
    }
    u32 i = areas_search(&mm->areas, area->start);
    if (i < mm->areas.count && mm->areas.list[i].start < area->end) {
        areas_remove(&mm->areas, area->start, area->end);
        unmap_pages(mm, area->start, area->end);
        i = areas_search(&mm->areas, area->start);
    }
    areas_insert_at(&mm->areas, i, area);
    if (populate) {
        for (u64 at = area->start; at < area->end; at += ABI_PAGE) {
            if (mm_touch(at, area->prot & PROT_WRITE))
                break;
        }
    }
    return (i64)area->start;
}

i64 linux_mmap(u64 address, u64 bytes, u64 prot, u64 flags, i32 fd, u64 offset) {
    struct mm *mm = current()->mm;
    u64 type = flags & MAP_TYPE, length = page_up(bytes);
    if (!(flags & MAP_ANONYMOUS) && linux_fcntl(fd, F_GETFD, 0) < 0)
        return -EBADF;
    if (!bytes || offset & MASK ||
        (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE))
        return -EINVAL;
    if (length < bytes || length > EXOS_USER_END || !as_limit_ok(mm, length))
        return -ENOMEM;
    struct area area = {
        .prot = prot & 7, .flags = type == MAP_PRIVATE ? 0 : AREA_SHARED, .offset = offset};
    if (flags & MAP_ANONYMOUS && prot & PROT_WRITE && !memory_plausible(length, flags))
        return -ENOMEM;
    if (offset + length < offset)
        return -EOVERFLOW;
    i64 at = mmap_address(mm, address, length, flags);
    if (at < 0)
        return at;
    if (flags & MAP_ANONYMOUS) {
        area.offset = 0;
        if (area.flags & AREA_SHARED && !(area.vnode = vnode_shmem(length)))
            return -ENOMEM;
    } else {
        i64 error = file_mmap(fd, (int)prot, (int)flags, offset, &area.vnode);
        if (error)
            return error;
    }
    area.start = (u64)at;
    area.end = area.start + length;
    at = mmap_place(mm, &area, flags & (MAP_POPULATE | MAP_LOCKED));
    if (at > 0 && length == ABI_PAGE)
        mm_zero_ahead(mm, &area);
    return at;
}

i64 linux_munmap(u64 address, u64 bytes) {
    struct mm *mm = current()->mm;
    u64 length = page_up(bytes);
    if (address & MASK || !bytes || length < bytes || address > EXOS_USER_END ||
        length > EXOS_USER_END - address)
        return -EINVAL;
    if (areas_reserve(&mm->areas, 1))
        return -ENOMEM;
    u32 i = areas_search(&mm->areas, address);
    if (i >= mm->areas.count || mm->areas.list[i].start >= address + length)
        return 0;
    if (!patch_forget(mm, address, address + length, true))
        return -ENOMEM;
    areas_remove(&mm->areas, address, address + length);
    unmap_pages(mm, address, address + length);
    return 0;
}

// Entries follow the new protection; what it allows more than before comes with the next fault, but
// for execution, which private pages get at once.
static void protect_pages(struct mm *mm, u64 start, u64 end, u32 prot) {
    u64 clear = 0, set = 0;
    if (prot)
        set |= ABI_PTE_U;
    else
        clear |= ABI_PTE_U; // stays mapped, for nobody
    if (!(prot & PROT_WRITE))
        clear |= ABI_PTE_W;
    if (prot & PROT_EXEC)
        clear |= ABI_PTE_NX;
    else
        set |= ABI_PTE_NX;
    while (start < end) {
        i64 n = sys_space_protect(POD_CAP, mm->space, start, (end - start) >> ABI_PAGE_SHIFT, clear,
                                  set);
        if (n <= 0 && n != -E_AGAIN)
            return;
        start += n > 0 ? (u64)n << ABI_PAGE_SHIFT : 0;
    }
}

i64 linux_mprotect(u64 address, u64 bytes, u64 prot) {
    struct mm *mm = current()->mm;
    u64 length = page_up(bytes);
    prot &= ~(u64)(PROT_GROWSDOWN | PROT_GROWSUP);
    if (address & MASK || prot & ~7ul)
        return -EINVAL;
    if (!bytes)
        return 0;
    if (length < bytes || !range_ok(address, length))
        return -ENOMEM;
    if (areas_reserve(&mm->areas, 2))
        return -ENOMEM;
    for (u32 i = areas_search(&mm->areas, address);
         i < mm->areas.count && mm->areas.list[i].start < address + length; i++) {
        struct area *a = &mm->areas.list[i];
        if (prot & PROT_WRITE && a->flags & AREA_SHARED && a->flags & AREA_READ_ONLY)
            return -EACCES;
    }
    if (prot != (PROT_READ | PROT_EXEC) && !patch_forget(mm, address, address + length, false))
        return -ENOMEM;
    i64 error = areas_protect(&mm->areas, address, address + length, (u32)prot);
    protect_pages(mm, address, address + length, (u32)prot);
    return error;
}

// --- mremap
// --------------------------------------------------------------------------------------------------------------------

// Moves present pages: their frames are mapped at the new place, then the old mapping goes.
static i64 move_pages(struct mm *mm, u64 from, u64 to, u64 bytes) {
    for (u64 at = 0; at < bytes; at += ABI_PAGE) {
        u64 pte = kernel_pte(from + at);
        if (!pte)
            continue;
        u64 bits = pte & (ABI_PTE_W | ABI_PTE_NX | ABI_PTE_SOFT | ABI_PTE_D);
        i64 n = sys_space_map(kernel_frame_caps(ABI_PTE_FRAME(pte)), mm->space, to + at,
                              ABI_PTE_FRAME(pte), 1, bits);
        if (n == 1 && !(pte & ABI_PTE_U))
            n = sys_space_protect(POD_CAP, mm->space, to + at, 1, ABI_PTE_U, 0);
        if (n != 1)
            return -ENOMEM;
    }
    return 0;
}

static i64 mremap_move(struct mm *mm, const struct area *old, u64 address, u64 old_bytes,
                       u64 new_bytes, i64 to) {
    struct area area = *old;
    u64 keep = old_bytes < new_bytes ? old_bytes : new_bytes;
    area.offset += address - old->start;
    area.start = (u64)to;
    area.end = area.start + new_bytes;
    area.flags &= ~(AREA_HEAP | AREA_STACK);
    if (area.vnode)
        vnode_map_get(area.vnode);
    i64 result = mmap_place(mm, &area, 0);
    if (result >= 0 && move_pages(mm, address, area.start, keep)) {
        linux_munmap(area.start, new_bytes);
        return -ENOMEM;
    }
    if (result >= 0)
        linux_munmap(address, old_bytes);
    return result;
}

i64 linux_mremap(u64 address, u64 old_bytes, u64 new_bytes, u64 flags, u64 to) {
    struct mm *mm = current()->mm;
    u64 old_length = page_up(old_bytes), new_length = page_up(new_bytes);
    if (address & MASK || !new_length || new_length < new_bytes || flags & ~3ul ||
        (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)) || !old_length)
        return -EINVAL;
    struct area *a = areas_find(&mm->areas, address);
    if (!a || old_length > a->end - address)
        return -EFAULT;
    if (!patch_forget(mm, address, address + old_length, false))
        return -ENOMEM;
    a = areas_find(&mm->areas, address);
    if (new_length > old_length &&
        (!as_limit_ok(mm, new_length - old_length) || !memory_plausible(new_length, 0)))
        return -ENOMEM;
    if (flags & MREMAP_FIXED) {
        if (to & MASK || !range_ok(to, new_length) ||
            (to < address + old_length && address < to + new_length))
            return -EINVAL;
        return areas_reserve(&mm->areas, 4) ? -ENOMEM
                                            : mremap_move(mm, areas_find(&mm->areas, address),
                                                          address, old_length, new_length, (i64)to);
    }
    if (new_length <= old_length) {
        i64 error = new_length < old_length
                        ? linux_munmap(address + new_length, old_length - new_length)
                        : 0;
        return error ? error : (i64)address;
    }
    u32 next = (u32)(a - mm->areas.list) + 1;
    u64 limit = next < mm->areas.count ? mm->areas.list[next].start : EXOS_USER_END;
    if (a->end == address + old_length && limit - address >= new_length) {
        a->end = address + new_length;
        return (i64)address;
    }
    if (!(flags & MREMAP_MAYMOVE) || areas_reserve(&mm->areas, 4))
        return -ENOMEM;
    i64 at = mmap_address(mm, 0, new_length, 0);
    return at < 0 ? at
                  : mremap_move(mm, areas_find(&mm->areas, address), address, old_length,
                                new_length, at);
}

i64 linux_madvise(u64 address, u64 bytes, i32 advice) {
    struct mm *mm = current()->mm;
    u64 length = page_up(bytes);
    if (address & MASK || length < bytes || (length && !range_ok(address, length)))
        return -EINVAL;
    if (!areas_covered(&mm->areas, address, address + length))
        return -ENOMEM;
    if (advice == MADV_DONTNEED || advice == MADV_FREE) {
        if (!patch_forget(mm, address, address + length, true))
            return -ENOMEM;
        unmap_pages(mm, address, address + length);
    } else if (advice < 0 || (advice > 25 && advice < 100) || advice > 101) {
        return -EINVAL;
    }
    return 0;
}

i64 linux_msync(u64 address, u64 bytes, i32 flags) {
    struct mm *mm = current()->mm;
    if (address & MASK || flags & ~7 || (flags & 5) == 5)
        return -EINVAL;
    return areas_covered(&mm->areas, address, address + page_up(bytes)) ? 0 : -ENOMEM;
}

i64 linux_mincore(u64 address, u64 bytes, u64 vector) {
    struct mm *mm = current()->mm;
    u64 length = page_up(bytes);
    if (address & MASK)
        return -EINVAL;
    if (length < bytes || !user_range_ok(address, length) ||
        !areas_covered(&mm->areas, address, address + length))
        return -ENOMEM;
    for (u64 i = 0; i < length >> ABI_PAGE_SHIFT; i++) {
        u8 present = kernel_pte(address + (i << ABI_PAGE_SHIFT)) != 0;
        if (copy_to_user(vector + i, &present, 1))
            return -EFAULT;
    }
    return 0;
}
