// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The verifier's front: entry points, call graph, and the verdict. See docs/engine.md.
//
// Work and memory are limited in proportion to the program; both are counted, so the verdict is the
// same on every machine.

#include "base/string.h"
#include "engine/btf.h"
#include "engine/pool.h"
#include "engine/sort.h"
#include "engine/verify/priv.h"

enum {
    WORK_BASE = 500000,
    WORK_PER_SLOT = 64,
    MEMORY_BASE = 512 * 1024,
    MEMORY_PER_SLOT = 320,
};

void queue_function(struct verifier *v, uint32_t function, uint32_t hook) {
    for (uint32_t i = 0; i < v->queue_count; i++)
        if (v->queue[i].function == function && v->queue[i].hook == hook)
            return;
    if (v->queue_count == v->queue_room) {
        uint32_t wanted = v->queue_room ? v->queue_room * 2 : 8;
        struct queued *larger = verify_alloc(v, wanted * sizeof *larger);
        if (!larger)
            return;
        if (v->queue_count)
            memcpy(larger, v->queue, v->queue_count * sizeof *larger);
        verify_free(v, v->queue, v->queue_room * sizeof *larger);
        v->queue = larger;
        v->queue_room = wanted;
    }
    v->queue[v->queue_count++] = (struct queued){function, hook};
}

// ---- Call graph: which functions can reach themselves (Tarjan, iterative)

struct graph {
    uint32_t *number, *low, *stack, *path, *place;
    uint32_t count, depth, components;
};

// Function that the instruction may call or hand out, or ENGINE_NO_FUNCTION.
static uint32_t mentions(const struct engine_insn *insn) {
    if (insn->op == ENGINE_OP_CALL_LOCAL ||
        (insn->op == ENGINE_OP_LDIMM64 && insn->kind == ENGINE_IMM_FUNCTION))
        return (uint32_t)insn->imm;
    return ENGINE_NO_FUNCTION;
}

static void leave_function(struct verifier *v, struct graph *g, uint32_t f) {
    if (g->low[f] != g->number[f])
        return;
    uint32_t member, size = 0;
    do {
        member = g->stack[--g->depth];
        v->functions[member].component = g->components;
        g->low[member] = UINT32_MAX; // done
        size++;
    } while (member != f);
    if (size > 1)
        for (uint32_t i = 0; i < size; i++)
            v->functions[g->stack[g->depth + i]].recursive = 1;
    g->components++;
}

static void visit_function(struct verifier *v, struct graph *g, uint32_t root) {
    uint32_t depth = 0;
    g->path[depth] = root;
    g->place[depth++] = 0;
    g->number[root] = g->low[root] = ++g->count;
    g->stack[g->depth++] = root;
    while (depth) {
        uint32_t f = g->path[depth - 1];
        const struct engine_function *function = &v->program->functions[f];
        if (g->place[depth - 1] == function->length) {
            uint32_t low = g->low[f];
            leave_function(v, g, f);
            depth--;
            if (depth && g->low[f] != UINT32_MAX && low < g->low[g->path[depth - 1]])
                g->low[g->path[depth - 1]] = low;
            continue;
        }
        uint32_t to = mentions(&v->program->insns[function->entry + g->place[depth - 1]++]);
        if (to == ENGINE_NO_FUNCTION)
            continue;
        if (to == f)
            v->functions[f].recursive = 1;
        if (!g->number[to]) {
            g->number[to] = g->low[to] = ++g->count;
            g->stack[g->depth++] = to;
            g->path[depth] = to;
            g->place[depth++] = 0;
        } else if (g->low[to] != UINT32_MAX && g->number[to] < g->low[f])
            g->low[f] = g->number[to];
    }
}

static bool find_recursion(struct verifier *v) {
    uint32_t n = v->program->function_count;
    if (n < 2 && (n == 0 || v->program->insn_count == 0))
        return true;
    uint32_t *memory = verify_alloc(v, (size_t)n * 5 * sizeof *memory);
    if (!memory)
        return false;
    struct graph g = {.number = memory,
                      .low = memory + n,
                      .stack = memory + 2 * (size_t)n,
                      .path = memory + 3 * (size_t)n,
                      .place = memory + 4 * (size_t)n};
    for (uint32_t f = 0; f < n; f++)
        if (!g.number[f])
            visit_function(v, &g, f);
    verify_free(v, memory, (size_t)n * 5 * sizeof *memory);
    return true;
}

// ---- What the functions look like

// Parameters by BTF; ENGINE_ARGS if unknown.
static unsigned parameters(const struct verifier *v, const struct engine_function *function,
                           bool *nothing) {
    const struct engine_btf *btf = v->program->btf;
    *nothing = false;
    if (!btf || !function->btf || function->btf >= engine_btf_count(btf))
        return ENGINE_ARGS;
    struct engine_btf_type type = engine_btf_get(btf, function->btf);
    if (type.kind == ENGINE_BTF_FUNC)
        type = engine_btf_get(btf, engine_btf_strip(btf, type.type));
    if (type.kind != ENGINE_BTF_FUNC_PROTO)
        return ENGINE_ARGS;
    *nothing = engine_btf_strip(btf, type.type) == 0;
    return type.count < ENGINE_ARGS ? type.count : ENGINE_ARGS;
}

static void survey(struct verifier *v) {
    const struct engine_program *program = v->program;
    for (uint32_t f = 0; f < program->function_count; f++) {
        bool nothing;
        unsigned count = parameters(v, &program->functions[f], &nothing);
        v->functions[f].returns_nothing = nothing;
        if (program->functions[f].flags & ENGINE_FUNCTION_ADDRESSED) {
            v->addressed = true;
            if (count > v->addressed_arguments)
                v->addressed_arguments = count;
        }
        if (program->functions[f].flags & ENGINE_FUNCTION_ENTRY)
            queue_function(v, f, program->functions[f].hook);
    }
    for (uint32_t i = 0; i < program->import_count; i++)
        v->moves_packets |= (program->imports[i].import->flags & ENGINE_IMPORT_MOVES_PACKET) != 0;
}

// ---- Entries

// Every packet that a context can lead to has its length from the start.
static void make_lengths(struct verifier *v, struct state *s) {
    for (uint32_t l = 0; l < v->interface->layout_count; l++)
        for (uint32_t f = 0; f < v->interface->layouts[l].field_count; f++)
            if (v->interface->layouts[l].fields[f].type.kind == ENGINE_PACKET)
                (void)typed_value(v, s, &v->interface->layouts[l].fields[f].type, 0, 0);
}

static void enter_hook(struct verifier *v, struct state *s, const struct engine_hook *hook) {
    uint32_t count = hook->argument_count < ENGINE_ARGS ? hook->argument_count : ENGINE_ARGS;
    make_lengths(v, s);
    for (int buffers = 0; buffers < 2; buffers++) // after the arguments that hold their lengths
        for (uint32_t i = 0; i < count; i++) {
            const struct engine_type *type = &hook->arguments[i];
            if ((type->kind == ENGINE_BUFFER) != buffers)
                continue;
            s->reg[i + 1] = typed_value(v, s, type, i + 1, 0);
            if (!buffers || !type->length || type->length > count || v->error)
                continue;
            const struct value *buffer = value_at(v, s->reg[i + 1]);
            const struct value *length = value_at(v, s->reg[type->length]);
            unsigned slot = v->regions[buffer->object].slot;
            struct num num;
            if (slot == REGION_NO_SLOT || length->kind != VALUE_NUMBER)
                continue;
            s->length[slot] = s->reg[type->length];
            num_range(&num, 0, type->size ? type->size : (1 << 29) - 1);
            (void)state_refine(v, s, s->reg[type->length], &num);
        }
    // An owned reference passed in would have to be released by somebody: arguments are lent.
}

static uint32_t entry_of(struct verifier *v, const struct queued *queued) {
    uint32_t id = state_new(v);
    struct state *s = state_at(v, id);
    bool nothing;
    if (!id)
        return 0;
    s->reg[ENGINE_R10] = value_pointer(v, VALUE_STACK, 0, 0);
    if (queued->hook != NO_HOOK)
        enter_hook(v, s, &v->interface->hooks[queued->hook]);
    else {
        unsigned count = parameters(v, &v->program->functions[queued->function], &nothing);
        make_lengths(v, s);
        for (unsigned r = 1; r <= count; r++)
            s->reg[r] = value_number(v, &num_any);
    }
    return v->error ? 0 : id;
}

static void forget_summaries(struct verifier *v) {
    for (uint32_t f = 0; f < v->program->function_count; f++)
        for (int mode = 0; mode < 2; mode++) {
            struct summary *summary = &v->functions[f].summary[mode];
            state_free(v, summary->before);
            state_free(v, summary->after);
            summary->before = summary->after = 0;
            summary->valid = 0;
            summary->rounds = 0;
        }
}

static bool verify_entry(struct verifier *v, const struct queued *queued) {
    const struct engine_hook *hook =
        queued->hook == NO_HOOK ? NULL : &v->interface->hooks[queued->hook];
    bool deterministic = hook && hook->flags & ENGINE_HOOK_DETERMINISTIC;
    bool bounded = hook && hook->flags & ENGINE_HOOK_BOUNDED;
    if (deterministic != v->deterministic || bounded != v->bounded)
        forget_summaries(v);
    v->hook = queued->hook;
    v->deterministic = deterministic;
    v->bounded = bounded;
    uint32_t entry = entry_of(v, queued);
    if (!entry || !work_push(v, queued->function, entry, true) || !work_run(v))
        return false;
    // The entry's own summary is not for callers: its registers are typed.
    struct summary *summary = &v->functions[queued->function].summary[1];
    if (!summary->before)
        state_free(v, summary->after), summary->after = 0, summary->valid = 0;
    return true;
}

// ---- Verdict

static uint32_t called(const struct verifier *v, uint32_t pc) {
    const struct engine_insn *insn = &v->program->insns[pc];
    if (!(v->proof[pc] & ENGINE_PROOF_REACHED))
        return ENGINE_NO_FUNCTION;
    if (insn->op == ENGINE_OP_CALL_LOCAL)
        return (uint32_t)insn->imm;
    if (insn->op != ENGINE_OP_CALL_REG || v->proof[pc] & ENGINE_PROOF_CHECKED)
        return ENGINE_NO_FUNCTION;
    for (uint32_t i = 0; i < v->call_count; i++)
        if (v->calls[i].pc == pc && v->calls[i].callable >= ENGINE_CALLABLE_LOCAL)
            return (uint32_t)(v->calls[i].callable - ENGINE_CALLABLE_LOCAL);
    return ENGINE_NO_FUNCTION;
}

// One round of stack and depth over the calls; true if something grew.
static bool sum_stacks(const struct verifier *v, struct engine_function_proof *proofs) {
    bool grew = false;
    for (uint32_t f = v->program->function_count; f--;) {
        const struct engine_function *function = &v->program->functions[f];
        if (!proofs[f].reached)
            continue;
        for (uint32_t pc = function->entry; pc < function->entry + function->length; pc++) {
            uint32_t to = called(v, pc);
            if (to == ENGINE_NO_FUNCTION || v->proof[pc] & ENGINE_PROOF_METERED)
                continue;
            if (proofs[f].frame_size + proofs[to].stack_need > proofs[f].stack_need) {
                proofs[f].stack_need = proofs[f].frame_size + proofs[to].stack_need;
                grew = true;
            }
            if (proofs[to].depth_need + 1 > proofs[f].depth_need) {
                proofs[f].depth_need = (uint16_t)(proofs[to].depth_need + 1);
                grew = true;
            }
        }
    }
    return grew;
}

static bool judge_stacks(struct verifier *v, struct engine_function_proof *proofs) {
    const struct engine_program *program = v->program;
    for (uint32_t f = 0; f < program->function_count; f++) {
        struct function *function = &v->functions[f];
        uint32_t limit = (program->stack_limit + 15) & ~15u;
        proofs[f].frame_size = (function->low + 15) & ~15u;
        if (proofs[f].frame_size > limit)
            proofs[f].frame_size = limit;
        proofs[f].reached = (v->proof[program->functions[f].entry] & ENGINE_PROOF_REACHED) != 0;
        proofs[f].zero_frame = function->zero_frame && proofs[f].frame_size && !WEAK(ZERO_FRAME);
        proofs[f].cost = (uint32_t)function->cost;
        proofs[f].stack_need = proofs[f].frame_size;
        proofs[f].depth_need = proofs[f].reached;
    }
    unsigned rounds = 0;
    while (sum_stacks(v, proofs) && rounds++ <= ENGINE_CALL_DEPTH_MAX)
        v->work += program->insn_count;
    for (uint32_t f = 0; f < program->function_count; f++) {
        uint32_t pc = program->functions[f].entry;
        if (proofs[f].stack_need > ENGINE_STACK_MAX && !WEAK(STACK_TOTAL))
            return refuse(v, NULL, NULL, ENGINE_REFUSED_STACK_TOTAL, pc, 0xff, proofs[f].stack_need,
                          ENGINE_STACK_MAX);
        if (proofs[f].depth_need > ENGINE_CALL_DEPTH_MAX)
            return refuse(v, NULL, NULL, ENGINE_REFUSED_CALL_DEPTH, pc, 0xff, proofs[f].depth_need,
                          ENGINE_CALL_DEPTH_MAX);
        if (program->functions[f].flags & ENGINE_FUNCTION_ENTRY &&
            proofs[f].stack_need > v->verdict->stack_need)
            v->verdict->stack_need = proofs[f].stack_need;
    }
    return true;
}

// Flags were united over all passes: resolves those that say "perhaps".
static void settle_proofs(struct verifier *v) {
    struct engine_verdict *verdict = v->verdict;
    for (uint32_t pc = 0; pc < v->program->insn_count; pc++) {
        const struct engine_insn *insn = &v->program->insns[pc];
        unsigned proof = v->proof[pc];
        if (!(proof & ENGINE_PROOF_REACHED)) {
            v->proof[pc] = 0;
            continue;
        }
        if (proof & ENGINE_PROOF_MASKED)
            proof &= ~(unsigned)ENGINE_PROOF_SAFE;
        unsigned both = ENGINE_PROOF_ALWAYS | ENGINE_PROOF_NEVER;
        if ((proof & both) == both)
            proof &= ~both;
        if (engine_insn_effect(insn) == ENGINE_EFFECT_ALU)
            switch (engine_insn_info(insn)->sub) {
            case ENGINE_ALU_DIV:
            case ENGINE_ALU_SDIV:
            case ENGINE_ALU_MOD:
            case ENGINE_ALU_SMOD:
                proof ^= ENGINE_PROOF_DIVISOR;
                break;
            default:
                break;
            }
        v->proof[pc] = (engine_proof)proof;
        verdict->metered |= (proof & ENGINE_PROOF_METERED) != 0;
        if (engine_insn_accesses_memory(insn))
            verdict->statistics.accesses++;
        verdict->statistics.accesses_masked += (proof & ENGINE_PROOF_MASKED) != 0;
        if (engine_insn_has_target(insn) && insn->target <= pc)
            verdict->statistics.back_edges++;
    }
    for (uint32_t f = 0; f < v->program->function_count; f++)
        for (uint32_t l = 0; l < v->functions[f].flow.loop_count; l++) {
            const struct loop *loop = &v->functions[f].flow.loops[l];
            uint32_t first = v->functions[f].flow.blocks[loop->head].first;
            verdict->statistics.loops += (v->proof[first] & ENGINE_PROOF_REACHED) != 0;
            verdict->statistics.loops_metered += loop->metered;
        }
}

static bool give_verdict(struct verifier *v) {
    struct engine_verdict *verdict = v->verdict;
    const struct engine_host *host = v->host;
    settle_proofs(v);
    struct engine_function_proof *proofs =
        engine_pool_alloc(host, &verdict->blocks, v->program->function_count, sizeof *proofs);
    struct engine_call_target *calls =
        engine_pool_alloc(host, &verdict->blocks, v->call_count, sizeof *calls);
    struct engine_read_range *reads =
        engine_pool_alloc(host, &verdict->blocks, v->read_count, sizeof *reads);
    if (!proofs || !calls || !reads) {
        v->error = ENGINE_ERROR_MEMORY;
        return false;
    }
    if (!judge_stacks(v, proofs))
        return false;
    for (uint32_t i = 0; i < v->call_count; i++)
        if (!(v->proof[v->calls[i].pc] & ENGINE_PROOF_CHECKED))
            calls[verdict->call_count++] = v->calls[i];
    engine_sort(calls, verdict->call_count, sizeof *calls);
    memcpy(reads, v->reads, v->read_count * sizeof *reads);
    verdict->read_count = v->read_count;
    verdict->functions = proofs;
    verdict->calls = calls;
    verdict->reads = reads;
    verdict->proof = v->proof;
    return true;
}

static bool verify_all(struct verifier *v) {
    bool addressed_queued = false;
    if (!verify_pools_create(v) || !find_recursion(v))
        return false;
    survey(v);
    for (uint32_t i = 0; i < v->queue_count && !v->error; i++) {
        struct queued queued = v->queue[i];
        if (!verify_entry(v, &queued))
            return false;
        if (v->checked && !addressed_queued) { // anything whose address is taken may be called
            addressed_queued = true;
            for (uint32_t f = 0; f < v->program->function_count; f++)
                if (v->program->functions[f].flags & ENGINE_FUNCTION_ADDRESSED)
                    queue_function(v, f, NO_HOOK);
        }
    }
    return !v->error && give_verdict(v);
}

static void release(struct verifier *v) {
    work_drop(v);
    for (uint32_t f = 0; v->functions && f < v->program->function_count; f++)
        flow_free(v, f);
    verify_free(v, v->functions, v->program->function_count * sizeof *v->functions);
    verify_free(v, v->queue, v->queue_room * sizeof *v->queue);
    verify_free(v, v->regions, v->region_room * sizeof *v->regions);
    verify_free(v, v->calls, v->call_room * sizeof *v->calls);
    verify_pools_free(v);
}

static void set_limits(struct verifier *v) {
    const struct engine_verify_options *options = v->options;
    uint64_t slots = v->program->insn_count;
    v->work_limit =
        options && options->work_limit ? options->work_limit : WORK_BASE + WORK_PER_SLOT * slots;
    v->cost_limit = options && options->cost_limit ? options->cost_limit : COST_LIMIT;
    v->memory_limit = options && options->memory_limit
                          ? options->memory_limit
                          : (size_t)(MEMORY_BASE + MEMORY_PER_SLOT * slots);
    uint32_t cells = (v->program->stack_limit + CELL_BYTES - 1) / CELL_BYTES;
    v->frame_levels = 1;
    while (v->frame_levels < 4 && (1u << (NODE_BITS * v->frame_levels)) < cells)
        v->frame_levels++;
}

int engine_verify(const struct engine_program *program, const struct engine_verify_options *options,
                  struct engine_verdict *verdict) {
    memset(verdict, 0, sizeof *verdict);
    verdict->host = program->host;
    verdict->refusal.pc = ENGINE_NO_PC;
    verdict->refusal.function = ENGINE_NO_FUNCTION;
    verdict->refusal.reg = 0xff;
    const struct engine_host *host = &program->host;
    struct verifier *v = host->alloc(host->cookie, sizeof *v);
    if (v) {
        memset(v, 0, sizeof *v);
        v->program = program;
        v->interface = program->interface;
        v->host = host;
        v->options = options;
        v->verdict = verdict;
        v->memory = sizeof *v;
        set_limits(v);
        v->proof = engine_pool_alloc(host, &verdict->blocks, program->insn_count, sizeof *v->proof);
        v->functions = verify_alloc(v, program->function_count * sizeof *v->functions);
        if (!v->proof)
            v->error = ENGINE_ERROR_MEMORY;
        verdict->accepted = !v->error && verify_all(v) && !v->error;
        release(v);
        verdict->statistics.work = v->work;
        verdict->statistics.work_limit = v->work_limit;
        verdict->statistics.memory_peak = v->memory_peak;
    }
    int error = v ? v->error : ENGINE_ERROR_MEMORY;
    if (v)
        host->free(host->cookie, v, sizeof *v);
    if (verdict->accepted)
        return 0;
    if (error == 0)
        error = ENGINE_ERROR_REFUSED;
    if (verdict->refusal.code == ENGINE_REFUSED_NOTHING) {
        verdict->refusal.code =
            error == ENGINE_ERROR_LIMIT ? ENGINE_REFUSED_WORK : ENGINE_REFUSED_MEMORY;
    }
    return error;
}

void engine_verdict_free(struct engine_verdict *verdict) {
    if (verdict->blocks)
        engine_pool_free(&verdict->host, &verdict->blocks);
}
