// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Objects of extensions, damaged on purpose: a part of one that means something to the loader (its
// types, line numbers, relocations, names, code, data, …), or any bytes at all.

#ifndef TESTS_GUEST_DAMAGE_H
#define TESTS_GUEST_DAMAGE_H

#include "abi/types.h"

// Of what: a name for people, and the sections that are meant (null: all bytes).
#define DAMAGES(X)                                                                                 \
    X(TYPES, "types (.BTF)")                                                                       \
    X(LINES, "line numbers (.BTF.ext)")                                                            \
    X(RELOCATIONS, "relocations")                                                                  \
    X(SYMBOLS, "symbols")                                                                          \
    X(NAMES, "names of sections and symbols")                                                      \
    X(HEADERS, "headers of sections")                                                              \
    X(GUARDS, "code of guards")                                                                    \
    X(CODE, "other code")                                                                          \
    X(DATA, "data (maps)")                                                                         \
    X(CUT, "cut off")                                                                              \
    X(NOISE, "noise")                                                                              \
    X(ANY, "any bytes")

enum damage {
#define DAMAGE(name, text) DAMAGE_##name,
    DAMAGES(DAMAGE)
#undef DAMAGE
        DAMAGE_KINDS
};
extern const char *const damage_names[DAMAGE_KINDS];

struct damage_object {
    const char *from, *end;
};

#define DAMAGE_BYTES 65536

// Fills `to` (DAMAGE_BYTES) with a damaged copy of one of the objects. Returns its bytes; 0: none
// of them has such a part.
u64 damage_make(u8 *to, enum damage kind, const struct damage_object *objects, u64 count);

// A symbol of a good object gets the name of another one, or its place.
void damage_symbol(u8 *object, const char *name, const char *other, int place);

#endif
