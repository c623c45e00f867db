// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Control flow of one function: blocks in the order of analysis, and loops as intervals of it.
//
// The order is topological except for edges that go back, and each loop is contiguous: its head
// first, and nothing that leaves it in between. Without backward jumps that is the order of
// addresses. Otherwise: one depth-first search finds loops (Tarjan's collapsing of bodies, in
// reverse preorder); a second one numbers the blocks, and at a loop's head first visits everything
// the loop leads out to, so that it comes later. Everything is iterative and, but for the depth of
// nesting, linear.
//
// Soundness does not rest on this order: every target of an edge that goes back is a head, heads
// cut all cycles, and blocks entered from outside of their loop by other ways than its head are
// sticky (they keep what came in).

#include "base/string.h"
#include "engine/sort.h"
#include "engine/verify/priv.h"

struct graph { // while building; blocks in order of addresses
    uint32_t count;
    uint32_t *first;     // first slot
    uint32_t *block_of;  // per slot: block that begins there, else NONE
    uint32_t (*next)[2]; // successors or NONE
    uint32_t *pre, *last, *order,
        *parent; // preorder number, last descendant's, its inverse, union-find
    uint32_t *header;
    uint32_t *pred_start, *pred;
    uint32_t *stack, *exit_head, *exit_next, *exit_to;
    uint8_t *flag;
    uint32_t exit_count;
};

enum { NONE = UINT32_MAX, FLAG_HEADER = 1, FLAG_DONE = 2, FLAG_SEEN = 4 };

struct scratch {
    uint8_t *memory;
    size_t size, used;
};

static void *take(struct scratch *scratch, size_t count, size_t size) {
    void *at = scratch->memory + scratch->used;
    scratch->used += (count * size + 15) & ~(size_t)15;
    return at;
}

// ---- Blocks

static bool ends_block(const struct engine_insn *insn) {
    return engine_insn_has_target(insn) || engine_insn_effect(insn) == ENGINE_EFFECT_EXIT;
}

// Marks the slots at which blocks begin; returns their number. *back: is some jump backward?
static uint32_t find_leaders(const struct engine_program *program,
                             const struct engine_function *function, uint32_t *leader, bool *back) {
    uint32_t count = 0, end = function->entry + function->length;
    for (uint32_t i = 0; i < function->length; i++)
        leader[i] = NONE;
    leader[0] = 0;
    for (uint32_t pc = function->entry; pc < end; pc++) {
        const struct engine_insn *insn = &program->insns[pc];
        if (!ends_block(insn))
            continue;
        if (pc + 1 < end)
            leader[pc + 1 - function->entry] = 0;
        if (engine_insn_has_target(insn)) {
            leader[insn->target - function->entry] = 0;
            *back |= insn->target <= pc;
        }
    }
    for (uint32_t i = 0; i < function->length; i++)
        if (leader[i] != NONE)
            leader[i] = count++;
    return count;
}

static void set_block(const struct engine_function *function, const uint32_t *leader,
                      struct block *block, uint32_t first) {
    uint32_t end = first + 1;
    while (end < function->entry + function->length && leader[end - function->entry] == NONE)
        end++;
    memset(block, 0, sizeof *block);
    block->first = first;
    block->end = end;
    block->loop = NO_LOOP;
    block->arrived = ENGINE_NO_PC;
}

// ---- Graph

static void link_blocks(const struct engine_program *program,
                        const struct engine_function *function, struct graph *g) {
    uint32_t end = function->entry + function->length;
    for (uint32_t b = 0; b < g->count; b++) {
        uint32_t stop = b + 1 < g->count ? g->first[b + 1] : end, last = stop - 1;
        if (program->insns[last].op == ENGINE_OP_HOLE && last > g->first[b])
            last--;
        const struct engine_insn *insn = &program->insns[last];
        g->next[b][0] = engine_insn_falls_through(insn) && b + 1 < g->count ? b + 1 : NONE;
        g->next[b][1] =
            engine_insn_has_target(insn) ? g->block_of[insn->target - function->entry] : NONE;
    }
    for (uint32_t b = 0; b < g->count; b++)
        for (int k = 0; k < 2; k++)
            if (g->next[b][k] != NONE)
                g->pred_start[g->next[b][k] + 1]++;
    for (uint32_t b = 0; b < g->count; b++)
        g->pred_start[b + 1] += g->pred_start[b];
    memcpy(g->stack, g->pred_start, g->count * sizeof *g->stack);
    for (uint32_t b = 0; b < g->count; b++)
        for (int k = 0; k < 2; k++)
            if (g->next[b][k] != NONE)
                g->pred[g->stack[g->next[b][k]]++] = b;
}

// Preorder numbers and intervals of descendants.
static uint32_t number_blocks(struct graph *g) {
    uint32_t count = 0, depth = 0;
    for (uint32_t b = 0; b < g->count; b++)
        g->pre[b] = g->header[b] = NONE, g->parent[b] = b;
    // The stack holds block << 2 | next successor to visit.
    g->stack[depth++] = 0;
    g->order[count] = 0;
    g->pre[0] = count++;
    while (depth) {
        uint32_t b = g->stack[depth - 1] >> 2, k = g->stack[depth - 1] & 3;
        if (k == 2) {
            g->last[b] = count - 1;
            depth--;
            continue;
        }
        g->stack[depth - 1]++;
        uint32_t to = g->next[b][k];
        if (to == NONE || g->pre[to] != NONE)
            continue;
        g->order[count] = to;
        g->pre[to] = count++;
        g->stack[depth++] = to << 2;
    }
    return count;
}

static bool descends(const struct graph *g, uint32_t b, uint32_t from) {
    return g->pre[b] >= g->pre[from] && g->pre[b] <= g->last[from];
}

static uint32_t find_set(struct graph *g, uint32_t b) {
    while (g->parent[b] != b) {
        g->parent[b] = g->parent[g->parent[b]];
        b = g->parent[b];
    }
    return b;
}

// Loop body of h: what reaches a back edge to h without passing h.
static void collect_body(struct graph *g, uint32_t h) {
    uint32_t count = 0;
    for (uint32_t i = g->pred_start[h]; i < g->pred_start[h + 1]; i++) {
        uint32_t from = g->pred[i];
        if (g->pre[from] == NONE || !descends(g, from, h))
            continue;
        g->flag[h] |= FLAG_HEADER;
        from = find_set(g, from);
        if (from != h && !(g->flag[from] & FLAG_SEEN)) {
            g->flag[from] |= FLAG_SEEN;
            g->stack[count++] = from;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t b = g->stack[i];
        g->header[b] = h;
        for (uint32_t k = g->pred_start[b]; k < g->pred_start[b + 1]; k++) {
            uint32_t from = g->pred[k];
            if (g->pre[from] == NONE)
                continue;
            from = find_set(g, from);
            if (from == h || g->flag[from] & FLAG_SEEN || !descends(g, from, h))
                continue; // not a descendant: entered from outside
            g->flag[from] |= FLAG_SEEN;
            g->stack[count++] = from;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        g->flag[g->stack[i]] &= (uint8_t)~FLAG_SEEN;
        g->parent[g->stack[i]] = h;
    }
}

static uint32_t loop_of(const struct graph *g, uint32_t b) {
    return g->flag[b] & FLAG_HEADER ? b : g->header[b];
}

// Outermost loop that the edge leaves, or NONE.
static uint32_t left_by(const struct graph *g, uint32_t from, uint32_t to) {
    uint32_t left = NONE;
    for (uint32_t h = loop_of(g, from); h != NONE; h = g->header[h]) {
        uint32_t inside = loop_of(g, to);
        while (inside != NONE && inside != h && g->pre[inside] > g->pre[h])
            inside = g->header[inside];
        if (inside == h)
            break;
        left = h;
    }
    return left;
}

static void collect_exits(struct graph *g, uint32_t count) {
    for (uint32_t b = 0; b < g->count; b++)
        g->exit_head[b] = NONE;
    for (uint32_t i = 0; i < count; i++)
        for (int k = 0; k < 2; k++) {
            uint32_t from = g->order[i], to = g->next[from][k];
            uint32_t h = to == NONE ? NONE : left_by(g, from, to);
            if (h == NONE)
                continue;
            g->exit_to[g->exit_count] = to;
            g->exit_next[g->exit_count] = g->exit_head[h];
            g->exit_head[h] = g->exit_count++;
        }
}

// Second search: numbers blocks from the end. Reuses pred as the list of exits still to visit, per
// stack entry, and `last` as its result.
static void order_blocks(struct graph *g, uint32_t count) {
    uint32_t depth = 0, place = count;
    uint32_t *exits = g->pred; // 2 * count is enough: one per stack entry
    g->stack[depth] = 0;
    exits[depth++] = g->exit_head[0];
    g->flag[0] |= FLAG_DONE;
    while (depth) {
        uint32_t b = g->stack[depth - 1] >> 2, k = g->stack[depth - 1] & 3, to;
        if (exits[depth - 1] != NONE) {
            to = g->exit_to[exits[depth - 1]];
            exits[depth - 1] = g->exit_next[exits[depth - 1]];
        } else if (k < 2) {
            to = g->next[b][1 - k];
            g->stack[depth - 1]++;
        } else {
            g->order[--place] = b;
            depth--;
            continue;
        }
        if (to == NONE || g->flag[to] & FLAG_DONE)
            continue;
        g->flag[to] |= FLAG_DONE;
        g->stack[depth] = to << 2;
        exits[depth++] = g->exit_head[to];
    }
}

// ---- Loops as intervals

static uint32_t target_position(const struct flow *flow, const struct engine_function *function,
                                uint32_t slot) {
    return flow->position[slot - function->entry];
}

// Calls visit for both successors of each block.
typedef void visit_edge(struct flow *flow, uint32_t from, uint32_t to);

static void each_edge(const struct engine_program *program, const struct engine_function *function,
                      struct flow *flow, visit_edge *visit) {
    for (uint32_t p = 0; p < flow->block_count; p++) {
        uint32_t last = flow->blocks[p].end - 1;
        if (program->insns[last].op == ENGINE_OP_HOLE && last > flow->blocks[p].first)
            last--;
        const struct engine_insn *insn = &program->insns[last];
        if (engine_insn_has_target(insn))
            visit(flow, p, target_position(flow, function, insn->target));
        if (engine_insn_falls_through(insn) &&
            flow->blocks[p].end < function->entry + function->length &&
            target_position(flow, function, flow->blocks[p].end) != NONE)
            visit(flow, p, target_position(flow, function, flow->blocks[p].end));
    }
}

// block.loop of a head holds, meanwhile, 1 + the last position from which an edge goes back to it.
static void note_back_edge(struct flow *flow, uint32_t from, uint32_t to) {
    if (to > from)
        return;
    struct block *head = &flow->blocks[to];
    if (!head->head)
        flow->loop_count++;
    head->head = 1;
    if (head->loop == NO_LOOP || head->loop < from)
        head->loop = from;
}

static void note_entry(struct flow *flow, uint32_t from, uint32_t to) {
    if (to <= from)
        return;
    for (uint32_t l = flow->blocks[to].loop; l != NO_LOOP; l = flow->loops[l].parent) {
        if (from >= flow->loops[l].head)
            return;
        if (flow->loops[l].head != to)
            flow->blocks[to].sticky = 1;
    }
}

static bool find_loops(struct verifier *v, const struct engine_function *function,
                       struct flow *flow) {
    each_edge(v->program, function, flow, note_back_edge);
    flow->loops = verify_alloc(v, flow->loop_count * sizeof *flow->loops);
    if (!flow->loops)
        return false;
    uint32_t count = 0, open = NO_LOOP;
    for (uint32_t p = 0; p < flow->block_count; p++) {
        struct block *block = &flow->blocks[p];
        while (open != NO_LOOP && flow->loops[open].last < p)
            open = flow->loops[open].parent;
        if (block->head) {
            struct loop *loop = &flow->loops[count];
            loop->head = p;
            loop->last = block->loop;
            loop->parent = open;
            // Intervals nest: what ends later than its parent makes the parents longer.
            for (uint32_t l = open; l != NO_LOOP; l = flow->loops[l].parent)
                if (flow->loops[l].last < loop->last)
                    flow->loops[l].last = loop->last;
            open = count++;
        }
        block->loop = open;
    }
    // Parents may have grown over blocks that were numbered before.
    open = NO_LOOP;
    for (uint32_t p = 0, l = 0; p < flow->block_count; p++) {
        while (open != NO_LOOP && flow->loops[open].last < p)
            open = flow->loops[open].parent;
        if (flow->blocks[p].head) {
            flow->loops[l].parent = open;
            open = l++;
        }
        flow->blocks[p].loop = open;
    }
    each_edge(v->program, function, flow, note_entry);
    return true;
}

// ----

static bool order_with_loops(struct verifier *v, const struct engine_function *function,
                             struct flow *flow, uint32_t count) {
    size_t n = (size_t)count + 1;
    struct scratch scratch = {.size = n * 15 * 4 + 8 * n + n + 16 * 20};
    struct graph g = {.count = count, .block_of = flow->position};
    scratch.memory = verify_alloc(v, scratch.size);
    if (!scratch.memory)
        return false;
    g.first = take(&scratch, n, 4);
    g.next = take(&scratch, n, 8);
    g.pre = take(&scratch, n, 4);
    g.last = take(&scratch, n, 4);
    g.order = take(&scratch, n, 4);
    g.parent = take(&scratch, n, 4);
    g.header = take(&scratch, n, 4);
    g.pred_start = take(&scratch, n, 4);
    g.pred = take(&scratch, 2 * n, 4);
    g.stack = take(&scratch, n, 4);
    g.exit_head = take(&scratch, n, 4);
    g.exit_next = take(&scratch, 2 * n, 4);
    g.exit_to = take(&scratch, 2 * n, 4);
    g.flag = take(&scratch, n, 1);
    for (uint32_t i = 0, b = 0; i < function->length; i++)
        if (flow->position[i] != NONE)
            g.first[b++] = function->entry + i;
    link_blocks(v->program, function, &g);
    uint32_t reachable = number_blocks(&g);
    for (uint32_t i = reachable; i--;)
        collect_body(&g, g.order[i]);
    collect_exits(&g, reachable);
    order_blocks(&g, reachable);
    for (uint32_t p = 0; p < reachable; p++)
        set_block(function, flow->position, &flow->blocks[p], g.first[g.order[p]]);
    for (uint32_t i = 0; i < function->length; i++)
        flow->position[i] = NONE;
    for (uint32_t p = 0; p < reachable; p++)
        flow->position[flow->blocks[p].first - function->entry] = p;
    flow->block_count = reachable;
    verify_free(v, scratch.memory, scratch.size);
    v->work += count / 4;
    return find_loops(v, function, flow);
}

bool flow_build(struct verifier *v, uint32_t index) {
    const struct engine_function *function = &v->program->functions[index];
    struct flow *flow = &v->functions[index].flow;
    if (v->functions[index].flow_known)
        return true;
    bool back = false;
    flow->position = verify_alloc(v, function->length * sizeof *flow->position);
    if (!flow->position)
        return false;
    uint32_t count = find_leaders(v->program, function, flow->position, &back);
    flow->bytes = count * sizeof *flow->blocks;
    flow->blocks = verify_alloc(v, flow->bytes);
    if (!flow->blocks)
        return false;
    v->functions[index].flow_known = 1;
    if (back)
        return order_with_loops(v, function, flow, count);
    flow->block_count = count;
    for (uint32_t i = 0, b = 0; i < function->length; i++)
        if (flow->position[i] != NONE)
            set_block(function, flow->position, &flow->blocks[b++], function->entry + i);
    return true;
}

void flow_free(struct verifier *v, uint32_t index) {
    struct flow *flow = &v->functions[index].flow;
    verify_free(v, flow->position, v->program->functions[index].length * sizeof *flow->position);
    verify_free(v, flow->blocks, flow->bytes);
    verify_free(v, flow->loops, flow->loop_count * sizeof *flow->loops);
    memset(flow, 0, sizeof *flow);
}
