// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From C types to the engine's, for functions that extensions export. Numbers are taken as 64 bits
// of anything on either side. A pointer to a structure is the caller's memory of that size, which
// it proves to have and which the callee may read, and write unless it is const; it is good until
// the function returns. Nothing else can be exported: one extension's addresses mean nothing to
// another.
//
// Sizes are those of the exporter's types; they bind both sides, so what a type claims can harm
// nobody.

#include "engine/btf.h"
#include "kernel/spin/ext.h"

#define STRUCT_BYTES_MAX 4096

static int is_number(enum engine_btf_kind kind) {
    return kind == ENGINE_BTF_INT || kind == ENGINE_BTF_ENUM || kind == ENGINE_BTF_ENUM64;
}

// Is the type const, typedefs looked through?
static int is_const(const struct engine_btf *btf, u32 id) {
    for (;;) {
        struct engine_btf_type type = engine_btf_get(btf, id);
        if (type.kind == ENGINE_BTF_CONST)
            return 1;
        if (type.kind != ENGINE_BTF_TYPEDEF && type.kind != ENGINE_BTF_VOLATILE)
            return 0;
        id = type.type;
    }
}

static int type_argument(const struct engine_btf *btf, u32 id, struct engine_type *out) {
    struct engine_btf_type type = engine_btf_get(btf, engine_btf_strip(btf, id));
    *out = (struct engine_type){.kind = ENGINE_SCALAR};
    if (is_number(type.kind))
        return 0;
    if (type.kind != ENGINE_BTF_PTR)
        return -E_INVAL;
    struct engine_btf_type to = engine_btf_get(btf, engine_btf_strip(btf, type.type));
    if (to.kind != ENGINE_BTF_STRUCT || !to.size || to.size > STRUCT_BYTES_MAX)
        return -E_INVAL;
    out->kind = ENGINE_BUFFER;
    out->size = to.size;
    out->flags = ENGINE_TYPE_READ | (is_const(btf, type.type) ? 0 : ENGINE_TYPE_WRITE);
    return 0;
}

int ext_type_function(const struct engine_btf *btf, u32 func, struct engine_type *result,
                      struct engine_type *arguments, u32 *count) {
    if (!btf || !func)
        return -E_INVAL;
    u32 id = engine_btf_get(btf, func).type;
    struct engine_btf_type proto = engine_btf_get(btf, id);
    struct engine_btf_type returns = engine_btf_get(btf, engine_btf_strip(btf, proto.type));
    if (returns.kind != ENGINE_BTF_VOID && !is_number(returns.kind))
        return -E_INVAL;
    *result =
        (struct engine_type){.kind = returns.kind == ENGINE_BTF_VOID ? ENGINE_VOID : ENGINE_SCALAR};
    if (proto.count > ENGINE_ARGS)
        return -E_INVAL;
    for (u32 i = 0; i < proto.count; i++) {
        int error = type_argument(btf, engine_btf_member(btf, id, i).type, &arguments[i]);
        if (error)
            return error;
    }
    *count = proto.count;
    return 0;
}

// --- shapes --------------------------------------------------------------------------------------

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
