// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Reverse maps: searching and breaking. See rmap.h.

#include "kernel/aegis/rmap.h"

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/cap.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/large.h"
#include "kernel/aegis/revoke.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/aegis/trace.h"
#include "kernel/aegis/word.h"
#include "kernel/sal/sal.h"

#define WORK_LEAF     32 // looking at one, beside its entries
#define WORK_ENVS     256
#define WORK_ONLY     14 // the only entry
#define WORK_ROWS     4  // eight rows of spaces
#define WORK_SLOT     3  // one that is not gone through
#define ENVS_PER_CALL 512

#define NAMES (ABI_PTE_FRAME_MASK | ABI_PTE_P) // bits by which an entry is recognised

// A row's cursor: address and row of a space, or with this bit the row of an env.
#define CURSOR_ENVS (1ul << 63)

u32 rmap_lost;

u64 *rmap_only(pfn_t pfn) {
    const struct abi_frame *row = frame_row(pfn);
    if (row->maps != 1 || !row->entry)
        return 0;
    u64 *entry = (u64 *)row->entry;
    if (frame_row(sal_phys(entry) >> ABI_PAGE_SHIFT)->kind != FRAME_TABLE)
        return 0;
    return ((*entry ^ (pfn << ABI_PAGE_SHIFT | ABI_PTE_P)) & (NAMES | ABI_PTE_PS)) ? 0 : entry;
}

void rmap_forget(pfn_t pfn) {
    frame_row(pfn)->kind = FRAME_USER;
    rmap_lost--;
}

// --- searching -----------------------------------------------------------------------------------

struct search {
    struct abi_frame *row;
    u64 want;   // what an entry is that names the frame, in NAMES
    u64 from;   // where in the space to begin
    u64 number; // of the search; 0: tables that were gone through are gone through again
    i64 work;   // left
    int marked; // the space may map it by itself; otherwise only by tables that it shares
    int stopped;
};

// From i on, the first entry that names a frame, or n.
static inline u32 find_name(const u64 *table, u32 i, u32 n, u64 want) {
    for (; i + 4 <= n; i += 4) {
        if (!((table[i] ^ want) & NAMES))
            return i;
        if (!((table[i + 1] ^ want) & NAMES))
            return i + 1;
        if (!((table[i + 2] ^ want) & NAMES))
            return i + 2;
        if (!((table[i + 3] ^ want) & NAMES))
            return i + 3;
    }
    while (i < n && (table[i] ^ want) & NAMES)
        i++;
    return i;
}

static void search_leaf(struct search *search, pfn_t leaf, u64 va) {
    u64 *table = sal_frame(leaf);
    struct used used = table_used(leaf);
    const u64 want = search->want;
    u32 found = 0, low = 0, high = 0;
    for (u32 i = used.at; (i = find_name(table, i, used.end, want)) < used.end; high = i - 1) {
        u32 first = i;
        low = found ? low : i;
        for (; i < used.end && !((table[i] ^ want) & NAMES); i++)
            table[i] = 0;
        found += i - first;
    }
    search->work -= WORK_LEAF + (used.end - used.at) / 3 + found / 2;
    if (!found)
        return;
    tlb_flush_table(leaf, va + ((u64)low << ABI_PAGE_SHIFT), high - low + 1);
    search->row->maps -= found;
}

// A large mapping that has the frame: all 512 lose it.
static void search_large(struct search *search, pfn_t table, u64 *entry, u64 va) {
    u64 old = *entry;
    pfn_t first = ABI_PTE_FRAME(old), pfn = search->want >> ABI_PAGE_SHIFT;
    if (pfn - first >= LARGE_PAGES)
        return;
    *entry = 0;
    tlb_flush_table(table, va, LARGE_PAGES);
    search->row->maps++; // this one stays until the search ends
    large_unmap(old);
    search->row->maps--;
    search->work -= (i64)LARGE_PAGES;
}

// Tables that spaces share are gone through once in a search: the row of the uppermost then has the
// search's number as its epoch.
#define NUMBER (1ul << 63) // no epoch has it
static u32 searches;

static int is_done(const struct search *search, u64 slot) {
    return search->number && slot & SLOT_SHARED &&
           frame_row(ABI_PTE_FRAME(slot))->epoch == search->number;
}

// The part of a tree below a table whose entries stand for 2^shift bytes, from search->from on.
static void search_table(struct search *search, pfn_t pfn, u32 shift, u64 base) {
    u64 *table = sal_frame(pfn);
    struct used used = table_used(pfn);
    u64 first = search->from > base ? (search->from - base) >> shift : 0;
    u32 end = shift == SLOT_SHIFT && used.end > 256 ? 256 : used.end;
    u32 i = first < used.at ? used.at : (u32)first;
    search->work -= i < end ? (end - i) / 16 : 0;
    for (; (i = table_next(table, i, end)) < end && search->row->maps; i++) {
        u64 va = base + ((u64)i << shift);
        if (search->work <= 0) {
            search->from = va;
            search->stopped = 1;
            return;
        }
        search->work--;
        if (shift == SLOT_SHIFT &&
            ((!search->marked && !(table[i] & SLOT_SHARED)) || is_done(search, table[i]))) {
            search->work -= WORK_SLOT;
            continue;
        }
        if (shift == 21 && !(search->row->where >> (va >> 21 & 31) & 1))
            continue;
        if (table[i] & ABI_PTE_PS && shift == 30) {
            if ((search->want >> ABI_PAGE_SHIFT) - ABI_PTE_FRAME(table[i]) >= GIGA_PAGES)
                continue;
            large_split_giga(&table[i]);
            search->work -= LARGE_PAGES / 4;
        } else if (table[i] & ABI_PTE_PS) {
            search_large(search, pfn, &table[i], va);
            continue;
        }
        if (shift == 21) {
            search_leaf(search, ABI_PTE_FRAME(table[i]), va);
            continue;
        }
        search_table(search, ABI_PTE_FRAME(table[i]), shift - 9, va);
        if (search->stopped)
            return;
        if (shift == SLOT_SHIFT && table[i] & SLOT_SHARED && search->number)
            frame_row(ABI_PTE_FRAME(table[i]))->epoch = search->number;
    }
}

// All spaces from *index on, until nothing maps the frame or the work is done.
static void search_spaces(struct search *search, u32 *index) {
    u32 count = abi_info->table[ABI_TABLE_SPACES].count;
    for (; *index < count && search->row->maps; ++*index, search->from = 0) {
        const struct abi_space *space = space_find_row(*index);
        if (*index % 8 == 0 && (search->work -= WORK_ROWS) <= 0) {
            search->stopped = 1;
            return;
        }
        if (!space)
            continue;
        search->marked = !!(space->mark & search->row->where);
        search_table(search, space->root, SLOT_SHIFT, 0);
        if (search->stopped)
            return;
    }
}

// A search that was interrupted goes on where it was. What is left then, because spaces have been
// moved about behind it, or numbers begin anew, is found from the beginning. A frame that is not
// free has its next for the number.
static int break_maps(pfn_t pfn, i64 *work) {
    struct abi_frame *row = frame_row(pfn);
    struct search search = {row, pfn << ABI_PAGE_SHIFT | ABI_PTE_P, 0, 0, *work, 0, 0};
    u32 index = 1, again = row->kind == FRAME_LOST;
    u64 *only = rmap_only(pfn);
    if (only) {
        pfn_t leaf = sal_phys(only) >> ABI_PAGE_SHIFT;
        u64 at = ((u64)only & (ABI_PAGE - 1)) / sizeof(u64);
        *only = 0;
        tlb_flush_table(leaf, frame_row(leaf)->where + (at << ABI_PAGE_SHIFT), 1);
        row->maps = 0;
        *work -= WORK_ONLY;
        return 1;
    }
    if (again && !(row->cursor & CURSOR_ENVS)) {
        index = ABI_INDEX(row->cursor);
        search.from = row->cursor - index;
    } else {
        row->next = ++searches;
    }
    search.number = row->next ? NUMBER | row->next : 0;
    search_spaces(&search, &index);
    if (!search.stopped && row->maps) {
        index = 1;
        row->next = 0;
        search.number = search.from = 0;
        search_spaces(&search, &index);
    }
    ASSERT(search.stopped || !row->maps);
    *work = search.work;
    row->cursor = search.from | index;
    return !row->maps;
}

// --- upcall stacks -------------------------------------------------------------------------------

static int break_pins(pfn_t pfn, i64 *work) {
    struct abi_frame *row = frame_row(pfn);
    int again = row->kind == FRAME_LOST && row->cursor & CURSOR_ENVS;
    u32 count = abi_info->table[ABI_TABLE_ENVS].count, index = again ? ABI_INDEX(row->cursor) : 1;
    u32 end = count - index < ENVS_PER_CALL ? count : index + ENVS_PER_CALL;
    *work -= WORK_ENVS;
    row->pins++; // so that it is not freed meanwhile
    for (; index < end && row->pins > row->dma + 1u; index++) {
        struct env *env = env_at(index);
        if (env)
            trace_lose(env, pfn);
        if (env && !env_lose_stack(env, pfn))
            break;
    }
    if (index == count && row->pins > row->dma + 1u)
        revoke_drop_vector(row->owner);
    row->pins--;
    row->cursor = index | CURSOR_ENVS;
    return row->pins == row->dma;
}

int rmap_break(pfn_t pfn, i64 *work) {
    struct abi_frame *row = frame_row(pfn);
    if (row->flags & FRAME_TAKEN)
        return 1;
    int lost = row->kind == FRAME_LOST;
    int done = !row->maps || break_maps(pfn, work);
    if (done && row->pins > row->dma)
        done = break_pins(pfn, work);
    if (done && lost)
        rmap_forget(pfn);
    if (!done && !lost) {
        row->kind = FRAME_LOST;
        rmap_lost++;
    }
    if (done)
        row->where = 0;
    if (done && row->waiters)
        word_lost(pfn);
    return done;
}

// --- the call ------------------------------------------------------------------------------------

// How many frames one call begins with, and the work that must be left for another one.
#define FRAMES_PER_CALL 64
#define WORK_LEAST      256

i64 sys_frame_revoke(u64 slot, pfn_t first, u64 count) {
    const struct cap *cap;
    i64 error = cap_check_frames(slot, CAP_RIGHT_DESTROY, &cap);
    if (!error)
        error = frame_check_range(first, count);
    if (error)
        return error;
    count = count < FRAMES_PER_CALL ? count : FRAMES_PER_CALL;
    for (u64 i = 0; i < count; i++) {
        if (!frame_is_program(frame_row(first + i)))
            return -E_STALE;
        if (!cap_names_frame(cap, first + i))
            return -E_RIGHTS;
    }
    i64 work = RMAP_WORK;
    u64 done = 0;
    for (; done < count && (work > WORK_LEAST || !done); done++, work--) {
        const struct abi_frame *row = frame_row(first + done);
        if (!rmap_break(first + done, &work))
            break;
        if (row->flags & FRAME_AUTO && !row->pins)
            frame_give(first + done);
    }
    return done ? (i64)done : -E_AGAIN;
}
