// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// See oracle.h.

#include "tests/engine/verify/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/verify/belief.h"
#include "tests/engine/fixture.h"

enum { REPAIRS = 60, STEPS_MAX = 1 << 26, BUDGET = 20000, RUNS = 4 };

struct watch {
    struct engine_belief (*beliefs)[ENGINE_REGISTERS];
    uint8_t *believed;
    const struct engine_program *program;
    struct host_run *run;
    const uint8_t *input;
    const struct fixture *fixture;
    uint64_t steps, checks;
    bool wrong;
};
static struct watch *watching;
static uint64_t current_seed;

static void note_belief(void *cookie, uint32_t pc, const struct engine_belief *beliefs) {
    struct watch *watch = cookie;
    memcpy(watch->beliefs[pc], beliefs, sizeof watch->beliefs[pc]);
    watch->believed[pc] = 1;
}

static bool contains(const struct engine_belief *b, uint64_t x) {
    return ((x ^ b->value) & ~b->mask) == 0 && x >= b->umin && x <= b->umax &&
           (int64_t)x >= b->smin && (int64_t)x <= b->smax && (uint32_t)x >= b->wmin &&
           (uint32_t)x <= b->wmax && (int32_t)x >= b->imin && (int32_t)x <= b->imax;
}

static bool believable(const struct watch *w, const struct engine_belief *b, uint64_t x,
                       const uint64_t *registers, bool local) {
    bool null = b->nullable && x == 0;
    switch (b->kind) {
    case ENGINE_BELIEF_NOTHING:
        return true;
    case ENGINE_BELIEF_NUMBER:
        return contains(b, x);
    case ENGINE_BELIEF_STACK:
        return null || contains(b, x - registers[ENGINE_R10]);
    case ENGINE_BELIEF_CONTEXT:
        return null || contains(b, x - (uintptr_t)&w->fixture->context);
    case ENGINE_BELIEF_REFERENCE:
        return null || contains(b, x - (uintptr_t)&w->fixture->thing);
    case ENGINE_BELIEF_ARENA: // or any number
        return contains(b, x - w->run->run.arena) || (b->umin == 0 && b->umax == UINT64_MAX);
    case ENGINE_BELIEF_BUFFER:
        return null || local || contains(b, x - (uintptr_t)w->input); // local: a caller's frame
    default:
        return null || contains(b, x - (uintptr_t)w->input);
    }
}

static void look(struct engine_run *run, uint32_t pc, const uint64_t *registers) {
    struct watch *w = watching;
    (void)run;
    if (w->wrong)
        return;
    if (++w->steps > STEPS_MAX) {
        fprintf(stderr,
                "seed %llu, slot %u: still running after %u instructions, without a meter\n",
                (unsigned long long)current_seed, pc, STEPS_MAX);
        exit(1);
    }
    if (!w->believed[pc]) {
        fprintf(stderr, "slot %u: reached, but believed not to be\n", pc);
        w->wrong = true;
        return;
    }
    const struct engine_belief *beliefs = w->beliefs[pc];
    bool local = engine_program_function_at(w->program, pc) != 0;
    for (unsigned r = 0; r < ENGINE_REGISTERS; r++) {
        w->checks++;
        if (!believable(w, &beliefs[r], registers[r], registers, local)) {
            fprintf(
                stderr,
                "slot %u: r%u is %#llx, not believed (kind %u, umin %llx umax %llx mask %llx)\n",
                pc, r, (unsigned long long)registers[r], beliefs[r].kind,
                (unsigned long long)beliefs[r].umin, (unsigned long long)beliefs[r].umax,
                (unsigned long long)beliefs[r].mask);
            w->wrong = true;
        }
        for (unsigned q = 0; q < r; q++)
            if (beliefs[r].same && beliefs[r].same == beliefs[q].same &&
                registers[r] != registers[q]) {
                fprintf(stderr, "slot %u: r%u and r%u believed equal, are not\n", pc, q, r);
                w->wrong = true;
            }
    }
}

// ---- The interface: the fixture's, and a hook with a span of bytes and its length.

static struct engine_hook span_hook = {
    .name = "span",
    .result = {.kind = ENGINE_SCALAR},
    .arguments = {{.kind = ENGINE_BUFFER,
                   .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE,
                   .length = 2,
                   .size = ORACLE_SPAN_MAX},
                  {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = ORACLE_SPAN_MAX}},
    .argument_count = 2,
};

static void interface_for(unsigned hook, struct fixture_single *single) {
    fixture_single_init(single, hook == ORACLE_PACKET ? FIXTURE_PACKET : FIXTURE_CONTEXT, 0);
    if (hook == ORACLE_SPAN)
        single->hook = span_hook;
}

// ---- Running

struct outcome {
    enum engine_status status;
    uint64_t r0;
    uint8_t input[ORACLE_SPAN_MAX];
    struct fixture_context context;
};

static void run_once(struct host_program *host, unsigned hook, enum host_mode mode, uint64_t seed,
                     struct watch *watch, struct outcome *outcome) {
    static const uint16_t sizes[] = {0, 1, 3, 14, 15, 34, 60, 64, 65, 100, 300, 4096};
    struct choices random = {.random = seed};
    struct host_run run;
    struct fixture fixture;
    uint64_t arguments[ENGINE_ARGS] = {0};
    size_t size = sizes[choices_pick(&random, sizeof sizes / sizeof sizes[0])];
    uint8_t *input = malloc(size ? size : 1);
    if (!input || !host_run_init(&run, host->program, ENGINE_STACK_MAX))
        abort();
    for (size_t i = 0; i < size; i++)
        input[i] = (uint8_t)choices_pick(&random, choices_pick(&random, 4) ? 6 : 256);
    fixture_begin(&fixture, &run.run, hook == ORACLE_PACKET ? FIXTURE_PACKET : FIXTURE_CONTEXT,
                  input, size, arguments);
    fixture.context.mark =
        choices_pick(&random, 2) ? choices_pick(&random, 100) : choices_pick(&random, UINT32_MAX);
    for (unsigned i = 0; i < 16; i++)
        fixture.context.bytes[i] = (uint8_t)choices_pick(&random, 256);
    if (hook == ORACLE_SPAN) {
        arguments[0] = (uintptr_t)input;
        arguments[1] = size;
    }
    host_run_reset(&run, host->program, BUDGET);
    if (run.run.arena)
        memset((void *)(uintptr_t)run.run.arena, 0, 1u << ORACLE_ARENA_LOG2);
    struct engine_region regions[3] = {{(uintptr_t)input, size, 1},
                                       {(uintptr_t)&fixture.context, sizeof fixture.context, 1},
                                       {(uintptr_t)&fixture.thing, 8, 0}};
    run.run.regions = regions;
    run.run.region_count = 3;
    if (watch) {
        watch->run = &run;
        watch->input = input;
        watch->fixture = &fixture;
        watch->steps = 0;
        watching = watch;
        run.run.observe = look;
    }
    memset(outcome, 0, sizeof *outcome);
    outcome->status = host_run_entry(host, &run, mode, 0, arguments, &outcome->r0);
    memcpy(outcome->input, input, size);
    outcome->context = fixture.context;
    outcome->context.data = outcome->context.data_end = 0;
    if (fixture.thing.count || run.run.held_count) {
        fprintf(stderr, "%lld references leaked\n", (long long)fixture.thing.count);
        exit(1);
    }
    host_run_free(&run);
    free(input);
}

static bool same(const struct outcome *a, const struct outcome *b, bool pointers) {
    if (a->status != b->status)
        return false;
    if (a->status != ENGINE_RUN_OK)
        return true;
    (void)pointers;
    return a->r0 == b->r0 && memcmp(a->input, b->input, sizeof a->input) == 0 &&
           memcmp(&a->context, &b->context, sizeof a->context) == 0;
}

static bool run_all(struct host_program *host, unsigned hook, uint64_t seed, struct watch *watch,
                    struct oracle_counts *counts) {
    static struct outcome bare, verified, compiled;
    bool masked = host->verdict.statistics.accesses_masked != 0 || host->program->arena_log2;
    for (unsigned i = 0; i < RUNS; i++, seed += 77) {
        run_once(host, hook, HOST_INTERPRET, seed, watch, &verified);
        counts->runs++;
        counts->instructions += watch->steps;
        counts->beliefs += watch->checks;
        watch->checks = 0;
        if (watch->wrong)
            return false;
        if (verified.status == ENGINE_RUN_ACCESS || verified.status == ENGINE_RUN_HELD ||
            verified.status == ENGINE_RUN_SETUP ||
            (verified.status == ENGINE_RUN_BUDGET && !host->verdict.metered)) {
            fprintf(stderr, "verified run ends: %s\n", engine_status_name(verified.status));
            return false;
        }
        if (host->has_code) {
            run_once(host, hook, HOST_JIT, seed, NULL, &compiled);
            if (!same(&verified, &compiled, masked)) {
                fprintf(stderr, "interpreter %s %llx, machine code %s %llx\n",
                        engine_status_name(verified.status), (unsigned long long)verified.r0,
                        engine_status_name(compiled.status), (unsigned long long)compiled.r0);
                if (!masked || verified.status != compiled.status)
                    return false;
            }
        }
        if (masked)
            continue; // arena addresses differ by run; numbers are no addresses there
        run_once(host, hook, HOST_UNVERIFIED, seed, NULL, &bare);
        if (bare.status == ENGINE_RUN_BUDGET || verified.status == ENGINE_RUN_BUDGET)
            continue; // metered differently
        if (!same(&verified, &bare, false)) {
            fprintf(stderr, "unverified %s %llx at slot, verified %s %llx\n",
                    engine_status_name(bare.status), (unsigned long long)bare.r0,
                    engine_status_name(verified.status), (unsigned long long)verified.r0);
            return false;
        }
    }
    return true;
}

static bool repair(struct generated_program *p, uint32_t pc) {
    if (pc >= p->count || p->slots[pc].opcode == 0x95)
        return false;
    unsigned dst = p->slots[pc].registers & 15;
    if (p->slots[pc].opcode == 0xb7) // already
        return false;
    p->slots[pc] = (struct engine_wire){0xb7, (uint8_t)(dst < 10 ? dst : 0), 0, 7};
    return true;
}

static void dump(const struct generated_program *p, const struct engine_program *program) {
    char text[200];
    for (uint32_t pc = 0; program && pc < p->count; pc++) {
        engine_insn_print(program, pc, text, sizeof text);
        fprintf(stderr, "%4u %s\n", pc, text);
    }
}

bool oracle_check(struct generated_program *p, uint64_t seed, struct oracle_counts *counts) {
    struct fixture_single single;
    struct engine_host engine = host_make(NULL);
    struct engine_refusal refusal;
    static struct engine_belief beliefs[GENERATED_SLOTS][ENGINE_REGISTERS];
    static uint8_t believed[GENERATED_SLOTS];
    current_seed = seed;
    interface_for(p->hook, &single);
    counts->programs++;
    for (unsigned i = 0; i < REPAIRS; i++) {
        struct host_program host = {.quiet = true};
        if (engine_program_from_slots(&engine, p->slots, p->count * 8, &single.interface,
                                      &host.program, &refusal)) {
            if (!repair(p, refusal.pc))
                return true;
            continue;
        }
        if (p->arena)
            host.program->arena_log2 = ORACLE_ARENA_LOG2;
        struct watch watch = {.beliefs = beliefs, .believed = believed, .program = host.program};
        struct engine_verify_options options = {.believe = note_belief, .cookie = &watch};
        memset(believed, 0, sizeof believed);
        host.has_verdict = true;
        int error = engine_verify(host.program, &options, &host.verdict);
        if (error) {
            uint32_t pc = host.verdict.refusal.pc;
            bool more = error == ENGINE_ERROR_REFUSED && repair(p, pc);
            if (error == ENGINE_ERROR_MEMORY)
                fprintf(stderr, "out of memory?\n");
            host_program_free(&host);
            counts->repaired++;
            if (!more)
                return true;
            continue;
        }
        counts->accepted++;
        host.has_code = engine_jit_compile(host.program, &host.verdict, 0, &host.code) == 0;
        bool ok = run_all(&host, p->hook, seed, &watch, counts);
        if (!ok)
            dump(p, host.program);
        host_program_free(&host);
        return ok;
    }
    return true;
}
