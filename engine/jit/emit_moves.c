// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Moves that happen at once: to arguments, from parameters, to the phis of a successor.

#include "engine/jit/emit.h"

uint32_t emit_location(const struct jit *c, val v, uint64_t *value) {
    const struct ir_interval *it = &c->intervals[v];
    if (emit_constant(c, v, value))
        return EMIT_CONST;
    return it->loc == IR_SPILLED ? IR_SPILLED + it->slot - 1 : it->loc;
}

static void one(struct emit *e, const struct emit_move *m, bool keep_flags) {
    struct x86 *x = &e->x;
    if (m->from == EMIT_CONST && m->to < X86_REGISTERS) {
        if (m->value == 0 && !keep_flags)
            x86_alu_rr(x, X86_XOR, 0, m->to, m->to);
        else
            x86_mov_ri(x, m->to, m->value);
    } else if (m->from == EMIT_CONST) {
        struct x86_mem mem = emit_slot(e, m->to - IR_SPILLED);
        if (x86_fits32((int64_t)m->value)) {
            x86_rm(x, 0xc7 | X86_W, 0, mem);
            x86_u32(x, (uint32_t)m->value);
        } else { // two halves: no register is needed
            x86_rm(x, 0xc7, 0, mem);
            x86_u32(x, (uint32_t)m->value);
            mem.disp += 4;
            x86_rm(x, 0xc7, 0, mem);
            x86_u32(x, (uint32_t)(m->value >> 32));
        }
    } else if (m->to < X86_REGISTERS && m->from < X86_REGISTERS) {
        x86_mov_rr(x, X86_W, m->to, m->from);
    } else if (m->to < X86_REGISTERS) {
        x86_load(x, m->to, emit_slot(e, m->from - IR_SPILLED));
    } else if (m->from < X86_REGISTERS) {
        x86_store(x, emit_slot(e, m->to - IR_SPILLED), m->from);
    } else { // memory to memory, without a register
        x86_rm(x, 0xff, 6, emit_slot(e, m->from - IR_SPILLED));
        x86_rm(x, 0x8f, 0, emit_slot(e, m->to - IR_SPILLED));
    }
}

void emit_parallel(struct emit *e, struct emit_move *moves, unsigned n, bool keep_flags) {
    unsigned left = 0;
    for (unsigned i = 0; i < n; i++)
        if (moves[i].to != moves[i].from)
            moves[left++] = moves[i];
    while (left) {
        unsigned i;
        for (i = 0; i < left; i++) {
            bool wanted = false;
            for (unsigned k = 0; k < left && !wanted; k++)
                wanted = k != i && moves[k].from == moves[i].to;
            if (!wanted)
                break;
        }
        if (i < left) {
            one(e, &moves[i], keep_flags);
            moves[i] = moves[--left];
            continue;
        }
        // Only cycles are left: keep the target of one move in R11.
        struct emit_move keep = {IR_SCRATCH, moves[0].to, 0};
        one(e, &keep, true);
        for (unsigned k = 0; k < left; k++)
            if (moves[k].from == keep.from)
                moves[k].from = IR_SCRATCH;
    }
}
