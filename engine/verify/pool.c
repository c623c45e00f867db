// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory of the verifier: counted allocation, and the pools of values, nodes and states.
//
// A pool is a table of chunks; ids index it, and chunks never move. Values and nodes are freed by
// verify_collect, which marks what the states in use reach and sweeps the rest; it runs between
// instructions, when the number of live and dead ones has doubled since the last time, so its cost
// per allocation is constant. States are freed by hand; each has one owner.

#include "base/string.h"
#include "engine/verify/priv.h"

enum { NODE_LIVE = 0, NODE_MARKED = 1, NODE_FREE = 2 };

struct node_chunk {
    struct node nodes[1 << NODE_CHUNK];
    uint8_t mark[1 << NODE_CHUNK];
};

static uint8_t *node_mark(const struct verifier *v, uint32_t id) {
    struct node_chunk *chunk = (struct node_chunk *)v->nodes[id >> NODE_CHUNK];
    return &chunk->mark[id & ((1u << NODE_CHUNK) - 1)];
}

void *verify_alloc(struct verifier *v, size_t size) {
    void *memory = NULL;
    if (v->error)
        return NULL;
    if (v->memory + size > v->memory_limit) {
        v->error = ENGINE_ERROR_LIMIT;
        return NULL;
    }
    memory = v->host->alloc(v->host->cookie, size ? size : 1);
    if (!memory) {
        v->error = ENGINE_ERROR_MEMORY;
        return NULL;
    }
    v->memory += size;
    if (v->memory > v->memory_peak)
        v->memory_peak = v->memory;
    memset(memory, 0, size);
    return memory;
}

void verify_free(struct verifier *v, void *memory, size_t size) {
    if (!memory)
        return;
    v->memory -= size;
    v->host->free(v->host->cookie, memory, size ? size : 1);
}

// Adds a chunk to a table of chunks.
static bool grow(struct verifier *v, void ***table, uint32_t *chunks, uint32_t *room,
                 size_t chunk_size) {
    if (*chunks == *room) {
        uint32_t wanted = *room ? *room * 2 : 8;
        void **larger = verify_alloc(v, wanted * sizeof(void *));
        if (!larger)
            return false;
        if (*room)
            memcpy(larger, *table, *room * sizeof(void *));
        verify_free(v, *table, *room * sizeof(void *));
        *table = larger;
        *room = wanted;
    }
    void *chunk = verify_alloc(v, chunk_size);
    if (!chunk)
        return false;
    (*table)[(*chunks)++] = chunk;
    return true;
}

uint32_t value_new(struct verifier *v, enum value_kind kind) {
    uint32_t id = v->value_free;
    if (id)
        v->value_free = value_at(v, id)->symbol;
    else {
        if (v->value_end >> VALUE_CHUNK >= v->value_chunks &&
            !grow(v, (void ***)&v->values, &v->value_chunks, &v->value_chunk_room,
                  sizeof(struct value) << VALUE_CHUNK))
            return 0;
        id = v->value_end++;
    }
    struct value *value = value_at(v, id);
    value->kind = kind;
    value->flags = 0;
    value->home = 0;
    value->object = value->symbol = value->parent = 0;
    value->scale = 1;
    value->offset = 0;
    v->value_count++;
    return id;
}

uint32_t node_new(struct verifier *v, uint32_t copy_of) {
    uint32_t id = v->node_free;
    if (id)
        v->node_free = node_at(v, id)->entry[0];
    else {
        if (v->node_end >> NODE_CHUNK >= v->node_chunks &&
            !grow(v, (void ***)&v->nodes, &v->node_chunks, &v->node_chunk_room,
                  sizeof(struct node_chunk)))
            return 0;
        id = v->node_end++;
    }
    *node_mark(v, id) = NODE_LIVE;
    *node_at(v, id) = *node_at(v, copy_of); // node 0 is all zeros
    v->node_count++;
    return id;
}

uint32_t state_new(struct verifier *v) {
    uint32_t id = v->state_free;
    if (id)
        v->state_free = state_at(v, id)->next;
    else {
        if (v->state_end >> STATE_CHUNK >= v->state_chunks &&
            !grow(v, (void ***)&v->states, &v->state_chunks, &v->state_chunk_room,
                  sizeof(struct state) << STATE_CHUNK))
            return 0;
        id = v->state_end++;
    }
    memset(state_at(v, id), 0, offsetof(struct state, bounds));
    state_at(v, id)->used = 1;
    return id;
}

uint32_t state_copy(struct verifier *v, uint32_t id) {
    uint32_t copy = state_new(v);
    if (copy) {
        const struct state *from = state_at(v, id);
        struct state *to = state_at(v, copy);
        memcpy(to, from, offsetof(struct state, bounds) + from->bound_count * sizeof(struct bound));
        to->used = 1;
    }
    return copy;
}

void state_free(struct verifier *v, uint32_t id) {
    if (!id)
        return;
    state_at(v, id)->used = 0;
    state_at(v, id)->next = v->state_free;
    v->state_free = id;
}

static void mark_value(struct verifier *v, uint32_t id) {
    value_at(v, id)->flags |= VALUE_MARK;
}

static void mark_tree(struct verifier *v, uint32_t id, uint32_t level) {
    if (!id || *node_mark(v, id) == NODE_MARKED)
        return;
    *node_mark(v, id) = NODE_MARKED;
    const struct node *node = node_at(v, id);
    for (unsigned i = 0; i < NODE_ENTRIES; i++)
        if (level)
            mark_tree(v, node->entry[i], level - 1);
        else if (node->entry[i])
            mark_value(v, node->entry[i] >> 2);
}

static void mark(struct verifier *v) {
    for (uint32_t id = 1; id < v->state_end; id++) {
        const struct state *s = state_at(v, id);
        if (!s->used)
            continue;
        for (unsigned r = 0; r < ENGINE_REGISTERS; r++)
            mark_value(v, s->reg[r]);
        for (unsigned i = 0; i < LENGTHS; i++)
            mark_value(v, s->length[i]);
        mark_tree(v, s->frame, v->frame_levels - 1);
        if (s->held)
            *node_mark(v, s->held) = NODE_MARKED;
    }
    for (struct work *w = v->top; w; w = w->caller)
        mark_value(v, w->extend_value);
    mark_value(v, v->constant_any);
    mark_value(v, v->constant_any32);
    for (uint32_t level = 0; level < v->frame_levels; level++) {
        mark_tree(v, v->misc[level], level);
        mark_tree(v, v->maybe[level], level);
    }
}

void verify_collect(struct verifier *v) {
    if (v->value_count + v->node_count < v->collect_at)
        return;
    mark(v);
    v->value_count = v->node_count = 0;
    v->value_free = v->node_free = 0;
    for (uint32_t id = v->value_end - 1; id; id--) {
        struct value *value = value_at(v, id);
        if (value->flags & VALUE_MARK) {
            value->flags &= (uint8_t)~VALUE_MARK;
            v->value_count++;
        } else {
            value->kind = VALUE_FREE;
            value->symbol = v->value_free;
            v->value_free = id;
        }
    }
    value_at(v, 0)->flags = 0;
    for (uint32_t id = v->node_end - 1; id; id--) {
        if (*node_mark(v, id) == NODE_MARKED) {
            *node_mark(v, id) = NODE_LIVE;
            v->node_count++;
        } else {
            *node_mark(v, id) = NODE_FREE;
            node_at(v, id)->entry[0] = v->node_free;
            v->node_free = id;
        }
    }
    v->work += (v->value_end + v->node_end) / 64;
    v->collect_at = 2 * (v->value_count + v->node_count) + 256;
}

bool verify_pools_create(struct verifier *v) {
    v->collect_at = 256;
    // Ids 0.
    (void)value_new(v, VALUE_UNSET);
    if (!v->error)
        value_at(v, 0)->num = num_any;
    if (!v->error && grow(v, (void ***)&v->nodes, &v->node_chunks, &v->node_chunk_room,
                          sizeof(struct node_chunk)))
        v->node_end = 1;
    (void)state_new(v);
    if (v->error)
        return false;
    state_at(v, 0)->used = 0;
    v->constant_any = value_number(v, &num_any);
    struct num any32;
    num_range(&any32, 0, UINT32_MAX);
    v->constant_any32 = value_number(v, &any32);
    value_at(v, v->constant_any)->symbol = value_at(v, v->constant_any32)->symbol = 0;
    for (uint32_t level = 0; !v->error && level < v->frame_levels; level++) {
        v->misc[level] = node_new(v, 0);
        v->maybe[level] = node_new(v, 0);
        for (unsigned i = 0; !v->error && i < NODE_ENTRIES; i++) {
            node_at(v, v->misc[level])->entry[i] =
                level ? v->misc[level - 1] : v->constant_any32 << 2 | CELL_WORD;
            node_at(v, v->maybe[level])->entry[i] =
                level ? v->maybe[level - 1] : v->constant_any32 << 2 | CELL_MAYBE;
        }
    }
    return !v->error;
}

static void free_table(struct verifier *v, void **table, uint32_t chunks, uint32_t room,
                       size_t chunk_size) {
    for (uint32_t i = 0; i < chunks; i++)
        verify_free(v, table[i], chunk_size);
    verify_free(v, table, room * sizeof(void *));
}

void verify_pools_free(struct verifier *v) {
    free_table(v, (void **)v->values, v->value_chunks, v->value_chunk_room,
               sizeof(struct value) << VALUE_CHUNK);
    free_table(v, (void **)v->nodes, v->node_chunks, v->node_chunk_room, sizeof(struct node_chunk));
    free_table(v, (void **)v->states, v->state_chunks, v->state_chunk_room,
               sizeof(struct state) << STATE_CHUNK);
}
