// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What an embedder offers to downloaded code: types, context layouts, imported functions, hooks. An
// interface is constant data that the embedder owns; it must outlive every program made against it.
// The verifier's verdict depends on the program and the interface, and on nothing else (so never on
// addresses, sizes of tables, or the machine).

#ifndef ENGINE_INTERFACE_H
#define ENGINE_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/isa.h"

struct engine_run;

enum engine_type_kind {
    ENGINE_VOID,    // no value; an argument register of this kind is unreadable at entry
    ENGINE_SCALAR,  // a number; `size` bytes significant, the rest zero. `minimum..maximum` with
                    // ENGINE_TYPE_RANGE
    ENGINE_CONTEXT, // pointer to the layout `layout`, valid during the call, rights per field;
                    // never null
    ENGINE_BUFFER, // pointer to `size` bytes, or to as many as argument `length` says (then at most
                   // `size`). As an import's argument: stack, packet, context or arena memory that
                   // the program proves to be there
    ENGINE_PACKET, // first byte of the packet `layout` (a small number that pairs it with its end)
    ENGINE_PACKET_END, // one past its last byte. data <= data_end <= data + size, and neither wraps
    ENGINE_ARENA, // an address in the program's own arena, or any number: every access is masked or
                  // proved. As an import's argument: the import masks it itself (engine_run_arena)
    ENGINE_REFERENCE, // typed, unforgeable pointer to a kernel object of layout `layout`
    ENGINE_CALLABLE,  // a callable value of a local function with the hook's signature `layout`
};

// Flags of struct engine_type.
enum {
    ENGINE_TYPE_READ =
        1 << 0, // BUFFER, PACKET: the program may read (import argument: the import reads)
    ENGINE_TYPE_WRITE =
        1 << 1, // BUFFER, PACKET: the program may write (import argument: the import writes)
    ENGINE_TYPE_NULLABLE =
        1 << 2, // may be 0; as a value to the program: must be compared with 0 before use
    ENGINE_TYPE_ACQUIRE =
        1 << 3, // REFERENCE returned by an import: the program now owns it and must release it
    ENGINE_TYPE_RELEASE =
        1 << 4, // REFERENCE argument of an import: must be owned; the program loses it
    ENGINE_TYPE_RANGE = 1 << 5, // SCALAR: minimum <= value <= maximum, unsigned
    ENGINE_TYPE_SIGNED =
        1 << 6, // SCALAR of size < 8: sign-extended to 64 bits rather than zero-extended
    ENGINE_TYPE_CONSTANT = 1 << 7, // SCALAR argument of an import: must be known when verified
};

struct engine_type {
    uint8_t kind;   // enum engine_type_kind
    uint8_t flags;  // ENGINE_TYPE_*
    uint8_t length; // BUFFER: 1 + index of the argument that holds its length in bytes, or 0
    uint8_t layout; // CONTEXT, REFERENCE: index into layouts; PACKET, PACKET_END: pair; CALLABLE:
                    // index into hooks
    uint32_t size;  // bytes: SCALAR 1, 2, 4, 8 (0 means 8); BUFFER, PACKET see above
    uint64_t minimum, maximum; // SCALAR with ENGINE_TYPE_RANGE
};

// A member of a context or object. Accesses must lie inside one field, with its rights; a narrower
// access to a scalar field is a scalar, a pointer field must be read whole.
struct engine_field {
    const char *name;
    uint32_t offset; // from the start, bytes
    uint32_t
        count; // elements, 1 for a plain member; an array of scalars may be indexed at run time
    struct engine_type
        type; // size is the element's; flags READ and WRITE are the rights to the field
};

struct engine_layout {
    const char *name; // of the C struct: matched against BTF
    uint32_t size;    // bytes
    uint32_t field_count;
    const struct engine_field *fields; // ascending offsets, not overlapping
    // For REFERENCE layouts with ACQUIRE anywhere: gives back what a cancelled program still holds.
    void (*release)(struct engine_run *run, uint64_t reference);
};

enum {
    ENGINE_IMPORT_DETERMINISTIC =
        1 << 0, // result depends on arguments and on memory they point to alone
    ENGINE_IMPORT_PURE =
        1 << 1, // writes nothing and changes no packet: pointers stay valid, facts stay known
    ENGINE_IMPORT_CANCELS =
        1 << 2, // may set run->status: the caller stops if it did (see engine_run)
    ENGINE_IMPORT_MOVES_PACKET = 1
                                 << 3, // packet pointers obtained before the call are dead after it
};

// How the JIT may replace a call of an import.
enum engine_inline {
    ENGINE_INLINE_CALL,     // call it
    ENGINE_INLINE_CONSTANT, // r0 = inline_value
    ENGINE_INLINE_LOAD,     // r0 = *(const volatile uint64_t *)inline_value
};

// Every import is called with the five argument registers and the run it serves.
typedef uint64_t engine_import_function(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
                                        uint64_t r5, struct engine_run *run);

struct engine_import {
    const char *name;
    engine_import_function *function;
    struct engine_type result; // VOID: r0 is unreadable afterwards
    struct engine_type arguments[ENGINE_ARGS];
    uint32_t argument_count;
    uint16_t flags;       // ENGINE_IMPORT_*
    uint16_t inline_kind; // enum engine_inline
    uint64_t inline_value;
    const char *prototype; // optional: C prototype in canonical form (btf.h), compared with the
                           // object's BTF
    // Of a result with ACQUIRE: how it is released. Null: as the interface of the program says that
    // is run, which is right where programs of several interfaces don't call each other directly.
    const struct engine_layout *acquired;
};

// May the import be called directly? Otherwise through engine_run_import (run.h), after which
// run->status must be checked.
static inline bool engine_import_is_plain(const struct engine_import *import) {
    unsigned flags = import->result.flags & ENGINE_TYPE_ACQUIRE;
    for (uint32_t i = 0; i < import->argument_count; i++)
        flags |= import->arguments[i].flags & ENGINE_TYPE_RELEASE;
    return flags == 0 && (import->flags & ENGINE_IMPORT_CANCELS) == 0;
}

// A kind of entry point. An object's global function belongs to the hook whose section its
// section's name equals (or starts with, followed by '/'), else to the hook of its own name.
struct engine_hook {
    const char *name;
    const char *section;       // or NULL
    struct engine_type result; // SCALAR, with RANGE if the caller relies on it; or VOID
    struct engine_type arguments[ENGINE_ARGS];
    uint32_t argument_count;
    uint32_t flags; // ENGINE_HOOK_*
};

enum {
    ENGINE_HOOK_DETERMINISTIC =
        1 << 0, // no undeterministic import, no address in a result, arena read only
    ENGINE_HOOK_BOUNDED = 1 << 1, // a metered loop is refused
};

struct engine_interface {
    const char *name;
    const struct engine_layout *layouts;
    const struct engine_import *imports;
    const struct engine_hook *hooks;
    uint32_t layout_count, import_count, hook_count;
    uint32_t
        arena_log2; // every program has an arena of at least this size; 0: only if it has globals
};

#endif
