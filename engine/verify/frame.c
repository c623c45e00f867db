// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What is known of a stack frame: a tree with 16-way nodes over 4-byte cells, shared between states
// and copied on write. Cell k is [r10 - 4k - 4, r10 - 4k). An 8-byte value occupies two cells: its
// upper half cell k - 1, its lower half cell k. Bytes never written read as zero, which makes the
// function ask for a cleared frame.

#include "engine/verify/priv.h"

uint32_t frame_get(const struct verifier *v, uint32_t root, uint32_t cell) {
    uint32_t id = root;
    for (uint32_t level = v->frame_levels; id && level--;)
        id = node_at(v, id)->entry[(cell >> (level * NODE_BITS)) & (NODE_ENTRIES - 1)];
    return id;
}

static uint32_t set_at(struct verifier *v, uint32_t id, uint32_t level, uint32_t cell,
                       uint32_t entry) {
    uint32_t copy = node_new(v, id);
    if (!copy)
        return id;
    unsigned i = (cell >> (level * NODE_BITS)) & (NODE_ENTRIES - 1);
    uint32_t below = node_at(v, copy)->entry[i];
    node_at(v, copy)->entry[i] = level ? set_at(v, below, level - 1, cell, entry) : entry;
    return copy;
}

uint32_t frame_set(struct verifier *v, uint32_t root, uint32_t cell, uint32_t entry) {
    return set_at(v, root, v->frame_levels - 1, cell, entry);
}

// The 32-bit number in a cell; false if it is part of something else.
static bool cell_number(const struct verifier *v, uint32_t entry, struct num *num) {
    static const struct num zero = {0};
    if (!entry) {
        *num = zero;
        return true;
    }
    const struct value *value = value_at(v, entry >> 2);
    if (value->kind != VALUE_NUMBER)
        return false;
    *num = value->num;
    if ((entry & 3) == CELL_HIGH) {
        struct num k;
        num_set(&k, 32);
        num_alu(ENGINE_ALU_RSH, 64, num, &k);
    } else
        num_extend(num, 32, false);
    return true;
}

static void shift(struct num *num, enum engine_alu op, uint64_t amount) {
    struct num k;
    num_set(&k, amount);
    num_alu(op, 64, num, &k);
}

// The value in one whole cell.
static uint32_t load_cell(struct verifier *v, uint32_t entry) {
    struct num num;
    const struct value *value = value_at(v, entry >> 2);
    bool word = (entry & 3) != CELL_HIGH;
    if (entry && word && value->kind == VALUE_NUMBER && value->num.umax <= UINT32_MAX &&
        (value->symbol || num_is_const(&value->num)))
        return entry >> 2;
    return cell_number(v, entry, &num) ? value_number(v, &num) : 0;
}

uint32_t frame_load(struct verifier *v, struct state *s, uint32_t depth, unsigned bytes,
                    bool *unwritten) {
    uint32_t cell = (depth - 1) / CELL_BYTES, last = (depth - bytes) / CELL_BYTES;
    unsigned place = CELL_BYTES * (cell + 1) - depth; // of the first byte in its cell
    uint32_t low = frame_get(v, s->frame, cell), high = frame_get(v, s->frame, last);
    for (uint32_t i = last; i <= cell; i++)
        *unwritten |= (frame_get(v, s->frame, i) & 3) == CELL_MAYBE;
    struct num num, upper;
    if (bytes == 8 && place == 0) {
        if ((low & 3) == CELL_LOW && (high & 3) == CELL_HIGH && low >> 2 == high >> 2) {
            const struct value *value = value_at(v, low >> 2);
            return value->kind == VALUE_MIXED || value->kind == VALUE_UNSET ? 0 : low >> 2;
        }
        if (!cell_number(v, low, &num) || !cell_number(v, high, &upper))
            return 0;
        shift(&upper, ENGINE_ALU_LSH, 32);
        num_alu(ENGINE_ALU_OR, 64, &num, &upper);
        return value_number(v, &num);
    }
    if (bytes == 4 && place == 0)
        return load_cell(v, low);
    for (uint32_t i = last; i <= cell; i++)
        if (!cell_number(v, frame_get(v, s->frame, i), &num))
            return 0;
    if (cell == last) {
        shift(&num, ENGINE_ALU_RSH, place * 8);
        num_extend(&num, bytes * 8, false);
        return value_number(v, &num);
    }
    num_range(&num, 0, UINT64_MAX >> (64 - bytes * 8));
    return value_number(v, &num);
}

static uint32_t mixed(struct verifier *v) {
    uint32_t id = value_new(v, VALUE_MIXED);
    value_at(v, id)->num = num_any;
    return id;
}

// A cell some of whose bytes were overwritten by something.
static uint32_t smeared(struct verifier *v, uint32_t entry) {
    if ((entry & 3) == CELL_MAYBE)
        return v->constant_any32 << 2 | CELL_MAYBE;
    if (value_at(v, entry >> 2)->kind == VALUE_NUMBER)
        return v->constant_any32 << 2 | CELL_WORD;
    return mixed(v) << 2 | CELL_WORD;
}

static void store_part(struct verifier *v, struct state *s, uint32_t cell, unsigned place,
                       unsigned bytes, uint32_t value) {
    uint32_t entry = frame_get(v, s->frame, cell);
    struct num num, part = value_at(v, value)->num, keep;
    if (!cell_number(v, entry, &num)) {
        s->frame = frame_set(v, s->frame, cell, smeared(v, entry));
        return;
    }
    uint64_t mask = (UINT64_MAX >> (64 - bytes * 8)) << place * 8;
    num_set(&keep, UINT32_MAX & ~mask);
    num_alu(ENGINE_ALU_AND, 64, &num, &keep);
    num_extend(&part, bytes * 8, false);
    shift(&part, ENGINE_ALU_LSH, place * 8);
    num_alu(ENGINE_ALU_OR, 64, &num, &part);
    unsigned tag = (entry & 3) == CELL_MAYBE ? CELL_MAYBE : CELL_WORD;
    s->frame = frame_set(v, s->frame, cell, value_number(v, &num) << 2 | tag);
}

void frame_store(struct verifier *v, struct state *s, uint32_t depth, unsigned bytes, uint32_t id) {
    uint32_t cell = (depth - 1) / CELL_BYTES, last = (depth - bytes) / CELL_BYTES;
    unsigned place = CELL_BYTES * (cell + 1) - depth;
    if (place == 0 && bytes >= 4) {
        unsigned tag = bytes == 8 ? CELL_LOW : CELL_WORD;
        if (bytes == 8)
            s->frame = frame_set(v, s->frame, cell - 1, id << 2 | CELL_HIGH);
        else if (value_at(v, id)->num.umax > UINT32_MAX) {
            struct num num = value_at(v, id)->num;
            num_extend(&num, 32, false);
            id = value_number(v, &num);
        }
        s->frame = frame_set(v, s->frame, cell, id << 2 | tag);
        value_at(v, id)->home = (uint16_t)(cell < UINT16_MAX ? cell + 1 : 0);
    } else if (cell == last)
        store_part(v, s, cell, place, bytes, id);
    else
        frame_smear(v, s, depth, bytes, true);
}

// Cells [first, last] of the subtree, which begins at cell `base`; those in `whole` are wholly and
// certainly written.
struct smear {
    uint32_t first, last, whole_first, whole_last;
};

static uint32_t smear_at(struct verifier *v, uint32_t id, uint32_t level, uint32_t base,
                         const struct smear *range) {
    uint32_t span = 1u << (level * NODE_BITS); // cells of one entry
    uint32_t result = id;
    v->work++;
    for (unsigned i = 0; i < NODE_ENTRIES; i++) {
        uint32_t from = base + i * span, to = from + span - 1;
        if (to < range->first || from > range->last)
            continue;
        uint32_t entry = node_at(v, id)->entry[i], now = entry;
        bool whole = from >= range->whole_first && to <= range->whole_last;
        if (level == 0)
            now = whole ? v->constant_any32 << 2 | CELL_WORD : smeared(v, entry);
        else if (whole)
            now = v->misc[level - 1];
        else if (!entry && from >= range->first && to <= range->last &&
                 (from > range->whole_last || to < range->whole_first))
            now = v->maybe[level - 1];
        else if (entry != v->misc[level - 1] &&
                 (entry != v->maybe[level - 1] || range->whole_first <= range->whole_last))
            now = smear_at(v, entry, level - 1, from, range);
        if (now == entry)
            continue;
        if (result == id && !(result = node_new(v, id)))
            return id;
        node_at(v, result)->entry[i] = now;
    }
    return result;
}

void frame_smear(struct verifier *v, struct state *s, uint32_t depth, uint32_t bytes,
                 bool certain) {
    if (!bytes)
        return;
    uint32_t end = depth - bytes; // distance of the end from r10
    struct smear range = {.first = end / CELL_BYTES, .last = (depth - 1) / CELL_BYTES};
    range.whole_first = (end + CELL_BYTES - 1) / CELL_BYTES;
    range.whole_last = depth / CELL_BYTES;
    if (certain && range.whole_last > range.whole_first)
        range.whole_last--;
    else
        range.whole_first = 1, range.whole_last = 0;
    s->frame = smear_at(v, s->frame, v->frame_levels - 1, 0, &range);
}

static bool pointers_at(struct verifier *v, uint32_t id, uint32_t level, uint32_t base,
                        uint32_t first, uint32_t last, bool *unwritten) {
    uint32_t span = 1u << (level * NODE_BITS);
    v->work++;
    for (unsigned i = 0; i < NODE_ENTRIES; i++) {
        uint32_t from = base + i * span, to = from + span - 1;
        if (to < first || from > last)
            continue;
        uint32_t entry = node_at(v, id)->entry[i];
        if (!entry || (level == 0 && (entry & 3) == CELL_MAYBE))
            *unwritten = true;
        if (!entry || (level && entry == v->misc[level - 1]))
            continue;
        if (level ? pointers_at(v, entry, level - 1, from, first, last, unwritten)
                  : value_at(v, entry >> 2)->kind != VALUE_NUMBER)
            return true;
    }
    return false;
}

bool frame_has_pointers(struct verifier *v, const struct state *s, uint32_t depth, uint32_t bytes,
                        bool *unwritten) {
    if (!bytes)
        return false;
    return pointers_at(v, s->frame, v->frame_levels - 1, 0, (depth - bytes) / CELL_BYTES,
                       (depth - 1) / CELL_BYTES, unwritten);
}
