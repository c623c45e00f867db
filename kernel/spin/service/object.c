// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Services for counted objects (abi/ext/object.h). Extensions import them with a type behind the
// name, object_put__session; the stub of such an import gives what the type is in the fifth
// argument (load.c). Arguments of reference types are what the verifier says they are.

#include "kernel/sal/sal.h"
#include "kernel/spin/counted.h"
#include "kernel/spin/service.h"

#define ARGUMENTS u64 a, u64 b, u64 c, u64 d, u64 e, struct engine_run *run
#define UNUSED    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run

// The prototype fits nothing: without a type behind its name none of them can be imported.
#define OBJECT_SERVICE(service_name, f, how)                                                       \
    SERVICE(service_name) = {{.name = #service_name, .function = f, .prototype = "?"},             \
                             SERVICE_COUNTED | (how)}

static const struct counted_type *type_of(u64 word) {
    return (const struct counted_type *)(word & ~1ul);
}

// May who calls have a reference to it? Strands are away for long (counted.h).
static int may_hold(const struct counted *counted, u64 type) {
    return !(type & 1) || counted->owner == type_of(type)->ext;
}

static u64 failed(u64 type, i64 error) {
    type_of(type)->ext->room.error = error;
    return 0;
}

#define NEW_COST 40 // the kernel's own work, which the meter does not see

static u64 object_new(ARGUMENTS) {
    UNUSED;
    const struct counted_type *type = type_of(e);
    run->meter -= NEW_COST;
    counted_reap_some(2); // it makes one, and ends two
    return (u64)counted_make(type->ext, type);
}
OBJECT_SERVICE(object_new, object_new, 0);

static u64 object_get(ARGUMENTS) {
    UNUSED;
    struct counted *counted = (struct counted *)a;
    if (!may_hold(counted, e))
        return failed(e, -E_RIGHTS);
    return counted_get(counted) ? a : failed(e, -E_STALE);
}
OBJECT_SERVICE(object_get, object_get, SERVICE_ANYWHERE);

static u64 object_put(ARGUMENTS) {
    UNUSED;
    counted_put((struct counted *)a);
    return 0;
}
OBJECT_SERVICE(object_put, object_put, SERVICE_ANYWHERE);

// --- slots ---------------------------------------------------------------------------------------

// What cannot go into the slot is released: the program has given it away.
static u64 swap(struct counted_slot *slot, struct counted *with, u64 type) {
    i64 error = !slot                                                 ? -E_RANGE
                : with && with->owner->row->state == EXT_DYING        ? -E_DEAD
                : slot->to && !counted_is(slot->to, type_of(type))    ? -E_TYPE
                : slot->to && !may_hold(slot->to, type)               ? -E_RIGHTS
                : type_of(type)->ext->row->state == EXT_DYING && with ? -E_DEAD
                                                                      : 0;
    struct counted *old = error ? NULL : counted_swap(slot, with);
    if (!error)
        return old ? (u64)old : failed(type, 0);
    if (with)
        counted_put(with);
    return failed(type, error);
}

static u64 load(const struct counted_slot *slot, u64 type) {
    struct counted *counted = slot ? slot->to : NULL;
    if (!counted || !counted_is(counted, type_of(type)))
        return failed(type, counted ? -E_TYPE : slot ? 0 : -E_RANGE);
    if (!may_hold(counted, type))
        return failed(type, -E_RIGHTS);
    return counted_get(counted) ? (u64)counted : failed(type, -E_STALE);
}

// Lent, until the function that calls returns: so not to a strand.
static u64 read(const struct counted_slot *slot, u64 type) {
    struct counted *counted = slot ? __atomic_load_n(&slot->to, __ATOMIC_ACQUIRE) : NULL;
    return counted && !(type & 1) && counted_is(counted, type_of(type)) ? (u64)counted : 0;
}

static u64 object_swap(ARGUMENTS) {
    UNUSED;
    struct ext *ext = type_of(e)->ext;
    run->meter -= 20;
    struct counted_slot *root = counted_root(ext, a, b != 0);
    if (!b && !root && a < OBJECT_ROOTS)
        return failed(e, 0); // nothing for nothing
    return swap(root, (struct counted *)b, e);
}
OBJECT_SERVICE(object_swap, object_swap, 0);

static u64 object_load(ARGUMENTS) {
    UNUSED;
    return load(counted_root(type_of(e)->ext, a, 0), e);
}
OBJECT_SERVICE(object_load, object_load, 0);

static u64 object_read(ARGUMENTS) {
    UNUSED;
    return read(counted_root(type_of(e)->ext, a, 0), e);
}
OBJECT_SERVICE(object_read, object_read, SERVICE_ANYWHERE);

// An object whose owner is dying is out of all slots, and has nothing in its own again.
static u64 object_swap_in(ARGUMENTS) {
    UNUSED;
    struct counted *in = (struct counted *)a;
    run->meter -= 20;
    return swap(in->owner->row->state == EXT_DYING ? NULL : counted_slot_at(in, b),
                (struct counted *)c, e);
}
OBJECT_SERVICE(object_swap_in, object_swap_in, 0);

static u64 object_load_in(ARGUMENTS) {
    UNUSED;
    return load(counted_slot_at((struct counted *)a, b), e);
}
OBJECT_SERVICE(object_load_in, object_load_in, 0);

static u64 object_read_in(ARGUMENTS) {
    UNUSED;
    return read(counted_slot_at((struct counted *)a, b), e);
}
OBJECT_SERVICE(object_read_in, object_read_in, SERVICE_ANYWHERE);

// --- names ---------------------------------------------------------------------------------------

static u64 object_name(ARGUMENTS) {
    UNUSED;
    struct counted *counted = (struct counted *)a;
    run->meter -= 100;
    if (counted->owner != type_of(e)->ext)
        return (u64)-E_RIGHTS;
    return (u64)(counted->owner->row->state == EXT_DYING ? -E_DEAD : counted_name(counted, b, c));
}
OBJECT_SERVICE(object_name, object_name, 0);

static u64 find(ARGUMENTS) {
    UNUSED;
    run->meter -= 100;
    struct counted *counted = counted_find(type_of(e), a);
    if (!counted)
        return failed(e, -E_STALE);
    if (!may_hold(counted, e))
        return failed(e, -E_RIGHTS);
    return counted_get(counted) ? (u64)counted : failed(e, -E_STALE);
}
OBJECT_SERVICE(object_find, find, 0);

// Why the latest of these of the extension gave null.
static u64 object_error(ARGUMENTS) {
    UNUSED;
    return (u64)service_owner(run)->room.error;
}
SERVICE(object_error) = {{.name = "object_error",
                          .function = object_error,
                          .result = SERVICE_NUMBER,
                          .prototype = "s64()"},
                         SERVICE_OWNER};
