// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// Writes the machine code of an object's program to a file, for objdump, with a map of slots on
// standard output.
//
//     jit-dump [--trust] OBJECT CODE        objdump -D -b binary -m i386:x86-64 CODE

#include <stdio.h>
#include <string.h>

#include "tools/engine/host.h"

enum { INPUT = 1500 }; // bytes of input it is compiled for

int main(int argc, char **argv) {
    bool trust = argc > 1 && strcmp(argv[1], "--trust") == 0;
    struct engine_host engine = host_make(NULL);
    struct host_program host = {0};
    if (argc != 3 + trust) {
        fprintf(stderr, "usage: jit-dump [--trust] OBJECT CODE\n");
        return 2;
    }
    if (trust) {
        host.program = host_load_object(&engine, argv[2], &host_interface);
        host.has_verdict = host.program && host_trust(host.program, &host.verdict);
    } else if (host_load_buffer(&host, argv[1], HOST_JIT, INPUT)) {
        engine_code_free(&host.code);
    }
    if (!host.has_verdict ||
        engine_jit_compile(host.program, &host.verdict, ENGINE_JIT_KEEP_OFFSETS, &host.code)) {
        fprintf(stderr, "refused, or no memory\n");
        return 1;
    }
    FILE *out = fopen(argv[2 + trust], "wb");
    if (!out ||
        fwrite((const void *)(uintptr_t)host.code.memory.execute, 1, host.code.size, out) !=
            host.code.size ||
        fclose(out)) {
        perror(argv[2 + trust]);
        return 1;
    }
    for (uint32_t pc = 0; pc < host.program->insn_count; pc++) {
        char text[80];
        engine_insn_print(host.program, pc, text, sizeof text);
        if (host.code.offsets[pc] != UINT32_MAX)
            printf("%6x: %4u  %s\n", host.code.offsets[pc], pc, text);
        else
            printf("        %4u  %s\n", pc, text);
    }
    return 0;
}
