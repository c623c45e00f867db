// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The linker: several objects become one. Code and arena images stand one after the other (so arena
// contents keep their alignment, each part begins at a page); symbols, references, lines and types
// move along. An undefined symbol takes the place of the global definition of its name, if one of
// the objects has it and their types agree; otherwise it stays an import.

#include "base/bits.h"
#include "base/checked.h"
#include "base/format.h"
#include "base/string.h"
#include "engine/decode.h"
#include "engine/object_priv.h"
#include "engine/pool.h"
#include "engine/sort.h"

enum { LINK_OBJECTS_MAX = 64, LINK_ALIGN = 4096, LINK_NAMESAKES_MAX = 64 };

// Where an object's parts begin in the result.
struct base {
    uint32_t slot, symbol, arena, type, string;
};

struct linker {
    struct engine_object *const *objects;
    size_t count;
    struct engine_object *out;
    struct engine_refusal *refusal;
    void *scratch;
    struct base bases[LINK_OBJECTS_MAX];
};

struct definition {
    uint32_t hash, symbol;
};

static int no_memory(struct linker *linker) {
    return engine_refuse(linker->refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, 0, 0);
}

// Sums up the parts and gives each its place.
static int measure(struct linker *linker) {
    struct engine_object *out = linker->out;
    uint64_t slots = 0, symbols = 0, refs = 0, data_refs = 0, lines = 0, types = 0, codes = 0,
             arena = 0;
    for (size_t i = 0; i < linker->count; i++) {
        const struct engine_object *object = linker->objects[i];
        struct base *base = &linker->bases[i];
        arena = bits_align_up(arena, LINK_ALIGN);
        base->slot = (uint32_t)slots;
        base->symbol = (uint32_t)symbols;
        base->arena = (uint32_t)arena;
        slots += object->slot_count;
        symbols += object->symbol_count;
        refs += object->ref_count;
        data_refs += object->data_ref_count;
        lines += object->line_count;
        types += object->type_count;
        codes += object->code_count;
        if (object->image_size)
            out->image_size = arena + object->image_size;
        arena += object->arena_used;
        if (object->stack_limit > out->stack_limit)
            out->stack_limit = object->stack_limit;
        if (slots > ENGINE_SLOTS_MAX)
            return engine_refuse(linker->refusal, ENGINE_REFUSED_TOO_LONG, ENGINE_NO_PC,
                                 (int64_t)slots, ENGINE_SLOTS_MAX);
        if (arena > ENGINE_ARENA_MAX / 2 || symbols > UINT32_MAX / 2)
            return engine_refuse(linker->refusal, ENGINE_REFUSED_ELF_LIMIT, ENGINE_NO_PC,
                                 (int64_t)arena, ENGINE_ARENA_MAX / 2);
    }
    out->arena_used = arena;
    const struct engine_host *host = &out->host;
    out->slots = engine_pool_alloc(host, &out->pool, slots, ENGINE_SLOT_BYTES);
    out->symbols = engine_pool_alloc(host, &out->pool, symbols, sizeof(*out->symbols));
    out->refs = engine_pool_alloc(host, &out->pool, refs, sizeof(*out->refs));
    out->data_refs = engine_pool_alloc(host, &out->pool, data_refs, sizeof(*out->data_refs));
    out->lines = engine_pool_alloc(host, &out->pool, lines, sizeof(*out->lines));
    out->types = engine_pool_alloc(host, &out->pool, types, sizeof(*out->types));
    out->codes = engine_pool_alloc(host, &out->pool, codes, sizeof(*out->codes));
    out->image = engine_pool_alloc(host, &out->pool, out->image_size, 1);
    bool ok = out->slots && out->symbols && out->refs && out->data_refs && out->lines &&
              out->types && out->codes && out->image;
    return ok ? 0 : no_memory(linker);
}

static int merge_types(struct linker *linker) {
    const struct engine_btf *parts[LINK_OBJECTS_MAX];
    uint32_t types[LINK_OBJECTS_MAX], strings[LINK_OBJECTS_MAX];
    struct engine_object *out = linker->out;
    for (size_t i = 0; i < linker->count; i++)
        parts[i] = linker->objects[i]->btf;
    out->btf = engine_btf_merge(&out->host, &out->pool, parts, linker->count, types, strings);
    if (!out->btf)
        return no_memory(linker);
    for (size_t i = 0; i < linker->count; i++) {
        linker->bases[i].type = types[i];
        linker->bases[i].string = strings[i];
    }
    return 0;
}

// A copy of a string in the result.
static const char *copy_name(struct linker *linker, const char *name) {
    size_t size = strlen(name) + 1;
    char *copy = engine_pool_alloc(&linker->out->host, &linker->out->pool, size, 1);
    return copy ? memcpy(copy, name, size) : NULL;
}

static int copy_symbols(struct linker *linker, const struct engine_object *object,
                        const struct base *base) {
    struct engine_object *out = linker->out;
    for (uint32_t i = 0; i < object->symbol_count; i++) {
        struct object_symbol symbol = object->symbols[i];
        symbol.name = copy_name(linker, symbol.name);
        symbol.section = *symbol.section ? copy_name(linker, symbol.section) : "";
        if (!symbol.name || !symbol.section)
            return no_memory(linker);
        if (symbol.place == OBJECT_CODE)
            symbol.value += base->slot;
        else if (symbol.place == OBJECT_DATA)
            symbol.value += base->arena;
        if (symbol.btf)
            symbol.btf += base->type;
        out->symbols[out->symbol_count++] = symbol;
    }
    return 0;
}

static int copy_object(struct linker *linker, const struct engine_object *object,
                       const struct base *base) {
    struct engine_object *out = linker->out;
    memcpy(out->slots + (size_t)base->slot * ENGINE_SLOT_BYTES, object->slots,
           (size_t)object->slot_count * ENGINE_SLOT_BYTES);
    if (object->image_size)
        memcpy(out->image + base->arena, object->image, object->image_size);
    out->slot_count += object->slot_count;
    for (uint32_t i = 0; i < object->ref_count; i++) {
        struct object_ref ref = object->refs[i];
        ref.slot += base->slot;
        ref.symbol += base->symbol;
        out->refs[out->ref_count++] = ref;
    }
    for (uint32_t i = 0; i < object->data_ref_count; i++) {
        struct object_data_ref ref = object->data_refs[i];
        ref.offset += base->arena;
        ref.symbol += base->symbol;
        out->data_refs[out->data_ref_count++] = ref;
    }
    for (uint32_t i = 0; i < object->line_count; i++) {
        struct object_line line = object->lines[i];
        line.slot += base->slot;
        line.file += base->string;
        line.text += base->string;
        out->lines[out->line_count++] = line;
    }
    for (uint32_t i = 0; i < object->type_count; i++)
        out->types[out->type_count++] = (struct object_type){object->types[i].slot + base->slot,
                                                             object->types[i].btf + base->type};
    for (uint32_t i = 0; i < object->code_count; i++) {
        const char *name = copy_name(linker, object->codes[i].name);
        if (!name)
            return no_memory(linker);
        out->codes[out->code_count++] =
            (struct object_code){object->codes[i].slot + base->slot, name};
    }
    return copy_symbols(linker, object, base);
}

// ---- symbols

static const struct object_symbol *find_definition(const struct linker *linker,
                                                   const struct definition *definitions,
                                                   uint32_t count, const char *name,
                                                   const struct object_symbol *besides) {
    uint32_t hash = engine_hash_name(name);
    size_t first = engine_search(definitions, count, sizeof(*definitions), hash);
    for (size_t i = first;
         i < count && definitions[i].hash == hash && i < first + LINK_NAMESAKES_MAX; i++) {
        const struct object_symbol *symbol = &linker->out->symbols[definitions[i].symbol];
        if (symbol != besides && string_equal(symbol->name, name))
            return symbol;
    }
    return NULL;
}

static bool types_agree(const struct linker *linker, uint32_t a, uint32_t b) {
    char one[256], other[256];
    if (!a || !b)
        return true;
    size_t length = engine_btf_print(linker->out->btf, a, one, sizeof(one));
    engine_btf_print(linker->out->btf, b, other, sizeof(other));
    return length < sizeof(one) && string_equal(one, other);
}

static int resolve_symbol(struct linker *linker, const struct definition *definitions,
                          uint32_t count, struct object_symbol *symbol) {
    const struct object_symbol *definition =
        find_definition(linker, definitions, count, symbol->name, symbol);
    if (!definition)
        return 0;
    if (symbol->place != OBJECT_UNDEFINED)
        return engine_refuse_name(linker->refusal, ENGINE_REFUSED_SYMBOL_DUPLICATE, symbol->name);
    if (!types_agree(linker, symbol->btf, definition->btf)) {
        engine_refuse_name(linker->refusal, ENGINE_REFUSED_IMPORT_TYPE, symbol->name);
        char text[128];
        engine_btf_print(linker->out->btf, definition->btf, text, sizeof(text));
        format_write(linker->refusal->missing, sizeof(linker->refusal->missing), "it is %s", text);
        return ENGINE_ERROR_REFUSED;
    }
    symbol->place = definition->place;
    symbol->value = definition->value;
    symbol->function = false; // the definition names the function
    symbol->global = false;
    return 0;
}

static int resolve_symbols(struct linker *linker) {
    struct engine_object *out = linker->out;
    struct definition *definitions =
        engine_pool_alloc(&out->host, &linker->scratch, out->symbol_count, sizeof(*definitions));
    uint32_t count = 0;
    int error = 0;
    if (!definitions)
        return no_memory(linker);
    for (uint32_t i = 0; i < out->symbol_count; i++) {
        const struct object_symbol *symbol = &out->symbols[i];
        if (symbol->global && *symbol->name && symbol->place >= OBJECT_CODE)
            definitions[count++] = (struct definition){engine_hash_name(symbol->name), i};
    }
    engine_sort(definitions, count, sizeof(*definitions));
    for (uint32_t i = 0; i < out->symbol_count && !error; i++) {
        struct object_symbol *symbol = &out->symbols[i];
        if (symbol->global && *symbol->name && symbol->place != OBJECT_NOWHERE)
            error = resolve_symbol(linker, definitions, count, symbol);
    }
    return error;
}

static int link_objects(struct linker *linker) {
    int error = measure(linker);
    if (!error)
        error = merge_types(linker);
    for (size_t i = 0; i < linker->count && !error; i++)
        error = copy_object(linker, linker->objects[i], &linker->bases[i]);
    return error ? error : resolve_symbols(linker);
}

int engine_object_link(const struct engine_host *host, struct engine_object *const *objects,
                       size_t count, struct engine_object **linked,
                       struct engine_refusal *refusal) {
    void *pool = NULL;
    if (count > LINK_OBJECTS_MAX)
        return engine_refuse(refusal, ENGINE_REFUSED_ELF_LIMIT, ENGINE_NO_PC, (int64_t)count,
                             LINK_OBJECTS_MAX);
    struct engine_object *out = engine_pool_alloc(host, &pool, 1, sizeof(*out));
    if (!out)
        return engine_refuse(refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, sizeof(*out), 0);
    out->host = *host;
    out->pool = pool;
    out->stack_limit = ENGINE_STACK_DEFAULT;
    struct linker linker = {.objects = objects, .count = count, .out = out, .refusal = refusal};
    int error = link_objects(&linker);
    engine_pool_free(host, &linker.scratch);
    if (error)
        engine_object_free(out);
    else
        *linked = out;
    return error;
}
