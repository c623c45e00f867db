// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Programs and what the verifier must say of them, as data.
//
//     verify-cases FILE.case...
//
// A file holds cases:
//
//     === name
//     hook: span | context | packet | bounded | deterministic | ranged | nothing | outbox default
//     span arena: LOG2                         give the program an arena; default none stack: BYTES
//     default 512 expect: accepted | refused CODE [slot N] metered: yes | no default: not looked at
//     masked: N                           accesses that go through the mask; default: not looked at
//     proof: SLOT FLAG...                 SAFE MASKED ALWAYS NEVER DIVISOR METERED CHECKED, -FLAG:
//     not zero: yes | no                      whether the entry's frame must be cleared says: TEXT
//     the printed refusal contains it reads: ARGUMENT START END EXACT     the read set has that
//     range
//     ---
//     assembler
//
// Hooks: span(data, length up to 4096), context(struct fixture_context *), packet(context with
// data and data_end), bounded and deterministic (as span), ranged (as span, result 0..3), nothing
// (no arguments), outbox (64 bytes that may only be written). Imports are those of
// tests/engine/fixture.c, and then from 16 on: `later` (16: moves packets), `small` (17: r1 in
// 0..15, r2 constant), `lend` (18: a thing of its own, not owned). In the assembler, `arena` as the
// first word of a line stands for: lddw REGISTER, address of the arena + OFFSET.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/fixture.h"
#include "tools/engine/asm.h"

enum { ARENA_MARK = 0x7a6b5c4d };

struct test_case {
    char name[128], hook[32], code[64], says[128];
    int arena, metered, masked, zero;
    int64_t slot;
    uint32_t stack;
    bool accepted, has_reads;
    struct engine_read_range reads;
    struct {
        uint32_t slot, wanted, unwanted;
    } proofs[16];
    unsigned proof_count;
    char *program;
};

static unsigned passed, failed;

static void check(const struct test_case *test, bool ok, const char *what, const char *detail) {
    passed += ok;
    failed += !ok;
    if (!ok)
        printf("%s: %s: %s\n", test->name, what, detail);
}

// ---- The interface

static uint64_t nothing(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                        struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return 0;
}

static const struct engine_import more[] = {
    {.name = "later", .function = nothing, .flags = ENGINE_IMPORT_MOVES_PACKET},
    {.name = "small",
     .function = nothing,
     .result = {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = 7},
     .arguments = {{.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = 15},
                   {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_CONSTANT}},
     .argument_count = 2},
    {.name = "lend", .function = nothing, .result = {.kind = ENGINE_REFERENCE, .layout = 2}},
    {.name = "lend_shared",
     .function = nothing,
     .result = {.kind = ENGINE_REFERENCE, .layout = 3},
     .flags = ENGINE_IMPORT_DETERMINISTIC},
};
enum { FIRST_MORE = 16, MORE = sizeof more / sizeof more[0] };

static struct engine_import imports[32];
static struct engine_interface interface;
static struct engine_hook hook;

#define SPAN                                                                                       \
    {                                                                                              \
        {.kind = ENGINE_BUFFER,                                                                    \
         .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE,                                            \
         .length = 2,                                                                              \
         .size = 4096},                                                                            \
        {                                                                                          \
            .kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = 4096                     \
        }                                                                                          \
    }

static const struct engine_hook hooks[] = {
    {.name = "span", .result = {.kind = ENGINE_SCALAR}, .arguments = SPAN, .argument_count = 2},
    {.name = "bounded",
     .result = {.kind = ENGINE_SCALAR},
     .arguments = SPAN,
     .argument_count = 2,
     .flags = ENGINE_HOOK_BOUNDED},
    {.name = "deterministic",
     .result = {.kind = ENGINE_SCALAR},
     .arguments = SPAN,
     .argument_count = 2,
     .flags = ENGINE_HOOK_DETERMINISTIC},
    {.name = "ranged",
     .result = {.kind = ENGINE_SCALAR, .flags = ENGINE_TYPE_RANGE, .maximum = 3},
     .arguments = SPAN,
     .argument_count = 2},
    {.name = "nothing", .result = {.kind = ENGINE_SCALAR}},
    {.name = "outbox",
     .result = {.kind = ENGINE_SCALAR},
     .arguments = {{.kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_WRITE, .size = 64}},
     .argument_count = 1},
};

static bool set_interface(const char *name) {
    interface = fixture_interface;
    for (uint32_t i = 0; i < interface.import_count; i++)
        imports[i] = interface.imports[i];
    for (uint32_t i = interface.import_count; i < FIRST_MORE; i++)
        imports[i] = interface.imports[0]; // room for the fixture to grow
    for (unsigned i = 0; i < MORE; i++)
        imports[FIRST_MORE + i] = more[i];
    interface.imports = imports;
    interface.import_count = FIRST_MORE + MORE;
    interface.hooks = &hook;
    interface.hook_count = 1;
    for (unsigned i = 0; i < sizeof hooks / sizeof hooks[0]; i++)
        if (strcmp(hooks[i].name, name) == 0) {
            hook = hooks[i];
            return true;
        }
    for (unsigned i = 0; i < FIXTURE_HOOKS; i++)
        if (strcmp(fixture_interface.hooks[i].name, name) == 0) {
            hook = fixture_interface.hooks[i];
            return true;
        }
    return false;
}

// ---- Parsing

static const struct {
    const char *name;
    uint32_t flag;
} flags[] = {{"SAFE", ENGINE_PROOF_SAFE},       {"MASKED", ENGINE_PROOF_MASKED},
             {"ALWAYS", ENGINE_PROOF_ALWAYS},   {"NEVER", ENGINE_PROOF_NEVER},
             {"DIVISOR", ENGINE_PROOF_DIVISOR}, {"METERED", ENGINE_PROOF_METERED},
             {"CHECKED", ENGINE_PROOF_CHECKED}, {"REACHED", ENGINE_PROOF_REACHED}};

static bool parse_proof(struct test_case *test, char *text) {
    char *save = NULL, *word = strtok_r(text, " ", &save);
    if (!word || test->proof_count == 16)
        return false;
    unsigned n = test->proof_count++;
    test->proofs[n].slot = (uint32_t)strtoul(word, NULL, 10);
    while ((word = strtok_r(NULL, " ", &save))) {
        bool negative = *word == '-', found = false;
        for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++)
            if (strcmp(flags[i].name, word + negative) == 0) {
                *(negative ? &test->proofs[n].unwanted : &test->proofs[n].wanted) |= flags[i].flag;
                found = true;
            }
        if (!found)
            return false;
    }
    return true;
}

static bool parse_key(struct test_case *test, char *line) {
    char *value = strchr(line, ':');
    if (!value)
        return false;
    *value++ = 0;
    value += strspn(value, " ");
    bool yes = strcmp(value, "yes") == 0;
    if (strcmp(line, "hook") == 0)
        snprintf(test->hook, sizeof test->hook, "%s", value);
    else if (strcmp(line, "arena") == 0)
        test->arena = atoi(value);
    else if (strcmp(line, "stack") == 0)
        test->stack = (uint32_t)atoi(value);
    else if (strcmp(line, "metered") == 0)
        test->metered = yes;
    else if (strcmp(line, "zero") == 0)
        test->zero = yes;
    else if (strcmp(line, "masked") == 0)
        test->masked = atoi(value);
    else if (strcmp(line, "says") == 0)
        snprintf(test->says, sizeof test->says, "%s", value);
    else if (strcmp(line, "proof") == 0)
        return parse_proof(test, value);
    else if (strcmp(line, "reads") == 0) {
        unsigned argument, exact;
        test->has_reads = sscanf(value, "%u %u %u %u", &argument, &test->reads.start,
                                 &test->reads.end, &exact) == 4;
        test->reads.argument = (uint8_t)argument;
        test->reads.exact = (uint8_t)exact;
        return test->has_reads;
    } else if (strcmp(line, "expect") == 0) {
        test->accepted = strcmp(value, "accepted") == 0;
        long long slot = -1;
        int count = sscanf(value, "refused %63s slot %lld", test->code, &slot);
        test->slot = slot;
        return test->accepted || count > 0;
    } else
        return false;
    return true;
}

// ---- Running

// `arena rN, OFFSET` becomes a lddw that is turned into an arena address after decoding.
static char *expand(const char *text) {
    char *out = malloc(strlen(text) * 4 + 64), *to = out;
    if (!out)
        abort();
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        unsigned reg, offset;
        if (sscanf(line, " arena r%u, %u", &reg, &offset) == 2)
            to += sprintf(to, "lddw r%u, 0x%x%08x", reg, ARENA_MARK, offset);
        else {
            memcpy(to, line, length);
            to += length;
        }
        *to++ = '\n';
        line += length + (line[length] == '\n');
    }
    *to = 0;
    return out;
}

static void set_arena(struct engine_program *program, const struct test_case *test) {
    program->arena_log2 = (uint32_t)test->arena;
    if (test->stack)
        program->stack_limit = test->stack;
    for (uint32_t pc = 0; pc < program->insn_count; pc++) {
        struct engine_insn *insn = (struct engine_insn *)&program->insns[pc];
        if (insn->op == ENGINE_OP_LDIMM64 && (uint64_t)insn->imm >> 32 == ARENA_MARK) {
            insn->kind = ENGINE_IMM_ARENA;
            insn->imm = (uint32_t)insn->imm;
        }
    }
}

static void check_refused(const struct test_case *test, const struct engine_refusal *refusal,
                          const struct engine_program *program) {
    static char text[8192];
    engine_refusal_print(refusal, program, text, sizeof text);
    if (test->accepted) {
        check(test, false, "refused", text);
        return;
    }
    check(test, strcmp(engine_refusal_name(refusal->code), test->code) == 0,
          "refused with another code", text);
    check(test, test->slot < 0 || refusal->pc == (uint64_t)test->slot, "refused at another slot",
          text);
    check(test, !test->says[0] || strstr(text, test->says), "does not say so", text);
}

static void check_accepted(const struct test_case *test, const struct engine_verdict *verdict) {
    char text[100];
    if (!test->accepted) {
        check(test, false, "accepted, not refused", test->code);
        return;
    }
    check(test, test->metered < 0 || verdict->metered == test->metered, "metered",
          verdict->metered ? "yes" : "no");
    snprintf(text, sizeof text, "%u", verdict->statistics.accesses_masked);
    check(test, test->masked < 0 || verdict->statistics.accesses_masked == (unsigned)test->masked,
          "masked", text);
    check(test, test->zero < 0 || verdict->functions[0].zero_frame == test->zero, "zero frame",
          verdict->functions[0].zero_frame ? "yes" : "no");
    for (unsigned i = 0; i < test->proof_count; i++) {
        uint32_t proof = verdict->proof[test->proofs[i].slot];
        snprintf(text, sizeof text, "slot %u has %x", test->proofs[i].slot, proof);
        check(test,
              (proof & test->proofs[i].wanted) == test->proofs[i].wanted &&
                  !(proof & test->proofs[i].unwanted),
              "proof", text);
    }
    bool found = false;
    for (uint32_t i = 0; i < verdict->read_count; i++) {
        const struct engine_read_range *r = &verdict->reads[i];
        found |= r->argument == test->reads.argument && r->start == test->reads.start &&
                 r->end == test->reads.end && r->exact == test->reads.exact;
    }
    check(test, !test->has_reads || found, "read set", "without that range");
}

static void run_case(const struct test_case *test) {
    struct host_memory memory = {0};
    struct engine_host host = host_make(&memory);
    struct engine_program *program = NULL;
    struct engine_refusal refusal;
    struct engine_verdict verdict;
    char message[128], *text = expand(test->program);
    uint8_t *slots;
    size_t size;
    unsigned line = asm_assemble(text, &slots, &size, message, sizeof message);
    check(test, line == 0 && set_interface(test->hook), "assembler or hook", message);
    free(text);
    if (line)
        return;
    if (engine_program_from_slots(&host, slots, size, &interface, &program, &refusal))
        check_refused(test, &refusal, NULL);
    else {
        set_arena(program, test);
        if (engine_verify(program, NULL, &verdict))
            check_refused(test, &verdict.refusal, program);
        else
            check_accepted(test, &verdict);
        engine_verdict_free(&verdict);
    }
    engine_program_free(program);
    check(test, memory.now == 0, "memory", "leaked");
    free(slots);
}

static void run_file(const char *path) {
    size_t size;
    uint8_t *bytes = host_read_file(path, &size);
    char *text = bytes ? realloc(bytes, size + 1) : NULL;
    if (!text) {
        failed++;
        return;
    }
    text[size] = 0;
    for (char *at = strstr(text, "=== "), *end; at; at = end) {
        struct test_case test = {
            .metered = -1, .masked = -1, .zero = -1, .slot = -1, .hook = "span"};
        char *save = NULL, *line, *body = strstr(at, "\n---\n");
        end = strstr(at + 4, "\n=== ");
        if (end)
            *end++ = 0;
        if (!body) {
            printf("%s: a case without ---\n", path);
            failed++;
            break;
        }
        *body = 0;
        test.program = body + 5;
        line = strtok_r(at + 4, "\n", &save);
        snprintf(test.name, sizeof test.name, "%s", line ? line : "");
        bool ok = true;
        while (ok && (line = strtok_r(NULL, "\n", &save)))
            ok = *line == '#' || parse_key(&test, line);
        check(&test, ok, "bad line", line ? line : "");
        if (ok)
            run_case(&test);
    }
    free(text);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        run_file(argv[i]);
    printf("verify-cases: %u passed, %u failed\n", passed, failed);
    return failed || argc < 2;
}
