// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Calls: imports by their types; local functions by summaries. A function is analysed for the union
// of the calls seen so far (summary.before); a call whose arguments are included in it costs a
// comparison. Otherwise the union grows, widened after a few rounds, and the function is analysed
// again; so it is analysed a bounded number of times however often it is called.
//
// A callee sees memory of its callers through regions of kind ENGINE_VOID: bytes without pointers.
// What it touched there is carried back when it returns.

#include "engine/verify/priv.h"

static void forget_arguments(struct state *s) {
    for (unsigned r = 1; r <= ENGINE_ARGS; r++)
        s->reg[r] = 0;
}

static void move_packets(struct verifier *v, struct work *w, struct state *s) {
    w->moved = 1;
    if (WEAK(PACKET_MOVES))
        return;
    state_kill(v, s, 0, true);
    for (uint32_t i = 0; i < v->region_count; i++) {
        const struct region *region = &v->regions[i];
        struct num num;
        if (region->kind != ENGINE_PACKET || region->slot == REGION_NO_SLOT)
            continue;
        num_range(&num, 0, (uint64_t)region->high);
        s->length[region->slot] = value_number(v, &num);
    }
}

static bool not_deterministic(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                              const char *words) {
    (void)refuse(v, w, s, ENGINE_REFUSED_NOT_DETERMINISTIC, pc, 0xff, 0, 0);
    refuse_words(v, "%s", words);
    return false;
}

// ---- Imports

static bool wrong_argument(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                           const struct engine_import *import, unsigned i, const char *wanted) {
    (void)refuse(v, w, s, ENGINE_REFUSED_ARGUMENT, pc, i + 1, i + 1, 0);
    refuse_words(v, "%s takes %s in r%u", import->name, wanted, i + 1);
    return false;
}

static bool check_number(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                         const struct engine_import *import, unsigned i) {
    const struct engine_type *type = &import->arguments[i];
    const struct value *value = reg_at(v, s, i + 1);
    if (value->kind != VALUE_NUMBER && (value->kind != VALUE_ARENA || v->deterministic))
        return wrong_argument(v, w, s, pc, import, i, "a number");
    if (type->flags & ENGINE_TYPE_CONSTANT && !num_is_const(&value->num) && !WEAK(ARGUMENT_RANGE)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_ARGUMENT_RANGE, pc, i + 1, i + 1, 0);
        refuse_words(v, "that r%u is a constant", i + 1);
        return false;
    }
    if (type->flags & ENGINE_TYPE_RANGE && !WEAK(ARGUMENT_RANGE) &&
        (value->num.umin < type->minimum || value->num.umax > type->maximum ||
         value->kind != VALUE_NUMBER)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_ARGUMENT_RANGE, pc, i + 1, i + 1, 0);
        refuse_words(v, "%llu <= r%u <= %llu", (unsigned long long)type->minimum, i + 1,
                     (unsigned long long)type->maximum);
        return false;
    }
    return true;
}

// What a callee did to [low, high) of the memory that pointer points into; written: it may have
// changed it.
static bool touch_memory(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                         unsigned reg, const struct value *pointer, int64_t low, int64_t high,
                         bool read, bool written) {
    bool unwritten = false;
    if (pointer->kind != VALUE_STACK || high <= low)
        return true;
    low += pointer->num.smin;
    high += pointer->num.smax;
    uint32_t depth = (uint32_t)-low, bytes = (uint32_t)(high - low);
    if (read && frame_has_pointers(v, s, depth, bytes, &unwritten) && !WEAK(STACK_POINTERS))
        return refuse(v, w, s, ENGINE_REFUSED_POINTER_PART, pc, reg, low, high);
    if (unwritten && w->record)
        v->functions[w->function].zero_frame = 1;
    if (written)
        frame_smear(v, s, depth, bytes, false);
    return true;
}

static bool check_buffer(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                         const struct engine_import *import, unsigned i) {
    const struct engine_type *type = &import->arguments[i];
    struct access access = {.pc = pc,
                            .pointer = s->reg[i + 1],
                            .reg = i + 1,
                            .size = type->size,
                            .read = (type->flags & ENGINE_TYPE_READ) != 0,
                            .write = (type->flags & ENGINE_TYPE_WRITE) != 0,
                            .import = true};
    const struct value *pointer = reg_at(v, s, i + 1);
    bool masked;
    if (type->flags & ENGINE_TYPE_NULLABLE && pointer->kind == VALUE_NUMBER &&
        num_is_const(&pointer->num) && pointer->num.value == 0)
        return true;
    if (!value_is_pointer(pointer))
        return wrong_argument(v, w, s, pc, import, i, "a pointer to memory");
    if (type->length) {
        const struct value *length = reg_at(v, s, type->length);
        uint32_t most = type->size ? type->size : 1u << 28;
        if (length->kind != VALUE_NUMBER)
            return wrong_argument(v, w, s, pc, import, type->length - 1u, "a length");
        if (length->num.umax > most && !WEAK(BUFFER_LENGTH)) {
            (void)refuse(v, w, s, ENGINE_REFUSED_ARGUMENT_RANGE, pc, type->length, type->length, 0);
            refuse_words(v, "r%u <= %u, the length of the memory in r%u", type->length, most,
                         i + 1);
            return false;
        }
        access.size = (uint32_t)(length->num.umax < most ? length->num.umax : most);
        access.size_value = s->reg[type->length];
    }
    if (!access.size)
        return true;
    struct value was = *pointer;
    if (was.flags & VALUE_NULLABLE && type->flags & ENGINE_TYPE_NULLABLE) { // proved as if not null
        access.pointer = value_new(v, was.kind);
        *value_at(v, access.pointer) = was;
        value_at(v, access.pointer)->flags &= (uint8_t)~VALUE_NULLABLE;
    }
    if (!access_check(v, w, s, &access, &masked))
        return false;
    return touch_memory(v, w, s, pc, i + 1, &was, 0, access.size, access.read, access.write);
}

static bool check_object(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                         const struct engine_import *import, unsigned i) {
    const struct engine_type *type = &import->arguments[i];
    const struct value *value = reg_at(v, s, i + 1);
    bool null = value->kind == VALUE_NUMBER && num_is_const(&value->num) && !value->num.value;
    if (type->flags & ENGINE_TYPE_NULLABLE && null)
        return true;
    enum value_kind kind = type->kind == ENGINE_CONTEXT  ? VALUE_CONTEXT
                           : type->kind == ENGINE_PACKET ? VALUE_PACKET
                                                         : VALUE_REFERENCE;
    uint32_t object = value->kind == VALUE_PACKET ? v->regions[value->object].pair : value->object;
    if ((value->kind != kind || object != type->layout || !num_is_const(&value->num) ||
         value->num.value) &&
        !WEAK(ARGUMENT_TYPE))
        return wrong_argument(v, w, s, pc, import, i,
                              kind == VALUE_PACKET ? "the start of the packet"
                                                   : v->interface->layouts[type->layout].name);
    if (value->flags & VALUE_NULLABLE && !(type->flags & ENGINE_TYPE_NULLABLE))
        return refuse(v, w, s, ENGINE_REFUSED_NULL, pc, i + 1, i + 1, 0);
    if (type->flags & ENGINE_TYPE_RELEASE && !held_has(v, s, value->symbol) && !WEAK(RELEASE_OWNED))
        return refuse(v, w, s, ENGINE_REFUSED_NOT_OWNED, pc, i + 1, i + 1, 0);
    return true;
}

static bool check_callable(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                           const struct engine_import *import, unsigned i) {
    const struct value *value = reg_at(v, s, i + 1);
    uint64_t function = value->num.value - ENGINE_CALLABLE_LOCAL;
    if (value->kind != VALUE_NUMBER || !num_is_const(&value->num) ||
        function >= v->program->function_count)
        return wrong_argument(v, w, s, pc, import, i, "a function of the program");
    if (w->record)
        queue_function(v, (uint32_t)function, import->arguments[i].layout);
    return true;
}

static bool check_import(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                         const struct engine_import *import) {
    if (v->deterministic && !(import->flags & ENGINE_IMPORT_DETERMINISTIC) &&
        !WEAK(DETERMINISTIC_IMPORT))
        return not_deterministic(v, w, s, pc, "an import that is deterministic");
    for (unsigned i = 0; i < import->argument_count && i < ENGINE_ARGS; i++) {
        enum engine_type_kind kind = (enum engine_type_kind)import->arguments[i].kind;
        bool ok = kind == ENGINE_VOID || exec_reads(v, w, s, i + 1, pc);
        if (ok && kind == ENGINE_SCALAR)
            ok = check_number(v, w, s, pc, import, i);
        else if (ok && kind == ENGINE_BUFFER)
            ok = check_buffer(v, w, s, pc, import, i);
        else if (ok && kind == ENGINE_CALLABLE)
            ok = check_callable(v, w, s, pc, import, i);
        else if (ok && kind == ENGINE_ARENA)
            ok = reg_at(v, s, i + 1)->kind == VALUE_NUMBER ||
                 reg_at(v, s, i + 1)->kind == VALUE_ARENA ||
                 wrong_argument(v, w, s, pc, import, i, "an address in the arena");
        else if (ok && kind != ENGINE_VOID)
            ok = check_object(v, w, s, pc, import, i);
        if (!ok)
            return false;
    }
    return true;
}

static uint32_t import_result(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                              const struct engine_import *import) {
    struct engine_type type = import->result;
    if (type.kind == ENGINE_BUFFER && type.length && type.length <= ENGINE_ARGS) {
        uint64_t least = reg_at(v, s, type.length)->num.umin;
        type.size = (uint32_t)(least < type.size ? least : type.size);
        type.length = 0;
    }
    uint32_t id = typed_value(v, s, &type, 0, 0);
    if (type.kind == ENGINE_REFERENCE && type.flags & ENGINE_TYPE_ACQUIRE &&
        !held_add(v, s, value_at(v, id)->symbol))
        (void)refuse(v, w, s, ENGINE_REFUSED_HELD_MANY, pc, 0xff, HELD, 0);
    return id;
}

static enum call_result call_import(struct verifier *v, struct work *w, struct state *s,
                                    uint32_t pc, const struct engine_import *import) {
    if (!check_import(v, w, s, pc, import) && (w->record || v->error))
        return CALL_REFUSED;
    uint32_t released[ENGINE_ARGS] = {0};
    for (unsigned i = 0; i < import->argument_count && i < ENGINE_ARGS; i++)
        if (import->arguments[i].kind == ENGINE_REFERENCE &&
            import->arguments[i].flags & ENGINE_TYPE_RELEASE &&
            reg_at(v, s, i + 1)->kind == VALUE_REFERENCE)
            released[i] = reg_at(v, s, i + 1)->symbol;
    for (unsigned i = 0; i < ENGINE_ARGS; i++)
        for (unsigned k = 0; k < i; k++)
            if (released[i] && released[i] == released[k]) {
                (void)refuse(v, w, s, ENGINE_REFUSED_NOT_OWNED, pc, i + 1, i + 1, 0);
                return CALL_REFUSED;
            }
    for (unsigned i = 0; i < ENGINE_ARGS; i++)
        if (released[i]) {
            held_remove(v, s, released[i]);
            if (!WEAK(USE_AFTER_RELEASE))
                state_kill(v, s, released[i], false);
        }
    if (import->flags & ENGINE_IMPORT_MOVES_PACKET)
        move_packets(v, w, s);
    uint32_t result = import_result(v, w, s, pc, import);
    s->reg[0] = result;
    forget_arguments(s);
    return v->error ? CALL_REFUSED : CALL_DONE;
}

// ---- Local functions

// Memory of this frame (or of a caller) that argument i gives to the callee.
static bool share_memory(struct verifier *v, const struct value *pointer, struct region *region,
                         bool *grew) {
    int64_t low, high;
    if (pointer->num.smin <= -ENGINE_STACK_MAX || pointer->num.smax >= ENGINE_STACK_MAX)
        return false;
    if (pointer->kind == VALUE_STACK) {
        low = -(int64_t)v->program->stack_limit - pointer->num.smin;
        high = -pointer->num.smax;
    } else {
        const struct region *outer = &v->regions[pointer->object];
        low = outer->low - pointer->num.smin;
        high = outer->high - pointer->num.smax;
    }
    if (low > region->low)
        region->low = low, *grew = true;
    if (high < region->high)
        region->high = high, *grew = true;
    return true;
}

static bool is_shared(const struct verifier *v, const struct value *value) {
    return value->kind == VALUE_STACK ||
           (value->kind == VALUE_BUFFER && v->regions[value->object].kind == ENGINE_VOID);
}

static uint32_t argument_region(struct verifier *v, uint32_t function, unsigned mode, unsigned i) {
    uint32_t *place = &v->functions[function].region[mode][i];
    if (!*place) {
        struct region region = {.kind = ENGINE_VOID,
                                .rights = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE,
                                .slot = REGION_NO_SLOT,
                                .low = -ENGINE_STACK_MAX,
                                .high = ENGINE_STACK_MAX};
        *place = 1 + region_find(v, &region);
    }
    return *place - 1;
}

// The state in which the callee begins, or 0.
static uint32_t entry_state(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                            uint32_t function, bool *grew) {
    struct function *f = &v->functions[function];
    uint32_t id = state_new(v);
    struct state *entry = state_at(v, id);
    if (!id)
        return 0;
    for (unsigned i = 0; i < LENGTHS; i++)
        entry->length[i] = s->length[i];
    for (unsigned i = 0; i < s->bound_count; i++)
        entry->bounds[i] = s->bounds[i];
    entry->bound_count = s->bound_count;
    entry->reg[ENGINE_R10] = s->reg[ENGINE_R10]; // distance 0 from its own frame
    for (unsigned r = 1; r <= ENGINE_ARGS; r++) {
        const struct value *value = reg_at(v, s, r);
        bool owned = value->kind == VALUE_REFERENCE && held_has(v, s, value->symbol);
        entry->reg[r] = value->kind >= VALUE_NUMBER ? s->reg[r] : 0;
        if (f->recursive && (is_shared(v, value) || owned)) {
            state_free(v, id);
            (void)refuse(v, w, s, ENGINE_REFUSED_RECURSION, pc, r, 0, 0);
            return 0;
        }
        if (f->recursive && value->kind == VALUE_NUMBER)
            entry->reg[r] = value_number(v, &num_any);
        if (owned && !held_has(v, entry, value->symbol))
            (void)held_add(v, entry, value->symbol);
        if (!is_shared(v, value))
            continue;
        uint32_t region = argument_region(v, function, w->record, r - 1);
        uint32_t pointer = 0;
        if (!v->error && share_memory(v, value, &v->regions[region], grew)) {
            pointer = value_pointer(v, VALUE_BUFFER, region, 0);
            value_at(v, pointer)->flags = value->flags & VALUE_NULLABLE;
        }
        entry->reg[r] = pointer;
    }
    return id;
}

static bool carry_back_memory(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                              uint32_t function) {
    for (unsigned i = 0; i < ENGINE_ARGS; i++) {
        uint32_t place = v->functions[function].region[w->record][i];
        const struct value *pointer = reg_at(v, s, i + 1);
        if (!place || !is_shared(v, pointer))
            continue;
        struct region inner = v->regions[place - 1];
        struct value was = *pointer;
        if (inner.touch_low == inner.touch_high)
            continue;
        if (was.kind == VALUE_STACK) {
            struct function *f = &v->functions[w->function];
            int64_t low = was.num.smin + inner.touch_low;
            if (w->record && low < 0 && (uint32_t)-low > f->low)
                f->low = (uint32_t)-low;
            if (!touch_memory(v, w, s, pc, i + 1, &was, inner.touch_low, inner.touch_high, true,
                              false) ||
                !touch_memory(v, w, s, pc, i + 1, &was, inner.write_low, inner.write_high, false,
                              true))
                return false;
        } else {
            struct region *outer = &v->regions[was.object];
            int64_t from[4] = {inner.touch_low, inner.touch_high, inner.write_low,
                               inner.write_high};
            for (unsigned k = 0; k < 4; k++)
                from[k] += k & 1 ? was.num.smax : was.num.smin;
            if (outer->touch_low == outer->touch_high)
                outer->touch_low = from[0], outer->touch_high = from[1];
            outer->touch_low = from[0] < outer->touch_low ? from[0] : outer->touch_low;
            outer->touch_high = from[1] > outer->touch_high ? from[1] : outer->touch_high;
            if (inner.write_low == inner.write_high)
                continue;
            if (outer->write_low == outer->write_high)
                outer->write_low = from[2], outer->write_high = from[3];
            outer->write_low = from[2] < outer->write_low ? from[2] : outer->write_low;
            outer->write_high = from[3] > outer->write_high ? from[3] : outer->write_high;
        }
    }
    return true;
}

// r0 after the call, in the caller's terms.
static uint32_t carry_back_result(struct verifier *v, struct state *s, uint32_t function,
                                  unsigned mode, const struct state *before,
                                  const struct state *after) {
    struct value result = *reg_at(v, after, 0);
    if (result.kind < VALUE_NUMBER || result.kind == VALUE_STACK)
        return 0;
    if (result.kind == VALUE_NUMBER)
        return value_number(v, &result.num);
    if (result.kind == VALUE_REFERENCE) {
        for (unsigned r = 1; r <= ENGINE_ARGS; r++)
            if (reg_at(v, before, r)->kind == VALUE_REFERENCE && result.num.value == 0 &&
                reg_at(v, before, r)->symbol == result.symbol &&
                reg_at(v, before, r)->num.value == 0)
                return s->reg[r];
        if (result.parent)
            return 0;
        uint32_t id = value_new(v, VALUE_REFERENCE);
        bool owned = held_has(v, after, result.symbol);
        result.symbol = symbol_new(v);
        result.home = 0;
        *value_at(v, id) = result;
        if (owned && !held_add(v, s, result.symbol))
            v->error = ENGINE_ERROR_LIMIT;
        return id;
    }
    for (unsigned i = 0; i < ENGINE_ARGS; i++)
        if (result.kind == VALUE_BUFFER && v->functions[function].region[mode][i] &&
            v->functions[function].region[mode][i] - 1 == result.object) {
            uint32_t distance = value_number(v, &result.num);
            if (!is_shared(v, reg_at(v, s, i + 1)))
                return 0;
            uint32_t id = value_add(v, s, s->reg[i + 1], distance, false);
            value_at(v, id)->flags = (result.flags | reg_at(v, s, i + 1)->flags) & VALUE_NULLABLE;
            return id;
        }
    if (result.parent)
        return 0;
    uint32_t id = value_new(v, result.kind);
    if (result.symbol)
        result.symbol = symbol_new(v), result.scale = 1, result.offset = 0;
    result.home = 0;
    *value_at(v, id) = result;
    return id;
}

static enum call_result apply_summary(struct verifier *v, struct work *w, struct state *s,
                                      uint32_t pc, uint32_t function) {
    const struct summary *summary = &v->functions[function].summary[w->record];
    if (!summary->after)
        return CALL_REFUSED; // never returns
    if (!carry_back_memory(v, w, s, pc, function) && (w->record || v->error))
        return CALL_REFUSED;
    const struct state *before = state_at(v, summary->before), *after = state_at(v, summary->after);
    uint32_t result = carry_back_result(v, s, function, w->record, before, after);
    for (unsigned r = 1; r <= ENGINE_ARGS; r++) {
        const struct value *inner = reg_at(v, before, r), *outer = reg_at(v, s, r);
        if (inner->kind != VALUE_REFERENCE || outer->kind != VALUE_REFERENCE ||
            !held_has(v, before, inner->symbol) || held_has(v, after, inner->symbol))
            continue;
        uint32_t symbol = outer->symbol;
        held_remove(v, s, symbol);
        s->reg[0] = result;
        state_kill(v, s, symbol, false);
        result = s->reg[0];
    }
    s->reg[0] = result;
    forget_arguments(s);
    if (summary->moved) {
        move_packets(v, w, s);
        if (reg_at(v, s, 0)->kind == VALUE_DEAD)
            s->reg[0] = 0;
    }
    return v->error ? CALL_REFUSED : CALL_DONE;
}

static enum call_result call_again(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                                   uint32_t function, bool grew) {
    struct function *f = &v->functions[function];
    if (grew || !f->recursive) {
        (void)refuse(v, w, s, ENGINE_REFUSED_RECURSION, pc, 0xff, 0, 0);
        return CALL_REFUSED;
    }
    s->reg[0] = f->returns_nothing ? 0 : value_number(v, &num_any);
    forget_arguments(s);
    if (v->moves_packets)
        move_packets(v, w, s);
    return CALL_DONE;
}

// Do the arguments fit the summary, seen at a glance? Only numbers, and nothing said of relations.
static bool fits_plainly(const struct verifier *v, const struct state *s,
                         const struct summary *summary) {
    const struct state *before = state_at(v, summary->before);
    if (!summary->valid || !summary->before || before->held || before->bound_count)
        return false;
    for (unsigned r = 1; r <= ENGINE_ARGS; r++) {
        const struct value *known = reg_at(v, before, r), *now = reg_at(v, s, r);
        if (known->kind == VALUE_UNSET)
            continue;
        if (known->kind != VALUE_NUMBER || now->kind != VALUE_NUMBER ||
            !num_includes(&known->num, &now->num))
            return false;
        for (unsigned q = 1; q < r; q++)
            if (before->reg[q] == before->reg[r] ||
                (known->symbol && known->symbol == reg_at(v, before, q)->symbol))
                return false;
        for (unsigned i = 0; i < LENGTHS; i++)
            if (known->symbol && known->symbol == value_at(v, before->length[i])->symbol)
                return false;
    }
    for (unsigned i = 0; i < LENGTHS; i++)
        if (before->length[i] != s->length[i] && before->length[i])
            return false;
    return true;
}

static enum call_result call_local(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                                   uint32_t function) {
    struct function *f = &v->functions[function];
    struct summary *summary = &f->summary[w->record];
    if (f->recursive && f->component == v->functions[w->function].component)
        proof_set(v, w, pc, ENGINE_PROOF_METERED);
    if (!f->busy && fits_plainly(v, s, summary))
        return apply_summary(v, w, s, pc, function);
    bool grew = false;
    uint32_t entry = entry_state(v, w, s, pc, function, &grew);
    if (!entry)
        return CALL_REFUSED;
    if (!summary->before) {
        summary->before = entry;
        grew = true;
    } else {
        enum join_mode mode = summary->rounds < 4   ? JOIN_HEAD
                              : summary->rounds < 8 ? JOIN_WIDEN
                                                    : JOIN_WIDEN_HARD;
        struct num_steps steps = {.count = 0};
        for (unsigned i = 7; i < 64; i++)
            num_step(&steps, (UINT64_C(1) << i) - 1);
        grew |= state_join(v, summary->before, entry, mode, &steps);
        state_free(v, entry);
    }
    if (f->busy)
        return call_again(v, w, s, pc, function, grew);
    if (summary->valid && !grew)
        return apply_summary(v, w, s, pc, function);
    summary->valid = 0;
    summary->rounds++;
    uint32_t start = state_copy(v, summary->before);
    return start && work_push(v, function, start, w->record) ? CALL_ENTER : CALL_REFUSED;
}

// ---- Calls through registers

static bool note_target(struct verifier *v, struct work *w, uint32_t pc, uint64_t callable) {
    if (!w->record)
        return true;
    for (uint32_t i = 0; i < v->call_count; i++)
        if (v->calls[i].pc == pc) {
            if (v->calls[i].callable != callable) // another one each time: checked when run
                proof_set(v, w, pc, ENGINE_PROOF_CHECKED | ENGINE_PROOF_METERED);
            return v->calls[i].callable == callable;
        }
    if (v->call_count == v->call_room) {
        uint32_t wanted = v->call_room ? v->call_room * 2 : 4;
        struct engine_call_target *larger = verify_alloc(v, wanted * sizeof *larger);
        if (!larger)
            return false;
        for (uint32_t i = 0; i < v->call_count; i++)
            larger[i] = v->calls[i];
        verify_free(v, v->calls, v->call_room * sizeof *larger);
        v->calls = larger;
        v->call_room = wanted;
    }
    v->calls[v->call_count++] = (struct engine_call_target){pc, callable};
    return true;
}

// Target unknown: any function whose address is taken, with numbers as arguments.
static enum call_result call_checked(struct verifier *v, struct work *w, struct state *s,
                                     uint32_t pc, unsigned reg) {
    if (!v->addressed && !WEAK(CALLABLE)) {
        (void)refuse(v, w, s, ENGINE_REFUSED_CALLABLE, pc, reg, reg, 0);
        return CALL_REFUSED;
    }
    if (v->deterministic) {
        (void)not_deterministic(v, w, s, pc, "that the function called is known");
        return CALL_REFUSED;
    }
    for (unsigned r = 1; r <= v->addressed_arguments; r++) {
        const struct value *value = reg_at(v, s, r);
        if (!exec_reads(v, w, s, r, pc))
            return CALL_REFUSED;
        if (value->kind == VALUE_NUMBER || value->kind == VALUE_ARENA)
            continue;
        (void)refuse(v, w, s, ENGINE_REFUSED_ARGUMENT, pc, r, r, 0);
        refuse_words(v, "functions called through pointers take numbers");
        return CALL_REFUSED;
    }
    proof_set(v, w, pc, ENGINE_PROOF_CHECKED | ENGINE_PROOF_METERED);
    v->checked |= w->record;
    s->reg[0] = value_number(v, &num_any);
    forget_arguments(s);
    if (v->moves_packets)
        move_packets(v, w, s);
    return CALL_DONE;
}

static enum call_result call_register(struct verifier *v, struct work *w, struct state *s,
                                      uint32_t pc, unsigned reg) {
    if (!exec_reads(v, w, s, reg, pc))
        return CALL_REFUSED;
    const struct value *value = reg_at(v, s, reg);
    if (value->kind != VALUE_NUMBER && value->kind != VALUE_ARENA) {
        (void)refuse(v, w, s, ENGINE_REFUSED_CALLABLE, pc, reg, reg, 0);
        return CALL_REFUSED;
    }
    uint64_t target = value->num.value, local = target - ENGINE_CALLABLE_LOCAL;
    if (num_is_const(&value->num) && value->kind == VALUE_NUMBER) {
        if (target < v->program->import_count) {
            if (!note_target(v, w, pc, target)) {
                (void)refuse(v, w, s, ENGINE_REFUSED_CALLABLE, pc, reg, reg, 0);
                return CALL_REFUSED;
            }
            return call_import(v, w, s, pc, v->program->imports[target].import);
        }
        if (local < v->program->function_count) {
            if (!note_target(v, w, pc, target))
                return call_checked(v, w, s, pc, reg);
            return call_local(v, w, s, pc, (uint32_t)local);
        }
        if (!WEAK(CALLABLE)) {
            (void)refuse(v, w, s, ENGINE_REFUSED_CALLABLE, pc, reg, reg, 0);
            return CALL_REFUSED;
        }
    }
    return call_checked(v, w, s, pc, reg);
}

enum call_result call_exec(struct verifier *v, struct work *w, struct state *s, uint32_t pc) {
    const struct engine_insn *insn = &v->program->insns[pc];
    switch (engine_insn_info(insn)->sub) {
    case ENGINE_CALL_IMPORT:
        return call_import(v, w, s, pc, v->program->imports[insn->imm].import);
    case ENGINE_CALL_LOCAL:
        return call_local(v, w, s, pc, (uint32_t)insn->imm);
    default:
        return call_register(v, w, s, pc, insn->dst);
    }
}

// ---- Return

static bool check_held(struct verifier *v, struct work *w, struct state *s, uint32_t pc) {
    const struct state *entry = state_at(v, w->entry);
    const struct value *result = reg_at(v, s, 0);
    bool local = w->caller != NULL;
    for (unsigned i = 0; s->held && i < HELD; i++) {
        uint32_t symbol = node_at(v, s->held)->entry[i];
        if (!symbol)
            break;
        if (symbol & (uint32_t)HELD_TORN)
            return refuse(v, w, s, ENGINE_REFUSED_RELEASED_SOMETIMES, pc, 0xff, 0, 0);
        bool returned = local && result->kind == VALUE_REFERENCE && result->symbol == symbol;
        if (!returned && !(local && held_has(v, entry, symbol)) && !WEAK(UNRELEASED))
            return refuse(v, w, s, ENGINE_REFUSED_UNRELEASED, pc, 0xff, 0, 0);
    }
    return true;
}

static bool check_result(struct verifier *v, struct work *w, struct state *s, uint32_t pc) {
    const struct value *value = reg_at(v, s, 0);
    if (v->hook == NO_HOOK)
        return exec_reads(v, w, s, 0, pc) &&
               (value->kind == VALUE_NUMBER || value->kind == VALUE_ARENA ||
                refuse(v, w, s, ENGINE_REFUSED_RESULT, pc, 0, 0, 0));
    const struct engine_type *type = &v->interface->hooks[v->hook].result;
    if (type->kind == ENGINE_VOID)
        return true;
    if (!exec_reads(v, w, s, 0, pc))
        return false;
    value = reg_at(v, s, 0);
    if (value->kind != VALUE_NUMBER && (value->kind != VALUE_ARENA || v->deterministic) &&
        !WEAK(RESULT))
        return refuse(v, w, s, ENGINE_REFUSED_RESULT, pc, 0, 0, 0);
    if (type->flags & ENGINE_TYPE_RANGE && !WEAK(RESULT_RANGE) &&
        (value->num.umin < type->minimum || value->num.umax > type->maximum ||
         value->kind != VALUE_NUMBER))
        return refuse(v, w, s, ENGINE_REFUSED_RESULT_RANGE, pc, 0, (int64_t)type->minimum,
                      (int64_t)type->maximum);
    return true;
}

bool call_exit(struct verifier *v, struct work *w, struct state *s, uint32_t pc) {
    const struct value *value = reg_at(v, s, 0);
    struct function *f = &v->functions[w->function];
    if (!check_held(v, w, s, pc))
        return false;
    if (!w->caller && !check_result(v, w, s, pc))
        return false;
    if (f->recursive && !f->returns_nothing && value->kind != VALUE_NUMBER &&
        value->kind != VALUE_ARENA)
        return refuse(v, w, s,
                      value->kind == VALUE_UNSET ? ENGINE_REFUSED_UNSET : ENGINE_REFUSED_RESULT, pc,
                      0, 0, 0);
    uint32_t id = state_new(v);
    if (!id)
        return false;
    struct state *exit = state_at(v, id);
    exit->reg[0] = s->reg[0];
    exit->held = s->held;
    if (w->exit) {
        (void)state_join(v, w->exit, id, JOIN_MERGE, NULL);
        state_free(v, id);
    } else
        w->exit = id;
    return true;
}
