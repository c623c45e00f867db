// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Interpreter against machine code, on random programs: result, status, place, meter, arena and
// buffer must agree.
//
//     jit-differential [--seed N] [--count N] [--seconds N] [--failing] [--code FILE]
//
// The seed is printed; a failure prints the one command that repeats it, and the program. --failing
// also makes each allocation of each compilation fail in turn (slow: use few programs). --code
// writes the machine code of the last program.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/jit/generate.h"

enum { STACK = 8192, ARENA = 1 << GENERATE_ARENA_LOG2 };

struct outcome {
    enum engine_status status;
    uint32_t pc;
    uint64_t r0;
    int64_t meter;
    uint8_t buffer[GENERATE_BUFFER];
    uint8_t arena[ARENA + ENGINE_ARENA_SLACK];
};

static uint8_t stack[STACK] __attribute__((aligned(16)));
static uint8_t arena[ARENA + ENGINE_ARENA_SLACK] __attribute__((aligned(ARENA)));
static uint8_t buffer[GENERATE_BUFFER] __attribute__((aligned(16)));

static void make_verdict(const struct generated *g, const struct engine_program *program,
                         struct engine_verdict *verdict, struct engine_function_proof *functions) {
    for (uint32_t i = 0; i < program->function_count; i++)
        functions[i] = (struct engine_function_proof){
            GENERATE_FRAME, GENERATE_FRAME * (program->function_count - i),
            (uint16_t)(program->function_count - i), 1, g->zero_frame};
    *verdict =
        (struct engine_verdict){.accepted = true,
                                .metered = g->metered,
                                .stack_need = GENERATE_FRAME * program->function_count,
                                .proof = g->proof,
                                .functions = functions,
                                .calls = g->calls,
                                .call_count = g->call_count,
                                .checked_stack_need = GENERATE_FRAME * program->function_count,
                                .checked_depth_need = (uint16_t)program->function_count};
}

static void execute(const struct engine_program *program, const struct engine_verdict *verdict,
                    const struct engine_code *code, uint64_t seed, struct outcome *out) {
    struct engine_run run;
    uint64_t arguments[ENGINE_ARGS] = {(uintptr_t)buffer};
    memset(out, 0, sizeof *out);
    memset(&run, 0, sizeof run);
    memset(stack, 0xa5, sizeof stack);
    for (size_t i = 0; i < sizeof arena; i++)
        arena[i] = (uint8_t)generate_random(&seed);
    for (size_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (uint8_t)generate_random(&seed);
    for (unsigned i = 1; i < ENGINE_ARGS; i++)
        arguments[i] = generate_random(&seed) >> generate_random(&seed) % 64;
    run.meter = (int64_t)(generate_random(&seed) % 20000);
    run.arena = code && code->fixed ? 0 : (uintptr_t)arena;
    run.stack_top = (uintptr_t)stack + sizeof stack;
    run.stack_low =
        run.stack_top - (generate_random(&seed) % 4 ? sizeof stack : 16 * GENERATE_FRAME);
    out->status = code ? engine_jit_run(code, &run, 0, arguments, &out->r0)
                       : engine_interpret(program, verdict, &run, 0, arguments, &out->r0);
    out->pc = out->status == ENGINE_RUN_OK ? 0 : run.status_pc;
    out->meter = run.meter;
    memcpy(out->buffer, buffer, sizeof buffer);
    memcpy(out->arena, arena, sizeof arena);
}

static void complain(const struct engine_program *program, const struct outcome *want,
                     const struct outcome *got) {
    for (uint32_t pc = 0; pc < program->insn_count; pc++) {
        char text[96];
        engine_insn_print(program, pc, text, sizeof text);
        printf("%5u  %s\n", pc, text);
    }
    printf("interpreter: status %d at %u, r0 %#llx, meter %lld\n", want->status, want->pc,
           (unsigned long long)want->r0, (long long)want->meter);
    printf("machine:     status %d at %u, r0 %#llx, meter %lld\n", got->status, got->pc,
           (unsigned long long)got->r0, (long long)got->meter);
    for (unsigned i = 0; i < sizeof want->buffer; i++)
        if (want->buffer[i] != got->buffer[i])
            printf("buffer[%u]: %02x, machine %02x\n", i, want->buffer[i], got->buffer[i]);
    for (unsigned i = 0; i < sizeof want->arena; i++)
        if (want->arena[i] != got->arena[i])
            printf("arena[%u]: %02x, machine %02x\n", i, want->arena[i], got->arena[i]);
}

// Each allocation fails in turn; nothing may leak or crash.
static bool failing(const struct engine_program *program, const struct engine_verdict *verdict) {
    for (uint64_t n = 1;; n++) {
        struct host_memory memory = {.fail_at = n};
        struct engine_program copy = *program;
        struct engine_code code;
        copy.host = host_make(&memory);
        int error = engine_jit_compile(&copy, verdict, ENGINE_JIT_KEEP_OFFSETS, &code);
        if (!error)
            engine_code_free(&code);
        if (memory.now != 0 || (error && error != ENGINE_ERROR_MEMORY)) {
            printf("allocation %llu fails: error %d, %zu bytes lost\n", (unsigned long long)n,
                   error, memory.now);
            return false;
        }
        if (!error)
            return true;
    }
}

static const char *code_path;
static uint64_t statuses[ENGINE_RUN_STATUSES];

static void write_code(const struct engine_code *code) {
    FILE *file = code_path ? fopen(code_path, "wb") : NULL;
    if (!file)
        return;
    fwrite((const void *)(uintptr_t)code->memory.execute, 1, code->size, file);
    fclose(file);
}

static bool test(uint64_t seed, unsigned size, bool fail) {
    static struct generated g;
    static struct outcome want, got;
    struct engine_host host = host_make(NULL);
    struct engine_program *program;
    struct engine_refusal refusal;
    struct engine_verdict verdict;
    struct engine_function_proof functions[GENERATE_FUNCTIONS];
    struct engine_code code;
    generate(&g, seed, size);
    if (engine_program_from_slots(&host, g.slots, g.count * sizeof g.slots[0], &generate_interface,
                                  &program, &refusal)) {
        char text[512];
        engine_refusal_print(&refusal, NULL, text, sizeof text);
        printf("not a program: %s\n", text);
        return false;
    }
    // Bare slots have no arena: give it one; address constants 0 become its base.
    program->arena_log2 = GENERATE_ARENA_LOG2;
    for (uint32_t pc = 0; pc < program->insn_count; pc++)
        if (program->insns[pc].op == ENGINE_OP_LDIMM64 && program->insns[pc].imm == 0 &&
            program->insns[pc].kind == ENGINE_IMM_NUMBER)
            ((struct engine_insn *)(uintptr_t)program->insns)[pc].kind = ENGINE_IMM_ARENA;
    make_verdict(&g, program, &verdict, functions);
    // Every second one with the arena's address in the code.
    bool ok = !(seed & 1 ? engine_jit_compile_fixed(program, &verdict, ENGINE_JIT_CALLABLE,
                                                    (uintptr_t)arena, &code)
                         : engine_jit_compile(program, &verdict, 0, &code));
    if (!ok)
        printf("does not compile\n");
    else
        write_code(&code);
    for (uint64_t run = 0; ok && run < 3; run++) {
        execute(program, &verdict, NULL, seed + run, &want);
        execute(program, &verdict, &code, seed + run, &got);
        ok = memcmp(&want, &got, sizeof want) == 0;
        statuses[want.status]++;
        if (!ok)
            complain(program, &want, &got);
    }
    engine_code_free(&code);
    if (ok && fail)
        ok = failing(program, &verdict);
    engine_program_free(program);
    return ok;
}

int main(int argc, char **argv) {
    uint64_t seed = host_nanoseconds(), count = UINT64_MAX, seconds = 8, passed = 0;
    bool fail = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--failing") == 0)
            fail = true;
        else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[++i], NULL, 0);
        else if (i + 1 < argc && strcmp(argv[i], "--count") == 0)
            count = strtoull(argv[++i], NULL, 0);
        else if (i + 1 < argc && strcmp(argv[i], "--code") == 0)
            code_path = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0)
            seconds = strtoull(argv[++i], NULL, 0);
    }
    printf("seed %llu\n", (unsigned long long)seed);
    uint64_t end = host_nanoseconds() + seconds * 1000000000;
    for (; passed < count && host_nanoseconds() < end; passed++) {
        // The size depends on the seed alone, so that --seed repeats a program.
        unsigned size = (seed + passed) % 16 ? 5 + (unsigned)((seed + passed) % 40) : 150;
        if (!test(seed + passed, size, fail)) {
            printf("repeat: jit-differential --seed %llu --count 1%s\n",
                   (unsigned long long)(seed + passed), fail ? " --failing" : "");
            printf("jit-differential%s: %llu passed, 1 failed\n", fail ? "-failing" : "",
                   (unsigned long long)passed);
            return 1;
        }
    }
    for (unsigned i = 0; i < ENGINE_RUN_STATUSES; i++)
        if (statuses[i])
            printf("%8llu runs: %s\n", (unsigned long long)statuses[i],
                   engine_status_name((enum engine_status)i));
    printf("jit-differential%s: %llu passed, 0 failed\n", fail ? "-failing" : "",
           (unsigned long long)passed);
    return passed ? 0 : 1;
}
