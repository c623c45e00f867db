// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Sets: where a binding goes, and how stages are linked. A set with one stage is that stage's code;
// with more (or with a filter) it is *framed*: a frame block that keeps the arguments, one step
// block per stage that calls it and merges the result, and an end block.
//
// Where a binding without constraint goes: into a table of the middle section whose field it tests,
// if there is one. Of two bindings in one table with different constants only one can run, so any
// constraint between them holds by itself; with the same constant it is kept inside of their set.

#include "kernel/spin/dispatch/priv.h"

static bool is_top(const struct dispatch_set *set) {
    return !set->parent && !set->framed;
}

u64 set_code(const struct dispatch_set *set) {
    return block_code(set->framed ? set->frame : set->first->entry);
}

u64 *set_word(const struct dispatch_set *set) {
    if (!set->parent)
        return set->event->shadow ? set->event->shadow : block_word(set->event->stub, 0);
    return set->parent->block ? block_word(set->parent->block, 1) : NULL;
}

static void set_publish(struct dispatch_set *set, u64 address) {
    u64 *word = set_word(set);
    if (word)
        word_set(word, address);
}

void stage_publish(struct dispatch_stage *stage) {
    u64 address = block_code(stage->entry);
    if (stage->set->framed)
        word_set(block_word(stage->step, 0), address);
    else
        set_publish(stage->set, address);
}

// ---- Stages

static struct dispatch_stage *stage_new(struct dispatch_set *set, struct dispatch_memory *memory,
                                        const struct dispatch_binding *binding) {
    struct dispatch_stage *stage = heap_alloc(memory, sizeof(*stage));
    if (!stage)
        return NULL;
    stage->set = set;
    stage->memory = memory;
    stage->is_async = binding->flags & DISPATCH_ASYNC;
    stage->is_filter = binding->flags & DISPATCH_FILTER;
    return stage;
}

static void stage_free(struct dispatch_stage *stage) {
    heap_free(stage->memory, stage, sizeof(*stage));
}

// The code of a stage, by contract T or I.
static struct dispatch_block *stage_entry(struct dispatch_stage *stage, bool top, int *error) {
    struct dispatch_event *event = stage->set->event;
    if (!stage->is_table) {
        struct emit_leaf leaf = {event, stage->binding, top, false};
        return block_make(stage->memory, 0, emit_leaf, &leaf, error);
    }
    struct emit_head head = {event, stage, NULL, block_code(event->abandon), top};
    if (stage->root & 1)
        head.node = (struct dispatch_node *)(stage->root & ~1ul);
    else if (stage->root)
        head.first = block_code(((struct dispatch_entry *)stage->root)->block);
    return block_make(stage->memory, head.node ? 0 : 1, emit_head, &head, error);
}

int stage_renew(struct dispatch_stage *stage) {
    int error = DISPATCH_OK;
    struct dispatch_block *entry = stage_entry(stage, is_top(stage->set), &error);
    if (!entry)
        return error;
    block_retire(stage->set->event, stage->entry);
    stage->entry = entry;
    stage_publish(stage);
    return DISPATCH_OK;
}

static struct dispatch_block *stage_step(struct dispatch_stage *stage,
                                         const struct dispatch_block *entry, u64 next, int *error) {
    struct emit_step step = {stage->set->event, stage, block_code(entry), next};
    return block_make(stage->memory, 2, emit_step, &step, error);
}

// Who pays for a set's frame.
static struct dispatch_memory *set_memory(const struct dispatch_set *set) {
    return set->parent ? set->parent->stage->memory : set->event->memory;
}

// ---- Linking stages

static void list_insert(struct dispatch_set *set, struct dispatch_stage *stage,
                        struct dispatch_stage *previous) {
    stage->previous = previous;
    stage->next = previous ? previous->next : set->first;
    if (previous)
        previous->next = stage;
    else
        set->first = stage;
    if (stage->next)
        stage->next->previous = stage;
    else
        set->last = stage;
    if (!stage->next || stage->next->section > stage->section)
        set->edge[stage->section] = stage;
    set->stages++;
}

static void list_remove(struct dispatch_set *set, struct dispatch_stage *stage) {
    struct dispatch_stage *previous = stage->previous;
    if (previous)
        previous->next = stage->next;
    else
        set->first = stage->next;
    if (stage->next)
        stage->next->previous = previous;
    else
        set->last = previous;
    if (set->edge[stage->section] == stage)
        set->edge[stage->section] =
            previous && previous->section == stage->section ? previous : NULL;
    set->stages--;
}

// The last stage in front of where a new one of the section goes; NULL: the front.
static struct dispatch_stage *section_end(const struct dispatch_set *set, u32 section) {
    for (u32 i = section + 1; i-- > 0;)
        if (set->edge[i])
            return set->edge[i];
    return NULL;
}

// Links one more stage into a framed set.
static int framed_insert(struct dispatch_set *set, struct dispatch_stage *stage,
                         struct dispatch_stage *previous) {
    struct dispatch_stage *next = previous ? previous->next : set->first;
    int error = DISPATCH_OK;
    stage->entry = stage_entry(stage, false, &error);
    if (!stage->entry)
        return error;
    stage->step = stage_step(stage, stage->entry, block_code(next ? next->step : set->end), &error);
    if (!stage->step) {
        block_free(stage->entry);
        return error;
    }
    list_insert(set, stage, previous);
    word_set(previous ? block_word(previous->step, 1) : block_word(set->frame, 0),
             block_code(stage->step));
    return DISPATCH_OK;
}

// Turns a set of at most one stage into a framed one with the same stage.
static int set_frame(struct dispatch_set *set) {
    struct dispatch_event *event = set->event;
    struct dispatch_stage *old = set->first;
    struct dispatch_block *end, *frame = NULL, *entry = NULL, *step = NULL;
    int error = DISPATCH_OK;
    end = block_make(set_memory(set), 0, emit_end, event, &error);
    if (!end)
        return error;
    struct emit_frame what = {event, !set->parent, block_code(end)};
    if (old) {
        entry = set->parent ? old->entry : stage_entry(old, false, &error);
        step = entry ? stage_step(old, entry, block_code(end), &error) : NULL;
        if (!step)
            goto undo;
        what.first = block_code(step);
    }
    frame = block_make(set_memory(set), 1, emit_frame, &what, &error);
    if (!frame)
        goto undo;
    set->framed = true;
    set->frame = frame;
    set->end = end;
    if (old) {
        if (old->entry != entry)
            block_retire(event, old->entry);
        old->entry = entry;
        old->step = step;
    }
    set_publish(set, block_code(frame));
    return DISPATCH_OK;
undo:
    block_free(end);
    block_free(step);
    if (old && entry != old->entry)
        block_free(entry);
    return error;
}

// Back to the plain form, if a framed set has come down to what needs no frame and there is memory.
static void set_unframe(struct dispatch_set *set) {
    struct dispatch_event *event = set->event;
    struct dispatch_stage *only = set->first;
    int error;
    if (set->stages > 1)
        return;
    if (only) {
        if (only->is_filter)
            return;
        struct dispatch_block *entry = set->parent ? only->entry : stage_entry(only, true, &error);
        if (!entry)
            return;
        if (only->entry != entry)
            block_retire(event, only->entry);
        only->entry = entry;
        block_retire(event, only->step);
        only->step = NULL;
    }
    set->framed = false;
    if (only)
        set_publish(set, block_code(only->entry));
    else if (!set->parent)
        set_publish(set, block_code(event->miss));
    block_retire(event, set->frame);
    block_retire(event, set->end);
    set->frame = set->end = NULL;
}

static int stage_link(struct dispatch_set *set, struct dispatch_stage *stage,
                      struct dispatch_stage *previous) {
    int error = DISPATCH_OK;
    if (!set->framed && (set->stages || stage->is_filter)) {
        error = set_frame(set);
        if (error)
            return error;
    }
    if (set->framed) {
        error = framed_insert(set, stage, previous);
        if (error)
            set_unframe(set);
        return error;
    }
    stage->entry = stage_entry(stage, is_top(set), &error);
    if (!stage->entry)
        return error;
    list_insert(set, stage, NULL);
    set_publish(set, block_code(stage->entry));
    return DISPATCH_OK;
}

static void stage_unlink(struct dispatch_set *set, struct dispatch_stage *stage) {
    struct dispatch_event *event = set->event;
    if (set->framed) {
        struct dispatch_stage *previous = stage->previous, *next = stage->next;
        word_set(previous ? block_word(previous->step, 1) : block_word(set->frame, 0),
                 block_code(next ? next->step : set->end));
    } else if (!set->parent) {
        set_publish(set, block_code(event->miss));
    }
    list_remove(set, stage);
    block_retire(event, stage->entry);
    block_retire(event, stage->step);
    stage_free(stage);
    if (set->framed)
        set_unframe(set);
}

// ---- Entries of tables

// A test of the binding that can be looked up and that nothing above has decided: for the field, or
// the first one. -1 if there is none.
static int key_of(const struct dispatch_binding *binding, const struct dispatch_field *field) {
    if (binding->flags & DISPATCH_FILTER)
        return -1;
    for (u32 i = 0; i < binding->test_count; i++) {
        const struct dispatch_test *test = &binding->tests[i];
        if (!(binding->test_done & 1u << i) && dispatch_test_is_key(test) &&
            (!field || dispatch_field_equal(field, &test->field)))
            return (int)i;
    }
    return -1;
}

// A leaf for the binding as the only stage of a set that nobody runs yet.
static int leaf_first(struct dispatch_set *set, struct dispatch_binding *binding) {
    struct dispatch_stage *stage = stage_new(set, binding->memory, binding);
    if (!stage)
        return DISPATCH_MEMORY;
    stage->section = SECTION_MIDDLE;
    stage->binding = binding;
    int error = stage_link(set, stage, NULL);
    if (error) {
        stage_free(stage);
        return error;
    }
    return DISPATCH_OK;
}

// A new constant of a table, with one binding, whose `done` already counts the table's test. The
// binding's stage is set.
static int entry_new(struct dispatch_stage *table, u64 value, struct dispatch_binding *binding) {
    struct dispatch_event *event = table->set->event;
    struct dispatch_entry *entry = heap_alloc(table->memory, sizeof(*entry));
    if (!entry)
        return DISPATCH_MEMORY;
    entry->stage = table;
    entry->value = value;
    entry->set = (struct dispatch_set){.event = event, .parent = entry};
    int error = leaf_first(&entry->set, binding);
    if (!error) {
        error = table_add(table, entry);
        if (!error) {
            binding->stage = entry->set.first;
            return DISPATCH_OK;
        }
        block_free(entry->set.first->entry);
        stage_free(entry->set.first);
    }
    heap_free(table->memory, entry, sizeof(*entry));
    return error;
}

static void entry_free(struct dispatch_entry *entry) {
    heap_free(entry->stage->memory, entry, sizeof(*entry));
}

static void table_discard(struct dispatch_stage *table) {
    struct dispatch_entry *entry = table->root ? (struct dispatch_entry *)table->root : NULL;
    if (entry) {
        block_free(entry->block);
        block_free(entry->set.first->entry);
        stage_free(entry->set.first);
        entry_free(entry);
    }
    stage_free(table);
}

// A table of one constant with one binding, not linked yet.
static int table_new(struct dispatch_set *set, struct dispatch_binding *binding, u32 test,
                     struct dispatch_stage **out) {
    struct dispatch_stage *table = stage_new(set, binding_shared(set->event, binding), binding);
    if (!table)
        return DISPATCH_MEMORY;
    table->is_table = true;
    table->key = binding->tests[test].field;
    binding->test_done |= (u16)(1u << test);
    int error = entry_new(table, binding->tests[test].value, binding);
    if (error) {
        binding->test_done &= (u16) ~(1u << test);
        stage_free(table);
        return error;
    }
    *out = table;
    return DISPATCH_OK;
}

// Replaces a leaf by a table with that leaf's binding, which tests the table's field.
static int leaf_to_table(struct dispatch_stage *leaf, u32 test) {
    struct dispatch_set *set = leaf->set;
    struct dispatch_event *event = set->event;
    struct dispatch_binding *binding = leaf->binding;
    struct dispatch_stage *table;
    int error = table_new(set, binding, test, &table);
    if (error)
        return error;
    // The table takes the leaf's place in the list and its step.
    table->entry = stage_entry(table, is_top(set), &error);
    if (table->entry && leaf->step) {
        u64 next = *block_word(leaf->step, 1);
        table->step = stage_step(table, table->entry, next, &error);
    }
    if (!table->entry || (leaf->step && !table->step)) {
        block_free(table->entry);
        table_discard(table);
        binding->test_done &= (u16) ~(1u << test);
        binding->stage = leaf;
        return error;
    }
    table->section = leaf->section;
    table->next = leaf->next;
    table->previous = leaf->previous;
    *(leaf->previous ? &leaf->previous->next : &set->first) = table;
    *(leaf->next ? &leaf->next->previous : &set->last) = table;
    if (set->edge[leaf->section] == leaf)
        set->edge[leaf->section] = table;
    if (set->framed)
        word_set(leaf->previous ? block_word(leaf->previous->step, 1) : block_word(set->frame, 0),
                 block_code(table->step));
    else
        set_publish(set, block_code(table->entry));
    block_retire(event, leaf->entry);
    block_retire(event, leaf->step);
    stage_free(leaf);
    return DISPATCH_OK;
}

// ---- Installing

static int set_insert(struct dispatch_set *set, struct dispatch_binding *binding, u32 order);

// The binding's test that a table is for; -1: none, or another one pays for the table.
static int table_fits(const struct dispatch_stage *table, const struct dispatch_binding *binding) {
    if (table->memory != binding_shared(table->set->event, binding))
        return -1;
    return key_of(binding, &table->key);
}

// Puts a binding into a table, whose test number `test` it is.
static int table_join(struct dispatch_stage *table, struct dispatch_binding *binding, u32 test,
                      u32 order) {
    binding->test_done |= (u16)(1u << test);
    struct dispatch_entry *entry = table_find(table, binding->tests[test].value);
    int error = entry ? set_insert(&entry->set, binding, order)
                      : entry_new(table, binding->tests[test].value, binding);
    if (error)
        binding->test_done &= (u16) ~(1u << test);
    return error;
}

// A stage of its own for the binding behind `previous`: a table, if another could come to share it.
static int stage_add(struct dispatch_set *set, struct dispatch_binding *binding, u32 section,
                     struct dispatch_stage *previous) {
    struct dispatch_stage *stage;
    int test = set->stages ? key_of(binding, NULL) : -1, error;
    if (test >= 0) {
        error = table_new(set, binding, (u32)test, &stage);
        if (error)
            return error;
    } else {
        stage = stage_new(set, binding->memory, binding);
        if (!stage)
            return DISPATCH_MEMORY;
        stage->binding = binding;
    }
    stage->section = (u8)section;
    error = stage_link(set, stage, previous);
    if (!error) {
        if (!stage->is_table)
            binding->stage = stage;
        return DISPATCH_OK;
    }
    if (test >= 0) {
        table_discard(stage);
        binding->test_done &= (u16) ~(1u << test);
    } else {
        stage_free(stage);
    }
    return error;
}

// Joins a stage if it is a table of a field that the binding tests, or a leaf that can become one.
// Returns 1 if it can't.
static int stage_join(struct dispatch_stage *stage, struct dispatch_binding *binding, u32 order) {
    if (stage->is_filter || stage->is_async != !!(binding->flags & DISPATCH_ASYNC))
        return 1;
    int test;
    if (stage->is_table) {
        test = table_fits(stage, binding);
        return test < 0 ? 1 : table_join(stage, binding, (u32)test, order);
    }
    struct dispatch_binding *other = stage->binding;
    if (other->shared != binding->shared)
        return 1;
    for (u32 i = 0; i < other->test_count; i++) {
        if ((other->test_done & 1u << i) || !dispatch_test_is_key(&other->tests[i]))
            continue;
        test = key_of(binding, &other->tests[i].field);
        if (test < 0)
            continue;
        int error = leaf_to_table(stage, i);
        if (error)
            return error;
        struct dispatch_set *home = other->stage->set; // of the new table's only entry
        return table_join(home->parent->stage, binding, (u32)test, order);
    }
    return 1;
}

static int insert_none(struct dispatch_set *set, struct dispatch_binding *binding) {
    bool filter = binding->flags & DISPATCH_FILTER;
    struct dispatch_stage *stage = set->edge[SECTION_MIDDLE];
    for (u32 i = 0; !filter && stage && stage->section == SECTION_MIDDLE && i < SCAN_MAX; i++) {
        int error = stage_join(stage, binding, DISPATCH_ORDER_NONE);
        if (error <= 0)
            return error;
        stage = stage->previous;
    }
    u32 section = filter ? SECTION_FIRST : SECTION_MIDDLE;
    return stage_add(set, binding, section, section_end(set, section));
}

static int insert_edge(struct dispatch_set *set, struct dispatch_binding *binding, bool first) {
    struct dispatch_stage *stage = first ? set->first : set->last;
    u32 section = first ? SECTION_FIRST : SECTION_LAST;
    if (stage && stage->section == section && !(binding->flags & DISPATCH_FILTER)) {
        int error = stage_join(stage, binding, first ? DISPATCH_ORDER_FIRST : DISPATCH_ORDER_LAST);
        if (error <= 0)
            return error;
    }
    return stage_add(set, binding, section, first ? NULL : set->last);
}

// The stage of a set that the binding is in or under; NULL if it is elsewhere.
static struct dispatch_stage *stage_above(const struct dispatch_binding *binding,
                                          const struct dispatch_set *set) {
    struct dispatch_stage *stage = binding->stage;
    while (stage && stage->set != set)
        stage = stage->set->parent ? stage->set->parent->stage : NULL;
    return stage;
}

static int insert_beside(struct dispatch_set *set, struct dispatch_binding *binding, u32 order) {
    struct dispatch_stage *stage = stage_above(binding->anchor, set);
    if (!stage) // in another constant's set: never both
        return insert_none(set, binding);
    if (stage->is_table && stage->is_async == !!(binding->flags & DISPATCH_ASYNC)) {
        int test = table_fits(stage, binding);
        if (test >= 0)
            return table_join(stage, binding, (u32)test, order);
    }
    return stage_add(set, binding, stage->section,
                     order == DISPATCH_ORDER_AFTER ? stage : stage->previous);
}

// Depth: one set per test of the binding.
static int set_insert(struct dispatch_set *set, struct dispatch_binding *binding, u32 order) {
    switch ((enum dispatch_order)order) {
    case DISPATCH_ORDER_FIRST:
    case DISPATCH_ORDER_LAST:
        return insert_edge(set, binding, order == DISPATCH_ORDER_FIRST);
    case DISPATCH_ORDER_BEFORE:
    case DISPATCH_ORDER_AFTER:
        if (binding->anchor && binding->anchor->stage)
            return insert_beside(set, binding, order);
        break;
    case DISPATCH_ORDER_NONE:
        break;
    }
    return insert_none(set, binding);
}

int set_install(struct dispatch_set *set, struct dispatch_binding *binding) {
    binding->test_done = 0;
    binding->stage = NULL;
    return set_insert(set, binding, binding->order);
}

// ---- Removing

void set_remove(struct dispatch_binding *binding) {
    struct dispatch_stage *stage = binding->stage;
    binding->stage = NULL;
    for (;;) {
        struct dispatch_set *set = stage->set;
        stage_unlink(set, stage);
        if (set->stages || !set->parent)
            return;
        struct dispatch_entry *entry = set->parent;
        stage = entry->stage;
        table_remove(stage, entry);
        entry_free(entry);
        if (stage->count)
            return;
        table_free_nodes(stage);
    }
}

static void entry_destroy(struct dispatch_entry *entry) {
    set_destroy(&entry->set);
    block_retire(entry->set.event, entry->block);
    entry_free(entry);
}

void set_destroy(struct dispatch_set *set) {
    struct dispatch_event *event = set->event;
    for (struct dispatch_stage *stage = set->first, *next; stage; stage = next) {
        next = stage->next;
        if (stage->is_table) {
            table_each(stage, entry_destroy);
            table_free_nodes(stage);
        }
        block_retire(event, stage->entry);
        block_retire(event, stage->step);
        stage_free(stage);
    }
    block_retire(event, set->frame);
    block_retire(event, set->end);
    *set = (struct dispatch_set){.event = event, .parent = set->parent};
}
