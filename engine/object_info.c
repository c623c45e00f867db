// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// .BTF.ext, which says where each line and each function's type is, and the types of symbols.
//
// Its two tables have one shape: record size, then per section a name, a count and records whose
// first word is a byte offset in that section. Records beyond what we know of them are skipped.

#include "base/bits.h"
#include "base/checked.h"
#include "base/string.h"
#include "engine/decode.h"
#include "engine/object_priv.h"
#include "engine/pool.h"
#include "engine/sort.h"

enum {
    EXT_HEADER_BYTES = 24,
    EXT_LINE_BYTES = 16,
    EXT_TYPE_BYTES = 8,
    EXT_SECTIONS_MAX = 4096,
    NAMESAKES_MAX = 8
};

struct table {
    const uint8_t *bytes;
    uint32_t size, record_size;
};

struct cursor {
    struct table table;
    uint32_t at;               // next byte in the table
    uint32_t left;             // records left in this section
    uint32_t sections;         // begun so far
    uint32_t slot, slot_count; // where the section's code is
    bool known;                // is it code of ours?
    bool damaged;
};

bool engine_object_code_find(const struct engine_object *object, const char *name, uint32_t *slot,
                             uint32_t *count) {
    for (uint32_t i = 0; i < object->code_count; i++) {
        if (!string_equal(object->codes[i].name, name))
            continue;
        uint32_t end = i + 1 < object->code_count ? object->codes[i + 1].slot : object->slot_count;
        *slot = object->codes[i].slot;
        *count = end - *slot;
        return true;
    }
    return false;
}

static bool table_open(const uint8_t *bytes, size_t size, uint64_t header, uint32_t field,
                       uint32_t record_min, struct table *table) {
    uint64_t offset = header + bits_load32(bytes + field), length = bits_load32(bytes + field + 4);
    *table = (struct table){.bytes = bytes};
    if (!length)
        return true;
    if (!checked_range(offset, length, size) || length < 4)
        return false;
    table->record_size = bits_load32(bytes + offset);
    table->bytes = bytes + offset + 4;
    table->size = (uint32_t)length - 4;
    return table->record_size >= record_min && table->record_size <= 256;
}

static bool next_section(const struct engine_object *object, struct cursor *cursor) {
    if (cursor->at == cursor->table.size)
        return false;
    cursor->damaged = cursor->table.size - cursor->at < 8 || ++cursor->sections > EXT_SECTIONS_MAX;
    if (cursor->damaged)
        return false;
    const uint8_t *p = cursor->table.bytes + cursor->at;
    cursor->at += 8;
    cursor->left = bits_load32(p + 4);
    cursor->damaged =
        (uint64_t)cursor->left * cursor->table.record_size > cursor->table.size - cursor->at;
    cursor->known = engine_object_code_find(object, engine_btf_string(object->btf, bits_load32(p)),
                                            &cursor->slot, &cursor->slot_count);
    return !cursor->damaged;
}

// Next record about code of ours, with its slot. NULL at the end or when damaged.
static const uint8_t *next_record(const struct engine_object *object, struct cursor *cursor,
                                  uint32_t *slot) {
    for (;;) {
        while (!cursor->left) {
            if (!next_section(object, cursor))
                return NULL;
        }
        const uint8_t *record = cursor->table.bytes + cursor->at;
        cursor->at += cursor->table.record_size;
        cursor->left--;
        uint32_t offset = bits_load32(record);
        if (!cursor->known)
            continue;
        cursor->damaged =
            offset % ENGINE_SLOT_BYTES != 0 || offset / ENGINE_SLOT_BYTES >= cursor->slot_count;
        if (cursor->damaged)
            return NULL;
        *slot = cursor->slot + offset / ENGINE_SLOT_BYTES;
        return record;
    }
}

static uint32_t count_records(const struct engine_object *object, struct table table,
                              bool *damaged) {
    struct cursor cursor = {.table = table};
    uint32_t count = 0, slot;
    while (next_record(object, &cursor, &slot))
        count++;
    *damaged = cursor.damaged;
    return count;
}

static int read_lines(struct engine_object *object, struct table table,
                      struct engine_refusal *refusal) {
    bool damaged;
    uint32_t count = count_records(object, table, &damaged), slot;
    if (damaged)
        return engine_refuse(refusal, ENGINE_REFUSED_LINE_INFO, ENGINE_NO_PC, 0, 0);
    object->lines = engine_pool_alloc(&object->host, &object->pool, count, sizeof(*object->lines));
    if (!object->lines)
        return engine_refuse(refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, count, 0);
    struct cursor cursor = {.table = table};
    for (const uint8_t *r; (r = next_record(object, &cursor, &slot));)
        object->lines[object->line_count++] =
            (struct object_line){slot, bits_load32(r + 4), bits_load32(r + 8), bits_load32(r + 12)};
    engine_sort(object->lines, object->line_count, sizeof(*object->lines));
    return 0;
}

static int read_function_types(struct engine_object *object, struct table table,
                               struct engine_refusal *refusal) {
    bool damaged;
    uint32_t count = count_records(object, table, &damaged), slot;
    if (damaged)
        return engine_refuse(refusal, ENGINE_REFUSED_BTF, ENGINE_NO_PC, 0, 0);
    object->types = engine_pool_alloc(&object->host, &object->pool, count, sizeof(*object->types));
    if (!object->types)
        return engine_refuse(refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, count, 0);
    struct cursor cursor = {.table = table};
    for (const uint8_t *r; (r = next_record(object, &cursor, &slot));) {
        uint32_t id = bits_load32(r + 4);
        if (id >= engine_btf_count(object->btf) ||
            engine_btf_get(object->btf, id).kind != ENGINE_BTF_FUNC)
            return engine_refuse(refusal, ENGINE_REFUSED_BTF, ENGINE_NO_PC, id, 0);
        object->types[object->type_count++] = (struct object_type){slot, id};
    }
    engine_sort(object->types, object->type_count, sizeof(*object->types));
    return 0;
}

int engine_object_read_btf_ext(struct engine_object *object, const uint8_t *bytes, size_t size,
                               struct engine_refusal *refusal) {
    struct table lines, types;
    if (size < EXT_HEADER_BYTES || bits_load16(bytes) != 0xeb9f)
        return engine_refuse(refusal, ENGINE_REFUSED_LINE_INFO, ENGINE_NO_PC, 0, 0);
    uint64_t header = bits_load32(bytes + 4);
    // Relocations against another kernel's types ("CO-RE"): this one has none, the code would be
    // wrong.
    if (header >= EXT_HEADER_BYTES + 8 && size >= EXT_HEADER_BYTES + 8 && bits_load32(bytes + 28))
        return engine_refuse(refusal, ENGINE_REFUSED_RELOCATION, ENGINE_NO_PC, 0, 0);
    if (!table_open(bytes, size, header, 8, EXT_TYPE_BYTES, &types) ||
        !table_open(bytes, size, header, 16, EXT_LINE_BYTES, &lines))
        return engine_refuse(refusal, ENGINE_REFUSED_LINE_INFO, ENGINE_NO_PC, (int64_t)header, 0);
    int error = read_function_types(object, types, refusal);
    return error ? error : read_lines(object, lines, refusal);
}

struct named_type {
    uint32_t hash, id;
};

static uint32_t find_function(const struct engine_btf *btf, const struct named_type *types,
                              uint32_t count, const char *name) {
    uint32_t hash = engine_hash_name(name);
    size_t first = engine_search(types, count, sizeof(*types), hash);
    for (size_t i = first; i < count && types[i].hash == hash && i < first + NAMESAKES_MAX; i++) {
        if (strncmp(engine_btf_get(btf, types[i].id).name, name, OBJECT_NAME_MAX) == 0)
            return types[i].id;
    }
    return 0;
}

bool engine_object_type_symbols(struct engine_object *object) {
    if (!object->btf)
        return true;
    void *scratch = NULL;
    uint32_t total = engine_btf_count(object->btf), count = 0;
    struct named_type *types = engine_pool_alloc(&object->host, &scratch, total, sizeof(*types));
    if (!types)
        return false;
    for (uint32_t id = 1; id < total; id++) {
        struct engine_btf_type type = engine_btf_get(object->btf, id);
        if (type.kind == ENGINE_BTF_FUNC)
            types[count++] = (struct named_type){engine_hash_name(type.name), id};
    }
    engine_sort(types, count, sizeof(*types));
    for (uint32_t i = 0; i < object->symbol_count; i++) {
        struct object_symbol *symbol = &object->symbols[i];
        if (symbol->global && (symbol->function || symbol->place == OBJECT_UNDEFINED))
            symbol->btf = find_function(object->btf, types, count, symbol->name);
    }
    engine_pool_free(&object->host, &scratch);
    return true;
}

// ---- what others ask

uint32_t engine_object_symbol_count(const struct engine_object *object) {
    return object->symbol_count;
}

struct engine_symbol engine_object_symbol(const struct engine_object *object, uint32_t index) {
    const struct object_symbol *symbol = &object->symbols[index];
    struct engine_symbol out = {
        .name = symbol->name, .section = symbol->section, .btf = symbol->btf};
    if (!symbol->global || !*symbol->name)
        out.kind = ENGINE_SYMBOL_OTHER;
    else if (symbol->place == OBJECT_UNDEFINED)
        out.kind = ENGINE_SYMBOL_IMPORT;
    else if (symbol->place == OBJECT_CODE && symbol->function)
        out.kind = ENGINE_SYMBOL_FUNCTION;
    else if (symbol->place == OBJECT_DATA)
        out.kind = ENGINE_SYMBOL_DATA;
    return out;
}

const struct engine_btf *engine_object_btf(const struct engine_object *object) {
    return object->btf;
}
