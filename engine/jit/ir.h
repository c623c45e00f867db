// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The compiler's intermediate form: one function at a time, in SSA.
//
//     cfg.c    slots -> blocks, dominators, loops, liveness of variables
//     build.c  blocks -> values: registers and stack slots become SSA; nodes.c simplifies each
//     value as it is made opt.c    phis, diamonds -> selects, byte-wise loads and stores -> wide
//     ones, dead code lower.c  what is folded into its user (addresses, immediates, memory
//     operands), constants worth a register live.c   live intervals;  alloc.c registers and spill
//     slots emit.c, emit_*.c  machine code;  jit.c the program around it
//
// Values are numbered from 1 (0: none) in one array that grows; pointers into it die when a value
// is made. Each value is in the list of its block, except constants, which are in none. Every value
// holds a 64-bit number; 32-bit operations (w = 0) leave its upper half zero, as the machine does.
// `nz` covers every bit that can be set.
//
// Memory: c->reserve()d room makes value_new infallible inside of one instruction; everything else
// that allocates returns false or NULL on failure, and the compilation ends.

#ifndef ENGINE_JIT_IR_H
#define ENGINE_JIT_IR_H

#include "engine/engine.h"
#include "engine/jit/x86.h"

typedef uint32_t val; // index of a value

enum ir_op {
    IR_NONE,
    IR_CONST, // imm
    // Pure, in the order that is_pure() relies on.
    IR_ADD,
    IR_SUB,
    IR_MUL,
    IR_AND,
    IR_OR,
    IR_XOR,
    IR_SHL,
    IR_SHR,
    IR_SAR,
    IR_ROL,
    IR_NEG,
    IR_ZX,     // low `bytes` of a
    IR_SX,     // low `bytes` of a, sign-extended to w
    IR_BSWAP,  // low `bytes` of a, swapped, zero-extended
    IR_MULHI,  // upper half of the 128-bit product
    IR_SELECT, // a `cc` b ? c : d, compared at width w
    IR_WIDE,   // imm, in a register because it is used in a loop
    IR_DIV,
    IR_MOD,
    IR_SDIV,
    IR_SMOD, // imm = 1: divisor cannot be zero (nor overflow)
    IR_LAST_PURE = IR_SMOD,
    IR_PARAM,  // imm: 0..4 arguments, IR_RUN, IR_FRAME
    IR_PHI,    // operands at phis[imm], one per predecessor of its block
    IR_LOAD,   // *(a + imm), `bytes`, signed if cc
    IR_STORE,  // *(a + imm) = b
    IR_ATOMIC, // cc: enum engine_atomic; *(a + imm), b, compared with c
    IR_CALL,   // a = target if by register; arguments at phis[b], count c; imm callee; cc: enum
               // ir_call
    IR_METER, // imm: cost, taken off the meter of run a; or summed up: b the sum, this one included
    IR_FLUSH, // takes the sum b off the meter of run a
    IR_ZERO_FRAME, // clear imm bytes below a
    // Ends of blocks
    IR_JMP,
    IR_BR, // a `cc` b ? succ[0] : succ[1]
    IR_RET,
};

enum { IR_RUN = 5, IR_FRAME = 6, IR_PARAMS = 7 };
enum ir_call { IR_CALL_LOCAL, IR_CALL_IMPORT, IR_CALL_HELD, IR_CALL_CHECKED };
// RDI, RSI, RDX, RCX, R8 as C has them; the run in R9 (so it is an import's sixth argument); r10 in
// R10.
extern const uint8_t ir_arg_regs[];
enum { IR_ARGS = 7 }; // of a call: five registers, run, frame (0: not passed)

// Comparisons are x86 conditions; TEST ones compare a & b with zero.
enum { IR_TEST = 0x10, IR_ALWAYS = 0x20 };

enum {
    IR_FOLDED = 1 << 0,  // computed by its users
    IR_METERED = 1 << 1, // CALL
    IR_PINNED = 1 << 2,  // do not move
    IR_COPY = 1 << 3,    // replaced by a
    IR_INDEX = 1 << 4,   // memory access: a is a folded ADD or SHL
};

struct ir_value {
    uint8_t op, w, cc, bytes;
    uint8_t flags, spare;
    uint16_t epoch; // writes to memory before it in its block (IR_EPOCHS: too many); counts uses as
                    // an address in lower.c
    uint32_t block, pc;
    val a, b, c, d;
    val prev, next; // in the block
    union {
        val hash;      // next in the hash chain, until dead values are swept
        uint32_t uses; // afterwards
    };
    uint32_t order; // place in its block; later, in the code
    int64_t imm;
    uint64_t nz;
};

_Static_assert(sizeof(struct ir_value) == 64, "one cache line");
enum { IR_EPOCHS = UINT16_MAX };

struct ir_block {
    uint32_t from, to;    // slots; empty for edge blocks
    uint32_t succ[2];     // BR: taken, fall through; JMP: [0]; else IR_NO_BLOCK
    uint32_t pred, preds; // preds of them at c->preds[pred]
    uint32_t order;       // in reverse postorder, IR_NO_BLOCK if unreachable
    uint32_t idom, dom_in, dom_out;
    uint32_t loop;          // innermost loop's header (a header: itself), or IR_NO_BLOCK
    uint32_t up;            // header: the loop around it
    uint32_t cost, cost_pc; // edge block: metered, see engine_insn_cost
    uint8_t depth, header, metered, dead;
    uint8_t done;  // unrolled
    uint8_t early; // BR: 1 + index of the successor whose moves are done before the jump
    uint64_t live, uses, defs, loop_defs; // sets of variables
    val first, last;
    uint32_t start, end; // positions: [start, end)
    uint32_t code;       // offset
    uint32_t layout;     // index in layout order
};
#define IR_NO_BLOCK UINT32_MAX
enum { IR_METERED_LOOPS = 32 }; // loops that get a sum of their costs
enum { IR_UNROLLED = 128 };     // blocks that unrolling may add

enum { IR_VARS = 64, IR_SLOTS = IR_VARS - ENGINE_R10 };

struct ir_segment {
    uint32_t from, to;
};

struct ir_chunk;

struct jit_function {
    uint32_t offset;           // of its code, IR_NO_BLOCK while unknown
    uint16_t clobbers;         // registers that a call of it destroys
    uint8_t params;            // bits: which of IR_PARAMS it wants
    uint8_t called;            // by other functions
    uint8_t metered, recurses; // see struct engine_code_entry
    uint32_t size;             // bytes of code
    uint32_t native;           // bytes of native stack, return address included
    uint32_t native_need;      // with callees
};

struct jit_patch { // rel32 at `at` goes to function
    uint32_t at, function;
};

struct jit_import_call { // mov rax, target; call rax at `at`, `length` bytes, can become a direct
                         // call
    uint32_t at, length;
    uint64_t target;
};

// A compilation. One function at a time; what lives longer comes first.
struct jit {
    const struct engine_program *program;
    const struct engine_verdict *verdict;
    const struct engine_host *host;
    struct jit_function *functions;
    uint8_t *text; // machine code so far
    uint32_t text_size, text_room;
    uint32_t cancel; // offset of the common way out
    struct jit_patch *patches;
    uint32_t patch_count, patch_room;
    struct jit_import_call *imports;
    uint32_t import_count, import_room;
    uint32_t *offsets; // of the slots, or NULL
    bool fixed;        // the arena is at arena_address, in every run
    uint64_t arena_address;
    const uint64_t *callables; // where they will be
    bool failed;

    // The function.
    uint32_t function, slot0;
    struct ir_chunk *chunks;
    uint8_t *zone, *zone_end;
    struct ir_value *v;
    uint32_t value_count, value_room;
    struct ir_block *blocks;
    uint32_t block_count, code_blocks, order_count, pred_count;
    uint32_t *block_of; // per slot of the function
    uint32_t *preds, *rpo;
    val *phis;
    uint32_t phi_count, phi_room;
    val *hash;
    uint32_t hash_mask;
    uint32_t current, pc; // block and slot that new values belong to
    int32_t slot_off[IR_SLOTS];
    uint8_t slot_bytes[IR_SLOTS];
    uint32_t slot_count, granules;
    uint8_t *slot_of;
    bool escapes;                // addresses in the frame are computed
    bool hull;                   // and all of them are in the hull:
    int32_t hull_low, hull_high; // from r10; hull_high is exclusive; low >= high if there are none
    val *outs;                   // per block: value of each variable at its end
    uint32_t var_count;
    val run, frame, arena; // values, or 0
    bool loops, irreducible;

    // Allocation.
    struct ir_segment *segments;
    uint32_t segment_count, segment_room;
    struct ir_interval *intervals; // per value
    uint32_t *layout;              // blocks in the order of emission
    uint32_t layout_count, positions;
    uint64_t *busy[X86_REGISTERS]; // per register: bits of positions
    uint32_t spill_count;
    uint16_t used; // registers
};

// Where a value lives. Positions: 2n and 2n + 1 for the n-th instruction. An operand is read before
// 2n (early), until 2n (mid: it survives what the instruction destroys), or until 2n + 1 (late: it
// survives even the result). Results begin at 2n + 1.
struct ir_interval {
    uint32_t segment, segments; // of c->segments
    uint32_t start, end;
    uint32_t weight; // uses by frequency
    val class;       // values that would like to share a register
    uint8_t loc;     // register; IR_SPILLED: in slot; IR_NOWHERE
    uint8_t hint;
    uint16_t spare;
    uint32_t slot;
};
enum { IR_SPILLED = 0x40, IR_NOWHERE = 0xff, IR_SCRATCH = X86_R11 };
enum ir_when { IR_EARLY, IR_MID, IR_LATE };
// Calls f for each value that must be somewhere when v is executed: through folded operands,
// without constants.
typedef void ir_use_function(struct jit *c, void *cookie, val user, val used, enum ir_when when);
void ir_each_use(struct jit *c, val v, ir_use_function *f, void *cookie);
// Registers that v destroys: `during` before its result exists, `after` also then.
void ir_clobbers(const struct jit *c, val v, unsigned *during, unsigned *after);
static inline bool ir_result(const struct ir_value *x) {
    return x->uses && (x->op <= IR_LOAD || x->op == IR_ATOMIC || x->op == IR_CALL);
}

// ---- memory (zone.c). Zone memory lives until the function is done.
void *jit_zone(struct jit *c, size_t size); // zeroed; NULL on failure
void jit_zone_reset(struct jit *c);
// Room for `more` further elements of an array of the zone or of the compilation.
bool jit_grow(struct jit *c, void **array, uint32_t *room, uint32_t count, uint32_t more,
              size_t size);
void jit_array_free(struct jit *c, void *array, uint32_t room, size_t size);
bool jit_reserve(struct jit *c, uint32_t values);
bool jit_reserve_phis(struct jit *c, uint32_t count);

// ---- cfg.c
bool jit_cfg(struct jit *c);
bool jit_variables(struct jit *c); // build.c: slots to promote; uses and defs of each block
bool ir_dominates(const struct jit *c, uint32_t a, uint32_t b);

// ---- nodes.c
val ir_const(struct jit *c, uint64_t value);
val ir_binary(struct jit *c, enum ir_op op, unsigned w, val a, val b);
val ir_neg(struct jit *c, unsigned w, val a);
val ir_zx(struct jit *c, unsigned bytes, val a);
val ir_sx(struct jit *c, unsigned w, unsigned bytes, val a);
val ir_bswap(struct jit *c, unsigned bytes, val a);
val ir_divide(struct jit *c, enum ir_op op, unsigned w, val a, val b, bool safe);
val ir_new(struct jit *c, enum ir_op op, unsigned w, val a, val b); // appended to the current block
val ir_loose(struct jit *c, enum ir_op op, unsigned w, val a, val b); // in no block
void ir_append(struct jit *c, uint32_t block, val v);
void ir_insert_before(struct jit *c, val before, val v);
void ir_remove(struct jit *c, val v);
void ir_compare(struct jit *c, unsigned *cc, unsigned *w, val *a,
                val *b); // simplifies a comparison
bool ir_is_const(const struct jit *c, val v, int64_t *value);
val ir_resolve(struct jit *c, val v); // follows copies

static inline bool ir_pure(unsigned op) {
    return op >= IR_ADD && op <= IR_LAST_PURE;
}

static inline bool ir_fits32(const struct jit *c, val v) {
    return c->v[v].op == IR_CONST && x86_fits32(c->v[v].imm);
}

// Pointers to the operands of v, phis excluded.
unsigned ir_operands(struct jit *c, val v, val **operands); // up to IR_ARGS + 1 pointers

// ---- build.c, opt.c, lower.c, live.c, alloc.c, emit.c
bool jit_build(struct jit *c);
uint32_t jit_proved_local(const struct jit *c,
                          uint32_t pc); // function that a CALL_REG is proved to call
bool jit_optimise(struct jit *c);
void jit_clean(struct jit *c);                 // opt.c: phis simplified, copies resolved
bool jit_hull(struct jit *c, bool *found);     // hull.c
bool jit_meter(struct jit *c);                 // meter.c
bool jit_unroll(struct jit *c);                // unroll.c: loops of one block
bool jit_widen(struct jit *c);                 // widen.c: byte-wise accesses become wide ones
void ir_number(struct jit *c, uint32_t block); // sets order and epoch
bool jit_lower(struct jit *c);
bool jit_live(struct jit *c);
bool jit_allocate(struct jit *c);
bool jit_emit(struct jit *c);

#endif
