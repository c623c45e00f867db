// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Machine code of the JIT against native code of the same sources, side by side: for each kernel,
// batches of native, JIT and (a few) interpreted runs take turns, and ratios are made per turn.
// Results must agree.
//
// Times are of this thread's processor time.
//
//     engine-kernels [--trust] [--json FILE] DIRECTORY [KERNEL...]     DIRECTORY holds the BPF
//     objects
//
// `masked`: the verifier could not prove accesses to the input, so it is in the arena. Prints a
// table, then the rows jit_geomean, jit_worst (over the kernels that take more than 100 ns, without
// `calls`) and jit_calls; writes them with n, median, min and max as JSON.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/engine/host.h"

enum { TURNS = 25, BATCH_NS = 400000, LOADS = 25 };

#define KERNELS(X)                                                                                 \
    X(checksum, 1500)                                                                              \
    X(swapsum, 1500)                                                                               \
    X(strcmp, 1024)                                                                                \
    X(siphash, 1024)                                                                               \
    X(chacha20, 1024)                                                                              \
    X(modexp, 64)                                                                                  \
    X(sort, 512) X(sieve, 0) X(matrix, 1024) X(crc32_bits, 1500) X(crc32_table, 1500) X(calls, 8)

#define DECLARE(name, size) uint64_t native_##name(void *data, uint64_t len);
KERNELS(DECLARE)

struct kernel {
    const char *name;
    uint64_t (*native)(void *data, uint64_t len);
    size_t size;
};
#define ROW(name, size) {#name, native_##name, size},
static const struct kernel kernels[] = {KERNELS(ROW)};
enum { COUNT = sizeof(kernels) / sizeof(kernels[0]) };

struct result {
    bool ok;
    double native, jit, interpreted, load; // ns, medians
    double ratios[TURNS], ratio;
};

struct bench {
    bool trust;
    const char *directory;
    uint8_t input[2048];
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

// The input: bytes from a fixed generator, none zero in the halves that strcmp compares, which are
// equal.
static void fill(struct bench *bench, const struct kernel *kernel) {
    uint32_t x = 12345;
    for (size_t i = 0; i < sizeof(bench->input); i++) {
        x = x * 1664525 + 1013904223;
        bench->input[i] = (uint8_t)(x >> 24);
    }
    if (strcmp(kernel->name, "strcmp") != 0)
        return;
    for (size_t i = 0; i < kernel->size / 2; i++)
        bench->input[kernel->size / 2 + i] = bench->input[i] |= 1;
    bench->input[kernel->size / 2 - 1] = bench->input[kernel->size - 1] = 0;
}

struct subject {
    struct host_program host;
    struct host_run run;
    uint32_t entry;
    uint64_t arguments[ENGINE_ARGS];
    uint8_t *input;
};

static double time_native(const struct kernel *kernel, struct subject *subject, uint64_t times,
                          uint64_t *r0) {
    void *data = subject->input;
    uint64_t start = host_cpu_nanoseconds();
    for (uint64_t i = 0; i < times; i++)
        *r0 = kernel->native(data, subject->arguments[1]);
    return (double)(host_cpu_nanoseconds() - start) / (double)times;
}

static double time_engine(struct subject *subject, enum host_mode mode, uint64_t times,
                          uint64_t *r0) {
    uint64_t start = host_cpu_nanoseconds();
    for (uint64_t i = 0; i < times; i++) {
        subject->run.run.meter = INT64_MAX / 4;
        if (host_run_entry(&subject->host, &subject->run, mode, subject->entry, subject->arguments,
                           r0) != ENGINE_RUN_OK)
            *r0 = ~UINT64_C(0);
    }
    return (double)(host_cpu_nanoseconds() - start) / (double)times;
}

static bool load(const struct bench *bench, const struct kernel *kernel,
                 struct host_program *host) {
    char path[512];
    struct engine_host engine = host_make(NULL);
    snprintf(path, sizeof(path), "%s/%s.o", bench->directory, kernel->name);
    if (!bench->trust)
        return host_load_buffer(host, path, HOST_JIT, kernel->size);
    memset(host, 0, sizeof(*host));
    host->program = host_load_object(&engine, path, &host_interface);
    host->has_verdict = host->program && host_trust(host->program, &host->verdict);
    host->has_code =
        host->has_verdict && engine_jit_compile(host->program, &host->verdict, 0, &host->code) == 0;
    return host->has_code;
}

static void take_turns(const struct kernel *kernel, struct subject *subject,
                       struct result *result) {
    uint64_t native_r0 = 0, jit_r0 = 0, interpreted_r0 = 0;
    double native[TURNS], jit[TURNS];
    double once = time_native(kernel, subject, 16, &native_r0);
    uint64_t times = (uint64_t)(BATCH_NS / (once + 1)) + 1;
    result->interpreted = time_engine(subject, HOST_INTERPRET, 1, &interpreted_r0);
    for (int i = 0; i < TURNS; i++) {
        native[i] = time_native(kernel, subject, times, &native_r0);
        jit[i] = time_engine(subject, HOST_JIT, times, &jit_r0);
        result->ratios[i] = jit[i] / native[i];
    }
    result->native = median(native, TURNS);
    result->jit = median(jit, TURNS);
    result->ratio = median(result->ratios, TURNS);
    result->ok = native_r0 == jit_r0 && native_r0 == interpreted_r0;
    if (!result->ok)
        printf("%-12s results differ: native %#llx, jit %#llx, interpreted %#llx\n", kernel->name,
               (unsigned long long)native_r0, (unsigned long long)jit_r0,
               (unsigned long long)interpreted_r0);
}

static void measure(struct bench *bench, const struct kernel *kernel, struct result *result) {
    struct subject subject;
    double loads[LOADS];
    memset(result, 0, sizeof(*result));
    fill(bench, kernel);
    for (int i = 0; i < LOADS; i++) {
        if (i)
            host_program_free(&subject.host);
        uint64_t start = host_cpu_nanoseconds();
        if (!load(bench, kernel, &subject.host)) {
            printf("%-12s cannot be loaded\n", kernel->name);
            host_program_free(&subject.host);
            return;
        }
        loads[i] = (double)(host_cpu_nanoseconds() - start);
    }
    result->load = median(loads, LOADS);
    subject.entry = host_find_entry(subject.host.program, "entry");
    memset(subject.arguments, 0, sizeof(subject.arguments));
    subject.arguments[1] = kernel->size;
    subject.input = bench->input;
    if (host_run_init(&subject.run, subject.host.program, host_stack_size(&subject.host.verdict))) {
        subject.arguments[0] =
            host_place_input(&subject.host, &subject.run, bench->input, kernel->size);
        take_turns(kernel, &subject, result);
        host_run_free(&subject.run);
    }
    bool masked = subject.host.masked;
    host_program_free(&subject.host);
    if (result->ok)
        printf("%-12s %10.1f %10.1f %12.1f %8.2f %6.2f..%-6.2f %8.1f%s\n", kernel->name,
               result->native, result->jit, result->interpreted, result->ratio, result->ratios[0],
               result->ratios[TURNS - 1], result->load / 1000, masked ? "  masked" : "");
}

static void json_row(FILE *json, const char *id, double target, double *values, size_t count,
                     bool last) {
    double middle = median(values, count);
    printf("%-12s %6.2f  (target %.2f; n %zu, %.2f..%.2f)\n", id, middle, target, count, values[0],
           values[count - 1]);
    if (json)
        fprintf(
            json,
            "  {\"id\": \"%s\", \"unit\": \"ratio to native\", \"target\": %.2f, \"value\": %.3f, "
            "\"n\": %zu, \"median\": %.3f, \"min\": %.3f, \"max\": %.3f}%s\n",
            id, target, middle, count, middle, values[0], values[count - 1], last ? "" : ",");
}

// Per turn: geometric mean and worst of the kernels. Ratios are sorted per kernel, so turn i is the
// i-th best of each.
static void summarise(const struct result *results, FILE *json) {
    double means[TURNS], worst[TURNS], calls[TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
        double sum = 0;
        int count = 0;
        worst[turn] = 0;
        for (int i = 0; i < COUNT - 1; i++) {
            if (!results[i].ok || results[i].native < 100)
                continue;
            sum += log(results[i].ratios[turn]);
            count++;
            if (results[i].ratios[turn] > worst[turn])
                worst[turn] = results[i].ratios[turn];
        }
        means[turn] = count ? exp(sum / count) : 0;
        calls[turn] = results[COUNT - 1].ratios[turn];
    }
    if (json)
        fprintf(json, "[\n");
    json_row(json, "jit_geomean", 1.15, means, TURNS, false);
    json_row(json, "jit_worst", 1.5, worst, TURNS, false);
    json_row(json, "jit_calls", 1.2, calls, TURNS, true);
    if (json)
        fprintf(json, "]\n");
}

int main(int argc, char **argv) {
    static struct bench bench;
    static struct result results[COUNT];
    const char *path = NULL;
    int first = argc;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trust") == 0)
            bench.trust = true;
        else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (!bench.directory)
            bench.directory = argv[i], first = i + 1;
    }
    if (!bench.directory) {
        fprintf(stderr, "usage: engine-kernels [--trust] [--json FILE] DIRECTORY [KERNEL...]\n");
        return 2;
    }
    bool complete = first >= argc, ok = true;
    printf("%-12s %10s %10s %12s %8s %14s %8s\n", "kernel", "native ns", "jit ns", "interpreted",
           "ratio", "spread", "load us");
    for (int i = 0; i < COUNT; i++) {
        bool wanted = complete;
        for (int k = first; k < argc; k++)
            wanted |= strcmp(argv[k], kernels[i].name) == 0;
        if (wanted) {
            measure(&bench, &kernels[i], &results[i]);
            ok &= results[i].ok;
        }
    }
    if (complete && ok) {
        FILE *json = path ? fopen(path, "w") : NULL;
        summarise(results, json);
        if (json)
            fclose(json);
    }
    return ok ? 0 : 1;
}
