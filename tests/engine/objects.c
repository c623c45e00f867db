// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Tests of the object loader, the linker and the program builder, on compiled objects
// (tests/engine/objects/) and on damaged copies of them.
//
//     engine-objects DIRECTORY        of the compiled objects

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/btf.h"
#include "tests/engine/fixture.h"

static unsigned passed, failed;
static const char *directory;

static bool check_at(int line, bool ok, const char *what) {
    passed += ok;
    failed += !ok;
    if (!ok)
        printf("%s:%d: %s\n", __FILE__, line, what);
    return ok;
}
#define CHECK(condition) check_at(__LINE__, condition, #condition)

static uint8_t *read_object(const char *name, size_t *size) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.o", directory, name);
    uint8_t *bytes = host_read_file(path, size);
    if (!bytes)
        exit(2);
    return bytes;
}

static struct engine_object *load(const struct engine_host *host, const char *name) {
    size_t size;
    struct engine_object *object = NULL;
    struct engine_refusal refusal;
    uint8_t *bytes = read_object(name, &size);
    CHECK(engine_object_load(host, bytes, size, &object, &refusal) == 0);
    free(bytes);
    return object;
}

// Loads name; expects the program to be refused with that code, or made (NOTHING).
static struct engine_program *create(const struct engine_host *host, const char *name,
                                     enum engine_refusal_code code,
                                     struct engine_refusal *refusal) {
    struct engine_program *program = NULL;
    struct engine_object *object = load(host, name);
    int error = engine_program_create(host, object, &fixture_interface, 0, &program, refusal);
    CHECK((error ? refusal->code : ENGINE_REFUSED_NOTHING) == code);
    engine_object_free(object);
    return program;
}

// Runs an entry in every mode; they must agree. The verified modes count only if the program is
// accepted.
static uint64_t run_program(struct engine_program *program, const char *name, uint8_t *input,
                            size_t size) {
    uint64_t results[3] = {0};
    struct host_program host = {.program = program};
    uint32_t entry = host_find_entry(program, name);
    if (!CHECK(entry != ENGINE_NO_FUNCTION))
        return 0;
    bool ready = CHECK(host_prepare(&host, HOST_JIT));
    for (unsigned mode = HOST_UNVERIFIED; mode <= HOST_JIT; mode++) {
        struct host_run run;
        struct fixture fixture;
        uint64_t arguments[ENGINE_ARGS];
        if ((mode && !ready) || !CHECK(host_run_init(&run, program, ENGINE_STACK_MAX)))
            continue;
        fixture_begin(&fixture, &run.run, program->functions[entry].hook, input, size, arguments);
        struct engine_region regions[2] = {
            {(uintptr_t)input, size, 1}, {(uintptr_t)&fixture.context, sizeof(fixture.context), 1}};
        run.run.regions = regions;
        run.run.region_count = 2;
        CHECK(host_run_entry(&host, &run, (enum host_mode)mode, entry, arguments, &results[mode]) ==
              ENGINE_RUN_OK);
        CHECK(fixture.thing.count == 0);
        host_run_free(&run);
    }
    if (ready) {
        CHECK(results[HOST_INTERPRET] == results[HOST_UNVERIFIED]);
        CHECK(results[HOST_JIT] == results[HOST_UNVERIFIED]);
    }
    host.program = NULL;
    host_program_free(&host);
    return results[HOST_UNVERIFIED];
}

static void test_several(const struct engine_host *host) {
    struct engine_refusal refusal;
    uint8_t input[64] = {1, 2, 3};
    struct engine_program *program = create(host, "several", ENGINE_REFUSED_NOTHING, &refusal);
    if (!program)
        return;
    input[12] = 0x08, input[13] = 0x06;
    CHECK(run_program(program, "first", input, 64) == 2 * 3 + 4 + 1001);
    CHECK(run_program(program, "second", input, 64) == 64 * 3 + 0 + 7 + 1005);
    CHECK(run_program(program, "third", input, 64) == 0x0806);
    CHECK(run_program(program, "third", input, 13) == UINT64_MAX);
    uint32_t shared = engine_program_find(program, "shared");
    if (CHECK(shared != ENGINE_NO_FUNCTION)) {
        char text[128];
        CHECK(!(program->functions[shared].flags & ENGINE_FUNCTION_GLOBAL));
        engine_btf_print(program->btf, program->functions[shared].btf, text, sizeof(text));
        CHECK(strcmp(text, "u64(u64)") == 0);
    }
    uint32_t third = engine_program_find(program, "third");
    const struct engine_line *line =
        engine_program_line_at(program, program->functions[third].entry + 6);
    CHECK(line && strstr(line->file, "several.c") && strstr(line->text, "p[12]"));
    CHECK(program->arena_log2 >= 12 && program->arena_used > 4096 &&
          program->arena_image_size < 2048);
    engine_program_free(program);
}

static void test_results(const struct engine_host *host) {
    static const struct {
        const char *name;
        uint64_t r0;
    } expected[] = {{"imports", 65}, {"indirect", 3 * 64 + 10}, {"stack", 5}};
    struct engine_refusal refusal;
    uint8_t input[64] = {0};
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct engine_program *program =
            create(host, expected[i].name, ENGINE_REFUSED_NOTHING, &refusal);
        if (!program)
            continue;
        CHECK(run_program(program, "use", input, 64) == expected[i].r0);
        if (strcmp(expected[i].name, "stack") == 0)
            CHECK(program->stack_limit == 4096);
        engine_program_free(program);
    }
}

static void test_refused(const struct engine_host *host) {
    struct engine_refusal refusal;
    create(host, "unknown", ENGINE_REFUSED_IMPORT_UNKNOWN, &refusal);
    CHECK(strcmp(refusal.name, "launch") == 0 && strstr(refusal.file, "unknown.c"));
    create(host, "wrong_type", ENGINE_REFUSED_IMPORT_TYPE, &refusal);
    CHECK(strcmp(refusal.name, "thing_value") == 0);
    create(host, "no_entry", ENGINE_REFUSED_NO_ENTRY, &refusal);
    create(host, "link_user", ENGINE_REFUSED_IMPORT_UNKNOWN, &refusal);
}

static void link_pair(const struct engine_host *host, const char *one, const char *other,
                      enum engine_refusal_code code, struct engine_object **linked) {
    struct engine_refusal refusal;
    struct engine_object *objects[2] = {load(host, one), load(host, other)};
    *linked = NULL;
    int error = engine_object_link(host, objects, 2, linked, &refusal);
    CHECK((error ? refusal.code : ENGINE_REFUSED_NOTHING) == code);
    engine_object_free(objects[0]);
    engine_object_free(objects[1]);
}

static void test_link(const struct engine_host *host) {
    struct engine_object *linked;
    struct engine_refusal refusal;
    uint8_t input[64] = {0};
    for (int swap = 0; swap < 2; swap++) {
        struct engine_program *program = NULL;
        link_pair(host, swap ? "link_library" : "link_user", swap ? "link_user" : "link_library",
                  ENGINE_REFUSED_NOTHING, &linked);
        if (!linked)
            continue;
        CHECK(engine_program_create(host, linked, &fixture_interface, 0, &program, &refusal) == 0);
        engine_object_free(linked);
        if (program) {
            CHECK(run_program(program, "use", input, 64) == 128 + 108);
            const struct engine_function *function =
                &program->functions[engine_program_find(program, "library_twice")];
            char text[64];
            engine_btf_print(program->btf, function->btf, text, sizeof(text));
            CHECK(strcmp(text, "u64(u64)") == 0);
            const struct engine_line *line = engine_program_line_at(program, function->entry);
            CHECK(line && strstr(line->file, "link_library.c"));
        }
        engine_program_free(program);
    }
    link_pair(host, "link_library", "link_again", ENGINE_REFUSED_SYMBOL_DUPLICATE, &linked);
    link_pair(host, "link_mismatch", "link_library", ENGINE_REFUSED_IMPORT_TYPE, &linked);
}

static void test_symbols(const struct engine_host *host) {
    unsigned imports = 0, functions = 0, data = 0;
    struct engine_object *object = load(host, "link_user");
    if (!object)
        return;
    for (uint32_t i = 0; i < engine_object_symbol_count(object); i++) {
        struct engine_symbol symbol = engine_object_symbol(object, i);
        imports += symbol.kind == ENGINE_SYMBOL_IMPORT;
        functions += symbol.kind == ENGINE_SYMBOL_FUNCTION;
        data += symbol.kind == ENGINE_SYMBOL_DATA;
        if (symbol.kind == ENGINE_SYMBOL_IMPORT && strcmp(symbol.name, "library_twice") == 0) {
            char text[64];
            engine_btf_print(engine_object_btf(object), symbol.btf, text, sizeof(text));
            CHECK(strcmp(text, "u64(u64)") == 0);
        }
    }
    CHECK(imports == 2 && functions == 1 && data == 0);
    engine_object_free(object);
}

// The whole way from bytes to code, once.
static int whole_way(struct host_memory *memory, const uint8_t *bytes, size_t size) {
    struct engine_host host = host_make(memory);
    struct engine_refusal refusal;
    struct engine_object *object = NULL;
    struct host_program program = {0};
    int error = engine_object_load(&host, bytes, size, &object, &refusal);
    if (!error)
        error =
            engine_program_create(&host, object, &fixture_interface, 0, &program.program, &refusal);
    engine_object_free(object);
    if (!error) {
        error = engine_verify(program.program, NULL, &program.verdict);
        program.has_verdict = true;
    }
    if (!error) {
        error = engine_jit_compile(program.program, &program.verdict, 0, &program.code);
        program.has_code = error == 0;
    }
    host_program_free(&program);
    return error;
}

// Every n-th allocation fails, for all n: an error each time, and nothing leaks.
static void test_allocation_failures(const char *name) {
    size_t size;
    uint8_t *bytes = read_object(name, &size);
    struct host_memory memory = {0};
    int error = whole_way(&memory, bytes, size);
    CHECK(error == 0 && memory.now == 0);
    uint64_t total = memory.count;
    bool ok = true;
    for (uint64_t n = 1; n <= total && ok; n++) {
        memory = (struct host_memory){.fail_at = n};
        error = whole_way(&memory, bytes, size);
        ok = CHECK(error != 0 && memory.now == 0);
        if (!ok)
            printf("  allocation %llu of %s: error %d, %zu bytes left\n", (unsigned long long)n,
                   name, error, memory.now);
    }
    free(bytes);
}

static void test_link_allocation_failures(void) {
    struct host_memory plenty = {0};
    struct engine_host host = host_make(&plenty);
    struct engine_object *objects[2] = {load(&host, "link_user"), load(&host, "link_library")};
    bool linked = false;
    for (uint64_t n = 1; !linked; n++) {
        struct host_memory memory = {.fail_at = n};
        struct engine_host scarce = host_make(&memory);
        struct engine_refusal refusal;
        struct engine_object *out = NULL;
        int error = engine_object_link(&scarce, objects, 2, &out, &refusal);
        linked = error == 0;
        CHECK(linked ? memory.count < n : error == ENGINE_ERROR_MEMORY);
        if (linked)
            engine_object_free(out);
        if (!CHECK(memory.now == 0))
            break;
    }
    engine_object_free(objects[0]);
    engine_object_free(objects[1]);
    CHECK(plenty.now == 0);
}

// Cut anywhere, or with any byte changed: some verdict, no crash (the sanitizers watch), no leak.
static void test_damage(const char *name) {
    size_t size;
    uint8_t *bytes = read_object(name, &size);
    uint32_t random = 1;
    bool ok = true;
    for (size_t cut = 0; cut < size && ok; cut += 7) {
        struct host_memory memory = {0};
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, bytes, cut);
        whole_way(&memory, copy, cut);
        ok = CHECK(memory.now == 0);
        free(copy);
    }
    for (size_t at = 0; at < size && ok; at++) {
        struct host_memory memory = {0};
        random = random * 1664525 + 1013904223;
        uint8_t save = bytes[at];
        bytes[at] = (uint8_t)(random >> 24);
        whole_way(&memory, bytes, size);
        ok = CHECK(memory.now == 0);
        bytes[at] = save;
    }
    free(bytes);
}

// ---- the table of references

static uint64_t held_in_call;

static uint64_t give(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                     struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e;
    held_in_call = run->held_count;
    return 7;
}

// Takes a reference or null, and gives one.
static void test_held(void) {
    static const struct engine_layout layout = {.name = "thing"};
    struct engine_import exchange = {
        .name = "exchange",
        .function = give,
        .result = {.kind = ENGINE_REFERENCE, .flags = ENGINE_TYPE_ACQUIRE | ENGINE_TYPE_NULLABLE},
        .arguments = {{.kind = ENGINE_REFERENCE,
                       .flags = ENGINE_TYPE_RELEASE | ENGINE_TYPE_NULLABLE}},
        .argument_count = 1,
        .acquired = &layout};
    struct engine_run run = {0};
    uint64_t arguments[ENGINE_ARGS] = {0};
    for (; run.held_count < ENGINE_HELD_MAX; run.held_count++)
        run.held[run.held_count] = (struct engine_held){100 + run.held_count, &layout};
    CHECK(engine_run_import(&run, &exchange, arguments) == 0); // no room: it is not called
    CHECK(run.status == ENGINE_RUN_OK && !held_in_call && run.held_count == ENGINE_HELD_MAX);
    arguments[0] = 110;
    CHECK(engine_run_import(&run, &exchange, arguments) == 7);
    CHECK(run.held_count == ENGINE_HELD_MAX && run.held[ENGINE_HELD_MAX - 1].reference == 7);
    CHECK(held_in_call == ENGINE_HELD_MAX); // what it releases was in the table until it returned
    for (uint32_t i = 0; i < run.held_count; i++)
        CHECK(run.held[i].reference != 110);
    CHECK(engine_run_import(&run, &exchange, arguments) == 0 && run.status == ENGINE_RUN_HELD);
    run.status = ENGINE_RUN_OK;
    exchange.result.flags = ENGINE_TYPE_ACQUIRE;
    arguments[0] = 0;
    CHECK(engine_run_import(&run, &exchange, arguments) == 0 && run.status == ENGINE_RUN_HELD);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 2) {
        fprintf(stderr, "usage: engine-objects DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    struct host_memory memory = {0};
    struct engine_host host = host_make(&memory);
    test_several(&host);
    test_results(&host);
    test_refused(&host);
    test_link(&host);
    test_symbols(&host);
    CHECK(memory.now == 0);
    test_allocation_failures("several");
    test_allocation_failures("imports");
    test_allocation_failures("indirect");
    test_link_allocation_failures();
    test_damage("several");
    test_held();
    test_damage("imports");
    printf("engine-objects: %u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
