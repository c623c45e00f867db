// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// triv: the engine on the host, from the command line. `triv` alone prints how to use it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/triv/triv.h"

static int usage(void) {
    fputs(
        "usage: triv COMMAND FILE [options]\n"
        "\n"
        "FILE is C source, a BPF object, assembler (.s) or hex (.hex).\n"
        "  compile FILE.c [-o FILE.o]   compile for the engine (clang, with the right flags); -I "
        "and -D as for clang\n"
        "  verify FILE                  say whether it is accepted, which loops are metered, and "
        "what that cost\n"
        "  explain FILE                 if refused: why, and what to do; else what is known at "
        "each instruction\n"
        "  disasm FILE                  list it, with the proof beside each access\n"
        "  run FILE [INPUT]             run it on the bytes of INPUT, print the result\n"
        "  time FILE [INPUT]            time loading, verifying, compiling and running\n"
        "options:\n"
        "  --packet          programs are filter(struct packet *), not entry(data, len)\n"
        "  --entry NAME      the function to run\n"
        "  --interpret       do not compile; --unverified: do not verify either, check each "
        "access\n"
        "  --budget N        stop metered loops after N instructions (default: 100 million)\n"
        "  --times N         how often `time` runs it (default: enough for a tenth of a second)\n",
        stderr);
    return 2;
}

static const char *take_value(int argc, char **argv, int *i) {
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool parse_option(int argc, char **argv, int *i, struct triv_request *request) {
    const char *option = argv[*i], *value;
    if (strncmp(option, "-I", 2) == 0 || strncmp(option, "-D", 2) == 0) {
        if (request->define_count == TRIV_DEFINES_MAX)
            return false;
        request->defines[request->define_count++] = option;
        return true;
    }
    if (strcmp(option, "--packet") == 0)
        request->interface = &host_packet_interface;
    else if (strcmp(option, "--interpret") == 0)
        request->mode = HOST_INTERPRET;
    else if (strcmp(option, "--unverified") == 0)
        request->mode = HOST_UNVERIFIED;
    else if (!(value = take_value(argc, argv, i)))
        return false;
    else if (strcmp(option, "-o") == 0)
        request->output = value;
    else if (strcmp(option, "--entry") == 0)
        request->entry = value;
    else if (strcmp(option, "--budget") == 0)
        request->budget = strtoll(value, NULL, 0);
    else if (strcmp(option, "--times") == 0)
        request->times = strtoull(value, NULL, 0);
    else
        return false;
    return true;
}

static bool parse_arguments(int argc, char **argv, struct triv_request *request) {
    const char **words[] = {&request->command, &request->file, &request->input};
    unsigned count = 0;
    *request =
        (struct triv_request){.interface = &host_interface, .mode = HOST_JIT, .budget = 100000000};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            if (!parse_option(argc, argv, &i, request))
                return false;
        } else if (count == 3) {
            return false;
        } else {
            *words[count++] = argv[i];
        }
    }
    return count >= 2;
}

static void print_statistics(const struct host_program *host) {
    const struct engine_statistics *s = &host->verdict.statistics;
    printf("accepted: %u slots, %u functions; %s\n", host->program->insn_count,
           host->program->function_count,
           host->verdict.metered ? "some loops are metered: it runs on a budget"
                                 : "it always ends by itself");
    printf("  loops %u, metered %u; accesses %u, masked %u; stack %u bytes\n", s->loops,
           s->loops_metered, s->accesses, s->accesses_masked, host->verdict.stack_need);
    printf("  work %llu of %llu, memory %zu bytes\n", (unsigned long long)s->work,
           (unsigned long long)s->work_limit, s->memory_peak);
}

static int command_verify(struct host_program *host) {
    if (!host_prepare(host, HOST_INTERPRET))
        return 1;
    print_statistics(host);
    return 0;
}

static int command_explain(struct host_program *host) {
    bool accepted = host_prepare(host, HOST_INTERPRET);
    if (accepted) {
        print_statistics(host);
        triv_list(host->program, &host->verdict, true);
    }
    return accepted ? 0 : 1;
}

static int command_disasm(struct host_program *host) {
    host->has_verdict = true;
    int error = engine_verify(host->program, NULL, &host->verdict);
    triv_list(host->program, &host->verdict, false);
    if (error)
        printf("\nnot accepted (%s): see `triv explain`\n",
               engine_refusal_name(host->verdict.refusal.code));
    return 0;
}

// Input and arguments of a run.
struct subject {
    struct host_run run;
    struct host_packet packet;
    struct engine_region regions[2];
    uint8_t *bytes;
    size_t size;
    uint32_t entry;
    uint64_t arguments[ENGINE_ARGS];
};

static bool subject_init(struct subject *subject, struct host_program *host,
                         const struct triv_request *request) {
    memset(subject, 0, sizeof(*subject));
    subject->bytes = request->input ? host_read_file(request->input, &subject->size) : malloc(1);
    subject->entry = host_find_entry(host->program, request->entry);
    if (!subject->bytes || subject->entry == ENGINE_NO_FUNCTION) {
        if (subject->bytes)
            fprintf(stderr, "triv: no such entry\n");
        return false;
    }
    const struct engine_verdict *verdict = host->has_verdict ? &host->verdict : NULL;
    if (!host_run_init(&subject->run, host->program, host_stack_size(verdict)))
        return false;
    uint64_t data = (uintptr_t)subject->bytes;
    subject->packet = (struct host_packet){data, data + subject->size, 0};
    bool packet = request->interface == &host_packet_interface;
    subject->arguments[0] = packet ? (uintptr_t)&subject->packet : data;
    subject->arguments[1] = packet ? 0 : subject->size;
    subject->regions[0] = (struct engine_region){data, subject->size, 1};
    subject->regions[1] =
        (struct engine_region){(uintptr_t)&subject->packet, sizeof(subject->packet), 1};
    subject->run.run.regions = subject->regions;
    subject->run.run.region_count = packet ? 2 : 1;
    return true;
}

static void subject_free(struct subject *subject) {
    host_run_free(&subject->run);
    free(subject->bytes);
}

static enum engine_status subject_run(struct subject *subject, struct host_program *host,
                                      const struct triv_request *request, enum host_mode mode,
                                      uint64_t *r0) {
    subject->run.run.meter = request->budget;
    enum engine_status status =
        host_run_entry(host, &subject->run, mode, subject->entry, subject->arguments, r0);
    if (status != ENGINE_RUN_OK) {
        char text[128];
        engine_insn_print(host->program, subject->run.run.status_pc, text, sizeof(text));
        fprintf(stderr, "stopped at slot %u (%s): %s\n", subject->run.run.status_pc, text,
                engine_status_name(status));
    }
    return status;
}

static int command_run(struct host_program *host, const struct triv_request *request) {
    struct subject subject;
    uint64_t r0 = 0;
    if (!host_prepare(host, request->mode))
        return 1;
    bool ok = subject_init(&subject, host, request) &&
              subject_run(&subject, host, request, request->mode, &r0) == ENGINE_RUN_OK;
    if (ok)
        printf("%#llx (%llu)\n", (unsigned long long)r0, (unsigned long long)r0);
    subject_free(&subject);
    return ok ? 0 : 1;
}

static double time_stage(uint64_t *since) {
    uint64_t now = host_nanoseconds();
    double us = (double)(now - *since) / 1000;
    *since = now;
    return us;
}

static bool time_runs(struct subject *subject, struct host_program *host,
                      const struct triv_request *request, enum host_mode mode, const char *name) {
    uint64_t r0, times = request->times ? request->times : 1, start;
    double elapsed;
    for (;;) {
        start = host_nanoseconds();
        for (uint64_t i = 0; i < times; i++) {
            if (subject_run(subject, host, request, mode, &r0) != ENGINE_RUN_OK)
                return false;
        }
        elapsed = (double)(host_nanoseconds() - start);
        if (request->times || elapsed > 1e8)
            break;
        times *= 4;
    }
    printf("  %-12s %12.1f ns a run (%llu runs), r0 %#llx\n", name, elapsed / (double)times,
           (unsigned long long)times, (unsigned long long)r0);
    return true;
}

static int command_time(const struct triv_request *request) {
    struct engine_host engine = host_make(NULL);
    struct host_program host = {0};
    struct subject subject;
    bool ok = false;
    uint64_t since = host_nanoseconds();
    host.program = triv_load(request, &engine);
    if (!host.program)
        return 1;
    printf("  load   %8.1f us%s\n", time_stage(&since),
           strstr(request->file, ".c") ? " (with clang)" : "");
    host.has_verdict = engine_verify(host.program, NULL, &host.verdict) == 0;
    if (!host.has_verdict)
        engine_verdict_free(&host.verdict);
    printf("  verify %8.1f us\n", time_stage(&since));
    if (host.has_verdict) {
        host.has_code = engine_jit_compile(host.program, &host.verdict, 0, &host.code) == 0;
        printf("  compile%8.1f us, %zu bytes\n", time_stage(&since), host.code.size);
    } else {
        fprintf(stderr, "refused: see `triv explain`\n");
    }
    if (host.has_code && subject_init(&subject, &host, request)) {
        ok = time_runs(&subject, &host, request, HOST_JIT, "compiled") &&
             time_runs(&subject, &host, request, HOST_INTERPRET, "interpreted");
        subject_free(&subject);
    }
    host_program_free(&host);
    return ok ? 0 : 1;
}

static int command_compile(const struct triv_request *request) {
    char output[4096];
    size_t length = strlen(request->file);
    if (length < 3 || length >= sizeof(output) || strcmp(request->file + length - 2, ".c") != 0)
        return usage();
    memcpy(output, request->file, length + 1);
    output[length - 1] = 'o';
    return triv_compile(request, request->output ? request->output : output);
}

int main(int argc, char **argv) {
    struct triv_request request;
    struct engine_host engine = host_make(NULL);
    struct host_program host = {0};
    int result;
    if (!parse_arguments(argc, argv, &request))
        return usage();
    if (strcmp(request.command, "compile") == 0)
        return command_compile(&request);
    if (strcmp(request.command, "time") == 0)
        return command_time(&request);
    host.program = triv_load(&request, &engine);
    if (!host.program)
        return 1;
    if (strcmp(request.command, "verify") == 0)
        result = command_verify(&host);
    else if (strcmp(request.command, "explain") == 0)
        result = command_explain(&host);
    else if (strcmp(request.command, "disasm") == 0)
        result = command_disasm(&host);
    else if (strcmp(request.command, "run") == 0)
        result = command_run(&host, &request);
    else
        result = usage();
    host_program_free(&host);
    return result;
}
