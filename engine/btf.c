// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// BTF: read, checked, merged, asked, printed. A record is three words (name, info, size or type),
// then words by kind; every word that is a name or a type id is met by btf_walk, which checking and
// merging share.

#include "engine/btf.h"

#include "base/bits.h"
#include "base/checked.h"
#include "base/format.h"
#include "base/string.h"
#include "engine/btf_priv.h"
#include "engine/decode.h"
#include "engine/pool.h"

enum {
    BTF_MAGIC = 0xeb9f,
    BTF_HEADER_BYTES = 24,
    BTF_RECORD_BYTES = 12,
    BTF_CHAIN_MAX = 32,       // modifiers, typedefs and arrays in a row
    BTF_SIZE_MAX = 64u << 20, // types or strings
};

// What the words after the record are, one letter each: n name, t type id, . neither; `each` is
// repeated vlen times.
struct shape {
    const char *head, *each; // head: the third word, then fixed words
};

static const struct shape shapes[] = {
    [ENGINE_BTF_INT] = {"..", ""},         [ENGINE_BTF_PTR] = {"t", ""},
    [ENGINE_BTF_ARRAY] = {".tt.", ""},     [ENGINE_BTF_STRUCT] = {".", "nt."},
    [ENGINE_BTF_UNION] = {".", "nt."},     [ENGINE_BTF_ENUM] = {".", "n."},
    [ENGINE_BTF_FWD] = {".", ""},          [ENGINE_BTF_TYPEDEF] = {"t", ""},
    [ENGINE_BTF_VOLATILE] = {"t", ""},     [ENGINE_BTF_CONST] = {"t", ""},
    [ENGINE_BTF_RESTRICT] = {"t", ""},     [ENGINE_BTF_FUNC] = {"t", ""},
    [ENGINE_BTF_FUNC_PROTO] = {"t", "nt"}, [ENGINE_BTF_VAR] = {"t.", ""},
    [ENGINE_BTF_DATASEC] = {".", "t.."},   [ENGINE_BTF_FLOAT] = {".", ""},
    [ENGINE_BTF_DECL_TAG] = {"t.", ""},    [ENGINE_BTF_TYPE_TAG] = {"t", ""},
    [ENGINE_BTF_ENUM64] = {".", "n.."},
};
enum { BTF_KINDS = sizeof(shapes) / sizeof(shapes[0]) };

static uint32_t record_word(const struct engine_btf *btf, uint32_t id, uint32_t index) {
    return bits_load32(btf->types + btf->offsets[id] + index * 4);
}

static enum engine_btf_kind record_kind(const struct engine_btf *btf, uint32_t id) {
    return id ? (enum engine_btf_kind)(record_word(btf, id, 1) >> 24 & 31) : ENGINE_BTF_VOID;
}

static uint32_t record_vlen(const struct engine_btf *btf, uint32_t id) {
    return record_word(btf, id, 1) & 0xffff;
}

// Bytes of a record whose info word is given; 0 for an unknown kind.
static uint32_t record_size(uint32_t info) {
    uint32_t kind = info >> 24 & 31;
    if (kind >= BTF_KINDS || !shapes[kind].head)
        return 0;
    return 4 * (2 + (uint32_t)strlen(shapes[kind].head) +
                (info & 0xffff) * (uint32_t)strlen(shapes[kind].each));
}

// Meets every name and type id of a record. visit returns false to stop.
typedef bool btf_visitor(void *cookie, uint8_t *word, char what);
static bool btf_walk(const struct engine_btf *btf, uint32_t id, btf_visitor *visit, void *cookie) {
    uint8_t *word = btf->types + btf->offsets[id];
    const struct shape *shape = &shapes[record_kind(btf, id)];
    uint32_t vlen = *shape->each ? record_vlen(btf, id) : 0;
    if (!visit(cookie, word, 'n'))
        return false;
    word += 8;
    for (const char *p = shape->head; *p; p++, word += 4) {
        if (*p != '.' && !visit(cookie, word, *p))
            return false;
    }
    for (; vlen; vlen--) {
        for (const char *p = shape->each; *p; p++, word += 4) {
            if (*p != '.' && !visit(cookie, word, *p))
                return false;
        }
    }
    return true;
}

static bool check_word(void *cookie, uint8_t *word, char what) {
    const struct engine_btf *btf = cookie;
    return bits_load32(word) < (what == 'n' ? btf->strings_size : btf->count);
}

// Counts the records, or with offsets notes where they are. 0 if one is damaged.
static uint32_t scan_records(const struct engine_btf *btf, uint32_t *offsets) {
    uint32_t count = 1;
    for (uint32_t at = 0; at < btf->types_size; count++) {
        if (btf->types_size - at < BTF_RECORD_BYTES)
            return 0;
        uint32_t size = record_size(bits_load32(btf->types + at + 4));
        if (!size || size > btf->types_size - at)
            return 0;
        if (offsets)
            offsets[count] = at;
        at += size;
    }
    return count;
}

static bool kind_is_modifier(enum engine_btf_kind kind) {
    return (kind >= ENGINE_BTF_TYPEDEF && kind <= ENGINE_BTF_RESTRICT) ||
           kind == ENGINE_BTF_TYPE_TAG;
}

// Chains end, and a FUNC's type is a prototype.
static bool check_type(const struct engine_btf *btf, uint32_t id) {
    enum engine_btf_kind kind = record_kind(btf, id);
    if (kind == ENGINE_BTF_FUNC)
        return record_kind(btf, record_word(btf, id, 2)) == ENGINE_BTF_FUNC_PROTO;
    for (unsigned i = 0; i < BTF_CHAIN_MAX; i++) {
        if (kind_is_modifier(kind))
            id = record_word(btf, id, 2);
        else if (kind == ENGINE_BTF_ARRAY)
            id = record_word(btf, id, 3);
        else
            return true;
        kind = record_kind(btf, id);
    }
    return false;
}

// Finds the records and checks everything.
static bool btf_index(const struct engine_host *host, void **pool, struct engine_btf *btf,
                      int *error) {
    *error = ENGINE_REFUSED_BTF;
    btf->count = scan_records(btf, NULL);
    if (!btf->count || !btf->strings_size || btf->strings[0] || btf->strings[btf->strings_size - 1])
        return false;
    btf->offsets = engine_pool_alloc(host, pool, btf->count, sizeof(uint32_t));
    *error = ENGINE_REFUSED_MEMORY;
    if (!btf->offsets)
        return false;
    *error = ENGINE_REFUSED_BTF;
    scan_records(btf, btf->offsets);
    for (uint32_t id = 1; id < btf->count; id++) {
        if (!btf_walk(btf, id, check_word, btf))
            return false;
    }
    for (uint32_t id = 1; id < btf->count; id++) {
        if (!check_type(btf, id))
            return false;
    }
    return true;
}

int engine_btf_load(const struct engine_host *host, void **pool, const uint8_t *bytes, size_t size,
                    struct engine_btf **out, struct engine_refusal *refusal) {
    int error = ENGINE_REFUSED_BTF;
    if (size < BTF_HEADER_BYTES || bits_load16(bytes) != BTF_MAGIC || bytes[2] != 1)
        return engine_refuse(refusal, ENGINE_REFUSED_BTF, ENGINE_NO_PC, 0, 0);
    uint64_t header = bits_load32(bytes + 4);
    uint64_t types = header + bits_load32(bytes + 8), types_size = bits_load32(bytes + 12);
    uint64_t strings = header + bits_load32(bytes + 16), strings_size = bits_load32(bytes + 20);
    if (!checked_range(types, types_size, size) || !checked_range(strings, strings_size, size) ||
        types_size > BTF_SIZE_MAX || strings_size > BTF_SIZE_MAX)
        return engine_refuse(refusal, ENGINE_REFUSED_BTF, ENGINE_NO_PC, (int64_t)header, 0);
    struct engine_btf *btf =
        engine_pool_alloc(host, pool, 1, sizeof(*btf) + types_size + strings_size);
    if (!btf)
        return engine_refuse(refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, (int64_t)size, 0);
    btf->types = (uint8_t *)(btf + 1);
    btf->strings = (char *)btf->types + types_size;
    btf->types_size = (uint32_t)types_size;
    btf->strings_size = (uint32_t)strings_size;
    memcpy(btf->types, bytes + types, types_size);
    memcpy(btf->strings, bytes + strings, strings_size);
    if (!btf_index(host, pool, btf, &error))
        return engine_refuse(refusal, (enum engine_refusal_code)error, ENGINE_NO_PC, 0, 0);
    *out = btf;
    return 0;
}

struct shift {
    uint32_t types, strings;
};

static bool shift_word(void *cookie, uint8_t *word, char what) {
    const struct shift *shift = cookie;
    uint32_t value = bits_load32(word);
    if (what == 'n')
        bits_store32(word, value + shift->strings);
    else if (value)
        bits_store32(word, value + shift->types);
    return true;
}

struct engine_btf *engine_btf_merge(const struct engine_host *host, void **pool,
                                    const struct engine_btf *const *parts, size_t count,
                                    uint32_t *bases, uint32_t *string_bases) {
    uint64_t types_size = 0, strings_size = 1;
    uint32_t types = 1;
    for (size_t i = 0; i < count; i++) {
        bases[i] = types - 1;
        string_bases[i] = (uint32_t)strings_size;
        types_size += parts[i] ? parts[i]->types_size : 0;
        strings_size += parts[i] ? parts[i]->strings_size : 0;
        types += parts[i] ? parts[i]->count - 1 : 0;
        if (types_size > BTF_SIZE_MAX || strings_size > BTF_SIZE_MAX)
            return NULL;
    }
    struct engine_btf *btf =
        engine_pool_alloc(host, pool, 1, sizeof(*btf) + types_size + strings_size);
    uint32_t *offsets = btf ? engine_pool_alloc(host, pool, types, sizeof(uint32_t)) : NULL;
    if (!offsets)
        return NULL;
    *btf = (struct engine_btf){.types = (uint8_t *)(btf + 1),
                               .types_size = (uint32_t)types_size,
                               .strings = (char *)(btf + 1) + types_size,
                               .strings_size = (uint32_t)strings_size,
                               .count = types,
                               .offsets = offsets};
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (!parts[i])
            continue;
        memcpy(btf->types + at, parts[i]->types, parts[i]->types_size);
        memcpy(btf->strings + string_bases[i], parts[i]->strings, parts[i]->strings_size);
        struct shift shift = {bases[i], string_bases[i]};
        for (uint32_t id = 1; id < parts[i]->count; id++) {
            offsets[bases[i] + id] = at + parts[i]->offsets[id];
            btf_walk(btf, bases[i] + id, shift_word, &shift);
        }
        at += parts[i]->types_size;
    }
    return btf;
}

const char *engine_btf_string(const struct engine_btf *btf, uint32_t offset) {
    return offset < btf->strings_size ? btf->strings + offset : "";
}

uint32_t engine_btf_count(const struct engine_btf *btf) {
    return btf->count;
}

struct engine_btf_type engine_btf_get(const struct engine_btf *btf, uint32_t id) {
    if (!id)
        return (struct engine_btf_type){.name = "void"};
    struct engine_btf_type type = {.kind = record_kind(btf, id),
                                   .name = engine_btf_string(btf, record_word(btf, id, 0))};
    const struct shape *shape = &shapes[type.kind];
    uint32_t word = record_word(btf, id, 2);
    if (shape->head[0] == 't')
        type.type = word;
    else
        type.size = word;
    type.count = *shape->each ? record_vlen(btf, id) : 0;
    if (type.kind == ENGINE_BTF_INT)
        type.is_signed = (record_word(btf, id, 3) >> 24 & 1) != 0;
    if (type.kind == ENGINE_BTF_ARRAY) {
        type.type = record_word(btf, id, 3);
        type.count = record_word(btf, id, 5);
        type.size = 0;
    }
    return type;
}

uint32_t engine_btf_strip(const struct engine_btf *btf, uint32_t id) {
    while (kind_is_modifier(record_kind(btf, id)))
        id = record_word(btf, id, 2);
    return id;
}

struct engine_btf_member engine_btf_member(const struct engine_btf *btf, uint32_t id, uint32_t i) {
    enum engine_btf_kind kind = record_kind(btf, id);
    struct engine_btf_member member = {.name = ""};
    if (kind != ENGINE_BTF_STRUCT && kind != ENGINE_BTF_UNION && kind != ENGINE_BTF_FUNC_PROTO)
        return member;
    if (i >= record_vlen(btf, id))
        return member;
    uint32_t at = 3 + i * (kind == ENGINE_BTF_FUNC_PROTO ? 2 : 3);
    member.name = engine_btf_string(btf, record_word(btf, id, at));
    member.type = record_word(btf, id, at + 1);
    if (kind != ENGINE_BTF_FUNC_PROTO) {
        uint32_t offset = record_word(btf, id, at + 2);
        bool has_bitfields = record_word(btf, id, 1) >> 31;
        member.bit_offset = has_bitfields ? offset & 0xffffff : offset;
    }
    return member;
}

uint64_t engine_btf_size(const struct engine_btf *btf, uint32_t id) {
    uint64_t factor = 1;
    for (;;) {
        id = engine_btf_strip(btf, id);
        struct engine_btf_type type = engine_btf_get(btf, id);
        if (type.kind != ENGINE_BTF_ARRAY) {
            uint64_t size = type.kind == ENGINE_BTF_PTR ? 8 : type.size, product;
            return checked_mul(factor, size, &product) ? product : 0;
        }
        if (!checked_mul(factor, type.count, &factor))
            return 0;
        id = type.type;
    }
}

uint32_t engine_btf_find(const struct engine_btf *btf, enum engine_btf_kind kind,
                         const char *name) {
    for (uint32_t id = 1; id < btf->count; id++) {
        if (record_kind(btf, id) == kind &&
            string_equal(engine_btf_string(btf, record_word(btf, id, 0)), name))
            return id;
    }
    return 0;
}

static void print_value(const struct engine_btf *btf, uint32_t id, struct format_text *to) {
    struct engine_btf_type type = engine_btf_get(btf, engine_btf_strip(btf, id));
    bool pointer = type.kind == ENGINE_BTF_PTR;
    if (pointer)
        type = engine_btf_get(btf, engine_btf_strip(btf, type.type));
    const char *star = pointer ? " *" : "";
    switch (type.kind) {
    case ENGINE_BTF_STRUCT:
    case ENGINE_BTF_FWD:
        format_append(to, "struct %s%s", type.name, star);
        return;
    case ENGINE_BTF_UNION:
        format_append(to, "union %s%s", type.name, star);
        return;
    default:
        break;
    }
    if (pointer || type.kind == ENGINE_BTF_VOID)
        format_append(to, "void%s", star);
    else if (type.kind == ENGINE_BTF_INT)
        format_append(to, "%c%u", type.is_signed ? 's' : 'u', type.size * 8);
    else if (type.kind == ENGINE_BTF_ENUM || type.kind == ENGINE_BTF_ENUM64)
        format_append(to, "u%u", type.size * 8);
    else
        format_append(to, "?%u", (unsigned)type.kind);
}

size_t engine_btf_print(const struct engine_btf *btf, uint32_t id, char *text, size_t size) {
    struct format_text to = {text, size, 0};
    struct engine_btf_type type = engine_btf_get(btf, id);
    if (type.kind == ENGINE_BTF_FUNC) {
        id = type.type;
        type = engine_btf_get(btf, id);
    }
    if (type.kind != ENGINE_BTF_FUNC_PROTO) {
        print_value(btf, id, &to);
        return to.length;
    }
    print_value(btf, type.type, &to);
    format_append(&to, "(");
    for (uint32_t i = 0; i < type.count; i++) {
        if (i)
            format_append(&to, ",");
        print_value(btf, engine_btf_member(btf, id, i).type, &to);
    }
    format_append(&to, ")");
    return to.length;
}
