// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Spaces: their making and undoing, the page-table walk, and copies to and from user memory. The
// range operations are in range.c. See space.h.

#include "kernel/aegis/space.h"

#include "abi/calls.h"
#include "abi/pte.h"
#include "base/string.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/large.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/sal/sal.h"

static struct object_table spaces;
struct abi_space *space_rows;

#define TEAR_PER_CALL 8  // tables
#define LOOKS_MAX     16 // into tables, for the next leaf

void space_init(u32 count) {
    object_table_init(&spaces, ABI_TABLE_SPACES, sizeof(struct abi_space), count);
    space_rows = (struct abi_space *)spaces.rows;
}

struct abi_space *space_find(space_id id) {
    return object_find(&spaces, id);
}

struct abi_space *space_find_row(u32 index) {
    struct abi_space *row = (struct abi_space *)(spaces.rows + (u64)index * spaces.stride);
    return row->id ? row : 0;
}

i64 space_make(account_id account, struct abi_space **space) {
    space_id id;
    pfn_t root;
    i64 error = object_take(&spaces, &id);
    if (error)
        return error;
    error = frame_take(account, FRAME_TABLE, 0, 0, &root);
    if (error) {
        object_release(&spaces, id);
        return error;
    }
    sal_space_init(root);
    *space = object_row(&spaces, id);
    (*space)->account = account;
    (*space)->root = root;
    (*space)->tables = 1;
    (*space)->mark = 1ul << (32 + (ABI_INDEX(id) & 31));
    account_find(account)->spaces++;
    return 0;
}

// --- walking -------------------------------------------------------------------------------------

#define TABLE_LINK (ABI_PTE_P | ABI_PTE_W | ABI_PTE_U)

static u64 *table_at(u64 entry) {
    return sal_virt(entry & ABI_PTE_FRAME_MASK);
}

struct abi_space *space_current(void) {
    return space_find(sched_current()->row->space);
}

u64 *space_entry(const struct abi_space *space, u64 va) {
    u64 end;
    return space_walk(space, va, &end);
}

// A table more or, by -1, less below an entry of the top-level table.
static void slot_count(struct abi_space *space, u64 slot, u32 tables) {
    frame_row(ABI_PTE_FRAME(slot))->cursor += (u64)(i64)(i32)tables;
    space->tables += slot & SLOT_SHARED ? 0 : tables;
}

// Makes sure that the entry for va of an upper table, below a slot of the top-level one, names a
// table.
static i64 table_make(struct abi_space *space, u64 *table, u64 va, u32 shift, u64 slot) {
    u32 index = va >> shift & 511;
    pfn_t pfn;
    if (table[index] & ABI_PTE_P)
        return table[index] & ABI_PTE_PS ? -E_EXIST : 0;
    i64 error = frame_take(space->account, FRAME_TABLE, 0, 0, &pfn);
    if (error)
        return error;
    table[index] = pfn << ABI_PAGE_SHIFT | TABLE_LINK;
    frame_row(pfn)->where = va >> shift << shift;
    frame_row(pfn)->entry = 0; // large.h
    if (shift == SLOT_SHIFT)
        frame_row(pfn)->cursor = 0;
    slot_count(space, shift == SLOT_SHIFT ? table[index] | (slot & SLOT_SHARED) : slot, 1);
    table_note(table, index, index);
    return 0;
}

void space_table_begin(struct abi_space *space, pfn_t pfn, u64 va, u32 shift) {
    frame_row(pfn)->where = va >> shift << shift;
    frame_row(pfn)->entry = 0;
    slot_count(space, *space_slot(space, va), 1);
}

void space_table_end(struct abi_space *space, pfn_t pfn, u64 va) {
    u64 slot = *space_slot(space, va); // 0 if it was the slot's own
    if (slot)
        slot_count(space, slot, -1u);
    else
        space->tables--;
    frame_give_zero(pfn);
}

// Goes down to the table whose entries stand for 2^stop bytes, which is made if need be.
static i64 tables_make(struct abi_space *space, u64 va, u32 stop, u64 **result) {
    u64 *table = sal_frame(space->root);
    for (u32 shift = SLOT_SHIFT; shift > stop; shift -= 9) {
        i64 error = table_make(space, table, va, shift, *space_slot(space, va));
        if (error)
            return error;
        table = table_at(table[va >> shift & 511]);
    }
    *result = &table[va >> stop & 511];
    return 0;
}

i64 space_entry_make(struct abi_space *space, u64 va, u64 **result) {
    i64 error = tables_make(space, va, ABI_PAGE_SHIFT, result);
    u32 index = va >> ABI_PAGE_SHIFT & 511;
    if (!error)
        table_note(*result - index, index, index);
    return error;
}

i64 space_upper_make(struct abi_space *space, u64 va, u64 **result) {
    return tables_make(space, va, 21, result);
}

// Goes down from the top again whenever a table has nothing more.
pfn_t space_leaf_after(const struct abi_space *space, u64 *va) {
    pfn_t pfn = space->root;
    for (u32 shift = SLOT_SHIFT, looks = 0; shift > ABI_PAGE_SHIFT && looks < LOOKS_MAX; looks++) {
        const u64 *table = sal_frame(pfn);
        struct used used = table_used(pfn);
        u32 from = *va >> shift & 511, end = shift == SLOT_SHIFT && used.end > 256 ? 256 : used.end;
        u32 i = (u32)table_next(table, from > used.at ? from : used.at, end);
        if (i >= end && shift == SLOT_SHIFT) {
            *va = ABI_USER_END;
            return 0;
        }
        if (i < end && i > from)
            *va = ((*va >> shift) + i - from) << shift;
        if (i < end && !(table[i] & ABI_PTE_PS)) {
            pfn = ABI_PTE_FRAME(table[i]);
            shift -= 9;
            if (shift == ABI_PAGE_SHIFT)
                return pfn;
            continue;
        }
        u32 up = i >= end ? shift + 9 : shift;
        *va = ((*va >> up) + 1) << up;
        pfn = space->root;
        shift = SLOT_SHIFT;
        if (*va >= ABI_USER_END) {
            *va = ABI_USER_END;
            return 0;
        }
    }
    return 0;
}

i64 space_check_range(u64 va, u64 pages) {
    if (va & (ABI_PAGE - 1))
        return -E_ALIGN;
    if (va >= ABI_USER_END || pages > ABI_RANGE_PAGES ||
        (ABI_USER_END - va) >> ABI_PAGE_SHIFT < pages)
        return -E_RANGE;
    return 0;
}

// --- undoing -------------------------------------------------------------------------------------

void frame_unmap(pfn_t pfn) {
    struct abi_frame *row = frame_row(pfn);
    if (--row->maps)
        return;
    row->where = 0;
    if (row->flags & FRAME_AUTO && !row->pins)
        frame_give(pfn);
}

// All entries that were present are zero afterwards, and the others always were.
static void tear_leaf_table(u64 *table, struct used used) {
    struct abi_frame *rows = frame_row(0);
    for (u64 *at = table + used.at, *end = table + used.end; at < end; at++) {
        u64 entry = *at;
        if (!(entry & ABI_PTE_P))
            continue;
        *at = 0;
        struct abi_frame *row = &rows[ABI_PTE_FRAME(entry)];
        if (--row->maps == 0 && row->flags & FRAME_AUTO && !row->pins)
            frame_give(ABI_PTE_FRAME(entry));
    }
}

// Frees up to *budget tables below an entry; the entry is cleared when nothing is left below it.
static void tear_below(u32 *tables, u64 *entry, u32 level, u32 *budget) {
    u64 *table = table_at(*entry);
    struct used used = table_used(ABI_PTE_FRAME(*entry));
    if (level == 1) {
        tear_leaf_table(table, used);
    } else {
        for (u64 i = used.at; (i = table_next(table, i, used.end)) < used.end; i++) {
            if (!*budget)
                return;
            if (table[i] & ABI_PTE_PS && level == 3) {
                large_split_giga(&table[i]);
            } else if (table[i] & ABI_PTE_PS) {
                large_unmap(table[i]);
                table[i] = 0;
                --*budget;
                continue;
            }
            tear_below(tables, &table[i], level - 1, budget);
            if (table[i])
                return; // out of budget
        }
    }
    frame_give_zero(ABI_PTE_FRAME(*entry));
    --*tables;
    *entry = 0;
    if (*budget)
        (*budget)--;
}

// Undoes what is below an entry of the top-level table, or, if others share it, leaves that to
// them.
static void tear_slot(struct abi_space *space, u64 *slot, u32 *budget) {
    struct abi_frame *row = frame_row(ABI_PTE_FRAME(*slot));
    u32 uncounted = 0, *tables = *slot & SLOT_SHARED ? &uncounted : &space->tables;
    u32 before = *tables;
    if (*slot & SLOT_SHARED && row->maps && --row->maps) {
        *slot = 0;
        return;
    }
    tear_below(tables, slot, 3, budget); // of a shared one maps stays 0 until it is done
    if (*slot)
        row->cursor -= before - *tables;
}

i64 space_tear(struct abi_space *space) {
    u32 budget = TEAR_PER_CALL;
    u64 *root = sal_frame(space->root);
    struct used used = table_used(space->root);
    used.end = used.end < 256 ? used.end : 256;
    for (u64 i = used.at; (i = table_next(root, i, used.end)) < used.end; i++) {
        if (!budget)
            return -E_AGAIN;
        tear_slot(space, &root[i], &budget);
        if (root[i] & ABI_PTE_P)
            return -E_AGAIN;
    }
    sal_space_end(space->root);
    frame_give_zero(space->root);
    account_find(space->account)->spaces--;
    object_release(&spaces, space->id);
    return 0;
}

// --- copies --------------------------------------------------------------------------------------

void *space_memory(u64 va, u64 bits) {
    return space_memory_in(space_find(sched_current()->row->space), va, bits);
}

void *space_memory_in(const struct abi_space *space, u64 va, u64 bits) {
    u64 bytes;
    const u64 *entry = space_entry(space, va), *large = entry ? 0 : large_entry(space, va, &bytes);
    bits |= ABI_PTE_P | ABI_PTE_U;
    if (large && (*large & bits) == bits)
        return (u8 *)sal_frame(ABI_PTE_FRAME(*large)) + (va & (bytes - 1));
    if (!entry || (*entry & bits) != bits)
        return 0;
    return (u8 *)sal_frame(ABI_PTE_FRAME(*entry)) + (va & (ABI_PAGE - 1));
}

static i64 user_copy(u64 va, void *kernel, u64 bytes, int out) {
    if (va >= ABI_USER_END || ABI_USER_END - va < bytes)
        return -E_RANGE;
    while (bytes) {
        u64 part = ABI_PAGE - (va & (ABI_PAGE - 1));
        part = part < bytes ? part : bytes;
        void *user = space_memory(va, out ? ABI_PTE_W : 0);
        if (!user)
            return -E_FAULT;
        if (out)
            memcpy(user, kernel, part);
        else
            memcpy(kernel, user, part);
        va += part;
        kernel = (u8 *)kernel + part;
        bytes -= part;
    }
    return 0;
}

i64 space_copy_in(void *to, u64 va, u64 bytes) {
    return user_copy(va, to, bytes, 0);
}

i64 space_copy_out(u64 va, const void *from, u64 bytes) {
    return user_copy(va, (void *)from, bytes, 1);
}

// --- calls ---------------------------------------------------------------------------------------

i64 sys_space_create(u64 cap, account_id id) {
    struct abi_account *account;
    struct abi_space *space;
    i64 error = cap_quick_account(cap, id, CAP_RIGHT_ALLOC, &account);
    if (!error && account->spaces >= account->env_quota)
        error = -E_FULL;
    if (!error)
        error = space_make(id, &space);
    return error ? error : (i64)space->id;
}

i64 sys_space_share(u64 caps, space_id to_id, space_id from_id, u64 va) {
    struct abi_space *to, *from;
    i64 error = cap_check_space((u32)caps, to_id, CAP_RIGHT_MAP, &to);
    if (!error)
        error = cap_check_space(caps >> 32, from_id, CAP_RIGHT_MAP, &from);
    if (error)
        return error;
    if (va & ((1ul << SLOT_SHIFT) - 1))
        return -E_ALIGN;
    if (va >= ABI_USER_END)
        return -E_RANGE;
    if (to == from)
        return -E_INVAL;
    if (to->account != from->account)
        return -E_RIGHTS;
    u64 *target = space_slot(to, va), *source = space_slot(from, va);
    u32 index = (u32)(va >> SLOT_SHIFT);
    if (*target & ABI_PTE_P)
        return -E_EXIST;
    int counted = (*source & (ABI_PTE_P | SLOT_SHARED)) == ABI_PTE_P;
    error = table_make(from, sal_frame(from->root), va, SLOT_SHIFT, SLOT_SHARED);
    if (error)
        return error;
    if (counted)
        from->tables -= (u32)frame_row(ABI_PTE_FRAME(*source))->cursor;
    struct abi_frame *row = frame_row(ABI_PTE_FRAME(*source));
    row->maps += *source & SLOT_SHARED && row->maps ? 1 : 2; // none: it is being torn down
    *source |= SLOT_SHARED;
    *target = *source;
    table_note(sal_frame(to->root), index, index);
    return 0;
}

i64 sys_space_destroy(u64 cap, space_id id) {
    struct abi_space *space;
    i64 error = cap_check_space(cap, id, CAP_RIGHT_DESTROY, &space);
    if (error)
        return error;
    if (space->envs)
        return -E_BUSY;
    return space_tear(space);
}
