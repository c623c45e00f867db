// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// engine-plugin: runs a program given as hex, in the manner of BPF conformance suites.
//
//     engine-plugin [--verify-only | --interpret | --jit | --unverified] [MEMORY] < PROGRAM
//
// PROGRAM and MEMORY are hex; spaces are ignored. The program gets r1 = address of MEMORY (0 if
// there is none), r2 = its length. Prints r0 in hex and exits 0; otherwise says why on standard
// error and exits 1 (2: wrong use). --jit is the default.
// --unverified interprets without the verifier, checking each access as it happens.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/engine/host.h"

enum { BUDGET = 1 << 28 };

// ---- Functions that suites offer to their programs under the numbers 0 to 5.

static uint64_t gather_bytes(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                             struct engine_run *run) {
    (void)run;
    return (a & 255) << 32 | (b & 255) << 24 | (c & 255) << 16 | (d & 255) << 8 | (e & 255);
}

static uint64_t frob_memory(uint64_t address, uint64_t size, uint64_t c, uint64_t d, uint64_t e,
                            struct engine_run *run) {
    (void)c, (void)d, (void)e, (void)run;
    for (uint8_t *p = (uint8_t *)(uintptr_t)address; size; size--)
        *p++ ^= 42;
    return 0;
}

static uint64_t do_nothing(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                           struct engine_run *run) {
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)run;
    return 0;
}

static uint64_t square_root(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                            struct engine_run *run) {
    uint64_t root = 0;
    (void)b, (void)c, (void)d, (void)e, (void)run;
    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
        root |= (root | bit) * (root | bit) <= a ? bit : 0;
    return root;
}

enum { COMPARED = 5 };

static uint64_t compare_strings(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                                struct engine_run *run) {
    (void)c, (void)d, (void)e, (void)run;
    return (uint64_t)(int64_t)strncmp((const char *)(uintptr_t)a, (const char *)(uintptr_t)b,
                                      COMPARED);
}

// Ends the program if its argument is 0; r0 is then 0.
static uint64_t unwind_if_zero(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                               struct engine_run *run) {
    (void)b, (void)c, (void)d, (void)e;
    if (!a)
        run->status = ENGINE_RUN_IMPORT;
    return a;
}

#define SCALAR                                                                                     \
    { .kind = ENGINE_SCALAR }
#define STRING                                                                                     \
    { .kind = ENGINE_BUFFER, .flags = ENGINE_TYPE_READ, .size = COMPARED }
static const struct engine_import imports[] = {
    {"gather_bytes",
     gather_bytes,
     SCALAR,
     {SCALAR, SCALAR, SCALAR, SCALAR, SCALAR},
     5,
     0,
     0,
     0,
     NULL},
    {"frob_memory",
     frob_memory,
     SCALAR,
     {{.kind = ENGINE_BUFFER,
       .flags = ENGINE_TYPE_READ | ENGINE_TYPE_WRITE,
       .length = 2,
       .size = HOST_BUFFER_MAX},
      SCALAR},
     2,
     0,
     0,
     0,
     NULL},
    {"do_nothing", do_nothing, SCALAR, {{0}}, 0, 0, 0, 0, NULL},
    {"square_root", square_root, SCALAR, {SCALAR}, 1, ENGINE_IMPORT_PURE, 0, 0, NULL},
    {"compare_strings",
     compare_strings,
     SCALAR,
     {STRING, STRING},
     2,
     ENGINE_IMPORT_PURE,
     0,
     0,
     NULL},
    {"unwind_if_zero", unwind_if_zero, SCALAR, {SCALAR}, 1, ENGINE_IMPORT_CANCELS, 0, 0, NULL},
};

struct request {
    enum host_mode mode;
    bool verify_only;
    const char *memory;
};

static int usage(void) {
    fprintf(
        stderr,
        "usage: engine-plugin [--verify-only | --interpret | --jit | --unverified] [MEMORY-HEX] "
        "< PROGRAM-HEX\n");
    return 2;
}

static bool parse_arguments(int argc, char **argv, struct request *request) {
    *request = (struct request){.mode = HOST_JIT};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verify-only") == 0)
            request->verify_only = true;
        else if (strcmp(argv[i], "--interpret") == 0)
            request->mode = HOST_INTERPRET;
        else if (strcmp(argv[i], "--unverified") == 0)
            request->mode = HOST_UNVERIFIED;
        else if (strcmp(argv[i], "--jit") == 0)
            request->mode = HOST_JIT;
        else if (argv[i][0] != '-' || !argv[i][1])
            request->memory = argv[i][0] == '-' ? "" : argv[i];
        else
            return false;
    }
    return true;
}

static uint8_t *read_program(size_t *size) {
    size_t length;
    uint8_t *text = host_read_file("/dev/stdin", &length);
    char *copy = text ? realloc(text, length + 1) : NULL;
    if (!copy)
        return NULL;
    copy[length] = 0;
    uint8_t *program = host_parse_hex(copy, size);
    free(copy);
    return program;
}

static int run(struct host_program *host, const struct request *request, uint8_t *memory,
               size_t size) {
    struct host_run run;
    uint64_t r0 = 0, arguments[ENGINE_ARGS] = {size ? (uintptr_t)memory : 0, size};
    const struct engine_verdict *verdict = host->has_verdict ? &host->verdict : NULL;
    if (!host_run_init(&run, host->program, host_stack_size(verdict))) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }
    host_run_reset(&run, host->program, BUDGET);
    run.region = (struct engine_region){(uintptr_t)memory, size, 1};
    run.run.regions = &run.region;
    run.run.region_count = size ? 1 : 0;
    enum engine_status status = host_run_entry(
        host, &run, request->mode, host_find_entry(host->program, NULL), arguments, &r0);
    if (status == ENGINE_RUN_IMPORT) {
        status = ENGINE_RUN_OK;
        r0 = 0;
    }
    if (status == ENGINE_RUN_OK)
        printf("%llx\n", (unsigned long long)r0);
    else
        fprintf(stderr, "stopped at slot %u: %s\n", run.run.status_pc, engine_status_name(status));
    host_run_free(&run);
    return status == ENGINE_RUN_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    struct request request;
    struct engine_refusal refusal;
    struct host_fixed_interface interface;
    struct host_program host = {0};
    struct engine_host engine = host_make(NULL);
    size_t size, memory_size = 0;
    if (!parse_arguments(argc, argv, &request))
        return usage();
    uint8_t *slots = read_program(&size);
    uint8_t *memory = host_parse_hex(request.memory ? request.memory : "", &memory_size);
    if (!slots || !memory)
        return usage();
    host_fixed_interface_init(&interface, memory_size);
    interface.interface.imports = imports;
    interface.interface.import_count = sizeof(imports) / sizeof(imports[0]);
    int error = engine_program_from_slots(&engine, slots, size, &interface.interface, &host.program,
                                          &refusal);
    if (error) {
        char text[2048];
        engine_refusal_print(&refusal, NULL, text, sizeof(text));
        fputs(text, stderr);
    } else if (!host_prepare(&host, request.verify_only ? HOST_INTERPRET : request.mode)) {
        error = 1;
    } else if (!request.verify_only) {
        error = run(&host, &request, memory, memory_size);
    }
    host_program_free(&host);
    free(slots);
    free(memory);
    return error ? 1 : 0;
}
