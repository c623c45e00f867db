// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Runs test cases that are data: programs in assembler with the verdict inside. Each runs in the
// unverified interpreter, the verified interpreter and as machine code; all must give the expected
// result.
//
//     engine-cases [--unverified-only] FILE.case...
//
// A file holds cases, each of them
//
//     === name
//     hook: buffer | context | packet | arena     which entry of fixture.h; default buffer
//     input: 01 02 0a ...                 bytes of the buffer or packet; default none
//     output: 01 02 ...                   what they are afterwards; default: not looked at
//     budget: 1000                        default: plenty
//     expect: r0 0x12 | refused CODE [slot N] | stopped STATUS
//     metered: yes | no                   what the verifier says of loops; default: not looked at
//     only: verified | unverified         not in the other mode
//     ---
//     mov r0, 18
//     exit
//
// Numbers of a case's lines are those of the file. A leaked reference fails every case.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/fixture.h"
#include "tools/engine/asm.h"

enum expectation { EXPECT_R0, EXPECT_REFUSED, EXPECT_STOPPED };

struct test_case {
    char name[128];
    unsigned hook;
    uint8_t input[4096], output[4096];
    size_t input_size, output_size;
    bool has_output, only_verified, only_unverified;
    int metered; // -1: not looked at
    int64_t budget;
    enum expectation expectation;
    uint64_t r0;
    char code[64];
    int64_t slot; // -1: not looked at
    char *program;
};

static unsigned passed, failed;
static bool unverified_only;

static const char *const status_ids[ENGINE_RUN_STATUSES] = {
    "OK", "BUDGET", "CANCELLED", "IMPORT", "STACK", "CALLABLE", "HELD", "ACCESS", "SETUP"};

static void check(const struct test_case *test, const char *mode, bool ok, const char *format,
                  uint64_t a, const char *b) {
    passed += ok;
    failed += !ok;
    if (ok)
        return;
    printf("%s (%s): ", test->name, mode);
    printf(format, (unsigned long long)a, b);
    printf("\n");
}

static bool parse_expectation(struct test_case *test, char *text) {
    char *word = strtok(text, " \t");
    char *value = strtok(NULL, " \t");
    if (!word || !value)
        return false;
    test->slot = -1;
    if (strcmp(word, "r0") == 0) {
        test->r0 = strtoull(value, NULL, 0);
        return true;
    }
    test->expectation = strcmp(word, "refused") == 0 ? EXPECT_REFUSED : EXPECT_STOPPED;
    snprintf(test->code, sizeof(test->code), "%s", value);
    char *slot = strtok(NULL, " \t");
    if (slot && strcmp(slot, "slot") == 0)
        test->slot = strtoll(strtok(NULL, " \t"), NULL, 0);
    return strcmp(word, "stopped") == 0 || strcmp(word, "refused") == 0;
}

static bool parse_bytes(const char *text, uint8_t *bytes, size_t *size) {
    uint8_t *parsed = host_parse_hex(text, size);
    if (!parsed || *size > 4096)
        return false;
    memcpy(bytes, parsed, *size);
    free(parsed);
    return true;
}

static bool parse_key(struct test_case *test, char *line) {
    static const char *const hooks[FIXTURE_HOOKS] = {"buffer", "context", "packet", "arena"};
    char *colon = strchr(line, ':');
    if (!colon)
        return false;
    *colon = 0;
    char *value = colon + 1 + strspn(colon + 1, " \t");
    value[strcspn(value, "\r\n")] = 0;
    if (strcmp(line, "expect") == 0)
        return parse_expectation(test, value);
    if (strcmp(line, "input") == 0)
        return parse_bytes(value, test->input, &test->input_size);
    if (strcmp(line, "output") == 0) {
        test->has_output = true;
        return parse_bytes(value, test->output, &test->output_size);
    }
    if (strcmp(line, "budget") == 0)
        test->budget = strtoll(value, NULL, 0);
    else if (strcmp(line, "metered") == 0)
        test->metered = strcmp(value, "yes") == 0;
    else if (strcmp(line, "only") == 0) {
        test->only_verified = strcmp(value, "verified") == 0;
        test->only_unverified = strcmp(value, "unverified") == 0;
    } else if (strcmp(line, "hook") == 0) {
        for (test->hook = 0; test->hook < FIXTURE_HOOKS && strcmp(hooks[test->hook], value) != 0;
             test->hook++)
            ;
        return test->hook < FIXTURE_HOOKS;
    } else {
        return false;
    }
    return true;
}

static void check_refusal(const struct test_case *test, const char *mode,
                          const struct engine_refusal *refusal,
                          const struct engine_program *program) {
    const char *name = engine_refusal_name(refusal->code);
    bool ok = test->expectation == EXPECT_REFUSED && strcmp(test->code, name) == 0 &&
              (test->slot < 0 || test->slot == refusal->pc);
    check(test, mode, ok, "refused at slot %lld: %s", refusal->pc, name);
    if (!ok) {
        char text[4096];
        engine_refusal_print(refusal, program, text, sizeof(text));
        fputs(text, stdout);
    }
}

static void check_status(const struct test_case *test, const char *mode, enum engine_status status,
                         const struct engine_run *run, uint64_t r0) {
    if (status == ENGINE_RUN_OK)
        check(test, mode, test->expectation == EXPECT_R0 && r0 == test->r0, "r0 is %#llx%s", r0,
              "");
    else
        check(test, mode,
              test->expectation == EXPECT_STOPPED && strcmp(test->code, status_ids[status]) == 0 &&
                  (test->slot < 0 || test->slot == run->status_pc),
              "stopped at slot %llu: %s", run->status_pc, status_ids[status]);
}

static void run_mode(const struct test_case *test, struct host_program *host, enum host_mode mode,
                     const char *name) {
    struct host_run run;
    struct fixture fixture;
    uint64_t arguments[ENGINE_ARGS], r0 = 0;
    uint8_t *input =
        malloc(test->input_size ? test->input_size : 1); // exact, so that sanitizers see overruns
    if (!input || !host_run_init(&run, host->program,
                                 host_stack_size(mode == HOST_UNVERIFIED ? NULL : &host->verdict)))
        abort();
    memcpy(input, test->input, test->input_size);
    host_run_reset(&run, host->program, test->budget);
    fixture_begin(&fixture, &run.run, test->hook, input, test->input_size, arguments);
    struct engine_region regions[3] = {{(uintptr_t)input, test->input_size, 1},
                                       {(uintptr_t)&fixture.context, sizeof(fixture.context), 1},
                                       {(uintptr_t)&fixture.thing, 8, 0}};
    run.run.regions = regions;
    run.run.region_count = 3;
    enum engine_status status =
        host_run_entry(host, &run, mode, host_find_entry(host->program, NULL), arguments, &r0);
    check_status(test, name, status, &run.run, r0);
    check(test, name, fixture.thing.count == 0 && run.run.held_count == 0,
          "%lld references leaked%s", (uint64_t)fixture.thing.count, "");
    if (test->hook == FIXTURE_ARENA && test->input_size)
        memcpy(input, (const void *)(uintptr_t)run.run.arena, test->input_size);
    if (test->has_output)
        check(test, name,
              test->output_size == test->input_size &&
                  memcmp(input, test->output, test->input_size) == 0,
              "output differs%.0llu%s", 0, "");
    host_run_free(&run);
    free(input);
}

static void run_verified(const struct test_case *test, struct host_program *host) {
    host->has_verdict = true;
    if (engine_verify(host->program, NULL, &host->verdict)) {
        check_refusal(test, "verifier", &host->verdict.refusal, host->program);
        return;
    }
    if (test->expectation == EXPECT_REFUSED) {
        check(test, "verifier", false, "accepted%.0llu, not refused %s", 0, test->code);
        return;
    }
    if (test->metered >= 0)
        check(test, "verifier", host->verdict.metered == test->metered, "metered is %llu%s",
              host->verdict.metered, "");
    run_mode(test, host, HOST_INTERPRET, "interpreter");
    host->has_code = engine_jit_compile(host->program, &host->verdict, 0, &host->code) == 0;
    check(test, "jit", host->has_code, "not compiled%.0llu%s", 0, "");
    if (host->has_code)
        run_mode(test, host, HOST_JIT, "jit");
}

static void run_case(const struct test_case *test) {
    struct host_memory memory = {0};
    struct engine_host engine = host_make(&memory);
    struct fixture_single single;
    struct engine_refusal refusal;
    struct host_program host = {0};
    char message[128];
    uint8_t *slots;
    size_t size;
    unsigned line = asm_assemble(test->program, &slots, &size, message, sizeof(message));
    check(test, "assembler", line == 0, "line %llu: %s", line, message);
    if (line)
        return;
    fixture_single_init(&single, test->hook, test->input_size);
    if (engine_program_from_slots(&engine, slots, size, &single.interface, &host.program,
                                  &refusal)) {
        check_refusal(test, "loader", &refusal, NULL);
    } else {
        if (test->expectation != EXPECT_REFUSED && !test->only_verified)
            run_mode(test, &host, HOST_UNVERIFIED, "unverified");
        if (!test->only_unverified && !unverified_only)
            run_verified(test, &host);
    }
    host_program_free(&host);
    check(test, "memory", memory.now == 0, "%llu bytes leaked%s", memory.now, "");
    free(slots);
}

// Splits text at the lines of a file. Parses and runs each case.
static bool run_file(const char *path) {
    size_t size;
    uint8_t *bytes = host_read_file(path, &size);
    char *text = bytes ? realloc(bytes, size + 1) : NULL;
    if (!text)
        return false;
    text[size] = 0;
    unsigned before = passed + failed;
    char *at = strstr(text, "=== ");
    while (at) {
        static struct test_case test;
        memset(&test, 0, sizeof(test));
        test.metered = -1;
        test.slot = -1;
        test.budget = 1 << 24;
        char *end = strstr(at + 4, "\n=== "), *body = strstr(at, "\n---\n");
        if (end)
            *end++ = 0;
        if (!body) {
            printf("%s: a case without ---\n", path);
            failed++;
            break;
        }
        *body = 0;
        test.program = body + 5;
        char *save = NULL, *line = strtok_r(at + 4, "\n", &save);
        snprintf(test.name, sizeof(test.name), "%s", line ? line : "");
        bool ok = true;
        while (ok && (line = strtok_r(NULL, "\n", &save)))
            ok = *line == '#' || !*line || parse_key(&test, line);
        if (ok)
            run_case(&test);
        else
            check(&test, "parser", false, "bad line%.0llu: %s", 0, line);
        at = end;
    }
    if (passed + failed == before) {
        printf("%s: no cases\n", path);
        failed++;
    }
    free(text);
    return true;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--unverified-only") == 0)
            unverified_only = true;
        else if (!run_file(argv[i]))
            failed++;
    }
    printf("engine-cases: %u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
