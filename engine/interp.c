// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The interpreter: the reference for what programs mean. One step function per effect; alu.h has
// the arithmetic. It is written to be read; the JIT is for speed.
//
// Verified programs are run as the verdict's proof says (safe, masked, metered); the unverified
// mode checks everything here.

#include "base/string.h"
#include "engine/alu.h"
#include "engine/engine.h"

struct frame {
    uint64_t kept[4]; // r6..r9 of the caller
    uint64_t r10;
    uint32_t pc; // to go on at in the caller
    uint32_t function;
    uint32_t depth_need; // to take off run->depth
};

struct machine {
    const struct engine_program *program;
    const struct engine_verdict *verdict; // NULL: unverified
    struct engine_run *run;
    uint64_t r[ENGINE_REGISTERS];
    uint32_t pc, function, frame_count;
    struct frame frames[ENGINE_CALL_DEPTH_MAX];
};

static bool stop(struct machine *machine, enum engine_status status) {
    machine->run->status = status;
    machine->run->status_pc = machine->pc;
    return false;
}

static bool proved(const struct machine *machine, engine_proof flag) {
    return machine->verdict && (machine->verdict->proof[machine->pc] & flag) != 0;
}

// ---- memory

static bool inside(uint64_t address, unsigned size, uint64_t start, uint64_t length) {
    return size <= length && address - start <= length - size;
}

static bool accessible(const struct machine *machine, uint64_t address, unsigned size, bool write) {
    const struct engine_run *run = machine->run;
    if (inside(address, size, run->stack_low, run->stack_top - run->stack_low) ||
        inside(address, size, run->arena, engine_program_arena_size(machine->program)))
        return true;
    for (uint32_t i = 0; i < run->region_count; i++) {
        const struct engine_region *region = &run->regions[i];
        if ((region->writable || !write) && inside(address, size, region->address, region->size))
            return true;
    }
    return false;
}

// Where an access really goes; NULL if it must not be done.
static void *locate(struct machine *machine, const struct engine_insn *insn) {
    uint64_t address = machine->r[engine_insn_address(insn)] + (uint64_t)insn->off;
    unsigned size = engine_insn_bytes(insn);
    enum engine_effect effect = engine_insn_effect(insn);
    bool ok = true;
    if (!machine->verdict) {
        ok = accessible(machine, address, size, effect != ENGINE_EFFECT_LOAD) &&
             (effect != ENGINE_EFFECT_ATOMIC || address % size == 0);
    } else if (proved(machine, ENGINE_PROOF_MASKED)) {
        uint64_t mask = machine->run->arena_mask;
        if (effect == ENGINE_EFFECT_ATOMIC)
            mask &= ~(uint64_t)(size - 1);
        address = machine->run->arena | (address & mask);
    } else {
        ok = proved(machine, ENGINE_PROOF_SAFE);
    }
    if (!ok)
        stop(machine, ENGINE_RUN_ACCESS);
    return ok ? (void *)(uintptr_t)address : NULL;
}

static bool step_load(struct machine *machine, const struct engine_insn *insn) {
    const void *at = locate(machine, insn);
    uint64_t value = 0;
    if (!at)
        return false;
    unsigned size = engine_insn_bytes(insn);
    memcpy(&value, at, size);
    if (engine_insn_info(insn)->sub && size < 8)
        value = (uint64_t)((int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size));
    machine->r[insn->dst] = value;
    machine->pc++;
    return true;
}

static bool step_store(struct machine *machine, const struct engine_insn *insn) {
    void *at = locate(machine, insn);
    if (!at)
        return false;
    uint64_t value = engine_insn_uses_src(insn) ? machine->r[insn->src] : (uint64_t)insn->imm;
    memcpy(at, &value, engine_insn_bytes(insn));
    machine->pc++;
    return true;
}

// Does the operation on *at and returns the old value.
#define DEFINE_ATOMIC(type)                                                                        \
    static uint64_t atomic_##type(enum engine_atomic sub, type *at, type operand,                  \
                                  type *expected) {                                                \
        switch (sub) {                                                                             \
        case ENGINE_ATOMIC_ADD:                                                                    \
        case ENGINE_ATOMIC_FETCH_ADD:                                                              \
            return __atomic_fetch_add(at, operand, __ATOMIC_SEQ_CST);                              \
        case ENGINE_ATOMIC_OR:                                                                     \
        case ENGINE_ATOMIC_FETCH_OR:                                                               \
            return __atomic_fetch_or(at, operand, __ATOMIC_SEQ_CST);                               \
        case ENGINE_ATOMIC_AND:                                                                    \
        case ENGINE_ATOMIC_FETCH_AND:                                                              \
            return __atomic_fetch_and(at, operand, __ATOMIC_SEQ_CST);                              \
        case ENGINE_ATOMIC_XOR:                                                                    \
        case ENGINE_ATOMIC_FETCH_XOR:                                                              \
            return __atomic_fetch_xor(at, operand, __ATOMIC_SEQ_CST);                              \
        case ENGINE_ATOMIC_XCHG:                                                                   \
            return __atomic_exchange_n(at, operand, __ATOMIC_SEQ_CST);                             \
        default:                                                                                   \
            __atomic_compare_exchange_n(at, expected, operand, false, __ATOMIC_SEQ_CST,            \
                                        __ATOMIC_SEQ_CST);                                         \
            return *expected;                                                                      \
        }                                                                                          \
    }
DEFINE_ATOMIC(uint32_t)
DEFINE_ATOMIC(uint64_t)

static bool step_atomic(struct machine *machine, const struct engine_insn *insn) {
    void *at = locate(machine, insn);
    if (!at)
        return false;
    enum engine_atomic sub = (enum engine_atomic)engine_insn_info(insn)->sub;
    uint64_t operand = machine->r[insn->src], old, expected64 = machine->r[0];
    uint32_t expected32 = (uint32_t)machine->r[0];
    if (engine_insn_bytes(insn) == 4)
        old = atomic_uint32_t(sub, at, (uint32_t)operand, &expected32);
    else
        old = atomic_uint64_t(sub, at, operand, &expected64);
    if (sub == ENGINE_ATOMIC_CMPXCHG)
        machine->r[0] = old;
    else if (sub >= ENGINE_ATOMIC_FETCH_ADD)
        machine->r[insn->src] = old;
    machine->pc++;
    return true;
}

// ---- transfers

static bool charge(struct machine *machine, const struct engine_insn *insn) {
    int64_t *meter = &machine->run->meter;
    *meter -= engine_insn_cost(insn, machine->pc);
    if (*meter >= 0)
        return true;
    return stop(machine, *meter < INT64_MIN / 4 ? ENGINE_RUN_CANCELLED : ENGINE_RUN_BUDGET);
}

static bool metered(const struct machine *machine) {
    return !machine->verdict || proved(machine, ENGINE_PROOF_METERED);
}

static bool step_jump(struct machine *machine, const struct engine_insn *insn) {
    bool back = insn->target <= machine->pc;
    if (back && metered(machine) && !charge(machine, insn))
        return false;
    machine->pc = insn->target;
    return true;
}

static bool step_branch(struct machine *machine, const struct engine_insn *insn) {
    uint64_t operand = engine_insn_uses_src(insn) ? machine->r[insn->src] : (uint64_t)insn->imm;
    enum engine_cond cond = (enum engine_cond)engine_insn_info(insn)->sub;
    if (engine_cond(cond, engine_insn_bits(insn), machine->r[insn->dst], operand))
        return step_jump(machine, insn);
    machine->pc++;
    return true;
}

static bool call_import(struct machine *machine, uint64_t number) {
    machine->r[0] =
        engine_run_import(machine->run, machine->program->imports[number].import, &machine->r[1]);
    if (machine->run->status != ENGINE_RUN_OK)
        return stop(machine, (enum engine_status)machine->run->status);
    machine->pc++;
    return true;
}

static uint32_t frame_size(const struct machine *machine, uint32_t function) {
    return machine->verdict ? machine->verdict->functions[function].frame_size
                            : machine->program->stack_limit;
}

// Begins a function: r10 is its frame's top.
static void enter(struct machine *machine, uint32_t function) {
    uint32_t size = frame_size(machine, function);
    machine->function = function;
    machine->pc = machine->program->functions[function].entry;
    if (!machine->verdict || machine->verdict->functions[function].zero_frame)
        memset((void *)(uintptr_t)(machine->r[ENGINE_R10] - size), 0, size);
}

// What a metered call must find free: see ENGINE_PROOF_METERED.
static void call_needs(const struct machine *machine, uint32_t function, uint64_t *stack,
                       uint32_t *depth) {
    if (!machine->verdict) {
        *stack = machine->program->stack_limit;
        *depth = 1;
    } else if (proved(machine, ENGINE_PROOF_CHECKED)) {
        *stack = machine->verdict->checked_stack_need;
        *depth = machine->verdict->checked_depth_need;
    } else {
        *stack = machine->verdict->functions[function].stack_need;
        *depth = machine->verdict->functions[function].depth_need;
    }
}

static bool call_local(struct machine *machine, const struct engine_insn *insn, uint32_t function) {
    struct engine_run *run = machine->run;
    uint64_t callee_r10 = machine->r[ENGINE_R10] - frame_size(machine, machine->function), need;
    uint32_t depth = 0;
    if (metered(machine)) {
        if (!charge(machine, insn))
            return false;
        call_needs(machine, function, &need, &depth);
        if (callee_r10 - run->stack_low < need || run->depth + depth > ENGINE_CALL_DEPTH_MAX)
            return stop(machine, ENGINE_RUN_STACK);
        run->depth += depth;
    }
    if (machine->frame_count == ENGINE_CALL_DEPTH_MAX)
        return stop(machine, ENGINE_RUN_STACK);
    struct frame *frame = &machine->frames[machine->frame_count++];
    memcpy(frame->kept, &machine->r[6], sizeof(frame->kept));
    frame->r10 = machine->r[ENGINE_R10];
    frame->pc = machine->pc + 1;
    frame->function = machine->function;
    frame->depth_need = depth;
    machine->r[ENGINE_R10] = callee_r10;
    enter(machine, function);
    return true;
}

static bool call_register(struct machine *machine, const struct engine_insn *insn) {
    const struct engine_program *program = machine->program;
    uint64_t value = machine->r[insn->dst], function = value - ENGINE_CALLABLE_LOCAL;
    if (value < program->import_count && !proved(machine, ENGINE_PROOF_CHECKED))
        return call_import(machine, value);
    if (function >= program->function_count ||
        (proved(machine, ENGINE_PROOF_CHECKED) &&
         !(program->functions[function].flags & ENGINE_FUNCTION_ADDRESSED)))
        return stop(machine, ENGINE_RUN_CALLABLE);
    return call_local(machine, insn, (uint32_t)function);
}

static bool step_call(struct machine *machine, const struct engine_insn *insn) {
    switch (engine_insn_info(insn)->sub) {
    case ENGINE_CALL_IMPORT:
        return call_import(machine, (uint64_t)insn->imm);
    case ENGINE_CALL_LOCAL:
        return call_local(machine, insn, (uint32_t)insn->imm);
    default:
        return call_register(machine, insn);
    }
}

// Returns from a function; false when it was the entry.
static bool step_exit(struct machine *machine) {
    if (!machine->frame_count)
        return false;
    const struct frame *frame = &machine->frames[--machine->frame_count];
    memcpy(&machine->r[6], frame->kept, sizeof(frame->kept));
    machine->r[ENGINE_R10] = frame->r10;
    machine->pc = frame->pc;
    machine->function = frame->function;
    machine->run->depth -= frame->depth_need;
    return true;
}

// ---- the loop

static void step_ldimm(struct machine *machine, const struct engine_insn *insn) {
    uint64_t base = insn->kind == ENGINE_IMM_ARENA      ? machine->run->arena
                    : insn->kind == ENGINE_IMM_FUNCTION ? ENGINE_CALLABLE_LOCAL
                                                        : 0;
    machine->r[insn->dst] = base + (uint64_t)insn->imm;
    machine->pc += 2;
}

static void step_alu(struct machine *machine, const struct engine_insn *insn) {
    uint64_t operand = engine_insn_uses_src(insn) ? machine->r[insn->src] : (uint64_t)insn->imm;
    machine->r[insn->dst] = engine_alu((enum engine_alu)engine_insn_info(insn)->sub,
                                       engine_insn_bits(insn), machine->r[insn->dst], operand);
    machine->pc++;
}

// One instruction; false when the program ends.
static bool step(struct machine *machine) {
    const struct engine_insn *insn = &machine->program->insns[machine->pc];
    switch (engine_insn_effect(insn)) {
    case ENGINE_EFFECT_ALU:
        step_alu(machine, insn);
        return true;
    case ENGINE_EFFECT_LDIMM:
        step_ldimm(machine, insn);
        return true;
    case ENGINE_EFFECT_LOAD:
        return step_load(machine, insn);
    case ENGINE_EFFECT_STORE:
        return step_store(machine, insn);
    case ENGINE_EFFECT_ATOMIC:
        return step_atomic(machine, insn);
    case ENGINE_EFFECT_JUMP:
        return step_jump(machine, insn);
    case ENGINE_EFFECT_BRANCH:
        return step_branch(machine, insn);
    case ENGINE_EFFECT_CALL:
        return step_call(machine, insn);
    default:
        return step_exit(machine);
    }
}

// Can the run carry the program? Also completes it.
static bool prepare(struct machine *machine, uint32_t entry) {
    const struct engine_program *program = machine->program;
    struct engine_run *run = machine->run;
    uint64_t size = engine_program_arena_size(program);
    uint32_t stack = machine->verdict && entry < program->function_count
                         ? machine->verdict->functions[entry].stack_need
                         : program->stack_limit;
    run->program = program;
    run->arena_mask = size ? size - 1 : 0;
    run->status = ENGINE_RUN_OK;
    run->held_count = 0;
    run->depth = 1;
    if (entry >= program->function_count || run->stack_top % 16 ||
        run->stack_top < run->stack_low || run->stack_top - run->stack_low < stack ||
        (size && (!run->arena || run->arena & (size - 1))))
        return stop(machine, ENGINE_RUN_SETUP);
    if (machine->verdict)
        run->depth = machine->verdict->functions[entry].depth_need;
    return true;
}

enum engine_status engine_interpret(const struct engine_program *program,
                                    const struct engine_verdict *verdict, struct engine_run *run,
                                    uint32_t entry, const uint64_t *arguments, uint64_t *r0) {
    struct machine machine = {.program = program, .verdict = verdict, .run = run};
    if (!prepare(&machine, entry))
        return ENGINE_RUN_SETUP;
    memcpy(&machine.r[1], arguments, ENGINE_ARGS * sizeof(uint64_t));
    machine.r[ENGINE_R10] = run->stack_top;
    enter(&machine, entry);
    do {
        if (run->observe)
            run->observe(run, machine.pc, machine.r);
        run->executed++;
    } while (step(&machine));
    if (run->status == ENGINE_RUN_OK && run->held_count)
        stop(&machine, ENGINE_RUN_HELD);
    if (run->status == ENGINE_RUN_OK)
        *r0 = machine.r[0];
    engine_run_unwind(run);
    return (enum engine_status)run->status;
}
