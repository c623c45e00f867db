// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tables: from a constant to its entry. A tree of nodes of 64 buckets, each level with a hash of
// its own; a bucket is a chain of entries, and becomes a node when the chain gets longer than
// CHAIN_MAX. Machine code follows the same structure through words: of the table's head (the root,
// while it is a chain), of nodes, and of entries (the next one of the chain).
//
// Readers may stand in any entry while it is moved. So when a bucket becomes a node, its entries
// get new blocks, and the old ones stay as they are until nobody can be in them.

#include "base/string.h"
#include "kernel/spin/dispatch/priv.h"

static struct dispatch_node *bucket_node(bucket_t bucket) {
    return bucket & 1 ? (struct dispatch_node *)(bucket & ~1ul) : NULL;
}
static struct dispatch_entry *bucket_chain(bucket_t bucket) {
    return bucket & 1 ? NULL : (struct dispatch_entry *)bucket;
}

static u32 hash(const struct dispatch_stage *stage, u64 value, u32 level) {
    const struct dispatch_layout *layout = stage->set->event->layout;
    if (stage->key.mask > 0xffffffff)
        return (u32)(value * hash_multiplier_wide(layout, level) >> 58);
    return (u32)value * hash_multiplier(layout, level) >> 26;
}

// The bucket of a value; *node is the one it is in, NULL for the root.
static bucket_t *bucket_find(struct dispatch_stage *stage, u64 value, struct dispatch_node **node) {
    bucket_t *bucket = &stage->root;
    *node = NULL;
    for (struct dispatch_node *n; (n = bucket_node(*bucket));) {
        *node = n;
        bucket = &n->buckets[hash(stage, value, n->level)];
    }
    return bucket;
}

// The word that leads to a bucket's code; NULL if there is none yet.
static u64 *bucket_word(struct dispatch_stage *stage, struct dispatch_node *node,
                        const bucket_t *bucket) {
    if (node)
        return block_word(node->block, (u32)(bucket - node->buckets));
    return stage->entry ? block_word(stage->entry, 0) : NULL;
}

struct dispatch_entry *table_find(struct dispatch_stage *stage, u64 value) {
    struct dispatch_node *node;
    struct dispatch_entry *entry = bucket_chain(*bucket_find(stage, value, &node));
    while (entry && entry->value != value)
        entry = entry->next;
    return entry;
}

// A block for an entry that is followed by code at `next`.
static struct dispatch_block *entry_block(struct dispatch_stage *stage,
                                          struct dispatch_entry *entry, u64 next, int *error) {
    struct emit_entry what = {&stage->key, entry->value, next, set_code(&entry->set)};
    return block_make(stage->memory, 2, emit_entry, &what, error);
}

static void node_free(struct dispatch_stage *stage, struct dispatch_node *node) {
    block_retire(stage->set->event, node->block);
    heap_free(stage->memory, node, sizeof(*node));
}

// What a bucket that overflows turns into.
// A chain is split when it is longer than CHAIN_MAX; if all of it falls into one bucket again, it
// is one longer at the next level.
enum { SPLIT_MAX = CHAIN_MAX + NODE_LEVELS + 1 };

struct split {
    struct dispatch_node *node;
    struct dispatch_entry *entries[SPLIT_MAX];
    struct dispatch_block *blocks[SPLIT_MAX];
    u32 count;
};

static void split_undo(struct dispatch_stage *stage, struct split *split) {
    for (u32 i = 0; i < split->count; i++)
        block_free(split->blocks[i]);
    if (split->node)
        heap_free(stage->memory, split->node, sizeof(*split->node));
}

// Makes a node and fresh blocks of the chain's entries and of one more. Nothing is linked.
static int split_make(struct dispatch_stage *stage, struct dispatch_entry *chain,
                      struct dispatch_entry *entry, struct dispatch_node *up, u32 index,
                      struct split *split) {
    struct dispatch_event *event = stage->set->event;
    int error = DISPATCH_MEMORY;
    struct emit_node what = {.event = event, .key = &stage->key, .level = up ? up->level + 1u : 0};
    *split = (struct split){.node = heap_alloc(stage->memory, sizeof(*split->node))};
    if (!split->node)
        return error;
    *split->node = (struct dispatch_node){.up = up, .index = (u8)index, .level = (u8)what.level};
    for (u32 i = 0; i < NODE_WAYS; i++)
        what.words[i] = block_code(event->abandon);
    entry->next = chain;
    for (struct dispatch_entry *i = entry; i; i = i->next) {
        u32 way = hash(stage, i->value, what.level);
        struct dispatch_block *block = entry_block(stage, i, what.words[way], &error);
        if (!block)
            goto undo;
        what.words[way] = block_code(block);
        split->entries[split->count] = i;
        split->blocks[split->count++] = block;
    }
    split->node->block = block_make(stage->memory, NODE_WAYS, emit_node, &what, &error);
    if (split->node->block)
        return DISPATCH_OK;
undo:
    split_undo(stage, split);
    entry->next = NULL;
    return error;
}

static void split_commit(struct dispatch_stage *stage, struct split *split) {
    struct dispatch_event *event = stage->set->event;
    struct dispatch_node *node = split->node;
    for (u32 i = 0; i < split->count; i++) {
        struct dispatch_entry *entry = split->entries[i];
        bucket_t *bucket = &node->buckets[hash(stage, entry->value, node->level)];
        block_retire(event, entry->block);
        entry->block = split->blocks[i];
        node->used += *bucket == 0;
        entry->next = bucket_chain(*bucket);
        *bucket = (bucket_t)entry;
    }
}

static int table_split(struct dispatch_stage *stage, struct dispatch_entry *entry,
                       struct dispatch_node *node, bucket_t *bucket) {
    struct dispatch_event *event = stage->set->event;
    struct split split;
    struct dispatch_block *head = NULL;
    u32 index = node ? (u32)(bucket - node->buckets) : 0;
    int error = split_make(stage, bucket_chain(*bucket), entry, node, index, &split);
    if (error)
        return error;
    if (!node) {
        bool top = !stage->set->parent && !stage->set->framed;
        struct emit_head what = {event, stage, split.node, 0, top};
        head = block_make(stage->memory, 0, emit_head, &what, &error);
        if (!head) {
            block_free(split.node->block);
            split_undo(stage, &split);
            entry->next = NULL;
            return error;
        }
    }
    split_commit(stage, &split);
    *bucket = (bucket_t)split.node | 1;
    if (node) {
        word_set(bucket_word(stage, node, bucket), block_code(split.node->block));
        return DISPATCH_OK;
    }
    block_retire(event, stage->entry);
    stage->entry = head;
    stage_publish(stage);
    return DISPATCH_OK;
}

int table_add(struct dispatch_stage *stage, struct dispatch_entry *entry) {
    struct dispatch_event *event = stage->set->event;
    struct dispatch_node *node;
    bucket_t *bucket = bucket_find(stage, entry->value, &node);
    struct dispatch_entry *chain = bucket_chain(*bucket);
    u32 length = 0;
    int error = DISPATCH_OK;
    for (struct dispatch_entry *i = chain; i; i = i->next)
        length++;
    if (length >= CHAIN_MAX && (!node || node->level + 1 < NODE_LEVELS)) {
        error = table_split(stage, entry, node, bucket);
    } else {
        u64 next = block_code(chain ? chain->block : event->abandon);
        entry->block = entry_block(stage, entry, next, &error);
        if (entry->block) {
            u64 *word = bucket_word(stage, node, bucket);
            if (node && !chain)
                node->used++;
            entry->next = chain;
            *bucket = (bucket_t)entry;
            if (word)
                word_set(word, block_code(entry->block));
        }
    }
    if (!error)
        stage->count++;
    return error;
}

void table_remove(struct dispatch_stage *stage, struct dispatch_entry *entry) {
    struct dispatch_event *event = stage->set->event;
    struct dispatch_node *node;
    bucket_t *bucket = bucket_find(stage, entry->value, &node);
    u64 next = block_code(entry->next ? entry->next->block : event->abandon);
    if (bucket_chain(*bucket) == entry) {
        *bucket = (bucket_t)entry->next;
        word_set(bucket_word(stage, node, bucket), next);
    } else {
        struct dispatch_entry *before = bucket_chain(*bucket);
        while (before->next != entry)
            before = before->next;
        before->next = entry->next;
        word_set(block_word(before->block, 0), next);
    }
    block_retire(event, entry->block);
    stage->count--;
    if (*bucket || !node)
        return;
    node->used--;
    while (node->used == 0 && node->up) { // the root stays until the table goes
        struct dispatch_node *up = node->up;
        up->buckets[node->index] = 0;
        word_set(block_word(up->block, node->index), block_code(event->abandon));
        up->used--;
        node_free(stage, node);
        node = up;
    }
}

static void bucket_each(bucket_t bucket, void (*visit)(struct dispatch_entry *entry)) {
    struct dispatch_node *node = bucket_node(bucket);
    if (node) {
        for (u32 i = 0; i < NODE_WAYS; i++)
            bucket_each(node->buckets[i], visit);
        return;
    }
    for (struct dispatch_entry *entry = bucket_chain(bucket), *next; entry; entry = next) {
        next = entry->next;
        visit(entry);
    }
}

void table_each(struct dispatch_stage *stage, void (*visit)(struct dispatch_entry *entry)) {
    bucket_each(stage->root, visit);
}

static void nodes_free(struct dispatch_stage *stage, bucket_t bucket) {
    struct dispatch_node *node = bucket_node(bucket);
    if (!node)
        return;
    for (u32 i = 0; i < NODE_WAYS; i++)
        nodes_free(stage, node->buckets[i]);
    node_free(stage, node);
}

void table_free_nodes(struct dispatch_stage *stage) {
    nodes_free(stage, stage->root);
    stage->root = 0;
}
