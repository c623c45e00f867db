// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects (abi/ext/object.h). Each belongs to an extension, whose account pays for it, and
// dies with it at the latest. References to kernel objects are counted objects of a few kinds.
//
// A struct counted is the header of what extensions see; behind it come its slots, then the fields.
// Its count is of references: those in the table of a run (engine_run.held), and those in slots, of
// objects or roots of extensions. Slots that hold an object are in its list, so that they can be
// emptied when its owner dies.
//
// When the count comes to 0 the object is dead: nobody gets a reference any more, and its slots are
// emptied and its memory is retired by counted_reap, some objects at a time: readers to whom it was
// lent, without a reference, are kernel context below an epoch, or have the lock. Objects of a
// dying owner are gone: out of all slots and names; the last runs that hold one release it soon,
// because only kernel context holds objects of others: a strand, which may be away for long, gets
// those of its own extension alone.
//
// Getting and releasing need no lock. The rest wants the kernel lock.

#ifndef KERNEL_SPIN_COUNTED_H
#define KERNEL_SPIN_COUNTED_H

#include "abi/object.h"
#include "engine/counted.h"
#include "kernel/spin/epoch.h"
#include "kernel/spin/memory.h"

struct ext;
struct counted;

struct counted_slot {
    struct counted *to;
    struct counted_slot *next, **link; // of those that hold it
};

struct counted {
    u32 count;
    u16 size;
    u8 slots, kind; // enum object_kind
    u64 shape;      // of the type
    struct ext *owner;
    struct counted *next, **link; // of the owner's
    struct counted_slot *stored;
    union {
        struct {
            u64 name;                // 0: none
            struct counted *of_name; // the next of the bucket
            struct counted *dead;    // the next dead one
        };
        struct epoch_node node; // nobody finds it any more
    };
    account_id found_by; // its name: by extensions of this account; 0: by all
    u64 reserved[2];
    // Of references to kernel objects; extensions may read id.
    u64 id[];
};
_Static_assert(sizeof(struct counted) == OBJECT_HEADER_BYTES, "as abi/object.h says");
_Static_assert(sizeof(struct counted_slot) == OBJECT_SLOT_BYTES, "as abi/object.h says");

// A type, as an extension's code means it: what typed imports are called with, in R8. Bit 0 of its
// address is set if a strand calls from its own code.
struct counted_type {
    struct ext *ext; // whose code
    u64 shape;
    u16 size;
    u8 slots, kind;
    u32 destroy; // 1 + its destructor among the functions of the extension; 0: none
} __attribute__((aligned(16)));

#define COUNTED_KIND_BYTES 24 // behind the header of a reference to a kernel object

// What an extension has of it.
struct counted_room {
    struct memory memory;
    struct counted *live, *gone;
    struct counted_slot *roots; // OBJECT_ROOTS of them, or null
    i64 error;                  // the latest
    u32 count, names, retired;
    u64 emptied; // the period after which nobody sees the roots any more
};

// A new object with one reference, zeros behind the header. Null: the room's error says why.
struct counted *counted_make(struct ext *ext, const struct counted_type *type);
// Another reference; 0: it is dead, or has too many.
int counted_get(struct counted *counted);
void counted_put(struct counted *counted);
// As a release function of layouts.
void counted_release(struct engine_run *run, u64 reference);

// Is it of that type?
static inline int counted_is(const struct counted *counted, const struct counted_type *type) {
    return counted->kind == type->kind && counted->shape == type->shape &&
           counted->size == type->size && counted->slots == type->slots;
}

// Puts an object with its reference into a slot, or nothing; what was there, with its reference.
struct counted *counted_swap(struct counted_slot *slot, struct counted *with);
// Its slot at that offset; null: none.
struct counted_slot *counted_slot_at(struct counted *counted, u64 offset);
// A root of the extension; null: no such number, or no memory.
struct counted_slot *counted_root(struct ext *ext, u64 number, int make);

// Names it, or takes its name away (0). E_EXIST, E_LIMIT.
i64 counted_name(struct counted *counted, u64 name, u64 flags);
// A reference to the one of that name that the extension may find; null: none.
struct counted *counted_find(const struct counted_type *type, u64 name);

// Buries dead objects, and runs their destructors; what is left of the budget (pages that could be
// given back in that time). Not below a raise.
u32 counted_reap(u32 budget);
int counted_waiting(void); // is there something to do for it?
// The same below a raise: until one has a destructor.
void counted_reap_some(u32 budget);
// The extension dies: its objects are gone, and its roots empty. Whether it has none any more; if
// it has, the budget is used up, or nothing can be done now.
int counted_forget(struct ext *ext, u32 *budget);

#endif
