// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// From instructions to SSA. Variables are r0..r9 and the stack slots that can live in registers:
// those that are only ever accessed through r10, whole and with one size, in a function that lets
// no pointer to its frame out.
//
// Blocks are done in reverse postorder, so that a block's predecessors are known except along back
// edges. A loop header gets phis for what its loop defines; other joins for what differs. Each
// block ends with the value of every variable in c->outs.

#include "engine/jit/ir.h"

enum { GRANULE = 4, CONFLICT = 0xff, WHOLE = 0x40, TAIL = 0x41, PER_INSN = 40 };

static unsigned var_reg(unsigned reg) {
    return reg;
}

static unsigned access_kind(int32_t off, unsigned bytes) {
    if (off & (int32_t)(bytes - 1))
        return CONFLICT;
    return bytes == 8 ? WHOLE : 1 + (unsigned)(off & 3) * 4 + (bytes >> 1);
}

static void granule_join(uint8_t *kind, unsigned wanted) {
    *kind = *kind == 0 || *kind == wanted ? (uint8_t)wanted : CONFLICT;
}

// Notes an access to [r10 + off]; false if outside of the table.
static bool note_slot(uint8_t *granules, uint32_t count, int32_t off, unsigned bytes,
                      bool promotable) {
    int64_t first = ((int64_t)off + (int64_t)count * GRANULE) / GRANULE;
    int64_t last = ((int64_t)off + bytes - 1 + (int64_t)count * GRANULE) / GRANULE;
    if (off < -(int32_t)(count * GRANULE) || off + (int32_t)bytes > 0)
        return false;
    unsigned kind = promotable ? access_kind(off, bytes) : CONFLICT;
    for (int64_t g = first; g <= last; g++)
        granule_join(&granules[g], kind == WHOLE && g == last ? TAIL : kind);
    return true;
}

// Slots that can be variables, into slot_off and slot_bytes; c->slot_of maps granules to 1 + slot.
static bool find_slots(struct jit *c) {
    const struct engine_function *f = &c->program->functions[c->function];
    uint32_t frame = c->verdict->functions[c->function].frame_size, count = frame / GRANULE;
    c->slot_count = 0;
    c->granules = 0;
    c->escapes = false;
    if (!count)
        return true;
    uint8_t *kinds = jit_zone(c, count);
    c->slot_of = jit_zone(c, count);
    if (!kinds || !c->slot_of)
        return false;
    for (uint32_t pc = f->entry; pc < f->entry + f->length; pc++) {
        const struct engine_insn *insn = &c->program->insns[pc];
        engine_proof proof = c->verdict->proof[pc];
        if (!proof)
            continue;
        bool memory = engine_insn_accesses_memory(insn);
        enum engine_effect effect = engine_insn_effect(insn);
        if (memory && engine_insn_address(insn) == ENGINE_R10) {
            bool plain = effect != ENGINE_EFFECT_ATOMIC && proof & ENGINE_PROOF_SAFE;
            if (!note_slot(kinds, count, insn->off, engine_insn_bytes(insn), plain))
                return true;
            if (effect != ENGINE_EFFECT_LOAD && engine_insn_uses_src(insn) &&
                insn->src == ENGINE_R10)
                c->escapes = true;
            continue;
        }
        if (effect == ENGINE_EFFECT_LDIMM || effect == ENGINE_EFFECT_JUMP ||
            effect == ENGINE_EFFECT_EXIT ||
            (effect == ENGINE_EFFECT_CALL && insn->op != ENGINE_OP_CALL_REG))
            continue;
        c->escapes |=
            (engine_insn_uses_src(insn) && insn->src == ENGINE_R10) || insn->dst == ENGINE_R10;
    }
    if (c->escapes && !c->hull)
        return true;
    for (int32_t off = c->hull_low; c->escapes && off < c->hull_high; off++)
        if (off >= -(int32_t)frame && off < 0)
            kinds[(uint32_t)(off + (int32_t)frame) / GRANULE] = CONFLICT;
    for (uint32_t g = 0; g < count && c->slot_count < IR_SLOTS; g++) {
        unsigned kind = kinds[g];
        if (kind == 0 || kind == CONFLICT || kind == TAIL ||
            (kind == WHOLE && kinds[g + 1] != TAIL))
            continue;
        int32_t off = (int32_t)(g * GRANULE) - (int32_t)frame;
        c->slot_off[c->slot_count] = kind == WHOLE ? off : off + (int32_t)((kind - 1) >> 2);
        c->slot_bytes[c->slot_count] = kind == WHOLE ? 8 : (uint8_t)(1 << ((kind - 1) & 3));
        c->slot_of[g] = (uint8_t)++c->slot_count;
    }
    c->granules = count;
    return true;
}

// Variable of a plain stack access, or IR_VARS.
static unsigned slot_var(const struct jit *c, const struct engine_insn *insn) {
    if (!c->granules || engine_insn_address(insn) != ENGINE_R10 ||
        engine_insn_effect(insn) == ENGINE_EFFECT_ATOMIC)
        return IR_VARS;
    uint32_t g = (uint32_t)(insn->off + (int32_t)(c->granules * GRANULE)) / GRANULE;
    return g < c->granules && c->slot_of[g] ? ENGINE_R10 - 1 + c->slot_of[g] : IR_VARS;
}

// ---- which variables an instruction reads and writes

struct effect {
    uint64_t uses, defs;
};

static const struct engine_call_target *proved_target(const struct jit *c, uint32_t pc) {
    uint32_t low = 0, high = c->verdict->call_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (c->verdict->calls[middle].pc < pc)
            low = middle + 1;
        else
            high = middle;
    }
    const struct engine_call_target *t = &c->verdict->calls[low];
    return low < c->verdict->call_count && t->pc == pc ? t : NULL;
}

uint32_t jit_proved_local(const struct jit *c, uint32_t pc) {
    const struct engine_call_target *t = proved_target(c, pc);
    return t && t->callable >= ENGINE_CALLABLE_LOCAL ? (uint32_t)t->callable : ENGINE_NO_FUNCTION;
}

// Kind of a call and what it calls.
static enum ir_call callee(const struct jit *c, uint32_t pc, uint32_t *index) {
    const struct engine_insn *insn = &c->program->insns[pc];
    uint64_t callable = insn->op == ENGINE_OP_CALL_LOCAL
                            ? ENGINE_CALLABLE_LOCAL + (uint64_t)insn->imm
                            : (uint64_t)insn->imm;
    if (insn->op == ENGINE_OP_CALL_REG) {
        const struct engine_call_target *t = proved_target(c, pc);
        if (!t)
            return IR_CALL_CHECKED;
        callable = t->callable;
    }
    *index = (uint32_t)callable;
    if (callable >= ENGINE_CALLABLE_LOCAL)
        return IR_CALL_LOCAL;
    const struct engine_import *import = c->program->imports[*index].import;
    bool held = import->result.flags & ENGINE_TYPE_ACQUIRE || import->flags & ENGINE_IMPORT_CANCELS;
    for (unsigned i = 0; i < import->argument_count; i++)
        held |= (import->arguments[i].flags & ENGINE_TYPE_RELEASE) != 0;
    return held ? IR_CALL_HELD : IR_CALL_IMPORT;
}

// Which of IR_PARAMS a call passes.
static unsigned passed(const struct jit *c, enum ir_call kind, uint32_t index) {
    unsigned all = (1u << IR_PARAMS) - 1;
    if (kind == IR_CALL_CHECKED)
        return all;
    if (kind == IR_CALL_LOCAL)
        return c->functions[index].offset == IR_NO_BLOCK ? all : c->functions[index].params;
    return ((1u << c->program->imports[index].import->argument_count) - 1) | 1u << IR_RUN;
}

static struct effect effect_of(const struct jit *c, uint32_t pc) {
    const struct engine_insn *insn = &c->program->insns[pc];
    uint64_t dst = insn->dst < ENGINE_R10 ? UINT64_C(1) << insn->dst : 0;
    uint64_t src =
        insn->src < ENGINE_R10 && engine_insn_uses_src(insn) ? UINT64_C(1) << insn->src : 0;
    unsigned sub = engine_insn_info(insn)->sub;
    switch (engine_insn_effect(insn)) {
    case ENGINE_EFFECT_ALU:
        return (struct effect){(sub >= ENGINE_ALU_MOV && sub <= ENGINE_ALU_MOVSX32 ? 0 : dst) | src,
                               dst};
    case ENGINE_EFFECT_LDIMM:
        return (struct effect){0, dst};
    case ENGINE_EFFECT_LOAD: {
        unsigned var = slot_var(c, insn);
        return (struct effect){var < IR_VARS ? UINT64_C(1) << var : src, dst};
    }
    case ENGINE_EFFECT_STORE: {
        unsigned var = slot_var(c, insn);
        return var < IR_VARS ? (struct effect){src, UINT64_C(1) << var}
                             : (struct effect){dst | src, 0};
    }
    case ENGINE_EFFECT_ATOMIC:
        if (sub == ENGINE_ATOMIC_CMPXCHG)
            return (struct effect){dst | src | 1, 1};
        return (struct effect){dst | src, sub >= ENGINE_ATOMIC_FETCH_ADD ? src : 0};
    case ENGINE_EFFECT_BRANCH:
        return (struct effect){dst | src, 0};
    case ENGINE_EFFECT_CALL: {
        uint32_t index = 0;
        enum ir_call kind = callee(c, pc, &index);
        uint64_t args = (uint64_t)(passed(c, kind, index) & 31) << 1;
        return (struct effect){args | (kind == IR_CALL_CHECKED ? dst : 0), 1};
    }
    case ENGINE_EFFECT_EXIT:
        return (struct effect){1, 0};
    default:
        return (struct effect){0, 0};
    }
}

bool jit_variables(struct jit *c) {
    if (!find_slots(c))
        return false;
    c->var_count = ENGINE_R10 + c->slot_count;
    for (uint32_t b = 0; b < c->code_blocks; b++) {
        struct ir_block *block = &c->blocks[b];
        for (uint32_t pc = block->from; pc < block->to; pc++) {
            if (!c->verdict->proof[pc])
                continue;
            struct effect e = effect_of(c, pc);
            block->uses |= e.uses & ~block->defs;
            block->defs |= e.defs;
        }
    }
    return true;
}

// ---- translation

static val *vars(struct jit *c, uint32_t block) {
    return &c->outs[(size_t)block * c->var_count];
}

static val get_var(struct jit *c, unsigned var) {
    val v = vars(c, c->current)[var];
    return v ? v : ir_const(c, 0); // never written: of no consequence in a verified program
}

static val get(struct jit *c, unsigned reg) {
    if (reg == ENGINE_R10)
        return c->frame;
    return get_var(c, reg);
}

static void set(struct jit *c, unsigned var, val v) {
    vars(c, c->current)[var] = v;
}

static val sum(struct jit *c, val a, int64_t k) {
    return ir_binary(c, IR_ADD, 1, a, ir_const(c, (uint64_t)k));
}

// The offset in the arena of an address: without the base, if that can be taken off.
static val arena_offset(struct jit *c, val v, unsigned depth) {
    const struct ir_value x = c->v[v];
    if (v == c->arena)
        return ir_const(c, 0);
    if (x.op != IR_ADD || !x.w || !depth)
        return v;
    if (x.a == c->arena)
        return x.b;
    if (x.b == c->arena)
        return x.a;
    val a = arena_offset(c, x.a, depth - 1);
    if (a != x.a)
        return ir_binary(c, IR_ADD, 1, a, x.b);
    val b = arena_offset(c, x.b, depth - 1);
    return b != x.b ? ir_binary(c, IR_ADD, 1, x.a, b) : v;
}

// The address of a masked access. No branch decides: what a processor guesses cannot widen it.
static val masked(struct jit *c, val v, int32_t off, unsigned align) {
    uint64_t mask = (engine_program_arena_size(c->program) - 1) & ~(uint64_t)(align - 1);
    val t = sum(c, arena_offset(c, v, 4), off);
    if (c->v[t].nz & ~mask)
        t = ir_binary(c, IR_AND, 1, ir_zx(c, 4, t), ir_const(c, mask));
    return ir_binary(c, IR_ADD, 1, c->arena, t);
}

// Address and displacement of an access.
static val address(struct jit *c, const struct engine_insn *insn, int64_t *disp) {
    val a = get(c, engine_insn_address(insn));
    *disp = insn->off;
    if (c->verdict->proof[c->pc] & ENGINE_PROOF_MASKED) {
        bool atomic = engine_insn_effect(insn) == ENGINE_EFFECT_ATOMIC;
        *disp = 0;
        a = masked(c, a, insn->off, atomic ? engine_insn_bytes(insn) : 1);
    }
    const struct ir_value *x = &c->v[a];
    if (x->op == IR_ADD && x->w && c->v[x->b].op == IR_CONST && x86_fits32(c->v[x->b].imm) &&
        x86_fits32(c->v[x->b].imm + *disp)) {
        *disp += c->v[x->b].imm;
        a = x->a;
    }
    return a;
}

static void alu(struct jit *c, const struct engine_insn *insn) {
    static const uint8_t ops[] = {
        [ENGINE_ALU_ADD] = IR_ADD,   [ENGINE_ALU_SUB] = IR_SUB,   [ENGINE_ALU_MUL] = IR_MUL,
        [ENGINE_ALU_OR] = IR_OR,     [ENGINE_ALU_AND] = IR_AND,   [ENGINE_ALU_LSH] = IR_SHL,
        [ENGINE_ALU_RSH] = IR_SHR,   [ENGINE_ALU_XOR] = IR_XOR,   [ENGINE_ALU_ARSH] = IR_SAR,
        [ENGINE_ALU_DIV] = IR_DIV,   [ENGINE_ALU_SDIV] = IR_SDIV, [ENGINE_ALU_MOD] = IR_MOD,
        [ENGINE_ALU_SMOD] = IR_SMOD,
    };
    const struct engine_op_info *info = engine_insn_info(insn);
    unsigned w = info->width == 3, bytes = 1u << info->width;
    val b = engine_insn_uses_src(insn) ? get(c, insn->src) : ir_const(c, (uint64_t)insn->imm);
    val a = info->sub == ENGINE_ALU_MOV ? b : get(c, insn->dst), r;
    switch (info->sub) {
    case ENGINE_ALU_MOV:
        r = w ? b : ir_zx(c, 4, b);
        break;
    case ENGINE_ALU_MOVSX8:
    case ENGINE_ALU_MOVSX16:
    case ENGINE_ALU_MOVSX32:
        r = ir_sx(c, w, 1u << (info->sub - ENGINE_ALU_MOVSX8), b);
        break;
    case ENGINE_ALU_NEG:
        r = ir_neg(c, w, a);
        break;
    case ENGINE_ALU_TOLE:
        r = ir_zx(c, bytes, a);
        break;
    case ENGINE_ALU_TOBE:
    case ENGINE_ALU_BSWAP:
        r = ir_bswap(c, bytes, a);
        break;
    case ENGINE_ALU_DIV:
    case ENGINE_ALU_MOD:
    case ENGINE_ALU_SDIV:
    case ENGINE_ALU_SMOD:
        r = ir_divide(c, ops[info->sub], w, a, b, c->verdict->proof[c->pc] & ENGINE_PROOF_DIVISOR);
        break;
    default:
        r = ir_binary(c, ops[info->sub], w, a, b);
    }
    set(c, insn->dst, r);
}

static void load(struct jit *c, const struct engine_insn *insn) {
    bool sign = engine_insn_info(insn)->sub;
    unsigned bytes = engine_insn_bytes(insn), var = slot_var(c, insn);
    val v;
    if (var < IR_VARS) {
        v = get_var(c, var);
        if (sign)
            v = ir_sx(c, 1, bytes, v);
    } else {
        int64_t disp;
        val a = address(c, insn, &disp);
        v = ir_new(c, IR_LOAD, bytes == 8 || sign, a, 0);
        c->v[v].imm = disp;
        c->v[v].bytes = (uint8_t)bytes;
        c->v[v].cc = sign;
        c->v[v].nz = bytes == 8 || sign ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
    }
    set(c, insn->dst, v);
}

// The low `bytes` of a value are stored: what only changes the rest is left out.
static val narrow(struct jit *c, val v, unsigned bytes) {
    for (;;) {
        const struct ir_value *x = &c->v[v];
        bool extension = (x->op == IR_ZX || x->op == IR_SX) && x->bytes >= bytes;
        uint64_t mask = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
        bool mask_off =
            x->op == IR_AND && c->v[x->b].op == IR_CONST && !(~(uint64_t)c->v[x->b].imm & mask);
        if (!extension && !mask_off)
            return v;
        v = x->a;
    }
}

static void store(struct jit *c, const struct engine_insn *insn) {
    unsigned bytes = engine_insn_bytes(insn), var = slot_var(c, insn);
    val b = engine_insn_uses_src(insn) ? get(c, insn->src) : ir_const(c, (uint64_t)insn->imm);
    if (var < IR_VARS) {
        set(c, var, ir_zx(c, bytes, b));
        return;
    }
    int64_t disp;
    val a = address(c, insn, &disp);
    val v = ir_new(c, IR_STORE, bytes == 8, a, bytes == 8 ? b : narrow(c, b, bytes));
    c->v[v].imm = disp;
    c->v[v].bytes = (uint8_t)bytes;
}

static void atomic(struct jit *c, const struct engine_insn *insn) {
    unsigned sub = engine_insn_info(insn)->sub, bytes = engine_insn_bytes(insn);
    int64_t disp;
    val a = address(c, insn, &disp), b = get(c, insn->src);
    val expected = sub == ENGINE_ATOMIC_CMPXCHG ? get(c, 0) : 0;
    val v = ir_new(c, IR_ATOMIC, bytes == 8, a, b);
    c->v[v].c = expected;
    c->v[v].imm = disp;
    c->v[v].bytes = (uint8_t)bytes;
    c->v[v].cc = (uint8_t)sub;
    if (sub >= ENGINE_ATOMIC_FETCH_ADD)
        set(c, sub == ENGINE_ATOMIC_CMPXCHG ? 0 : insn->src, v);
}

static bool call(struct jit *c, const struct engine_insn *insn) {
    uint32_t index = 0;
    enum ir_call kind = callee(c, c->pc, &index);
    if (kind == IR_CALL_IMPORT) {
        const struct engine_import *import = c->program->imports[index].import;
        if (import->inline_kind == ENGINE_INLINE_CONSTANT) {
            set(c, 0, ir_const(c, import->inline_value));
            return true;
        }
        if (import->inline_kind == ENGINE_INLINE_LOAD) {
            val v = ir_new(c, IR_LOAD, 1, ir_const(c, import->inline_value), 0);
            c->v[v].bytes = 8;
            c->v[v].flags = IR_PINNED;
            set(c, 0, v);
            return true;
        }
    }
    if (!jit_reserve_phis(c, IR_ARGS))
        return false;
    unsigned mask = passed(c, kind, index);
    bool metered = c->verdict->proof[c->pc] & ENGINE_PROOF_METERED;
    uint32_t frame = c->verdict->functions[c->function].frame_size;
    val args[IR_ARGS] = {0};
    if (metered)
        mask |= 1u << IR_RUN | 1u << IR_FRAME;
    for (unsigned i = 0; i < ENGINE_ARGS; i++)
        if (mask >> i & 1)
            args[i] = get(c, i + 1);
    if (mask >> IR_RUN & 1)
        args[IR_RUN] = c->run;
    if (mask >> IR_FRAME & 1)
        args[IR_FRAME] = sum(c, c->frame, -(int64_t)frame);
    val target = kind == IR_CALL_CHECKED ? get(c, insn->dst) : 0;
    val v = ir_new(c, IR_CALL, 1, target, c->phi_count);
    for (unsigned i = 0; i < IR_ARGS; i++)
        c->phis[c->phi_count++] = args[i];
    c->v[v].cc = kind;
    c->v[v].imm = index;
    c->v[v].flags = metered ? IR_METERED : 0;
    set(c, 0, v);
    return true;
}

static void branch(struct jit *c, const struct engine_insn *insn) {
    static const uint8_t conditions[] = {
        [ENGINE_COND_JEQ] = X86_E,   [ENGINE_COND_JGT] = X86_A,
        [ENGINE_COND_JGE] = X86_AE,  [ENGINE_COND_JSET] = IR_TEST | X86_NE,
        [ENGINE_COND_JNE] = X86_NE,  [ENGINE_COND_JSGT] = X86_G,
        [ENGINE_COND_JSGE] = X86_GE, [ENGINE_COND_JLT] = X86_B,
        [ENGINE_COND_JLE] = X86_BE,  [ENGINE_COND_JSLT] = X86_L,
        [ENGINE_COND_JSLE] = X86_LE,
    };
    unsigned cc = conditions[engine_insn_info(insn)->sub], w = engine_insn_info(insn)->width == 3;
    val a = get(c, insn->dst);
    val b = engine_insn_uses_src(insn) ? get(c, insn->src) : ir_const(c, (uint64_t)insn->imm);
    ir_compare(c, &cc, &w, &a, &b);
    val v = ir_new(c, IR_BR, w, a, b);
    c->v[v].cc = (uint8_t)cc;
}

static bool translate(struct jit *c, uint32_t pc) {
    const struct engine_insn *insn = &c->program->insns[pc];
    if (!jit_reserve(c, PER_INSN))
        return false;
    c->pc = pc;
    switch (engine_insn_effect(insn)) {
    case ENGINE_EFFECT_ALU:
        alu(c, insn);
        break;
    case ENGINE_EFFECT_LDIMM:
        if (insn->kind == ENGINE_IMM_ARENA)
            set(c, insn->dst, sum(c, c->arena, insn->imm));
        else
            set(c, insn->dst,
                ir_const(c, (uint64_t)insn->imm +
                                (insn->kind == ENGINE_IMM_FUNCTION ? ENGINE_CALLABLE_LOCAL : 0)));
        break;
    case ENGINE_EFFECT_LOAD:
        load(c, insn);
        break;
    case ENGINE_EFFECT_STORE:
        store(c, insn);
        break;
    case ENGINE_EFFECT_ATOMIC:
        atomic(c, insn);
        break;
    case ENGINE_EFFECT_CALL:
        return call(c, insn);
    case ENGINE_EFFECT_BRANCH:
        if (c->blocks[c->current].succ[1] != IR_NO_BLOCK)
            branch(c, insn);
        break;
    case ENGINE_EFFECT_EXIT:
        ir_new(c, IR_RET, 1, get(c, 0), 0);
        break;
    default:
        break;
    }
    return true;
}

static val new_phi(struct jit *c, const struct ir_block *block, unsigned var) {
    val v = ir_new(c, IR_PHI, 1, 0, 0);
    c->v[v].imm = c->phi_count;
    c->v[v].c = var + 1;
    for (uint32_t k = 0; k < block->preds; k++)
        c->phis[c->phi_count++] = 0;
    return v;
}

// The variables at the start of a block.
static bool enter(struct jit *c, uint32_t b) {
    struct ir_block *block = &c->blocks[b];
    val *in = vars(c, b);
    if (!jit_reserve(c, c->var_count + 4) || !jit_reserve_phis(c, c->var_count * block->preds))
        return false;
    if (block->preds == 1) {
        __builtin_memcpy(in, vars(c, c->preds[block->pred]), c->var_count * sizeof *in);
        return true;
    }
    for (unsigned var = 0; var < c->var_count; var++) {
        if (!(block->live >> var & 1))
            continue;
        val same = 0;
        bool phi = block->header && (c->irreducible || block->loop_defs >> var & 1);
        for (uint32_t k = 0; k < block->preds && !phi; k++) {
            uint32_t p = c->preds[block->pred + k];
            if (c->blocks[p].order >= block->order)
                continue;
            val v = vars(c, p)[var];
            if (!v)
                v = ir_const(c, 0);
            phi = same && v != same;
            same = v;
        }
        in[var] = phi ? new_phi(c, block, var) : same;
        if (phi) { // bits that can be set, where all operands are known
            uint64_t nz = 0;
            for (uint32_t k = 0; k < block->preds; k++) {
                uint32_t p = c->preds[block->pred + k];
                if (c->blocks[p].order >= block->order)
                    nz = UINT64_MAX;
                else if (vars(c, p)[var])
                    nz |= c->v[vars(c, p)[var]].nz;
            }
            c->v[in[var]].nz = nz;
        }
    }
    return true;
}

static bool entry(struct jit *c) {
    const struct engine_function_proof *proof = &c->verdict->functions[c->function];
    uint64_t live = c->blocks[1].live;
    for (unsigned i = 0; i < ENGINE_ARGS; i++)
        if (live >> (i + 1) & 1) {
            val v = ir_new(c, IR_PARAM, 1, 0, 0);
            c->v[v].imm = i;
            set(c, var_reg(i + 1), v);
        }
    c->run = ir_new(c, IR_PARAM, 1, 0, 0);
    c->v[c->run].imm = IR_RUN;
    c->frame = ir_new(c, IR_PARAM, 1, 0, 0);
    c->v[c->frame].imm = IR_FRAME;
    c->arena = 0;
    if (c->program->arena_log2 && c->fixed) {
        c->arena = ir_const(c, c->arena_address);
    } else if (c->program->arena_log2) {
        c->arena = ir_new(c, IR_LOAD, 1, c->run, 0);
        c->v[c->arena].imm = offsetof(struct engine_run, arena);
        c->v[c->arena].bytes = 8;
        c->v[c->arena].nz = ~(engine_program_arena_size(c->program) - 1);
    }
    if (proof->zero_frame && proof->frame_size) {
        val v = ir_new(c, IR_ZERO_FRAME, 1, c->frame, 0);
        c->v[v].imm = proof->frame_size;
    }
    ir_new(c, IR_JMP, 1, 0, 0);
    return true;
}

static bool block_body(struct jit *c, uint32_t b) {
    struct ir_block *block = &c->blocks[b];
    c->current = b;
    c->pc = block->from;
    if (!enter(c, b))
        return false;
    if (b == 0)
        return entry(c);
    if (block->metered) {
        if (!jit_reserve(c, 2))
            return false;
        c->pc = block->cost_pc;
        val v = ir_new(c, IR_METER, 1, c->run, 0);
        c->v[v].imm = block->cost;
    }
    for (uint32_t pc = block->from; pc < block->to; pc++)
        if (c->verdict->proof[pc] && !translate(c, pc))
            return false;
    if (!jit_reserve(c, 1))
        return false;
    if (block->succ[1] == IR_NO_BLOCK && block->succ[0] != IR_NO_BLOCK)
        ir_new(c, IR_JMP, 1, 0, 0);
    return true;
}

bool jit_build(struct jit *c) {
    const struct engine_function *f = &c->program->functions[c->function];
    uint32_t buckets = 64;
    while (buckets < f->length)
        buckets *= 2;
    c->hash = jit_zone(c, buckets * sizeof *c->hash);
    c->hash_mask = buckets - 1;
    c->outs = jit_zone(c, (size_t)c->block_count * c->var_count * sizeof *c->outs);
    c->value_count = 1;
    c->phi_count = 1;
    if (!c->hash || !c->outs || !jit_reserve(c, f->length + 64) || !jit_reserve_phis(c, 64))
        return false;
    c->v[0] = (struct ir_value){.op = IR_NONE};
    for (uint32_t i = 0; i < c->order_count; i++)
        if (!block_body(c, c->rpo[i]))
            return false;
    for (uint32_t i = 0; i < c->order_count; i++) {
        uint32_t b = c->rpo[i];
        const struct ir_block *block = &c->blocks[b];
        for (val v = block->first; v && c->v[v].op == IR_PHI; v = c->v[v].next)
            for (uint32_t k = 0; k < block->preds; k++) {
                if (!jit_reserve(c, 1))
                    return false;
                val o = vars(c, c->preds[block->pred + k])[c->v[v].c - 1];
                c->phis[c->v[v].imm + k] = o ? o : ir_const(c, 0);
            }
    }
    return true;
}
