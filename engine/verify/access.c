// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory: which accesses are proved, which go through the arena's mask, which are refused; and what
// loads and stores do to the state.

#include "base/string.h"
#include "engine/verify/priv.h"

uint32_t region_find(struct verifier *v, const struct region *like) {
    for (uint32_t i = 0; i < v->region_count; i++) {
        const struct region *r = &v->regions[i];
        if (r->kind == like->kind && r->rights == like->rights && r->argument == like->argument &&
            r->pair == like->pair && r->key == like->key && r->high == like->high &&
            r->kind != ENGINE_VOID)
            return i;
    }
    if (v->region_count == v->region_room) {
        uint32_t wanted = v->region_room ? v->region_room * 2 : 4;
        struct region *larger = verify_alloc(v, wanted * sizeof *larger);
        if (!larger)
            return 0;
        for (uint32_t i = 0; i < v->region_count; i++)
            larger[i] = v->regions[i];
        verify_free(v, v->regions, v->region_room * sizeof *larger);
        v->regions = larger;
        v->region_room = wanted;
    }
    v->regions[v->region_count] = *like;
    if (like->kind == ENGINE_PACKET || like->slot != REGION_NO_SLOT)
        v->regions[v->region_count].slot =
            (uint8_t)(v->slots < LENGTHS ? v->slots++ : REGION_NO_SLOT);
    return v->region_count++;
}

static uint32_t packet_value(struct verifier *v, struct state *s, const struct engine_type *type,
                             uint32_t argument) {
    struct region like = {.kind = ENGINE_PACKET,
                          .rights = type->flags & (ENGINE_TYPE_READ | ENGINE_TYPE_WRITE),
                          .pair = type->layout,
                          .high = type->size ? type->size : (1 << 29) - 1};
    // The end has the rights of nobody: it belongs to the packet of the same pair.
    (void)argument;
    uint32_t region = v->region_count;
    for (uint32_t i = 0; i < v->region_count; i++)
        if (v->regions[i].kind == ENGINE_PACKET && v->regions[i].pair == type->layout)
            region = i;
    if (region == v->region_count)
        region = region_find(v, &like);
    else if (type->kind == ENGINE_PACKET) {
        v->regions[region].rights |= like.rights;
        if (type->size && type->size < v->regions[region].high)
            v->regions[region].high = type->size;
    }
    uint32_t id = value_pointer(v, VALUE_PACKET, region, 0);
    unsigned slot = v->error ? REGION_NO_SLOT : v->regions[region].slot;
    if (slot == REGION_NO_SLOT)
        return id;
    if (value_at(v, s->length[slot])->kind != VALUE_NUMBER) {
        struct num num;
        num_range(&num, 0, (uint64_t)v->regions[region].high);
        s->length[slot] = value_number(v, &num);
    }
    if (type->kind == ENGINE_PACKET_END) {
        const struct value *length = value_at(v, s->length[slot]);
        struct value *end = value_at(v, id);
        end->num = length->num;
        end->symbol = length->symbol;
        end->scale = length->scale;
        end->offset = length->offset;
    }
    return id;
}

static uint32_t scalar_value(struct verifier *v, const struct engine_type *type) {
    unsigned bits = type->size && type->size < 8 ? type->size * 8 : 64;
    struct num num = num_any;
    if (type->flags & ENGINE_TYPE_RANGE)
        num_range(&num, type->minimum, type->maximum);
    else
        num_extend(&num, bits, (type->flags & ENGINE_TYPE_SIGNED) != 0);
    return value_number(v, &num);
}

uint32_t typed_value(struct verifier *v, struct state *s, const struct engine_type *type,
                     uint32_t argument, uint32_t parent) {
    uint32_t id;
    struct region like = {.kind = ENGINE_BUFFER,
                          .rights = type->flags & (ENGINE_TYPE_READ | ENGINE_TYPE_WRITE),
                          .slot = REGION_NO_SLOT,
                          .argument = (uint8_t)argument,
                          .key = argument ? v->hook : 0,
                          .high = type->size};
    switch (type->kind) {
    case ENGINE_VOID:
        return 0;
    case ENGINE_CONTEXT:
        id = value_pointer(v, VALUE_CONTEXT, type->layout, 0);
        value_at(v, id)->flags |= (uint8_t)(argument << VALUE_ARGUMENT_SHIFT);
        value_at(v, id)->parent = parent;
        break;
    case ENGINE_BUFFER:
        if (type->length && argument)
            like.slot = 0;
        id = value_pointer(v, VALUE_BUFFER, region_find(v, &like), 0);
        break;
    case ENGINE_PACKET:
    case ENGINE_PACKET_END:
        id = packet_value(v, s, type, argument);
        break;
    case ENGINE_ARENA:
        id = value_new(v, VALUE_ARENA);
        value_at(v, id)->num = num_any;
        return id;
    case ENGINE_REFERENCE:
        id = value_pointer(v, VALUE_REFERENCE, type->layout, 0);
        value_at(v, id)->symbol = symbol_new(v);
        value_at(v, id)->parent = parent;
        break;
    case ENGINE_CALLABLE:
        return value_number(v, &num_any);
    default:
        return scalar_value(v, type);
    }
    if (type->flags & ENGINE_TYPE_NULLABLE && !WEAK(NULLABLE))
        value_at(v, id)->flags |= VALUE_NULLABLE;
    return id;
}

// ---- Proofs

// First and last byte + 1 from the pointer's origin; false if they are not plain.
static bool extent(const struct value *pointer, const struct access *access, int64_t *low,
                   int64_t *high) {
    enum { FAR = 1 << 29 };
    if (pointer->num.smin < -FAR || pointer->num.smax > FAR || access->size > FAR)
        return false;
    *low = pointer->num.smin + access->offset;
    *high = pointer->num.smax + access->offset + (int64_t)access->size;
    return true;
}

static bool is_aligned(const struct value *pointer, const struct access *access) {
    uint64_t low = access->size - 1;
    return WEAK(ALIGNMENT) || ((pointer->num.mask & low) == 0 &&
                               ((pointer->num.value + (uint64_t)access->offset) & low) == 0);
}

static bool out_of_bounds(struct verifier *v, struct work *w, const struct state *s,
                          const struct access *access, enum engine_refusal_code code) {
    const struct value *pointer = value_at(v, access->pointer);
    int64_t low = 0, high = 0;
    bool known = extent(pointer, access, &low, &high);
    (void)refuse(v, w, s, code, access->pc, access->reg, low, known ? high - 1 : 0);
    bool fixed = num_is_const(&pointer->num);
    if (!known)
        refuse_words(v, "a bound of the offset in r%u, from below and above", access->reg);
    else if (low < 0 && code != ENGINE_REFUSED_STACK_BOUNDS)
        refuse_words(v, "that the offset in r%u is not negative", access->reg);
    else if (code == ENGINE_REFUSED_PACKET_BOUNDS) {
        refuse_words(v, "that the packet reaches %u bytes beyond r%u%+lld", access->size,
                     access->reg, (long long)access->offset);
        if (fixed)
            refuse_supply(v, "if (data + %lld > data_end) return 0; before this line",
                          (long long)high);
    } else if (code == ENGINE_REFUSED_BUFFER_BOUNDS) {
        refuse_words(v, "that the buffer has %lld bytes", (long long)high);
        if (fixed)
            refuse_supply(v, "if (length < %lld) return 0; before this line", (long long)high);
        else
            refuse_supply(v, "compare the index with the length, or give it a constant limit, "
                             "before this line");
    }
    return false;
}

static bool check_stack(struct verifier *v, struct work *w, struct state *s,
                        const struct access *access) {
    const struct value *pointer = value_at(v, access->pointer);
    int64_t low, high, limit = v->program->stack_limit;
    bool ok = extent(pointer, access, &low, &high);
    if (!ok || (high > 0 && !WEAK(STACK_HIGH)) || (low < -limit && !WEAK(STACK_LOW)) ||
        low < -ENGINE_STACK_MAX || high > ENGINE_STACK_MAX) {
        out_of_bounds(v, w, s, access, ENGINE_REFUSED_STACK_BOUNDS);
        if (ok)
            refuse_words(v, "that the offset stays within -%lld to -%u", (long long)limit,
                         access->size);
        return false;
    }
    struct function *f = &v->functions[w->function];
    if (w->record && low < 0 && (uint32_t)-low > f->low)
        f->low = (uint32_t)-low;
    return true;
}

// The field that covers [low, high), or NULL.
static const struct engine_field *field_at(const struct verifier *v, const struct value *object,
                                           int64_t low, int64_t high) {
    const struct engine_layout *layout = &v->interface->layouts[object->object];
    for (uint32_t i = 0; i < layout->field_count; i++) {
        const struct engine_field *field = &layout->fields[i];
        uint64_t size =
            field->type.kind == ENGINE_SCALAR && field->type.size ? field->type.size : 8;
        if (low >= (int64_t)field->offset &&
            (high <= (int64_t)(field->offset + size * (field->count ? field->count : 1)) ||
             WEAK(CONTEXT_HIGH)))
            if (i + 1 == layout->field_count || low < (int64_t)field[1].offset)
                return field;
    }
    return NULL;
}

static bool check_field(struct verifier *v, struct work *w, struct state *s,
                        const struct access *access) {
    const struct value *pointer = value_at(v, access->pointer);
    int64_t low, high;
    const struct engine_field *field = NULL;
    if (extent(pointer, access, &low, &high))
        field = field_at(v, pointer, low, high);
    if (!field)
        return out_of_bounds(v, w, s, access, ENGINE_REFUSED_CONTEXT_BOUNDS);
    uint8_t rights = field->type.flags;
    if (access->read && !(rights & ENGINE_TYPE_READ) && !WEAK(READ_RIGHT))
        return refuse(v, w, s, ENGINE_REFUSED_READ_RIGHT, access->pc, access->reg, low, high);
    if (access->write && !(rights & ENGINE_TYPE_WRITE) && !WEAK(WRITE_RIGHT))
        return refuse(v, w, s, ENGINE_REFUSED_WRITE_RIGHT, access->pc, access->reg, low, high);
    if (access->write && v->deterministic && pointer->kind == VALUE_REFERENCE &&
        !WEAK(DETERMINISTIC_STORE)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_NOT_DETERMINISTIC, access->pc, access->reg, 0, 0);
        refuse_words(v, "objects are shared: a deterministic function may only read them");
        return false;
    }
    if (field->type.kind != ENGINE_SCALAR &&
        (access->size != 8 || (low - field->offset) % 8 || high - low != 8 || access->write ||
         access->import) &&
        !WEAK(FIELD_PART))
        return refuse(v, w, s, ENGINE_REFUSED_FIELD_PART, access->pc, access->reg, low, high);
    return true;
}

// Is pointer + offset + size <= the region's length for certain?
static bool inside(struct verifier *v, struct state *s, const struct access *access,
                   const struct region *region, int64_t high) {
    if (region->slot == REGION_NO_SLOT)
        return region->kind != ENGINE_PACKET && high <= region->high;
    uint32_t length = s->length[region->slot];
    if (value_at(v, length)->kind != VALUE_NUMBER)
        return false;
    const struct value *pointer = value_at(v, access->pointer);
    if (access->size_value && num_is_const(&pointer->num) &&
        value_less(v, s, access->size_value, length, -(pointer->num.smin + access->offset)))
        return true;
    return value_less(v, s, access->pointer, length, -(access->offset + (int64_t)access->size));
}

static void touch(struct region *region, int64_t low, int64_t high, bool write) {
    if (region->touch_low == region->touch_high)
        region->touch_low = low, region->touch_high = high;
    if (low < region->touch_low)
        region->touch_low = low;
    if (high > region->touch_high)
        region->touch_high = high;
    if (!write)
        return;
    if (region->write_low == region->write_high)
        region->write_low = low, region->write_high = high;
    if (low < region->write_low)
        region->write_low = low;
    if (high > region->write_high)
        region->write_high = high;
}

static bool check_region(struct verifier *v, struct work *w, struct state *s,
                         const struct access *access) {
    const struct value *pointer = value_at(v, access->pointer);
    struct region *region = &v->regions[pointer->object];
    bool packet = pointer->kind == VALUE_PACKET;
    int64_t low, high;
    if (!extent(pointer, access, &low, &high) || (low < region->low && !WEAK(REGION_LOW)) ||
        (!inside(v, s, access, region, high) && !WEAK(REGION_HIGH)))
        return out_of_bounds(v, w, s, access,
                             packet ? ENGINE_REFUSED_PACKET_BOUNDS : ENGINE_REFUSED_BUFFER_BOUNDS);
    if (access->read && !(region->rights & ENGINE_TYPE_READ) && !WEAK(READ_RIGHT))
        return refuse(v, w, s, ENGINE_REFUSED_READ_RIGHT, access->pc, access->reg, low, high);
    if (access->write && !(region->rights & ENGINE_TYPE_WRITE) && !WEAK(WRITE_RIGHT))
        return refuse(v, w, s, ENGINE_REFUSED_WRITE_RIGHT, access->pc, access->reg, low, high);
    if (access->atomic && !WEAK(ALIGNMENT)) // nothing is known of the region's own address
        return refuse(v, w, s, ENGINE_REFUSED_ALIGNMENT, access->pc, access->reg, low, high);
    touch(region, low, high, access->write);
    return true;
}

static bool check_arena(struct verifier *v, struct work *w, struct state *s,
                        const struct access *access, bool *masked) {
    const struct value *pointer = value_at(v, access->pointer);
    int64_t low = 0, high = 0, size = (int64_t)engine_program_arena_size(v->program);
    if (access->write && v->deterministic && !WEAK(DETERMINISTIC_STORE)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_NOT_DETERMINISTIC, access->pc, access->reg, 0, 0);
        refuse_words(
            v, "the arena is shared between calls: a deterministic function may only read it");
        return false;
    }
    if (!size)
        return refuse(v, w, s, ENGINE_REFUSED_NOT_POINTER, access->pc, access->reg, 0, 0);
    bool proved = pointer->kind == VALUE_ARENA && extent(pointer, access, &low, &high) &&
                  low >= 0 && high <= size && (!access->atomic || is_aligned(pointer, access));
    if (WEAK(ARENA_MASK))
        proved = true;
    if (access->import && !proved)
        return refuse(v, w, s, ENGINE_REFUSED_ARENA_BOUNDS, access->pc, access->reg, low,
                      access->size);
    *masked = !proved;
    return true;
}

bool access_check(struct verifier *v, struct work *w, struct state *s, const struct access *access,
                  bool *masked) {
    const struct value *pointer = value_at(v, access->pointer);
    *masked = false;
    if (pointer->flags & VALUE_NULLABLE)
        return refuse(v, w, s, ENGINE_REFUSED_NULL, access->pc, access->reg, access->reg, 0);
    switch (pointer->kind) {
    case VALUE_UNSET:
        return refuse(v, w, s, ENGINE_REFUSED_UNSET, access->pc, access->reg, access->reg, 0);
    case VALUE_MIXED:
        return refuse(v, w, s, ENGINE_REFUSED_MIXED, access->pc, access->reg, access->reg, 0);
    case VALUE_DEAD:
        return refuse(v, w, s, ENGINE_REFUSED_DEAD, access->pc, access->reg, access->reg, 0);
    case VALUE_STACK:
        if (!check_stack(v, w, s, access))
            return false;
        if (access->atomic && !is_aligned(pointer, access))
            break;
        return true;
    case VALUE_CONTEXT:
    case VALUE_REFERENCE:
        if (!check_field(v, w, s, access))
            return false;
        if (access->atomic && !is_aligned(pointer, access))
            break;
        return true;
    case VALUE_BUFFER:
    case VALUE_PACKET:
        return check_region(v, w, s, access);
    default:
        if (access->import && pointer->kind == VALUE_NUMBER)
            return refuse(v, w, s, ENGINE_REFUSED_NOT_POINTER, access->pc, access->reg, access->reg,
                          0);
        return check_arena(v, w, s, access, masked);
    }
    return refuse(v, w, s, ENGINE_REFUSED_ALIGNMENT, access->pc, access->reg, access->reg, 0);
}

// ---- The read set of deterministic programs

static void note_read(struct verifier *v, struct work *w, const struct value *pointer,
                      const struct access *access) {
    unsigned argument = 0;
    int64_t low, high;
    if (!w->record || !extent(pointer, access, &low, &high) || low < 0)
        return;
    if (pointer->kind == VALUE_CONTEXT)
        argument = (pointer->flags & VALUE_ARGUMENTS) >> VALUE_ARGUMENT_SHIFT;
    else if (pointer->kind == VALUE_BUFFER)
        argument = v->regions[pointer->object].argument;
    if (!argument)
        return;
    bool exact = num_is_const(&pointer->num);
    struct engine_read_range *r = NULL;
    for (uint32_t i = 0; i < v->read_count; i++) {
        if (v->reads[i].argument != argument - 1)
            continue;
        r = &v->reads[i];
        if (low <= (int64_t)r->end && high >= (int64_t)r->start)
            break;
    }
    bool apart = !r || low > (int64_t)r->end || high < (int64_t)r->start;
    if (apart && v->read_count < READS - ENGINE_ARGS + (r == NULL) * ENGINE_ARGS) {
        v->reads[v->read_count++] = (struct engine_read_range){(uint8_t)(argument - 1), exact,
                                                               (uint32_t)low, (uint32_t)high};
        return;
    }
    if (low < (int64_t)r->start)
        r->start = (uint32_t)low;
    if (high > (int64_t)r->end)
        r->end = (uint32_t)high;
    r->exact = r->exact && exact && !apart;
}

// ---- Instructions

static uint32_t unknown(struct verifier *v, unsigned bytes) {
    struct num num = num_any;
    num_extend(&num, bytes * 8, false);
    return value_number(v, &num);
}

static uint32_t load_stack(struct verifier *v, struct work *w, struct state *s,
                           const struct access *access) {
    const struct value *pointer = value_at(v, access->pointer);
    int64_t low, high;
    uint32_t id = 0;
    bool unwritten = false;
    if (!extent(pointer, access, &low, &high))
        return unknown(v, access->size);
    if (num_is_const(&pointer->num))
        id = frame_load(v, s, (uint32_t)-low, access->size, &unwritten);
    else if (!frame_has_pointers(v, s, (uint32_t)-low, (uint32_t)(high - low), &unwritten) ||
             WEAK(STACK_POINTERS))
        id = unknown(v, access->size);
    if (unwritten && w->record)
        v->functions[w->function].zero_frame = 1;
    if (!id)
        (void)refuse(v, w, s, ENGINE_REFUSED_POINTER_PART, access->pc, access->reg, low, high);
    return id;
}

static uint32_t load_field(struct verifier *v, struct state *s, const struct access *access) {
    const struct value *pointer = value_at(v, access->pointer);
    int64_t low, high;
    const struct engine_field *field = NULL;
    if (extent(pointer, access, &low, &high))
        field = field_at(v, pointer, low, high);
    if (!field)
        return unknown(v, access->size);
    uint32_t parent =
        pointer->kind == VALUE_REFERENCE && !pointer->parent ? pointer->symbol : pointer->parent;
    if (field->type.kind != ENGINE_SCALAR)
        return typed_value(v, s, &field->type, 0, parent);
    unsigned size = field->type.size ? field->type.size : 8;
    if (access->size != size || (low - field->offset) % size || high - low != size)
        return unknown(v, access->size);
    uint32_t id = typed_value(v, s, &field->type, 0, 0);
    if (field->type.flags & ENGINE_TYPE_SIGNED && size < 8) { // memory holds just the low bytes
        struct num num = value_at(v, id)->num;
        num_extend(&num, size * 8, false);
        id = value_number(v, &num);
    }
    return id;
}

static bool exec_load(struct verifier *v, struct work *w, struct state *s,
                      const struct engine_insn *insn, const struct access *access, bool masked) {
    const struct value *pointer = value_at(v, access->pointer);
    uint32_t id;
    note_read(v, w, pointer, access);
    if (masked)
        id = unknown(v, access->size);
    else if (pointer->kind == VALUE_STACK) {
        id = load_stack(v, w, s, access);
        if (!id)
            return false;
    } else if (pointer->kind == VALUE_CONTEXT || pointer->kind == VALUE_REFERENCE)
        id = load_field(v, s, access);
    else
        id = unknown(v, access->size);
    if (engine_insn_info(insn)->sub && value_at(v, id)->kind == VALUE_NUMBER) {
        struct num num = value_at(v, id)->num;
        num_extend(&num, access->size * 8, true);
        if (memcmp(&num, &value_at(v, id)->num, sizeof num) != 0)
            id = value_number(v, &num);
    }
    s->reg[insn->dst] = id;
    return true;
}

static bool store_stack(struct verifier *v, struct work *w, struct state *s,
                        const struct access *access, uint32_t id) {
    const struct value *pointer = value_at(v, access->pointer), *value = value_at(v, id);
    int64_t low, high;
    if (!extent(pointer, access, &low, &high))
        return true;
    bool exact = num_is_const(&pointer->num);
    if (value_is_pointer(value) && value->kind != VALUE_ARENA &&
        (!exact || access->size != 8 || low % CELL_BYTES) && !WEAK(POINTER_LEAK))
        return refuse(v, w, s, ENGINE_REFUSED_POINTER_LEAK, access->pc, access->reg, access->reg,
                      0);
    if (exact && (value->kind == VALUE_NUMBER || (access->size == 8 && low % CELL_BYTES == 0)))
        frame_store(v, s, (uint32_t)-low, access->size, id);
    else
        frame_smear(v, s, (uint32_t)-low, (uint32_t)(high - low), exact);
    return true;
}

// May the value in reg be written to memory that others see?
static bool check_stored(struct verifier *v, struct work *w, struct state *s, uint32_t id,
                         unsigned reg, uint32_t pc, bool atomic) {
    const struct value *value = value_at(v, id);
    if (value->kind == VALUE_NUMBER ||
        (value->kind == VALUE_ARENA && (!v->deterministic || WEAK(DETERMINISTIC_STORE))))
        return true;
    (void)atomic;
    return WEAK(POINTER_LEAK) || refuse(v, w, s, ENGINE_REFUSED_POINTER_LEAK, pc, reg, reg, 0);
}

static void exec_atomic(struct verifier *v, struct state *s, const struct engine_insn *insn,
                        const struct access *access) {
    const struct value *pointer = value_at(v, access->pointer);
    enum engine_atomic atomic = (enum engine_atomic)engine_insn_info(insn)->sub;
    int64_t low, high;
    if (pointer->kind == VALUE_STACK && extent(pointer, access, &low, &high))
        frame_smear(v, s, (uint32_t)-low, (uint32_t)(high - low), false);
    if (atomic == ENGINE_ATOMIC_CMPXCHG)
        s->reg[0] = unknown(v, access->size);
    else if (atomic >= ENGINE_ATOMIC_FETCH_ADD)
        s->reg[insn->src] = unknown(v, access->size);
}

bool access_exec(struct verifier *v, struct work *w, struct state *s, uint32_t pc) {
    const struct engine_insn *insn = &v->program->insns[pc];
    enum engine_effect effect = engine_insn_effect(insn);
    unsigned base = engine_insn_address(insn);
    struct access access = {.pc = pc,
                            .pointer = s->reg[base],
                            .reg = base,
                            .offset = insn->off,
                            .size = engine_insn_bytes(insn),
                            .read = effect != ENGINE_EFFECT_STORE,
                            .write = effect != ENGINE_EFFECT_LOAD,
                            .atomic = effect == ENGINE_EFFECT_ATOMIC};
    bool masked, by_reg = effect != ENGINE_EFFECT_LOAD && engine_insn_uses_src(insn);
    if (!exec_reads(v, w, s, base, pc) || (by_reg && !exec_reads(v, w, s, insn->src, pc)))
        return false;
    if (effect == ENGINE_EFFECT_ATOMIC && engine_insn_info(insn)->sub == ENGINE_ATOMIC_CMPXCHG &&
        (!exec_reads(v, w, s, 0, pc) || !check_stored(v, w, s, s->reg[0], 0, pc, true)))
        return false;
    if (!access_check(v, w, s, &access, &masked))
        return false;
    proof_set(v, w, pc, masked ? ENGINE_PROOF_MASKED : ENGINE_PROOF_SAFE);
    const struct value *pointer = value_at(v, access.pointer);
    if (effect == ENGINE_EFFECT_LOAD)
        return exec_load(v, w, s, insn, &access, masked);
    uint32_t id = by_reg ? s->reg[insn->src] : value_constant(v, (uint64_t)insn->imm);
    if (effect == ENGINE_EFFECT_ATOMIC) {
        int64_t low, high;
        bool unwritten = false;
        if (!check_stored(v, w, s, id, insn->src, pc, true))
            return false;
        if (pointer->kind == VALUE_STACK && extent(pointer, &access, &low, &high)) {
            if (frame_has_pointers(v, s, (uint32_t)-low, (uint32_t)(high - low), &unwritten) &&
                !WEAK(STACK_POINTERS))
                return refuse(v, w, s, ENGINE_REFUSED_POINTER_PART, pc, base, low, high);
            if (unwritten && w->record)
                v->functions[w->function].zero_frame = 1;
        }
        exec_atomic(v, s, insn, &access);
        return true;
    }
    if (pointer->kind == VALUE_STACK) {
        access.reg = by_reg ? insn->src : base;
        return store_stack(v, w, s, &access, id);
    }
    return check_stored(v, w, s, id, insn->src, pc, false);
}
