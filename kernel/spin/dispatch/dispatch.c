// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Events: opening, installing, removing, the default handler, and changes of many bindings at once.

#include "kernel/spin/dispatch/dispatch.h"

#include "base/string.h"
#include "kernel/spin/dispatch/priv.h"

static void anchor_bind(struct dispatch_binding *binding) {
    struct dispatch_binding **list = &binding->anchor->dependents;
    binding->dependent = *list;
    binding->dependent_link = list;
    if (*list)
        (*list)->dependent_link = &binding->dependent;
    *list = binding;
}

static void anchor_unbind(struct dispatch_binding *binding) {
    *binding->dependent_link = binding->dependent;
    if (binding->dependent)
        binding->dependent->dependent_link = binding->dependent_link;
}

static void list_append(struct dispatch_event *event, struct dispatch_binding *binding) {
    binding->event = event;
    binding->next = NULL;
    binding->previous = event->handlers_last;
    if (event->handlers_last)
        event->handlers_last->next = binding;
    else
        event->handlers = binding;
    event->handlers_last = binding;
    if (binding->anchor)
        anchor_bind(binding);
}

static void list_remove(struct dispatch_event *event, struct dispatch_binding *binding) {
    if (binding->previous)
        binding->previous->next = binding->next;
    else
        event->handlers = binding->next;
    if (binding->next)
        binding->next->previous = binding->previous;
    else
        event->handlers_last = binding->previous;
    if (binding->anchor)
        anchor_unbind(binding);
    while (binding->dependents) { // the constraint ends with its anchor
        struct dispatch_binding *dependent = binding->dependents;
        anchor_unbind(dependent);
        dependent->anchor = NULL;
        dependent->order = DISPATCH_ORDER_NONE;
    }
    binding->event = NULL;
}

int dispatch_event_open(struct dispatch_event *event) {
    struct dispatch_memory *memory = event->memory;
    int error = DISPATCH_OK;
    event->root = (struct dispatch_set){.event = event};
    event->stub = event->miss = event->abandon = event->fallback = NULL;
    event->retired = NULL;
    event->shadow = NULL;
    event->handlers = event->handlers_last = event->default_binding = NULL;
    event->none_block = block_make(memory, 0, emit_none, event, &error);
    if (event->none_block)
        event->miss = block_make(memory, 1, emit_miss, event, &error);
    if (event->miss)
        event->abandon = block_make(memory, 0, emit_abandon, event, &error);
    if (event->abandon)
        event->stub = block_make(memory, 1, emit_stub, event, &error);
    if (event->stub) {
        event->address = block_code(event->stub);
        return DISPATCH_OK;
    }
    block_free(event->abandon);
    block_free(event->miss);
    block_free(event->none_block);
    return error;
}

int dispatch_stub_renew(struct dispatch_event *event) {
    int error = DISPATCH_OK;
    struct dispatch_block *stub = block_make(event->memory, 1, emit_stub, event, &error);
    if (!stub)
        return error;
    word_set(block_word(stub, 0), *block_word(event->stub, 0));
    block_retire(event, event->stub);
    event->stub = stub;
    event->address = block_code(stub);
    return DISPATCH_OK;
}

u64 dispatch_target(const struct dispatch_event *event) {
    if (event->raises)
        return event->address;
    u64 root = __atomic_load_n(block_word(event->stub, 0), __ATOMIC_RELAXED);
    if (root == block_code(event->miss) && event->uncounted && event->fallback)
        return block_code(event->fallback);
    return root;
}

void dispatch_event_close(struct dispatch_event *event) {
    while (event->handlers)
        dispatch_remove(event->handlers);
    dispatch_default(event, NULL);
    block_retire(event, event->stub);
    block_retire(event, event->miss);
    block_retire(event, event->abandon);
    block_retire(event, event->none_block);
}

int dispatch_install(struct dispatch_event *event, struct dispatch_binding *binding) {
    int error = set_install(&event->root, binding);
    if (error)
        binding->stage = NULL;
    else
        list_append(event, binding);
    return error;
}

void dispatch_remove(struct dispatch_binding *binding) {
    struct dispatch_event *event = binding->event;
    if (event->default_binding == binding) {
        dispatch_default(event, NULL);
        return;
    }
    set_remove(binding);
    list_remove(event, binding);
}

struct dispatch_block *dispatch_default_make(struct dispatch_event *event,
                                             const struct dispatch_binding *binding) {
    struct emit_leaf leaf = {event, binding, true, true};
    int error = DISPATCH_OK;
    return block_make(binding->memory, 0, emit_leaf, &leaf, &error);
}

void dispatch_default_drop(struct dispatch_block *block) {
    block_free(block);
}

void dispatch_default_set(struct dispatch_event *event, struct dispatch_binding *binding,
                          struct dispatch_block *block) {
    word_set(block_word(event->miss, 0), block_code(block ? block : event->none_block));
    block_retire(event, event->fallback);
    if (event->default_binding)
        event->default_binding->event = NULL;
    if (binding)
        binding->event = event;
    event->fallback = block;
    event->default_binding = binding;
}

int dispatch_default(struct dispatch_event *event, struct dispatch_binding *binding) {
    struct dispatch_block *block = binding ? dispatch_default_make(event, binding) : NULL;
    if (binding && !block)
        return DISPATCH_MEMORY;
    dispatch_default_set(event, binding, block);
    return DISPATCH_OK;
}

int dispatch_renew(struct dispatch_binding *binding) {
    return stage_renew(binding->stage);
}

struct dispatch_block *dispatch_thunk_make(struct dispatch_memory *memory, u64 target) {
    int error = DISPATCH_OK;
    return block_make(memory, 1, emit_thunk, &target, &error);
}

u64 dispatch_thunk_address(const struct dispatch_block *thunk) {
    return block_code(thunk);
}

void dispatch_thunk_set(struct dispatch_block *thunk, u64 target) {
    word_set(block_word(thunk, 0), target);
}

void dispatch_thunk_drop(struct dispatch_block *thunk) {
    block_free(thunk);
}

void dispatch_thunk_retire(struct dispatch_event *event, struct dispatch_block *thunk) {
    block_retire(event, thunk);
}

// ---- Swap: a second root set is built aside, and published by one store

struct saved {
    struct dispatch_binding *binding;
    struct dispatch_stage *stage;
    u16 done;
    bool removed;
};

static int swap_build(struct dispatch_event *event, const struct saved *saved, u32 count,
                      struct dispatch_binding *const *install, u32 installed) {
    int error = DISPATCH_OK;
    for (u32 i = 0; i < count; i++)
        saved[i].binding->stage = NULL;
    for (u32 i = 0; i < count && !error; i++)
        if (!saved[i].removed)
            error = set_install(&event->root, saved[i].binding);
    for (u32 i = 0; i < installed && !error; i++)
        error = set_install(&event->root, install[i]);
    return error;
}

int dispatch_swap(struct dispatch_event *event, struct dispatch_binding *const *remove, u32 removed,
                  struct dispatch_binding *const *install, u32 installed) {
    // Whoever changes handlers pays for the list of them.
    struct dispatch_memory *memory = installed ? install[0]->memory
                                     : removed ? remove[0]->memory
                                               : event->memory;
    u32 count = 0;
    for (struct dispatch_binding *b = event->handlers; b; b = b->next)
        count++;
    u64 bytes = (count + 1) * sizeof(struct saved), word = block_code(event->miss);
    struct saved *saved = heap_alloc(memory, bytes);
    if (!saved)
        return DISPATCH_MEMORY;
    count = 0;
    for (struct dispatch_binding *b = event->handlers; b; b = b->next)
        saved[count++] = (struct saved){b, b->stage, b->test_done, false};
    for (u32 i = 0; i < count; i++)
        for (u32 j = 0; j < removed; j++)
            saved[i].removed |= saved[i].binding == remove[j];
    // set->event->root is where sets know themselves by: the old one steps aside.
    struct dispatch_set old = event->root;
    event->root = (struct dispatch_set){.event = event};
    event->shadow = &word;
    int error = swap_build(event, saved, count, install, installed);
    event->shadow = NULL;
    struct dispatch_set *loser = error ? &event->root : &old;
    set_destroy(loser);
    if (error) {
        event->root = old;
        for (u32 i = 0; i < count; i++) {
            saved[i].binding->stage = saved[i].stage;
            saved[i].binding->test_done = saved[i].done;
        }
        for (u32 i = 0; i < installed; i++)
            install[i]->stage = NULL;
    } else {
        word_set(block_word(event->stub, 0), word);
        for (u32 i = 0; i < removed; i++) {
            remove[i]->stage = NULL;
            list_remove(event, remove[i]);
        }
        for (u32 i = 0; i < installed; i++)
            list_append(event, install[i]);
    }
    heap_free(memory, saved, bytes);
    return error;
}
