// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Making mappings: of new frames, of particular ones, of copies; page by page, a run of pages in
// one leaf table, or a single page the short way.

#include "abi/calls.h"
#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/large.h"
#include "kernel/aegis/range_priv.h"
#include "kernel/aegis/rmap.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/sal/sal.h"

// Frames zeroed or freed in one call.
#define FRAMES_PER_CALL 32

#define MEMORY_TYPES (SPACE_MAP_UNCACHED | SPACE_MAP_COMBINING)

// --- map -----------------------------------------------------------------------------------------

struct map_request {
    struct abi_space *space;
    const struct cap *cap;
    account_id payer; // of new frames
    u64 flags;
    u64 bits; // entry bits but for the frame
};

// A new frame with what the caller's own page at va holds.
static i64 map_copy(account_id payer, u64 va, pfn_t *pfn) {
    const u64 need = ABI_PTE_P | ABI_PTE_U;
    const u64 *from = space_entry(space_current(), va);
    if (!from || (*from & need) != need)
        return -E_FAULT;
    i64 error = frame_take(payer, FRAME_USER, FRAME_AUTO, 1, pfn);
    if (!error)
        frame_copy(*pfn, ABI_PTE_FRAME(*from));
    return error;
}

static i64 map_frame(const struct map_request *request, u64 va, pfn_t first, u64 i, pfn_t *pfn) {
    if (request->flags & SPACE_MAP_COPY)
        return map_copy(request->payer, va, pfn);
    if (first == ABI_ANY)
        return frame_take(request->payer, FRAME_USER, FRAME_AUTO,
                          !!(request->flags & SPACE_MAP_DIRTY), pfn);
    *pfn = first + i;
    if (*pfn >= frame_count)
        return -E_RANGE;
    return cap_covers_frame(request->cap, *pfn) ? 0 : -E_RIGHTS;
}

static i64 map_one(const struct map_request *request, u64 va, pfn_t first, u64 i,
                   struct dropped *dropped) {
    u64 *entry;
    pfn_t pfn;
    i64 error = space_entry_find(request->space, va, &entry);
    if (error)
        return error;
    u64 old = *entry;
    if (old & ABI_PTE_P && !(request->flags & SPACE_MAP_REPLACE))
        return -E_EXIST;
    error = map_frame(request, va, first, i, &pfn);
    if (error)
        return error;
    if (!rmap_add(frame_row(pfn), entry, request->space, va))
        return -E_LIMIT;
    __atomic_store_n(entry, pfn << ABI_PAGE_SHIFT | request->bits, __ATOMIC_RELEASE);
    if (old & ABI_PTE_P)
        dropped->pfn[dropped->count++] = ABI_PTE_FRAME(old);
    return 0;
}

static i64 map_check(u64 caps, space_id id, u64 va, pfn_t first, u64 count, u64 flags,
                     struct map_request *request) {
    i64 error = range_space((u32)caps, id, va, &request->space);
    if (error)
        return error;
    u32 rights = first == ABI_ANY ? CAP_RIGHT_ALLOC : CAP_RIGHT_READ;
    rights |= flags & ABI_PTE_W && first != ABI_ANY ? CAP_RIGHT_WRITE : 0;
    rights |= flags & ABI_PTE_NX || first == ABI_ANY ? 0 : CAP_RIGHT_EXEC;
    rights |= flags & MEMORY_TYPES ? CAP_RIGHT_PIN : 0;
    error = cap_check_frames(caps >> 32, rights, &request->cap);
    if (error)
        return error;
    if (first == ABI_ANY && request->cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    if (flags & ~(ABI_PTE_PROT | SPACE_MAP_REPLACE | SPACE_MAP_DIRTY | SPACE_MAP_COPY |
                  MEMORY_TYPES | SPACE_MAP_LARGE) ||
        (flags & MEMORY_TYPES) == MEMORY_TYPES || (flags & SPACE_MAP_COPY && first != ABI_ANY))
        return -E_INVAL;
    if (first == ABI_ANY && !account_find(request->cap->object))
        return -E_STALE;
    int new = first == ABI_ANY;
    request->payer = request->cap->object;
    request->flags = flags;
    request->bits = (flags & ABI_PTE_PROT) | ABI_PTE_P | ABI_PTE_U;
    request->bits |= flags & SPACE_MAP_UNCACHED ? ABI_PTE_PCD | ABI_PTE_PWT : 0;
    request->bits |= flags & SPACE_MAP_COMBINING ? ABI_PTE_PWT : 0; // as processor.c sets the PAT
    request->bits |= new || request->cap->rights &CAP_RIGHT_WRITE ? ABI_PTE_MAY_W : 0;
    request->bits |= new || request->cap->rights &CAP_RIGHT_EXEC ? ABI_PTE_MAY_X : 0;
    return count ? space_check_range(va, count) : -E_RANGE;
}

// Maps particular frames at empty entries of one leaf table: as many of count as nothing unusual is
// the matter with, possibly none.
static u64 map_run(const struct map_request *request, u64 va, pfn_t first, u64 count) {
    const struct cap *cap = request->cap;
    int account = cap->type == CAP_ACCOUNT;
    u64 low = account ? 0 : cap->object, *entry;
    u64 high = account ? frame_count : cap->object + cap->count;
    account_id owner = account ? cap->object : cap->owner;
    u64 epoch = account ? ~0ul : cap->epoch, index = va >> ABI_PAGE_SHIFT & 511, i;
    high = high < frame_count ? high : frame_count;
    if (first < low || first >= high || space_entry_find(request->space, va, &entry))
        return 0;
    count = count < 512 - index ? count : 512 - index;
    count = count < high - first ? count : high - first;
    struct abi_frame *row = frame_row(first);
    u16 kind = row->kind; // of all of them
    u64 place = rmap_place(request->space, va);
    u64 mapped = first << ABI_PAGE_SHIFT | request->bits;
    if (kind != FRAME_USER && kind != FRAME_MODULE)
        return 0;
    for (i = 0; i < count && !(entry[i] & ABI_PTE_P); i++, row++, mapped += ABI_PAGE) {
        if (row->kind != kind || row->owner != owner || row->epoch > epoch ||
            !rmap_add_at(row, &entry[i], place))
            break;
        __atomic_store_n(&entry[i], mapped, __ATOMIC_RELEASE);
    }
    if (i)
        table_note(entry - index, (u32)index, (u32)(index + i - 1));
    return i;
}

// One large mapping.
static i64 map_large(const struct map_request *request, u64 va, pfn_t first, u64 count) {
    if (first == ABI_ANY || request->flags & (SPACE_MAP_REPLACE | SPACE_MAP_COPY))
        return -E_INVAL;
    if ((va | first << ABI_PAGE_SHIFT | count << ABI_PAGE_SHIFT) & (LARGE_BYTES - 1))
        return -E_ALIGN;
    if (first >= frame_count || frame_count - first < LARGE_PAGES)
        return -E_RANGE;
    for (u64 i = 0; i < LARGE_PAGES; i++)
        if (!cap_covers_frame(request->cap, first + i))
            return -E_RIGHTS;
    i64 error = large_map(request->space, va, first, request->bits);
    return error ? error : (i64)LARGE_PAGES;
}

__attribute__((noinline)) static i64 map_slowly(u64 caps, space_id id, u64 va, pfn_t first,
                                                u64 count, u64 flags) {
    struct map_request request;
    struct dropped dropped;
    dropped.count = 0;
    i64 error = map_check(caps, id, va, first, count, flags, &request);
    if (error)
        return error;
    if (flags & SPACE_MAP_LARGE)
        return map_large(&request, va, first, count);
    u64 limit = first == ABI_ANY || flags & SPACE_MAP_REPLACE ? FRAMES_PER_CALL : ENTRIES_PER_CALL;
    u64 done = 0;
    while (done < count && done < limit && !error) {
        if (first != ABI_ANY && !(flags & SPACE_MAP_REPLACE)) {
            u64 most = (count < limit ? count : limit) - done;
            u64 run = map_run(&request, va + (done << ABI_PAGE_SHIFT), first + done, most);
            done += run;
            if (run)
                continue;
        }
        error = map_one(&request, va + (done << ABI_PAGE_SHIFT), first, done, &dropped);
        done += !error;
    }
    if (dropped.count)
        dropped_flush(&dropped, request.space, va, done);
    return error ? error : (i64)done;
}

// --- map, one page -------------------------------------------------------------------------------

#define MAP_QUICK_NAMED (ABI_PTE_PROT | SPACE_MAP_REPLACE | SPACE_MAP_DIRTY)
#define MAP_QUICK_FLAGS (MAP_QUICK_NAMED | SPACE_MAP_COPY)

// One page, by an account's capability, where the tables are there, is mapped here; also in place
// of another on a machine with one processor. Everything else, and every error, is left to the full
// way.

// The account's row, if it is there.
static inline struct abi_account *map_quick_payer(account_id id) {
    struct abi_account *account = account_row(id);
    return account->id == id ? account : 0;
}

static inline int map_quick_owns(const struct cap *cap, pfn_t pfn) {
    if (pfn >= frame_count)
        return 0;
    const struct abi_frame *row = frame_row(pfn);
    return row->kind == FRAME_USER && row->owner == cap->object;
}

__attribute__((always_inline)) static inline int
map_quick_set(u64 *entry, u64 va, const struct abi_space *space, pfn_t pfn, u32 rights, u64 flags) {
    u64 bits = (flags & ABI_PTE_PROT) | ABI_PTE_P | ABI_PTE_U |
               (rights & CAP_RIGHT_WRITE ? ABI_PTE_MAY_W : 0) |
               (rights & CAP_RIGHT_EXEC ? ABI_PTE_MAY_X : 0);
    if (!rmap_add(frame_row(pfn), entry, space, va))
        return 0;
    __atomic_store_n(entry, pfn << ABI_PAGE_SHIFT | bits, __ATOMIC_RELEASE);
    return 1;
}

static inline const struct cap *map_quick_cap(u64 caps) {
    return &sched_current()->caps[caps >> 32];
}

// A new frame with what the caller's page at va holds. 0: the full way must decide.
__attribute__((noinline)) static pfn_t
map_quick_copy(const struct cap *cap, const struct abi_space *space, u64 va, const u64 *entry) {
    struct abi_account *account = map_quick_payer(cap->object);
    const u64 need = ABI_PTE_P | ABI_PTE_U;
    if (space->id != sched_current()->row->space)
        entry = space_entry(space_current(), va);
    if (!account || !entry || (*entry & need) != need)
        return 0;
    pfn_t pfn = frame_take_for(account, FRAME_USER, FRAME_AUTO, 1);
    if (pfn)
        frame_copy(pfn, ABI_PTE_FRAME(*entry));
    return pfn;
}

// A new frame for va. 0: the full way must decide.
__attribute__((always_inline)) static inline pfn_t map_quick_take(const struct cap *cap,
                                                                  const struct abi_space *space,
                                                                  u64 va, const u64 *entry,
                                                                  u64 flags) {
    if (__builtin_expect(flags & SPACE_MAP_COPY, 0))
        return map_quick_copy(cap, space, va, entry);
    struct abi_account *account = map_quick_payer(cap->object);
    return account ? frame_take_for(account, FRAME_USER, FRAME_AUTO, !!(flags & SPACE_MAP_DIRTY))
                   : 0;
}

// A new frame.
__attribute__((noinline)) static i64 map_quick_new(u64 caps, struct abi_space *space, u64 va,
                                                   u64 *entry, u64 flags) {
    pfn_t pfn = map_quick_take(map_quick_cap(caps), space, va, entry, flags);
    if (!pfn)
        return map_slowly(caps, space->id, va, ABI_ANY, 1, flags);
    table_note_one(entry);
    (void)map_quick_set(entry, va, space, pfn, CAP_RIGHT_WRITE | CAP_RIGHT_EXEC, flags);
    return 1;
}

// One of the account's own frames.
__attribute__((always_inline)) static inline i64
map_quick_named(u64 caps, struct abi_space *space, u64 va, u64 *entry, pfn_t first, u64 flags) {
    const struct cap *cap = map_quick_cap(caps);
    if (!map_quick_owns(cap, first) ||
        (table_note_one(entry), !map_quick_set(entry, va, space, first, cap->rights, flags)))
        return map_slowly(caps, space->id, va, first, 1, flags);
    return 1;
}

// In place of what is mapped there.
__attribute__((noinline)) static i64 map_quick_replace(u64 caps, struct abi_space *space, u64 va,
                                                       u64 *entry, pfn_t first, u64 flags) {
    const struct cap *cap = map_quick_cap(caps);
    u64 old = *entry;
    pfn_t pfn = 0;
    u32 rights = cap->rights;
    if (first == ABI_ANY) {
        pfn = map_quick_take(cap, space, va, entry, flags);
        rights = CAP_RIGHT_WRITE | CAP_RIGHT_EXEC;
    } else if (map_quick_owns(cap, first)) {
        pfn = first;
    }
    if (!pfn)
        return map_slowly(caps, space->id, va, first, 1, flags);
    if (!map_quick_set(entry, va, space, pfn, rights, flags))
        return map_slowly(caps, space->id, va, first, 1, flags);
    sal_tlb_flush_page(va); // harmless if another space is loaded
    frame_unmap(ABI_PTE_FRAME(old));
    return 1;
}

i64 sys_space_map(u64 caps, space_id id, u64 va, pfn_t first, u64 count, u64 flags) {
    u32 rights = first == ABI_ANY ? (u32)CAP_RIGHT_ALLOC
                                  : CAP_RIGHT_READ | (flags & ABI_PTE_W ? CAP_RIGHT_WRITE : 0) |
                                        (flags & ABI_PTE_NX ? 0 : CAP_RIGHT_EXEC);
    const struct cap *table = sched_current()->caps;
    struct abi_space *space;
    u64 end, *entry;
    if (count != 1 || flags & (first == ABI_ANY ? ~MAP_QUICK_FLAGS : ~MAP_QUICK_NAMED) ||
        !(space = cap_space_in(table, (u32)caps, id, CAP_RIGHT_MAP, va)) ||
        caps >> 32 >= CAP_SLOTS || !cap_is(&table[caps >> 32], CAP_ACCOUNT, rights) ||
        !(entry = space_walk(space, va, &end)))
        return map_slowly(caps, id, va, first, count, flags);
    if (*entry & ABI_PTE_P) {
        if (!(flags & SPACE_MAP_REPLACE) || sal_machine.cpus > 1)
            return map_slowly(caps, id, va, first, count, flags);
        return map_quick_replace(caps, space, va, entry, first, flags);
    }
    if (first == ABI_ANY)
        return map_quick_new(caps, space, va, entry, flags);
    return map_quick_named(caps, space, va, entry, first, flags);
}

i64 space_map_first(struct abi_space *space, u64 va, pfn_t pfn, u64 bits) {
    u64 *entry;
    i64 error = space_entry_make(space, va, &entry);
    if (error)
        return error;
    if (*entry & ABI_PTE_P)
        return -E_EXIST;
    *entry = pfn << ABI_PAGE_SHIFT | bits | ABI_PTE_P | ABI_PTE_U | ABI_PTE_MAY_W | ABI_PTE_MAY_X;
    (void)rmap_add(frame_row(pfn), entry, space, va);
    return 0;
}
