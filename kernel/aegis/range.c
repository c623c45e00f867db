// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Range operations on spaces: map, unmap, protect, copy. Each works entry by entry, table by table,
// and stops after a bounded amount of work, saying how many pages are done.

#include "abi/calls.h"
#include "abi/pte.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/large.h"
#include "kernel/aegis/rmap.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/sal/sal.h"

// Preemption points: entries looked at, and frames zeroed or freed, in one call.
#define ENTRIES_PER_CALL 1024
#define FRAMES_PER_CALL  32
#define DROPPED_MAX      128

#define MEMORY_TYPES (SPACE_MAP_UNCACHED | SPACE_MAP_COMBINING)

// Whether other processors may use the range's translations, hence change its entries (A, D) at any
// time.
static int space_is_shared(const struct abi_space *space, u64 va, u64 pages) {
    return sal_machine.cpus > 1 && tlb_users(space, va, pages) != 0;
}

// cap_check_space with MAP, quick where the capability is for the space or its account.
static inline i64 range_space(u64 cap, space_id id, u64 va, struct abi_space **space) {
    *space = cap_space_in(sched_current()->caps, cap, id, CAP_RIGHT_MAP, va);
    return *space ? 0 : cap_check_space(cap, id, CAP_RIGHT_MAP, space);
}

// --- map -----------------------------------------------------------------------------------------

struct map_request {
    struct abi_space *space;
    const struct cap *cap;
    account_id payer; // of new frames
    u64 flags;
    u64 bits; // entry bits but for the frame
};

// Frames whose last translation goes, until they have been flushed.
struct dropped {
    u32 count; // how many of pfn are set
    pfn_t pfn[DROPPED_MAX];
};

static void dropped_flush(struct dropped *dropped, struct abi_space *space, u64 va, u64 pages) {
    tlb_flush(space, va, pages);
    for (u32 i = 0; i < dropped->count; i++)
        frame_unmap(dropped->pfn[i]);
    dropped->count = 0;
}

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

// --- walking a range -----------------------------------------------------------------------------

// A run of entries within one leaf table.
struct run {
    u64 *entry;
    u64 pages;
};

// The next run of a range of pages pages at va, or, if its tables are missing, the length of the
// hole with entry null.
static inline struct run run_next(const struct abi_space *space, u64 va, u64 pages) {
    u64 end;
    u64 *entry = space_walk(space, va, &end);
    u64 length = (end - va) >> ABI_PAGE_SHIFT;
    return (struct run){entry, length < pages ? length : pages};
}

// The same, without the entries that were never written: a run of them is a hole.
static inline struct run run_used(const struct abi_space *space, u64 va, u64 pages) {
    struct run run = run_next(space, va, pages);
    if (!run.entry)
        return run;
    u64 index = va >> ABI_PAGE_SHIFT & 511;
    struct used used = table_used(sal_phys(run.entry) >> ABI_PAGE_SHIFT);
    if (index >= used.end)
        run.entry = 0;
    else if (index < used.at)
        run = (struct run){0, used.at - index < run.pages ? used.at - index : run.pages};
    else if (used.end - index < run.pages)
        run.pages = used.end - index;
    return run;
}

// --- unmap ---------------------------------------------------------------------------------------

// The large mapping at va, of which pages are meant. E_INVAL: not all of it is.
static i64 large_whole(const struct abi_space *space, u64 va, u64 pages, u64 **entry) {
    *entry = large_entry(space, va);
    return *entry && (va & (LARGE_BYTES - 1) || pages < LARGE_PAGES) ? -E_INVAL : 0;
}

static void unmap_large(struct abi_space *space, u64 va, u64 *entry) {
    u64 old = *entry;
    *entry = 0;
    tlb_flush(space, va, LARGE_PAGES);
    large_unmap(old);
}

__attribute__((noinline)) static i64 unmap_slowly(u64 cap, space_id id, u64 va, u64 count) {
    struct abi_space *space;
    struct dropped dropped;
    dropped.count = 0;
    i64 error = range_space(cap, id, va, &space);
    if (!error)
        error = space_check_range(va, count);
    if (error)
        return error;
    u64 done = 0, budget = ENTRIES_PER_CALL;
    while (done < count && budget && dropped.count < DROPPED_MAX) {
        u64 at = va + (done << ABI_PAGE_SHIFT), *large;
        struct run run = run_used(space, at, count - done);
        if (!run.entry) {
            error = large_whole(space, at, count - done, &large);
            if (error || (large && done)) // the next call's
                break;
            if (large) {
                unmap_large(space, at, large);
                return LARGE_PAGES;
            }
            done += run.pages;
            budget--;
            continue;
        }
        u64 i = 0, end = run.pages < budget ? run.pages : budget;
        while ((i = table_next(run.entry, i, end)) < end && dropped.count < DROPPED_MAX) {
            dropped.pfn[dropped.count++] = ABI_PTE_FRAME(run.entry[i]);
            run.entry[i++] = 0;
        }
        done += i;
        budget -= i;
    }
    if (dropped.count)
        dropped_flush(&dropped, space, va, done);
    return error && !done ? error : (i64)done;
}

// One page, where there is a table; everything else, and every error, is left to the full way.
i64 sys_space_unmap(u64 cap, space_id id, u64 va, u64 count) {
    struct abi_space *space;
    u64 end, *entry, old;
    if (count != 1 || !(space = cap_space_in(sched_current()->caps, cap, id, CAP_RIGHT_MAP, va)) ||
        !(entry = space_walk(space, va, &end)))
        return unmap_slowly(cap, id, va, count);
    old = *entry;
    if (!(old & ABI_PTE_P))
        return 1;
    *entry = 0;
    if (sal_machine.cpus > 1)
        tlb_flush(space, va, 1);
    else
        sal_tlb_flush_page(va); // harmless if another space is loaded
    frame_unmap(ABI_PTE_FRAME(old));
    return 1;
}

// --- protect -------------------------------------------------------------------------------------

// Stores an entry computed from old; retries in the caller if the processor set A or D meanwhile on
// another CPU.
static inline int entry_replace(u64 *entry, u64 old, u64 new, int shared) {
    if (!shared) {
        *entry = new;
        return 1;
    }
    return __atomic_compare_exchange_n(entry, &old, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

// What space_protect does to an entry that has all bits of must (absent ones lack P).
struct change {
    u64 must, keep, set;
};

// Changes the present entries from entry up to end. Returns where it stopped: end, or one that may
// not be changed so.
static u64 *protect_each(u64 *entry, u64 *end, const struct change *change) {
    for (; entry < end; entry++) {
        u64 old = *entry;
        if ((old & change->must) == change->must)
            *entry = (old & change->keep) | change->set;
        else if (old & ABI_PTE_P)
            break;
    }
    return entry;
}

// The same; four at a time, as long as all four may be changed.
static inline u64 *protect_run(u64 *entry, u64 *end, const struct change *change) {
    u64 must = change->must, keep = change->keep, set = change->set;
    for (; end - entry >= 4; entry += 4) {
        u64 a = entry[0], b = entry[1], c = entry[2], d = entry[3];
        if ((a & b & c & d & must) != must)
            break;
        entry[0] = (a & keep) | set;
        entry[1] = (b & keep) | set;
        entry[2] = (c & keep) | set;
        entry[3] = (d & keep) | set;
    }
    return protect_each(entry, end, change);
}

// The same while other processors may set A and D in the entries.
static u64 *protect_run_shared(u64 *entry, u64 *end, const struct change *change) {
    while (entry < end) {
        u64 old = *entry;
        if ((old & change->must) == change->must) {
            if (!entry_replace(entry, old, (old & change->keep) | change->set, 1))
                continue;
        } else if (old & ABI_PTE_P) {
            break;
        }
        entry++;
    }
    return entry;
}

static i64 protect_range(struct abi_space *space, u64 va, u64 count, const struct change *change) {
    int shared = space_is_shared(space, va, count);
    u64 done = 0, budget = ENTRIES_PER_CALL;
    while (done < count && budget) {
        u64 at = va + (done << ABI_PAGE_SHIFT), *large;
        struct run run = run_next(space, at, count - done);
        if (!run.entry) {
            i64 error = large_whole(space, at, count - done, &large);
            if (error)
                return done ? (i64)done : error;
            if (large && protect_run_shared(large, large + 1, change) == large)
                return -E_RIGHTS;
            done += run.pages;
            budget--;
            continue;
        }
        u64 *end = run.entry + (run.pages < budget ? run.pages : budget);
        u64 *stop = shared ? protect_run_shared(run.entry, end, change)
                           : protect_run(run.entry, end, change);
        done += (u64)(stop - run.entry);
        budget -= (u64)(stop - run.entry);
        if (stop < end)
            return -E_RIGHTS;
    }
    return (i64)done;
}

// What is less than before must be flushed; what is more is found out by a fault that the processor
// retries.
#define LESS_IF_CLEARED (ABI_PTE_W | ABI_PTE_U | ABI_PTE_A | ABI_PTE_D | ABI_PTE_PKEY_MASK)
#define LESS_IF_SET     (ABI_PTE_NX | ABI_PTE_PKEY_MASK)

static inline struct change change_of(u64 clear, u64 set) {
    return (struct change){ABI_PTE_P | (set & ABI_PTE_W ? ABI_PTE_MAY_W : 0) |
                               (clear & ~set & ABI_PTE_NX ? ABI_PTE_MAY_X : 0),
                           ~clear, set};
}

__attribute__((noinline)) static i64 protect_slowly(u64 cap, space_id id, u64 va, u64 count,
                                                    u64 clear, u64 set) {
    struct abi_space *space;
    i64 error = range_space(cap, id, va, &space);
    if (error)
        return error;
    if ((clear | set) & ~ABI_PTE_PROTECT)
        return -E_INVAL;
    error = space_check_range(va, count);
    if (error)
        return error;
    struct change change = change_of(clear, set);
    i64 done = protect_range(space, va, count, &change);
    if (clear & LESS_IF_CLEARED || set & LESS_IF_SET)
        tlb_flush(space, va, done < 0 ? count : (u64)done);
    return done;
}

// One page, by a capability for the space, on a machine with one processor, is changed here;
// everything else, and every error, is left to the full way.
i64 sys_space_protect(u64 cap, space_id id, u64 va, u64 count, u64 clear, u64 set) {
    const struct abi_space *space;
    struct change change = change_of(clear, set);
    u64 end, *entry;
    if (count != 1 || (clear | set) & ~ABI_PTE_PROTECT || sal_machine.cpus > 1)
        goto slowly;
    if (!(space = cap_space_in(sched_current()->caps, cap, id, CAP_RIGHT_MAP, va)) ||
        !(entry = space_walk(space, va, &end)) || (*entry & change.must) != change.must)
        goto slowly;
    *entry = (*entry & change.keep) | change.set;
    sal_tlb_flush_page(va); // harmless if another space is loaded
    return 1;
slowly:
    return protect_slowly(cap, id, va, count, clear, set);
}

// --- copy ----------------------------------------------------------------------------------------

#define SOFT_LOW (ABI_PTE_S0 | ABI_PTE_S1 | ABI_PTE_S2)

struct copy_request {
    struct abi_space *from, *to;
    u64 share, mark;
    u64 unused; // entries with one of these and without A are left out
    int shared; // other processors use the source
    int lost_w; // an entry of the source lost W
};

// A writable entry that is not shared loses W and is marked. Returns what it is then.
__attribute__((noinline)) static u64 copy_mark(struct copy_request *request, u64 *source) {
    u64 old, new;
    do {
        old = *source;
        new = (old & ~ABI_PTE_W) | request->mark;
    } while (!entry_replace(source, old, new, request->shared));
    request->lost_w = 1;
    return new;
}

// A new mapping of a frame for an entry of the source at a place; 0 if there can't be one.
static inline int copy_count(struct abi_frame *rows, u64 entry, u64 place) {
    struct abi_frame *row = &rows[ABI_PTE_FRAME(entry)];
    row->where |= place;
    return __builtin_expect(++row->maps != 0, 1);
}

// The entries of a leaf table from i up to n. Returns where it stopped: n, or at one that can't be
// mapped so often.
static u64 copy_entries(struct copy_request *request, u64 *source, u64 *target, u64 i, u64 n,
                        u64 place, u64 *last) {
    const u64 shared = ABI_PTE_W | request->share;
    struct abi_frame *rows = frame_row(0);
    for (; i < n; i++) {
        u64 entry = source[i];
        if (!(entry & ABI_PTE_P)) {
            i = table_next(source, i + 1, n) - 1;
            continue;
        }
        if (entry & request->unused && !(entry & ABI_PTE_A))
            continue;
        *last = i;
        if (target[i] & ABI_PTE_P)
            continue;
        if ((entry & shared) == ABI_PTE_W)
            entry = copy_mark(request, &source[i]);
        if (!copy_count(rows, entry, place))
            break;
        target[i] = entry & ~(ABI_PTE_A | ABI_PTE_D);
    }
    return i;
}

// The first n entries of a leaf table's part, of which the first is that of va. While frames are
// being taken from those who map them, they get no new mapping.
static i64 copy_run(struct copy_request *request, u64 *source, u64 va, u64 n) {
    const u64 first = va >> ABI_PAGE_SHIFT & 511, place = rmap_place(request->to, va);
    u64 *target, i = table_next(source, 0, n), last = i;
    if (i == n)
        return 0;
    i64 error = space_entry_make(request->to, va, &target);
    if (error)
        return error;
    while (i < n) {
        u64 end = n;
        if (rmap_lost) {
            end = i + 1;
            if (source[i] & ABI_PTE_P && frame_row(ABI_PTE_FRAME(source[i]))->kind == FRAME_LOST) {
                i++;
                continue;
            }
        }
        i = copy_entries(request, source, target, i, end, place, &last);
        if (i < end) {
            frame_row(ABI_PTE_FRAME(source[i]))->maps--;
            error = -E_LIMIT;
            break;
        }
    }
    table_note(target, (u32)first, (u32)(first + last));
    return error;
}

i64 sys_space_copy(u64 cap, space_id to, u64 va, u64 count, u64 share, u64 mark) {
    struct copy_request request = {.share = share & ~SPACE_COPY_UNUSED(SOFT_LOW),
                                   .mark = mark,
                                   .unused = share >> 16 & SOFT_LOW};
    i64 error = range_space(cap, to, va, &request.to);
    if (error)
        return error;
    request.from = space_find(sched_current()->row->space);
    if ((request.share | mark) & ~ABI_PTE_SOFT || request.from == request.to)
        return -E_INVAL;
    if (request.from->account != request.to->account)
        return -E_RIGHTS;
    error = space_check_range(va, count);
    if (error)
        return error;
    request.shared = space_is_shared(request.from, va, count);
    u64 done = 0, budget = ENTRIES_PER_CALL;
    while (done < count && budget && !error) {
        struct run run = run_next(request.from, va + (done << ABI_PAGE_SHIFT), count - done);
        if (!run.entry) {
            done += run.pages;
            budget--;
            continue;
        }
        u64 pages = run.pages < budget ? run.pages : budget;
        error = copy_run(&request, run.entry, va + (done << ABI_PAGE_SHIFT), pages);
        done += error ? 0 : pages;
        budget -= pages;
    }
    if (request.lost_w)
        tlb_flush(request.from, va, done);
    return error ? error : (i64)done;
}
