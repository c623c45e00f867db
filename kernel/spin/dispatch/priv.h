// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the parts of the dispatcher share: blocks of code (code.c), what is written into them
// (emit.c), tables (table.c), sets (set.c). See dispatch.h for the structure.

#ifndef KERNEL_SPIN_DISPATCH_PRIV_H
#define KERNEL_SPIN_DISPATCH_PRIV_H

#include "engine/jit/x86.h"
#include "kernel/spin/dispatch/dispatch.h"

enum {
    NODE_WAYS = 64,
    NODE_LEVELS = 4,
    CHAIN_MAX = 3, // entries of a bucket before it becomes a node
    SCAN_MAX = 32, // stages looked at for a table to share
};

enum section { SECTION_FIRST, SECTION_MIDDLE, SECTION_LAST };

// ---- Blocks: words first, code behind them. Identified by their address.

struct dispatch_block {
    struct dispatch_block *next; // in a list of retired ones
    struct dispatch_chunk *chunk;
    u8 first, units; // of the chunk
    u8 words;
};

struct emit {
    struct x86 x;
    u64 base; // address of the block
    u32 fail; // offset of the block's way out, from the first pass
    bool far; // an address did not fit
};

typedef void emit_function(struct emit *e, const void *what);

// A block of `words` words, which the function writes first, and code. NULL: no memory (*error says
// which kind).
struct dispatch_block *block_make(struct dispatch_memory *memory, u32 words, emit_function *write,
                                  const void *what, int *error);
void block_free(struct dispatch_block *block);
void block_retire(struct dispatch_event *event, struct dispatch_block *block); // NULL is fine
u64 block_code(const struct dispatch_block *block);
u64 *block_word(const struct dispatch_block *block, u32 index);
void word_set(u64 *word, u64 address); // what readers may be reading

void *heap_alloc(struct dispatch_memory *memory, u64 size); // cleared
void heap_free(struct dispatch_memory *memory, void *block, u64 size);

// ---- Tables

// What a bucket is: 0, a chain of entries, or a node (lowest bit set).
typedef u64 bucket_t;

struct dispatch_node {
    struct dispatch_block *block; // NODE_WAYS words
    struct dispatch_node *up;
    u8 index, level;
    u32 used;
    bucket_t buckets[NODE_WAYS];
};

struct dispatch_entry {
    struct dispatch_entry *next;
    struct dispatch_stage *stage; // the table's
    struct dispatch_block *block; // words: next, child
    u64 value;
    struct dispatch_set set;
};

struct dispatch_stage {
    struct dispatch_set *set;
    struct dispatch_stage *next, *previous;
    struct dispatch_memory *memory; // that it is made of
    struct dispatch_block *entry;   // T in the root set unless framed, I otherwise
    struct dispatch_block *step;    // framed sets; words: target, next
    u8 section;
    bool is_table, is_async, is_filter;
    struct dispatch_binding *binding; // leaf
    struct dispatch_field key;        // table
    u32 count;                        // entries
    bucket_t root;
};

u32 hash_multiplier(const struct dispatch_layout *layout, u32 level);
u64 hash_multiplier_wide(const struct dispatch_layout *layout, u32 level);

struct dispatch_entry *table_find(struct dispatch_stage *stage, u64 value);
int table_add(struct dispatch_stage *stage, struct dispatch_entry *entry);
void table_remove(struct dispatch_stage *stage, struct dispatch_entry *entry); // unlinks it
void table_each(struct dispatch_stage *stage, void (*visit)(struct dispatch_entry *entry));
void table_free_nodes(struct dispatch_stage *stage);

// ---- Sets

// Who pays for what the binding shares.
static inline struct dispatch_memory *binding_shared(const struct dispatch_event *event,
                                                     const struct dispatch_binding *binding) {
    return binding->shared ? binding->shared : event->memory;
}

// Address of the code of a set that is not empty, and the word that leads to it (NULL: none yet).
u64 set_code(const struct dispatch_set *set);
u64 *set_word(const struct dispatch_set *set);
void stage_publish(struct dispatch_stage *stage); // its entry has changed
int stage_renew(struct dispatch_stage *stage);    // makes its entry anew
int set_install(struct dispatch_set *set, struct dispatch_binding *binding);
void set_remove(struct dispatch_binding *binding);
void set_destroy(struct dispatch_set *set);

// ---- Code

struct emit_leaf {
    const struct dispatch_event *event;
    const struct dispatch_binding *binding;
    bool top;
    bool bare; // without tests: the default handler
};
struct emit_head {
    const struct dispatch_event *event;
    const struct dispatch_stage *stage;
    const struct dispatch_node *node; // or NULL: chain, that begins at `first`
    u64 first;
    bool top;
};
struct emit_entry {
    const struct dispatch_field *key;
    u64 value, next, child;
};
struct emit_node {
    const struct dispatch_event *event;
    const struct dispatch_field *key;
    u32 level;
    u64 words[NODE_WAYS];
};
struct emit_frame {
    const struct dispatch_event *event;
    bool top;
    u64 first; // step
};
struct emit_step {
    const struct dispatch_event *event;
    const struct dispatch_stage *stage;
    u64 target, next;
};

emit_function emit_leaf;    // no words
emit_function emit_head;    // one word if it is a chain
emit_function emit_entry;   // two words: next, child
emit_function emit_node;    // NODE_WAYS words
emit_function emit_frame;   // one word: first step
emit_function emit_step;    // two words: target, next
emit_function emit_end;     // what: event
emit_function emit_stub;    // what: event; one word: root
emit_function emit_miss;    // what: event; one word: default
emit_function emit_none;    // what: event
emit_function emit_abandon; // what: unused
emit_function emit_thunk;   // what: address; one word

#endif
