// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What the blocks consist of. Every function here is called twice: to measure, with e->base 0 and
// no buffer, and to write. What it emits must have the same size both times.
//
// Registers: RAX is a table's key, or scratch; R10 scratch; R11 where to jump if no handler ran
// (contract I). All others belong to the raise until a handler is called.
//
// A frame (a set with several stages, or with a filter) keeps on the stack, from RSP up: the
// arguments, the result so far, how many handlers ran and how many of them gave a result, R9, R11.

#include "kernel/spin/dispatch/priv.h"

static const u8 argument_register[DISPATCH_ARGS] = {X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8};

static const u8 relation_cc[] = {
    [DISPATCH_EQ] = X86_E,           [DISPATCH_NE] = X86_NE,       [DISPATCH_BELOW] = X86_B,
    [DISPATCH_NOT_BELOW] = X86_AE,   [DISPATCH_ABOVE] = X86_A,     [DISPATCH_NOT_ABOVE] = X86_BE,
    [DISPATCH_LESS] = X86_L,         [DISPATCH_NOT_LESS] = X86_GE, [DISPATCH_GREATER] = X86_G,
    [DISPATCH_NOT_GREATER] = X86_LE,
};

// ---- Helpers

static struct x86_mem at(unsigned base, i32 disp) {
    return (struct x86_mem){(u8)base, X86_NONE, 0, disp};
}

static void put_word(struct emit *e, u64 value) {
    x86_u32(&e->x, (u32)value);
    x86_u32(&e->x, (u32)(value >> 32));
}

static struct x86_mem absolute(struct emit *e, u64 address) {
    if (!x86_fits32((i64)address))
        e->far = true;
    return (struct x86_mem){X86_NONE, X86_NONE, 0, (i32)address};
}

static struct x86_mem own_word(struct emit *e, u32 index) {
    return absolute(e, e->base + index * 8);
}

// Distance from behind `length` more bytes.
static i32 distance(struct emit *e, u64 target, u32 length) {
    i64 d = (i64)(target - (e->base + e->x.at + length));
    if (e->base && !x86_fits32(d))
        e->far = true;
    return (i32)d;
}

static void jump(struct emit *e, u64 target) {
    x86_jmp(&e->x, true, distance(e, target, 5));
}
static void call(struct emit *e, u64 target) {
    i32 d = distance(e, target, 5);
    x86_byte(&e->x, 0xe8);
    x86_u32(&e->x, (u32)d);
}
static void jump_if(struct emit *e, enum x86_cc cc, u64 target) {
    x86_jcc(&e->x, cc, true, distance(e, target, 6));
}
static void jump_word(struct emit *e, u32 index) {
    x86_rm(&e->x, 0xff, 4, own_word(e, index));
}
static void ret(struct emit *e) {
    x86_byte(&e->x, 0xc3);
}

// A register gets a code address.
static void load_address(struct emit *e, unsigned reg, u64 address) {
    if (!x86_fits32((i64)address))
        e->far = true;
    x86_rr(&e->x, 0xc7 | X86_W, 0, reg);
    x86_u32(&e->x, (u32)address);
}

static void load_counters(struct emit *e, const struct dispatch_event *event) {
    x86_byte(&e->x, 0x65);
    x86_load(&e->x, X86_R10,
             (struct x86_mem){X86_NONE, X86_NONE, 0, (i32)event->layout->counters_gs});
}

static void count(struct emit *e, const struct dispatch_event *event, u32 counter) {
    if (event->uncounted)
        return;
    load_counters(e, event);
    x86_rm(&e->x, 0xff | X86_W, 0, at(X86_R10, (i32)counter * 8)); // inc
}

static void spend(struct emit *e, const struct dispatch_event *event, u32 cost, u64 fail) {
    if (!event->layout->spent || !cost)
        return;
    x86_alu_mi(&e->x, X86_ADD, 8, at(X86_R9, (i32)event->layout->spent), (i32)cost);
    jump_if(e, X86_S, fail);
}

// A forward jump inside of the block, to be bound later.
static u64 *forward(struct emit *e, enum x86_cc cc, u64 *label) {
    x86_jcc(&e->x, cc, false, 0);
    *label = e->x.at;
    return label;
}

static void bind(struct emit *e, u64 label) {
    if (e->x.bytes && label <= e->x.size)
        e->x.bytes[label - 1] = (u8)(e->x.at - label);
}

// ---- Tests

static u64 width_mask(unsigned bytes) {
    return bytes >= 8 ? ~0ul : (1ul << 8 * bytes) - 1;
}

static void and_constant(struct emit *e, u64 mask) {
    if (mask <= 0xffffffff) {
        x86_alu_ri(&e->x, X86_AND, 0, X86_RAX, (i32)mask);
    } else if (x86_fits32((i64)mask)) {
        x86_alu_ri(&e->x, X86_AND, X86_W, X86_RAX, (i32)mask);
    } else {
        x86_mov_ri(&e->x, X86_R10, mask);
        x86_alu_rr(&e->x, X86_AND, X86_W, X86_RAX, X86_R10);
    }
}

// The word of a field into RAX, extended.
static void load_word(struct emit *e, const struct dispatch_field *f) {
    unsigned reg = argument_register[f->argument];
    if (!f->memory) {
        x86_mov_rr(&e->x, f->mask <= 0xffffffff && !f->swap && !f->shift ? 0 : X86_W, X86_RAX, reg);
        return;
    }
    static const unsigned plain[] = {X86_0F | 0xb6, X86_0F | 0xb7, 0x8b, 0x8b | X86_W};
    static const unsigned extending[] = {X86_0F | 0xbe | X86_W, X86_0F | 0xbf | X86_W, 0x63 | X86_W,
                                         0x8b | X86_W};
    unsigned index = f->bytes == 1 ? 0 : f->bytes == 2 ? 1 : f->bytes == 4 ? 2 : 3;
    x86_rm(&e->x, (f->sign ? extending : plain)[index], X86_RAX, at(reg, f->offset));
}

// The value of a field into RAX. Destroys R10.
static void load_field(struct emit *e, const struct dispatch_field *f) {
    load_word(e, f);
    unsigned word = f->swap ? f->swap : f->sign ? 8 : f->bytes;
    if (f->swap == 8) {
        x86_bswap(&e->x, X86_W, X86_RAX);
    } else if (f->swap == 4) {
        x86_bswap(&e->x, 0, X86_RAX);
    } else if (f->swap == 2) {
        x86_bswap(&e->x, 0, X86_RAX);
        x86_shift_ri(&e->x, X86_SHR, 0, X86_RAX, 16);
    }
    if (f->shift)
        x86_shift_ri(&e->x, X86_SHR, X86_W, X86_RAX, f->shift);
    u64 reach = width_mask(word) >> f->shift;
    if (reach & ~f->mask)
        and_constant(e, f->mask);
    if (f->add && x86_fits32((i64)f->add)) {
        x86_alu_ri(&e->x, X86_ADD, X86_W, X86_RAX, (i32)f->add);
    } else if (f->add) {
        x86_mov_ri(&e->x, X86_R10, f->add);
        x86_alu_rr(&e->x, X86_ADD, X86_W, X86_RAX, X86_R10);
    }
    if (f->narrow)
        x86_mov_rr(&e->x, 0, X86_RAX, X86_RAX);
}

static void compare_rax(struct emit *e, bool narrow, u64 value) {
    if (narrow) {
        x86_alu_ri(&e->x, X86_CMP, 0, X86_RAX, (i32)value);
    } else if (x86_fits32((i64)value)) {
        x86_alu_ri(&e->x, X86_CMP, X86_W, X86_RAX, (i32)value);
    } else {
        x86_mov_ri(&e->x, X86_R10, value);
        x86_alu_rr(&e->x, X86_CMP, X86_W, X86_RAX, X86_R10);
    }
}

static void emit_test(struct emit *e, const struct dispatch_test *test, u64 fail) {
    const struct dispatch_field *f = &test->field;
    i64 value = (i64)test->value;
    bool whole = !f->sign && !f->swap && !f->shift && !f->add && !f->narrow &&
                 f->mask == width_mask(f->bytes) && test->relation < DISPATCH_LESS;
    if (whole && f->memory && (f->bytes == 4 || x86_fits32(value)))
        x86_alu_mi(&e->x, X86_CMP, f->bytes, at(argument_register[f->argument], f->offset),
                   f->bytes == 1   ? (i8)value
                   : f->bytes == 2 ? (i16)value
                                   : (i32)value);
    else if (whole && !f->memory && x86_fits32(value))
        x86_alu_ri(&e->x, X86_CMP, X86_W, argument_register[f->argument], (i32)value);
    else {
        load_field(e, f);
        compare_rax(e, f->narrow, test->value);
    }
    jump_if(e, relation_cc[test->relation] ^ 1, fail);
}

// ---- Calls with everything kept

// Pushes the arguments, R9 and R11; RSP is then a multiple of 16. Returns bytes.
static u32 keep(struct emit *e, const struct dispatch_event *event) {
    for (u32 i = 0; i < event->arguments; i++)
        x86_push(&e->x, argument_register[i]);
    x86_push(&e->x, X86_R9);
    x86_push(&e->x, X86_R11);
    u32 words = event->arguments + 2u;
    if (words % 2 == 0) {
        x86_push(&e->x, X86_RAX);
        words++;
    }
    return words * 8;
}

static void bring_back(struct emit *e, const struct dispatch_event *event) {
    if (event->arguments % 2 == 0)
        x86_pop(&e->x, X86_RAX);
    x86_pop(&e->x, X86_R11);
    x86_pop(&e->x, X86_R9);
    for (u32 i = event->arguments; i-- > 0;)
        x86_pop(&e->x, argument_register[i]);
}

static void load_closure(struct emit *e, const struct dispatch_binding *binding, u64 closure) {
    if (binding->closure_register)
        x86_mov_ri(&e->x, argument_register[binding->closure_register - 1], closure);
}

static void emit_opaque(struct emit *e, const struct dispatch_event *event,
                        const struct dispatch_binding *binding, u32 i, u64 fail) {
    spend(e, event, binding->guard_cost, fail);
    keep(e, event);
    load_closure(e, binding, binding->words[i]);
    call(e, binding->opaques[i]);
    x86_rr(&e->x, 0x85 | X86_W, X86_RAX, X86_RAX); // test
    bring_back(e, event);                          // keeps the flags
    jump_if(e, X86_E, fail);
}

// The handler's call at the end of a leaf.
static void emit_handler(struct emit *e, const struct dispatch_event *event,
                         const struct dispatch_binding *binding, u64 fail) {
    bool filter = binding->flags & DISPATCH_FILTER;
    if (binding->flags & DISPATCH_CHECKED) {
        x86_alu_rm(&e->x, X86_CMP, X86_W, X86_RSP, at(X86_R9, (i32)event->layout->stack_limit));
        jump_if(e, X86_B, fail);
    }
    spend(e, event, binding->cost, fail);
    count(e, event, binding->counter);
    if (!(binding->flags & DISPATCH_CANCELLABLE)) {
        load_closure(e, binding, binding->closure);
        if (filter)
            x86_lea(&e->x, X86_W, X86_RDI, at(X86_RSP, 8));
        jump(e, binding->handler);
        return;
    }
    u32 kept = keep(e, event);
    if (filter)
        x86_lea(&e->x, X86_W, X86_RDI, at(X86_RSP, (i32)kept + 8));
    load_closure(e, binding, binding->closure);
    x86_mov_ri(&e->x, X86_R11, binding->cookie);
    call(e, binding->handler);
    x86_rr(&e->x, 0x85 | X86_W, X86_RDX, X86_RDX);
    u64 cancelled;
    forward(e, X86_NE, &cancelled);
    x86_alu_ri(&e->x, X86_ADD, X86_W, X86_RSP, (i32)kept);
    ret(e);
    bind(e, cancelled);
    bring_back(e, event);
    jump(e, fail);
}

// ---- Blocks

void emit_leaf(struct emit *e, const void *what) {
    const struct emit_leaf *leaf = what;
    const struct dispatch_binding *binding = leaf->binding;
    u64 fail = leaf->top ? block_code(leaf->event->miss) : e->base + e->fail;
    for (u32 i = 0; !leaf->bare && i < binding->test_count; i++)
        if (!(binding->test_done & 1u << i))
            emit_test(e, &binding->tests[i], fail);
    for (u32 i = 0; !leaf->bare && i < binding->opaque_count; i++)
        emit_opaque(e, leaf->event, binding, i, fail);
    if (leaf->bare)
        fail = block_code(leaf->event->none_block);
    emit_handler(e, leaf->event, binding, fail);
    e->fail = (u32)e->x.at;
    if (!leaf->top)
        x86_jmp_r(&e->x, X86_R11);
}

static bool is_wide(const struct dispatch_field *key) {
    return key->mask > 0xffffffff;
}

u32 hash_multiplier(const struct dispatch_layout *layout, u32 level) {
    static const u32 base[NODE_LEVELS] = {0x1e3779b1, 0x45eb2c55, 0x6a09e667, 0x2b7e1517};
    return ((base[level] ^ (layout->seed << level & 0x3fffffff)) | 1) & 0x7fffffff;
}

u64 hash_multiplier_wide(const struct dispatch_layout *layout, u32 level) {
    static const u64 base[NODE_LEVELS] = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f,
                                          0xff51afd7ed558ccd, 0x94d049bb133111eb};
    return (base[level] ^ (u64)layout->seed << (level + 7)) | 1;
}

// RAX is the key: jumps to the word of its bucket in a node at that address.
static void emit_hash(struct emit *e, const struct dispatch_event *event,
                      const struct dispatch_field *key, u32 level, u64 node) {
    if (is_wide(key)) {
        u64 m = hash_multiplier_wide(event->layout, level);
        x86_mov_ri(&e->x, X86_R10, m);
        x86_rr(&e->x, X86_0F | 0xaf | X86_W, X86_R10, X86_RAX);
        x86_shift_ri(&e->x, X86_SHR, X86_W, X86_R10, 58);
    } else {
        x86_imul_rri(&e->x, 0, X86_R10, X86_RAX, (i32)hash_multiplier(event->layout, level));
        x86_shift_ri(&e->x, X86_SHR, 0, X86_R10, 26);
    }
    if (!x86_fits32((i64)node))
        e->far = true;
    x86_rm(&e->x, 0xff, 4, (struct x86_mem){X86_NONE, X86_R10, 3, (i32)node});
}

void emit_head(struct emit *e, const void *what) {
    const struct emit_head *head = what;
    if (!head->node)
        put_word(e, head->first);
    if (head->top)
        load_address(e, X86_R11, block_code(head->event->miss));
    load_field(e, &head->stage->key);
    if (head->node)
        emit_hash(e, head->event, &head->stage->key, 0,
                  block_code(head->node->block) - NODE_WAYS * 8ul);
    else
        jump_word(e, 0);
}

void emit_node(struct emit *e, const void *what) {
    const struct emit_node *node = what;
    for (u32 i = 0; i < NODE_WAYS; i++)
        put_word(e, node->words[i]);
    emit_hash(e, node->event, node->key, node->level, e->base);
}

void emit_entry(struct emit *e, const void *what) {
    const struct emit_entry *entry = what;
    u64 other;
    put_word(e, entry->next);
    put_word(e, entry->child);
    compare_rax(e, !is_wide(entry->key), entry->value);
    forward(e, X86_NE, &other);
    jump_word(e, 1);
    bind(e, other);
    jump_word(e, 0);
}

enum { FRAME_RESULT, FRAME_RAN, FRAME_R9, FRAME_R11, FRAME_WORDS };

static struct x86_mem in_frame(const struct dispatch_event *event, u32 word) {
    return at(X86_RSP, (i32)(event->arguments + word) * 8);
}
static struct x86_mem results_in_frame(const struct dispatch_event *event) {
    struct x86_mem mem = in_frame(event, FRAME_RAN);
    mem.disp += 4;
    return mem;
}
static i32 frame_bytes(const struct dispatch_event *event) {
    u32 words = event->arguments + FRAME_WORDS;
    return (i32)(words | 1) * 8; // RSP is then a multiple of 16
}

u64 dispatch_identity(const struct dispatch_event *event) {
    switch ((enum dispatch_merge)event->merge) {
    case DISPATCH_MERGE_OR:
    case DISPATCH_MERGE_SUM:
        return 0;
    case DISPATCH_MERGE_AND:
        return ~0ul;
    default:
        return event->none;
    }
}

void emit_frame(struct emit *e, const void *what) {
    const struct emit_frame *frame = what;
    const struct dispatch_event *event = frame->event;
    put_word(e, frame->first);
    if (frame->top)
        load_address(e, X86_R11, block_code(event->miss));
    x86_alu_ri(&e->x, X86_SUB, X86_W, X86_RSP, frame_bytes(event));
    for (u32 i = 0; i < event->arguments; i++)
        x86_store(&e->x, at(X86_RSP, (i32)i * 8), argument_register[i]);
    u64 identity = dispatch_identity(event);
    if (x86_fits32((i64)identity)) {
        x86_rm(&e->x, 0xc7 | X86_W, 0, in_frame(event, FRAME_RESULT));
        x86_u32(&e->x, (u32)identity);
    } else {
        x86_mov_ri(&e->x, X86_RAX, identity);
        x86_store(&e->x, in_frame(event, FRAME_RESULT), X86_RAX);
    }
    x86_rm(&e->x, 0xc7 | X86_W, 0, in_frame(event, FRAME_RAN));
    x86_u32(&e->x, 0);
    x86_store(&e->x, in_frame(event, FRAME_R9), X86_R9);
    x86_store(&e->x, in_frame(event, FRAME_R11), X86_R11);
    jump_word(e, 0);
}

// RAX is a handler's result.
static void emit_merge(struct emit *e, const struct dispatch_event *event) {
    struct x86_mem result = in_frame(event, FRAME_RESULT), results = results_in_frame(event);
    u64 label, done;
    switch ((enum dispatch_merge)event->merge) {
    case DISPATCH_MERGE_LAST:
        x86_store(&e->x, result, X86_RAX);
        return;
    case DISPATCH_MERGE_OR:
        x86_alu_mr(&e->x, X86_OR, X86_W, result, X86_RAX);
        return;
    case DISPATCH_MERGE_AND:
        x86_alu_mr(&e->x, X86_AND, X86_W, result, X86_RAX);
        return;
    case DISPATCH_MERGE_SUM:
        x86_alu_mr(&e->x, X86_ADD, X86_W, result, X86_RAX);
        return;
    case DISPATCH_MERGE_FIRST:
        x86_alu_mi(&e->x, X86_CMP, 4, results, 0);
        forward(e, X86_NE, &label);
        x86_store(&e->x, result, X86_RAX);
        bind(e, label);
        break;
    case DISPATCH_MERGE_CUSTOM:
        x86_alu_mi(&e->x, X86_CMP, 4, results, 0);
        forward(e, X86_E, &done);
        x86_load(&e->x, X86_RDI, result);
        x86_mov_rr(&e->x, X86_W, X86_RSI, X86_RAX);
        x86_load(&e->x, X86_R9, in_frame(event, FRAME_R9));
        call(e, event->merger);
        bind(e, done);
        x86_store(&e->x, result, X86_RAX);
        break;
    }
    x86_rm(&e->x, 0xff, 0, results); // inc
}

void emit_step(struct emit *e, const void *what) {
    const struct emit_step *step = what;
    const struct dispatch_event *event = step->event;
    put_word(e, step->target);
    put_word(e, step->next);
    load_address(e, X86_R11, e->base + e->fail);
    x86_rm(&e->x, 0xff, 2, own_word(e, 0)); // call
    if (!step->stage->is_filter) {
        if (!step->stage->is_async)
            emit_merge(e, event);
        x86_rm(&e->x, 0xff, 0, in_frame(event, FRAME_RAN)); // inc
    }
    for (u32 i = 0; i < event->arguments; i++)
        x86_load(&e->x, argument_register[i], at(X86_RSP, (i32)i * 8));
    x86_load(&e->x, X86_R9, in_frame(event, FRAME_R9));
    jump_word(e, 1);
    e->fail = (u32)e->x.at; // reached with the return address on the stack
    x86_alu_ri(&e->x, X86_ADD, X86_W, X86_RSP, 8);
    jump_word(e, 1);
}

void emit_end(struct emit *e, const void *what) {
    const struct dispatch_event *event = what;
    u64 none;
    x86_rm(&e->x, 0x8b, X86_RAX, in_frame(event, FRAME_RAN));
    x86_alu_ri(&e->x, X86_SUB, X86_W, X86_RAX, 1);
    forward(e, X86_B, &none);
    if (!event->uncounted) {
        load_counters(e, event);
        x86_alu_mr(&e->x, X86_SUB, X86_W, at(X86_R10, (i32)event->counter_adjust * 8), X86_RAX);
    }
    x86_load(&e->x, X86_RAX, in_frame(event, FRAME_RESULT));
    x86_alu_ri(&e->x, X86_ADD, X86_W, X86_RSP, frame_bytes(event));
    ret(e);
    bind(e, none);
    x86_load(&e->x, X86_R11, in_frame(event, FRAME_R11));
    x86_alu_ri(&e->x, X86_ADD, X86_W, X86_RSP, frame_bytes(event));
    x86_jmp_r(&e->x, X86_R11);
}

void emit_stub(struct emit *e, const void *what) {
    const struct dispatch_event *event = what;
    put_word(e, block_code(event->miss));
    if (event->raises) {
        x86_mov_ri(&e->x, X86_R10, event->raises);
        x86_rm(&e->x, 0xff | X86_W | X86_LOCK, 0, at(X86_R10, 0)); // inc
    }
    jump_word(e, 0);
}

void emit_miss(struct emit *e, const void *what) {
    const struct dispatch_event *event = what;
    put_word(e, block_code(event->none_block));
    count(e, event, event->counter_misses);
    jump_word(e, 0);
}

void emit_none(struct emit *e, const void *what) {
    const struct dispatch_event *event = what;
    x86_mov_ri(&e->x, X86_RAX, event->none);
    ret(e);
}

void emit_abandon(struct emit *e, const void *what) {
    (void)what;
    x86_jmp_r(&e->x, X86_R11);
}

void emit_thunk(struct emit *e, const void *what) {
    put_word(e, *(const u64 *)what);
    jump_word(e, 0);
}
