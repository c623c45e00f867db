// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Acquires references to objects of the kernel, keeps them in roots and uses them.

#include "tests/guest/ext/references.h"

// Acquires one, and keeps it in that root.
#define KEEP(type, root, expression)                                                               \
    struct type *ref = expression;                                                                 \
    if (!ref)                                                                                      \
        return (u64)object_error();                                                                \
    ref = object_swap(type, root, ref);                                                            \
    if (ref)                                                                                       \
        object_put(type, ref);                                                                     \
    return 0
// Uses the one in a root.
#define USE(type, root, expression)                                                                \
    struct type *ref = object_load(type, root);                                                    \
    if (!ref)                                                                                      \
        return ~0ul;                                                                               \
    u64 result = (u64)(expression);                                                                \
    object_put(type, ref);                                                                         \
    return result

ENTRY(u64, keep_env, (u64 cap, u64 env)) {
    KEEP(env_ref, 0, env_acquire(cap, env));
}

ENTRY(u64, env_wake, (void)) {
    USE(env_ref, 0, env_ref_wake(ref));
}

ENTRY(u64, env_word, (u64 offset)) {
    u64 word = 0;
    USE(env_ref, 0, env_ref_word(ref, offset, &word) ?: (i64)word);
}

ENTRY(u64, env_name, (void)) {
    USE(env_ref, 0, ref->id);
}

ENTRY(u64, watched, (u64 env)) {
    KEEP(env_ref, 5, env_acquire_watched(env));
}

ENTRY(u64, keep_space, (u64 cap, u64 space)) {
    KEEP(space_ref, 1, space_acquire(cap, space));
}

ENTRY(u64, space_get, (u64 va)) {
    u64 word = 0;
    USE(space_ref, 1, space_ref_read(ref, va, &word, sizeof word) ?: (i64)word);
}

ENTRY(u64, space_set, (u64 va, u64 word)) {
    USE(space_ref, 1, space_ref_write(ref, va, &word, sizeof word));
}

ENTRY(u64, keep_frame, (u64 cap, u64 frame)) {
    KEEP(frame_ref, 2, frame_acquire(cap, frame));
}

ENTRY(u64, frame_get, (u64 offset)) {
    u64 word = 0;
    USE(frame_ref, 2, frame_ref_read(ref, offset, &word, sizeof word) ?: (i64)word);
}

ENTRY(u64, frame_set, (u64 offset, u64 word)) {
    USE(frame_ref, 2, frame_ref_write(ref, offset, &word, sizeof word));
}

ENTRY(u64, frame_account, (void)) {
    USE(frame_ref, 2, frame_ref_owner(ref));
}

ENTRY(u64, frame_lend, (void)) {
    USE(frame_ref, 2, frame_lent(ref));
}

ENTRY(u64, keep_slice, (u64 cap, u64 slice)) {
    KEEP(slice_ref, 3, slice_acquire(cap, slice));
}

ENTRY(u64, slice_assign, (void)) {
    struct slice_ref *slice = object_load(slice_ref, 3);
    if (!slice)
        return ~0ul;
    struct env_ref *env = object_load(env_ref, 0);
    i64 result = env ? slice_ref_assign(slice, env) : -1;
    if (env)
        object_put(env_ref, env);
    object_put(slice_ref, slice);
    return (u64)result;
}

ENTRY(u64, keep_ext, (u64 cap, u64 ext)) {
    KEEP(ext_ref, 4, ext_acquire(cap, ext));
}

ENTRY(u64, ext_state, (void)) {
    USE(ext_ref, 4, ext_ref_state(ref));
}

// A root has what it has, whatever is asked for.
ENTRY(u64, env_as_space, (void)) {
    struct space_ref *ref = object_load(space_ref, 0);
    if (!ref)
        return (u64)object_error();
    object_put(space_ref, ref);
    return 0;
}
