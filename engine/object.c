// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The ELF loader. Nothing in the file is believed: every offset, size, index and name is checked
// before use, and sums are checked sums. It runs in passes over the section table: headers, placing
// code and data, copying, symbols, relocations. Work is linear in the file's size (type lookups n
// log n); memory is proportional to it, except for .bss, which is only a number here.

#include "base/bits.h"
#include "base/checked.h"
#include "base/string.h"
#include "engine/decode.h"
#include "engine/object_priv.h"
#include "engine/pool.h"
#include "engine/sort.h"

enum {
    ELF_HEADER_BYTES = 64,
    ELF_SECTION_BYTES = 64,
    ELF_SYMBOL_BYTES = 24,
    ELF_REL_BYTES = 16,
    ELF_MACHINE_BPF = 247,
    SHT_PROGBITS = 1,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHT_NOBITS = 8,
    SHT_REL = 9,
    SHF_ALLOC = 2,
    SHF_EXECINSTR = 4,
    SHN_UNDEF = 0,
    STT_FUNC = 2,
    STT_SECTION = 3,
    STB_LOCAL = 0,
    R_BPF_64_64 = 1,
    R_BPF_64_ABS64 = 2,
    R_BPF_64_32 = 10,
    OBJECT_ALIGN_MAX = 4096,
    OBJECT_CODE_SECTIONS_MAX = 1024,
    OBJECT_PADDING_MAX = 1 << 20,
};
#define OBJECT_BYTES_MAX (UINT64_C(64) << 20)

struct section {
    const char *name;
    const uint8_t *bytes; // NULL for SHT_NOBITS
    uint64_t size;
    uint32_t type, link, info;
    uint64_t flags, align;
    uint8_t place; // enum object_place
    uint64_t base; // CODE: first slot; DATA: arena offset
};

struct loader {
    const struct engine_host *host;
    const uint8_t *file;
    size_t size;
    struct engine_object *object;
    struct engine_refusal *refusal;
    void *scratch; // pool that dies with the loader
    struct section *sections;
    uint32_t section_count;
    const struct section *symtab, *strtab, *btf, *btf_ext;
};

static int refuse(struct loader *loader, enum engine_refusal_code code, int64_t a, int64_t b) {
    return engine_refuse(loader->refusal, code, ENGINE_NO_PC, a, b);
}

static int no_memory(struct loader *loader) {
    return refuse(loader, ENGINE_REFUSED_MEMORY, (int64_t)loader->size, 0);
}

static void *keep(struct loader *loader, size_t count, size_t size) {
    return engine_pool_alloc(loader->host, &loader->object->pool, count, size);
}

// String in a section of strings that ends with NUL; "" if it does not. The length of names is
// limited, because many symbols may share a long one: work must stay proportional to the file.
static const char *section_string(const struct section *table, uint64_t offset) {
    if (!table || !table->bytes || offset >= table->size || table->bytes[table->size - 1])
        return "";
    const char *name = (const char *)table->bytes + offset;
    return strnlen(name, OBJECT_NAME_MAX) < OBJECT_NAME_MAX ? name : "";
}

static int read_section(struct loader *loader, uint64_t at, struct section *section) {
    const uint8_t *h = loader->file + at;
    *section = (struct section){.type = bits_load32(h + 4),
                                .flags = bits_load64(h + 8),
                                .size = bits_load64(h + 32),
                                .link = bits_load32(h + 40),
                                .info = bits_load32(h + 44),
                                .align = bits_load64(h + 48)};
    uint64_t offset = bits_load64(h + 24);
    if (section->type == SHT_NOBITS)
        return 0;
    if (!checked_range(offset, section->size, loader->size))
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS, (int64_t)at, 0);
    section->bytes = loader->file + offset;
    return 0;
}

static int read_sections(struct loader *loader) {
    static const uint8_t ident[7] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    const uint8_t *file = loader->file;
    if (loader->size < ELF_HEADER_BYTES || memcmp(file, ident, sizeof(ident)) != 0 ||
        bits_load16(file + 18) != ELF_MACHINE_BPF || bits_load16(file + 58) != ELF_SECTION_BYTES)
        return refuse(loader, ENGINE_REFUSED_NOT_ELF, 0, 0);
    if (loader->size > OBJECT_BYTES_MAX)
        return refuse(loader, ENGINE_REFUSED_ELF_LIMIT, (int64_t)loader->size, OBJECT_BYTES_MAX);
    uint64_t table = bits_load64(file + 40);
    uint32_t count = bits_load16(file + 60), names = bits_load16(file + 62);
    if (!checked_range(table, (uint64_t)count * ELF_SECTION_BYTES, loader->size))
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS, (int64_t)table, 0);
    loader->section_count = count;
    loader->sections =
        engine_pool_alloc(loader->host, &loader->scratch, count, sizeof(*loader->sections));
    if (!loader->sections)
        return no_memory(loader);
    for (uint32_t i = 1; i < count; i++) {
        int error =
            read_section(loader, table + (uint64_t)i * ELF_SECTION_BYTES, &loader->sections[i]);
        if (error)
            return error;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t name = bits_load32(file + table + (uint64_t)i * ELF_SECTION_BYTES);
        loader->sections[i].name =
            section_string(names < count ? &loader->sections[names] : NULL, name);
    }
    return 0;
}

static int find_tables(struct loader *loader) {
    for (uint32_t i = 1; i < loader->section_count; i++) {
        struct section *section = &loader->sections[i];
        if (section->type == SHT_SYMTAB && !loader->symtab) {
            loader->symtab = section;
            if (section->link < loader->section_count)
                loader->strtab = &loader->sections[section->link];
        } else if (section->type == SHT_PROGBITS && string_equal(section->name, ".BTF")) {
            loader->btf = section;
        } else if (section->type == SHT_PROGBITS && string_equal(section->name, ".BTF.ext")) {
            loader->btf_ext = section;
        }
    }
    if (loader->strtab && loader->strtab->type != SHT_STRTAB)
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS, 0, 0);
    return 0;
}

// The section .engine.stack, in which a program states its stack as a 32-bit number of bytes.
static int read_stack_size(struct loader *loader, const struct section *section) {
    uint32_t size = section->size >= 4 && section->bytes ? bits_load32(section->bytes) : 0;
    if (size > ENGINE_STACK_MAX)
        return refuse(loader, ENGINE_REFUSED_STACK_SIZE, size, ENGINE_STACK_MAX);
    if (size > loader->object->stack_limit)
        loader->object->stack_limit = (uint32_t)bits_align_up(size, 16);
    return 0;
}

static int place_code(struct loader *loader, struct section *section) {
    struct engine_object *object = loader->object;
    if (section->type != SHT_PROGBITS || section->size % ENGINE_SLOT_BYTES)
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS, section - loader->sections, 0);
    uint64_t slots = section->size / ENGINE_SLOT_BYTES;
    if (object->slot_count + slots > ENGINE_SLOTS_MAX)
        return engine_refuse(loader->refusal, ENGINE_REFUSED_TOO_LONG, ENGINE_NO_PC,
                             (int64_t)(object->slot_count + slots), ENGINE_SLOTS_MAX);
    if (object->code_count == OBJECT_CODE_SECTIONS_MAX)
        return refuse(loader, ENGINE_REFUSED_ELF_LIMIT, object->code_count + 1,
                      OBJECT_CODE_SECTIONS_MAX);
    section->place = OBJECT_CODE;
    section->base = object->slot_count;
    object->slot_count += (uint32_t)slots;
    object->code_count++;
    return 0;
}

// Gives a data section its place in the arena. Initialised sections come first, so that the image
// is short.
static int place_data(struct loader *loader, struct section *section) {
    struct engine_object *object = loader->object;
    uint64_t align = section->align ? section->align : 1, end;
    if (!bits_is_power2(align) || align > OBJECT_ALIGN_MAX)
        return refuse(loader, ENGINE_REFUSED_ELF_LIMIT, (int64_t)align, OBJECT_ALIGN_MAX);
    section->base = bits_align_up(object->arena_used, align);
    if (!checked_add(section->base, section->size, &end) || end > ENGINE_ARENA_MAX / 2)
        return refuse(loader, ENGINE_REFUSED_ELF_LIMIT, (int64_t)section->size,
                      ENGINE_ARENA_MAX / 2);
    section->place = OBJECT_DATA;
    object->arena_used = end;
    if (section->type != SHT_NOBITS)
        object->image_size = end;
    // Sections of a hostile file may share its bytes: the image must not outgrow it.
    if (object->image_size > loader->size + OBJECT_PADDING_MAX)
        return refuse(loader, ENGINE_REFUSED_ELF_LIMIT, (int64_t)object->image_size,
                      OBJECT_PADDING_MAX);
    return 0;
}

static int place_sections(struct loader *loader) {
    for (unsigned pass = 0; pass < 3; pass++) { // code, data, bss
        for (uint32_t i = 1; i < loader->section_count; i++) {
            struct section *section = &loader->sections[i];
            bool code = (section->flags & SHF_EXECINSTR) != 0, bss = section->type == SHT_NOBITS;
            int error = 0;
            if (!(section->flags & SHF_ALLOC) || !section->size || (code && pass) ||
                (section->type != SHT_PROGBITS && !bss))
                continue;
            if (code)
                error = place_code(loader, section);
            else if (string_equal(section->name, ".engine.stack"))
                error = pass == 0 ? read_stack_size(loader, section) : 0;
            else if (pass == (bss ? 2 : 1))
                error = place_data(loader, section);
            if (error)
                return error;
        }
    }
    return loader->object->slot_count ? 0 : refuse(loader, ENGINE_REFUSED_EMPTY, 0, 0);
}

// A copy of a name in the object's own memory: string sections are copied whole, once.
static int copy_sections(struct loader *loader) {
    struct engine_object *object = loader->object;
    size_t names = 0;
    object->slots = keep(loader, object->slot_count, ENGINE_SLOT_BYTES);
    object->image = keep(loader, object->image_size, 1);
    object->codes = keep(loader, object->code_count, sizeof(*object->codes));
    for (uint32_t i = 1; i < loader->section_count; i++)
        names += loader->sections[i].place ? strlen(loader->sections[i].name) + 1 : 0;
    char *name = keep(loader, names, 1);
    if (!object->slots || !object->image || !object->codes || !name)
        return no_memory(loader);
    uint32_t code = 0;
    for (uint32_t i = 1; i < loader->section_count; i++) {
        struct section *section = &loader->sections[i];
        if (section->place) {
            size_t length = strlen(section->name) + 1;
            section->name = memcpy(name, section->name, length);
            name += length;
        }
        if (section->place == OBJECT_CODE) {
            memcpy(object->slots + section->base * ENGINE_SLOT_BYTES, section->bytes,
                   section->size);
            object->codes[code++] = (struct object_code){(uint32_t)section->base, section->name};
        } else if (section->place == OBJECT_DATA && section->bytes) {
            memcpy(object->image + section->base, section->bytes, section->size);
        }
    }
    engine_sort(object->codes, code, sizeof(*object->codes));
    return 0;
}

static int read_symbol(struct loader *loader, const uint8_t *s, const struct section *names,
                       struct object_symbol *symbol) {
    uint32_t index = bits_load16(s + 6), type = s[4] & 15;
    uint64_t value = bits_load64(s + 8);
    symbol->name = section_string(names, bits_load32(s));
    symbol->section = "";
    symbol->function = type == STT_FUNC;
    symbol->global = s[4] >> 4 != STB_LOCAL;
    symbol->place = index == SHN_UNDEF && symbol->global ? OBJECT_UNDEFINED : OBJECT_NOWHERE;
    if (index == SHN_UNDEF || index >= loader->section_count)
        return 0;
    const struct section *section = &loader->sections[index];
    if (section->place == OBJECT_NOWHERE)
        return 0;
    bool misplaced = section->place == OBJECT_CODE && value % ENGINE_SLOT_BYTES;
    if (value > section->size || misplaced)
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS, s - loader->file, 0);
    symbol->place = section->place;
    symbol->section = section->name;
    symbol->value = (uint32_t)(section->base +
                               (section->place == OBJECT_CODE ? value / ENGINE_SLOT_BYTES : value));
    // A symbol at the very end of its section labels no function.
    if (section->place == OBJECT_CODE && value == section->size)
        symbol->function = false;
    return 0;
}

static int read_symbols(struct loader *loader) {
    struct engine_object *object = loader->object;
    if (!loader->symtab)
        return 0;
    struct section names = {0};
    if (loader->strtab) {
        names = *loader->strtab;
        uint8_t *copy = keep(loader, names.size + 1, 1);
        if (!copy)
            return no_memory(loader);
        memcpy(copy, names.bytes, names.size);
        names.bytes = copy;
        names.size++; // the copy ends with NUL, so that every name does
    }
    uint64_t count = loader->symtab->size / ELF_SYMBOL_BYTES;
    object->symbols = keep(loader, count, sizeof(*object->symbols));
    if (!object->symbols)
        return no_memory(loader);
    object->symbol_count = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *s = loader->symtab->bytes + (uint64_t)i * ELF_SYMBOL_BYTES;
        int error = read_symbol(loader, s, &names, &object->symbols[i]);
        if (error)
            return error;
    }
    return 0;
}

static int relocate_code(struct loader *loader, const struct section *section, uint64_t offset,
                         uint32_t type, uint32_t index) {
    struct engine_object *object = loader->object;
    if (!checked_range(offset, ENGINE_SLOT_BYTES, section->size) || offset % ENGINE_SLOT_BYTES)
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS,
                      section->bytes - loader->file + (int64_t)offset, 0);
    uint32_t pc = (uint32_t)(section->base + offset / ENGINE_SLOT_BYTES);
    uint8_t *slot = object->slots + (uint64_t)pc * ENGINE_SLOT_BYTES;
    int32_t imm = (int32_t)bits_load32(slot + 4);
    enum object_place place = (enum object_place)object->symbols[index].place;
    struct object_ref ref = {.slot = pc, .symbol = index};
    if (type == R_BPF_64_32 && slot[0] == 0x85 && place != OBJECT_DATA) {
        ref.addend = (int64_t)imm + 1;
        slot[1] = 0x10;
        bits_store32(slot + 4, UINT32_MAX);
    } else if (type == R_BPF_64_64 && slot[0] == 0x18 && offset + 16 <= section->size) {
        ref.addend = place == OBJECT_CODE ? imm / ENGINE_SLOT_BYTES : imm;
        slot[1] &= 15;
        bits_store32(slot + 4, 0);
        bits_store32(slot + 12, 0);
    } else {
        return refuse(loader, ENGINE_REFUSED_RELOCATION, type, section - loader->sections);
    }
    object->refs[object->ref_count++] = ref;
    return 0;
}

static int relocate_data(struct loader *loader, const struct section *section, uint64_t offset,
                         uint32_t type, uint32_t index) {
    struct engine_object *object = loader->object;
    if (type != R_BPF_64_ABS64 || !section->bytes)
        return refuse(loader, ENGINE_REFUSED_RELOCATION, type, section - loader->sections);
    if (!checked_range(offset, 8, section->size))
        return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS,
                      section->bytes - loader->file + (int64_t)offset, 0);
    uint32_t at = (uint32_t)(section->base + offset);
    int64_t addend = (int64_t)bits_load64(object->image + at);
    if (object->symbols[index].place == OBJECT_CODE)
        addend /= ENGINE_SLOT_BYTES;
    object->data_refs[object->data_ref_count++] = (struct object_data_ref){at, index, addend};
    return 0;
}

// The section that a relocation section is about, if it concerns us.
static const struct section *relocated_section(const struct loader *loader,
                                               const struct section *rel) {
    if (rel->type != SHT_REL || rel->info >= loader->section_count)
        return NULL;
    const struct section *section = &loader->sections[rel->info];
    return section->place != OBJECT_NOWHERE ? section : NULL;
}

static int read_relocation_section(struct loader *loader, const struct section *rel,
                                   const struct section *section) {
    for (uint64_t at = 0; at + ELF_REL_BYTES <= rel->size; at += ELF_REL_BYTES) {
        uint64_t offset = bits_load64(rel->bytes + at), info = bits_load64(rel->bytes + at + 8);
        uint32_t type = (uint32_t)info, index = (uint32_t)(info >> 32);
        if (index >= loader->object->symbol_count)
            return refuse(loader, ENGINE_REFUSED_ELF_BOUNDS,
                          rel->bytes - loader->file + (int64_t)at, 0);
        int error = section->place == OBJECT_CODE
                        ? relocate_code(loader, section, offset, type, index)
                        : relocate_data(loader, section, offset, type, index);
        if (error)
            return error;
    }
    return 0;
}

static int read_relocations(struct loader *loader) {
    struct engine_object *object = loader->object;
    uint64_t code = 0, data = 0;
    for (uint32_t i = 1; i < loader->section_count; i++) {
        const struct section *section = relocated_section(loader, &loader->sections[i]);
        if (section && section->place == OBJECT_CODE)
            code += loader->sections[i].size / ELF_REL_BYTES;
        else if (section)
            data += loader->sections[i].size / ELF_REL_BYTES;
        if ((code + data) * ELF_REL_BYTES > loader->size)
            return refuse(loader, ENGINE_REFUSED_ELF_LIMIT, (int64_t)(code + data),
                          (int64_t)loader->size);
    }
    object->refs = keep(loader, code, sizeof(*object->refs));
    object->data_refs = keep(loader, data, sizeof(*object->data_refs));
    if (!object->refs || !object->data_refs)
        return no_memory(loader);
    for (uint32_t i = 1; i < loader->section_count; i++) {
        const struct section *section = relocated_section(loader, &loader->sections[i]);
        int error = section ? read_relocation_section(loader, &loader->sections[i], section) : 0;
        if (error)
            return error;
    }
    return 0;
}

static int read_types(struct loader *loader) {
    struct engine_object *object = loader->object;
    if (!loader->btf)
        return 0;
    int error = engine_btf_load(loader->host, &object->pool, loader->btf->bytes, loader->btf->size,
                                &object->btf, loader->refusal);
    if (error || !loader->btf_ext)
        return error;
    return engine_object_read_btf_ext(object, loader->btf_ext->bytes, loader->btf_ext->size,
                                      loader->refusal);
}

static int load(struct loader *loader) {
    static int (*const passes[])(struct loader *) = {
        read_sections, find_tables,      place_sections, copy_sections,
        read_symbols,  read_relocations, read_types,
    };
    for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
        int error = passes[i](loader);
        if (error)
            return error;
    }
    return engine_object_type_symbols(loader->object) ? 0 : no_memory(loader);
}

int engine_object_load(const struct engine_host *host, const void *bytes, size_t size,
                       struct engine_object **out, struct engine_refusal *refusal) {
    void *pool = NULL;
    struct engine_object *object = engine_pool_alloc(host, &pool, 1, sizeof(*object));
    if (!object)
        return engine_refuse(refusal, ENGINE_REFUSED_MEMORY, ENGINE_NO_PC, sizeof(*object), 0);
    object->host = *host;
    object->pool = pool;
    object->stack_limit = ENGINE_STACK_DEFAULT;
    struct loader loader = {
        .host = host, .file = bytes, .size = size, .object = object, .refusal = refusal};
    int error = load(&loader);
    engine_pool_free(host, &loader.scratch);
    if (error)
        engine_object_free(object);
    else
        *out = object;
    return error;
}

void engine_object_free(struct engine_object *object) {
    if (!object)
        return;
    struct engine_host host = object->host;
    void *pool = object->pool;
    engine_pool_free(&host, &pool);
}
