// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside the engine: an object, as the ELF loader (object.c), the linker (link.c) and the program
// builder (program.c) share it.
//
// All code sections stand in one array of wire slots, all data sections in one arena image. Symbols
// say where things are; refs say which instructions and data words mean symbols. The fields on the
// wire that a ref fills in later have been cleared (calls: src 1, imm -1), so that the slots decode
// by themselves.

#ifndef ENGINE_OBJECT_PRIV_H
#define ENGINE_OBJECT_PRIV_H

#include "engine/btf_priv.h"
#include "engine/engine.h"

enum { OBJECT_NAME_MAX = 512 }; // longer names count as none

enum object_place { OBJECT_NOWHERE, OBJECT_UNDEFINED, OBJECT_CODE, OBJECT_DATA };

struct object_symbol {
    const char *name;
    const char *section; // that it is defined in, or ""
    uint8_t place;       // enum object_place
    bool function;       // STT_FUNC
    bool global;
    uint32_t value; // CODE: slot; DATA: arena offset
    uint32_t btf;   // FUNC of that name (global or undefined functions); 0 if unknown
};

struct object_ref {
    uint32_t slot;   // of a call or a ld_imm64
    uint32_t symbol; // index
    int64_t addend;  // CODE: slots; DATA: bytes
};

struct object_data_ref {
    uint32_t offset; // of a 64-bit word in the arena image
    uint32_t symbol;
    int64_t addend;
};

// Sorted by slot.
struct object_line {
    uint32_t slot, file, text; // file, text: offsets in BTF strings
    uint32_t place;            // line << 10 | column
};
struct object_type {
    uint32_t slot, btf; // FUNC of the function that begins at slot
};
struct object_code {
    uint32_t slot;
    const char *name; // of the section that begins there
};

struct engine_object {
    struct engine_host host;
    void *pool;
    bool bare; // from instructions, not from ELF: import numbers mean indices of the interface
    uint32_t slot_count, symbol_count, ref_count, data_ref_count, line_count, type_count,
        code_count;
    uint8_t *slots;
    struct object_symbol *symbols;
    struct object_ref *refs;
    struct object_data_ref *data_refs;
    struct object_line *lines;
    struct object_type *types;
    struct object_code *codes;
    uint8_t *image; // of the arena
    uint64_t image_size, arena_used;
    uint32_t stack_limit;
    struct engine_btf *btf; // or NULL
};

// .BTF.ext: lines and function types. Slots are found by section name in object->codes.
int engine_object_read_btf_ext(struct engine_object *object, const uint8_t *bytes, size_t size,
                               struct engine_refusal *refusal);

// FUNC type of each global or undefined function symbol, by name. False if there is no memory.
bool engine_object_type_symbols(struct engine_object *object);

// Start slot and size of the code section with that name; false if there is none.
bool engine_object_code_find(const struct engine_object *object, const char *name, uint32_t *slot,
                             uint32_t *count);

#endif
