// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What nobody can do with references: WRONG_name chooses. tests/guest/room.mk makes an object of
// each, and test_object.c loads them.

#include "tests/guest/ext/objects.h"

struct pair {
    struct object object;
    u64 value, extra; // as struct leaf, under another name
    u64 more;
};
OBJECT(pair)

__attribute__((unused)) static u64 kept;
__attribute__((unused)) static struct leaf *somewhere;

#define OWN(name)                                                                                  \
    struct leaf *name = object_new__leaf();                                                        \
    if (!name)                                                                                     \
    return 0

#ifdef WRONG_event
EVENT(u64, wrong_event, (struct leaf * lent)) {
    object_put(leaf, lent); // it is not ours
    return 0;
}
#endif

#ifdef WRONG_guard
EVENT(u64, guarded, (struct leaf * lent)) {
    return lent->value;
}
HANDLER(guarded, u64, handler, (struct leaf * lent)) {
    return 1;
}
GUARD(handler, changes, (struct leaf * lent)) {
    return lent->value++;
}
#endif

#ifdef WRONG_const
EVENT(u64, constant, (const struct leaf *lent)) {
    return lent->value;
}
#endif

ENTRY(u64, wrong, (u64 number)) {
#if defined(WRONG_leak)
    OWN(leaf);
    if (number == 3)
        return 1; // on this path
    object_put(leaf, leaf);
#elif defined(WRONG_lost)
    OWN(leaf);
    leaf->value = number;
#elif defined(WRONG_global)
    OWN(leaf);
    *(struct leaf *volatile *)&somewhere = leaf;
    object_put(leaf, leaf);
#elif defined(WRONG_field)
    OWN(leaf);
    *(volatile u64 *)&leaf->extra = (u64)leaf;
    object_put(leaf, leaf);
#elif defined(WRONG_forged)
    object_put(leaf, (struct leaf *)number);
#elif defined(WRONG_forged_field)
    OWN(leaf);
    leaf->value = number;
    struct leaf *other = (struct leaf *)*(volatile u64 *)&leaf->value;
    object_put(leaf, other);
    object_put(leaf, leaf);
#elif defined(WRONG_arithmetic)
    OWN(leaf);
    struct leaf *next = (struct leaf *)((char *)leaf + number);
    kept = next->value;
    object_put(leaf, leaf);
#elif defined(WRONG_next)
    OWN(leaf);
    object_put(leaf, leaf + 1);
#elif defined(WRONG_after)
    OWN(leaf);
    object_put(leaf, leaf);
    kept = *(volatile u64 *)&leaf->value;
#elif defined(WRONG_twice)
    OWN(leaf);
    object_put(leaf, leaf);
    object_put(leaf, leaf);
#elif defined(WRONG_type)
    OWN(leaf);
    object_put(pair, (struct pair *)leaf);
#elif defined(WRONG_kernel_type)
    struct env_ref *env = env_acquire(1, number);
    if (env)
        object_put(space_ref, (struct space_ref *)env);
#elif defined(WRONG_id)
    struct env_ref *env = env_acquire(1, number);
    if (!env)
        return 0;
    *(volatile u64 *)&env->id = 7;
    object_put(env_ref, env);
#elif defined(WRONG_slot_word)
    struct env_ref *env = env_acquire(1, number);
    if (!env)
        return 0;
    kept = ((volatile u64 *)&env->id)[1];
    object_put(env_ref, env);
#elif defined(WRONG_new_kind)
    extern struct env_ref *object_new__env_ref(void);
    struct env_ref *env = object_new__env_ref();
    if (env)
        object_put(env_ref, env);
#elif defined(WRONG_null)
    struct leaf *leaf = object_new(leaf);
    kept = *(volatile u64 *)&leaf->value;
    if (leaf)
        object_put(leaf, leaf);
#elif defined(WRONG_header)
    OWN(leaf);
    ((volatile u64 *)leaf)[0] = 99;
    object_put(leaf, leaf);
#elif defined(WRONG_slot)
    struct node *node = object_new(node);
    if (!node)
        return 0;
    *(volatile u64 *)&node->next = number;
    object_put(node, node);
#elif defined(WRONG_beyond)
    OWN(leaf);
    (&leaf->value)[2] = 1;
    object_put(leaf, leaf);
#elif defined(WRONG_lent)
    struct leaf *leaf = object_read(leaf, 1);
    if (leaf)
        object_put(leaf, leaf);
#elif defined(WRONG_given)
    OWN(leaf);
    struct leaf *old = object_swap(leaf, 1, leaf);
    if (old)
        object_put(leaf, old);
    kept = *(volatile u64 *)&leaf->value; // given away
#elif defined(WRONG_many)
    OWN(a);
    struct leaf *volatile held[20];
    for (u32 i = 0; i < 20; i++)
        held[i] = object_get(leaf, a);
    for (u32 i = 0; i < 20; i++)
        if (held[i])
            object_put(leaf, held[i]);
    object_put(leaf, a);
#elif defined(WRONG_result)
    OWN(leaf);
    kept = 1;
    object_put(leaf, leaf);
    return (u64)leaf;
#elif defined(WRONG_log)
    OWN(leaf);
    log_text((const char *)&leaf, 8); // its address
    object_put(leaf, leaf);
#endif
    return kept;
}
