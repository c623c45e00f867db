// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Frames. See frame.h.

#include "kernel/aegis/frame.h"

#include "abi/calls.h"
#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/rmap.h"
#include "kernel/aegis/space.h"
#include "kernel/aegis/word.h"
#include "kernel/sal/sal.h"

struct abi_frame *frame_rows;
u64 frame_count;
static u64 epoch;
static pfn_t free_last; // end of the free list
static pfn_t sweep;     // where a search through all frames goes on

#define FRAMES_PER_CALL 512
#define CLEAR_PER_CALL  32u

u64 frame_epoch(void) {
    return epoch;
}

pfn_t *frame_sweep(void) {
    return &sweep;
}

// The free list. Frames that are known to be zero are at its end: who wants zeros takes from there,
// who doesn't care from its beginning.
static void free_list_insert(pfn_t pfn, int zero) {
    struct abi_frame *row = frame_row(pfn);
    pfn_t before = zero ? free_last : 0, after = zero ? 0 : abi_info->free_first;
    row->maps = (u32)before;
    row->next = (u32)after;
    if (before)
        frame_row(before)->next = (u32)pfn;
    else
        abi_info->free_first = pfn;
    if (after)
        frame_row(after)->maps = (u32)pfn;
    else
        free_last = pfn;
    abi_info->free_frames++;
}

static void free_list_remove(pfn_t pfn) {
    struct abi_frame *row = frame_row(pfn);
    if (row->maps)
        frame_row(row->maps)->next = row->next;
    else
        abi_info->free_first = row->next;
    if (row->next)
        frame_row(row->next)->maps = row->maps;
    else
        free_last = row->maps;
    abi_info->free_frames--;
}

// All frames that boot did not take become free, the lowest first in the list; frame 0 is never
// used.
void frame_init(void) {
    frame_count = sal_machine.frames;
    frame_rows = table_create(ABI_TABLE_FRAMES, sizeof(struct abi_frame), frame_count);
    abi_info->frames = frame_count;
}

static void mark(const struct sal_range *range, enum frame_kind kind, account_id owner) {
    for (u64 i = 0; i < range->count; i++) {
        struct abi_frame *row = frame_row(range->first + i);
        row->kind = kind;
        row->owner = owner;
        row->epoch = owner ? ++epoch : 0;
    }
}

// Chains what is still absent of a range of memory into the free list, ascending.
static void free_range(const struct sal_range *range, pfn_t *last) {
    for (pfn_t pfn = range->first; pfn < range->first + range->count; pfn++) {
        struct abi_frame *row = frame_row(pfn);
        if (row->kind != FRAME_ABSENT)
            continue;
        row->kind = FRAME_FREE;
        row->maps = (u32)*last;
        frame_row(*last)->next = (u32)pfn; // frame 0's next is the head
        *last = pfn;
        abi_info->free_frames++;
    }
}

void frame_init_free(void) {
    static struct sal_range taken[SAL_RANGES_MAX];
    const struct sal_range zero = {0, 1};
    u32 taken_count = sal_boot_seal(taken, SAL_RANGES_MAX);
    struct abi_account *first = account_find(account_first());
    pfn_t last = 0;
    mark(&zero, FRAME_KERNEL, 0); // never used
    mark(&sal_machine.kernel, FRAME_KERNEL, 0);
    mark(&sal_machine.module, FRAME_MODULE, first->id);
    for (u32 i = 0; i < taken_count; i++)
        mark(&taken[i], FRAME_KERNEL, 0);
    for (u32 r = 0; r < sal_machine.ram_count; r++)
        free_range(&sal_machine.ram[r], &last);
    abi_info->free_first = frame_row(0)->next;
    free_last = last;
    frame_row(0)->next = 0;
    first->frames = sal_machine.module.count;
    first->quota = sal_machine.module.count + abi_info->free_frames;
}

void frame_copy(pfn_t to, pfn_t from) {
    sal_page_copy(sal_frame(to), sal_frame(from));
}

static int must_clear(const struct abi_frame *row, account_id account, int dirty) {
    return !(row->flags & FRAME_ZERO) && !(dirty && row->owner == account);
}

// Clears frames of a range that are free and are to be; CALL_AGAIN if some are left.
static i64 clear_some(pfn_t first, u64 count, account_id account, int dirty) {
    u32 work = CLEAR_PER_CALL;
    for (u64 i = 0; i < count; i++) {
        struct abi_frame *row = frame_row(first + i);
        if (!must_clear(row, account, dirty))
            continue;
        if (!work--)
            return CALL_AGAIN;
        sal_page_clear(sal_frame(first + i));
        row->flags |= FRAME_ZERO;
    }
    return 0;
}

// It is on no list any more, and its contents are as they should be.
static inline void frame_make(struct abi_frame *row, account_id account, enum frame_kind kind,
                              u32 flags) {
    row->owner = account;
    row->maps = 0;
    row->next = 0;
    row->kind = kind; // pins are none
    row->epoch = ++epoch;
    row->flags = flags;
    row->where = 0;
}

static void frame_own(pfn_t pfn, account_id account, enum frame_kind kind, u32 flags, int dirty) {
    struct abi_frame *row = frame_row(pfn);
    if (must_clear(row, account, dirty))
        sal_page_clear(sal_frame(pfn));
    frame_make(row, account, kind, flags);
}

pfn_t frame_take_for(struct abi_account *account, enum frame_kind kind, u32 flags, int dirty) {
    pfn_t pfn =
        dirty || !(frame_row(free_last)->flags & FRAME_ZERO) ? abi_info->free_first : free_last;
    if (!pfn || account->frames >= account->quota)
        return 0;
    account->frames++;
    free_list_remove(pfn);
    frame_own(pfn, account->id, kind, flags, dirty);
    return pfn;
}

i64 frame_take(account_id account, enum frame_kind kind, u32 flags, int dirty, pfn_t *pfn) {
    *pfn = frame_take_for(account_find(account), kind, flags, dirty);
    return *pfn ? 0 : -E_NOMEM;
}

i64 frame_take_named(account_id account, pfn_t pfn, u32 flags, int dirty) {
    if (frame_row(pfn)->kind != FRAME_FREE)
        return -E_BUSY;
    i64 error = account_charge(account, 1);
    if (error)
        return error;
    free_list_remove(pfn);
    frame_own(pfn, account, FRAME_USER, flags, dirty);
    return 0;
}

static void give(pfn_t pfn, u32 flags) {
    struct abi_frame *row = frame_row(pfn);
    ASSERT(row->kind != FRAME_FREE && !row->pins);
    if (row->waiters)
        word_lost(pfn);
    account_row(row->owner)->frames--;
    if (row->kind == FRAME_ENV || row->kind == FRAME_EXT || row->kind == FRAME_TRACE)
        row->owner = 0; // what it holds is the kernel's: dirty for nobody
    else if (row->kind == FRAME_LOST)
        rmap_forget(pfn);
    row->kind = FRAME_FREE;
    row->flags = flags;
    free_list_insert(pfn, flags & FRAME_ZERO);
}

void frame_give(pfn_t pfn) {
    give(pfn, 0);
}

void frame_give_zero(pfn_t pfn) {
    give(pfn, FRAME_ZERO);
}

void frame_give_plain(const pfn_t *pfn, u32 count) {
    pfn_t first = abi_info->free_first, last = count ? pfn[0] : 0;
    if (!count)
        return;
    account_row(frame_row(last)->owner)->frames -= count;
    for (const pfn_t *end = pfn + count; pfn < end; pfn++) {
        struct abi_frame *row = frame_row(*pfn);
        ASSERT(row->kind != FRAME_FREE && !row->pins);
        if (__builtin_expect(row->waiters != 0, 0))
            word_lost(*pfn);
        row->kind = FRAME_FREE;
        row->flags = 0;
        row->next = (u32)first;
        if (first)
            frame_row(first)->maps = (u32)*pfn;
        first = *pfn;
    }
    frame_row(first)->maps = 0;
    if (!frame_row(last)->next)
        free_last = last;
    abi_info->free_first = first;
    abi_info->free_frames += count;
}

void frame_give_run(pfn_t first, u64 count) {
    pfn_t after = abi_info->free_first, last = first + count - 1;
    struct abi_frame *row = frame_row(first);
    account_row(row->owner)->frames -= count;
    for (pfn_t pfn = first; pfn <= last; pfn++, row++) {
        ASSERT(row->kind != FRAME_FREE && !row->pins);
        if (__builtin_expect(row->waiters != 0, 0))
            word_lost(pfn);
        row->kind = FRAME_FREE;
        row->flags = 0;
        row->maps = (u32)pfn - 1;
        row->next = (u32)pfn + 1;
    }
    frame_row(first)->maps = 0;
    frame_row(last)->next = (u32)after;
    if (after)
        frame_row(after)->maps = (u32)last;
    else
        free_last = last;
    abi_info->free_first = first;
    abi_info->free_frames += count;
}

// Gives back what an account without envs and spaces still owns, some at a time. A frame that
// another account's space maps goes with its last mapping; until then the account's parent pays for
// it.
i64 frame_give_all(account_id id) {
    struct abi_account *account = account_find(id);
    for (u32 work = 0; account->frames && work < 2048; work++) {
        sweep = sweep + 1 < frame_count ? sweep + 1 : 1;
        struct abi_frame *row = frame_row(sweep);
        if (row->owner != id || !frame_is_program(row))
            continue;
        if (!row->maps && !row->pins) {
            frame_give(sweep);
            continue;
        }
        struct abi_account *parent = account_find(account->parent);
        row->owner = parent->id;
        row->flags |= FRAME_AUTO;
        account->frames--;
        account->quota--;
        parent->frames++;
        parent->quota++;
    }
    return account->frames ? -E_AGAIN : 0;
}

i64 frame_check_range(pfn_t first, u64 count) {
    if (!count || count > FRAMES_PER_CALL || first >= frame_count || frame_count - first < count)
        return -E_RANGE;
    return 0;
}

i64 frame_check_covered(const struct cap *cap, pfn_t first, u64 count) {
    // What it covers without a closer look.
    account_id owner = cap->type == CAP_ACCOUNT ? cap->object : cap->owner;
    u64 until = cap->type == CAP_ACCOUNT ? ~0ul : cap->epoch;
    if (cap->type == CAP_FRAMES &&
        (first < cap->object || first - cap->object + count > cap->count))
        until = 0;
    const struct abi_frame *row = frame_row(first);
    for (const struct abi_frame *end = row + count; row < end; row++) {
        if (!frame_is_program(row))
            return -E_STALE;
        if (row->owner == owner && row->epoch <= until)
            continue;
        if (!cap_names_frame(cap, first + count - (u64)(end - row)))
            return -E_RIGHTS;
        owner = row->owner; // of an account below, like those that follow
    }
    return 0;
}

i64 sys_frame_alloc(u64 cap, account_id id, pfn_t first, u64 count, u64 flags) {
    struct abi_account *account;
    i64 error = cap_quick_account(cap, id, CAP_RIGHT_ALLOC, &account);
    if (error)
        return error;
    if (flags & ~(u64)(FRAME_ALLOC_DIRTY | FRAME_ALLOC_AUTO))
        return -E_INVAL;
    u32 row_flags = flags & FRAME_ALLOC_AUTO ? FRAME_AUTO : 0;
    int dirty = !!(flags & FRAME_ALLOC_DIRTY);
    if (first == ABI_ANY) {
        if (count != 1)
            return -E_INVAL;
        error = frame_take(id, FRAME_USER, row_flags, dirty, &first);
        return error ? error : (i64)first;
    }
    error = frame_check_range(first, count);
    if (error)
        return error;
    u64 clear = 0; // frames from the first that must be cleared on
    const struct abi_frame *row = frame_row(first);
    for (u64 left = count; left; left--, row++) {
        if (row->kind != FRAME_FREE)
            return -E_BUSY;
        if (!clear && must_clear(row, id, dirty))
            clear = left;
    }
    if (account->quota - account->frames < count)
        return -E_NOMEM;
    error = clear ? clear_some(first + count - clear, clear, id, dirty) : 0;
    if (clear && count > CLEAR_PER_CALL)
        error = CALL_AGAIN;
    if (error)
        return error;
    account->frames += count;
    for (u64 i = 0; i < count; i++) {
        free_list_remove(first + i);
        frame_make(frame_row(first + i), id, FRAME_USER, row_flags);
    }
    return (i64)first;
}

// How many frames from one on are like it: nothing uses them, and their account is its.
static u64 like(pfn_t first, u64 count) {
    const struct abi_frame *row = frame_row(first);
    const account_id owner = row->owner;
    u64 i = 0;
    for (; i < count && frame_is_plain(row, 0) && row->owner == owner; i++)
        row++;
    return i;
}

i64 sys_frame_free(u64 slot, pfn_t first, u64 count) {
    const struct cap *cap;
    i64 error = cap_check_frames(slot, CAP_RIGHT_DESTROY, &cap);
    if (error)
        return error;
    error = frame_check_range(first, count);
    if (!error)
        error = frame_check_covered(cap, first, count);
    for (u64 i = 0; !error && i < count; i++)
        if (frame_row(first + i)->maps || frame_row(first + i)->pins)
            error = -E_BUSY;
    u64 piece = count < FRAMES_PER_PIECE ? count : FRAMES_PER_PIECE;
    for (u64 i = 0; !error && i < piece;) {
        u64 same = like(first + i, piece - i);
        if (same)
            frame_give_run(first + i, same);
        else
            frame_give(first + i);
        i += same ? same : 1;
    }
    return !error && piece < count ? CALL_AGAIN : error;
}
