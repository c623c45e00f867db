// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Memory, work and rubbish: every n-th allocation fails; limits are too small; programs are random
// bytes. There is always a verdict, and nothing leaks.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/fixture.h"
#include "tests/engine/verify/generate.h"

static unsigned passed, failed;

static void check(bool ok, const char *what, unsigned long long a, unsigned long long b) {
    passed += ok;
    failed += !ok;
    if (!ok)
        printf("%s: %llu, %llu\n", what, a, b);
}

// Every allocation in turn fails, and all after it.
static void starve(const struct generated_program *p, struct fixture_single *single,
                   unsigned program) {
    for (uint64_t n = 1; n < 2000; n++) {
        struct host_memory memory = {0};
        struct engine_host host = host_make(&memory);
        struct engine_program *made = NULL;
        struct engine_refusal refusal;
        struct engine_verdict verdict;
        if (engine_program_from_slots(&host, p->slots, p->count * 8, &single->interface, &made,
                                      &refusal))
            return;
        memory.fail_at = memory.count + n;
        int error = engine_verify(made, NULL, &verdict);
        bool starved = memory.count >= memory.fail_at;
        check(starved ? error == ENGINE_ERROR_MEMORY && !verdict.accepted : error <= 0,
              "starved program, allocation", program, n);
        engine_verdict_free(&verdict);
        engine_program_free(made);
        check(memory.now == 0, "leak in program, allocation", program, n);
        if (!starved)
            return;
    }
}

static void limit(const struct generated_program *p, struct fixture_single *single,
                  unsigned program) {
    for (uint64_t work = 1; work < 4000; work = work * 3 / 2 + 1) {
        struct host_memory memory = {0};
        struct engine_host host = host_make(&memory);
        struct engine_program *made = NULL;
        struct engine_refusal refusal;
        struct engine_verdict verdict;
        struct engine_verify_options options = {.work_limit = work,
                                                .memory_limit = work * 16 + 4096};
        if (engine_program_from_slots(&host, p->slots, p->count * 8, &single->interface, &made,
                                      &refusal))
            return;
        int error = engine_verify(made, &options, &verdict);
        check((error == 0) == verdict.accepted, "verdict and result", program, work);
        check(error != ENGINE_ERROR_LIMIT || verdict.refusal.code == ENGINE_REFUSED_WORK ||
                  verdict.refusal.code == ENGINE_REFUSED_MEMORY,
              "limit without reason", program, work);
        check(verdict.statistics.memory_peak <= options.memory_limit + 65536, "memory over limit",
              program, work);
        engine_verdict_free(&verdict);
        engine_program_free(made);
        check(memory.now == 0, "leak in program, limit", program, work);
    }
}

// The same program twice: the same verdict, to the last unit of work.
static void repeat(const struct generated_program *p, struct fixture_single *single,
                   unsigned program) {
    struct engine_host host = host_make(NULL);
    struct engine_program *made = NULL;
    struct engine_refusal refusal;
    struct engine_verdict one, two;
    if (engine_program_from_slots(&host, p->slots, p->count * 8, &single->interface, &made,
                                  &refusal))
        return;
    int a = engine_verify(made, NULL, &one), b = engine_verify(made, NULL, &two);
    check(a == b && one.statistics.work == two.statistics.work &&
              one.statistics.memory_peak == two.statistics.memory_peak &&
              one.refusal.code == two.refusal.code && one.refusal.pc == two.refusal.pc,
          "two verdicts", program, 0);
    check(a || memcmp(one.proof, two.proof, made->insn_count) == 0, "two proofs", program, 0);
    engine_verdict_free(&one);
    engine_verdict_free(&two);
    engine_program_free(made);
}

int main(void) {
    static struct generated_program p;
    struct fixture_single single;
    for (unsigned i = 0; i < 60; i++) {
        struct choices choices = {.random = i * 7919u + 1};
        generate_program(&p, &choices);
        fixture_single_init(&single, i % FIXTURE_HOOKS, 64);
        repeat(&p, &single, i);
        limit(&p, &single, i);
        if (i < 25)
            starve(&p, &single, i);
    }
    for (unsigned i = 0; i < 3000; i++) { // rubbish, half of it with plausible opcodes
        struct choices choices = {.random = i};
        p.count = 1 + choices_pick(&choices, 40);
        for (uint32_t k = 0; k < p.count * 8; k++)
            ((uint8_t *)p.slots)[k] = (uint8_t)choices_pick(&choices, 256);
        for (uint32_t k = 0; i % 2 && k < p.count; k++) {
            p.slots[k].opcode = engine_ops[1 + choices_pick(&choices, ENGINE_OP_COUNT - 1)].opcode;
            p.slots[k].registers =
                (uint8_t)(choices_pick(&choices, 11) | choices_pick(&choices, 11) << 4);
            p.slots[k].off = (int16_t)((int)choices_pick(&choices, 20) - 10);
        }
        fixture_single_init(&single, i % FIXTURE_HOOKS, 64);
        repeat(&p, &single, 1000 + i);
    }
    printf("verify-memory: %u passed, %u failed\n", passed, failed);
    return failed != 0;
}
