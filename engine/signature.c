// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Types of exported functions. See signature.h.

#include "engine/signature.h"

#define STRUCT_BYTES_MAX 4096

static bool is_number(enum engine_btf_kind kind) {
    return kind == ENGINE_BTF_INT || kind == ENGINE_BTF_ENUM || kind == ENGINE_BTF_ENUM64;
}

// Is the type const, typedefs looked through?
static bool is_const(const struct engine_btf *btf, uint32_t id) {
    for (;;) {
        struct engine_btf_type type = engine_btf_get(btf, id);
        if (type.kind == ENGINE_BTF_CONST)
            return true;
        if (type.kind != ENGINE_BTF_TYPEDEF && type.kind != ENGINE_BTF_VOLATILE)
            return false;
        id = type.type;
    }
}

static bool read_argument(const struct engine_btf *btf, const struct engine_references *references,
                          uint32_t id, struct engine_type *out) {
    struct engine_btf_type type = engine_btf_get(btf, engine_btf_strip(btf, id));
    *out = (struct engine_type){.kind = ENGINE_SCALAR};
    if (is_number(type.kind))
        return true;
    if (type.kind != ENGINE_BTF_PTR)
        return false;
    uint32_t target = engine_btf_strip(btf, type.type);
    int layout = references ? references->layout(references->cookie, btf, target) : -1;
    if (layout != -1) { // what it refers to is written to by whoever has it
        *out = (struct engine_type){.kind = ENGINE_REFERENCE, .layout = (uint8_t)layout};
        return layout >= 0 && !is_const(btf, type.type);
    }
    struct engine_btf_type to = engine_btf_get(btf, target);
    if (to.kind != ENGINE_BTF_STRUCT || !to.size || to.size > STRUCT_BYTES_MAX)
        return false;
    out->kind = ENGINE_BUFFER;
    out->size = to.size;
    out->flags = ENGINE_TYPE_READ | (is_const(btf, type.type) ? 0 : ENGINE_TYPE_WRITE);
    return true;
}

bool engine_signature_read(const struct engine_btf *btf, uint32_t func,
                           const struct engine_references *references, struct engine_type *result,
                           struct engine_type *arguments, uint32_t *count) {
    if (!btf || !func)
        return false;
    uint32_t id = engine_btf_get(btf, func).type;
    struct engine_btf_type proto = engine_btf_get(btf, id);
    struct engine_btf_type returns = engine_btf_get(btf, engine_btf_strip(btf, proto.type));
    if (returns.kind != ENGINE_BTF_VOID && !is_number(returns.kind))
        return false;
    *result =
        (struct engine_type){.kind = returns.kind == ENGINE_BTF_VOID ? ENGINE_VOID : ENGINE_SCALAR};
    if (proto.count > ENGINE_ARGS)
        return false;
    for (uint32_t i = 0; i < proto.count; i++) {
        if (!read_argument(btf, references, engine_btf_member(btf, id, i).type, &arguments[i]))
            return false;
    }
    *count = proto.count;
    return true;
}
