// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The compiler's entry: functions in the order of the call graph, callees first, so that a call
// knows what its callee destroys; then the common entry and exit, the joining of calls, and the
// move into memory that can be executed.
//
// Code starts with the entry sequence, called as a C function (run, arguments, function): it saves
// what C wants kept, notes the stack pointer in run->native_stack, and loads the registers.
// Functions that only it calls save nothing themselves.

#include "engine/jit/ir.h"

struct jit_needs { // see struct engine_code_entry
    uint32_t frame, native, native_frame, size;
    uint16_t depth;
    uint8_t metered, recurses, wants_frame;
};

struct jit_blocks { // engine_code.blocks
    size_t size;
    struct jit_needs *needs;
    uint64_t *callables;
    uint32_t *entries; // per function: offset, IR_NO_BLOCK if not compiled
    uint32_t *offsets;
    size_t offsets_size;
};

static struct jit_blocks *blocks_alloc(struct jit *c, bool offsets) {
    uint32_t n = c->program->function_count;
    size_t size = sizeof(struct jit_blocks) +
                  n * (sizeof(uint64_t) + sizeof(uint32_t) + sizeof(struct jit_needs));
    struct jit_blocks *b = c->host->alloc(c->host->cookie, size);
    if (!b)
        return NULL;
    *b = (struct jit_blocks){.size = size, .callables = (uint64_t *)(b + 1)};
    b->needs = (struct jit_needs *)(b->callables + n);
    b->entries = (uint32_t *)(b->needs + n);
    __builtin_memset(b->callables, 0, n * sizeof(uint64_t));
    if (offsets) {
        b->offsets_size = ((size_t)c->program->insn_count + 1) * sizeof(uint32_t);
        b->offsets = c->host->alloc(c->host->cookie, b->offsets_size);
        if (!b->offsets) {
            c->host->free(c->host->cookie, b, size);
            return NULL;
        }
        __builtin_memset(b->offsets, 0xff, b->offsets_size);
    }
    return b;
}

static void blocks_free(const struct engine_host *host, struct jit_blocks *b) {
    if (b && b->offsets)
        host->free(host->cookie, b->offsets, b->offsets_size);
    if (b)
        host->free(host->cookie, b, b->size);
}

static const uint8_t saved[] = {X86_RBX, X86_RBP, X86_R12, X86_R13, X86_R14, X86_R15};

// engine_run_ended(run, program, stack pointer); R9 keeps the run.
static void call_ended(struct jit *c, struct x86 *x) {
    x86_mov_rr(x, X86_W, X86_RDI, X86_R9);
    x86_mov_ri(x, X86_RSI, (uint64_t)(uintptr_t)c->program);
    x86_mov_rr(x, X86_W, X86_RDX, X86_RSP);
    x86_alu_ri(x, X86_AND, X86_W, X86_RSP, -16);
    x86_push(x, X86_R9);
    x86_push(x, X86_R9);
    x86_mov_ri(x, X86_RAX, (uint64_t)(uintptr_t)&engine_run_ended);
    x86_call_r(x, X86_RAX);
    x86_pop(x, X86_R9);
}

// The common entry, and c->cancel.
static bool entry_sequence(struct jit *c) {
    static const uint8_t args[] = {X86_RDI, X86_RSI, X86_RDX, X86_RCX, X86_R8};
    if (!jit_grow(c, (void **)&c->text, &c->text_room, 0, 256, 1))
        return false;
    struct x86 x = {c->text, c->text_room, 0};
    struct x86_mem mem = {X86_RDI, X86_NONE, 0, offsetof(struct engine_run, native_stack)};
    for (unsigned i = 0; i < sizeof saved; i++)
        x86_push(&x, saved[i]);
    x86_alu_ri(&x, X86_SUB, X86_W, X86_RSP, 8);
    x86_store(&x, mem, X86_RSP);
    x86_mov_rr(&x, X86_W, X86_R9, X86_RDI);
    mem.disp = offsetof(struct engine_run, stack_top);
    x86_load(&x, X86_R10, mem);
    x86_mov_rr(&x, X86_W, X86_RAX, X86_RDX);
    x86_mov_rr(&x, X86_W, X86_R11, X86_RSI);
    for (unsigned i = 0; i < sizeof args; i++)
        x86_load(&x, args[i], (struct x86_mem){X86_R11, X86_NONE, 0, (int32_t)(8 * i)});
    x86_call_r(&x, X86_RAX);
    size_t over = x.at;
    x86_jmp(&x, false, 0); // over the load
    c->cancel = (uint32_t)x.at;
    call_ended(c, &x);
    x86_load(&x, X86_RSP,
             (struct x86_mem){X86_R9, X86_NONE, 0, offsetof(struct engine_run, native_stack)});
    c->text[over + 1] = (uint8_t)(x.at - (over + 2));
    x86_alu_ri(&x, X86_ADD, X86_W, X86_RSP, 8);
    for (unsigned i = sizeof saved; i-- > 0;)
        x86_pop(&x, saved[i]);
    x86_byte(&x, 0xc3);
    c->text_size = (uint32_t)x.at;
    return true;
}

static bool compile_function(struct jit *c, uint32_t function) {
    c->function = function;
    c->loops = c->irreducible = false;
    c->hull = false;
    bool ok = jit_cfg(c) && jit_build(c);
    if (ok && c->escapes) {
        jit_clean(c);
        ok = jit_hull(c, &c->hull);
        if (ok && c->hull) { // again, knowing more
            jit_zone_reset(c);
            c->loops = c->irreducible = false;
            ok = jit_cfg(c) && jit_build(c);
        }
    }
    ok = ok && jit_optimise(c) && jit_lower(c) && jit_live(c) && jit_allocate(c) && jit_emit(c);
    jit_zone_reset(c);
    return ok && !c->failed;
}

// Function that the instruction calls for certain, or ENGINE_NO_FUNCTION.
static uint32_t called_at(const struct jit *c, uint32_t pc) {
    const struct engine_insn *insn = &c->program->insns[pc];
    if (!c->verdict->proof[pc])
        return ENGINE_NO_FUNCTION;
    if (insn->op == ENGINE_OP_CALL_LOCAL)
        return (uint32_t)insn->imm;
    return insn->op == ENGINE_OP_CALL_REG ? jit_proved_local(c, pc) : ENGINE_NO_FUNCTION;
}

static void find_called(struct jit *c, uint32_t flags) {
    const struct engine_program *p = c->program;
    uint32_t from_outside = ENGINE_FUNCTION_ADDRESSED;
    if (flags & ENGINE_JIT_CALLABLE)
        from_outside |= ENGINE_FUNCTION_ENTRY;
    for (uint32_t f = 0; f < p->function_count; f++) {
        c->functions[f].offset = IR_NO_BLOCK;
        c->functions[f].called |= (p->functions[f].flags & from_outside) != 0;
        for (uint32_t pc = p->functions[f].entry;
             pc < p->functions[f].entry + p->functions[f].length; pc++) {
            uint32_t g = called_at(c, pc);
            if (g != ENGINE_NO_FUNCTION)
                c->functions[g].called = 1;
        }
    }
}

// What a call of g needs, its callees being compiled. (Those on a cycle are not; then some call on
// it is metered, and g recurses.)
static void sum_needs(struct jit *c, uint32_t g) {
    const struct engine_program *p = c->program;
    struct jit_function *f = &c->functions[g];
    uint32_t most = 0;
    for (uint32_t pc = p->functions[g].entry; pc < p->functions[g].entry + p->functions[g].length;
         pc++) {
        const struct engine_insn *insn = &p->insns[pc];
        engine_proof proof = c->verdict->proof[pc];
        uint32_t called = called_at(c, pc);
        bool call = engine_insn_effect(insn) == ENGINE_EFFECT_CALL;
        f->metered |= (proof & (ENGINE_PROOF_METERED | ENGINE_PROOF_CHECKED)) != 0;
        f->recurses |= call && (proof & ENGINE_PROOF_METERED) != 0;
        if (insn->op == ENGINE_OP_CALL_IMPORT && proof)
            f->metered |= !engine_import_is_plain(p->imports[insn->imm].import);
        if (called == ENGINE_NO_FUNCTION)
            continue;
        f->metered |= c->functions[called].metered;
        f->recurses |= c->functions[called].recurses;
        if (c->functions[called].native_need > most)
            most = c->functions[called].native_need;
    }
    f->native_need = f->native + most;
}

// Callees first. stack: functions being visited; at: how far in each.
static bool compile_all(struct jit *c, uint32_t *stack, uint32_t *at) {
    const struct engine_program *p = c->program;
    for (uint32_t f = 0; f < p->function_count; f++) {
        uint32_t depth = 0;
        if (!c->verdict->functions[f].reached || at[f])
            continue;
        stack[depth++] = f;
        while (depth) {
            uint32_t g = stack[depth - 1], called = ENGINE_NO_FUNCTION;
            while (at[g] < p->functions[g].length && called == ENGINE_NO_FUNCTION) {
                called = called_at(c, p->functions[g].entry + at[g]++);
                if (called != ENGINE_NO_FUNCTION &&
                    (at[called] || !c->verdict->functions[called].reached))
                    called = ENGINE_NO_FUNCTION;
            }
            if (called != ENGINE_NO_FUNCTION) {
                stack[depth++] = called;
                continue;
            }
            if (!compile_function(c, g))
                return false;
            sum_needs(c, g);
            depth--;
        }
    }
    return true;
}

static void write32(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

// Joins calls of functions, and makes calls of imports direct where they are near enough.
static void join_calls(struct jit *c, uint64_t execute) {
    for (uint32_t i = 0; i < c->patch_count; i++) {
        uint32_t at = c->patches[i].at;
        write32(&c->text[at], c->functions[c->patches[i].function].offset - (at + 4));
    }
    for (uint32_t i = 0; i < c->import_count; i++) {
        const struct jit_import_call *call = &c->imports[i];
        int64_t rel = (int64_t)(call->target - (execute + call->at + call->length));
        if (!x86_fits32(rel))
            continue;
        struct x86 x = {c->text, c->text_size, call->at};
        // Segment prefixes mean nothing to a call, and are no instruction of their own.
        uint32_t pad = call->length - 5;
        if (pad > 5)
            x86_nops(&x, pad);
        for (; pad && pad <= 5; pad--)
            x86_byte(&x, 0x2e);
        x86_byte(&x, 0xe8);
        x86_u32(&x, (uint32_t)rel);
    }
}

static int finish(struct jit *c, struct jit_blocks *b, struct engine_code *code) {
    const struct engine_program *p = c->program;
    if (!c->host->code_alloc(c->host->cookie, c->text_size, &code->memory))
        return ENGINE_ERROR_MEMORY;
    join_calls(c, code->memory.execute);
    __builtin_memcpy(code->memory.write, c->text, c->text_size);
    if (!c->host->code_seal(c->host->cookie, &code->memory)) {
        c->host->code_free(c->host->cookie, &code->memory);
        return ENGINE_ERROR_MEMORY;
    }
    for (uint32_t f = 0; f < p->function_count; f++) {
        const struct jit_function *function = &c->functions[f];
        b->entries[f] = function->offset;
        b->needs[f] = (struct jit_needs){
            .frame = c->verdict->functions[f].stack_need,
            .depth = c->verdict->functions[f].depth_need,
            .native = function->native_need,
            .native_frame = function->native - 8,
            .size = function->size,
            .metered = function->metered,
            .recurses = function->recurses,
            .wants_frame = function->params >> IR_FRAME & 1,
        };
        if (p->functions[f].flags & ENGINE_FUNCTION_ADDRESSED && b->entries[f] != IR_NO_BLOCK)
            b->callables[f] = code->memory.execute + b->entries[f];
    }
    if (b->offsets)
        b->offsets[p->insn_count] = c->text_size;
    code->program = p;
    code->offsets = b->offsets;
    code->callables = b->callables;
    code->size = c->text_size;
    code->fixed = c->fixed;
    code->blocks = b;
    return ENGINE_OK;
}

static int compile(struct jit *start, uint32_t flags, struct engine_code *code) {
    struct jit c = *start;
    const struct engine_program *program = c.program;
    uint32_t n = program->function_count;
    int result = ENGINE_ERROR_MEMORY;
    *code = (struct engine_code){0};
    struct jit_blocks *b = blocks_alloc(&c, flags & ENGINE_JIT_KEEP_OFFSETS);
    size_t size = n * (sizeof(struct jit_function) + 2 * sizeof(uint32_t));
    c.functions = b ? c.host->alloc(c.host->cookie, size) : NULL;
    if (c.functions) {
        uint32_t *stack = (uint32_t *)(c.functions + n);
        __builtin_memset(c.functions, 0, size);
        c.offsets = b->offsets;
        c.callables = b->callables;
        find_called(&c, flags);
        if (entry_sequence(&c) && compile_all(&c, stack, stack + n))
            result = finish(&c, b, code);
        c.host->free(c.host->cookie, c.functions, size);
    }
    jit_zone_reset(&c);
    jit_array_free(&c, c.v, c.value_room, sizeof *c.v);
    jit_array_free(&c, c.phis, c.phi_room, sizeof *c.phis);
    jit_array_free(&c, c.segments, c.segment_room, sizeof *c.segments);
    jit_array_free(&c, c.text, c.text_room, 1);
    jit_array_free(&c, c.patches, c.patch_room, sizeof *c.patches);
    jit_array_free(&c, c.imports, c.import_room, sizeof *c.imports);
    if (result != ENGINE_OK)
        blocks_free(c.host, b);
    return result;
}

int engine_jit_compile(const struct engine_program *program, const struct engine_verdict *verdict,
                       uint32_t flags, struct engine_code *code) {
    struct jit start = {.program = program, .verdict = verdict, .host = &program->host};
    return compile(&start, flags, code);
}

int engine_jit_compile_fixed(const struct engine_program *program,
                             const struct engine_verdict *verdict, uint32_t flags, uint64_t arena,
                             struct engine_code *code) {
    struct jit start = {.program = program,
                        .verdict = verdict,
                        .host = &program->host,
                        .fixed = true,
                        .arena_address = arena};
    return compile(&start, flags, code);
}

struct engine_code_entry engine_code_entry(const struct engine_code *code, uint32_t function) {
    const struct jit_blocks *b = code->blocks;
    if (function >= code->program->function_count || b->entries[function] == IR_NO_BLOCK)
        return (struct engine_code_entry){0};
    const struct jit_needs *needs = &b->needs[function];
    return (struct engine_code_entry){
        .address = code->memory.execute + b->entries[function],
        .frame_need = needs->wants_frame ? needs->frame : 0,
        .native_need = needs->native,
        .native_frame = needs->native_frame,
        .depth_need = needs->depth,
        .metered = needs->metered,
        .recurses = needs->recurses,
    };
}

uint32_t engine_code_function_at(const struct engine_code *code, uint64_t address) {
    const struct jit_blocks *b = code->blocks;
    for (uint32_t f = 0; f < code->program->function_count; f++)
        if (b->entries[f] != IR_NO_BLOCK &&
            address - (code->memory.execute + b->entries[f]) < b->needs[f].size)
            return f;
    return ENGINE_NO_FUNCTION;
}

void engine_code_free(struct engine_code *code) {
    if (!code->blocks)
        return;
    const struct engine_host *host = &code->program->host;
    host->code_free(host->cookie, &code->memory);
    blocks_free(host, code->blocks);
    *code = (struct engine_code){0};
}

// ---- running

static inline __attribute__((always_inline)) enum engine_status
prepare(const struct engine_code *code, struct engine_run *run, uint32_t entry) {
    const struct engine_program *p = code->program;
    const struct jit_blocks *b = code->blocks;
    uint64_t size = engine_program_arena_size(p);
    run->program = p;
    run->arena_mask = size ? size - 1 : 0;
    run->status = ENGINE_RUN_OK;
    if (entry >= p->function_count || b->entries[entry] == IR_NO_BLOCK || run->stack_top % 16 ||
        run->stack_top < run->stack_low ||
        run->stack_top - run->stack_low < b->needs[entry].frame ||
        (size && !code->fixed && (!run->arena || run->arena & (size - 1))))
        run->status = ENGINE_RUN_SETUP;
    else
        run->depth = b->needs[entry].depth;
    return (enum engine_status)run->status;
}

// Calls the entry, and releases what it held beyond `held` if it did not end well.
static inline __attribute__((always_inline)) enum engine_status
enter(const struct engine_code *code, struct engine_run *run, uint32_t entry,
      const uint64_t *arguments, uint64_t *r0, uint32_t held) {
    typedef uint64_t entry_function(struct engine_run *, const uint64_t *, uint64_t);
    const struct jit_blocks *b = code->blocks;
    if (prepare(code, run, entry) != ENGINE_RUN_OK)
        return ENGINE_RUN_SETUP;
    uint64_t base = code->memory.execute;
    uint64_t result = ((entry_function *)(uintptr_t)base)(run, arguments, base + b->entries[entry]);
    if (run->status == ENGINE_RUN_BUDGET && run->meter < INT64_MIN / 4)
        run->status = ENGINE_RUN_CANCELLED;
    if (run->status == ENGINE_RUN_OK && run->held_count != held)
        run->status = ENGINE_RUN_HELD;
    if (run->status == ENGINE_RUN_OK)
        *r0 = result;
    if (run->held_count != held)
        engine_run_release(run, held);
    return (enum engine_status)run->status;
}

enum engine_status engine_jit_run(const struct engine_code *code, struct engine_run *run,
                                  uint32_t entry, const uint64_t *arguments, uint64_t *r0) {
    run->held_count = 0;
    enum engine_status status = enter(code, run, entry, arguments, r0, 0);
    run->depth = 0;
    return status;
}

enum engine_status engine_jit_nest(const struct engine_code *code, struct engine_run *run,
                                   uint32_t entry, const uint64_t *arguments, uint64_t *r0) {
    uint64_t native_stack = run->native_stack;
    uint32_t depth = run->depth, status = run->status, held = run->held_count;
    const struct engine_program *program = run->program;
    enum engine_status result = enter(code, run, entry, arguments, r0, held);
    run->native_stack = native_stack;
    run->depth = depth;
    run->status = status;
    run->program = program;
    return result;
}
