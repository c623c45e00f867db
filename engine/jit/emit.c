// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Machine code of a function: frame, blocks, jumps. Two passes: the first one measures, so that the
// second can choose short jumps; should one not fit after all, the second is done again without
// them.

#include "engine/jit/emit.h"

enum {
    ALIGN_LOOP = 16,
    SHORT_REACH = 100,
    CALLEE_SAVED = 0xf028,
    MOVES = IR_VARS + 8,
    HELD_WORDS = ENGINE_ARGS
};

// ---- operands

bool emit_constant(const struct jit *c, val v, uint64_t *value) {
    const struct ir_value *x = &c->v[v];
    if (x->op != IR_CONST && !(x->op == IR_WIDE && c->intervals[v].loc == IR_NOWHERE))
        return false;
    *value = (uint64_t)x->imm;
    return true;
}

bool emit_in_register(const struct jit *c, val v) {
    return c->v[v].op != IR_CONST && c->intervals[v].loc < X86_REGISTERS;
}

unsigned emit_reg(const struct jit *c, val v) {
    return c->intervals[v].loc;
}

struct x86_mem emit_slot(const struct emit *e, uint32_t slot) {
    (void)e;
    return (struct x86_mem){X86_RSP, X86_NONE, 0, (int32_t)(slot * 8)};
}

struct x86_mem emit_home(const struct emit *e, val v) {
    return emit_slot(e, e->c->intervals[v].slot - 1);
}

void emit_take(struct emit *e, unsigned reg) {
    e->busy |= (uint16_t)(1u << reg);
}

void emit_fetch(struct emit *e, unsigned reg, val v) {
    uint64_t value;
    if (emit_constant(e->c, v, &value))
        x86_mov_ri(&e->x, reg, value);
    else if (!emit_in_register(e->c, v))
        x86_load(&e->x, reg, emit_home(e, v));
    else if (emit_reg(e->c, v) != reg)
        x86_mov_rr(&e->x, X86_W, reg, emit_reg(e->c, v));
}

unsigned emit_use(struct emit *e, val v, unsigned scratch) {
    if (emit_in_register(e->c, v)) {
        emit_take(e, emit_reg(e->c, v));
        return emit_reg(e->c, v);
    }
    emit_fetch(e, scratch, v);
    return scratch;
}

// Registers that the operands of v are in, so that none of them is borrowed.
static void take_operand(struct jit *c, void *cookie, val user, val used, enum ir_when when) {
    (void)user, (void)when;
    if (emit_in_register(c, used))
        emit_take(cookie, emit_reg(c, used));
}

unsigned emit_scratch(struct emit *e) {
    if (!(e->busy & 1u << IR_SCRATCH)) {
        emit_take(e, IR_SCRATCH);
        return IR_SCRATCH;
    }
    for (unsigned reg = 0; reg < X86_REGISTERS && e->borrowed == X86_NONE; reg++) {
        if (reg == X86_RSP || e->busy >> reg & 1)
            continue;
        e->borrowed = (uint8_t)reg;
        e->borrows = true;
        emit_take(e, reg);
        x86_store(&e->x, (struct x86_mem){X86_RSP, X86_NONE, 0, (int32_t)e->borrow}, reg);
        return reg;
    }
    e->c->failed = true; // cannot be: no instruction needs two
    return IR_SCRATCH;
}

void emit_give_back(struct emit *e) {
    if (e->borrowed != X86_NONE)
        x86_load(&e->x, e->borrowed, (struct x86_mem){X86_RSP, X86_NONE, 0, (int32_t)e->borrow});
    e->borrowed = X86_NONE;
}

// base + (index << scale) into one scratch register, when one of them is not in a register.
static unsigned sum_address(struct emit *e, val base, val index, unsigned scale) {
    struct jit *c = e->c;
    unsigned reg = emit_scratch(e);
    uint64_t k;
    if (!emit_constant(c, index, &k)) {
        emit_fetch(e, reg, index);
        if (scale)
            x86_shift_ri(&e->x, X86_SHL, X86_W, reg, scale);
        if (emit_constant(c, base, &k) && !x86_fits32((int64_t)k)) {
            emit_fetch(e, reg, base);
            for (unsigned i = 0; i < 1u << scale; i++)
                if (emit_in_register(c, index))
                    x86_alu_rr(&e->x, X86_ADD, X86_W, reg, emit_reg(c, index));
                else
                    x86_alu_rm(&e->x, X86_ADD, X86_W, reg, emit_home(e, index));
        } else if (emit_constant(c, base, &k)) {
            x86_alu_ri(&e->x, X86_ADD, X86_W, reg, (int32_t)k);
        } else if (emit_in_register(c, base)) {
            x86_alu_rr(&e->x, X86_ADD, X86_W, reg, emit_reg(c, base));
        } else {
            x86_alu_rm(&e->x, X86_ADD, X86_W, reg, emit_home(e, base));
        }
        return reg;
    }
    x86_mov_ri(&e->x, reg, k << scale);
    uint64_t b;
    if (emit_constant(c, base, &b))
        x86_mov_ri(&e->x, reg, (k << scale) + b);
    else if (emit_in_register(c, base))
        x86_alu_rr(&e->x, X86_ADD, X86_W, reg, emit_reg(c, base));
    else
        x86_alu_rm(&e->x, X86_ADD, X86_W, reg, emit_home(e, base));
    return reg;
}

struct x86_mem emit_address(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v], *a = &c->v[x->a];
    struct x86_mem mem = {X86_NONE, X86_NONE, 0, (int32_t)x->imm};
    uint64_t k;
    if (a->flags & IR_FOLDED && a->op == IR_ADD) {
        val index = a->b;
        if (c->v[index].flags & IR_FOLDED) {
            mem.scale = (uint8_t)c->v[c->v[index].b].imm;
            index = c->v[index].a;
        }
        bool base_in = emit_in_register(c, a->a), index_in = emit_in_register(c, index);
        if (base_in && index_in) {
            mem.base = (uint8_t)emit_reg(c, a->a);
            mem.index = (uint8_t)emit_reg(c, index);
        } else if (base_in) {
            mem.base = (uint8_t)emit_reg(c, a->a);
            mem.index = (uint8_t)emit_scratch(e);
            emit_fetch(e, mem.index, index);
        } else if (index_in) {
            mem.index = (uint8_t)emit_reg(c, index);
            mem.base = (uint8_t)emit_scratch(e);
            emit_fetch(e, mem.base, a->a);
        } else {
            mem.base = (uint8_t)sum_address(e, a->a, index, mem.scale);
            mem.scale = 0;
        }
    } else if (a->flags & IR_FOLDED) { // a shift
        mem.scale = (uint8_t)c->v[a->b].imm;
        if (emit_in_register(c, a->a)) {
            mem.index = (uint8_t)emit_reg(c, a->a);
        } else {
            mem.index = (uint8_t)emit_scratch(e);
            emit_fetch(e, mem.index, a->a);
        }
    } else if (emit_constant(c, x->a, &k) && x86_fits32((int64_t)k + x->imm)) {
        mem.disp = (int32_t)((int64_t)k + x->imm);
    } else if (emit_in_register(c, x->a)) {
        mem.base = (uint8_t)emit_reg(c, x->a);
    } else {
        mem.base = (uint8_t)emit_scratch(e);
        emit_fetch(e, mem.base, x->a);
    }
    return mem;
}

// ---- ways out

void emit_stub_jump(struct emit *e, int cc, unsigned status, val run, val sum) {
    struct jit *c = e->c;
    if (!jit_grow(c, (void **)&e->stubs, &e->stub_room, e->stub_count, 1, sizeof *e->stubs))
        return;
    if (cc < 0)
        x86_jmp(&e->x, true, 0);
    else
        x86_jcc(&e->x, (enum x86_cc)cc, true, 0);
    e->stubs[e->stub_count++] = (struct emit_stub){(uint32_t)e->x.at - 4, c->pc, status, run, sum};
}

static void patch32(struct emit *e, uint32_t at, uint32_t target) {
    if (!e->final)
        return;
    uint32_t rel = target - (at + 4);
    for (unsigned i = 0; i < 4; i++)
        if (at + i < e->x.size)
            e->x.bytes[at + i] = (uint8_t)(rel >> (8 * i));
}

static void stubs(struct emit *e) {
    struct jit *c = e->c;
    for (uint32_t i = 0; i < e->stub_count; i++) {
        const struct emit_stub *s = &e->stubs[i];
        patch32(e, s->at, (uint32_t)e->x.at);
        struct x86_mem mem = {X86_R9, X86_NONE, 0, offsetof(struct engine_run, meter)};
        if (s->sum)
            emit_fetch(e, IR_SCRATCH, s->sum);
        emit_fetch(e, X86_R9, s->run);
        if (s->sum)
            x86_alu_mr(&e->x, X86_SUB, X86_W, mem, IR_SCRATCH);
        mem.disp = offsetof(struct engine_run, status);
        if (s->status < ENGINE_RUN_STATUSES) {
            x86_rm(&e->x, 0xc7, 0, mem);
            x86_u32(&e->x, s->status);
        }
        mem.disp = offsetof(struct engine_run, status_pc);
        x86_rm(&e->x, 0xc7, 0, mem);
        x86_u32(&e->x, s->pc);
        x86_jmp(&e->x, true, (int32_t)(c->cancel - (c->text_size + (uint32_t)e->x.at + 5)));
    }
}

// ---- blocks

static void phi_moves(struct emit *e, uint32_t from, uint32_t to, bool keep_flags) {
    struct jit *c = e->c;
    const struct ir_block *block = &c->blocks[to];
    struct emit_move moves[MOVES];
    unsigned n = 0;
    uint32_t k = 0;
    while (c->preds[block->pred + k] != from)
        k++;
    for (val v = block->first; v && c->v[v].op == IR_PHI && n < MOVES; v = c->v[v].next) {
        if (!c->intervals[v].segments)
            continue;
        struct emit_move *m = &moves[n++];
        m->value = 0;
        m->to = emit_location(c, v, &m->value);
        m->from = emit_location(c, c->phis[c->v[v].imm + k], &m->value);
    }
    emit_parallel(e, moves, n, keep_flags);
}

// Does the block only lead on, without any move?
static bool is_empty(struct emit *e, uint32_t b) {
    struct jit *c = e->c;
    const struct ir_block *block = &c->blocks[b];
    if (b == 0 || block->header || block->succ[0] == IR_NO_BLOCK || block->succ[1] != IR_NO_BLOCK ||
        block->first != block->last || block->succ[0] == b)
        return false;
    struct emit probe = *e;
    probe.x = (struct x86){0};
    phi_moves(&probe, b, block->succ[0], false);
    return probe.x.at == 0;
}

// Can the moves to successor k of a branch be done before it jumps? What they write must not be
// needed on the other way.
static bool moves_early(struct emit *e, uint32_t b, unsigned k) {
    struct jit *c = e->c;
    const struct ir_block *block = &c->blocks[b];
    uint32_t edge = block->succ[k], other = block->succ[k ^ 1];
    const struct ir_block *to = &c->blocks[edge];
    if (to->succ[0] == IR_NO_BLOCK || to->succ[1] != IR_NO_BLOCK || to->first != to->last ||
        to->header)
        return false;
    bool leaves = to->depth < block->depth;
    to = &c->blocks[to->succ[0]];
    if (c->blocks[other].header || leaves || (to->header && to->order > block->order))
        return false;
    unsigned moves = 0;
    uint32_t at = c->blocks[other].start;
    for (val v = to->first; v && c->v[v].op == IR_PHI; v = c->v[v].next) {
        uint64_t value;
        uint32_t index = 0;
        if (!c->intervals[v].segments)
            continue;
        while (c->preds[to->pred + index] != edge)
            index++;
        uint32_t dst = emit_location(c, v, &value),
                 src = emit_location(c, c->phis[c->v[v].imm + index], &value);
        if (dst == src)
            continue;
        if (dst >= X86_REGISTERS || c->busy[dst][at / 64] >> (at & 63) & 1)
            return false;
        moves++;
    }
    return moves <= (to->header ? 4 : 2);
}

// Decides which edges need no code of their own.
static void find_empty(struct emit *e) {
    struct jit *c = e->c;
    for (uint32_t i = 0; i < c->layout_count; i++) {
        uint32_t b = c->layout[i];
        struct ir_block *block = &c->blocks[b];
        if (is_empty(e, b))
            block->metered = 2;
        if (!block->last || c->v[block->last].op != IR_BR)
            continue;
        // Prefer the way back to a loop's header.
        uint32_t after = c->blocks[block->succ[1]].succ[0];
        unsigned first = after != IR_NO_BLOCK && c->blocks[after].header;
        for (unsigned n = 0; n < 2 && !block->early; n++) {
            unsigned k = first ^ n;
            if (!is_empty(e, block->succ[k]) && moves_early(e, b, k)) {
                block->early = (uint8_t)(k + 1);
                c->blocks[block->succ[k]].metered = 2;
            }
        }
    }
}

static uint32_t resolve(const struct jit *c, uint32_t b) {
    while (c->blocks[b].metered == 2)
        b = c->blocks[b].succ[0];
    return b;
}

// The block that code falls into after the i-th.
static uint32_t next_block(const struct jit *c, uint32_t i) {
    do
        i++;
    while (i < c->layout_count && c->blocks[c->layout[i]].metered == 2);
    return i < c->layout_count ? c->layout[i] : IR_NO_BLOCK;
}

static void jump(struct emit *e, int cc, uint32_t target) {
    struct jit *c = e->c;
    const struct ir_block *block = &c->blocks[target];
    uint32_t here = (uint32_t)e->x.at;
    bool backward = block->layout <= c->blocks[c->current].layout;
    bool near = true;
    if (backward)
        near = !x86_fits8((int64_t)block->code - (here + 2));
    else if (e->final && !e->far)
        near = block->start - c->blocks[c->current].end > SHORT_REACH; // offsets of the first pass
    if (!jit_grow(c, (void **)&e->jumps, &e->jump_room, e->jump_count, 1, sizeof *e->jumps))
        return;
    if (cc < 0)
        x86_jmp(&e->x, near, 0);
    else
        x86_jcc(&e->x, (enum x86_cc)cc, near, 0);
    e->jumps[e->jump_count++] =
        (struct emit_jump){(uint32_t)e->x.at - (near ? 4 : 1), target, near};
}

static void epilogue(struct emit *e) {
    if (e->frame)
        x86_alu_ri(&e->x, X86_ADD, X86_W, X86_RSP, (int32_t)e->frame);
    for (unsigned reg = X86_REGISTERS; reg-- > 0;)
        if (e->saved >> reg & 1)
            x86_pop(&e->x, reg);
    x86_byte(&e->x, 0xc3);
}

static void finish_branch(struct emit *e, uint32_t i, val v) {
    struct jit *c = e->c;
    const struct ir_block *block = &c->blocks[c->layout[i]];
    uint32_t yes = resolve(c, block->succ[0]), no = resolve(c, block->succ[1]),
             next = next_block(c, i);
    enum x86_cc cc = emit_compare(e, v);
    if (block->early) {
        uint32_t edge = block->succ[block->early - 1];
        phi_moves(e, edge, c->blocks[edge].succ[0], true);
    }
    if (yes == next) {
        jump(e, cc ^ 1, no);
    } else {
        jump(e, cc, yes);
        if (no != next)
            jump(e, -1, no);
    }
}

// The phi of a loop's header that v is an operand of.
static val phi_of(const struct jit *c, uint32_t header, val v) {
    const struct ir_block *block = &c->blocks[header];
    for (val phi = block->first; phi && c->v[phi].op == IR_PHI; phi = c->v[phi].next)
        for (uint32_t k = 0; k < block->preds; k++)
            if (c->phis[c->v[phi].imm + k] == v)
                return phi;
    return 0;
}

// Charges the meter; returns the condition under which it is used up.
static enum x86_cc charge(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    struct x86_mem mem = {(uint8_t)emit_reg(c, x->a), X86_NONE, 0,
                          offsetof(struct engine_run, meter)};
    enum x86_cc cc = X86_S;
    if (!emit_in_register(c, x->a)) {
        mem.base = (uint8_t)emit_scratch(e);
        emit_fetch(e, mem.base, x->a);
    }
    if (x->b) {
        unsigned sum = emit_in_register(c, x->b) ? emit_reg(c, x->b) : emit_scratch(e);
        emit_fetch(e, sum, x->b);
        x86_alu_rm(&e->x, X86_CMP, X86_W, sum, mem);
        cc = X86_G;
    } else {
        x86_alu_mi(&e->x, X86_SUB, 8, mem, (int32_t)x->imm);
    }
    emit_give_back(e);
    return cc;
}

static void flush(struct emit *e, val v) {
    struct jit *c = e->c;
    const struct ir_value *x = &c->v[v];
    struct x86_mem mem = {X86_NONE, X86_NONE, 0, offsetof(struct engine_run, meter)};
    mem.base = (uint8_t)(emit_in_register(c, x->a) ? emit_reg(c, x->a) : emit_scratch(e));
    emit_fetch(e, mem.base, x->a);
    unsigned sum = emit_in_register(c, x->b) ? emit_reg(c, x->b) : emit_scratch(e);
    emit_fetch(e, sum, x->b);
    x86_alu_mr(&e->x, X86_SUB, X86_W, mem, sum);
    emit_give_back(e);
}

// The end of a block with one successor. If the block meters, moves come between the check and the
// jump, so that the usual way is one jump; the run stays where it is, since the loop needs it.
static void finish_jump(struct emit *e, uint32_t i, val v) {
    struct jit *c = e->c;
    const struct ir_block *block = &c->blocks[c->layout[i]];
    val m = c->v[v].prev && c->v[c->v[v].prev].op == IR_METER ? c->v[v].prev : 0;
    uint32_t target = resolve(c, block->succ[0]);
    if (!m) {
        phi_moves(e, c->layout[i], block->succ[0], false);
        if (target != next_block(c, i))
            jump(e, -1, target);
        return;
    }
    val run = c->v[m].a, sum = c->v[m].b ? phi_of(c, block->succ[0], c->v[m].b) : 0;
    c->pc = c->v[m].pc;
    enum x86_cc cc = charge(e, m);
    if (block->loop != block->succ[0]) { // no loop of ours: nothing keeps the run
        emit_stub_jump(e, cc, ENGINE_RUN_BUDGET, run, c->v[m].b);
        phi_moves(e, c->layout[i], block->succ[0], false);
        if (target != next_block(c, i))
            jump(e, -1, target);
        return;
    }
    phi_moves(e, c->layout[i], block->succ[0], true);
    if (target != next_block(c, i)) {
        jump(e, cc ^ 1, target);
        emit_stub_jump(e, -1, ENGINE_RUN_BUDGET, run, sum);
    } else {
        emit_stub_jump(e, cc, ENGINE_RUN_BUDGET, run, sum);
    }
}

static void emit_block(struct emit *e, uint32_t i) {
    struct jit *c = e->c;
    uint32_t b = c->layout[i];
    struct ir_block *block = &c->blocks[b];
    if (block->metered == 2)
        return;
    if (block->header && block->depth)
        x86_nops(&e->x, (unsigned)(-(c->text_size + e->x.at) & (ALIGN_LOOP - 1)));
    block->code = (uint32_t)e->x.at;
    c->current = b;
    e->flags = 0;
    for (val v = block->first; v; v = c->v[v].next) {
        const struct ir_value *x = &c->v[v];
        if (x->flags & IR_FOLDED || x->op == IR_PHI || x->op == IR_PARAM)
            continue;
        if (c->offsets && e->final && x->pc && c->offsets[x->pc] == UINT32_MAX)
            c->offsets[x->pc] = c->text_size + (uint32_t)e->x.at;
        c->pc = x->pc;
        e->busy = 1u << X86_RSP;
        e->borrowed = X86_NONE;
        ir_each_use(c, v, take_operand, e);
        if (c->intervals[v].loc < X86_REGISTERS)
            emit_take(e, c->intervals[v].loc);
        switch (x->op) {
        case IR_JMP:
            finish_jump(e, i, v);
            break;
        case IR_BR:
            finish_branch(e, i, v);
            break;
        case IR_RET:
            emit_fetch(e, X86_RAX, x->a);
            epilogue(e);
            break;
        case IR_METER: // before a jump: with it
            if (c->v[x->next].op != IR_JMP)
                emit_stub_jump(e, charge(e, v), ENGINE_RUN_BUDGET, x->a, x->b);
            break;
        case IR_FLUSH:
            flush(e, v);
            break;
        default:
            emit_value(e, v);
        }
    }
    if (block->succ[0] == IR_NO_BLOCK &&
        (!block->last || c->v[block->last].op != IR_RET)) { // never comes here
        x86_byte(&e->x, 0x0f);
        x86_byte(&e->x, 0x0b);
    }
    block->start =
        block->code; // positions are no longer needed: keep the offsets for the next pass
    block->end = (uint32_t)e->x.at;
}

// ---- function

static void frame_layout(struct emit *e) {
    struct jit *c = e->c;
    bool calls = false, held = false;
    for (uint32_t i = 0; i < c->layout_count; i++)
        for (val v = c->blocks[c->layout[i]].first; v; v = c->v[v].next) {
            calls |= c->v[v].op == IR_CALL;
            held |= c->v[v].op == IR_CALL && c->v[v].cc == IR_CALL_HELD;
            held |= c->v[v].op == IR_CALL && c->v[v].cc == IR_CALL_CHECKED;
        }
    e->saved = c->functions[c->function].called ? c->used & CALLEE_SAVED : 0;
    e->frame = c->spill_count * 8;
    e->borrow = e->frame;
    e->frame += e->borrows ? 8 : 0;
    e->held = e->frame;
    e->frame += held ? HELD_WORDS * 8 : 0;
    unsigned pushed = 8;
    for (unsigned reg = 0; reg < X86_REGISTERS; reg++)
        pushed += e->saved >> reg & 1 ? 8 : 0;
    if (calls && (e->frame + pushed) % 16)
        e->frame += 8;
}

static void prologue(struct emit *e) {
    struct jit *c = e->c;
    struct emit_move moves[IR_PARAMS];
    unsigned n = 0;
    for (unsigned reg = 0; reg < X86_REGISTERS; reg++)
        if (e->saved >> reg & 1)
            x86_push(&e->x, reg);
    if (e->frame)
        x86_alu_ri(&e->x, X86_SUB, X86_W, X86_RSP, (int32_t)e->frame);
    for (val v = c->blocks[0].first; v; v = c->v[v].next)
        if (c->v[v].op == IR_PARAM && c->intervals[v].segments) {
            moves[n].value = 0;
            moves[n].to = emit_location(c, v, &moves[n].value);
            moves[n++].from = ir_arg_regs[c->v[v].imm];
        }
    emit_parallel(e, moves, n, false);
}

static void patch_jumps(struct emit *e) {
    for (uint32_t i = 0; i < e->jump_count; i++) {
        const struct emit_jump *j = &e->jumps[i];
        uint32_t target = e->c->blocks[j->block].code;
        int64_t rel = (int64_t)target - (j->at + 1);
        if (j->near)
            patch32(e, j->at, target);
        else if (!x86_fits8(rel))
            e->overflow = true;
        else if (j->at < e->x.size)
            e->x.bytes[j->at] = (uint8_t)rel;
    }
}

static void pass(struct emit *e) {
    struct jit *c = e->c;
    e->x.at = 0;
    e->jump_count = e->stub_count = 0;
    e->overflow = false;
    prologue(e);
    for (uint32_t i = 0; i < c->layout_count && !c->failed; i++)
        emit_block(e, i);
    stubs(e);
    if (e->final)
        patch_jumps(e);
}

static void record(struct jit *c, uint16_t saved, uint32_t frame, uint32_t size) {
    struct jit_function *f = &c->functions[c->function];
    unsigned params = 0;
    for (val v = c->blocks[0].first; v; v = c->v[v].next)
        if (c->v[v].op == IR_PARAM && c->intervals[v].segments)
            params |= 1u << c->v[v].imm;
    f->params = (uint8_t)params;
    f->clobbers = (uint16_t)((c->used & ~saved) | 1u << IR_SCRATCH | 1u << X86_RAX);
    f->offset = c->text_size;
    f->size = size;
    f->native = frame + 8 + 8 * (uint32_t)__builtin_popcount(saved);
    c->text_size += size;
}

bool jit_emit(struct jit *c) {
    struct emit e = {.c = c};
    uint32_t imports = c->import_count, patches = c->patch_count;
    while (c->text_size % 16) {
        if (!jit_grow(c, (void **)&c->text, &c->text_room, c->text_size, 16, 1))
            return false;
        c->text[c->text_size++] = 0xcc;
    }
    frame_layout(&e);
    find_empty(&e);
    pass(&e);
    if (e.borrows) { // which needs a place on the stack
        frame_layout(&e);
        pass(&e);
    }
    for (e.far = false; !c->failed; e.far = true) {
        c->import_count = imports;
        c->patch_count = patches;
        if (!jit_grow(c, (void **)&c->text, &c->text_room, c->text_size, (uint32_t)e.x.at + 64, 1))
            break;
        e.final = true;
        e.x.bytes = c->text + c->text_size;
        e.x.size = c->text_room - c->text_size;
        pass(&e);
        if (!e.overflow)
            break;
    }
    if (!c->failed)
        record(c, e.saved, e.frame, (uint32_t)e.x.at);
    jit_array_free(c, e.stubs, e.stub_room, sizeof *e.stubs);
    jit_array_free(c, e.jumps, e.jump_room, sizeof *e.jumps);
    return !c->failed;
}
