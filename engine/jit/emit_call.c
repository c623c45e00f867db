// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Calls and atomic operations.
//
// Arguments are in RDI, RSI, RDX, RCX, R8 as C has them, the run in R9 (so it is an import's sixth
// argument), the callee's r10 in R10; the result is in RAX.

#include "engine/jit/emit.h"

static struct x86_mem run_field(struct emit *e, val run, unsigned offset) {
    return (struct x86_mem){(uint8_t)emit_use(e, run, IR_SCRATCH), X86_NONE, 0, (int32_t)offset};
}

static void needs(const struct jit *c, const struct ir_value *x, uint32_t *stack, uint32_t *depth) {
    if (x->cc == IR_CALL_CHECKED) {
        *stack = c->verdict->checked_stack_need;
        *depth = c->verdict->checked_depth_need;
    } else {
        *stack = c->verdict->functions[x->imm].stack_need;
        *depth = c->verdict->functions[x->imm].depth_need;
    }
}

// Charges a metered call and checks that there is room for it.
static void check_metered(struct emit *e, const struct ir_value *x) {
    struct jit *c = e->c;
    val run = c->phis[x->b + IR_RUN], frame = c->phis[x->b + IR_FRAME];
    uint32_t stack, depth;
    needs(c, x, &stack, &depth);
    x86_alu_mi(&e->x, X86_SUB, 8, run_field(e, run, offsetof(struct engine_run, meter)),
               ENGINE_CALL_COST);
    emit_stub_jump(e, X86_S, ENGINE_RUN_BUDGET, run, 0);
    // A scratch register beside the run's: the run may itself be in R11.
    unsigned r = emit_use(e, run, IR_SCRATCH);
    emit_take(e, r);
    unsigned t = emit_scratch(e);
    emit_fetch(e, t, frame);
    x86_alu_rm(&e->x, X86_SUB, X86_W, t,
               (struct x86_mem){(uint8_t)r, X86_NONE, 0, offsetof(struct engine_run, stack_low)});
    x86_alu_ri(&e->x, X86_CMP, X86_W, t, (int32_t)stack);
    emit_give_back(e);
    emit_stub_jump(e, X86_B, ENGINE_RUN_STACK, run, 0);
    e->busy &= (uint16_t) ~(1u << IR_SCRATCH);
    struct x86_mem mem = run_field(e, run, offsetof(struct engine_run, depth));
    x86_alu_mi(&e->x, X86_CMP, 4, mem, (int32_t)ENGINE_CALL_DEPTH_MAX - (int32_t)depth);
    emit_stub_jump(e, X86_G, ENGINE_RUN_STACK, run, 0);
    x86_alu_mi(&e->x, X86_ADD, 4, mem, (int32_t)depth);
}

static void move_arguments(struct emit *e, const struct ir_value *x) {
    struct jit *c = e->c;
    struct emit_move moves[IR_ARGS];
    unsigned n = 0;
    for (unsigned i = 0; i < IR_ARGS; i++) {
        val a = c->phis[x->b + i];
        if (!a)
            continue;
        moves[n].value = 0;
        moves[n].from = emit_location(c, a, &moves[n].value);
        moves[n++].to = ir_arg_regs[i];
    }
    emit_parallel(e, moves, n, false);
}

static void call_address(struct emit *e, uint64_t address) {
    struct jit *c = e->c;
    if (!jit_grow(c, (void **)&c->imports, &c->import_room, c->import_count, 1, sizeof *c->imports))
        return;
    uint32_t at = (uint32_t)e->x.at;
    x86_mov_ri(&e->x, X86_RAX, address);
    x86_call_r(&e->x, X86_RAX);
    c->imports[c->import_count++] =
        (struct jit_import_call){c->text_size + at, (uint32_t)e->x.at - at, address};
}

// engine_run_import keeps the table of references; the arguments are in memory.
static void call_held(struct emit *e, const struct ir_value *x) {
    struct jit *c = e->c;
    val run = c->phis[x->b + IR_RUN];
    struct x86_mem mem = {X86_RSP, X86_NONE, 0, (int32_t)e->held};
    for (unsigned i = 0; i < ENGINE_ARGS; i++) {
        val a = c->phis[x->b + i];
        if (!a)
            continue;
        mem.disp = (int32_t)(e->held + 8 * i);
        x86_store(&e->x, mem, emit_use(e, a, IR_SCRATCH));
    }
    emit_fetch(e, X86_RDI, run);
    x86_mov_ri(&e->x, X86_RSI, (uint64_t)(uintptr_t)c->program->imports[x->imm].import);
    mem.disp = (int32_t)e->held;
    x86_lea(&e->x, X86_W, X86_RDX, mem);
    call_address(e, (uint64_t)(uintptr_t)&engine_run_import);
    x86_alu_mi(&e->x, X86_CMP, 4, run_field(e, run, offsetof(struct engine_run, status)), 0);
    // The status is the import's: the stub must not change it.
    emit_stub_jump(e, X86_NE, ENGINE_RUN_STATUSES, run, 0);
}

// Finds the code of a callable value, and keeps its address in memory, away from the moves of the
// arguments.
static void find_callable(struct emit *e, const struct ir_value *x, val run) {
    struct jit *c = e->c;
    emit_take(e, IR_SCRATCH);
    emit_fetch(e, IR_SCRATCH, x->a);
    x86_shift_ri(&e->x, X86_ROL, X86_W, IR_SCRATCH,
                 32); // index in the upper half, 1 in the lower one
    x86_alu_ri(&e->x, X86_CMP, 0, IR_SCRATCH, (int32_t)(ENGINE_CALLABLE_LOCAL >> 32));
    emit_stub_jump(e, X86_NE, ENGINE_RUN_CALLABLE, run, 0);
    x86_shift_ri(&e->x, X86_SHR, X86_W, IR_SCRATCH, 32);
    x86_alu_ri(&e->x, X86_CMP, 0, IR_SCRATCH, (int32_t)c->program->function_count);
    emit_stub_jump(e, X86_AE, ENGINE_RUN_CALLABLE, run, 0);
    // A guess must not read beyond the table either: the borrow is all ones only if the index is
    // below the count.
    unsigned t = emit_scratch(e);
    x86_alu_rr(&e->x, X86_SBB, X86_W, t, t);
    x86_alu_rr(&e->x, X86_AND, X86_W, IR_SCRATCH, t);
    x86_mov_ri(&e->x, t, (uint64_t)(uintptr_t)c->callables);
    x86_load(&e->x, IR_SCRATCH, (struct x86_mem){(uint8_t)t, IR_SCRATCH, 3, 0});
    emit_give_back(e);
    x86_rr(&e->x, 0x85 | X86_W, IR_SCRATCH, IR_SCRATCH);
    emit_stub_jump(e, X86_E, ENGINE_RUN_CALLABLE, run, 0);
    x86_store(&e->x, (struct x86_mem){X86_RSP, X86_NONE, 0, (int32_t)e->held}, IR_SCRATCH);
    e->busy &= (uint16_t) ~(1u << IR_SCRATCH);
}

void emit_call(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    val run = c->phis[x->b + IR_RUN];
    switch (x->cc) {
    case IR_CALL_HELD:
        call_held(e, x);
        break;
    case IR_CALL_IMPORT:
        move_arguments(e, x);
        call_address(e, (uint64_t)(uintptr_t)c->program->imports[x->imm].import->function);
        break;
    default:
        if (x->cc == IR_CALL_CHECKED)
            find_callable(e, x, run);
        if (x->flags & IR_METERED)
            check_metered(e, x);
        move_arguments(e, x);
        if (x->cc == IR_CALL_CHECKED) {
            x86_rm(&e->x, 0xff, 2, (struct x86_mem){X86_RSP, X86_NONE, 0, (int32_t)e->held});
        } else {
            if (!jit_grow(c, (void **)&c->patches, &c->patch_room, c->patch_count, 1,
                          sizeof *c->patches))
                return;
            x86_byte(&e->x, 0xe8);
            x86_u32(&e->x, 0);
            c->patches[c->patch_count++] =
                (struct jit_patch){c->text_size + (uint32_t)e->x.at - 4, (uint32_t)x->imm};
        }
        if (x->flags & IR_METERED) {
            uint32_t stack, depth;
            needs(c, x, &stack, &depth);
            x86_alu_mi(&e->x, X86_SUB, 4, run_field(e, run, offsetof(struct engine_run, depth)),
                       (int32_t)depth);
        }
    }
    if (!x->uses)
        return;
    if (emit_in_register(c, v) && emit_reg(c, v) != X86_RAX)
        x86_mov_rr(&e->x, X86_W, emit_reg(c, v), X86_RAX);
    else if (c->intervals[v].loc == IR_SPILLED)
        x86_store(&e->x, emit_home(e, v), X86_RAX);
}

// ---- atomic operations. Operands outlive the instruction; RAX is free where the processor wants
// it.

static void store_old(struct emit *e, val v, unsigned reg) {
    if (e->c->intervals[v].loc == IR_SPILLED)
        x86_store(&e->x, emit_home(e, v), reg);
    else if (emit_in_register(e->c, v) && emit_reg(e->c, v) != reg)
        x86_mov_rr(&e->x, X86_W, emit_reg(e->c, v), reg);
}

// fetch_or, fetch_and, fetch_xor: old in RAX, until compare-and-exchange succeeds.
static void fetch_loop(struct emit *e, val v, struct x86_mem mem, enum x86_alu op, unsigned w) {
    const struct ir_value *x = &e->c->v[v];
    emit_take(e, X86_RAX);
    unsigned t = emit_scratch(e);
    x86_rm(&e->x, 0x8b | w, X86_RAX, mem);
    size_t top = e->x.at;
    emit_fetch(e, t, x->b);
    x86_alu_rr(&e->x, op, w, t, X86_RAX);
    x86_rm(&e->x, 0xb1 | X86_0F | X86_LOCK | w, t, mem);
    x86_jcc(&e->x, X86_NE, false, (int32_t)(top - (e->x.at + 2)));
    store_old(e, v, X86_RAX);
}

void emit_atomic(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    static const uint8_t ops[] = {[ENGINE_ATOMIC_ADD] = X86_ADD,
                                  [ENGINE_ATOMIC_OR] = X86_OR,
                                  [ENGINE_ATOMIC_AND] = X86_AND,
                                  [ENGINE_ATOMIC_XOR] = X86_XOR};
    unsigned w = x->w ? X86_W : 0, sub = x->cc;
    if (sub >= ENGINE_ATOMIC_FETCH_OR && sub != ENGINE_ATOMIC_XCHG)
        emit_take(e, X86_RAX);
    struct x86_mem mem = emit_address(e, v);
    switch (sub) {
    case ENGINE_ATOMIC_ADD:
    case ENGINE_ATOMIC_OR:
    case ENGINE_ATOMIC_AND:
    case ENGINE_ATOMIC_XOR: {
        unsigned reg = emit_in_register(c, x->b) ? emit_reg(c, x->b) : emit_scratch(e);
        emit_fetch(e, reg, x->b);
        x86_alu_mr(&e->x, ops[sub], w | X86_LOCK, mem, reg);
        break;
    }
    case ENGINE_ATOMIC_FETCH_ADD:
    case ENGINE_ATOMIC_XCHG: {
        unsigned reg = emit_in_register(c, v) ? emit_reg(c, v) : emit_scratch(e);
        emit_fetch(e, reg, x->b);
        if (sub == ENGINE_ATOMIC_XCHG)
            x86_rm(&e->x, 0x87 | w, reg, mem);
        else
            x86_rm(&e->x, 0xc1 | X86_0F | X86_LOCK | w, reg, mem);
        store_old(e, v, reg);
        break;
    }
    case ENGINE_ATOMIC_CMPXCHG: {
        unsigned reg = emit_in_register(c, x->b) ? emit_reg(c, x->b) : emit_scratch(e);
        emit_fetch(e, reg, x->b);
        emit_fetch(e, X86_RAX, x->c);
        x86_rm(&e->x, 0xb1 | X86_0F | X86_LOCK | w, reg, mem);
        if (!w) // only a failed one writes EAX and clears the upper half
            x86_mov_rr(&e->x, 0, X86_RAX, X86_RAX);
        store_old(e, v, X86_RAX);
        break;
    }
    default: {
        static const uint8_t fetch[] = {[ENGINE_ATOMIC_FETCH_OR] = X86_OR,
                                        [ENGINE_ATOMIC_FETCH_AND] = X86_AND,
                                        [ENGINE_ATOMIC_FETCH_XOR] = X86_XOR};
        fetch_loop(e, v, mem, fetch[sub], w);
    }
    }
}
