// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Are two functions' types the same, structures and all?

#include "engine/btf.h"
#include "kernel/spin/ext.h"

#define SHAPE_DEPTH 8
#define SHAPE_NODES 2048

struct shape {
    const struct engine_btf *btf;
    u64 hash;
    u32 nodes;
};

static void shape_mix(struct shape *s, u64 value) {
    s->hash = (s->hash ^ value) * 0x100000001b3ul;
    s->hash ^= s->hash >> 29;
}

static void shape_type(struct shape *s, u32 id, u32 depth);

static void shape_members(struct shape *s, u32 id, u32 count, u32 depth) {
    for (u32 i = 0; i < count && s->nodes < SHAPE_NODES; i++) {
        struct engine_btf_member member = engine_btf_member(s->btf, id, i);
        shape_mix(s, ext_hash(member.name));
        shape_mix(s, member.bit_offset);
        shape_type(s, member.type, depth + 1);
    }
}

// What pointers in structures point to is not followed: nobody can use them.
static void shape_type(struct shape *s, u32 id, u32 depth) {
    id = engine_btf_strip(s->btf, id);
    struct engine_btf_type type = engine_btf_get(s->btf, id);
    shape_mix(s, type.kind);
    shape_mix(s, type.size);
    if (s->nodes++ >= SHAPE_NODES || depth > SHAPE_DEPTH)
        return;
    if (type.kind == ENGINE_BTF_INT)
        shape_mix(s, type.is_signed);
    if (type.kind == ENGINE_BTF_ARRAY) {
        shape_mix(s, type.count);
        shape_type(s, type.type, depth + 1);
    }
    if (type.kind == ENGINE_BTF_PTR && !depth)
        shape_type(s, type.type, depth + 1);
    if (type.kind == ENGINE_BTF_STRUCT || type.kind == ENGINE_BTF_UNION)
        shape_members(s, id, type.count, depth);
}

u64 ext_struct_shape(const struct engine_btf *btf, u32 id) {
    struct shape s = {btf, 0xcbf29ce484222325ul, 0};
    shape_type(&s, id, 0);
    return s.hash;
}

u64 ext_type_shape(const struct engine_btf *btf, u32 func) {
    struct shape s = {btf, 0xcbf29ce484222325ul, 0};
    if (!btf || !func)
        return 0;
    u32 id = engine_btf_get(btf, func).type;
    struct engine_btf_type proto = engine_btf_get(btf, id);
    shape_type(&s, proto.type, 1);
    for (u32 i = 0; i < proto.count && i < ENGINE_ARGS; i++)
        shape_type(&s, engine_btf_member(btf, id, i).type, 0);
    return s.hash;
}
