// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Capabilities. See cap.h.

#include "kernel/aegis/cap.h"

#include "gen/syscalls_kernel.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/cap_quick.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/frame.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"
#include "kernel/sal/sal.h"

#define SLOT_BITS 6
_Static_assert(CAP_SLOTS == 1 << SLOT_BITS, "a cap_ref holds a slot");

// Preemption points; the model test reaches them with small numbers.
#ifndef CAP_SMALL
#define CAP_SMALL 0
#endif
#define REVOKE_PER_CALL (CAP_SMALL ? 4 : 128)
#define STEPS_PER_CALL  (CAP_SMALL ? 5u : 512u) // down the tree, in one revocation
#define MOVES_PER_CALL  (CAP_SMALL ? 3u : 128u) // to another parent
#define MINT_FRAMES_MAX (1ul << 16)
#define MINT_FRAMES     512ul // looked at in one call

cap_ref cap_ref_of(const struct env *env, u32 slot) {
    return ABI_INDEX(env->id) << SLOT_BITS | slot;
}

static struct cap *cap_at(cap_ref ref) {
    return &env_at(ref >> SLOT_BITS)->caps[ref & (CAP_SLOTS - 1)];
}

// --- trees ---------------------------------------------------------------------------------------

// Puts a capability, with what is below it, under another, or makes it a root.
static void cap_link(struct cap *cap, cap_ref ref, cap_ref parent) {
    cap->parent = parent;
    cap->previous = cap->next = 0;
    if (!parent)
        return;
    struct cap *above = cap_at(parent);
    cap->next = above->child;
    if (above->child)
        cap_at(above->child)->previous = ref;
    above->child = ref;
}

static void cap_unlink(struct cap *cap) {
    if (cap->previous)
        cap_at(cap->previous)->next = cap->next;
    else if (cap->parent)
        cap_at(cap->parent)->child = cap->next;
    if (cap->next)
        cap_at(cap->next)->previous = cap->previous;
}

static u8 cap_quick(enum cap_type type, u32 rights) {
    u32 quick = 0;
#define CAP_QUICK_ONE(of, right, bit)                                                              \
    if (type == CAP_##of && rights & CAP_RIGHT_##right)                                            \
        quick |= bit;
    CAP_QUICK_LIST(CAP_QUICK_ONE)
#undef CAP_QUICK_ONE
    return (u8)quick;
}

// Where the object of a capability for just one is found; that is never given to another use.
static void *cap_row(enum cap_type type, u64 object) {
    switch (type) {
    case CAP_ACCOUNT:
        return account_row(object);
    case CAP_SPACE:
        return space_row(object);
    case CAP_ENV:
        return &env_short[ABI_INDEX(object)];
    default:
        return 0;
    }
}

void cap_fill(struct env *env, u32 slot, enum cap_type type, u64 object, u32 count, u32 rights,
              cap_ref parent) {
    struct cap *cap = &env->caps[slot];
    cap->object = object;
    cap->row = cap_row(type, object);
    cap->owner = 0;
    cap->count = count;
    cap->type = (u8)type;
    cap->quick = cap_quick(type, rights);
    cap->rights = (u16)rights;
    cap->child = 0;
    cap_link(cap, cap_ref_of(env, slot), parent);
    env->row->caps++;
    env->row->caps_of[type]++;
}

// Moves up to *budget of what was minted from a capability to its parent. Returns whether nothing
// is left below it.
static int cap_raise(struct cap *cap, u32 *budget) {
    while (cap->child && *budget) {
        cap_ref child = cap->child;
        struct cap *below = cap_at(child);
        cap_unlink(below);
        cap_link(below, child, cap->parent);
        --*budget;
    }
    return !cap->child;
}

// Empties a slot with nothing below it.
static void cap_empty(cap_ref ref) {
    struct cap *cap = cap_at(ref);
    struct abi_env *row = env_at(ref >> SLOT_BITS)->row;
    cap_unlink(cap);
    row->caps--;
    row->caps_of[cap->type]--;
    *cap = (struct cap){0};
}

int cap_clear_some(struct env *env) {
    u32 budget = MOVES_PER_CALL;
    for (u32 slot = 1; slot < CAP_SLOTS; slot++) {
        if (!env->caps[slot].type)
            continue;
        if (!cap_raise(&env->caps[slot], &budget))
            return 0;
        cap_empty(cap_ref_of(env, slot));
    }
    return 1;
}

// --- checks --------------------------------------------------------------------------------------

static i64 cap_get(u64 slot, struct cap **cap) {
    if (slot >= CAP_SLOTS)
        return -E_CAP;
    *cap = &sched_current()->caps[slot];
    return (*cap)->type ? 0 : -E_CAP;
}

// Whether a capability of a type that names one object, or an account, covers it.
static i64 cap_covers(const struct cap *cap, enum cap_type type, u64 id, account_id account,
                      u32 rights) {
    if (cap->type == type ? cap->object != id : !account_is_under(account, cap->object))
        return -E_RIGHTS;
    return (cap->rights & rights) == rights ? 0 : -E_RIGHTS;
}

i64 cap_check_account(u64 slot, account_id id, u32 rights, struct abi_account **account) {
    struct cap *cap;
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    if (cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    *account = account_find(id);
    return *account ? cap_covers(cap, CAP_NONE, id, id, rights) : -E_STALE;
}

i64 cap_check_space(u64 slot, space_id id, u32 rights, struct abi_space **space) {
    struct cap *cap;
    if (__builtin_expect(cap_is_for(slot, CAP_SPACE, id, rights), 1)) {
        *space = sched_current()->caps[slot].row;
        if (__builtin_expect((*space)->id == id, 1))
            return 0;
    }
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    if (cap->type != CAP_SPACE && cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    *space = space_find(id);
    return *space ? cap_covers(cap, CAP_SPACE, id, (*space)->account, rights) : -E_STALE;
}

i64 cap_check_env(u64 slot, env_id id, u32 rights, struct env **env) {
    struct cap *cap;
    if (__builtin_expect(cap_is_for(slot, CAP_ENV, id, rights), 1)) {
        *env = *(struct env **)sched_current()->caps[slot].row;
        if (__builtin_expect((*env)->id == id, 1))
            return 0;
    }
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    if (cap->type != CAP_ENV && cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    *env = env_find(id);
    return *env ? cap_covers(cap, CAP_ENV, id, (*env)->row->account, rights) : -E_STALE;
}

i64 cap_check_kind(u64 slot, enum cap_type type, u32 rights) {
    struct cap *cap;
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    if (cap->type != type)
        return -E_TYPE;
    return (cap->rights & rights) == rights ? 0 : -E_RIGHTS;
}

i64 cap_check_slices(u64 slot, u64 first, u64 count, u32 rights) {
    struct cap *cap;
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    const struct abi_table *table = &abi_info->table[ABI_TABLE_SLICES];
    const struct abi_slice *rows = sched_slices();
    if (cap->type != CAP_SLICES && cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    if (!count || count > ABI_SLICES || first >= table->count || table->count - first < count)
        return -E_RANGE;
    if ((cap->rights & rights) != rights)
        return -E_RIGHTS;
    if (cap->type == CAP_SLICES)
        return first >= cap->object && first - cap->object + count <= cap->count ? 0 : -E_RIGHTS;
    for (u64 i = 0; i < count; i++)
        if (!account_is_under(rows[first + i].owner, cap->object))
            return -E_RIGHTS;
    return 0;
}

i64 cap_check_frames(u64 slot, u32 rights, const struct cap **result) {
    struct cap *cap;
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    if (cap->type != CAP_FRAMES && cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    *result = cap;
    return (cap->rights & rights) == rights ? 0 : -E_RIGHTS;
}

int cap_covers_frame(const struct cap *cap, pfn_t pfn) {
    return frame_row(pfn)->kind != FRAME_LOST && cap_names_frame(cap, pfn);
}

int cap_names_frame(const struct cap *cap, pfn_t pfn) {
    const struct abi_frame *row = frame_row(pfn);
    if (!frame_is_program(row))
        return 0;
    if (cap->type == CAP_ACCOUNT)
        return row->owner == cap->object || account_is_under(row->owner, cap->object);
    return pfn - cap->object < cap->count && row->owner == cap->owner && row->epoch <= cap->epoch;
}

// --- calls ---------------------------------------------------------------------------------------

// A capability for one object that an ACCOUNT capability covers.
static i64 cap_single(const struct cap *cap, u64 id, u64 kind, struct cap *part) {
    account_id account;
    if (cap->type != CAP_ACCOUNT)
        return -E_TYPE;
    if (kind == CAP_MINT_ENV) {
        struct env *env = env_find(id);
        account = env ? env->row->account : 0;
        part->type = CAP_ENV;
    } else if (kind == CAP_MINT_SPACE) {
        struct abi_space *space = space_find(id);
        account = space ? space->account : 0;
        part->type = CAP_SPACE;
    } else {
        account = account_find(id) ? id : 0;
    }
    part->object = id;
    if (!account)
        return -E_STALE;
    return account_is_under(account, cap->object) ? 0 : -E_RIGHTS;
}

// Whether an ACCOUNT capability covers each frame of a range, and one account owns them. CALL_AGAIN
// after some, to go on there: what was looked at may have changed by then, which hurts nobody, as a
// FRAMES capability covers no frame that another account owns, or gets later.
static i64 cap_part_owned(const struct cap *cap, u64 first, u64 count, account_id owner) {
    struct env *env = sched_current();
    u64 from = env->mint_first == first && env->mint_done < count ? env->mint_done : 0;
    u64 until = count - from > MINT_FRAMES ? from + MINT_FRAMES : count;
    env->mint_first = env->mint_done = 0;
    for (u64 i = from; i < until; i++)
        if (!cap_covers_frame(cap, first + i) || frame_row(first + i)->owner != owner)
            return -E_RANGE;
    if (until == count)
        return 0;
    env->mint_first = first;
    env->mint_done = until;
    return CALL_AGAIN;
}

// What a mint makes of a capability: the type, first and count of the copy. FRAMES are made of an
// ACCOUNT that owns them all.
static i64 cap_part(const struct cap *cap, u64 first, u64 count, struct cap *part) {
    *part = *cap;
    if (!count)
        return first ? -E_RANGE : 0;
    if (count >= CAP_MINT_ACCOUNT)
        return cap_single(cap, first, count, part);
    if (count > MINT_FRAMES_MAX)
        return -E_RANGE;
    if (cap->type == CAP_ACCOUNT) {
        if (first >= frame_count || frame_count - first < count)
            return -E_RANGE;
        account_id owner = frame_row(first)->owner;
        i64 error = cap_part_owned(cap, first, count, owner);
        if (error)
            return error;
        part->type = CAP_FRAMES;
        part->owner = owner;
        part->epoch = frame_epoch();
    } else if (cap->type == CAP_FRAMES || cap->type == CAP_SLICES) {
        if (first < cap->object || first - cap->object >= cap->count ||
            cap->count - (first - cap->object) < count)
            return -E_RANGE;
    } else {
        return -E_RANGE;
    }
    part->object = first;
    part->count = (u32)count;
    return 0;
}

i64 sys_cap_mint(u64 caps, env_id to, u64 rights, u64 first, u64 count) {
    struct cap *cap, part;
    struct env *env;
    i64 error = cap_get((u32)caps, &cap);
    if (!error)
        error = cap_check_env(caps >> 32, to, CAP_RIGHT_GRANT, &env);
    if (error)
        return error;
    if (!(cap->rights & CAP_RIGHT_MINT) || rights & ~(u64)cap->rights)
        return -E_RIGHTS;
    error = cap_part(cap, first, count, &part);
    if (error)
        return error;
    u32 slot = CAP_SLOT_FREE;
    while (slot < CAP_SLOTS && env->caps[slot].type)
        slot++;
    if (slot == CAP_SLOTS)
        return -E_FULL;
    cap_ref parent = cap_ref_of(sched_current(), (u32)caps);
    cap_fill(env, slot, part.type, part.object, part.count, (u32)rights, parent);
    if (part.type == CAP_FRAMES) {
        env->caps[slot].owner = part.owner;
        env->caps[slot].epoch = part.epoch;
    }
    return slot;
}

i64 sys_cap_drop(u64 slot) {
    struct cap *cap;
    u32 budget = MOVES_PER_CALL;
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    if (!cap_raise(cap, &budget))
        return -E_AGAIN;
    cap_empty(cap_ref_of(sched_current(), (u32)slot));
    return 0;
}

// Removes leaves below the capability until none is left. A capability above the one that asks for
// the revocation is never below it, so the caller's own stays. A way down that is too long for one
// call is cut: what was reached is put directly under the capability, and the next call begins
// there.
i64 sys_cap_revoke(u64 slot) {
    struct cap *cap;
    i64 error = cap_get(slot, &cap);
    if (error)
        return error;
    i64 removed = 0;
    u32 steps = STEPS_PER_CALL;
    while (cap->child) {
        cap_ref leaf = cap->child;
        for (; cap_at(leaf)->child && steps; steps--)
            leaf = cap_at(leaf)->child;
        if (cap_at(leaf)->child) {
            cap_unlink(cap_at(leaf));
            cap_link(cap_at(leaf), leaf, cap_ref_of(sched_current(), (u32)slot));
            return -E_AGAIN;
        }
        if (removed == REVOKE_PER_CALL)
            return -E_AGAIN;
        cap_empty(leaf);
        removed++;
    }
    return removed;
}
