// SPDX-License-Identifier: MIT
// SPDX-FileCopyrightText: 2026 The Tricolor authors
//
// What verification costs: generated programs of known shapes, and how long engine_verify takes for
// each; peak memory per instruction; and the time from an object's bytes to machine code for a
// small filter. Times are processor time.
//
//     engine-verify-bench [--json FILE] DIRECTORY        DIRECTORY holds the BPF objects of
//     bench/engine/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/engine/host.h"

enum { TIMES = 15, BUFFER = 64 };

// ---- generating programs

struct code {
    uint8_t *slots;
    size_t count, room;
};

static void emit(struct code *code, uint8_t opcode, unsigned dst, unsigned src, int off,
                 int32_t imm) {
    if (code->count == code->room) {
        code->room = code->room ? 2 * code->room : 1024;
        code->slots = realloc(code->slots, code->room * 8);
        if (!code->slots)
            abort();
    }
    uint8_t *p = code->slots + 8 * code->count++;
    p[0] = opcode;
    p[1] = (uint8_t)(dst | src << 4);
    p[2] = (uint8_t)off;
    p[3] = (uint8_t)(off >> 8);
    memcpy(p + 4, &imm, 4);
}

// Opcodes used here, by what isa.def calls them.
enum {
    MOV_IMM = 0xb7,
    MOV_REG = 0xbf,
    ADD_IMM = 0x07,
    ADD_REG = 0x0f,
    XOR_REG = 0xaf,
    AND_IMM = 0x57,
    LDXB = 0x71,
    LDXDW = 0x79,
    STXDW = 0x7b,
    STB = 0x72,
    JEQ_IMM = 0x15,
    JLT_IMM = 0xa5,
    CALL = 0x85,
    EXIT = 0x95
};

static void emit_line(struct code *code, int size) {
    emit(code, MOV_IMM, 0, 0, 0, 1);
    emit(code, MOV_IMM, 3, 0, 0, 2);
    while ((int)code->count < size - 4) {
        emit(code, ADD_IMM, 0, 0, 0, (int)code->count);
        emit(code, XOR_REG, 3, 0, 0, 0);
        emit(code, STXDW, 10, 3, -8 * (1 + (int)code->count % 32), 0);
        emit(code, LDXB, 4, 1, (int)code->count % BUFFER, 0);
        emit(code, ADD_REG, 0, 4, 0, 0);
    }
    emit(code, EXIT, 0, 0, 0, 0);
}

static void emit_diamonds(struct code *code, int count) {
    emit(code, MOV_IMM, 0, 0, 0, 0);
    for (int i = 0; i < count; i++) {
        emit(code, LDXB, 3, 1, i % BUFFER, 0);
        emit(code, JEQ_IMM, 3, 0, 1, i % 7);
        emit(code, ADD_IMM, 0, 0, 0, i);
    }
    emit(code, EXIT, 0, 0, 0, 0);
}

// Each diamond adds 0 or 1; the sum indexes the stack.
static void emit_sum(struct code *code, int count) {
    emit(code, MOV_IMM, 0, 0, 0, 0);
    for (int i = 0; i < count; i++) {
        emit(code, LDXB, 3, 1, i % BUFFER, 0);
        emit(code, JEQ_IMM, 3, 0, 1, 0);
        emit(code, ADD_IMM, 0, 0, 0, 1);
    }
    emit(code, MOV_REG, 4, 10, 0, 0);
    emit(code, ADD_IMM, 4, 0, 0, -64);
    emit(code, ADD_REG, 4, 0, 0, 0);
    emit(code, STB, 4, 0, 0, 7);
    emit(code, EXIT, 0, 0, 0, 0);
}

static void emit_loop(struct code *code, int turns) {
    emit(code, MOV_IMM, 0, 0, 0, 0);
    emit(code, MOV_IMM, 3, 0, 0, 0);
    emit(code, ADD_REG, 0, 3, 0, 0);
    emit(code, ADD_IMM, 3, 0, 0, 1);
    emit(code, JLT_IMM, 3, 0, -3, turns);
    emit(code, EXIT, 0, 0, 0, 0);
}

static void emit_nested(struct code *code, int turns) {
    emit(code, MOV_IMM, 0, 0, 0, 0);
    emit(code, MOV_IMM, 3, 0, 0, 0);
    emit(code, MOV_IMM, 4, 0, 0, 0);
    emit(code, ADD_REG, 0, 4, 0, 0);
    emit(code, ADD_IMM, 4, 0, 0, 1);
    emit(code, JLT_IMM, 4, 0, -3, turns);
    emit(code, ADD_IMM, 3, 0, 0, 1);
    emit(code, JLT_IMM, 3, 0, -6, turns);
    emit(code, EXIT, 0, 0, 0, 0);
}

static void emit_calls(struct code *code, int count) {
    emit(code, MOV_IMM, 6, 0, 0, 0);
    for (int i = 0; i < count; i++) {
        emit(code, MOV_IMM, 1, 0, 0, i);
        emit(code, CALL, 0, 1, 0, 3 * count + 2 - (int)code->count - 1);
        emit(code, ADD_REG, 6, 0, 0, 0);
    }
    emit(code, EXIT, 0, 0, 0, 0);
    // the function; the exit above returns whatever the last call left in r0
    emit(code, MOV_REG, 0, 1, 0, 0);
    emit(code, AND_IMM, 0, 0, 0, 255);
    emit(code, ADD_IMM, 0, 0, 0, 1);
    emit(code, EXIT, 0, 0, 0, 0);
}

// ---- measuring

struct row {
    const char *id, *variant, *unit;
    double target;
    double values[TIMES];
    bool ok;
};

enum { ROWS_MAX = 20 };
static struct row rows[ROWS_MAX];
static unsigned row_count;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void finish(struct row *row, const char *why) {
    qsort(row->values, TIMES, sizeof(double), compare);
    if (row->ok)
        printf("%-16s %-8s %10.3f %-6s (target %g; n %d, %.3f..%.3f)\n", row->id, row->variant,
               row->values[TIMES / 2], row->unit, row->target, TIMES, row->values[0],
               row->values[TIMES - 1]);
    else
        printf("%-16s %-8s %10s        %s\n", row->id, row->variant, "refused", why);
    fflush(stdout);
}

static struct row *add_row(const char *id, const char *variant, const char *unit, double target) {
    struct row *row = &rows[row_count++];
    *row = (struct row){.id = id, .variant = variant, .unit = unit, .target = target, .ok = true};
    return row;
}

static void measure_program(struct row *row, struct engine_program *program,
                            struct host_memory *memory, double *bytes_per_slot) {
    char why[2048] = "";
    for (int i = 0; i < TIMES && row->ok; i++) {
        struct engine_verdict verdict;
        size_t before = memory->peak = memory->now;
        uint64_t start = host_cpu_nanoseconds();
        row->ok = engine_verify(program, NULL, &verdict) == 0;
        row->values[i] = (double)(host_cpu_nanoseconds() - start) / 1e6;
        if (bytes_per_slot)
            *bytes_per_slot = (double)(memory->peak - before) / program->insn_count;
        if (!row->ok)
            engine_refusal_print(&verdict.refusal, program, why, sizeof(why));
        engine_verdict_free(&verdict);
    }
    finish(row, why);
}

typedef void generator(struct code *code, int size);

static double measure(const char *id, const char *variant, double target, generator *generate,
                      int size) {
    struct host_memory memory = {0};
    struct engine_host host = host_make(&memory);
    struct host_fixed_interface interface;
    struct engine_program *program;
    struct engine_refusal refusal;
    struct code code = {0};
    double bytes = 0;
    struct row *row = add_row(id, variant, "ms", target);
    host_fixed_interface_init(&interface, BUFFER);
    generate(&code, size);
    if (engine_program_from_slots(&host, code.slots, code.count * 8, &interface.interface, &program,
                                  &refusal)) {
        row->ok = false;
        finish(row, engine_refusal_name(refusal.code));
    } else {
        measure_program(row, program, &memory, &bytes);
        engine_program_free(program);
    }
    free(code.slots);
    return bytes;
}

static void measure_object(const char *directory, const char *name, const char *id, double target) {
    char path[512];
    struct host_memory memory = {0};
    struct engine_host host = host_make(&memory);
    snprintf(path, sizeof(path), "%s/%s.o", directory, name);
    struct engine_program *program = host_load_object(&host, path, &host_interface);
    struct row *row = add_row(id, name, "ms", target);
    row->ok = program != NULL;
    if (program)
        measure_program(row, program, &memory, NULL);
    engine_program_free(program);
}

// From bytes to machine code.
static bool load_once(const uint8_t *bytes, size_t size) {
    struct engine_host host = host_make(NULL);
    struct engine_object *object = NULL;
    struct engine_refusal refusal;
    struct host_program loaded = {0};
    bool ok = engine_object_load(&host, bytes, size, &object, &refusal) == 0 &&
              engine_program_create(&host, object, &host_packet_interface, 0, &loaded.program,
                                    &refusal) == 0;
    engine_object_free(object);
    ok = ok && host_prepare(&loaded, HOST_JIT);
    host_program_free(&loaded);
    return ok;
}

static void measure_load(const char *directory, const char *name, double target) {
    char path[512];
    size_t size;
    snprintf(path, sizeof(path), "%s/%s.o", directory, name);
    uint8_t *bytes = host_read_file(path, &size);
    struct row *row = add_row("load_filter", name, "us", target);
    row->ok = bytes != NULL;
    for (int i = 0; i < TIMES && row->ok; i++) {
        enum { LOADS = 50 };
        uint64_t start = host_cpu_nanoseconds();
        for (int k = 0; k < LOADS && row->ok; k++)
            row->ok = load_once(bytes, size);
        row->values[i] = (double)(host_cpu_nanoseconds() - start) / 1e3 / LOADS;
    }
    finish(row, "");
    free(bytes);
}

static void write_json(const char *path) {
    FILE *json = fopen(path, "w");
    if (!json)
        return;
    fprintf(json, "[\n");
    const char *comma = "";
    for (unsigned i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        if (!row->ok)
            continue;
        fprintf(json,
                "%s  {\"id\": \"%s\", \"variant\": \"%s\", \"unit\": \"%s\", \"target\": %g, "
                "\"value\": %.4f, "
                "\"n\": %d, \"median\": %.4f, \"min\": %.4f, \"max\": %.4f}",
                comma, row->id, row->variant, row->unit, row->target, row->values[TIMES / 2], TIMES,
                row->values[TIMES / 2], row->values[0], row->values[TIMES - 1]);
        comma = ",\n";
    }
    fprintf(json, "\n]\n");
    fclose(json);
}

int main(int argc, char **argv) {
    const char *path = NULL, *directory = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            path = argv[++i];
        else
            directory = argv[i];
    }
    if (!directory) {
        fprintf(stderr, "usage: engine-verify-bench [--json FILE] DIRECTORY\n");
        return 2;
    }
    measure("verify_line", "1k", 0.2, emit_line, 1000);
    measure("verify_line", "10k", 2, emit_line, 10000);
    measure("verify_line", "100k", 20, emit_line, 100000);
    measure("verify_diamonds", "1k", 1, emit_diamonds, 1000);
    double bytes = measure("verify_diamonds", "10k", 10, emit_diamonds, 10000);
    measure("verify_sum", "20", 0.1, emit_sum, 20);
    measure("verify_sum", "40", 0.2, emit_sum, 40);
    measure("verify_loop", "1k", 0.1, emit_loop, 1000);
    measure("verify_loop", "1M", 0.1, emit_loop, 1000000);
    measure("verify_nested", "1000^2", 0.2, emit_nested, 1000);
    measure("verify_calls", "1000", 0.3, emit_calls, 1000);
    measure_object(directory, "sort", "verify_sort", 0.2);
    struct row *memory = add_row("verify_memory", "diamonds", "B/insn", 200);
    for (int i = 0; i < TIMES; i++)
        memory->values[i] = bytes;
    memory->ok = bytes > 0;
    finish(memory, "");
    measure_load(directory, "filter", 20);
    if (path)
        write_json(path);
    return 0;
}
