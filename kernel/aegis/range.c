// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Range operations on mappings that are there: unmap, protect.

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

// --- unmap ---------------------------------------------------------------------------------------

static void unmap_large(struct abi_space *space, u64 va, u64 *entry) {
    u64 old = *entry;
    *entry = 0;
    tlb_flush(space, va, LARGE_PAGES);
    large_unmap(old);
}

// Tables that became empty: unlinked, not yet flushed.
#define EMPTIED_MAX  8 // of the lowest level
#define UPPER_LEVELS 2
struct emptied {
    u32 count;
    pfn_t pfn[EMPTIED_MAX + UPPER_LEVELS];
};

// After the entries of a leaf table before one were removed: is the table empty, and the call about
// everything up to its end? Then it goes. Returns how many pages are left up to there.
static u64 empty_table(struct abi_space *space, u64 *entry, u64 va, u64 end,
                       struct emptied *emptied) {
    u64 index = va >> ABI_PAGE_SHIFT & 511, *table = entry - index;
    u64 behind = (va & ~(LARGE_BYTES - 1)) + LARGE_BYTES;
    pfn_t pfn = sal_phys(table) >> ABI_PAGE_SHIFT;
    struct used used = table_used(pfn);
    if (end < behind || table_next(table, used.at, used.end) < used.end)
        return 0;
    *space_above(space, va, 21) = 0;
    emptied->pfn[emptied->count++] = pfn;
    return (behind - va) >> ABI_PAGE_SHIFT;
}

static int is_empty(pfn_t table) {
    struct used used = table_used(table);
    return table_next(sal_frame(table), used.at, used.end) >= used.end;
}

// Everything from a page up to another was unmapped: the upper tables that end between them, the
// lowest first, go if they are empty. One that other spaces share stays.
static void empty_uppers(struct abi_space *space, u64 va, u64 end, struct emptied *emptied) {
    for (u32 shift = 30; shift <= SLOT_SHIFT && va >> shift != end >> shift; shift += 9) {
        u64 *entry = space_above(space, va, shift);
        if (!entry || (*entry & (ABI_PTE_P | ABI_PTE_PS)) != ABI_PTE_P)
            continue;
        if ((shift == SLOT_SHIFT && *entry & SLOT_SHARED) || !is_empty(ABI_PTE_FRAME(*entry)))
            return;
        emptied->pfn[emptied->count++] = ABI_PTE_FRAME(*entry);
        *entry = 0;
    }
}

static void emptied_flush(struct emptied *emptied, struct dropped *dropped, struct abi_space *space,
                          u64 va, u64 pages) {
    tlb_flush_tables(space, va, pages);
    dropped_unmap(dropped);
    for (u32 i = 0; i < emptied->count; i++)
        space_table_end(space, emptied->pfn[i], frame_row(emptied->pfn[i])->where);
}

__attribute__((noinline)) static i64 unmap_slowly(u64 cap, space_id id, u64 va, u64 count) {
    struct abi_space *space;
    struct dropped dropped;
    struct emptied emptied;
    emptied.count = 0;
    dropped.count = 0;
    i64 error = range_space(cap, id, va, &space);
    if (!error)
        error = space_check_range(va, count);
    if (error)
        return error;
    u64 done = 0, budget = ENTRIES_PER_CALL, va_end = va + (count << ABI_PAGE_SHIFT);
    while (done < count && budget && dropped.count < DROPPED_MAX && emptied.count < EMPTIED_MAX) {
        u64 at = va + (done << ABI_PAGE_SHIFT), *large;
        struct run run = run_used(space, at, count - done);
        if (!run.entry) {
            error = large_whole(space, at, count - done, &large);
            if (error || (large && done)) // the next call's
                break;
            if (large)
                unmap_large(space, at, large);
            done += large ? LARGE_PAGES : run.pages;
            budget = large ? 0 : budget - 1;
            empty_uppers(space, at, va + (done << ABI_PAGE_SHIFT), &emptied);
            continue;
        }
        u64 i = 0, end = run.pages < budget ? run.pages : budget;
        while ((i = table_next(run.entry, i, end)) < end && dropped.count < DROPPED_MAX) {
            dropped.pfn[dropped.count++] = ABI_PTE_FRAME(run.entry[i]);
            run.entry[i++] = 0;
        }
        done += i;
        budget -= i;
        u64 left = i < run.pages ? 0 : empty_table(space, run.entry, at, va_end, &emptied);
        done += left ? left - i : 0;
        empty_uppers(space, at, va + (done << ABI_PAGE_SHIFT), &emptied);
    }
    if (emptied.count)
        emptied_flush(&emptied, &dropped, space, va, done);
    else if (dropped.count)
        dropped_flush(&dropped, space, va, done);
    return error && !done ? error : (i64)done;
}

// One page, where there is a table, and not its last one, with which the table may go; everything
// else, and every error, is left to the full way.
i64 sys_space_unmap(u64 cap, space_id id, u64 va, u64 count) {
    struct abi_space *space;
    u64 end, *entry, old;
    if (count != 1 || (~va & (LARGE_BYTES - ABI_PAGE)) == 0 ||
        !(space = cap_space_in(sched_current()->caps, cap, id, CAP_RIGHT_MAP, va)) ||
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
// An entry goes only if it still is what was compared: another processor may set A and D up to that
// moment, and can't use it afterwards for a first write.
static u64 drop_matching(struct dropped *dropped, u64 *entry, u64 n, u64 mask, u64 value) {
    u64 i = 0;
    for (; (i = table_next(entry, i, n)) < n && dropped->count < DROPPED_MAX; i++) {
        u64 old = entry[i];
        if ((old & mask) == value && entry_replace(&entry[i], old, 0, 1))
            dropped->pfn[dropped->count++] = ABI_PTE_FRAME(old);
    }
    return i;
}

i64 sys_space_unmap_if(u64 cap, space_id id, u64 va, u64 count, u64 mask, u64 value) {
    struct abi_space *space;
    struct dropped dropped;
    dropped.count = 0;
    i64 error = range_space(cap, id, va, &space);
    if (error)
        return error;
    if (mask & ~ABI_PTE_PROTECT || value & ~mask)
        return -E_INVAL;
    error = space_check_range(va, count);
    if (error)
        return error;
    u64 done = 0, budget = ENTRIES_PER_CALL;
    while (done < count && budget && dropped.count < DROPPED_MAX) {
        struct run run = run_used(space, va + (done << ABI_PAGE_SHIFT), count - done);
        if (!run.entry) {
            done += run.pages;
            budget--;
            continue;
        }
        u64 end = run.pages < budget ? run.pages : budget;
        u64 looked = drop_matching(&dropped, run.entry, end, mask, value);
        done += looked;
        budget -= looked;
    }
    if (dropped.count)
        dropped_flush(&dropped, space, va, done);
    return (i64)done;
}

// --- protect -------------------------------------------------------------------------------------

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

// The large mapping at va, if there is one, and its pages: one of 1 GiB only if all of it is meant.
static i64 large_meant(const struct abi_space *space, u64 va, u64 pages, u64 **entry, u64 *mapped) {
    u64 bytes;
    *entry = large_entry(space, va, &bytes);
    if (!*entry)
        return 0;
    *mapped = bytes >> ABI_PAGE_SHIFT;
    if (!(va & (bytes - 1)) && pages >= *mapped)
        return 0;
    *mapped = LARGE_PAGES;
    return large_whole(space, va, pages, entry);
}

static i64 protect_range(struct abi_space *space, u64 va, u64 count, const struct change *change) {
    int shared = space_is_shared(space, va, count);
    u64 done = 0, budget = ENTRIES_PER_CALL;
    while (done < count && budget) {
        u64 at = va + (done << ABI_PAGE_SHIFT), *large;
        struct run run = run_next(space, at, count - done);
        if (!run.entry) {
            u64 pages = run.pages;
            i64 error = large_meant(space, at, count - done, &large, &pages);
            if (error)
                return done ? (i64)done : error;
            if (large && protect_run_shared(large, large + 1, change) == large)
                return -E_RIGHTS;
            done += pages;
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
