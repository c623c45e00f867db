// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the verifier knows, in words; and refusals, which carry it.

#include "base/format.h"
#include "base/string.h"
#include "engine/verify/priv.h"

static void append_number(struct format_text *to, const struct num *n) {
    if (num_is_const(n)) {
        format_append(to,
                      (int64_t)n->value >= -4096 && (int64_t)n->value < 4096 ? "%lld" : "0x%llx",
                      (long long)n->value);
        return;
    }
    bool narrow = n->umax - n->umin <= (uint64_t)n->smax - (uint64_t)n->smin;
    if (n->umin == 0 && n->umax == UINT64_MAX && n->smin == INT64_MIN && n->smax == INT64_MAX)
        format_append(to, "any number");
    else if (narrow && (n->umin || n->umax != UINT64_MAX))
        format_append(to, "%llu..%llu", (unsigned long long)n->umin, (unsigned long long)n->umax);
    else
        format_append(to, "%lld..%lld", (long long)n->smin, (long long)n->smax);
    if (n->umax > UINT32_MAX && (n->wmin || n->wmax != UINT32_MAX))
        format_append(to, ", low half %u..%u", n->wmin, n->wmax);
    unsigned zeros =
        n->value & 1 || n->mask & 1 ? 0 : (unsigned)__builtin_ctzll(n->value | n->mask);
    if (zeros)
        format_append(to, ", multiple of %llu", 1ull << (zeros < 63 ? zeros : 63));
}

static void append_pointer(struct format_text *to, const char *what, const struct num *n) {
    format_append(to, "%s", what);
    if (num_is_const(n) && n->value == 0)
        return;
    if (num_is_const(n)) {
        int64_t c = (int64_t)n->value;
        format_append(to, c < 0 ? " - %llu" : " + %llu",
                      (unsigned long long)(c < 0 ? 0 - (uint64_t)c : (uint64_t)c));
        return;
    }
    format_append(to, " + (");
    append_number(to, n);
    format_append(to, ")");
}

// Bytes proved from the pointer on, or 0.
static uint64_t proved_bytes(const struct verifier *v, const struct state *s,
                             const struct value *value, uint32_t id) {
    const struct region *region = &v->regions[value->object];
    if (region->slot == REGION_NO_SLOT)
        return region->high > value->num.smax ? (uint64_t)(region->high - value->num.smax) : 0;
    uint64_t low = 0, high = (uint64_t)region->high + 1; // largest k with id + k <= length
    if (!s || value_at(v, s->length[region->slot])->kind != VALUE_NUMBER)
        return 0;
    while (low + 1 < high) {
        uint64_t middle = (low + high) / 2;
        if (value_less(v, s, id, s->length[region->slot], -(int64_t)middle))
            low = middle;
        else
            high = middle;
    }
    return low;
}

void explain_value(const struct verifier *v, const struct state *s, uint32_t id, char *text,
                   size_t size) {
    const struct value *value = value_at(v, id);
    struct format_text to = {text, size, 0};
    const char *name;
    switch (value->kind) {
    case VALUE_UNSET:
        format_append(&to, "unset");
        return;
    case VALUE_MIXED:
        format_append(&to, "differs by path");
        return;
    case VALUE_DEAD:
        format_append(&to, "points to something gone");
        return;
    case VALUE_NUMBER:
        format_append(&to, "number ");
        append_number(&to, &value->num);
        return;
    case VALUE_STACK:
        append_pointer(&to, "frame", &value->num);
        break;
    case VALUE_CONTEXT:
    case VALUE_REFERENCE:
        name = v->interface->layouts[value->object].name;
        append_pointer(&to, name ? name : "context", &value->num);
        break;
    case VALUE_BUFFER:
    case VALUE_PACKET:
        append_pointer(&to,
                       value->kind == VALUE_PACKET                     ? "packet"
                       : v->regions[value->object].kind == ENGINE_VOID ? "caller's memory"
                                                                       : "buffer",
                       &value->num);
        format_append(&to, ", %llu bytes proved",
                      (unsigned long long)proved_bytes(v, s, value, id));
        break;
    default:
        append_pointer(&to, "arena", &value->num);
        break;
    }
    if (value->flags & VALUE_NULLABLE)
        format_append(&to, ", or null");
    if (value->kind == VALUE_REFERENCE && s && held_has(v, s, value->symbol))
        format_append(&to, ", owned");
}

void explain_facts(const struct verifier *v, const struct state *s, struct engine_fact *facts) {
    for (unsigned r = 0; r < ENGINE_REGISTERS; r++)
        explain_value(v, s, s->reg[r], facts[r].text, sizeof facts[r].text);
}

// ---- Refusals

// The last branches on a path to the present block, found backwards, returned oldest first.
static void explain_path(const struct verifier *v, const struct work *w,
                         struct engine_refusal *refusal) {
    const struct flow *flow = &v->functions[w->function].flow;
    uint32_t entry = v->program->functions[w->function].entry, count = 0, position = w->position;
    uint32_t found[ENGINE_PATH_MAX];
    for (unsigned steps = 0; steps < 4 * ENGINE_PATH_MAX && count < ENGINE_PATH_MAX; steps++) {
        if (position >= flow->block_count)
            break;
        uint32_t arrived = flow->blocks[position].arrived, slot = arrived >> 1;
        if (arrived == ENGINE_NO_PC)
            break;
        if (engine_insn_effect(&v->program->insns[slot]) == ENGINE_EFFECT_BRANCH)
            found[count++] = arrived;
        while (slot > entry && flow->position[slot - entry] >= flow->block_count)
            slot--;
        position = flow->position[slot - entry];
    }
    refusal->path_count = count;
    for (uint32_t i = 0; i < count; i++)
        refusal->path[i] = found[count - 1 - i];
}

static void place(const struct verifier *v, struct engine_refusal *refusal, uint32_t pc) {
    const struct engine_line *line =
        pc == ENGINE_NO_PC ? NULL : engine_program_line_at(v->program, pc);
    refusal->pc = pc;
    refusal->function =
        pc == ENGINE_NO_PC ? ENGINE_NO_FUNCTION : engine_program_function_at(v->program, pc);
    if (!line)
        return;
    refusal->line = line->line;
    refusal->column = line->column;
    (void)string_copy(refusal->file, line->file, sizeof refusal->file);
}

bool refuse(struct verifier *v, struct work *w, const struct state *s,
            enum engine_refusal_code code, uint32_t pc, unsigned reg, int64_t a, int64_t b) {
    struct engine_refusal *refusal = &v->verdict->refusal;
    if ((w && !w->record) || v->error)
        return false;
    v->error = ENGINE_ERROR_REFUSED;
    refusal->code = code;
    refusal->reg = (uint8_t)reg;
    refusal->a = a;
    refusal->b = b;
    place(v, refusal, pc);
    if (w)
        explain_path(v, w, refusal);
    if (!s)
        return false;
    explain_facts(v, s, refusal->facts);
    for (unsigned r = 0; r < ENGINE_REGISTERS; r++)
        refusal->facts_valid |= (s->reg[r] != 0 || r == reg ? 1u : 0u) << r;
    return false;
}

static void words(const struct verifier *v, char *text, size_t size, const char *format,
                  va_list arguments) {
    if (v->error == ENGINE_ERROR_REFUSED)
        (void)format_write_va(text, size, format, arguments);
}

void refuse_words(struct verifier *v, const char *missing, ...) {
    va_list arguments;
    va_start(arguments, missing);
    words(v, v->verdict->refusal.missing, sizeof v->verdict->refusal.missing, missing, arguments);
    va_end(arguments);
}

void refuse_supply(struct verifier *v, const char *supply, ...) {
    va_list arguments;
    va_start(arguments, supply);
    words(v, v->verdict->refusal.supply, sizeof v->verdict->refusal.supply, supply, arguments);
    va_end(arguments);
}

bool refuse_limit(struct verifier *v, uint32_t pc) {
    struct engine_refusal *refusal = &v->verdict->refusal;
    if (v->error)
        return false;
    v->error = ENGINE_ERROR_LIMIT;
    refusal->code = ENGINE_REFUSED_WORK;
    refusal->a = (int64_t)v->work_limit;
    refusal->reg = 0xff;
    place(v, refusal, pc);
    return false;
}
