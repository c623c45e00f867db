// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// BTF of an object, checked once when loaded: afterwards every id, offset and name in it is in
// range, and chains of modifiers and typedefs end. Id 0 is void.

#ifndef ENGINE_BTF_H
#define ENGINE_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine_btf;

enum engine_btf_kind {
    ENGINE_BTF_VOID = 0,
    ENGINE_BTF_INT = 1,
    ENGINE_BTF_PTR = 2,
    ENGINE_BTF_ARRAY = 3,
    ENGINE_BTF_STRUCT = 4,
    ENGINE_BTF_UNION = 5,
    ENGINE_BTF_ENUM = 6,
    ENGINE_BTF_FWD = 7,
    ENGINE_BTF_TYPEDEF = 8,
    ENGINE_BTF_VOLATILE = 9,
    ENGINE_BTF_CONST = 10,
    ENGINE_BTF_RESTRICT = 11,
    ENGINE_BTF_FUNC = 12,
    ENGINE_BTF_FUNC_PROTO = 13,
    ENGINE_BTF_VAR = 14,
    ENGINE_BTF_DATASEC = 15,
    ENGINE_BTF_FLOAT = 16,
    ENGINE_BTF_DECL_TAG = 17,
    ENGINE_BTF_TYPE_TAG = 18,
    ENGINE_BTF_ENUM64 = 19,
};

struct engine_btf_type {
    enum engine_btf_kind kind;
    const char *name; // "" if none
    uint32_t type; // PTR, TYPEDEF, modifiers, FUNC (its prototype), FUNC_PROTO (result), VAR, ARRAY
                   // (element)
    uint32_t size; // INT, STRUCT, UNION, ENUM, FLOAT, DATASEC: bytes
    uint32_t count; // STRUCT, UNION members; FUNC_PROTO parameters; ARRAY elements; ENUM values
    bool is_signed; // INT
};

uint32_t engine_btf_count(const struct engine_btf *btf); // ids are 0..count-1

// The type with modifiers and typedefs as they are. id must be < count.
struct engine_btf_type engine_btf_get(const struct engine_btf *btf, uint32_t id);

// Skips typedefs, const, volatile, restrict, tags.
uint32_t engine_btf_strip(const struct engine_btf *btf, uint32_t id);

// Member (STRUCT, UNION) or parameter (FUNC_PROTO) i: its name, type and, for members, offset in
// bits.
struct engine_btf_member {
    const char *name;
    uint32_t type, bit_offset;
};
struct engine_btf_member engine_btf_member(const struct engine_btf *btf, uint32_t id, uint32_t i);

// Size in bytes of a value of the type; 0 if it has none. Pointers have 8.
uint64_t engine_btf_size(const struct engine_btf *btf, uint32_t id);

// First type of that kind and name; 0 if none.
uint32_t engine_btf_find(const struct engine_btf *btf, enum engine_btf_kind kind, const char *name);

// Canonical C text of a type, independent of typedefs, parameter names and qualifiers, for
// comparison between objects and with struct engine_import.prototype: for instance "u64(struct
// frame *,u32)". Integers are s8..s64, u8..u64 by size and sign, enums u32, every pointer to an
// integer or void "void *". Returns the length wanted, writes at most size bytes with NUL.
size_t engine_btf_print(const struct engine_btf *btf, uint32_t id, char *text, size_t size);

#endif
