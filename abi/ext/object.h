// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects, for extensions (docs/extensions.md). A structure that begins with a struct
// object is one: it is made by the kernel, lives as long as somebody has a reference to it, and is
// charged to whoever made it, with whom it dies at the latest.
//
//     struct session { struct object object; struct object_slot peer; u64 packets; };
//     OBJECT(session)
//     …
//     struct session *s = object_new(session);    null: object_error() says why
//     if (!s) return …;
//     s->packets++;                               fields are read and written directly
//     object_put(session, s);                     once, on every path
//
// A reference is in registers and on the stack, and nowhere else, but for slots of the kernel's:
// those that structures have behind their header, and the OBJECT_ROOTS roots of an extension. What
// goes into a slot is given away; object_swap gives what was in it, object_load another reference
// to it. object_read lends it, until the function returns, which costs nothing and is not for
// strands. Extensions share objects by lending them to handlers, EVENT(u64, closed, (struct session
// *s)), and by names.
//
// Strands get references to objects of their own extension only; handlers and entries to any.

#ifndef ABI_EXT_OBJECT_H
#define ABI_EXT_OBJECT_H

#include "abi/errors.h"
#include "abi/ext/extension.h"
#include "abi/object.h"

struct object {
    u64 opaque[OBJECT_HEADER_BYTES / 8];
};

struct object_slot {
    u64 opaque[OBJECT_SLOT_BYTES / 8];
};

// What is imported is typed: each structure has functions of its own.
#define OBJECT(type)                                                                               \
    extern struct type *object_new__##type(void);                                                  \
    OBJECT_REFERENCE(type)
#define OBJECT_REFERENCE(type)                                                                     \
    extern struct type *object_get__##type(struct type *object);                                   \
    extern void object_put__##type(struct type *object);                                           \
    extern struct type *object_swap__##type(u64 root, struct type *with);                          \
    extern struct type *object_load__##type(u64 root);                                             \
    extern struct type *object_read__##type(u64 root);                                             \
    extern i64 object_name__##type(struct type *object, u64 name, u64 flags);                      \
    extern struct type *object_find__##type(u64 name);
// For slots of structure `in` that have references to `type`.
#define OBJECT_IN(in, type)                                                                        \
    extern struct type *object_swap_in__##in##__##type(struct in *object, u64 slot,                \
                                                       struct type *with);                         \
    extern struct type *object_load_in__##in##__##type(struct in *object, u64 slot);               \
    extern struct type *object_read_in__##in##__##type(struct in *object, u64 slot);

// A new one, all zeros. NOMEM; DEAD: the extension is ending.
#define object_new(type) object_new__##type()
// Another reference. LIMIT: too many; RIGHTS: for strands.
#define object_get(type, object) object_get__##type(object)
#define object_put(type, object) object_put__##type(object)
// Roots: 0 to OBJECT_ROOTS - 1. `with` may be null. If it can't be put there it is released, and
// null returned: RANGE (no such slot), TYPE (something else is in it), NOMEM, DEAD (its owner
// ends).
#define object_swap(type, root, with) object_swap__##type(root, with)
#define object_load(type, root)       object_load__##type(root)
#define object_read(type, root)       object_read__##type(root)
#define object_swap_in(in, object, slot, type, with)                                               \
    object_swap_in__##in##__##type(object, __builtin_offsetof(struct in, slot), with)
#define object_load_in(in, object, slot, type)                                                     \
    object_load_in__##in##__##type(object, __builtin_offsetof(struct in, slot))
#define object_read_in(in, object, slot, type)                                                     \
    object_read_in__##in##__##type(object, __builtin_offsetof(struct in, slot))
// Lets extensions of the same account find it by that number, or all (OBJECT_NAME_PUBLIC), as long
// as it lives: a name is no reference. 0: not any more. EXIST, LIMIT (64 names), RIGHTS (not ours).
#define object_name(type, object, name, flags) object_name__##type(object, name, flags)
// STALE: none of that name and type.
#define object_find(type, name) object_find__##type(name)

// Runs when an object of that type is dead, some time after the last reference went: in kernel
// context, for at most OBJECT_DESTROY_COST instructions, and not when the extension itself ends. It
// can take out what is in the object's slots; nobody gets a reference to the object any more.
#define DESTROY(type, name, arguments) EXT_SECTION("destroy/" #type) void name arguments

// Why the latest of these that this extension called returned null.
extern i64 object_error(void);

// --- objects of the kernel -----------------------------------------------------------------------
//
// References to envs, spaces, frames, slices and extensions are counted objects of the acquiring
// extension; object_get, object_put, slots and lending work as with others, by the structures'
// names: object_put(env_ref, e). `cap` is a slot of the loader's env that covers the object. What
// is done through a reference is checked against that slot each time, also when another extension
// does it to whom the reference was lent: RIGHTS, CAP, or STALE when the object is gone, DEAD when
// whoever acquired it is ending. All return 0 or more, or a negative error.

struct env_ref {
    struct object object;
    const u64 id;
};
struct space_ref {
    struct object object;
    const u64 id;
};
struct frame_ref {
    struct object object;
    const u64 id;
};
struct slice_ref {
    struct object object;
    const u64 id;
};
struct ext_ref {
    struct object object;
    const u64 id;
};
OBJECT_REFERENCE(env_ref)
OBJECT_REFERENCE(space_ref)
OBJECT_REFERENCE(frame_ref)
OBJECT_REFERENCE(slice_ref)
OBJECT_REFERENCE(ext_ref)

extern struct env_ref *env_acquire(u64 cap, u64 env);
extern struct env_ref *env_acquire_watched(u64 env); // one that this extension watches (watch.h)
extern struct space_ref *space_acquire(u64 cap, u64 space);
extern struct frame_ref *frame_acquire(u64 cap, u64 frame);
extern struct slice_ref *slice_acquire(u64 cap, u64 slice);
extern struct ext_ref *ext_acquire(u64 cap, u64 ext);

extern i64 env_ref_wake(struct env_ref *env);                      // needs WAKE
extern i64 env_ref_word(struct env_ref *env, u64 offset, u64 *to); // of its row (abi_env)
extern i64 space_ref_read(struct space_ref *space, u64 va, void *to, u64 bytes); // as space_read
extern i64 space_ref_write(struct space_ref *space, u64 va, const void *from, u64 bytes);
extern i64 frame_ref_read(struct frame_ref *frame, u64 offset, void *to, u64 bytes); // as phys_read
extern i64 frame_ref_write(struct frame_ref *frame, u64 offset, const void *from, u64 bytes);
extern u64 frame_ref_owner(struct frame_ref *frame);                       // the account; 0: gone
extern i64 slice_ref_assign(struct slice_ref *slice, struct env_ref *env); // CONTROL on both
extern u64 ext_ref_state(struct ext_ref *ext);                             // enum ext_state

#endif
