// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects in the types of a program (abi/ext/object.h). A structure whose first member is a
// `struct object` is one: programs have references to it and nothing else. Behind the header are
// its slots (struct object_slot), which only imports reach; what follows is read and written. A
// structure with the name of a kind of the kernel's (abi/object.h) is that kind, whatever it has.
//
// Imports that deal with such references are made from the program's own declaration: their name
// begins with what they do, object_put__session, and the declared type says to what.

#ifndef ENGINE_COUNTED_H
#define ENGINE_COUNTED_H

#include "abi/object.h"
#include "engine/btf.h"
#include "engine/interface.h"
#include "engine/signature.h"

#define ENGINE_COUNTED_TYPES 16 // of one program, with those of the kernel

enum engine_counted_op {
    ENGINE_COUNTED_NONE, // no such import
    ENGINE_COUNTED_NEW,
    ENGINE_COUNTED_GET,
    ENGINE_COUNTED_PUT,
    ENGINE_COUNTED_SWAP,
    ENGINE_COUNTED_LOAD,
    ENGINE_COUNTED_READ,
    ENGINE_COUNTED_SWAP_IN,
    ENGINE_COUNTED_LOAD_IN,
    ENGINE_COUNTED_READ_IN,
    ENGINE_COUNTED_NAME,
    ENGINE_COUNTED_FIND,
    ENGINE_COUNTED_OPS
};

struct engine_counted_type {
    uint32_t btf; // its STRUCT; 0: a kind of the kernel's that was not met
    uint16_t size;
    uint8_t slots;
    uint8_t kind; // enum object_kind
};

// Types of one program; the index is that of the layout. The kernel's kinds come first.
struct engine_counted {
    uint32_t count;
    struct engine_counted_type types[ENGINE_COUNTED_TYPES];
    struct engine_layout layouts[ENGINE_COUNTED_TYPES];
    struct engine_field fields[ENGINE_COUNTED_TYPES];
};

void engine_counted_init(struct engine_counted *counted,
                         void (*release)(struct engine_run *run, uint64_t reference));

// The layout of that structure, which is added if it is new; -1: it is no counted one; -2: it can
// be none: slots elsewhere than behind the header, too large, too many types.
int engine_counted_layout(struct engine_counted *counted, const struct engine_btf *btf,
                          uint32_t id);
// Would it be one?
bool engine_counted_is(const struct engine_btf *btf, uint32_t id);

// What a name begins with.
enum engine_counted_op engine_counted_op(const char *name);
// The import that the function `func` of the object declares, with layouts from references. False:
// the declaration is none of that operation.
bool engine_counted_import(const struct engine_counted *counted,
                           const struct engine_references *references, enum engine_counted_op op,
                           const struct engine_btf *btf, uint32_t func,
                           struct engine_import *import);

#endif
