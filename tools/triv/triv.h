// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Inside triv: what a command line asks for, and programs from files of any kind.

#ifndef TOOLS_TRIV_TRIV_H
#define TOOLS_TRIV_TRIV_H

#include "tools/engine/host.h"

enum { TRIV_DEFINES_MAX = 32 };

struct triv_request {
    const char *command, *file, *input, *output, *entry;
    const char *defines[TRIV_DEFINES_MAX]; // -I and -D, for clang
    unsigned define_count;
    const struct engine_interface *interface;
    enum host_mode mode;
    int64_t budget;
    uint64_t times;
};

// Compiles C to an object for the bytecode. 0, or clang's exit code.
int triv_compile(const struct triv_request *request, const char *output);

// Program of request->file: C source, object, assembler text (.s, .asm) or hex (.hex). On failure
// says why; NULL.
struct engine_program *triv_load(const struct triv_request *request,
                                 const struct engine_host *host);

// Prints the program: source lines, instructions, and what the verdict (or NULL) says of each.
// facts: also what was known of registers before each instruction.
void triv_list(const struct engine_program *program, const struct engine_verdict *verdict,
               bool facts);

#endif
