// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From C types to the engine's, for functions that programs export to one another. Numbers are
// taken as 64 bits of anything on either side. A pointer to a structure is the caller's memory of
// that size, which it proves to have and which the callee may read, and write unless it is const;
// it is good until the function returns. Nothing else can be exported: one program's addresses mean
// nothing to another.
//
// Sizes are those of the exporter's types; they bind both sides, so what a type claims can harm
// nobody.

#ifndef ENGINE_SIGNATURE_H
#define ENGINE_SIGNATURE_H

#include "engine/btf.h"
#include "engine/interface.h"

// Which structures are passed as references, borrowed and never null: layout(cookie, btf, id) gives
// the index of the layout, -1 for any other structure, -2 if that one can't be passed.
struct engine_references {
    void *cookie;
    int (*layout)(void *cookie, const struct engine_btf *btf, uint32_t id);
};

// False if the function (a FUNC; 0: not known) has no type that can be exported. Without references
// all structures are memory.
bool engine_signature_read(const struct engine_btf *btf, uint32_t func,
                           const struct engine_references *references, struct engine_type *result,
                           struct engine_type *arguments, uint32_t *count);

#endif
