// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects: making, counting, slots, names, the end. See counted.h.

#include "kernel/spin/counted.h"

#include "base/string.h"
#include "kernel/aegis/above.h"
#include "kernel/sal/sal.h"
#include "kernel/spin/ext.h"

#define COUNT_MAX    (1u << 31)
#define BUCKETS      256
#define DESTROY_COST 4 // of the budget, for a destructor
#define PER_COST     4 // slots that are emptied for one of the budget
#define NAMES_MAX                                                                                  \
    64 // of an extension: a bucket is not longer than they who share an account make it

static struct counted *dead;  // pushed without lock
static struct counted *dying; // taken from there, to be buried
static struct counted *names[BUCKETS];

// --- counting ------------------------------------------------------------------------------------

int counted_get(struct counted *counted) {
    u32 count = __atomic_load_n(&counted->count, __ATOMIC_RELAXED);
    do
        if (!count || count >= COUNT_MAX)
            return 0;
    while (!__atomic_compare_exchange_n(&counted->count, &count, count + 1, 1, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED));
    return 1;
}

void counted_put(struct counted *counted) {
    if (__atomic_sub_fetch(&counted->count, 1, __ATOMIC_ACQ_REL))
        return;
    struct counted *first = __atomic_load_n(&dead, __ATOMIC_RELAXED);
    do
        counted->dead = first;
    while (!__atomic_compare_exchange_n(&dead, &first, counted, 1, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
    spin_work = 1;
}

void counted_release(struct engine_run *run, u64 reference) {
    (void)run;
    counted_put((struct counted *)reference);
}

// --- slots ---------------------------------------------------------------------------------------

struct counted *counted_swap(struct counted_slot *slot, struct counted *with) {
    struct counted *old = slot->to;
    if (old) {
        *slot->link = slot->next;
        if (slot->next)
            slot->next->link = slot->link;
    }
    __atomic_store_n(&slot->to, with, __ATOMIC_RELEASE);
    if (with) {
        slot->next = with->stored;
        slot->link = &with->stored;
        if (slot->next)
            slot->next->link = &slot->next;
        with->stored = slot;
    }
    return old;
}

static void slot_empty(struct counted_slot *slot) {
    struct counted *old = counted_swap(slot, NULL);
    if (old)
        counted_put(old);
}

static struct counted_slot *slots(struct counted *counted) {
    return (struct counted_slot *)(counted + 1);
}

struct counted_slot *counted_slot_at(struct counted *counted, u64 offset) {
    u64 at = offset - sizeof *counted;
    if (at % sizeof(struct counted_slot) || at / sizeof(struct counted_slot) >= counted->slots)
        return NULL;
    return &slots(counted)[at / sizeof(struct counted_slot)];
}

struct counted_slot *counted_root(struct ext *ext, u64 number, int make) {
    struct counted_room *room = &ext->room;
    if (number >= OBJECT_ROOTS)
        return NULL;
    if (!room->roots && make) {
        u64 bytes = OBJECT_ROOTS * sizeof *room->roots;
        struct counted_slot *roots = memory_alloc(&room->memory, bytes);
        if (roots)
            memset(roots, 0, bytes);
        __atomic_store_n(&room->roots, roots, __ATOMIC_RELEASE);
    }
    struct counted_slot *roots = __atomic_load_n(&room->roots, __ATOMIC_ACQUIRE);
    return roots ? &roots[number] : NULL;
}

// --- names ---------------------------------------------------------------------------------------

// Nobody can choose names that meet in one bucket.
static struct counted **bucket(account_id account, u64 name) {
    static u64 secret;
    if (!secret)
        secret = sal_tsc() * 0x9e3779b97f4a7c15ul | 1;
    u64 hash = (name ^ secret) * 0xff51afd7ed558ccdul;
    hash = (hash ^ hash >> 32 ^ account) * secret;
    return &names[hash >> 56];
}

static void unname(struct counted *counted) {
    if (!counted->name)
        return;
    struct counted **at = bucket(counted->found_by, counted->name);
    while (*at != counted)
        at = &(*at)->of_name;
    *at = counted->of_name;
    counted->name = 0;
    counted->owner->room.names--;
}

static struct counted *named(account_id account, u64 name) {
    struct counted *at = *bucket(account, name);
    while (at && (at->name != name || at->found_by != account))
        at = at->of_name;
    return at;
}

i64 counted_name(struct counted *counted, u64 name, u64 flags) {
    account_id account = flags & OBJECT_NAME_PUBLIC ? 0 : counted->owner->memory.account;
    struct counted *other = name ? named(account, name) : NULL;
    if (flags & ~(u64)OBJECT_NAME_PUBLIC)
        return -E_INVAL;
    if (other && !__atomic_load_n(&other->count, __ATOMIC_RELAXED))
        unname(other); // nobody could find it
    else if (other)
        return other == counted ? 0 : -E_EXIST;
    if (name && !counted->name && counted->owner->room.names == NAMES_MAX)
        return -E_LIMIT;
    unname(counted);
    if (!name)
        return 0;
    struct counted **at = bucket(account, name);
    counted->name = name;
    counted->found_by = account;
    counted->of_name = *at;
    *at = counted;
    counted->owner->room.names++;
    return 0;
}

struct counted *counted_find(const struct counted_type *type, u64 name) {
    struct counted *counted = name ? named(type->ext->memory.account, name) : NULL;
    if (!counted && name)
        counted = named(0, name);
    return counted && counted_is(counted, type) ? counted : NULL;
}

// --- beginning and end ---------------------------------------------------------------------------

static void list_put(struct counted **list, struct counted *counted) {
    counted->next = *list;
    counted->link = list;
    if (counted->next)
        counted->next->link = &counted->next;
    *list = counted;
}

static void list_remove(struct counted *counted) {
    *counted->link = counted->next;
    if (counted->next)
        counted->next->link = counted->link;
}

struct counted *counted_make(struct ext *ext, const struct counted_type *type) {
    struct counted_room *room = &ext->room;
    room->error = ext->row->state == EXT_DYING ? -E_DEAD : 0;
    struct counted *counted = room->error ? NULL : memory_alloc(&room->memory, type->size);
    if (!counted) {
        room->error = room->error ? room->error : -E_NOMEM;
        return NULL;
    }
    memset(counted, 0, type->size);
    counted->count = 1;
    counted->size = type->size;
    counted->slots = type->slots;
    counted->kind = type->kind;
    counted->shape = type->shape;
    counted->owner = ext;
    list_put(&room->live, counted);
    ext->row->objects = ++room->count;
    ext->row->frames = ext->memory.frames + ext->lasting.frames + room->memory.frames;
    return counted;
}

static void slots_empty(struct counted *counted) {
    for (u32 i = 0; i < counted->slots; i++)
        slot_empty(&slots(counted)[i]);
}

static void memory_give(struct epoch_node *node) {
    struct counted *counted =
        (struct counted *)((u8 *)node - __builtin_offsetof(struct counted, node));
    struct counted_room *room = &counted->owner->room;
    room->retired--;
    memory_free(&room->memory, counted, counted->size);
}

static void bury(struct counted *counted) {
    struct counted_room *room = &counted->owner->room;
    slots_empty(counted);
    unname(counted);
    list_remove(counted);
    counted->owner->row->objects = --room->count;
    room->retired++;
    epoch_retire(&counted->node, memory_give);
}

// The next one to be buried, or null.
static struct counted *dead_first(void) {
    if (!dying)
        dying = __atomic_exchange_n(&dead, NULL, __ATOMIC_ACQUIRE);
    return dying;
}

// Its extension's destructor for it, or null.
static const struct ext_function *destructor(const struct counted *counted) {
    const struct ext *ext = counted->owner;
    if (ext->row->state != EXT_LIVE || !ext->counted || counted->kind != OBJECT_COUNTED)
        return NULL;
    for (u32 i = 0; i < ext->counted->count; i++)
        if (ext->counted_types[i].destroy && counted_is(counted, &ext->counted_types[i]))
            return &ext->functions[ext->counted_types[i].destroy - 1];
    return NULL;
}

static void destroy(struct counted *counted, const struct ext_function *function) {
    const u64 arguments[ENGINE_ARGS] = {(u64)counted};
    struct ext *ext = counted->owner;
    u64 result;
    unname(counted);
    if (ext_run(ext, function->function, arguments, OBJECT_DESTROY_COST, &result))
        ext->row->faults++;
}

int counted_waiting(void) {
    return dying || __atomic_load_n(&dead, __ATOMIC_RELAXED);
}

static void spend(u32 *budget, u32 cost) {
    *budget -= cost < *budget ? cost : *budget;
}

static u32 cost_of(const struct counted *counted) {
    return 1 + counted->slots / PER_COST;
}

u32 counted_reap(u32 budget) {
    while (budget && dead_first()) {
        struct counted *counted = dying;
        const struct ext_function *function = destructor(counted);
        dying = counted->dead; // first: what it runs may bury others
        if (function)
            destroy(counted, function);
        spend(&budget, cost_of(counted) + (function ? DESTROY_COST : 0));
        bury(counted);
    }
    return budget;
}

void counted_reap_some(u32 budget) {
    for (; budget && dead_first() && !destructor(dying); budget--) {
        struct counted *counted = dying;
        dying = counted->dead;
        bury(counted);
    }
}

// Out of all slots that hold it, as far as the budget goes.
static int unstore(struct counted *counted, u32 *budget) {
    for (u32 n = 1; counted->stored && *budget; n++) {
        slot_empty(counted->stored);
        if (n % PER_COST == 0)
            (*budget)--;
    }
    return !counted->stored;
}

int counted_forget(struct ext *ext, u32 *budget) {
    struct counted_room *room = &ext->room;
    for (u32 i = 0; room->roots && i < OBJECT_ROOTS; i++)
        slot_empty(&room->roots[i]);
    if (room->roots)
        room->emptied = epoch_now();
    room->roots = NULL;
    while (room->live && *budget) {
        struct counted *counted = room->live;
        if (!unstore(counted, budget))
            return 0;
        slots_empty(counted);
        unname(counted);
        list_remove(counted);
        list_put(&room->gone, counted);
        spend(budget, cost_of(counted));
    }
    *budget = counted_reap(*budget);
    return !room->count && !room->retired && epoch_passed(room->emptied);
}
