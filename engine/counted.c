// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Counted objects in the types of a program. See counted.h.

#include "engine/counted.h"

#include "base/string.h"

static const char *const kinds[] = {
#define KIND(constant, name) #name,
    OBJECT_KINDS(KIND)
#undef KIND
};
#define KINDS (sizeof kinds / sizeof *kinds)

// --- structures ----------------------------------------------------------------------------------

static bool is_struct(const struct engine_btf *btf, uint32_t id, const char *name, uint32_t size) {
    struct engine_btf_type type = engine_btf_get(btf, engine_btf_strip(btf, id));
    return type.kind == ENGINE_BTF_STRUCT && type.size == size && string_equal(type.name, name);
}

// How many slots the member is.
static uint32_t slots_of(const struct engine_btf *btf, uint32_t id) {
    struct engine_btf_type type = engine_btf_get(btf, engine_btf_strip(btf, id));
    uint32_t count = 1;
    if (type.kind == ENGINE_BTF_ARRAY) {
        count = type.count;
        id = type.type;
    }
    return is_struct(btf, id, "object_slot", OBJECT_SLOT_BYTES) ? count : 0;
}

static int kind_named(const char *name) {
    for (uint32_t i = 0; i < KINDS; i++)
        if (string_equal(kinds[i], name))
            return (int)i;
    return -1;
}

bool engine_counted_is(const struct engine_btf *btf, uint32_t id) {
    struct engine_btf_type type = engine_btf_get(btf, id);
    if (type.kind != ENGINE_BTF_STRUCT && type.kind != ENGINE_BTF_FWD)
        return false;
    if (kind_named(type.name) >= 0)
        return true;
    if (type.kind != ENGINE_BTF_STRUCT || !type.count)
        return false;
    struct engine_btf_member first = engine_btf_member(btf, id, 0);
    return first.bit_offset == 0 && is_struct(btf, first.type, "object", OBJECT_HEADER_BYTES);
}

static bool read_type(const struct engine_btf *btf, uint32_t id, struct engine_counted_type *out) {
    struct engine_btf_type type = engine_btf_get(btf, id);
    uint32_t slots = 0, i = 1, more;
    if (type.size > OBJECT_BYTES)
        return false;
    for (; i < type.count; i++) {
        struct engine_btf_member member = engine_btf_member(btf, id, i);
        more = slots_of(btf, member.type);
        if (!more)
            break;
        if (member.bit_offset != (OBJECT_HEADER_BYTES + slots * OBJECT_SLOT_BYTES) * 8 ||
            more > OBJECT_SLOTS - slots)
            return false;
        slots += more;
    }
    for (; i < type.count; i++)
        if (slots_of(btf, engine_btf_member(btf, id, i).type))
            return false;
    if (OBJECT_HEADER_BYTES + slots * OBJECT_SLOT_BYTES > type.size)
        return false;
    *out = (struct engine_counted_type){id, (uint16_t)type.size, (uint8_t)slots, OBJECT_COUNTED};
    return true;
}

static int find(const struct engine_counted *counted, const struct engine_btf *btf, uint32_t id) {
    const char *name = engine_btf_get(btf, id).name;
    for (uint32_t i = KINDS; i < counted->count; i++)
        if (counted->types[i].btf == id || (engine_btf_get(btf, id).kind == ENGINE_BTF_FWD &&
                                            string_equal(counted->layouts[i].name, name)))
            return (int)i;
    return -1;
}

int engine_counted_layout(struct engine_counted *counted, const struct engine_btf *btf,
                          uint32_t id) {
    struct engine_counted_type type;
    id = engine_btf_strip(btf, id);
    if (!engine_counted_is(btf, id))
        return -1;
    const char *name = engine_btf_get(btf, id).name;
    int at = kind_named(name);
    if (at < 0)
        at = find(counted, btf, id);
    if (at >= 0)
        return at;
    if (counted->count == ENGINE_COUNTED_TYPES || !read_type(btf, id, &type))
        return -2;
    at = (int)counted->count++;
    uint32_t start = OBJECT_HEADER_BYTES + type.slots * OBJECT_SLOT_BYTES;
    counted->types[at] = type;
    counted->fields[at] = (struct engine_field){
        .name = name,
        .offset = start,
        .count = type.size - start,
        .type = {.kind = ENGINE_SCALAR, .size = 1, .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE}};
    counted->layouts[at] = (struct engine_layout){.name = name,
                                                  .size = type.size,
                                                  .field_count = type.size > start,
                                                  .fields = &counted->fields[at],
                                                  .release = counted->layouts[0].release};
    return at;
}

// The first word behind the header of a kind of the kernel's is the name of what it refers to.
void engine_counted_init(struct engine_counted *counted,
                         void (*release)(struct engine_run *run, uint64_t reference)) {
    memset(counted, 0, sizeof *counted);
    counted->count = KINDS;
    for (uint32_t i = 0; i < KINDS; i++) {
        counted->types[i].kind = (uint8_t)(i + 1);
        counted->fields[i] =
            (struct engine_field){.name = "id",
                                  .offset = OBJECT_HEADER_BYTES,
                                  .count = 1,
                                  .type = {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_READ}};
        counted->layouts[i] = (struct engine_layout){.name = kinds[i],
                                                     .size = OBJECT_HEADER_BYTES + 8,
                                                     .field_count = 1,
                                                     .fields = &counted->fields[i],
                                                     .release = release};
    }
}

// --- imports -------------------------------------------------------------------------------------

// The result and the arguments, a letter each: v nothing, n number, t the type as a reference, r
// given away, a null or acquired, b null or lent, z null or given away, o a reference to any type.
static const struct {
    const char *prefix, *shape;
} ops[ENGINE_COUNTED_OPS] = {
    [ENGINE_COUNTED_NEW] = {"object_new__", "a"},
    [ENGINE_COUNTED_GET] = {"object_get__", "at"},
    [ENGINE_COUNTED_PUT] = {"object_put__", "vr"},
    [ENGINE_COUNTED_SWAP] = {"object_swap__", "anz"},
    [ENGINE_COUNTED_LOAD] = {"object_load__", "an"},
    [ENGINE_COUNTED_READ] = {"object_read__", "bn"},
    [ENGINE_COUNTED_SWAP_IN] = {"object_swap_in__", "aonz"},
    [ENGINE_COUNTED_LOAD_IN] = {"object_load_in__", "aon"},
    [ENGINE_COUNTED_READ_IN] = {"object_read_in__", "bon"},
    [ENGINE_COUNTED_NAME] = {"object_name__", "ntnn"},
    [ENGINE_COUNTED_FIND] = {"object_find__", "an"},
};

enum engine_counted_op engine_counted_op(const char *name) {
    for (uint32_t i = 1; i < ENGINE_COUNTED_OPS; i++)
        if (!strncmp(name, ops[i].prefix, strlen(ops[i].prefix)))
            return (enum engine_counted_op)i;
    return ENGINE_COUNTED_NONE;
}

static uint8_t flags_of(char letter) {
    switch (letter) {
    case 'r':
        return ENGINE_TYPE_RELEASE;
    case 'z':
        return ENGINE_TYPE_RELEASE | ENGINE_TYPE_NULLABLE;
    case 'a':
        return ENGINE_TYPE_ACQUIRE | ENGINE_TYPE_NULLABLE;
    case 'b':
        return ENGINE_TYPE_NULLABLE;
    default:
        return 0;
    }
}

struct reading {
    const struct engine_references *references;
    const struct engine_btf *btf;
    int about; // the layout; -1: not yet known
};

// Is the type of a parameter, or of the result, what the letter says?
static bool fits(struct reading *r, uint32_t id, char letter, struct engine_type *out) {
    struct engine_btf_type type = engine_btf_get(r->btf, engine_btf_strip(r->btf, id));
    if (letter == 'v') {
        *out = (struct engine_type){.kind = ENGINE_VOID};
        return type.kind == ENGINE_BTF_VOID;
    }
    if (letter == 'n') {
        *out = (struct engine_type){.kind = ENGINE_SCALAR};
        return type.kind == ENGINE_BTF_INT && type.size == 8;
    }
    int layout = type.kind == ENGINE_BTF_PTR
                     ? r->references->layout(r->references->cookie, r->btf, type.type)
                     : -1;
    if (layout < 0)
        return false;
    *out = (struct engine_type){
        .kind = ENGINE_REFERENCE, .layout = (uint8_t)layout, .flags = flags_of(letter)};
    if (letter != 'o' && r->about < 0)
        r->about = layout;
    return letter == 'o' || r->about == layout;
}

bool engine_counted_import(const struct engine_counted *counted,
                           const struct engine_references *references, enum engine_counted_op op,
                           const struct engine_btf *btf, uint32_t func,
                           struct engine_import *import) {
    const char *shape = ops[op].shape;
    struct reading r = {references, btf, -1};
    if (!btf || !func)
        return false;
    uint32_t proto = engine_btf_get(btf, func).type;
    struct engine_btf_type declared = engine_btf_get(btf, proto);
    if (declared.count != strlen(shape) - 1 || !fits(&r, declared.type, shape[0], &import->result))
        return false;
    for (uint32_t i = 0; i < declared.count; i++)
        if (!fits(&r, engine_btf_member(btf, proto, i).type, shape[i + 1], &import->arguments[i]))
            return false;
    import->argument_count = declared.count;
    import->acquired = import->result.flags & ENGINE_TYPE_ACQUIRE
                           ? &counted->layouts[import->result.layout]
                           : NULL;
    return op != ENGINE_COUNTED_NEW || counted->types[r.about].kind == OBJECT_COUNTED;
}
