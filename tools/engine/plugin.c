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
//
// Suites have programs that are correct on the memory they come with, but not on every memory of
// that size, so that a proof about the buffer must fail. Such a program is first interpreted with
// each access checked; if that shows no violation, it is verified and run with the memory as its
// arena, where unproved accesses are masked. --verify-only says what the proof about the buffer
// says.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
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
     NULL,
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
     NULL,
     NULL},
    {"do_nothing", do_nothing, SCALAR, {{0}}, 0, 0, 0, 0, NULL, NULL},
    {"square_root", square_root, SCALAR, {SCALAR}, 1, ENGINE_IMPORT_PURE, 0, 0, NULL, NULL},
    {"compare_strings",
     compare_strings,
     SCALAR,
     {STRING, STRING},
     2,
     ENGINE_IMPORT_PURE,
     0,
     0,
     NULL,
     NULL},
    {"unwind_if_zero",
     unwind_if_zero,
     SCALAR,
     {SCALAR},
     1,
     ENGINE_IMPORT_CANCELS,
     0,
     0,
     NULL,
     NULL},
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

static int report(const struct engine_run *run, enum engine_status status, uint64_t r0) {
    if (status == ENGINE_RUN_IMPORT) {
        status = ENGINE_RUN_OK;
        r0 = 0;
    }
    if (status == ENGINE_RUN_OK)
        printf("%llx\n", (unsigned long long)r0);
    else
        fprintf(stderr, "stopped at slot %u: %s\n", run->status_pc, engine_status_name(status));
    return status == ENGINE_RUN_OK ? 0 : 1;
}

// What is run: slots of code, over bytes of memory.
struct subject {
    const uint8_t *slots, *memory;
    size_t slots_size, memory_size;
    struct host_fixed_interface interface;
};

static bool load(struct subject *subject, struct host_program *host) {
    struct engine_host engine = host_make(NULL);
    struct engine_refusal refusal;
    if (engine_program_from_slots(&engine, subject->slots, subject->slots_size,
                                  &subject->interface.interface, &host->program, &refusal) == 0)
        return true;
    char text[2048];
    engine_refusal_print(&refusal, NULL, text, sizeof(text));
    fputs(text, stderr);
    return false;
}

// Runs on a copy of the memory: in the arena if there is one, else in a block of just its size.
static enum engine_status run(struct subject *subject, struct host_program *host,
                              enum host_mode mode, struct engine_run *result, uint64_t *r0) {
    struct host_run run;
    size_t size = subject->memory_size;
    const struct engine_verdict *verdict = host->has_verdict ? &host->verdict : NULL;
    uint8_t *block = malloc(size ? size : 1);
    if (!block || !host_run_init(&run, host->program, host_stack_size(verdict)))
        abort();
    host_run_reset(&run, host->program, BUDGET);
    uint8_t *memory = run.run.arena ? (uint8_t *)(uintptr_t)run.run.arena : block;
    memcpy(memory, subject->memory, size);
    run.region = (struct engine_region){(uintptr_t)memory, size, 1};
    run.run.regions = &run.region;
    run.run.region_count = size ? 1 : 0;
    uint64_t arguments[ENGINE_ARGS] = {size ? (uintptr_t)memory : 0, size};
    enum engine_status status =
        host_run_entry(host, &run, mode, host_find_entry(host->program, NULL), arguments, r0);
    *result = run.run;
    host_run_free(&run);
    free(block);
    return status;
}

// The proof about the buffer failed: see the top.
static int run_masked(struct subject *subject, enum host_mode mode) {
    struct host_program host = {0};
    struct engine_run result;
    uint64_t r0 = 0;
    int error = 1;
    if (load(subject, &host)) {
        enum engine_status status = run(subject, &host, HOST_UNVERIFIED, &result, &r0);
        error = status == ENGINE_RUN_OK ? 0 : report(&result, status, r0);
    }
    host_program_free(&host);
    subject->interface.hook.arguments[0] = (struct engine_type){.kind = ENGINE_ARENA};
    subject->interface.interface.arena_log2 = bits_log2_up(subject->memory_size | 4096);
    if (!error) {
        error = 1;
        if (load(subject, &host) && host_prepare(&host, mode)) {
            enum engine_status status = run(subject, &host, mode, &result, &r0);
            error = report(&result, status, r0);
        }
    }
    host_program_free(&host);
    return error;
}

static bool proof_failed_on_buffer(const struct host_program *host) {
    return host->has_verdict && host->verdict.refusal.code == ENGINE_REFUSED_BUFFER_BOUNDS;
}

static int run_request(const struct request *request, struct subject *subject) {
    struct host_program host = {0};
    struct engine_run result;
    uint64_t r0 = 0;
    host_fixed_interface_init(&subject->interface, subject->memory_size);
    subject->interface.interface.imports = imports;
    subject->interface.interface.import_count = sizeof(imports) / sizeof(imports[0]);
    if (!load(subject, &host))
        return 1;
    host.quiet = true;
    bool ready = host_prepare(&host, request->verify_only ? HOST_INTERPRET : request->mode);
    bool masked = !ready && !request->verify_only && proof_failed_on_buffer(&host);
    int error = !ready;
    if (!ready && !masked)
        host_print_refusal(&host);
    if (ready && !request->verify_only) {
        enum engine_status status = run(subject, &host, request->mode, &result, &r0);
        error = report(&result, status, r0);
    }
    host_program_free(&host);
    return masked ? run_masked(subject, request->mode) : error;
}

int main(int argc, char **argv) {
    struct request request;
    struct subject subject = {0};
    if (!parse_arguments(argc, argv, &request))
        return usage();
    uint8_t *slots = read_program(&subject.slots_size);
    uint8_t *memory = host_parse_hex(request.memory ? request.memory : "", &subject.memory_size);
    if (!slots || !memory)
        return usage();
    subject.slots = slots;
    subject.memory = memory;
    int error = run_request(&request, &subject);
    free(slots);
    free(memory);
    return error ? 1 : 0;
}
