// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The common cases of capability checks, inline: they say yes, or that the full check must decide.

#ifndef KERNEL_AEGIS_CAP_QUICK_H
#define KERNEL_AEGIS_CAP_QUICK_H

#include "abi/layout.h"
#include "kernel/aegis/account.h"
#include "kernel/aegis/env.h"
#include "kernel/aegis/sched.h"
#include "kernel/aegis/space.h"

// Type and rights in one comparison, or in a bit.
static inline int cap_is(const struct cap *cap, enum cap_type type, u32 rights) {
    const u32 *word = (const u32 *)&cap->type; // quick is between them
    _Static_assert(__builtin_offsetof(struct cap, rights) ==
                       __builtin_offsetof(struct cap, type) + 2,
                   "one word");
    u8 quick = cap_quick_bit(type, rights);
    if (quick)
        return cap->quick & quick;
    return (*word & (rights << 16 | 0xff)) == (rights << 16 | type);
}

// The running env's capability in that slot is for just this object. Then the object's index is one
// of the kernel's own.
static inline int cap_is_for(u64 slot, enum cap_type type, u64 id, u32 rights) {
    if (slot >= CAP_SLOTS)
        return 0;
    const struct cap *cap = &sched_current()->caps[slot];
    return cap_is(cap, type, rights) && cap->object == id;
}

// Both slots of a pair are in range.
static inline int cap_pair_is(u64 caps) {
    return !(caps & ~CAP_PAIR(CAP_SLOTS - 1, CAP_SLOTS - 1));
}

// cap_check_account, quick for a capability for just that account; the slot is in range.
static inline i64 cap_sure_account(u64 slot, account_id id, u32 rights,
                                   struct abi_account **account) {
    struct abi_account *found;
    const struct cap *cap = &sched_current()->caps[slot];
    if (__builtin_expect(cap_is(cap, CAP_ACCOUNT, rights) && cap->object == id, 1)) {
        *account = cap->row;
        if (__builtin_expect((*account)->id == id, 1))
            return 0;
    }
    i64 error = cap_check_account(slot, id, rights, &found);
    *account = found;
    return error;
}
static inline i64 cap_quick_account(u64 slot, account_id id, u32 rights,
                                    struct abi_account **account) {
    struct abi_account *found;
    if (__builtin_expect(slot < CAP_SLOTS, 1))
        return cap_sure_account(slot, id, rights, account);
    i64 error = cap_check_account(slot, id, rights, &found);
    *account = found;
    return error;
}

// cap_check_env, quick for a capability for just that env.
static inline i64 cap_quick_env(u64 slot, env_id id, u32 rights, struct env **env) {
    struct env *found;
    if (__builtin_expect(cap_is_for(slot, CAP_ENV, id, rights), 1)) {
        *env = *(struct env **)sched_current()->caps[slot].row;
        if (__builtin_expect((*env)->id == id, 1))
            return 0;
    }
    i64 error = cap_check_env(slot, id, rights, &found);
    *env = found;
    return error;
}

// The space, if the capability in that slot of a table is just for it or for its account, and va is
// a page of user space; otherwise null.
_Static_assert(ABI_USER_END == 0x7ffffffff000, "all bits of a page address in the lower half");
static inline struct abi_space *cap_space_in(const struct cap *table, u64 slot, space_id id,
                                             u32 rights, u64 va) {
    // The page and the one above it have no bits but those of page addresses in the lower half. The
    // page at USER_END fails because the one above it leaves that half.
    if ((va | (va + ABI_PAGE)) & ~ABI_USER_END || slot >= CAP_SLOTS)
        return 0;
    const struct cap *cap = &table[slot];
    if (__builtin_expect(cap_is(cap, CAP_SPACE, rights) && cap->object == id, 1)) {
        struct abi_space *space = cap->row;
        if (!space)
            __builtin_unreachable();
        return space->id == id ? space : 0;
    }
    struct abi_space *space = cap_is(cap, CAP_ACCOUNT, rights) ? space_find(id) : 0;
    return space && space->account == cap->object ? space : 0;
}

#endif
