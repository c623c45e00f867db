// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// The fixed point. Blocks are taken in the order of flow.c; the state at a block is the union of
// what its predecessors sent, so that loop-free code costs one pass however many paths it has.
//
// A loop is repeated, at its last position, until its head's state includes what comes back: first
// joined, then widened to the function's constants, then to the ends. While it still grows, nothing
// is sent out of it, and nothing is recorded. Then the head is narrowed once (entry union what came
// back), and a final pass is made, which sends results out, and records proofs if all loops around
// are final too. The final pass also checks that what comes back is included; if not (narrowing is
// not monotone here), the loop grows again from the wider state. So what is recorded is always
// justified by an inductive state, whatever the heuristics did.
//
// A call of a function without fitting summary suspends the caller at the call, runs the callee and
// executes the call again: the C stack stays flat.

#include "base/string.h"
#include "engine/verify/belief.h"
#include "engine/verify/priv.h"

static struct flow *flow_of(const struct verifier *v, const struct work *w) {
    return &v->functions[w->function].flow;
}

bool work_push(struct verifier *v, uint32_t function, uint32_t entry, bool final) {
    unsigned depth = 0;
    for (struct work *w = v->top; w; w = w->caller)
        depth++;
    if (depth >= ENGINE_CALL_DEPTH_MAX) {
        v->top->record = 1;
        return refuse(v, v->top, NULL, ENGINE_REFUSED_CALL_DEPTH, v->top->pc, 0xff,
                      (int64_t)depth + 1, ENGINE_CALL_DEPTH_MAX);
    }
    struct work *w = verify_alloc(v, sizeof *w);
    if (!w || !flow_build(v, function)) {
        verify_free(v, w, sizeof *w);
        return false;
    }
    struct flow *flow = &v->functions[function].flow;
    w->caller = v->top;
    w->function = function;
    w->final = final;
    w->record = final;
    w->extend_pc = ENGINE_NO_PC;
    w->entry = entry;
    v->top = w;
    v->functions[function].busy = 1;
    for (uint32_t p = 0; p < flow->block_count; p++)
        flow->blocks[p].arrived = ENGINE_NO_PC;
    flow->blocks[0].in = state_copy(v, entry);
    return !v->error;
}

static void loop_forget(struct verifier *v, struct loop *l) {
    state_free(v, l->state);
    state_free(v, l->entry);
    state_free(v, l->back);
    state_free(v, l->wide);
    l->state = l->entry = l->back = l->wide = 0;
    l->rounds = l->narrowings = 0;
    l->again = l->growing = 0;
}

static void work_pop(struct verifier *v) {
    struct work *w = v->top;
    struct flow *flow = flow_of(v, w);
    for (uint32_t p = 0; p < flow->block_count; p++) {
        state_free(v, flow->blocks[p].in);
        flow->blocks[p].in = 0;
    }
    for (uint32_t l = 0; l < flow->loop_count; l++)
        loop_forget(v, &flow->loops[l]);
    state_free(v, w->now);
    state_free(v, w->exit);
    state_free(v, w->entry);
    v->functions[w->function].busy = 0;
    v->top = w->caller;
    verify_free(v, w, sizeof *w);
}

void work_drop(struct verifier *v) {
    while (v->top)
        work_pop(v);
}

// ---- Termination

static uint32_t turns(const struct value *least, const struct value *most, int64_t step) {
    uint64_t span = (uint64_t)most->num.smax - (uint64_t)least->num.smin;
    if (most->num.smax < least->num.smin)
        return 1;
    span = span / (uint64_t)step + 1;
    return span > UINT32_MAX ? UINT32_MAX : (uint32_t)span;
}

// Most turns by the register, given one back edge with the state s; 0 if it is not strictly moved.
static uint32_t turns_by(const struct verifier *v, const struct state *head, const struct state *s,
                         unsigned reg, bool down) {
    uint32_t from = head->reg[reg], to = s->reg[reg];
    const struct value *a = value_at(v, from), *b = value_at(v, to);
    if (a->kind != b->kind || a->kind < VALUE_NUMBER || a->kind == VALUE_REFERENCE ||
        a->object != b->object || from == to)
        return 0;
    if (WEAK(TERMINATION))
        return 1;
    if (down ? !value_less(v, s, to, from, -1) : !value_less(v, s, from, to, -1))
        return 0;
    int64_t step = 1;
    if (a->symbol && a->symbol == b->symbol && a->scale == b->scale)
        step = down ? a->offset - b->offset : b->offset - a->offset;
    return down ? turns(b, a, step) : turns(a, b, step);
}

static void rank_edge(struct verifier *v, struct loop *l, const struct state *s) {
    const struct state *head = state_at(v, l->state);
    for (unsigned down = 0; down < 2; down++)
        for (unsigned r = 0; r < ENGINE_R10; r++) {
            uint32_t *known = &l->turns_by[down][r];
            if (l->back_edges && !*known)
                continue;
            uint32_t now = turns_by(v, head, s, r, down);
            *known = !now || now > *known ? now : *known;
        }
    l->back_edges++;
}

static uint64_t loop_turns(const struct loop *l) {
    uint64_t least = l->back_edges ? UINT64_MAX : 1;
    for (unsigned i = 0; i < 2 * ENGINE_R10; i++) {
        uint32_t now = l->turns_by[i / ENGINE_R10][i % ENGINE_R10];
        if (now && now < least)
            least = now;
    }
    return least;
}

static void meter_loop(struct verifier *v, struct work *w, struct loop *l) {
    const struct flow *flow = flow_of(v, w);
    uint32_t entry = v->program->functions[w->function].entry, last = 0;
    l->metered = 1;
    for (uint32_t p = l->head; p <= l->last; p++) {
        uint32_t pc = flow->blocks[p].end - 1;
        const struct engine_insn *insn = &v->program->insns[pc];
        if (!engine_insn_has_target(insn) || insn->target > pc ||
            !(v->proof[pc] & ENGINE_PROOF_REACHED))
            continue;
        uint32_t to = flow->position[insn->target - entry];
        if (to < l->head || to > l->last)
            continue;
        if (!WEAK(METER))
            v->proof[pc] |= ENGINE_PROOF_METERED;
        last = pc;
    }
    if (v->bounded && !WEAK(BOUNDED))
        (void)refuse(v, w, NULL, ENGINE_REFUSED_UNBOUNDED, last, 0xff, 0, 0);
}

static uint64_t saturate(const struct verifier *v, uint64_t cost) {
    return cost > v->cost_limit ? v->cost_limit : cost;
}

// Instructions that block p may execute, callees included.
static uint64_t block_cost(const struct verifier *v, const struct block *b) {
    uint64_t cost = b->end - b->first;
    for (uint32_t pc = b->first; pc < b->end; pc++) {
        const struct engine_insn *insn = &v->program->insns[pc];
        if (insn->op == ENGINE_OP_CALL_LOCAL)
            cost += v->functions[insn->imm].cost;
        else if (insn->op == ENGINE_OP_CALL_REG)
            for (uint32_t i = 0; i < v->call_count; i++)
                if (v->calls[i].pc == pc && v->calls[i].callable >= ENGINE_CALLABLE_LOCAL)
                    cost += v->functions[v->calls[i].callable - ENGINE_CALLABLE_LOCAL].cost;
    }
    return saturate(v, cost);
}

// Decides which loops are metered: those not proved to end, and those that may run for long.
static void judge(struct verifier *v, struct work *w) {
    struct flow *flow = flow_of(v, w);
    uint64_t total = 0;
    for (uint32_t l = 0; l < flow->loop_count; l++)
        flow->loops[l].cost = 0;
    for (uint32_t p = 0; p < flow->block_count; p++) {
        struct block *b = &flow->blocks[p];
        if (!(v->proof[b->first] & ENGINE_PROOF_REACHED))
            continue;
        uint64_t *sum = b->loop == NO_LOOP ? &total : &flow->loops[b->loop].cost;
        *sum = saturate(v, *sum + block_cost(v, b));
    }
    for (uint32_t i = flow->loop_count; i--;) {
        struct loop *l = &flow->loops[i];
        uint64_t most = loop_turns(l), cost = l->cost;
        uint64_t *sum = l->parent == NO_LOOP ? &total : &flow->loops[l->parent].cost;
        if (most > v->cost_limit || *sum + cost * (most + 1) > v->cost_limit) {
            if (l->back_edges)
                meter_loop(v, w, l);
        } else
            cost *= most + 1;
        *sum = saturate(v, *sum + cost);
    }
    v->functions[w->function].cost = total;
    if (total < v->cost_limit)
        return;
    // Even without loops, calls can multiply: then each call looks at the meter.
    for (uint32_t p = 0; p < flow->block_count; p++)
        for (uint32_t pc = flow->blocks[p].first; pc < flow->blocks[p].end; pc++)
            if ((v->program->insns[pc].op == ENGINE_OP_CALL_LOCAL ||
                 v->program->insns[pc].op == ENGINE_OP_CALL_REG) &&
                v->proof[pc] & ENGINE_PROOF_REACHED)
                v->proof[pc] |= ENGINE_PROOF_METERED;
}

static void finish(struct verifier *v) {
    struct work *w = v->top;
    struct summary *summary = &v->functions[w->function].summary[w->final];
    if (w->final)
        judge(v, w);
    state_free(v, summary->after);
    summary->after = w->exit;
    w->exit = 0;
    summary->valid = 1;
    summary->moved = w->moved;
    work_pop(v);
}

// ---- Loops

static enum join_mode mode_of(const struct loop *l) {
    return l->rounds < 1 ? JOIN_HEAD : l->rounds < 12 ? JOIN_WIDEN : JOIN_WIDEN_HARD;
}

// Thresholds for the loop: what its branches compare with, if it does not change.
static void loop_steps(const struct verifier *v, const struct work *w, const struct loop *l,
                       const struct state *by, struct num_steps *steps) {
    const struct flow *flow = flow_of(v, w);
    const struct state *head = state_at(v, l->state);
    steps->count = 0;
    num_step(steps, INT32_MAX);
    num_step(steps, UINT32_MAX);
    num_step(steps, (uint64_t)INT32_MIN);
    for (uint32_t p = l->head; p <= l->last && steps->count + 6 <= NUM_STEPS; p++) {
        const struct engine_insn *insn = &v->program->insns[flow->blocks[p].end - 1];
        if (engine_insn_effect(insn) != ENGINE_EFFECT_BRANCH)
            continue;
        if (!engine_insn_uses_src(insn)) {
            for (int64_t c = insn->imm - 1; c <= insn->imm + 1; c++)
                num_step(steps, (uint64_t)c);
            continue;
        }
        for (int k = 0; k < 2; k++) {
            unsigned reg = k ? insn->dst : insn->src;
            const struct value *limit = reg_at(v, head, reg), *later = reg_at(v, by, reg);
            if (limit->num.umax == UINT64_MAX || limit->symbol != later->symbol ||
                limit->offset != later->offset)
                continue; // changes in the loop
            for (uint64_t c = limit->num.umax - 1; c != limit->num.umax + 2; c++)
                num_step(steps, c);
        }
    }
}

static bool loop_grow(struct verifier *v, struct work *w, struct loop *l, uint32_t by) {
    struct num_steps steps;
    enum join_mode mode = mode_of(l);
    if (mode == JOIN_WIDEN)
        loop_steps(v, w, l, state_at(v, by), &steps);
    bool grew = state_join(v, l->state, by, mode, &steps);
    l->rounds += l->rounds < UINT16_MAX;
    return grew;
}

// Takes entry union what came back as the head's state, if that is less than it has grown to.
static void loop_narrow(struct verifier *v, struct loop *l) {
    if (!l->entry || !l->back || l->narrowings >= 3 || l->rounds < 2)
        return;
    uint32_t tried = state_copy(v, l->entry), wide = state_copy(v, l->state);
    if (!tried || !wide)
        return;
    (void)state_join(v, tried, l->back, JOIN_MERGE, NULL);
    uint32_t test = state_copy(v, tried);
    if (test && state_join(v, test, l->state, JOIN_HEAD, NULL)) {
        state_free(v, l->wide);
        l->wide = wide;
        state_free(v, l->state);
        l->state = tried;
        l->narrowings++;
    } else {
        state_free(v, tried);
        state_free(v, wide);
    }
    state_free(v, test);
}

static void loop_set_phase(struct verifier *v, struct work *w, struct loop *l,
                           enum loop_phase phase) {
    struct flow *flow = flow_of(v, w);
    l->phase = (uint8_t)phase;
    l->growing = phase == LOOP_GROWS || (l->parent != NO_LOOP && flow->loops[l->parent].growing);
    l->back_edges = 0;
    memset(l->turns_by, 0, sizeof l->turns_by);
}

static bool loop_again(struct verifier *v, struct work *w, struct loop *l, enum loop_phase phase) {
    state_free(v, l->back);
    l->back = 0;
    l->again = 1;
    loop_set_phase(v, w, l, phase);
    return true;
}

// At the last position of the loop: must it be repeated?
static bool loop_end(struct verifier *v, struct work *w, struct loop *l) {
    if (!l->state && !l->back)
        return false;
    if (!l->state) { // entered from elsewhere than its head
        l->state = l->back;
        l->back = 0;
        return loop_again(v, w, l, LOOP_GROWS);
    }
    if (l->phase == LOOP_GROWS) {
        if (l->back && loop_grow(v, w, l, l->back))
            return loop_again(v, w, l, LOOP_GROWS);
        loop_narrow(v, l);
        return loop_again(v, w, l, LOOP_FINAL);
    }
    if (l->back && loop_grow(v, w, l, l->back) && !WEAK(INDUCTIVE)) {
        if (l->wide) {
            state_free(v, l->state);
            l->state = l->wide;
            l->wide = 0;
            (void)loop_grow(v, w, l, l->back);
        }
        l->narrowings = UINT16_MAX;
        return loop_again(v, w, l, LOOP_GROWS);
    }
    state_free(v, l->back);
    state_free(v, l->wide);
    l->back = l->wide = 0;
    return false;
}

// State in which the head is to be analysed; 0: not reached.
static uint32_t loop_enter(struct verifier *v, struct work *w, struct block *b) {
    struct loop *l = &flow_of(v, w)->loops[b->loop];
    if (l->again) {
        l->again = 0;
        return state_copy(v, l->state);
    }
    uint32_t in = b->in;
    if (!in)
        return 0;
    if (b->sticky)
        in = state_copy(v, in);
    else
        b->in = 0;
    // Entered as in the last turn of the loop around it: what was found then still holds. Else from
    // scratch, so that relations to the outer loop's variables are found afresh.
    uint32_t test = l->state && l->entry ? state_copy(v, l->entry) : 0;
    bool grew = !test || state_join(v, test, in, JOIN_SAME, NULL);
    state_free(v, test);
    if (grew) {
        state_free(v, l->state);
        state_free(v, l->wide);
        l->state = state_copy(v, in);
        l->wide = 0;
        l->rounds = l->narrowings = 0;
    }
    state_free(v, l->entry);
    l->entry = in;
    state_free(v, l->back);
    l->back = 0;
    loop_set_phase(v, w, l, grew ? LOOP_GROWS : LOOP_FINAL);
    return state_copy(v, l->state);
}

// ---- Edges

// Sends `state` (which is given away) along an edge.
static void send(struct verifier *v, struct work *w, uint32_t to_slot, uint32_t state,
                 uint32_t arrived) {
    struct flow *flow = flow_of(v, w);
    uint32_t from = w->position;
    uint32_t to = flow->position[to_slot - v->program->functions[w->function].entry];
    struct block *target = &flow->blocks[to];
    if (to <= from) {
        struct loop *l = &flow->loops[target->loop];
        if (w->record)
            rank_edge(v, l, state_at(v, state));
        if (!l->back) {
            l->back = state;
            return;
        }
        (void)state_join(v, l->back, state, JOIN_MERGE, NULL);
        state_free(v, state);
        return;
    }
    for (uint32_t l = flow->blocks[from].loop; l != NO_LOOP && to > flow->loops[l].last;
         l = flow->loops[l].parent)
        if (flow->loops[l].phase == LOOP_GROWS) {
            state_free(v, state);
            return;
        }
    if (!target->in) {
        target->in = state;
        if (w->record)
            target->arrived = arrived;
        return;
    }
    (void)state_join(v, target->in, state, JOIN_MERGE, NULL);
    state_free(v, state);
}

// ---- Blocks

static bool enter_block(struct verifier *v, struct work *w) {
    struct flow *flow = flow_of(v, w);
    struct block *b = &flow->blocks[w->position];
    if (b->head)
        w->now = loop_enter(v, w, b);
    else if (b->sticky)
        w->now = b->in ? state_copy(v, b->in) : 0;
    else {
        w->now = b->in;
        b->in = 0;
    }
    w->pc = b->first;
    w->record = w->final && (b->loop == NO_LOOP || !flow->loops[b->loop].growing);
    w->entered = 1;
    return w->now != 0;
}

// The block is done, or not reached: on to the next, or back to the head of a loop that ends here.
static void leave_block(struct verifier *v, struct work *w) {
    struct flow *flow = flow_of(v, w);
    state_free(v, w->now);
    w->now = 0;
    w->entered = 0;
    w->extend_pc = ENGINE_NO_PC;
    for (uint32_t l = flow->blocks[w->position].loop;
         l != NO_LOOP && flow->loops[l].last == w->position; l = flow->loops[l].parent)
        if (loop_end(v, w, &flow->loops[l])) {
            w->position = flow->loops[l].head;
            return;
        }
    w->position++;
}

static void believe(struct verifier *v, const struct state *s, uint32_t pc) {
    struct engine_belief beliefs[ENGINE_REGISTERS];
    memset(beliefs, 0, sizeof beliefs);
    for (unsigned r = 0; r < ENGINE_REGISTERS; r++) {
        const struct value *value = reg_at(v, s, r);
        struct engine_belief *belief = &beliefs[r];
        if (value->kind < VALUE_NUMBER)
            continue;
        belief->kind = (uint8_t)(value->kind - VALUE_NUMBER + ENGINE_BELIEF_NUMBER);
        belief->nullable = value->flags & VALUE_NULLABLE;
        belief->same = s->reg[r];
        belief->value = value->num.value, belief->mask = value->num.mask;
        belief->umin = value->num.umin, belief->umax = value->num.umax;
        belief->smin = value->num.smin, belief->smax = value->num.smax;
        belief->wmin = value->num.wmin, belief->wmax = value->num.wmax;
        belief->imin = value->num.imin, belief->imax = value->num.imax;
    }
    v->options->believe(v->options->cookie, pc, beliefs);
}

static void record(struct verifier *v, struct work *w, uint32_t pc) {
    const struct engine_verify_options *options = v->options;
    v->proof[pc] |= ENGINE_PROOF_REACHED;
    if (options && options->report) {
        struct engine_fact facts[ENGINE_REGISTERS];
        explain_facts(v, state_at(v, w->now), facts);
        options->report(options->cookie, pc, facts);
    }
    if (options && options->believe)
        believe(v, state_at(v, w->now), pc);
}

static void run_branch(struct verifier *v, struct work *w, uint32_t pc) {
    unsigned may;
    struct state *s = state_at(v, w->now);
    uint32_t taken = exec_branch(v, w, s, pc, &may), now = w->now;
    w->now = 0;
    if (v->error) {
        w->now = now;
        state_free(v, taken);
        return;
    }
    if (may & 2)
        proof_set(v, w, pc, ENGINE_PROOF_ALWAYS);
    if (may & 1)
        proof_set(v, w, pc, ENGINE_PROOF_NEVER);
    if (may & 1)
        send(v, w, pc + 1, now, pc << 1);
    else
        state_free(v, now);
    if (may & 2)
        send(v, w, v->program->insns[pc].target, taken, pc << 1 | 1);
    else
        state_free(v, taken);
}

// While loops still grow, what cannot be proved is passed over: the final pass will tell.
static bool recover(struct verifier *v, const struct work *w, struct state *s,
                    const struct engine_insn *insn) {
    enum engine_effect effect = engine_insn_effect(insn);
    if (v->error || w->record)
        return false;
    if (effect == ENGINE_EFFECT_ALU || effect == ENGINE_EFFECT_LOAD)
        s->reg[insn->dst] = value_number(v, &num_any);
    return true;
}

// Runs the instruction at w->pc. False: the block is left (path ends, callee entered, error).
static bool run_insn(struct verifier *v, struct work *w, bool *call) {
    const struct engine_insn *insn = &v->program->insns[w->pc];
    struct state *s = state_at(v, w->now);
    uint32_t pc = w->pc, now;
    switch (engine_insn_effect(insn)) {
    case ENGINE_EFFECT_HOLE:
        break;
    case ENGINE_EFFECT_JUMP:
        now = w->now;
        w->now = 0;
        send(v, w, insn->target, now, pc << 1 | 1);
        return false;
    case ENGINE_EFFECT_BRANCH:
        run_branch(v, w, pc);
        return false;
    case ENGINE_EFFECT_EXIT:
        (void)call_exit(v, w, s, pc);
        return false;
    case ENGINE_EFFECT_CALL: {
        enum call_result result = call_exec(v, w, s, pc);
        *call = result == CALL_ENTER;
        if (result != CALL_DONE)
            return false;
        break;
    }
    default:
        if (!exec_step(v, w, s, pc) && !recover(v, w, s, insn))
            return false;
        break;
    }
    w->pc = pc + engine_insn_slots(insn);
    return true;
}

// Runs the present block from w->pc. True: it is done. False: a callee was pushed, or an error.
static bool run_block(struct verifier *v, struct work *w) {
    uint32_t end = flow_of(v, w)->blocks[w->position].end;
    bool call = false;
    while (w->pc < end) {
        if (v->error)
            return false;
        if (++v->work > v->work_limit)
            return refuse_limit(v, w->pc);
        verify_collect(v);
        if (w->record)
            record(v, w, w->pc);
        if (!run_insn(v, w, &call))
            return !call && !v->error;
    }
    if (v->error)
        return false;
    uint32_t now = w->now;
    w->now = 0;
    send(v, w, end, now, (end - 1) << 1);
    return true;
}

bool work_run(struct verifier *v) {
    while (v->top && !v->error) {
        struct work *w = v->top;
        if (!w->entered && w->position >= flow_of(v, w)->block_count) {
            finish(v);
            continue;
        }
        if (++v->work > v->work_limit)
            return refuse_limit(v, w->pc);
        if (!w->entered && !enter_block(v, w)) {
            leave_block(v, w);
            continue;
        }
        if (run_block(v, w))
            leave_block(v, w);
    }
    return !v->error;
}
