// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Capabilities: the right to do something with an object, held in the kernel per env and named
// there by a slot. They form trees: a minted one is the child of what it was copied from, and
// cap_revoke removes what is below.
//
// Invariants: a child's rights and range lie within its parent's; links name filled slots; a slot
// with type NONE is in no tree.

#ifndef KERNEL_AEGIS_CAP_H
#define KERNEL_AEGIS_CAP_H

#include "abi/caps.h"
#include "kernel/aegis/object.h"

struct env;

// Names a slot of any env: index of the env, and slot; 0 is none.
typedef u32 cap_ref;

struct cap {
    u64 object; // id; first frame or slice
    union {
        u64 epoch; // FRAMES: covers frames allocated up to then
        void *row; // ACCOUNT, SPACE: the object's row; ENV: where the kernel finds it (env_short)
    };
    u64 owner; // FRAMES: as long as they are this account's
    u32 count; // FRAMES, SLICES
    u8 type;
    u8 quick; // of ACCOUNT, SPACE and ENV: what cap_quick_bit gives for type and right
    u16 rights;
    cap_ref parent, child, next, previous;
};

// What is asked for most often: type and right in one bit.
#define CAP_QUICK_CALL  1
#define CAP_QUICK_YIELD 2
#define CAP_QUICK_LIST(Q)                                                                          \
    Q(ENV, CALL, CAP_QUICK_CALL)                                                                   \
    Q(ENV, YIELD, CAP_QUICK_YIELD)                                                                 \
    Q(ENV, WAKE, 4)                                                                                \
    Q(ENV, CONTROL, 8)                                                                             \
    Q(ACCOUNT, ALLOC, 16)                                                                          \
    Q(ACCOUNT, CONTROL, 32)                                                                        \
    Q(ACCOUNT, REVOKE, 64)                                                                         \
    Q(SPACE, MAP, 128)
// That bit, or 0 if there is none for just these.
static inline u8 cap_quick_bit(enum cap_type type, u32 rights) {
#define CAP_QUICK_ONE(of, right, bit)                                                              \
    if (type == CAP_##of && rights == CAP_RIGHT_##right)                                           \
        return bit;
    CAP_QUICK_LIST(CAP_QUICK_ONE)
#undef CAP_QUICK_ONE
    return 0;
}

// Fills a slot as a root of a tree, or as a child of parent.
void cap_fill(struct env *env, u32 slot, enum cap_type type, u64 object, u32 count, u32 rights,
              cap_ref parent);
// Empties slots of an env that is being destroyed, as many as one call may do; what was minted from
// them moves to their parents. Returns whether all are empty.
int cap_clear_some(struct env *env);
cap_ref cap_ref_of(const struct env *env, u32 slot);

// Whether the running env's capability in that slot covers an object, with all of the rights.
// E_CAP, E_TYPE, E_RIGHTS, E_STALE.
i64 cap_check_account(u64 slot, account_id id, u32 rights, struct abi_account **account);
i64 cap_check_space(u64 slot, space_id id, u32 rights, struct abi_space **space);
i64 cap_check_env(u64 slot, env_id id, u32 rights, struct env **env);
i64 cap_check_slices(u64 slot, u64 first, u64 count, u32 rights);
i64 cap_check_kind(u64 slot, enum cap_type type, u32 rights);

// A capability that may cover frames: ACCOUNT or FRAMES. Each frame is then asked for with
// cap_covers_frame.
i64 cap_check_frames(u64 slot, u32 rights, const struct cap **cap);
int cap_covers_frame(const struct cap *cap, pfn_t pfn);
// The same; also of a frame that is FRAME_LOST, which can be freed or revoked and nothing else.
int cap_names_frame(const struct cap *cap, pfn_t pfn);

#endif
