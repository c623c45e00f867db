// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside the verifier. docs/engine.md explains the domains; this is their data.
//
//   value   (struct value)  immutable: kind, relation to a symbol, number facts. Locations that
//   hold
//                           the same value id are known to be equal.
//   node    (struct node)   immutable: 16 entries of the tree that describes a stack frame
//   state   (struct state)  what is known at one point: a value id per register and length, a tree
//                           for the frame, references held, difference bounds between symbols
//   work    (struct work)   one function under analysis; they form a stack (calls)
//
// Values and nodes are collected by mark and sweep from the states in use, between instructions
// only: so nothing that lives within one instruction needs a reference count. Ids are never
// pointers; id 0 is "unset" for values and "never written" for nodes. When memory runs out,
// allocation returns id 0 and sets verifier.error, which ends the analysis at the next instruction:
// callers need not look.

#ifndef ENGINE_VERIFY_PRIV_H
#define ENGINE_VERIFY_PRIV_H

#include "engine/engine.h"
#include "engine/verify/num.h"
#include "engine/verify/weaken.h"

// ---- Values

enum value_kind {
    VALUE_UNSET,     // never written
    VALUE_MIXED,     // different kinds on different paths
    VALUE_DEAD,      // a pointer whose object is gone
    VALUE_NUMBER,    // num: the number
    VALUE_STACK,     // pointers: num is the distance from
    VALUE_CONTEXT,   //   the layout's start; object: layout
    VALUE_BUFFER,    //   the region's start; object: region
    VALUE_PACKET,    //   the packet's start; object: region
    VALUE_ARENA,     //   the arena's start, if known
    VALUE_REFERENCE, //   the object's start; object: layout; symbol: its identity
    VALUE_FREE,
};

enum {
    VALUE_NULLABLE = 1 << 0,  // may be 0 instead
    VALUE_ARGUMENT_SHIFT = 2, // CONTEXT: 1 + argument of the hook that it is, or 0
    VALUE_ARGUMENTS = 7 << VALUE_ARGUMENT_SHIFT,
    VALUE_MARK = 1 << 7, // collector
};

struct value {
    uint8_t kind, flags;
    uint16_t home;   // 1 + stack cell that holds it too, perhaps (a hint; cell numbers count down
                     // from r10)
    uint32_t object; // see kinds
    uint32_t symbol; // the number (or distance) is scale * symbol + offset; 0: it is offset
    uint32_t parent; // REFERENCE, CONTEXT: symbol of the reference that it was loaded through, or 0
    uint32_t scale;  // 1..SCALE_MAX
    int64_t offset;
    struct num num;
};

enum { SCALE_MAX = 4096 };

// ---- Regions: memory that values point to, other than stack, contexts and the arena.

enum { REGION_NO_SLOT = 0xff, LENGTHS = 4 };

struct region {
    uint8_t kind;     // ENGINE_BUFFER, ENGINE_PACKET, or ENGINE_VOID: a caller's memory
    uint8_t rights;   // ENGINE_TYPE_READ, WRITE
    uint8_t slot;     // state.length[] that holds its size, or REGION_NO_SLOT
    uint8_t argument; // 1 + argument of the hook, for the read set
    uint8_t pair;
    uint32_t key;      // hook, for BUFFER
    int64_t low, high; // bytes accessible for certain, from the pointer's origin
    int64_t touch_low, touch_high, write_low, write_high; // caller's memory: bytes accessed so far
};

// ---- Frames: trees of 4-byte cells, numbered downwards from r10.

enum { NODE_BITS = 4, NODE_ENTRIES = 1 << NODE_BITS, CELL_BYTES = 4 };

// Entry of a leaf: value << 2 | tag.
enum cell_tag {
    CELL_MAYBE, // value 0: never written, reads as zero. Else: the number, if written at all
    CELL_LOW,   // lower half of an 8-byte value; the upper half is in the cell before
    CELL_HIGH,
    CELL_WORD, // a 4-byte number
};

struct node {
    uint32_t entry[NODE_ENTRIES];
};

// ---- States

// times_x * symbol x - times_y * symbol y <= bound, as integers (see value.c).
struct bound {
    uint32_t x, y;
    uint16_t times_x, times_y;
    int64_t bound;
};

enum { BOUNDS = 10, HELD = NODE_ENTRIES - 1, HELD_TORN = INT32_MIN };

struct state {
    uint32_t reg[ENGINE_REGISTERS];
    uint32_t length[LENGTHS];
    uint32_t frame; // root of the tree
    uint32_t held; // node: symbols of references owned (with HELD_TORN: on some paths only), 0 ends
    uint32_t next; // free list
    uint8_t used, bound_count, bound_next, spare;
    struct bound bounds[BOUNDS];
};

// ---- Control flow of one function

enum { NO_LOOP = UINT32_MAX };

struct block {
    uint32_t first, end; // slots [first, end)
    uint32_t loop;       // innermost loop, or NO_LOOP
    uint32_t arrived;    // branch that first led here: slot << 1 | taken; ENGINE_NO_PC at entry
    uint32_t in;         // state that waits to be processed, 0 none
    uint8_t head;        // of loop `loop`
    uint8_t sticky;      // entered from outside of its loop other than by the head: keeps `in`
};

enum loop_phase { LOOP_GROWS, LOOP_FINAL };

struct loop {
    uint32_t head, last; // positions
    uint32_t parent;     // or NO_LOOP
    // Analysis
    uint32_t state; // at the head: union of entry and back edges, once stable
    uint32_t entry, back, wide;
    uint16_t rounds, narrowings;
    uint8_t phase, growing; // growing: this one, or one around it, is not final
    uint8_t again;          // the head is entered from the loop's end
    uint8_t proved, metered;
    uint32_t back_edges;
    // Termination, from the final pass: most turns if the register strictly moves up or down along
    // every back edge seen; 0: it does not
    uint32_t turns_by[2][ENGINE_R10];
    uint64_t cost;
};

struct flow {
    uint32_t block_count, loop_count;
    struct block *blocks; // in the order of analysis
    struct loop *loops;   // ascending head
    uint32_t *position;   // per slot of the function: position of the block that begins there
    size_t bytes;
};

// ---- Functions

struct summary {
    uint32_t before, after; // states: union of all calls seen; union of all exits. 0: none
    uint16_t rounds;
    uint8_t valid; // after belongs to before
    uint8_t moved; // packets moved
};

struct function {
    struct flow flow;
    struct summary summary[2];       // while callers' loops still grow; final
    uint32_t region[2][ENGINE_ARGS]; // for caller's memory in argument i
    uint64_t cost;
    uint32_t low; // bytes used below r10
    uint8_t busy, recursive, zero_frame, reached, flow_known, returns_nothing;
    uint32_t component; // of the call graph, while finding cycles
};

struct work {
    struct work *caller;
    uint32_t function;
    uint8_t final;   // recording, as far as the caller is concerned
    uint8_t record;  // at the present position: facts are final
    uint8_t entered; // the block's state has been taken
    uint32_t position, pc;
    uint32_t now;                     // state id, 0 between blocks
    uint32_t exit;                    // state id, union of exits
    uint32_t extend_pc, extend_value; // after `lsh 32`: the value before it
    uint8_t extend_reg, moved;
    uint32_t entry; // state at entry
};

enum { READS = 16 };

// Entry points: functions of hooks, callable arguments, functions whose address is taken (hook
// NO_HOOK: called with numbers only).
enum { NO_HOOK = UINT32_MAX };
struct queued {
    uint32_t function, hook;
};

struct verifier {
    const struct engine_program *program;
    const struct engine_interface *interface;
    const struct engine_host *host;
    const struct engine_verify_options *options;
    struct engine_verdict *verdict;
    int error; // enum engine_error
    uint32_t hook;
    bool deterministic, bounded;

    size_t memory, memory_peak, memory_limit;
    uint64_t work, work_limit, cost_limit;

    struct value **values; // chunks
    struct node **nodes;
    struct state **states;
    uint32_t value_chunks, node_chunks, state_chunks;
    uint32_t value_chunk_room, node_chunk_room, state_chunk_room;
    uint32_t value_free, node_free, state_free;
    uint32_t value_end, node_end, state_end; // first id never used
    uint32_t value_count, node_count;        // in use or not yet collected
    uint32_t collect_at;
    uint32_t symbols;
    uint32_t constant_any, constant_any32;
    uint32_t misc[4], maybe[4]; // nodes whose cells are all unknown; all perhaps unwritten

    struct region *regions;
    uint32_t region_count, region_room;
    uint32_t slots;

    struct function *functions;
    struct work *top;
    engine_proof *proof;
    struct engine_call_target *calls;
    uint32_t call_count, call_room;
    struct engine_read_range reads[READS];
    uint32_t read_count;
    struct queued *queue; // functions to verify on their own
    uint32_t queue_count, queue_room;
    unsigned addressed_arguments; // most that an addressed function takes
    bool addressed, moves_packets, checked;
    uint32_t frame_levels; // of the trees
};

// ---- pool.c
void *verify_alloc(struct verifier *v, size_t size); // cleared
void verify_free(struct verifier *v, void *memory, size_t size);
uint32_t value_new(struct verifier *v, enum value_kind kind); // num is not set
uint32_t node_new(struct verifier *v, uint32_t copy_of);
uint32_t state_new(struct verifier *v);
uint32_t state_copy(struct verifier *v, uint32_t id);
void state_free(struct verifier *v, uint32_t id);
void verify_collect(struct verifier *v);
bool verify_pools_create(struct verifier *v);
void verify_pools_free(struct verifier *v);

enum { VALUE_CHUNK = 6, NODE_CHUNK = 5, STATE_CHUNK = 3 };

static inline struct value *value_at(const struct verifier *v, uint32_t id) {
    return &v->values[id >> VALUE_CHUNK][id & ((1u << VALUE_CHUNK) - 1)];
}
static inline struct node *node_at(const struct verifier *v, uint32_t id) {
    return &v->nodes[id >> NODE_CHUNK][id & ((1u << NODE_CHUNK) - 1)];
}
static inline struct state *state_at(const struct verifier *v, uint32_t id) {
    return &v->states[id >> STATE_CHUNK][id & ((1u << STATE_CHUNK) - 1)];
}
static inline const struct value *reg_at(const struct verifier *v, const struct state *s,
                                         unsigned reg) {
    return value_at(v, s->reg[reg]);
}
static inline bool value_is_pointer(const struct value *value) {
    return value->kind >= VALUE_STACK && value->kind <= VALUE_REFERENCE;
}
static inline uint32_t symbol_new(struct verifier *v) {
    return ++v->symbols;
}

// ---- value.c
uint32_t value_constant(struct verifier *v, uint64_t c);
uint32_t value_number(struct verifier *v, const struct num *num); // of a fresh symbol
uint32_t value_pointer(struct verifier *v, enum value_kind kind, uint32_t object, int64_t offset);
// The number, pointer moved by a number; keeps relations where it can.
uint32_t value_add(struct verifier *v, struct state *s, uint32_t a, uint32_t b, bool subtract);
uint32_t value_add_constant(struct verifier *v, uint32_t a, int64_t c);
// a * c, 1 < c <= SCALE_MAX, if that cannot overflow and keeps a relation; else 0.
uint32_t value_scale(struct verifier *v, uint32_t a, uint64_t c);
// a - b <= bound is certain.
bool value_less(const struct verifier *v, const struct state *s, uint32_t a, uint32_t b,
                int64_t bound);
// The least bound of a - b that ranges, a common symbol or stated bounds give; false: none.
bool value_difference(const struct verifier *v, const struct state *s, uint32_t a, uint32_t b,
                      int64_t *bound);
void state_bound(struct verifier *v, struct state *s, const struct value *a, const struct value *b,
                 int64_t bound);
// Locations that hold `old` hold `refined`, and those with the same symbol learn what follows.
bool state_refine(struct verifier *v, struct state *s, uint32_t old, const struct num *num);
void state_replace(struct verifier *v, struct state *s, uint32_t old, uint32_t new_id);
void state_kill(struct verifier *v, struct state *s, uint32_t symbol, bool packets);
bool held_has(const struct verifier *v, const struct state *s, uint32_t symbol);
bool held_add(struct verifier *v, struct state *s, uint32_t symbol);
void held_remove(struct verifier *v, struct state *s, uint32_t symbol);

// ---- join.c
// SAME: as HEAD, but only a's own symbols will do.
enum join_mode { JOIN_MERGE, JOIN_HEAD, JOIN_SAME, JOIN_WIDEN, JOIN_WIDEN_HARD };
// Makes `a` the union of a and b; returns whether a became larger. HEAD modes: a is a loop head's
// or summary's state; when b is included in a, a is left as it was.
bool state_join(struct verifier *v, uint32_t a, uint32_t b, enum join_mode mode,
                const struct num_steps *steps);

// ---- frame.c: cell numbers count from 0 at [r10 - 4, r10) downwards.
uint32_t frame_get(const struct verifier *v, uint32_t root, uint32_t cell);
uint32_t frame_set(struct verifier *v, uint32_t root, uint32_t cell, uint32_t entry);
// Value of the `bytes` bytes at r10 - depth; 0 if it cannot be read (*why). Sets *unwritten if some
// byte may never have been written.
uint32_t frame_load(struct verifier *v, struct state *s, uint32_t depth, unsigned bytes,
                    bool *unwritten);
void frame_store(struct verifier *v, struct state *s, uint32_t depth, unsigned bytes,
                 uint32_t value);
// Bytes [r10 - depth, r10 - depth + bytes) become unknown numbers; if !certain, some of them.
void frame_smear(struct verifier *v, struct state *s, uint32_t depth, uint32_t bytes, bool certain);
// Is there anything but numbers in these bytes? Sets *unwritten as above.
bool frame_has_pointers(struct verifier *v, const struct state *s, uint32_t depth, uint32_t bytes,
                        bool *unwritten);

// ---- flow.c
bool flow_build(struct verifier *v, uint32_t function);
void flow_free(struct verifier *v, uint32_t function);

// ---- access.c
struct access {
    uint32_t pc;
    uint32_t pointer; // value id
    unsigned reg;     // that holds it, for messages
    int64_t offset;
    uint32_t size;       // bytes, or
    uint32_t size_value; // value id of the size, if not 0; then size is the most
    bool read, write, atomic, import;
};
// Proves the access; false: refused. *masked: must go through the arena mask.
bool access_check(struct verifier *v, struct work *w, struct state *s, const struct access *access,
                  bool *masked);
bool access_exec(struct verifier *v, struct work *w, struct state *s, uint32_t pc);
uint32_t typed_value(struct verifier *v, struct state *s, const struct engine_type *type,
                     uint32_t argument, uint32_t parent);
uint32_t region_find(struct verifier *v, const struct region *like);

// ---- exec.c
// One instruction other than transfers of control: changes s.
bool exec_step(struct verifier *v, struct work *w, struct state *s, uint32_t pc);
// Splits s by the branch at pc: s becomes the state if not taken; returns the state if taken. *may
// bit 0: can fall through, bit 1: can be taken.
uint32_t exec_branch(struct verifier *v, struct work *w, struct state *s, uint32_t pc,
                     unsigned *may);
bool exec_reads(struct verifier *v, struct work *w, struct state *s, unsigned reg, uint32_t pc);

// ---- call.c
enum call_result { CALL_DONE, CALL_REFUSED, CALL_ENTER }; // REFUSED: or never returns
enum call_result call_exec(struct verifier *v, struct work *w, struct state *s, uint32_t pc);
bool call_exit(struct verifier *v, struct work *w, struct state *s, uint32_t pc);

// Function f, called through an entry point of hook, has also to be verified.
void queue_function(struct verifier *v, uint32_t function, uint32_t hook);

// ---- fixpoint.c
// Starts function f from state `entry` (which it now owns).
bool work_push(struct verifier *v, uint32_t function, uint32_t entry, bool final);
// Runs what was pushed; false: refused, or an error.
bool work_run(struct verifier *v);
// Drops what is left after a refusal.
void work_drop(struct verifier *v);

enum {
    COST_LIMIT = 1 << 25
}; // instructions between two points where the meter is looked at, unless
   // the embedder wants fewer

// ---- explain.c
void explain_value(const struct verifier *v, const struct state *s, uint32_t id, char *text,
                   size_t size);
void explain_facts(const struct verifier *v, const struct state *s, struct engine_fact *facts);
// Refuses: fills in code, place, facts and path; returns false. If facts are not final yet, does
// nothing and returns false: the caller goes on with the least it knows.
bool refuse(struct verifier *v, struct work *w, const struct state *s,
            enum engine_refusal_code code, uint32_t pc, unsigned reg, int64_t a, int64_t b);
// The fact that is missing, and what would supply it, for the refusal just made.
void refuse_words(struct verifier *v, const char *missing, ...)
    __attribute__((format(printf, 2, 3)));
void refuse_supply(struct verifier *v, const char *supply, ...)
    __attribute__((format(printf, 2, 3)));
bool refuse_limit(struct verifier *v, uint32_t pc);

static inline void proof_set(struct verifier *v, struct work *w, uint32_t pc, unsigned flags) {
    if (w->record)
        v->proof[pc] |= (engine_proof)flags;
}

#endif
