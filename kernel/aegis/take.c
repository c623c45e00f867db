// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Taking by force what an account did not give back. See revoke.h.
//
// Frames that are mapped once, in the same table, are unmapped together and cost one flush. Any
// frames are those that the program offered, then what its spaces map, in the order of addresses,
// then what is found going round the frame table, at last such as an env's upcall stack is in.

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/revoke_priv.h"
#include "kernel/aegis/rmap.h"
#include "kernel/aegis/sched_priv.h"
#include "kernel/aegis/space_priv.h"
#include "kernel/aegis/trace.h"
#include "kernel/sal/sal.h"

// What one call may do, in units of some hundred instructions.
#define WORK_PER_CALL 128
#define WORK_COPY     8
#define WORK_SEARCH   5 // of rmap_break in one of these
#define ROWS_PER_CALL 1024
#define BATCH         64
#define GRAIN         (1ul << 21) // of a leaf table

struct taking {
    struct abi_account *account, *to, *parent;
    struct revoke *revoke;
    u64 now;
    i64 taken;
    i64 work;   // left
    u32 losses; // recorded, or to be
    int full;   // the vector has no free entry
    // Unmapped, not yet flushed: all in one table.
    u32 count;
    pfn_t leaf; // 0: none was mapped
    u64 low, high;
    pfn_t pfn[BATCH];
};

// --- recording -----------------------------------------------------------------------------------

static struct loss *loss_free(struct taking *taking) {
    struct revoke *revoke = taking->revoke;
    u32 count = (u32)(revoke->pages * LOSSES_PER_PAGE);
    for (u32 i = 0; !taking->full && i < count; i++) {
        if (revoke->next >= count)
            revoke->next = 0;
        struct loss *loss = revoke_entry(revoke, revoke->next++);
        if (*(volatile u32 *)&loss->state == LOSS_FREE)
            return loss;
    }
    taking->full = 1;
    return 0;
}

static void record(struct taking *taking, struct loss *loss, enum loss_state state, u64 what,
                   pfn_t to) {
    taking->losses++;
    if (!loss)
        loss = loss_free(taking);
    if (!loss) {
        taking->account->unrecorded++;
        return;
    }
    loss->what = what;
    loss->to = to;
    loss->when = taking->now;
    __atomic_store_n(&loss->state, state, __ATOMIC_RELEASE);
}

// --- giving away ---------------------------------------------------------------------------------

// Frames that nothing maps or pins leave the account.
static void give_away(struct taking *taking, const pfn_t *pfn, u32 count) {
    frame_give_plain(pfn, count);
    for (u32 i = 0; taking->to && i < count; i++) {
        i64 error = frame_take_named(taking->to->id, pfn[i], 0, 0);
        ASSERT(!error);
        taking->work -= WORK_COPY;
    }
    if (taking->parent) {
        taking->account->quota -= count;
        taking->parent->quota += count;
        taking->account->wanted -= count;
    }
    taking->account->taken += count;
    taking->taken += count;
    taking->work -= count;
}

static void batch_end(struct taking *taking) {
    if (taking->leaf)
        tlb_flush_table(taking->leaf, taking->low,
                        ((taking->high - taking->low) >> ABI_PAGE_SHIFT) + 1);
    taking->leaf = 0;
    for (u32 i = 0; i < taking->count; i++) {
        frame_row(taking->pfn[i])->maps = 0;
        record(taking, 0, LOSS_FRAME, taking->pfn[i], 0);
    }
    u32 count = taking->count;
    taking->count = 0;
    give_away(taking, taking->pfn, count);
}

// Unmaps a frame that is not pinned, and mapped by no more than the entry.
static void batch_add(struct taking *taking, pfn_t pfn, u64 *entry) {
    pfn_t leaf = entry ? sal_phys(entry) >> ABI_PAGE_SHIFT : 0;
    if (taking->count == BATCH || (leaf && taking->leaf && leaf != taking->leaf))
        batch_end(taking);
    taking->pfn[taking->count++] = pfn;
    if (!leaf)
        return;
    u64 at = ((u64)entry & (ABI_PAGE - 1)) / sizeof(u64);
    u64 va = frame_row(leaf)->where + (at << ABI_PAGE_SHIFT);
    *entry = 0;
    taking->low = taking->leaf && taking->low < va ? taking->low : va;
    taking->high = taking->leaf && taking->high > va ? taking->high : va;
    taking->leaf = leaf;
}

// --- one frame -----------------------------------------------------------------------------------

static int is_takable(const struct taking *taking, const struct abi_frame *row) {
    return row->owner == taking->account->id && frame_is_program(row) &&
           !(row->flags & FRAME_TAKEN);
}

// Whether the account would not fall below its minimum.
static int may_lose(const struct taking *taking) {
    return taking->account->frames - taking->count > taking->account->minimum;
}

// The destination that the program named for the contents, if it may be one.
static pfn_t destination(const struct taking *taking, pfn_t pfn, pfn_t to) {
    if (!to || to >= frame_count || to == pfn)
        return 0;
    const struct abi_frame *row = frame_row(to);
    return row->kind == FRAME_USER && row->owner == taking->account->id ? to : 0;
}

// Takes one that takes more than the batch does. Returns 0 if it must be asked for again.
static int take_hard(struct taking *taking, pfn_t pfn, struct loss *loss) {
    struct abi_frame *row = frame_row(pfn);
    batch_end(taking);
    i64 search = taking->work > 0 ? taking->work * WORK_SEARCH : WORK_SEARCH;
    int done = rmap_break(pfn, &search);
    taking->work = done ? search / WORK_SEARCH : 0;
    if (!done)
        return 0;
    if (!taking->revoke->pages)
        loss = 0; // it was the vector itself
    pfn_t to = loss ? destination(taking, pfn, *(volatile pfn_t *)&loss->to) : 0;
    if (to) {
        frame_copy(to, pfn);
        taking->work -= WORK_COPY;
    }
    record(taking, loss, LOSS_FRAME, pfn, to);
    taking->work -= WORK_COPY;
    if (row->pins) { // by frame_pin: a device may still use it
        row->kind = FRAME_LOST;
        rmap_lost++;
        row->flags |= FRAME_TAKEN;
        return 1;
    }
    give_away(taking, &pfn, 1);
    return 1;
}

// Takes a frame that is takable. Returns 0 if it must be asked for again.
static int take_frame(struct taking *taking, pfn_t pfn, struct loss *loss) {
    const struct abi_frame *row = frame_row(pfn);
    u64 *only = row->maps ? rmap_only(pfn) : 0;
    if (loss || row->pins || row->kind == FRAME_LOST || (row->maps && !only))
        return take_hard(taking, pfn, loss);
    batch_add(taking, pfn, only);
    return 1;
}

// --- any frames ----------------------------------------------------------------------------------

static int wants_more(const struct taking *taking) {
    return taking->account->wanted > taking->count && may_lose(taking) &&
           taking->work > (i64)taking->count;
}

static void take_offered(struct taking *taking) {
    struct revoke *revoke = taking->revoke;
    u32 count = (u32)(revoke->pages * LOSSES_PER_PAGE);
    for (; revoke->offered < count && wants_more(taking); revoke->offered++) {
        struct loss *loss = revoke_entry(revoke, revoke->offered);
        pfn_t pfn = *(volatile u64 *)&loss->what;
        if (*(volatile u32 *)&loss->state != LOSS_OFFERED || !pfn || pfn >= frame_count ||
            !is_takable(taking, frame_row(pfn)))
            continue;
        if (!take_frame(taking, pfn, loss))
            return;
        count = (u32)(revoke->pages * LOSSES_PER_PAGE); // it may have been the vector itself
    }
}

// How many more the batch may take.
static u64 batch_room(const struct taking *taking) {
    const struct abi_account *account = taking->account;
    u64 room = BATCH - taking->count, spare = account->frames - account->minimum - taking->count;
    u64 wanted = account->wanted - taking->count, work = (u64)taking->work - taking->count;
    room = room < spare ? room : spare;
    room = room < wanted ? room : wanted;
    return room < work ? room : work;
}

// From an entry of a leaf table on, those that nothing else maps or pins go into the batch. Returns
// where it stopped.
static u32 take_run(struct taking *taking, pfn_t leaf, u64 base, u32 i, u32 end) {
    const u64 plain = FRAME_USER; // kind, and no pins above it
    const account_id owner = taking->account->id;
    u64 *table = sal_frame(leaf), room = batch_room(taking);
    u32 first = end, last = 0;
    for (; i < end && room; i++) {
        if (!(table[i] & ABI_PTE_P))
            continue;
        const struct abi_frame *row = frame_row(ABI_PTE_FRAME(table[i]));
        if (row->owner != owner || row->kind + ((u64)row->pins << 16) != plain || row->maps != 1)
            break;
        taking->pfn[taking->count++] = ABI_PTE_FRAME(table[i]);
        table[i] = 0;
        first = first < i ? first : i;
        last = i;
        room--;
    }
    if (first < end) {
        taking->low = taking->leaf ? taking->low : base + ((u64)first << ABI_PAGE_SHIFT);
        taking->high = base + ((u64)last << ABI_PAGE_SHIFT);
        taking->leaf = leaf;
    }
    return i;
}

// Those that the entries of a leaf table name, from that of va on. Returns 0 if one must be asked
// for again.
static int take_leaf(struct taking *taking, pfn_t leaf, u64 va) {
    const u64 *table = sal_frame(leaf), base = va & ~(GRAIN - 1);
    u32 end = table_used(leaf).end, i = va >> ABI_PAGE_SHIFT & 511;
    batch_end(taking);
    while (i < end && wants_more(taking)) {
        if (taking->count == BATCH)
            batch_end(taking);
        i = take_run(taking, leaf, base, i, end);
        taking->revoke->va = base + ((u64)i << ABI_PAGE_SHIFT);
        if (i == end || !wants_more(taking) || taking->count == BATCH)
            continue;
        pfn_t pfn = ABI_PTE_FRAME(table[i]); // one that is not so plain
        const struct abi_frame *row = frame_row(pfn);
        if (is_takable(taking, row) && !row->pins && !take_hard(taking, pfn, 0))
            return 0;
        i++;
    }
    batch_end(taking);
    return 1;
}

// What the account's spaces map, space after space.
static void take_mapped(struct taking *taking) {
    struct revoke *revoke = taking->revoke;
    u32 count = abi_info->table[ABI_TABLE_SPACES].count;
    for (u32 i = 0; i < ROWS_PER_CALL && revoke->space < count && wants_more(taking); i++) {
        const struct abi_space *space = space_find_row(revoke->space);
        int own = space && space->account == taking->account->id;
        pfn_t leaf = own ? space_leaf_after(space, &revoke->va) : 0;
        i += 64u * (u32)own;
        if (!leaf && own && revoke->va < ABI_USER_END)
            continue; // it goes on there
        if (!leaf) {
            revoke->space++;
            revoke->va = 0;
            continue;
        }
        u64 next = (revoke->va & ~(GRAIN - 1)) + GRAIN;
        if (!take_leaf(taking, leaf, revoke->va) || !wants_more(taking))
            break;
        revoke->va = next;
    }
}

// Goes round the table. Returns whether it has been round twice and found nothing.
static int take_around(struct taking *taking) {
    struct revoke *revoke = taking->revoke;
    pfn_t *cursor = frame_sweep();
    for (u32 i = 0; i < ROWS_PER_CALL && wants_more(taking); i++) {
        pfn_t pfn = *cursor + 1 < frame_count ? *cursor + 1 : 1;
        *cursor = pfn;
        const struct abi_frame *row = frame_row(pfn);
        revoke->seen[REVOKE_FRAMES]++;
        if (!is_takable(taking, row) || (row->pins && revoke->seen[REVOKE_FRAMES] <= frame_count))
            continue;
        u64 seen = row->pins ? frame_count + 1 : 0;
        if (!take_frame(taking, pfn, 0)) {
            *cursor = pfn - 1; // it is next again
            break;
        }
        revoke->seen[REVOKE_FRAMES] = seen;
    }
    return revoke->seen[REVOKE_FRAMES] > 2 * frame_count;
}

static u64 quota_take_spare(struct taking *taking) {
    struct abi_account *account = taking->account;
    u64 keep = account->frames > account->minimum ? account->frames : account->minimum;
    u64 spare = account->quota > keep ? account->quota - keep : 0;
    spare = spare < account->wanted ? spare : account->wanted;
    if (spare < account->wanted && taking->now < account->deadline)
        return ~0ul;
    account->quota -= spare;
    account->wanted -= spare;
    taking->parent->quota += spare;
    return spare;
}

static i64 take_any(struct taking *taking) {
    struct abi_account *account = taking->account;
    taking->parent = account_find(account->parent);
    u64 spare = quota_take_spare(taking);
    if (spare == ~0ul)
        return -E_BUSY;
    int nothing = !account->wanted || !may_lose(taking);
    if (!nothing) {
        take_offered(taking);
        take_mapped(taking);
        nothing =
            taking->revoke->space == abi_info->table[ABI_TABLE_SPACES].count && take_around(taking);
        batch_end(taking);
    }
    i64 result = (i64)spare + taking->taken;
    if (!result && !nothing)
        return -E_AGAIN;
    if (!result || !account->wanted || !may_lose(taking))
        account->wanted = 0; // that was it, or all that may be taken
    return result;
}

// --- particular frames ---------------------------------------------------------------------------

static struct loss *loss_offered(struct taking *taking, pfn_t pfn) {
    const struct revoke *revoke = taking->revoke;
    u32 count = (u32)(revoke->pages * LOSSES_PER_PAGE);
    taking->work -= count / 32;
    for (u32 i = 0; i < count; i++) {
        struct loss *loss = revoke_entry(revoke, i);
        if (*(volatile u64 *)&loss->what == pfn && *(volatile u32 *)&loss->state == LOSS_OFFERED)
            return loss;
    }
    return 0;
}

static int has_kept(const struct taking *taking) {
    const struct abi_account *account = taking->account;
    for (u64 i = 0; i < account->wanted; i++)
        if (is_takable(taking, frame_row(account->first + i)))
            return 1;
    return 0;
}

static i64 take_particular(struct taking *taking) {
    struct abi_account *account = taking->account;
    int stuck = 0;
    if (taking->now < account->deadline && has_kept(taking))
        return -E_BUSY;
    while (account->wanted && taking->work > (i64)taking->count && may_lose(taking) && !stuck) {
        pfn_t pfn = account->first;
        if (is_takable(taking, frame_row(pfn))) {
            if (taking->to && taking->to->quota - taking->to->frames <= taking->count) {
                batch_end(taking);
                return taking->taken ? taking->taken : -E_NOMEM;
            }
            stuck = !take_frame(taking, pfn, loss_offered(taking, pfn));
        }
        if (!stuck) {
            account->first++;
            account->wanted--;
        }
    }
    batch_end(taking);
    if (!stuck && !may_lose(taking))
        account->wanted = 0;
    return taking->taken || !account->wanted ? taking->taken : -E_AGAIN;
}

// --- slices --------------------------------------------------------------------------------------

static void take_slice(struct taking *taking, u64 slice) {
    record(taking, 0, LOSS_SLICE, slice, 0);
    taking->account->taken_slices++;
    taking->taken++;
    sched_slice_own(slice, taking->to ? taking->to->id : 0);
}

static i64 take_slices(struct taking *taking) {
    struct abi_account *account = taking->account;
    u64 count = abi_info->table[ABI_TABLE_SLICES].count, *seen = &taking->revoke->seen[1];
    int any = account->first_slice == ~0u;
    if (taking->now < account->slices_deadline && account->wanted_slices)
        return -E_BUSY;
    for (u32 i = 0; i < ABI_SLICES && account->wanted_slices; i++) {
        u64 slice = any ? *seen : account->first_slice;
        if (account->slices <= account->minimum_slices || *seen >= count) {
            account->wanted_slices = 0;
            break;
        }
        *seen += (u64)any;
        account->first_slice += !any;
        account->wanted_slices -= !any; // of any, revoke_count_slice does
        if (sched_slices()[slice].owner == account->id)
            take_slice(taking, slice);
    }
    return taking->taken || !account->wanted_slices ? taking->taken : -E_AGAIN;
}

// --- the call ------------------------------------------------------------------------------------

i64 sys_account_take(u64 caps, account_id id, u64 kind, account_id to) {
    struct taking taking;
    struct abi_account *account, *heir = 0;
    i64 error;
    if (__builtin_expect(cap_pair_is(caps), 1)) {
        error = cap_sure_account((u32)caps, id, CAP_RIGHT_REVOKE, &account);
        if (!error && to)
            error = cap_sure_account(caps >> 32, to, CAP_RIGHT_ALLOC, &heir);
    } else {
        error = cap_check_account((u32)caps, id, CAP_RIGHT_REVOKE, &account);
        if (!error && to)
            error = cap_check_account(caps >> 32, to, CAP_RIGHT_ALLOC, &heir);
    }
    if (error)
        return error;
    if (kind > REVOKE_SLICES ||
        (to && (to == id || (kind == REVOKE_FRAMES && account->first == ABI_ANY))))
        return -E_INVAL;
    taking.account = account;
    taking.to = heir;
    taking.parent = 0;
    taking.revoke = revoke_of(id);
    taking.now = sal_tsc();
    taking.taken = 0;
    taking.losses = 0;
    taking.work = WORK_PER_CALL;
    taking.full = 0;
    taking.count = 0;
    taking.leaf = 0;
    i64 result = 0;
    if (kind == REVOKE_SLICES)
        result = take_slices(&taking);
    else if (taking.account->wanted)
        result = taking.account->first == ABI_ANY ? take_any(&taking) : take_particular(&taking);
    if (taking.losses)
        trace_account(id, TRACE_TAKE, kind, taking.losses, 0);
    if (taking.losses)
        revoke_tell(taking.account, NOTIFY_TAKEN);
    return result;
}
