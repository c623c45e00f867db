// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects of extensions, and references to objects of the kernel: what the header for
// extensions (abi/ext/object.h), the engine and the kernel agree on.

#ifndef ABI_OBJECT_H
#define ABI_OBJECT_H

#include "abi/types.h"

#define OBJECT_HEADER_BYTES 96u   // struct object: the first member of a counted structure
#define OBJECT_SLOT_BYTES   24u   // struct object_slot: directly behind it, for references
#define OBJECT_SLOTS        8u    // of a structure, at most
#define OBJECT_BYTES        2048u // of a structure, at most
#define OBJECT_ROOTS        64u   // places for references that an extension has

// Structures of these names are references to objects of the kernel.
#define OBJECT_KINDS(KIND)                                                                         \
    KIND(ENV, env_ref)                                                                             \
    KIND(SPACE, space_ref)                                                                         \
    KIND(FRAME, frame_ref)                                                                         \
    KIND(SLICE, slice_ref)                                                                         \
    KIND(EXT, ext_ref)

enum object_kind {
    OBJECT_COUNTED, // an extension's own
#define KIND(constant, name) OBJECT_##constant,
    OBJECT_KINDS(KIND)
#undef KIND
        OBJECT_KIND_COUNT
};

#define OBJECT_DESTROY_COST 1000u // instructions that a destructor may take

// Of object_name.
#define OBJECT_NAME_PUBLIC 1u // extensions of all accounts find it

#endif
