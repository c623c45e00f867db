// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// triv: programs from files. C is compiled by clang with the flags that the engine wants;
// everything else is read here.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/engine/asm.h"
#include "tools/triv/triv.h"

static const char *const flags[] = {"clang",        "-target", "bpf", "-mcpu=v3",
                                    "-std=gnu11",   "-O2",     "-g",  "-ffreestanding",
                                    "-fno-builtin", "-Wall"};

int triv_compile(const struct triv_request *request, const char *output) {
    const char *arguments[64];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        arguments[count++] = flags[i];
    for (unsigned i = 0; i < request->define_count; i++)
        arguments[count++] = request->defines[i];
    arguments[count++] = "-c";
    arguments[count++] = request->file;
    arguments[count++] = "-o";
    arguments[count++] = output;
    arguments[count] = NULL;
    pid_t child = fork();
    if (child == 0) {
        execvp(arguments[0], (char **)(uintptr_t)arguments);
        fprintf(stderr, "triv: cannot run clang: %s\n", strerror(errno));
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static struct engine_program *from_slots(const struct triv_request *request,
                                         const struct engine_host *host, const uint8_t *slots,
                                         size_t size) {
    struct engine_program *program = NULL;
    struct engine_refusal refusal;
    if (engine_program_from_slots(host, slots, size, request->interface, &program, &refusal) == 0)
        return program;
    char text[4096];
    engine_refusal_print(&refusal, NULL, text, sizeof(text));
    fputs(text, stderr);
    return NULL;
}

static struct engine_program *load_text(const struct triv_request *request,
                                        const struct engine_host *host, bool hex) {
    struct engine_program *program = NULL;
    uint8_t *slots = NULL;
    size_t size;
    char message[128];
    uint8_t *bytes = host_read_file(request->file, &size);
    char *text = bytes ? realloc(bytes, size + 1) : NULL;
    if (!text)
        return NULL;
    text[size] = 0;
    if (hex) {
        slots = host_parse_hex(text, &size);
        if (!slots)
            fprintf(stderr, "%s: not hex\n", request->file);
    } else {
        unsigned line = asm_assemble(text, &slots, &size, message, sizeof(message));
        if (line)
            fprintf(stderr, "%s:%u: %s\n", request->file, line, message);
    }
    if (slots)
        program = from_slots(request, host, slots, size);
    free(slots);
    free(text);
    return program;
}

static struct engine_program *load_c(const struct triv_request *request,
                                     const struct engine_host *host) {
    char path[] = "/tmp/triv-XXXXXX";
    int fd = mkstemp(path);
    struct engine_program *program = NULL;
    if (fd < 0) {
        perror(path);
        return NULL;
    }
    close(fd);
    if (triv_compile(request, path) == 0)
        program = host_load_object(host, path, request->interface);
    unlink(path);
    return program;
}

struct engine_program *triv_load(const struct triv_request *request,
                                 const struct engine_host *host) {
    if (ends_with(request->file, ".c"))
        return load_c(request, host);
    if (ends_with(request->file, ".s") || ends_with(request->file, ".asm"))
        return load_text(request, host, false);
    if (ends_with(request->file, ".hex"))
        return load_text(request, host, true);
    return host_load_object(host, request->file, request->interface);
}
