// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Copying the mappings of one space to another, for fork.

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
        target[i] = entry & ~ABI_PTE_A;
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

// A large mapping, all of it. Its frames get a mapping more each, or, if one is being taken from
// those who map it, none does.
static i64 copy_large(struct copy_request *request, u64 *source, u64 va) {
    u64 entry = *source, *target;
    i64 error = space_upper_make(request->to, va, &target);
    if (error || *target & ABI_PTE_P)
        return error || *target & ABI_PTE_PS ? error : -E_EXIST;
    struct abi_frame *rows = frame_row(ABI_PTE_FRAME(entry));
    for (u64 i = 0; i < LARGE_PAGES; i++) {
        if (rows[i].kind == FRAME_LOST)
            return 0;
        if (rows[i].maps == ~0u)
            return -E_LIMIT;
    }
    if ((entry & (ABI_PTE_W | request->share)) == ABI_PTE_W)
        entry = copy_mark(request, source);
    return large_map(request->to, va, ABI_PTE_FRAME(entry),
                     entry & ~(ABI_PTE_FRAME_MASK | ABI_PTE_A));
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
        u64 at = va + (done << ABI_PAGE_SHIFT), *large;
        struct run run = run_next(request.from, at, count - done);
        if (!run.entry) {
            error = large_whole(request.from, at, count - done, &large);
            if (!error && large && !(*large & request.unused && !(*large & ABI_PTE_A)))
                error = copy_large(&request, large, at);
            done += error ? 0 : large ? LARGE_PAGES : run.pages;
            budget -= large && budget > LARGE_PAGES ? LARGE_PAGES : 1;
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
