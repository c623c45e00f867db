// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// engine-bench: times an object's entry(data, len) over a file.
//
//     engine-bench [--interpret] [--trust] OBJECT.o INPUT ITERATIONS
//
// Prints `ns_per_run N load_ns N r0 0x...`: the median of up to 11 batches that share the
// iterations; the time from the object's bytes to runnable code (read, link, verify, compile), the
// median of several loads; the result. --trust compiles without the verifier: for measuring the
// code generator alone.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/engine/host.h"

enum { BATCHES = 11, LOADS = 9 };

struct request {
    enum host_mode mode;
    bool trust;
    const char *object, *input;
    uint64_t iterations;
};

static int usage(void) {
    fprintf(stderr, "usage: engine-bench [--interpret] [--trust] OBJECT.o INPUT ITERATIONS\n");
    return 2;
}

static bool parse_arguments(int argc, char **argv, struct request *request) {
    const char *rest[3] = {0};
    unsigned count = 0;
    *request = (struct request){.mode = HOST_JIT};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--interpret") == 0)
            request->mode = HOST_INTERPRET;
        else if (strcmp(argv[i], "--trust") == 0)
            request->trust = true;
        else if (argv[i][0] == '-' || count == 3)
            return false;
        else
            rest[count++] = argv[i];
    }
    if (count != 3)
        return false;
    request->object = rest[0];
    request->input = rest[1];
    request->iterations = strtoull(rest[2], NULL, 0);
    return request->iterations > 0;
}

static bool load(const struct request *request, size_t size, struct host_program *host) {
    if (!request->trust)
        return host_load_buffer(host, request->object, request->mode, size);
    struct engine_host engine = host_make(NULL);
    memset(host, 0, sizeof(*host));
    host->program = host_load_object(&engine, request->object, &host_interface);
    host->has_verdict = host->program && host_trust(host->program, &host->verdict);
    if (!host->has_verdict || request->mode == HOST_INTERPRET)
        return host->has_verdict;
    host->has_code = engine_jit_compile(host->program, &host->verdict, 0, &host->code) == 0;
    return host->has_code;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

// Nanoseconds per run, or negative.
static double measure(struct host_program *host, const struct request *request,
                      struct host_run *run, const uint64_t *arguments, uint64_t *r0) {
    double times[BATCHES];
    uint64_t batches = request->iterations < BATCHES ? request->iterations : BATCHES;
    uint64_t each = request->iterations / batches;
    uint32_t entry = host_find_entry(host->program, NULL);
    for (uint64_t i = 0; i < batches; i++) {
        uint64_t start = host_cpu_nanoseconds();
        for (uint64_t k = 0; k < each; k++) {
            run->run.meter = INT64_MAX / 4;
            enum engine_status status =
                host_run_entry(host, run, request->mode, entry, arguments, r0);
            if (status != ENGINE_RUN_OK) {
                fprintf(stderr, "stopped at slot %u: %s\n", run->run.status_pc,
                        engine_status_name(status));
                return -1;
            }
        }
        times[i] = (double)(host_cpu_nanoseconds() - start) / (double)each;
    }
    return median(times, batches);
}

int main(int argc, char **argv) {
    struct request request;
    struct host_program host;
    struct host_run run;
    double loads[LOADS];
    size_t size;
    uint64_t r0 = 0;
    if (!parse_arguments(argc, argv, &request))
        return usage();
    uint8_t *input = host_read_file(request.input, &size);
    if (!input)
        return 1;
    for (unsigned i = 0; i < LOADS; i++) {
        if (i)
            host_program_free(&host);
        uint64_t start = host_cpu_nanoseconds();
        bool ok = load(&request, size, &host);
        loads[i] = (double)(host_cpu_nanoseconds() - start);
        if (!ok) {
            host_program_free(&host);
            free(input);
            return 1;
        }
    }
    double time = -1;
    if (host_run_init(&run, host.program, host_stack_size(&host.verdict))) {
        uint64_t arguments[ENGINE_ARGS] = {host_place_input(&host, &run, input, size), size};
        time = measure(&host, &request, &run, arguments, &r0);
        host_run_free(&run);
    }
    if (time >= 0 && host.masked)
        fprintf(stderr, "accesses to the input are not proved: masked\n");
    if (time >= 0)
        printf("ns_per_run %.1f load_ns %.0f r0 %#llx\n", time, median(loads, LOADS),
               (unsigned long long)r0);
    host_program_free(&host);
    free(input);
    return time >= 0 ? 0 : 1;
}
