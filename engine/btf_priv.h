// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside the engine: making BTF. See btf.h for what holds afterwards.

#ifndef ENGINE_BTF_PRIV_H
#define ENGINE_BTF_PRIV_H

#include "engine/btf.h"
#include "engine/engine.h"

struct engine_btf {
    uint8_t *types; // records, one after the other
    char *strings;  // NUL at both ends
    uint32_t types_size, strings_size;
    uint32_t count;    // types, with void
    uint32_t *offsets; // of each record in types; offsets[0] is not used
};

// Checks the section and copies it into the pool.
int engine_btf_load(const struct engine_host *host, void **pool, const uint8_t *bytes, size_t size,
                    struct engine_btf **btf, struct engine_refusal *refusal);

// All types and strings of parts[0..count), in order, in one; a part may be NULL. bases[i] and
// string_bases[i] are what is to be added to non-zero ids and to string offsets of part i. NULL if
// there is no memory or it would be too large.
struct engine_btf *engine_btf_merge(const struct engine_host *host, void **pool,
                                    const struct engine_btf *const *parts, size_t count,
                                    uint32_t *bases, uint32_t *string_bases);

// String at offset; "" if that is out of range.
const char *engine_btf_string(const struct engine_btf *btf, uint32_t offset);

#endif
