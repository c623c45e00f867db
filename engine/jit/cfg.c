// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Blocks of a function: edges, reverse postorder, dominators, loops, and which variables live
// where.
//
// Every edge from a block with two successors to one with several predecessors gets a block of its
// own, so that moves have a place; so does every metered branch. Block 0 is the entry and holds no
// code; then come the blocks in the order of the code, then the edges. Only slots that the verifier
// reached exist.

#include "engine/jit/ir.h"

static const struct engine_insn *insn_at(const struct jit *c, uint32_t pc) {
    return &c->program->insns[pc];
}

static engine_proof proof_at(const struct jit *c, uint32_t pc) {
    return c->verdict->proof[pc];
}

// Does control go on at the target, at the next slot, or at either?
static void outcomes(const struct jit *c, uint32_t pc, bool *taken, bool *next) {
    const struct engine_insn *insn = insn_at(c, pc);
    engine_proof proof = proof_at(c, pc);
    bool branch = engine_insn_effect(insn) == ENGINE_EFFECT_BRANCH;
    *taken = engine_insn_has_target(insn) && !(branch && proof & ENGINE_PROOF_NEVER);
    *next = engine_insn_falls_through(insn) && !(branch && proof & ENGINE_PROOF_ALWAYS);
}

// Marks leaders in block_of, then numbers the blocks.
static bool split(struct jit *c, uint32_t length) {
    uint32_t end = c->slot0 + length, count = 0;
    c->block_of = jit_zone(c, (length + 1) * sizeof *c->block_of);
    if (!c->block_of)
        return false;
    c->block_of[0] = 1;
    for (uint32_t pc = c->slot0; pc < end; pc++) {
        if (!proof_at(c, pc))
            continue;
        const struct engine_insn *insn = insn_at(c, pc);
        if (engine_insn_has_target(insn)) {
            c->block_of[insn->target - c->slot0] = 1;
            c->block_of[pc + 1 - c->slot0] = 1;
        } else if (engine_insn_effect(insn) == ENGINE_EFFECT_EXIT) {
            c->block_of[pc + 1 - c->slot0] = 1;
        }
    }
    for (uint32_t i = 0; i < length; i++)
        count += c->block_of[i];
    c->blocks = jit_zone(c, ((size_t)count * 3 + 1 + IR_UNROLLED) *
                                sizeof *c->blocks); // edges: two for each at most
    if (!c->blocks)
        return false;
    uint32_t b = 0; // the entry, without code
    c->blocks[0].from = c->blocks[0].to = c->slot0;
    for (uint32_t i = 0; i < length; i++) {
        if (c->block_of[i]) {
            b++;
            c->blocks[b].from = c->slot0 + i;
        }
        c->block_of[i] = b;
        c->blocks[b].to = c->slot0 + i + 1;
    }
    c->block_count = c->code_blocks = count + 1;
    return true;
}

static void successors(struct jit *c) {
    c->blocks[0].order = c->blocks[0].succ[1] = IR_NO_BLOCK;
    c->blocks[0].succ[0] = 1;
    for (uint32_t b = 1; b < c->block_count; b++) {
        struct ir_block *block = &c->blocks[b];
        block->order = IR_NO_BLOCK;
        block->succ[0] = block->succ[1] = IR_NO_BLOCK;
        // A trailing hole belongs to the ld_imm64 before it.
        uint32_t pc = block->to - 1;
        if (insn_at(c, pc)->op == ENGINE_OP_HOLE && pc > block->from)
            pc--;
        bool taken, next;
        outcomes(c, pc, &taken, &next);
        unsigned n = 0;
        if (!proof_at(c, pc))
            continue;
        if (taken)
            block->succ[n++] = c->block_of[insn_at(c, pc)->target - c->slot0];
        if (next) {
            block->succ[n++] = b + 1;
            if (n == 2 && block->succ[0] == b + 1 && !(proof_at(c, pc) & ENGINE_PROOF_METERED))
                block->succ[1] = IR_NO_BLOCK;
        }
    }
}

static void split_edges(struct jit *c) {
    uint32_t blocks = c->block_count;
    for (uint32_t b = 0; b < blocks; b++)
        for (unsigned i = 0; i < 2 && c->blocks[b].succ[i] != IR_NO_BLOCK; i++)
            c->blocks[c->blocks[b].succ[i]].preds++;
    for (uint32_t b = 1; b < blocks; b++) {
        struct ir_block *block = &c->blocks[b];
        uint32_t pc = block->to - 1;
        bool metered = block->succ[0] != IR_NO_BLOCK && engine_insn_has_target(insn_at(c, pc)) &&
                       proof_at(c, pc) & ENGINE_PROOF_METERED;
        bool two = block->succ[1] != IR_NO_BLOCK;
        for (unsigned i = 0; i < 2 && block->succ[i] != IR_NO_BLOCK; i++) {
            uint32_t s = block->succ[i];
            bool meter = metered && i == 0 && !(proof_at(c, pc) & ENGINE_PROOF_NEVER);
            if (!(meter || (two && c->blocks[s].preds > 1)))
                continue;
            struct ir_block *edge = &c->blocks[c->block_count];
            edge->succ[0] = s;
            edge->succ[1] = edge->order = IR_NO_BLOCK;
            edge->from = edge->to = block->to;
            edge->metered = meter;
            edge->cost = meter ? (uint32_t)engine_insn_cost(insn_at(c, pc), pc) : 0;
            edge->cost_pc = pc;
            block->succ[i] = c->block_count++;
        }
    }
}

// Which successor to visit first, and so to place last: the one that leaves more loops; else the
// one further away.
static unsigned last_choice(const struct jit *c, const struct ir_block *block) {
    uint32_t yes = block->succ[0], no = block->succ[1];
    if (yes == IR_NO_BLOCK || no == IR_NO_BLOCK)
        return 0;
    if (c->blocks[yes].depth != c->blocks[no].depth)
        return c->blocks[no].depth < c->blocks[yes].depth;
    return 0;
}

// Iterative depth-first search; c->rpo ends up in reverse postorder. Done again once loops are
// known, it makes them contiguous: it is also the order of the code.
static bool reverse_postorder(struct jit *c) {
    uint32_t n = c->block_count;
    c->rpo = jit_zone(c, (n + IR_UNROLLED) * sizeof *c->rpo);
    uint32_t *stack = jit_zone(c, (size_t)n * sizeof *stack);
    uint8_t *state = jit_zone(c, n);
    if (!c->rpo || !stack || !state)
        return false;
    uint32_t depth = 1, at = n;
    stack[0] = 0;
    state[0] = 1; // 1 + successors done
    while (depth) {
        uint32_t b = stack[depth - 1];
        const struct ir_block *block = &c->blocks[b];
        if (state[b] == 3) {
            c->rpo[--at] = b;
            depth--;
            continue;
        }
        uint32_t s = block->succ[(state[b] - 1u) ^ last_choice(c, block)];
        state[b]++;
        if (s != IR_NO_BLOCK && !state[s]) {
            state[s] = 1;
            stack[depth++] = s;
        }
    }
    c->order_count = n - at;
    for (uint32_t i = 0; i < c->order_count; i++) {
        c->rpo[i] = c->rpo[at + i];
        c->blocks[c->rpo[i]].order = i;
    }
    return true;
}

static bool predecessors(struct jit *c) {
    uint32_t total = 0;
    for (uint32_t b = 0; b < c->block_count; b++)
        c->blocks[b].preds = 0;
    for (uint32_t i = 0; i < c->order_count; i++)
        for (unsigned k = 0; k < 2; k++)
            if (c->blocks[c->rpo[i]].succ[k] != IR_NO_BLOCK) {
                c->blocks[c->blocks[c->rpo[i]].succ[k]].preds++;
                total++;
            }
    c->preds = jit_zone(c, (total + 4 * IR_UNROLLED) * sizeof *c->preds);
    c->pred_count = total;
    if (!c->preds)
        return false;
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->order_count; i++) {
        struct ir_block *block = &c->blocks[c->rpo[i]];
        block->pred = at;
        at += block->preds;
        block->preds = 0;
    }
    for (uint32_t i = 0; i < c->order_count; i++)
        for (unsigned k = 0; k < 2; k++) {
            uint32_t s = c->blocks[c->rpo[i]].succ[k];
            if (s != IR_NO_BLOCK)
                c->preds[c->blocks[s].pred + c->blocks[s].preds++] = c->rpo[i];
        }
    return true;
}

// Cooper, Harvey and Kennedy's iteration; then intervals of a walk over the tree answer in constant
// time.
static bool dominators(struct jit *c) {
    uint32_t n = c->order_count;
    uint32_t *idom = jit_zone(c, n * sizeof *idom); // by order; n: unknown
    uint32_t *child = jit_zone(c, n * sizeof *child), *sibling = jit_zone(c, n * sizeof *sibling);
    if (!idom || !child || !sibling)
        return false;
    for (uint32_t i = 1; i < n; i++)
        idom[i] = n;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 1; i < n; i++) {
            const struct ir_block *block = &c->blocks[c->rpo[i]];
            uint32_t dom = n;
            for (uint32_t k = 0; k < block->preds; k++) {
                uint32_t p = c->blocks[c->preds[block->pred + k]].order;
                if (idom[p] == n)
                    continue;
                if (dom == n) {
                    dom = p;
                    continue;
                }
                while (p != dom) {
                    while (p > dom)
                        p = idom[p];
                    while (dom > p)
                        dom = idom[dom];
                }
            }
            changed |= idom[i] != dom;
            idom[i] = dom;
        }
    }
    for (uint32_t i = n; i-- > 1;) {
        sibling[i] = child[idom[i]];
        child[idom[i]] = i;
    }
    uint32_t clock = 0;
    for (uint32_t i = 0;;) {
        struct ir_block *block = &c->blocks[c->rpo[i]];
        block->idom = i ? c->rpo[idom[i]] : IR_NO_BLOCK;
        block->dom_in = clock += 2;
        if (child[i]) {
            i = child[i];
            continue;
        }
        for (;;) {
            c->blocks[c->rpo[i]].dom_out = clock += 2;
            if (sibling[i] || !i)
                break;
            i = idom[i];
        }
        if (!i)
            break;
        i = sibling[i];
    }
    return true;
}

bool ir_dominates(const struct jit *c, uint32_t a, uint32_t b) {
    return c->blocks[a].dom_in <= c->blocks[b].dom_in &&
           c->blocks[b].dom_out <= c->blocks[a].dom_out;
}

static uint32_t find(uint32_t *rep, uint32_t b) {
    while (rep[b] != b) {
        rep[b] = rep[rep[b]];
        b = rep[b];
    }
    return b;
}

// Loops, innermost first: headers in reverse order, bodies joined to their header. Also joins what
// the bodies define.
static bool loops(struct jit *c) {
    uint32_t n = c->block_count;
    uint32_t *rep = jit_zone(c, n * sizeof *rep), *work = jit_zone(c, n * sizeof *work);
    if (!rep || !work)
        return false;
    for (uint32_t b = 0; b < n; b++) {
        rep[b] = b;
        c->blocks[b].loop = c->blocks[b].up = IR_NO_BLOCK;
        c->blocks[b].loop_defs = c->blocks[b].defs;
    }
    for (uint32_t i = c->order_count; i-- > 0;) {
        uint32_t h = c->rpo[i], count = 0;
        struct ir_block *header = &c->blocks[h];
        for (uint32_t k = 0; k < header->preds; k++) {
            uint32_t p = c->preds[header->pred + k];
            if (c->blocks[p].order < i)
                continue;
            c->loops = true;
            header->header = 1;
            if (!ir_dominates(c, h, p)) {
                c->irreducible = true;
                continue;
            }
            p = find(rep, p);
            if (p != h && c->blocks[p].dead == 0) {
                c->blocks[p].dead = 1; // mark: in the work list
                work[count++] = p;
            }
        }
        if (!header->header)
            continue;
        header->loop = h;
        for (uint32_t k = 0; k < count; k++) {
            struct ir_block *block = &c->blocks[work[k]];
            header->loop_defs |= block->loop_defs;
            if (block->header)
                block->up = h;
            else
                block->loop = h;
            for (uint32_t j = 0; j < block->preds; j++) {
                uint32_t p = find(rep, c->preds[block->pred + j]);
                if (p == h || c->blocks[p].dead)
                    continue;
                if (!ir_dominates(c, h, p)) {
                    c->irreducible = true;
                    continue;
                }
                c->blocks[p].dead = 1;
                work[count++] = p;
            }
        }
        for (uint32_t k = 0; k < count; k++) {
            c->blocks[work[k]].dead = 0;
            rep[work[k]] = h;
        }
    }
    for (uint32_t i = 0; i < c->order_count; i++) {
        struct ir_block *block = &c->blocks[c->rpo[i]];
        uint32_t around = block->header ? block->up : block->loop;
        block->depth = around == IR_NO_BLOCK ? 0 : c->blocks[around].depth;
        if (block->header && block->depth < 15)
            block->depth++;
    }
    return true;
}

static void liveness(struct jit *c) {
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = c->order_count; i-- > 0;) {
            struct ir_block *block = &c->blocks[c->rpo[i]];
            uint64_t live = 0;
            for (unsigned k = 0; k < 2; k++)
                if (block->succ[k] != IR_NO_BLOCK)
                    live |= c->blocks[block->succ[k]].live;
            live = block->uses | (live & ~block->defs);
            changed |= live != block->live;
            block->live = live;
        }
    }
}

bool jit_cfg(struct jit *c) {
    const struct engine_function *f = &c->program->functions[c->function];
    c->slot0 = f->entry;
    if (!split(c, f->length))
        return false;
    successors(c);
    split_edges(c);
    if (!reverse_postorder(c) || !predecessors(c) || !dominators(c) || !jit_variables(c) ||
        !loops(c) || !reverse_postorder(c))
        return false;
    liveness(c);
    return true;
}
