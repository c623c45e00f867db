// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See damage.h. The originals are good, so the sections are found without suspicion.

#include "tests/guest/damage.h"

#include "base/string.h"
#include "tests/guest/guest.h"

#define TRIES 8 // objects that are looked at for such a part

const char *const damage_names[DAMAGE_KINDS] = {
#define DAMAGE(name, text) text,
    DAMAGES(DAMAGE)
#undef DAMAGE
};

struct elf {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct section {
    u32 name, type;
    u64 flags, address, offset, size;
    u32 link, info;
    u64 alignment, entry_size;
};
enum { PROGBITS = 1, SYMTAB, STRTAB, NOBITS = 8, REL };
#define FLAG_WRITE 1u
#define FLAG_ALLOC 2u
#define FLAG_CODE  4u

static u64 below(u64 n) {
    return guest_random() % n;
}

static int is_part(enum damage kind, const struct section *section, const char *name) {
    switch (kind) {
    case DAMAGE_TYPES:
        return !strncmp(name, ".BTF", 5);
    case DAMAGE_LINES:
        return !strncmp(name, ".BTF.ext", 9);
    case DAMAGE_RELOCATIONS:
        return section->type == REL && strncmp(name, ".rel.debug", 10);
    case DAMAGE_SYMBOLS:
        return section->type == SYMTAB;
    case DAMAGE_NAMES:
        return section->type == STRTAB;
    case DAMAGE_GUARDS:
        return section->flags & FLAG_CODE && !strncmp(name, "guard/", 6);
    case DAMAGE_CODE:
        return section->flags & FLAG_CODE && strncmp(name, "guard/", 6);
    case DAMAGE_DATA:
        return section->flags & FLAG_ALLOC && !(section->flags & FLAG_CODE);
    default:
        return 0;
    }
}

// Any section of the object that is such a part: its bytes, and those of its header.
struct part {
    u64 at, size, header;
};

static int part_find(enum damage kind, const struct damage_object *object, struct part *part) {
    const struct elf *elf = (const void *)object->from;
    const struct section *sections = (const void *)(object->from + elf->shoff);
    const char *names = object->from + sections[elf->shstrndx].offset;
    u32 found = 0;
    for (u32 i = 1; i < elf->shnum; i++) {
        if (!is_part(kind, &sections[i], names + sections[i].name) || !sections[i].size ||
            below(++found))
            continue;
        *part = (struct part){sections[i].offset, sections[i].type == NOBITS ? 0 : sections[i].size,
                              elf->shoff + i * sizeof *sections};
    }
    if (kind == DAMAGE_HEADERS) {
        *part = (struct part){below(2) ? elf->shoff : 0, sizeof *elf, 0};
        if (part->at)
            part->size = elf->shnum * sizeof *sections;
        found = 1;
    }
    return found != 0;
}

// --- what is done to bytes -----------------------------------------------------------------------

static void flip_bits(u8 *bytes, u64 size) {
    for (u64 i = below(8) + 1; i; i--)
        bytes[below(size)] ^= (u8)(1u << below(8));
}

static void set_words(u8 *bytes, u64 size) {
    static const u64 words[] = {0, 1, ~0ul, 1ul << 31, 1ul << 32, 0x7fffffff, 1ul << 63, 4096};
    for (u64 i = below(4) + 1; i; i--) {
        u64 word = below(3) ? words[below(sizeof words / sizeof *words)] : below(64);
        u64 width = 1ul << below(4), at = below(size) & -width;
        if (at + width <= size)
            memcpy(bytes + at, &word, width);
    }
}

static void exchange(u8 *bytes, u64 size) {
    u64 width = 4ul << below(3), a = below(size) & -width, b = below(size) & -width;
    for (u64 i = 0; i < width && a + i < size && b + i < size; i++) {
        u8 byte = bytes[a + i];
        bytes[a + i] = bytes[b + i];
        bytes[b + i] = byte;
    }
}

// From such a part of another object.
static void splice(u8 *bytes, u64 size, enum damage kind, const struct damage_object *other) {
    struct part part = {0, (u64)(other->end - other->from), 0};
    if ((kind < DAMAGE_CUT && !part_find(kind, other, &part)) || !part.size)
        return;
    u64 at = below(size), count = below(256) + 1, from = below(part.size);
    count = count < size - at ? count : size - at;
    count = count < part.size - from ? count : part.size - from;
    memcpy(bytes + at, other->from + part.at + from, count);
}

static void harm(u8 *bytes, u64 size, enum damage kind, const struct damage_object *other) {
    switch (below(5)) {
    case 0:
        set_words(bytes, size);
        break;
    case 1:
        exchange(bytes, size);
        break;
    case 2:
        splice(bytes, size, kind, other);
        break;
    default:
        flip_bits(bytes, size);
    }
}

static u64 copy_of(u8 *to, const struct damage_object *object) {
    u64 bytes = (u64)(object->end - object->from);
    CHECK(bytes <= DAMAGE_BYTES);
    memcpy(to, object->from, bytes);
    return bytes;
}

u64 damage_make(u8 *to, enum damage kind, const struct damage_object *objects, u64 count) {
    const struct damage_object *object = &objects[below(count)], *other = &objects[below(count)];
    struct part part = {0, 0, 0};
    for (u32 i = 0; kind < DAMAGE_CUT && i < TRIES && !part_find(kind, object, &part); i++)
        object = &objects[below(count)];
    u64 bytes = copy_of(to, object);
    if (kind == DAMAGE_CUT)
        return below(bytes);
    if (kind == DAMAGE_NOISE) {
        for (u64 i = below(2) ? 64 : 0; i < bytes; i++)
            to[i] = (u8)guest_random();
        return bytes;
    }
    if (kind == DAMAGE_ANY)
        part.size = bytes;
    // What the header says of a part is damaged as well, now and then.
    if (part.header && (!part.size || !below(8)))
        harm(to + part.header, sizeof(struct section), DAMAGE_HEADERS, other);
    else if (part.size)
        harm(to + part.at, part.size, kind, other);
    return part.header || part.size ? bytes : 0;
}

struct symbol {
    u32 name;
    u8 info, other;
    u16 section;
    u64 value, size;
};

static struct symbol *symbol_named(u8 *object, const char *name) {
    const struct elf *elf = (const void *)object;
    const struct section *sections = (const void *)(object + elf->shoff), *table = sections;
    while (table->type != SYMTAB)
        table++;
    struct symbol *symbol = (void *)(object + table->offset);
    const char *names = (const char *)object + sections[table->link].offset;
    while (strncmp(names + symbol->name, name, strlen(name) + 1))
        symbol++;
    return symbol;
}

void damage_symbol(u8 *object, const char *name, const char *other, int place) {
    struct symbol *symbol = symbol_named(object, name), *from = symbol_named(object, other);
    if (place) {
        symbol->section = from->section;
        symbol->value = from->value;
    } else {
        symbol->name = from->name;
    }
}
